"""The rules of a plan, one function each: how many rows were checked, and by how much the worst one is broken.

Zero tolerance: quantities are whole and amounts exact, so a rule either holds or it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import day_numbers
from optimizer.proof.facts import LINE_COMPLETE, ORDER_COMPLETE
from optimizer.proof.pins import demanded_range
from optimizer.proof.rule_result import RuleResult, flagged, judge, line_name, namer, order_name, row_name
from optimizer.proof.rules_limits import LIMIT_RULES
from optimizer.proof.rules_supply import SUPPLY_RULES
from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def check_rules(tally: Tally) -> list[RuleResult]:
    """Every rule of the contract, in a fixed order."""
    families = (*FAMILIES[:SUPPLY], *SUPPLY_RULES, *LIMIT_RULES, *FAMILIES[SUPPLY:])
    return [result for family in families for result in family(tally)]


def held_orders(tally: Tally) -> Iterator[RuleResult]:
    """A held order gets nothing."""
    yield flagged("held_orders", tally.facts.held[tally.order], lambda row: row_name(tally, row))


def lane_choice(tally: Tally) -> Iterator[RuleResult]:
    """Open warehouses, lanes to the order's zone, the service and level that the order asks for."""
    wrong = ~tally.facts.lane_allowed(tally.order, tally.rows.lane)
    yield flagged("lane_choice", wrong, lambda row: row_name(tally, row))


def eligibility(tally: Tally) -> Iterator[RuleResult]:
    """No warehouse serves a line that its rules exclude."""
    wrong = ~tally.facts.eligible(tally.rows.line, tally.warehouse)
    yield flagged("eligibility", wrong, lambda row: row_name(tally, row))


def line_demand(tally: Tally) -> Iterator[RuleResult]:
    """No line gets more than is ordered [units]."""
    excess = tally.allocated - tally.facts.tables.order_lines["qty"]
    yield judge("line_demand", Exact.ints(excess), lambda line: line_name(tally, line))


def delivery_policy(tally: Tally) -> Iterator[RuleResult]:
    """line_complete: each line full or nothing; order_complete: every line full, or none at all [units short]."""
    facts, lines = tally.facts, tally.facts.tables
    policy, used = facts.policy[lines.line_order], tally.allocated > 0
    started = np.zeros(facts.n_orders, dtype=bool)
    started[lines.line_order[used]] = True
    bound = ((policy == LINE_COMPLETE) & used) | ((policy == ORDER_COMPLETE) & started[lines.line_order])
    short = np.where(bound, lines.order_lines["qty"] - tally.allocated, 0)
    which = np.flatnonzero((policy == LINE_COMPLETE) | (policy == ORDER_COMPLETE))
    yield judge("delivery_policy", Exact.ints(short[which]), lambda at: line_name(tally, int(which[at])))


def min_fill(tally: Tally) -> Iterator[RuleResult]:
    """A line gets nothing, or at least its min_fill_qty [units]."""
    least = tally.facts.tables.order_lines["min_fill_qty"]
    which = np.flatnonzero(least > 0)
    missing = np.where(tally.allocated > 0, least - tally.allocated, 0)[which]
    yield judge("min_fill", Exact.ints(missing), lambda at: line_name(tally, int(which[at])))


def lot_multiple(tally: Tally) -> Iterator[RuleResult]:
    """A line's ordered units per warehouse, product, lot and day go in whole steps [units beyond one].

    A step is a multiple of lot_multiple, whole in what is shipped and in its case packs; of a kit all lots together.
    """
    rows, stock, ways = tally.rows, tally.stock, tally.facts.ways
    kit = ways.recipes.is_kit[ways.product[rows.way[rows.draw_row]]]
    source = np.where(kit, -1, rows.draw_source)
    keys = np.column_stack(
        [stock.draw_line, tally.warehouse[rows.draw_row], rows.way[rows.draw_row], source, stock.draw_day]
    )
    taken, of_draw = np.unique(keys, axis=0, return_inverse=True) if len(keys) else (keys, stock.draw_line)
    units = np.zeros(len(taken), dtype=np.int64)
    np.add.at(units, of_draw.ravel(), stock.draw_ordered)
    beyond = units % ways.step[taken[:, 2]]
    yield judge("lot_multiple", Exact.ints(beyond), lambda at: line_name(tally, int(taken[at, 0])))


def max_shipments(tally: Tally) -> Iterator[RuleResult]:
    """An order has at most so many shipments."""
    orders = tally.facts.tables.orders
    limited = np.flatnonzero(orders.given("max_shipments"))
    excess = (tally.shipments_of_order - orders["max_shipments"])[limited]
    yield judge("max_shipments", Exact.ints(excess), lambda at: order_name(tally, int(limited[at])))


def pins(tally: Tally) -> Iterator[RuleResult]:
    """What a planner pinned: exactly, at least, at most so many ordered units, or none, of what the pin names [units].

    A pin speaks of a line at a warehouse; by one service, on one day, from one lot if it names them.
    """
    table, tables, rows, stock = tally.facts.tables.pins, tally.facts.tables, tally.rows, tally.stock
    pinned = np.zeros(tally.facts.n_lines, dtype=bool)
    pinned[tables.pin_line] = True
    draws = np.flatnonzero(pinned[stock.draw_line])
    draws = draws[np.argsort(stock.draw_line[draws], kind="stable")]
    row = rows.draw_row[draws]
    start = np.searchsorted(stock.draw_line[draws], tables.pin_line, side="left")
    end = np.searchsorted(stock.draw_line[draws], tables.pin_line, side="right")
    texts = np.array([*tally.facts.supply.lot_texts, ""], dtype=object)
    lots = texts[np.append(tally.facts.supply.lot, -1)[rows.draw_source[draws]]]
    days = day_numbers(table["ship_date"], tally.facts.as_of, -1) if len(table) else start
    broken = []
    for at in range(len(table)):
        part = slice(int(start[at]), int(end[at]))
        spoken = tally.warehouse[row[part]] == tables.pin_warehouse[at]
        if table["service_id"][at]:
            spoken &= np.asarray(tables.lanes["service_id"][rows.lane[row[part]]] == table["service_id"][at])
        if table["lot_id"][at]:
            spoken &= np.asarray(lots[part] == table["lot_id"][at])
        if not np.isnat(table["ship_date"][at]):
            spoken &= rows.day[row[part]] == days[at]
        found = int(stock.draw_ordered[draws[part]][spoken].sum())
        low, high = demanded_range(str(table["mode"][at]), int(table["qty"][at]))
        broken.append(max(low - found, found - high))
    yield judge("pins", Exact.of(broken), lambda at: line_name(tally, int(tables.pin_line[at])))


def contract_rules(tally: Tally) -> Iterator[RuleResult]:
    """Hard contracts get their minimum; no contract gets more than its quota [units]."""
    table = tally.facts.tables.contracts
    hard = np.flatnonzero(~table.given("shortfall_penalty"))
    quota = np.flatnonzero(table.given("max_qty"))
    beyond = (tally.contract_allocated - table["max_qty"])[quota]
    yield judge("contract_minimum", Exact.ints(tally.shortfall[hard]), namer(table, ["contract_id"], hard))
    yield judge("contract_quota", Exact.ints(beyond), namer(table, ["contract_id"], quota))


def service_floor(tally: Tally) -> Iterator[RuleResult]:
    """Σ weight · served of each scope reaches its level of Σ weight · demanded [weighted units, lines or orders]."""
    facts = tally.facts
    weighted = facts.service_weight * tally.served
    missing = [facts.floor_rhs(members, level) - (weighted * members).sum() for _, members, level in facts.floors]
    yield judge("service_floor", Exact.of(missing), lambda at: facts.floors[at][0])


def fair_share(tally: Tally) -> Iterator[RuleResult]:
    """One common fill is near enough to that of every party [by how much the fills that two parties allow miss]."""
    table, shares = tally.facts.tables.fair_share, tally.facts.shares
    if not len(table):
        return
    missed, where = [], []
    for group in shares.even:
        low, high = tally.fills[group].allowed(int(table["tolerance"][group]))
        most, least = low.index(max(low)), high.index(min(high))
        names = shares.names["party"][shares.parties(group)]
        missed.append(low[most] - high[least])
        where.append(f"group {table['group_id'][group]}: {names[most]} has more than {names[least]}")
    yield judge("fair_share", Exact.of(missed), lambda at: where[at])


SUPPLY = 4
"""Where the rules on stock, days and limits stand among the families."""

FAMILIES: tuple[Callable[[Tally], Iterator[RuleResult]], ...] = (
    held_orders,
    lane_choice,
    eligibility,
    line_demand,
    delivery_policy,
    min_fill,
    lot_multiple,
    max_shipments,
    pins,
    contract_rules,
    service_floor,
    fair_share,
)
