"""Pins: a planner's decisions must be about lines that exist and quantities that could ship."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.eligibility import ineligible_pairs
from optimizer.tables.findings import Findings, Flags, cached_nearest
from optimizer.tables.resolve import Draft, distinct, position
from optimizer.tables.scope import via
from optimizer.tables.tables import Ints, Tables
from optimizer.tables.ways import UNREACHABLE, kit_products, ways_of

NEEDED = ("orders", "order_lines", "warehouses", "lanes", "pins")
FAR = np.iinfo(np.int64).max


def pins_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """The line of a pin exists, and its quantity is stated."""
    if draft.unread.intersection(("orders", "order_lines", "pins")):
        return
    tables, typed = draft.tables(), draft.typed["pins"]
    pins = tables.pins
    order = position(tables.orders["order_id"], pins["order_id"])
    nearest_order = cached_nearest(tables.orders["order_id"].tolist())
    found.at(typed.place, "order_id", (order < 0) & (pins["order_id"] != ""), "an order_id of orders",
             lambda row: nearest_order(pins["order_id"][row], "correct or remove the pin"), "unknown_reference",
             value=pins["order_id"])  # fmt: skip
    lost = (order >= 0) & (tables.pin_line < 0) & (pins["line_id"] != "")

    def remedy(row: int) -> str:
        lines = tables.order_lines["line_id"][tables.line_order == order[row]].tolist()
        return f"lines of this order: {', '.join(lines[:10]) or 'none'}"

    found.at(typed.place, "line_id", lost, "a line of this order", remedy, "unknown_reference", value=pins["line_id"])
    told = typed.wrong.get("qty", np.zeros(len(pins), dtype=bool))
    blank = ~pins.given("qty") & ~told & (pins["mode"] != "forbid") & (pins["mode"] != "")
    found.at(typed.place, "qty", blank, "a quantity, unless mode is forbid", "fill in qty", "pin_without_qty")
    idle = pins.given("qty") & (pins["qty"] > 0) & (pins["mode"] == "forbid")
    found.at(typed.place, "qty", idle, "no quantity beside forbid", "remove qty; forbid means 0", "pin_forbids_qty",
             value=pins["qty"], severity="warning")  # fmt: skip


def demanding(tables: Tables) -> Flags:
    """Pins that ask for something to ship."""
    return np.asarray(np.isin(tables.pins["mode"], ("exactly", "at_least")) & (tables.pins["qty"] > 0))


def pins_possible(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Nothing is pinned on a held order, beyond the line's quantity, to a warehouse without a lane, or in part lots."""
    if draft.unread.intersection(NEEDED) or not len(draft["pins"]):
        return
    tables, typed = draft.tables(), draft.typed["pins"]
    qty, line = tables.pins["qty"], tables.pin_line
    order = via(line, tables.line_order)
    known, asks = (line >= 0) & (order >= 0), demanding(tables)
    ordered = np.append(tables.order_lines["qty"], 0)[line]
    held = np.append(tables.orders["hold"], "")[order]
    found.at(typed.place, "qty", known & asks & (held != ""), "nothing pinned on a held order",
             lambda row: f"order {tables.pins['order_id'][row]} is on hold ({held[row]}); release it or remove the pin",
             "pin_on_held_order", value=qty)  # fmt: skip
    beyond = known & (ordered > 0) & (qty > ordered) & (tables.pins["mode"] != "forbid")
    found.at(typed.place, "qty", beyond, "at most the line's quantity",
             lambda row: f"the line asks for {ordered[row]:,}", "pin_beyond_qty", value=qty)  # fmt: skip
    step = np.append(_common_steps(tables), 1)[line]
    part = known & (tables.pins["mode"] == "exactly") & (tables.pins["service_id"] == "") & (qty % step != 0)
    found.at(typed.place, "qty", part, "a multiple of the line's case pack and lot multiple",
             lambda row: f"pin a multiple of {step[row]:,}", "pin_not_multiple", value=qty)  # fmt: skip
    lane = _pin_has_lane(tables, order)
    unreached = known & asks & ~lane & (tables.pin_warehouse >= 0)
    found.at(typed.place, "warehouse_id", unreached, "an open warehouse with an allowed lane to the order's zone",
             "add the lane, open the warehouse, or pin another one", "pin_without_lane",
             value=tables.pins["warehouse_id"])  # fmt: skip


def _common_steps(tables: Tables) -> Ints:
    """For each line what all its quantities are multiples of, whichever products they are served by."""
    ways = ways_of(tables)
    reached = np.flatnonzero(ways.step < UNREACHABLE)
    step = np.zeros(len(tables.order_lines), dtype=np.int64)
    np.gcd.at(step, ways.line[reached], ways.step[reached])
    return np.maximum(step, 1)


def _pin_has_lane(tables: Tables, order: Ints) -> Flags:
    """Whether a lane that the order and the pin allow leads from the pinned warehouse, which is open."""
    orders, lanes = tables.orders, tables.lanes
    n_zones, n_services = len(tables.zones) + 1, len(tables.services) + 1
    lane_key = (tables.lane_warehouse * n_zones + tables.lane_zone) * n_services + tables.lane_service
    start = (tables.pin_warehouse * n_zones + np.append(tables.order_zone, -1)[order]) * n_services
    order_lane = np.argsort(lane_key, kind="stable")
    first = np.searchsorted(lane_key[order_lane], start, side="left")
    count = np.searchsorted(lane_key[order_lane], start + n_services - 1, side="right") - first
    pin = np.repeat(np.arange(len(start)), count)
    lane = order_lane[np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)]
    service, level = lanes["service_id"][lane], lanes["service_level"][lane]
    of_order = {column: np.append(orders[column], "")[order][pin] for column in ("service_id", "service_level")}
    of_pin = tables.pins["service_id"][pin]
    fits = (of_order["service_id"] == "") | (of_order["service_id"] == service)
    fits &= (of_order["service_level"] == "") | (of_order["service_level"] == level)
    fits &= (of_pin == "") | (of_pin == service)
    fits &= np.append(tables.warehouses["is_open"], False)[tables.pin_warehouse][pin]
    has = np.zeros(len(start), dtype=bool)
    has[pin[fits]] = True
    return has


def pins_agree(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Pins of one line do not contradict each other, and do not ask for more than it has."""
    if draft.unread.intersection(NEEDED) or not len(draft["pins"]):
        return
    tables, typed = draft.tables(), draft.typed["pins"]
    usable = np.flatnonzero((tables.pin_line >= 0) & (tables.pin_warehouse >= 0))
    mode, qty = tables.pins["mode"][usable], tables.pins["qty"][usable]
    line, place = (
        tables.pin_line[usable],
        tables.pin_line[usable] * (len(tables.warehouses) + 1) + tables.pin_warehouse[usable],
    )
    low = np.where(np.isin(mode, ("exactly", "at_least")), qty, 0)
    high = np.where(mode == "forbid", 0, np.where(np.isin(mode, ("exactly", "at_most")), qty, FAR))
    anywhere = np.ones(len(usable), dtype=bool)
    for column in ("service_id", "ship_date", "lot_id"):
        anywhere &= ~tables.pins.given(column)[usable]
    _, at = np.unique(place, return_inverse=True)
    service = position(tables.services, tables.pins["service_id"][usable])
    day = tables.pins["ship_date"][usable].astype(np.int64)
    lot = position(distinct(tables.pins["lot_id"]), tables.pins["lot_id"][usable])
    _, exact = np.unique(np.stack([at, service, day, lot]), axis=1, return_inverse=True)
    ceiling = np.minimum(_least(np.where(anywhere, high, FAR), at), _least(high, exact.reshape(-1)))
    wrong = np.zeros(len(typed), dtype=bool)
    wrong[usable[low > ceiling]] = True
    found.at(typed.place, "qty", wrong, "pins of a line at a warehouse that can hold together",
             "another pin allows less; keep one of them", "pins_contradict", value=tables.pins["qty"])  # fmt: skip
    most = np.zeros(int(at.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, at, low)
    first = np.unique(at, return_index=True)[1]
    total = np.zeros(len(tables.order_lines), dtype=np.int64)
    np.add.at(total, line[first], most)
    over = np.zeros(len(typed), dtype=bool)
    over[usable[(total > tables.order_lines["qty"])[line] & (low > 0) & (low <= tables.order_lines["qty"][line])]] = (
        True
    )
    found.at(typed.place, "qty", over, "pins of a line that together ask for at most its quantity",
             lambda row: f"its pins ask for {total[tables.pin_line[row]]:,}; lower one of them", "pin_beyond_qty",
             value=tables.pins["qty"])  # fmt: skip


def _least(values: Ints, codes: Ints) -> Ints:
    """For each element the smallest value of its group."""
    out = np.full(int(codes.max(initial=-1)) + 1, FAR, dtype=np.int64)
    np.minimum.at(out, codes, values)
    return out[codes]


def pins_eligible(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A pin asks nothing of a warehouse that eligibility rules keep from serving the line.

    Only a warning: rules that cannot all hold are for the conflict report, which also names the cheapest repair.
    """
    needed = (*NEEDED, "eligibility", "products", "customers")
    if draft.unread.intersection(needed) or not len(draft["pins"]) or not len(draft["eligibility"]):
        return
    tables, typed = draft.tables(), draft.typed["pins"]
    if (tables.eligibility_warehouse < 0).any():
        return
    pair = tables.pin_line * len(tables.warehouses) + tables.pin_warehouse
    known = (tables.pin_line >= 0) & (tables.pin_warehouse >= 0)
    barred = known & demanding(tables) & np.isin(pair, ineligible_pairs(tables))
    found.at(typed.place, "warehouse_id", barred, "a warehouse that eligibility lets serve the line",
             "pin another warehouse, or change the eligibility rule: no plan keeps both", "pin_not_eligible",
             value=tables.pins["warehouse_id"], severity="warning")  # fmt: skip


def pins_on_working_days(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """The day of a pin is to come, and one on which the warehouse works."""
    typed = draft.typed["pins"]
    table, when = typed.table, typed.table["ship_date"]
    found.at(typed.place, "ship_date", when < np.datetime64(scenario.as_of),
             f"a day from {scenario.as_of} on, the date of the snapshot", "correct the date or remove it",
             "pin_in_the_past", value=when)  # fmt: skip
    if draft.unread.intersection(("warehouses", "calendar", "pins")) or not table.given("ship_date").any():
        return
    calendar, house = draft["calendar"], draft.links["calendar_warehouse"]
    off = np.flatnonzero(~calendar["is_working"] & (house >= 0) & ~np.isnat(calendar["date"]))
    place = draft.links["pin_warehouse"]
    days = distinct(calendar["date"][off].astype(str), when.astype(str)[~np.isnat(when)])
    closed = house[off] * len(days) + position(days, calendar["date"][off].astype(str))
    wanted = np.where((place >= 0) & ~np.isnat(when), place * len(days) + position(days, when.astype(str)), -1)
    found.at(typed.place, "ship_date", np.isin(wanted, closed), "a working day of the warehouse",
             lambda row: f"{table['warehouse_id'][row]} does not work on that day; pin another, or change calendar",
             "pin_on_day_off", value=when)  # fmt: skip


def pins_of_lots(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """The lot of a pin is there, of a product that may be shipped for the line; kits are not taken from a lot."""
    asked = np.flatnonzero(draft["pins"]["lot_id"] != "")
    if draft.unread.intersection(
        (*NEEDED, "stock", "products", "customers", "kits", "substitutions", "transfers")
    ) or not len(asked):
        return
    tables, typed = draft.tables(), draft.typed["pins"]
    table = typed.table
    product = via(tables.pin_line, tables.line_product)
    kit = (table["lot_id"] != "") & (product >= 0) & np.isin(product, kit_products(tables))
    found.at(typed.place, "lot_id", kit, "no lot beside a kit", "leave lot_id blank: its components have lots",
             "pin_lot_of_kit", value=table["lot_id"])  # fmt: skip
    lots = distinct(table["lot_id"])
    lot = position(lots, tables.stock["lot_id"])
    movable = np.isin(np.arange(len(tables.warehouses)), tables.transfer_to)
    ways = ways_of(tables)
    near = np.isin(ways.line, tables.pin_line[asked])
    stocked = set(zip(tables.stock_product[lot >= 0].tolist(), lot[lot >= 0].tolist(),
                      tables.stock_warehouse[lot >= 0].tolist(), strict=True))  # fmt: skip
    anywhere = {(product, lot) for product, lot, _ in stocked}
    shipped: dict[int, list[int]] = {}
    for line, way in zip(ways.line[near].tolist(), ways.product[near].tolist(), strict=True):
        shipped.setdefault(line, []).append(way)
    lost = np.zeros(len(table), dtype=bool)
    wanted = position(lots, table["lot_id"])
    for row in asked[(tables.pin_line[asked] >= 0) & (tables.pin_warehouse[asked] >= 0) & ~kit[asked]].tolist():
        house = int(tables.pin_warehouse[row])
        pairs = [(way, int(wanted[row])) for way in shipped[int(tables.pin_line[row])]]
        there = any((*pair, house) in stocked for pair in pairs)
        lost[row] = not there and not (movable[house] and any(pair in anywhere for pair in pairs))
    found.at(typed.place, "lot_id", lost, "a lot at that warehouse of a product that may ship for the line",
             "correct lot_id, or leave it blank", "pin_without_lot", value=table["lot_id"])  # fmt: skip


PIN_CHECKS = (pins_known, pins_possible, pins_agree, pins_eligible, pins_on_working_days, pins_of_lots)
