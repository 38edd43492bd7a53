"""How many ordered units each limit still lets through on each way, and what stock there is for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.budgets import members, product_cost
from optimizer.model.calendar import FOREVER
from optimizer.model.limits import ENDLESS, PinLimits
from optimizer.model.ragged import expand, totals
from optimizer.model.supply import range_least
from optimizer.solution.policies import budget_used, credit_used, reserve_used, share_room
from optimizer.solution.prices_rows import taken

if TYPE_CHECKING:
    from optimizer.solution.ledger import Ledger
    from optimizer.solution.ways import Ways
    from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SLIP = 1e-9
"""Relative slip allowed when kilograms or money are divided as doubles, so that an exact fit counts as a fit."""


class Stock(NamedTuple):
    """By way: the ``pool`` it takes from (-1: none), ordered units that the stock there by its day could serve at all
    (``atp``), what the plan leaves of them (``room``), and whether there is stock, but only ``too_old``.
    """

    pool: Ints
    atp: Ints
    room: Ints
    too_old: Flags


def stock_of(ledger: Ledger, line: Ints, lane: Ints, day: Ints, offer: Ints) -> Stock:
    """Each component of what would ship is looked at; the scarcest decides."""
    supply, offers = ledger.batch.supply, ledger.batch.offers
    place, component, qty = offers.recipes.parts(offers.product[offer])
    pool = supply.find_pool(ledger.tables.lane_warehouse[lane[place]], component)
    known, at = np.flatnonzero(pool >= 0), np.maximum(pool, 0)
    has, left = np.zeros(len(place), dtype=np.int64), np.zeros(len(place), dtype=np.int64)
    old = np.zeros(len(place), dtype=bool)
    if len(known):
        period = supply.find_period(at[known], day[place[known]])
        has[known] = supply.period_atp[period]
        if supply.expiry.min(initial=FOREVER) < FOREVER:
            good, left[known] = _good(ledger, at[known], line[place[known]], lane[place[known]], day[place[known]])
            old[known] = (good <= 0) & (has[known] > 0)
            has[known] = np.minimum(has[known], good)
        else:
            left[known] = _left_from(ledger)[period]
    scarce = np.lexsort((left // qty, place))
    scarce = scarce[np.flatnonzero(np.diff(place[scarce], prepend=-1))]
    ordered = [_least_of(place, amount // qty, len(offer)) for amount in (has, left)]
    return Stock(
        pool=pool[scarce],
        atp=offers.ordered(offer, ordered[0]),
        room=offers.ordered(offer, ordered[1]),
        too_old=totals(place, old.astype(np.int64), len(offer)) > 0,
    )


def _least_of(place: Ints, amount: Ints, size: int) -> Ints:
    least = np.full(size, ENDLESS, dtype=np.int64)
    np.minimum.at(least, place, amount)
    return least


def _left_by(ledger: Ledger) -> Ints:
    """By period of the supply: what it has by then, less what is planned of lots that are alive then."""
    supply, (source, day, units) = ledger.batch.supply, taken(ledger)
    draw, period = supply.periods_of(source, day)
    return np.asarray(supply.period_atp - totals(period, units[draw], len(supply.period_day)), dtype=np.int64)


def _left_from(ledger: Ledger) -> Ints:
    """By period: units of the pool that could leave from then on without harming what is planned; no lot expires."""
    supply, left = ledger.batch.supply, _left_by(ledger)
    last = np.append(supply.period_pool[1:] != supply.period_pool[:-1], True)[: len(left)]
    while True:  # a later period of the pool that has less is the limit before, too
        after = np.minimum(left, np.where(last, left, np.append(left[1:], 0)))
        if (after == left).all():
            return left
        left = after


def _good(ledger: Ledger, pool: Ints, line: Ints, lane: Ints, day: Ints) -> tuple[Ints, Ints]:
    """Units of lots that are good for the line's customer on arrival: all, and how many could leave on the day.

    What leaves a lot counts in the periods until it expires. So lots that live longest come first: what leaves them
    and those that follow must fit into what is left until the next one expires.
    """
    supply, (source, _, units) = ledger.batch.supply, taken(ledger)
    used = totals(source, units, len(supply))
    place, lot = expand(supply.source_start[pool], supply.source_start[pool + 1])
    order = ledger.tables.line_order[line]
    good = ledger.batch.good_for(lot, order[place], lane[place], day[place])
    own = np.where(good, supply.own(lot, day[place]), 0)
    rest = np.where(good, np.maximum(supply.own(lot, day[place]) - used[lot], 0), 0)
    first, last = supply.find_period(pool, day)[place], supply.last_period[lot]
    fits = range_least(_left_by(ledger), first, np.maximum(last, first))
    fits = np.where(first <= last, np.maximum(fits, 0), 0)
    room = np.zeros(len(pool), dtype=np.int64)
    longest = np.lexsort((-last, place))
    turn = np.arange(len(place)) - np.searchsorted(place, place)
    for k in range(int(turn.max(initial=-1)) + 1):
        now = longest[turn == k]
        room[place[now]] = np.minimum(room[place[now]] + rest[now], np.where(rest[now] > 0, fits[now], ENDLESS))
    return totals(place, own, len(pool)), room


def rooms_of(ways: Ways) -> dict[str, Ints]:
    """Room under every limit but stock, in ordered units."""
    return _rule_rooms(ways) | _money_rooms(ways) | _reserve_room(ways) | _capacity_rooms(ways)


def _rule_rooms(ways: Ways) -> dict[str, Ints]:
    """Room under the rules of the order itself and under quotas."""
    ledger, tables = ways.ledger, ways.ledger.tables
    made = np.bincount(ledger.shipments.order, minlength=len(tables.orders))
    spent = tables.orders.given("max_shipments") & (made >= tables.orders["max_shipments"])
    quota = np.full(len(ledger.ordered), ENDLESS, dtype=np.int64)
    use = ledger.contracts
    capped = tables.contracts.given("max_qty")[use.rule]
    left = tables.contracts["max_qty"] - use.allocated
    np.minimum.at(quota, use.line[capped], left[use.rule[capped]])
    return {
        "pin": _pin_room(ways),
        "max_shipments": np.where(spent[ways.order] & (ways.shipment < 0), 0, ENDLESS),
        "contract_quota": quota[ways.line],
        "fair_share": share_room(ledger)[ways.line],
    }


def _pin_room(ways: Ways) -> Ints:
    """Units until the tightest upper pin on the way's warehouse, or on its service there."""
    from optimizer.solution.ways import find

    ledger, tables, plan = ways.ledger, ways.ledger.tables, ways.ledger.plan
    size, pins = len(tables.warehouses), PinLimits.of(tables)
    code = ways.line * size + ways.warehouse
    room = np.full(len(ways), ENDLESS, dtype=np.int64)
    shipped = plan.line * size + ledger.row_warehouse
    width, service = pins.n_services, tables.lane_service
    for index, most, wanted, of_row in (
        (pins.everywhere, pins.everywhere_qty, code, shipped),
        (
            pins.by_service,
            pins.by_service_qty,
            code * width + service[ways.lane],
            shipped * width + service[plan.lane],
        ),
    ):
        if len(index):
            key, of = np.unique(of_row, return_inverse=True)
            used = np.append(totals(of.reshape(-1), plan.qty, len(key)), 0)[find(key, wanted)]
            place = index.find(wanted)
            room = np.where(place >= 0, np.minimum(room, most[place] - used), room)
    return room


def _money_rooms(ways: Ways) -> dict[str, Ints]:
    """Room under credit limits and budgets: money left over money per unit."""
    ledger, tables = ways.ledger, ways.ledger.tables
    rooms: dict[str, Ints] = {}
    given = tables.customers.given("credit_limit")
    if given.any():
        left = (tables.customers["credit_limit"] - credit_used(ledger)).floats()
        customer = tables.order_customer[ways.order]
        price = tables.order_lines["unit_price"].floats()[ways.line]
        rooms["credit_limit"] = np.where(given[customer], _affordable(left[customer], price), ENDLESS)
    if len(tables.budgets):
        rooms["budget"] = _budget_room(ways)
    return rooms


def _affordable(money: Floats, price: Floats) -> Ints:
    """Whole units that the money buys."""
    units = np.maximum(money, 0.0) * (1 + SLIP) / np.where(price > 0, price, 1.0)
    return np.where(price > 0, np.minimum(units, ENDLESS), ENDLESS).astype(np.int64)


def _budget_room(ways: Ways) -> Ints:
    """Room under budgets of stock value, and of freight (its fixed part first)."""
    ledger, tables, offers = ways.ledger, ways.ledger.tables, ways.ledger.batch.offers
    left = (tables.budgets["limit"] - budget_used(ledger)).floats()
    room = np.full(len(ways), ENDLESS, dtype=np.int64)
    goods, line = members(tables, "stock_value")
    value = np.full(len(tables.order_lines), np.inf)
    np.minimum.at(value, line, left[goods])
    cost = product_cost(tables, offers.recipes).floats()[offers.product[ways.offer]]
    per_unit = cost * offers.top[ways.offer] / offers.bottom[ways.offer]
    limited = np.isfinite(value[ways.line])
    room[limited] = _affordable(value[ways.line][limited], per_unit[limited])
    budget, order = ledger.batch.freight_budgets
    freight = np.full(len(tables.orders), np.inf)
    np.minimum.at(freight, order, left[budget])
    fixed = np.where(ways.shipment < 0, ledger.batch.lane_cost("fixed_cost").floats()[ways.lane], 0.0)
    limited = np.flatnonzero(np.isfinite(freight[ways.order]))
    rest = freight[ways.order[limited]] - fixed[limited]
    most = np.where(rest < -SLIP, 0, _affordable(rest, ways.unit_freight[limited]))
    room[limited] = np.minimum(room[limited], most)
    return room


def _reserve_room(ways: Ways) -> dict[str, Ints]:
    """Room that stock held back for others leaves."""
    ledger, tables, offers = ways.ledger, ways.ledger.tables, ways.ledger.batch.offers
    if not len(tables.reserves):
        return {}
    rows, used = reserve_used(ledger)
    left = np.append(rows.limit - used, 0)
    supply = ledger.batch.supply
    place, component, qty = offers.recipes.parts(offers.product[ways.offer])
    pool = supply.find_pool(ways.warehouse[place], component)
    known = np.flatnonzero(pool >= 0)
    place, qty = place[known], qty[known]
    at, reserve = rows.outside(tables, ways.order[place], pool[known])
    entry, row = rows.rows_from(reserve, ways.day[place[at]])
    least = _least_of(place[at[entry]], np.maximum(left[row], 0) // qty[at[entry]], len(ways))
    limited = least < ENDLESS
    return {"reserve": np.where(limited, offers.ordered(ways.offer, np.where(limited, least, 0)), ENDLESS)}


def _capacity_rooms(ways: Ways) -> dict[str, Ints]:
    """Room under the capacities of the warehouse, of its day and of the lane, in ordered units."""
    ledger, tables, ships, plan = ways.ledger, ways.ledger.tables, ways.ledger.shipments, ways.ledger.plan
    houses = (ledger.row_warehouse, ledger.shipment_warehouse)
    owners: list[tuple[str, Table, Ints, Ints, Ints]] = [
        ("warehouse", tables.warehouses, ways.warehouse, *houses),
        ("lane", tables.lanes, ways.lane, plan.lane, ships.lane),
    ]
    if len(tables.calendar):
        at = ledger.batch.calendar.limit_of
        owners.append(
            ("day", tables.calendar, at(ways.warehouse, ways.day), at(houses[0], plan.day), at(houses[1], ships.day))
        )
    rooms: dict[str, Ints] = {}
    for owner, table, place, of_row, of_shipment in owners:
        rooms |= {f"{owner}_capacity_{unit}": room for unit, room in _room_of(ways, table, place, of_row, of_shipment)}
    return rooms


def _room_of(ways: Ways, table: Table, place: Ints, of_row: Ints, of_shipment: Ints) -> list[tuple[str, Ints]]:
    """Room under each capacity of one table; positions of -1 have none."""
    ledger, offers, size = ways.ledger, ways.ledger.batch.offers, len(table)
    picks = ledger.picks
    used = {
        "units": _counted(of_row, ledger.row_units, size),
        "lines": _counted(of_row[picks], np.ones(len(picks), dtype=np.int64), size),
        "shipments": _counted(of_shipment, np.ones(len(of_shipment), dtype=np.int64), size),
    }
    started = {"lines": ways.picked, "shipments": ways.shipment >= 0}
    rooms = []
    for unit in (name for name in used if f"capacity_{name}" in table.columns):
        limit = np.where(table.given(f"capacity_{unit}"), table[f"capacity_{unit}"] - used[unit], ENDLESS)
        left = np.append(limit, ENDLESS)[place]
        if unit in started:
            left = np.where((left >= 1) | started[unit], ENDLESS, 0)
        else:
            served = offers.ordered(ways.offer, np.maximum(left, 0) // offers.units[ways.offer])
            left = np.where(left >= ENDLESS, ENDLESS, served)
        rooms.append((unit, left))
    if "capacity_kg" in table.columns and table.given("capacity_kg").any():
        within = np.flatnonzero(of_row >= 0)
        left_kg: Exact = table["capacity_kg"] - ledger.row_kg[within].sum_by(of_row[within], size)
        weight = offers.kg.floats()[ways.offer]
        most = _affordable(np.append(left_kg.floats(), 0.0)[place], weight)
        rooms.append(("kg", np.where(np.append(table.given("capacity_kg"), False)[place], most, ENDLESS)))
    return rooms


def _counted(where: Ints, amount: Ints, size: int) -> Ints:
    within = np.flatnonzero(where >= 0)
    return totals(where[within], amount[within], size)
