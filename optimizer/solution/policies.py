"""What a plan uses of the limits that policies set, and what it pays for them: exact, from tables and plan."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.budgets import members, product_cost, products_in_scope
from optimizer.model.calendar import SPAN
from optimizer.model.limits import ENDLESS
from optimizer.model.linear_model import Block
from optimizer.model.lookup import expand_matches, find_sorted
from optimizer.model.previous import PreviousUnits
from optimizer.model.ragged import ranks_of, totals
from optimizer.model.reserves import Reserves

if TYPE_CHECKING:
    from optimizer.solution.ledger import Ledger

Ints = NDArray[np.int64]


def moved_units(ledger: Ledger) -> tuple[PreviousUnits, Ints]:
    """The (line, lane) pairs of the previous plan, and how many ordered units fewer each gets now."""
    before, plan = PreviousUnits.of(ledger.tables), ledger.plan
    return before, before.moved(ledger.tables, plan.line, plan.lane, plan.qty)


def stability_cost(ledger: Ledger) -> Fraction:
    """[stability].cost_per_unit · units moved, money."""
    settings = ledger.scenario.stability
    return Fraction(settings.cost_per_unit) * int(moved_units(ledger)[1].sum()) if settings else Fraction(0)


def move_costs(ledger: Ledger) -> Exact:
    """Money of each row of `Plan.moves`: by unit and by kg, and on the first of each (row, day) its fixed cost."""
    moves, tables = ledger.plan.moves, ledger.tables
    table, product = tables.transfers, ledger.batch.supply.product[moves.source]
    per_kg = table["cost_per_kg"].take(moves.transfer) * tables.products["unit_weight_kg"].take(product)
    linear = (per_kg + table["cost_per_unit"].take(moves.transfer)) * moves.units
    cost: Exact = linear + table["fixed_cost"].take(moves.transfer) * _is_first(moves.transfer, moves.day)
    return cost


def _is_first(*keys: Ints) -> NDArray[np.bool_]:
    """The first position of each combination of keys."""
    group, size = ranks_of(*keys)
    first = np.zeros(len(group), dtype=bool)
    first[np.unique(group, return_index=True)[1]] = True
    return first if size else np.zeros(0, dtype=bool)


def transfer_cost(ledger: Ledger) -> Fraction:
    """What all moves cost, money."""
    return move_costs(ledger).sum() if len(ledger.plan.moves) else Fraction(0)


def credit_used(ledger: Ledger) -> Exact:
    """Money of goods allocated to each customer, at unit_price."""
    tables = ledger.tables
    value = tables.order_lines["unit_price"] * ledger.allocated
    used: Exact = value.sum_by(tables.order_customer[tables.line_order], len(tables.customers))
    return used


def budget_used(ledger: Ledger) -> Exact:
    """Money that each budget counts."""
    size = len(ledger.tables.budgets)
    return _freight(ledger, size) + _goods(ledger, size) + _moves(ledger, size)


def _freight(ledger: Ledger, size: int) -> Exact:
    budget, order = ledger.batch.freight_budgets
    ships = ledger.shipments
    shipment, pair = expand_matches(order, ships.order)
    return ships.freight.take(shipment).sum_by(budget[pair], size)


def _goods(ledger: Ledger, size: int) -> Exact:
    """unit_cost of what leaves the shelf for lines in scope."""
    budget, line = members(ledger.tables, "stock_value")
    order = np.argsort(line, kind="stable")
    plan, offers = ledger.plan, ledger.batch.offers
    row, pair = expand_matches(line[order], plan.line)
    shipped = offers.shipped(offers.find(plan.line[row], plan.product[row]), plan.qty[row])
    cost = product_cost(ledger.tables, offers.recipes).take(plan.product[row])
    return (cost * shipped).sum_by(budget[order[pair]], size)


def _moves(ledger: Ledger, size: int) -> Exact:
    """What moves of products in scope cost; their fixed cost in budgets over all products."""
    moves, table = ledger.plan.moves, ledger.tables.transfers
    budgets, inside = ledger.tables.budgets, products_in_scope(ledger.tables)
    fixed = table["fixed_cost"].take(moves.transfer) * _is_first(moves.transfer, moves.day)
    budget, row = np.nonzero(inside[:, ledger.batch.supply.product[moves.source]])
    linear = (move_costs(ledger) - fixed).take(row).sum_by(budget, size)
    every = (budgets["kind"] == "transfer_cost") & (budgets["product_id"] == "") & (budgets["family"] == "")
    used: Exact = linear + Exact.full(size, fixed.sum()) * np.asarray(every, dtype=bool)
    return used


def reserve_used(ledger: Ledger) -> tuple[Reserves, Ints]:
    """The rows of the reserves, and the units that orders outside take in each."""
    supply, draws, plan = ledger.batch.supply, ledger.plan.draws, ledger.plan
    rows = Reserves.of(ledger.tables, supply)
    place, which = rows.outside(ledger.tables, ledger.row_order[draws.row], supply.pool[draws.source])
    entry, row = rows.rows_from(which, plan.day[draws.row[place]])
    return rows, totals(row, draws.units[place[entry]], len(rows))


def moved_by_transfer(ledger: Ledger) -> Ints:
    """Units that each row of `transfers` moves."""
    moves = ledger.plan.moves
    return totals(moves.transfer, moves.units, len(ledger.tables.transfers))


def moved_out(ledger: Ledger) -> Ints:
    """Units that each period of the supply has moved away, of lots that are alive then."""
    supply, moves = ledger.batch.supply, ledger.plan.moves
    place, period = supply.periods_of(moves.source, moves.day)
    return totals(period, moves.units[place], len(supply.period_day))


def common_fill(ledger: Ledger, group: int) -> tuple[Fraction, Fraction]:
    """The least and the largest common fill that every party of a proportional group is near enough to."""
    shares, off = ledger.batch.shares, int(ledger.tables.fair_share["tolerance"][group])
    fills = shares.fills(group, ledger.allocated)
    room = [Fraction(off, int(units)) for units in shares.ordered[shares.of_group(group)].tolist()]
    low = max(Fraction(0), *(fill - some for fill, some in zip(fills, room, strict=True)))
    return low, min(Fraction(1), *(fill + some for fill, some in zip(fills, room, strict=True)))


SHARE_PLACES = 12
"""Decimals of how far a party is off its share, in the table of prices."""


def share_used(ledger: Ledger, party: Ints, below: Ints) -> tuple[Exact, Exact]:
    """Units by which parties may be off their share, and by how many they are: from the middle of all common fills."""
    shares = ledger.batch.shares
    middle = {group: sum(common_fill(ledger, group)) / 2 for group in np.unique(shares.group[party]).tolist()}
    got = shares.allocated(ledger.allocated)
    used = []
    for at, side in zip(party.tolist(), below.tolist(), strict=True):
        off = int(got[at]) - middle[int(shares.group[at])] * int(shares.ordered[at])
        off = (-off if side else off) * 10**SHARE_PLACES
        used.append(Fraction(off.numerator // off.denominator, 10**SHARE_PLACES))
    return Exact.ints(ledger.tables.fair_share["tolerance"][shares.group[party]]), Exact.of(used)


def share_room(ledger: Ledger) -> Ints:
    """Units that each line could get more before its party has more than its share, all others as they are."""
    shares, table = ledger.batch.shares, ledger.tables.fair_share
    room = np.full(len(ledger.tables.order_lines), ENDLESS, dtype=np.int64)
    got = shares.allocated(ledger.allocated)
    for group in np.unique(shares.group[(table["rule"] == "proportional")[shares.group]]).tolist():
        mine, off = shares.of_group(group), int(table["tolerance"][group])
        asked = shares.ordered[mine].tolist()
        high = [Fraction(has + off, all_) for has, all_ in zip(got[mine].tolist(), asked, strict=True)]
        lowest = sorted(range(len(mine)), key=high.__getitem__)[:2]
        for at, party in enumerate(mine.tolist()):
            common = min(Fraction(1), high[lowest[1] if at == lowest[0] else lowest[0]])
            more = math.floor(off + common * asked[at]) - int(got[party])
            lines = shares.line[shares.party == party]
            room[lines] = np.minimum(room[lines], more)
    return room


def limit_of_policy(ledger: Ledger, block: Block) -> tuple[str, Exact, Exact]:
    """Unit, right-hand sides, and what the plan uses of them, of rows of a policy that carry prices."""
    tables, keys, family = ledger.tables, block.keys, block.family
    if family == "credit_limit":
        return "money", tables.customers["credit_limit"][keys["customer"]], credit_used(ledger)[keys["customer"]]
    if family == "budget":
        return "money", tables.budgets["limit"][keys["budget"]], budget_used(ledger)[keys["budget"]]
    if family == "reserve":
        rows, used = reserve_used(ledger)
        place = find_sorted(rows.reserve * SPAN + rows.day, keys["reserve"] * SPAN + keys["day"])
        return "units", Exact.ints(rows.limit[place]), Exact.ints(used[place])
    if family == "fair_share":
        return "units", *share_used(ledger, keys["party"], keys["off"])
    if family == "transfer_source":
        period = keys["period"]
        return "units", Exact.ints(ledger.batch.supply.period_atp[period]), Exact.ints(moved_out(ledger)[period])
    capacity, row = tables.transfers["capacity_units"], keys["transfer"]
    return "units", Exact.ints(capacity[row]), Exact.ints(moved_by_transfer(ledger)[row])


PRICED = frozenset({"credit_limit", "budget", "reserve", "fair_share", "transfer_source", "transfer_capacity"})
"""Families of policies that carry prices."""
