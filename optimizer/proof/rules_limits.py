"""Rules on capacities of warehouses, lanes and days, on tariffs and on money."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.priced_rows import LANE_UNITS, WAREHOUSE_UNITS
from optimizer.proof.rule_result import RuleResult, flagged, judge, namer
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]


def capacities(tally: Tally) -> Iterator[RuleResult]:
    """What warehouses and lanes ship in the batch, and warehouses on a day, stays within each capacity given."""
    tables = tally.facts.tables
    every = np.ones(len(tables.calendar), dtype=bool)
    places: list[tuple[str, Table, tuple[str, ...]]] = [
        ("warehouse", tables.warehouses, WAREHOUSE_UNITS),
        ("lane", tables.lanes, LANE_UNITS),
        ("day", tables.calendar, WAREHOUSE_UNITS),
    ]
    for place, table, units in places:
        for unit in units:
            family = f"{place}_capacity_{unit}"
            given = table.given(f"capacity_{unit}")
            limited = np.flatnonzero(given if place != "day" else given & every & (tally.facts.calendar.day >= 0))
            limit = table[f"capacity_{unit}"]
            excess = tally.used(family) - (limit if isinstance(limit, Exact) else Exact.ints(limit))
            columns = ("warehouse_id", "date", "zone_id", "service_id")
            names = [column for column in columns if column in table.columns]
            yield judge(family, excess.take(limited), namer(table, names, limited))


def tariff(tally: Tally) -> Iterator[RuleResult]:
    """On a lane with weight bands some band holds the weight of each shipment."""
    orders, lanes = tally.facts.tables.orders, tally.facts.tables.lanes

    def where(at: int) -> str:
        order, lane = tally.shipment_order[at], tally.shipment_lane[at]
        return f"order {orders['order_id'][order]} from {lanes['warehouse_id'][lane]} by {lanes['service_id'][lane]}"

    yield flagged("tariff", tally.off_tariff, where)


def credit_limit(tally: Tally) -> Iterator[RuleResult]:
    """The goods allocated to a customer, at their prices, stay within its credit limit [money]."""
    customers = tally.facts.tables.customers
    which = tally.facts.money.credit
    limit: Exact = customers["credit_limit"]
    excess = (tally.credit_used - limit).take(which)
    yield judge("credit_limit", excess, namer(customers, ["customer_id"], which))


def budget(tally: Tally) -> Iterator[RuleResult]:
    """Freight, stock value and transfers in the scope of a budget stay within it [money]."""
    table = tally.facts.tables.budgets
    limit: Exact = table["limit"]
    excess = tally.budget_used - limit
    yield judge("budget", excess, namer(table, ["budget_id"], np.arange(len(table))))


LIMIT_RULES: tuple[Callable[[Tally], Iterator[RuleResult]], ...] = (capacities, tariff, credit_limit, budget)
