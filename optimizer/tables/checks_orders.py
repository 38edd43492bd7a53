"""Orders, their lines and the stock: quantities, dates, margins, and whether anything can be delivered at all."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, Flags, did_you_mean
from optimizer.tables.resolve import Draft, position
from optimizer.tables.tables import Ints, Tables
from optimizer.tables.ways import components, ways_of


def dates_in_order(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """An order was placed by the day of the snapshot, and is due, or cancelled, on or after the day it was placed."""
    typed = draft.typed["orders"]
    placed, due, cancel = (typed.table[name] for name in ("order_date", "due_date", "cancel_date"))
    found.at(typed.place, "cancel_date", cancel < placed, "a cancel date on or after the order date",
             "correct one of the two dates", "dates_out_of_order", value=cancel)  # fmt: skip
    found.at(typed.place, "cancel_date", (cancel < np.datetime64(scenario.as_of)) & ~(cancel < placed),
             f"a cancel date from {scenario.as_of} on, the date of the snapshot",
             "nothing can arrive in time: it gets nothing; correct the date or remove the order", "cancelled_already",
             value=cancel, severity="warning")  # fmt: skip
    found.at(typed.place, "due_date", due < placed, "a due date on or after the order date",
             "correct one of the two dates", "dates_out_of_order", value=due)  # fmt: skip
    late = placed > np.datetime64(scenario.as_of)
    found.at(typed.place, "order_date", late, f"an order placed by {scenario.as_of}, the date of the snapshot",
             "check as_of and the date", "order_after_snapshot", value=placed, severity="warning")  # fmt: skip


def min_fill_within_qty(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A least quantity above the ordered one could never be met."""
    typed = draft.typed["order_lines"]
    least, qty = typed.table["min_fill_qty"], typed.table["qty"]
    found.at(typed.place, "min_fill_qty", (least > qty) & (qty > 0), "at most the line's qty", "correct one of the two",
             "min_fill_above_qty", value=least)  # fmt: skip


def lots_fit(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Lines that case packs, lot multiples and least quantities make impossible, in whole or in part.

    A line that a substitute can serve is judged by the way that fits it best; what several together make is not tried.
    """
    tables, typed = draft.tables(), draft.typed["order_lines"]
    qty, least = tables.order_lines["qty"], tables.order_lines["min_fill_qty"]
    most, step = _best_step(tables, qty)
    none = (most < np.maximum(least, 1)) & (qty > 0) & (least <= qty)
    found.at(typed.place, "qty", none, "a qty that its case pack and lot multiple can fill",
             lambda row: f"lots of {step[row]:,} cannot make between {max(least[row], 1):,} and {qty[row]:,} units: "
             "nothing of this line can ship", "impossible_lot", value=qty, severity="warning")  # fmt: skip
    policy = _of_orders(tables, "delivery_policy", "partial")
    whole = (policy != "partial") & (most != qty) & ~none & (qty > 0)
    found.at(typed.place, "qty", whole, "a qty of whole lots, since its order asks for complete delivery",
             lambda row: f"{qty[row]:,} is not a multiple of {step[row]:,}; the line can never be complete",
             "impossible_lot", value=qty, severity="warning")  # fmt: skip


def _best_step(tables: Tables, qty: Ints) -> tuple[Ints, Ints]:
    """For each line the most that one product can fill of it, and that product's step in ordered units."""
    ways = ways_of(tables)
    if len(ways.line) == len(qty):
        return qty // ways.step * ways.step, ways.step
    most = qty[ways.line] // ways.step * ways.step
    order = np.lexsort((ways.step, -most, ways.line))
    best = order[np.unique(ways.line[order], return_index=True)[1]]
    return most[best], ways.step[best]


def _of_orders(tables: Tables, column: str, otherwise: str) -> Ints:
    values = np.append(tables.orders[column], otherwise)
    return np.asarray(values[tables.line_order])


def margin_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Each line needs a margin, or a price and its product's cost, unless margin does not count."""
    if scenario.weights.margin == 0 or draft.unread.intersection(("order_lines", "products")):
        return
    tables, typed = draft.tables(), draft.typed["order_lines"]
    lines, wrong = tables.order_lines, typed.wrong
    told = np.zeros(len(lines), dtype=bool)
    for column in ("unit_margin", "unit_price"):
        told |= wrong.get(column, told)
    known = tables.line_product >= 0
    cost = np.zeros(len(lines), dtype=bool)
    cost[known] = tables.products.given("unit_cost")[tables.line_product[known]]
    bare = ~lines.given("unit_margin") & ~told & known
    priced = lines.given("unit_price")
    found.at(typed.place, "unit_margin", bare & ~priced, "a unit_margin, or a unit_price and the product's unit_cost",
             "fill in one of them, or set weights.margin = 0", "margin_unknown")  # fmt: skip
    found.at(typed.place, "unit_margin", bare & priced & ~cost, "the product's unit_cost beside unit_price",
             lambda row: f"give unit_cost of {lines['product_id'][row]!r} in products, or unit_margin here",
             "margin_unknown")  # fmt: skip


def stock_not_overpromised(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """More reserved than there is, over all lots: the availability is 0, which may or may not be meant."""
    typed = draft.typed["stock"]
    have, promised = typed.table["on_hand_qty"], typed.table["reserved_qty"]
    begins = np.ones(len(typed), dtype=bool)
    begins[1:] = np.stack([code[1:] != code[:-1] for code in typed.key_codes[:2]]).any(axis=0)
    pool = np.cumsum(begins) - 1  # rows are sorted by warehouse and product
    short = np.zeros(len(typed), dtype=np.int64)
    np.add.at(short, pool, promised - have)
    found.at(typed.place, "reserved_qty", (promised > have) & (short > 0)[pool], "at most on_hand_qty",
             "nothing is available here; check both quantities", "reserved_above_on_hand", value=promised,
             severity="warning")  # fmt: skip


def orders_have_lines(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """An order without lines asks for nothing."""
    if draft.unread.intersection(("orders", "order_lines")):
        return
    typed = draft.typed["orders"]
    links = draft.links["line_order"]
    bare = np.ones(len(typed), dtype=bool)
    bare[links[links >= 0]] = False
    found.at(typed.place, "order_id", bare, "at least one row in order_lines", "add its lines or remove the order",
             "order_without_lines", value=typed.table["order_id"], severity="warning")  # fmt: skip


def orders_have_lanes(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """An order that no lane can deliver gets nothing: its zone has none, or none by the service it asks for."""
    if draft.unread.intersection(("orders", "lanes")):
        return
    tables, typed = draft.tables(), draft.typed["orders"]
    served = np.zeros(len(tables.zones) + 1, dtype=bool)
    served[tables.lane_zone[tables.lane_zone >= 0]] = True
    none = ~served[tables.order_zone] & (tables.order_zone >= 0)
    known = [str(zone) for zone in tables.zones[served[:-1]]]
    found.at(typed.place, "zone_id", none, "a zone that some lane serves",
             lambda row: did_you_mean(tables.orders["zone_id"][row], known, "add a lane to this zone"),
             "zone_without_lane", value=tables.orders["zone_id"], severity="warning")  # fmt: skip
    for column in ("service_id", "service_level"):
        asked = tables.orders[column] != ""
        lost = asked & ~none & ~_pair_served(tables, column)
        found.at(typed.place, column, lost, "a service that some lane to its zone offers",
                 "correct it, or add such a lane", "service_without_lane", value=tables.orders[column],
                 severity="warning")  # fmt: skip


def _pair_served(tables: Tables, column: str) -> Flags:
    """Orders for which (zone, service or level) occurs among the lanes."""
    names = np.asarray(sorted(set(tables.lanes[column].tolist())), dtype=object)
    size = len(names) + 1
    offered = tables.lane_zone * size + position(names, tables.lanes[column])
    wanted = position(names, tables.orders[column])
    return np.asarray((wanted >= 0) & np.isin(tables.order_zone * size + wanted, offered))


def weights_agree(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A line's weight that is a hundred times off its product's is in another unit."""
    tables, typed = draft.tables(), draft.typed["order_lines"]
    known = np.flatnonzero(
        (tables.line_product >= 0) & tables.order_lines.given("weight_kg") & (tables.order_lines["qty"] > 0)
    )
    stated = tables.order_lines["weight_kg"][known].floats()
    unit = tables.products["unit_weight_kg"].floats()[tables.line_product[known]]
    implied = unit * tables.order_lines["qty"][known]
    off = (stated > 0) & (implied > 0) & ((stated > 100 * implied) | (implied > 100 * stated))
    wrong = np.zeros(len(tables.order_lines), dtype=bool)
    wrong[known[off]] = True
    found.at(typed.place, "weight_kg", wrong, "about qty × the product's unit_weight_kg, in kg",
             "check the unit (kg, g or t) of both weights", "weights_disagree",
             value=tables.order_lines["weight_kg"], severity="warning")  # fmt: skip


def weights_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Lanes that charge or limit by weight while lines weigh nothing."""
    if "kits" in draft.unread:
        return
    tables, typed = draft.tables(), draft.typed["order_lines"]
    by_weight = [tables.lanes["cost_per_kg"] > 0, tables.rate_bands["from_kg"] >= 0]
    by_weight += [table.given("capacity_kg") for table in (tables.lanes, tables.warehouses, tables.calendar)]
    if not any(where.any() for where in by_weight):
        return
    heavy = np.append(tables.products["unit_weight_kg"] > 0, False)
    at, part = components(tables, tables.line_product)
    weighed = heavy[tables.line_product]
    weighed[at[heavy[part]]] = True
    bare = ~weighed & ~tables.order_lines.given("weight_kg")
    if bare.any():
        first = int(np.flatnonzero(bare)[0])
        row = int(typed.place.rows[first]) or None
        found.say(typed.place.source, "a weight for every line, since lanes charge or limit by kg",
                  "give unit_weight_kg in products, or weight_kg", "weight_unknown", row=row, column="weight_kg",
                  value=f"{int(bare.sum()):,} lines weigh 0", table="order_lines",
                  severity="warning")  # fmt: skip


ORDER_CHECKS = (
    dates_in_order,
    min_fill_within_qty,
    lots_fit,
    margin_known,
    stock_not_overpromised,
    orders_have_lines,
    orders_have_lanes,
    weights_agree,
    weights_known,
)
