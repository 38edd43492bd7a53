"""The rules of a plan, one function each: how many rows were checked, and by how much the worst one is broken.

Zero tolerance: quantities are whole and amounts exact, so a rule either holds or it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, decimal_text
from optimizer.proof.facts import LINE_COMPLETE, ORDER_COMPLETE
from optimizer.proof.pins import demanded_range
from optimizer.proof.prices import LANE_UNITS, WAREHOUSE_UNITS
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RuleResult:
    """One rule: ``worst`` is the largest violation in the rule's own unit, ``where`` the row it is at."""

    rule: str
    rows_checked: int
    worst: Fraction
    where: str = ""

    @property
    def passed(self) -> bool:
        return self.worst <= 0

    def as_json(self) -> dict[str, Any]:
        """As in verification.json."""
        found: dict[str, Any] = {
            "rule": self.rule,
            "rows_checked": self.rows_checked,
            "worst_violation": self.worst,
            "passed": self.passed,
        }
        return found if self.passed else {**found, "where": self.where}

    def words(self) -> str:
        return f"{self.rule}: broken by {decimal_text(self.worst)} at {self.where}"


def judge(rule: str, excess: Exact, where: Callable[[int], str]) -> RuleResult:
    """The rule "no element of ``excess`` is above 0"."""
    if not len(excess):
        return RuleResult(rule, 0, Fraction(0))
    at = int(np.argmax(excess.num))
    return RuleResult(rule, len(excess), max(Fraction(0), excess.item(at)), where(at))


def flagged(rule: str, wrong: Flags, where: Callable[[int], str]) -> RuleResult:
    """The rule "no element is wrong"; a violation counts 1."""
    return judge(rule, Exact.ints(wrong.astype(np.int64)), where)


def check_rules(tally: Tally) -> list[RuleResult]:
    """Every rule of the contract, in a fixed order."""
    return [result for family in FAMILIES for result in family(tally)]


def _row_name(tally: Tally, row: int) -> str:
    tables, rows = tally.facts.tables, tally.rows
    line, lane = int(rows.line[row]), int(rows.lane[row])
    return f"{_line_name(tally, line)} from {tables.lanes['warehouse_id'][lane]} by {tables.lanes['service_id'][lane]}"


def _line_name(tally: Tally, line: int) -> str:
    lines = tally.facts.tables.order_lines
    return f"order {lines['order_id'][line]} line {lines['line_id'][line]}"


def _order_name(tally: Tally, order: int) -> str:
    return f"order {tally.facts.tables.orders['order_id'][order]}"


def held_orders(tally: Tally) -> Iterator[RuleResult]:
    """A held order gets nothing."""
    yield flagged("held_orders", tally.facts.held[tally.order], lambda row: _row_name(tally, row))


def lane_choice(tally: Tally) -> Iterator[RuleResult]:
    """Open warehouses, lanes to the order's zone, the service and level that the order asks for."""
    wrong = ~tally.facts.lane_allowed(tally.order, tally.rows.lane)
    yield flagged("lane_choice", wrong, lambda row: _row_name(tally, row))


def eligibility(tally: Tally) -> Iterator[RuleResult]:
    """No warehouse serves a line that its rules exclude."""
    wrong = ~tally.facts.eligible(tally.rows.line, tally.warehouse)
    yield flagged("eligibility", wrong, lambda row: _row_name(tally, row))


def line_demand(tally: Tally) -> Iterator[RuleResult]:
    """No line gets more than is ordered [units]."""
    excess = tally.allocated - tally.facts.tables.order_lines["qty"]
    yield judge("line_demand", Exact.ints(excess), lambda line: _line_name(tally, line))


def warehouse_stock(tally: Tally) -> Iterator[RuleResult]:
    """No stock row gives more than its ATP, and nothing ships that is not stocked [units]."""
    stock = tally.facts.tables.stock
    excess = Exact.ints(tally.stock_used - tally.facts.atp)
    unstocked = np.flatnonzero(tally.stock_row < 0)
    missing = Exact.ints(tally.rows.qty[unstocked])

    def where(at: int) -> str:
        if at < len(excess):
            return f"{stock['warehouse_id'][at]}, product {stock['product_id'][at]}"
        return _row_name(tally, int(unstocked[at - len(excess)]))

    yield judge("warehouse_stock", Exact.concat([excess, missing]), where)


def capacities(tally: Tally) -> Iterator[RuleResult]:
    """What warehouses and lanes ship stays within each capacity given."""
    tables = tally.facts.tables
    places: list[tuple[str, Table, tuple[str, ...]]] = [
        ("warehouse", tables.warehouses, WAREHOUSE_UNITS),
        ("lane", tables.lanes, LANE_UNITS),
    ]
    for place, table, units in places:
        for unit in units:
            family = f"{place}_capacity_{unit}"
            limited = np.flatnonzero(table.given(f"capacity_{unit}"))
            limit = table[f"capacity_{unit}"]
            excess = tally.used(family) - (limit if isinstance(limit, Exact) else Exact.ints(limit))
            names = [column for column in ("warehouse_id", "zone_id", "service_id") if column in table.columns]
            yield judge(family, excess.take(limited), _namer(table, names, limited))


def _namer(table: Table, columns: list[str], rows: Ints) -> Callable[[int], str]:
    return lambda at: " ".join(str(table[column][rows[at]]) for column in columns)


def delivery_policy(tally: Tally) -> Iterator[RuleResult]:
    """line_complete: each line full or nothing; order_complete: every line full, or none at all [units short]."""
    facts, lines = tally.facts, tally.facts.tables
    policy, used = facts.policy[lines.line_order], tally.allocated > 0
    started = np.zeros(facts.n_orders, dtype=bool)
    started[lines.line_order[used]] = True
    bound = ((policy == LINE_COMPLETE) & used) | ((policy == ORDER_COMPLETE) & started[lines.line_order])
    short = np.where(bound, lines.order_lines["qty"] - tally.allocated, 0)
    which = np.flatnonzero((policy == LINE_COMPLETE) | (policy == ORDER_COMPLETE))
    yield judge("delivery_policy", Exact.ints(short[which]), lambda at: _line_name(tally, int(which[at])))


def min_fill(tally: Tally) -> Iterator[RuleResult]:
    """A line gets nothing, or at least its min_fill_qty [units]."""
    least = tally.facts.tables.order_lines["min_fill_qty"]
    which = np.flatnonzero(least > 0)
    missing = np.where(tally.allocated > 0, least - tally.allocated, 0)[which]
    yield judge("min_fill", Exact.ints(missing), lambda at: _line_name(tally, int(which[at])))


def _line_house(tally: Tally) -> tuple[Ints, Ints, Ints]:
    """Line, warehouse and units over all services, of every pair in the plan."""
    key = tally.rows.line * np.int64(tally.facts.n_warehouses) + tally.warehouse
    keys, of_row = np.unique(key, return_inverse=True)
    units = np.zeros(len(keys), dtype=np.int64)
    np.add.at(units, of_row, tally.rows.qty)
    line, house = np.divmod(keys, max(tally.facts.n_warehouses, 1))
    return line, house, units


def lot_multiple(tally: Tally) -> Iterator[RuleResult]:
    """A line's units per warehouse are a multiple of lcm(case_pack, lot_multiple) [units beyond one]."""
    line, _, units = _line_house(tally)
    yield judge("lot_multiple", Exact.ints(units % tally.facts.step[line]), lambda at: _line_name(tally, int(line[at])))


def max_shipments(tally: Tally) -> Iterator[RuleResult]:
    """An order has at most so many shipments."""
    orders = tally.facts.tables.orders
    limited = np.flatnonzero(orders.given("max_shipments"))
    excess = (tally.shipments_of_order - orders["max_shipments"])[limited]
    yield judge("max_shipments", Exact.ints(excess), lambda at: _order_name(tally, int(limited[at])))


def pins(tally: Tally) -> Iterator[RuleResult]:
    """What a planner pinned: exactly, at least, at most so many units, or none, over the services named [units]."""
    table, tables = tally.facts.tables.pins, tally.facts.tables
    line, house, units = _line_house(tally)
    at_house = dict(zip(zip(line.tolist(), house.tolist(), strict=True), units.tolist(), strict=True))
    service = tables.lanes["service_id"][tally.rows.lane]
    rows = zip(tally.rows.line.tolist(), tally.warehouse.tolist(), service, tally.rows.qty.tolist(), strict=True)
    pinned = set(tables.pin_line.tolist())
    at_service: dict[tuple[int, int, str], int] = {
        (row[0], row[1], str(row[2])): row[3] for row in rows if row[0] in pinned
    }
    broken = []
    for position in range(len(table)):
        key, named = (
            (int(tables.pin_line[position]), int(tables.pin_warehouse[position])),
            table["service_id"][position],
        )
        found = at_service.get((*key, str(named)), 0) if named else at_house.get(key, 0)
        low, high = demanded_range(str(table["mode"][position]), int(table["qty"][position]))
        broken.append(max(low - found, found - high))
    yield judge("pins", Exact.of(broken), lambda at: _line_name(tally, int(tables.pin_line[at])))


def contract_rules(tally: Tally) -> Iterator[RuleResult]:
    """Hard contracts get their minimum; no contract gets more than its quota [units]."""
    table = tally.facts.tables.contracts
    hard = np.flatnonzero(~table.given("shortfall_penalty"))
    quota = np.flatnonzero(table.given("max_qty"))
    beyond = (tally.contract_allocated - table["max_qty"])[quota]
    yield judge("contract_minimum", Exact.ints(tally.shortfall[hard]), _namer(table, ["contract_id"], hard))
    yield judge("contract_quota", Exact.ints(beyond), _namer(table, ["contract_id"], quota))


def service_floor(tally: Tally) -> Iterator[RuleResult]:
    """Σ weight · served of each scope reaches its level of Σ weight · demanded [weighted units, lines or orders]."""
    facts = tally.facts
    weighted = facts.service_weight * tally.served
    missing = [facts.floor_rhs(members, level) - (weighted * members).sum() for _, members, level in facts.floors]
    yield judge("service_floor", Exact.of(missing), lambda at: facts.floors[at][0])


FAMILIES: tuple[Callable[[Tally], Iterator[RuleResult]], ...] = (
    held_orders,
    lane_choice,
    eligibility,
    line_demand,
    warehouse_stock,
    capacities,
    delivery_policy,
    min_fill,
    lot_multiple,
    max_shipments,
    pins,
    contract_rules,
    service_floor,
)
