"""What to buy or move next, worked out by hand."""

from __future__ import annotations

import math
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.replenishment import replenishment
from optimizer.tables.tables import Table
from tests.builders import AS_OF, make_scenario, make_tables
from tests.solution.policy_batch import policy_batch
from tests.solution.test_exceptions import shorts_of
from tests.solution.test_outputs import rows

KEYS = ("product_id", "warehouse_id")


def prices(*found: tuple[str, str, int, object]) -> Table:
    """Stock prices: (warehouse, product, day, price), and one of another family that counts for nothing."""
    names = ("family", *KEYS[::-1], "date")
    days = [(AS_OF + timedelta(days=day)).isoformat() for _, _, day, _ in found]
    cells = [("warehouse_stock", house, product, day) for (house, product, _, _), day in zip(found, days, strict=True)]
    cells.append(("warehouse_capacity_units", "V", "", ""))
    columns: dict[str, Any] = {
        name: np.array(column, dtype=object) for name, column in zip(names, zip(*cells, strict=True), strict=True)
    }
    return Table("shadow_prices", columns | {"price": Exact.of([*(Fraction(str(row[3])) for row in found), 99])})


def plan(*shipped: tuple[int, int, int]) -> Plan:
    columns = zip(*shipped, strict=True) if shipped else [[], [], []]
    return Plan.of(*(np.array(column, dtype=np.int64) for column in columns))


def batch(*shipped: tuple[int, int, int], **tables: Any) -> Ledger:
    """Lines of P for two orders, two warehouses; ``shipped``: (line, lane, units)."""
    given: dict[str, Any] = {
        "orders": [{"order_id": "A", "due_date": "2026-11-24"}, {"order_id": "B"}],
        "order_lines": [
            {"order_id": "A", "product_id": "P", "qty": 10, "unit_margin": 3},
            {"order_id": "B", "product_id": "P", "qty": 6, "unit_margin": 2},
        ],
        "stock": [
            {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 4},
            {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 7},
        ],
        "lanes": [
            {"warehouse_id": "V", "cost_per_unit": 1, "transit_days": 3},
            {"warehouse_id": "W", "cost_per_unit": 2, "transit_days": 1},
        ],
    }
    scenario = make_scenario()
    return Ledger(make_tables(scenario, **given | tables), scenario, plan(*shipped))


def table(ledger: Ledger, *found: tuple[str, str, int, object], reason: str = "no_stock") -> Table:
    return replenishment(ledger, shorts_of(ledger, reason=reason), prices(*found))


def test_short_units_count_where_they_would_have_served_at_least_cost() -> None:
    made = table(batch((0, 0, 4)))
    assert rows(made, *KEYS, "short_qty", "short_lines", "margin_at_stake") == [("P", "V", 12, 2, 6 * 3 + 6 * 2)]
    assert rows(made, "left_elsewhere_qty") == [(7,)]  # W ships nothing
    closed = [{"warehouse_id": "V", "is_open": False}, {"warehouse_id": "W"}]
    assert rows(table(batch(warehouses=closed)), *KEYS) == [("P", "W")]


def test_the_earliest_date_counts_and_no_due_date_means_now() -> None:
    due_later = batch((1, 0, 4), (1, 1, 2))  # B is full; A is due on the 24th, three days from V
    assert [str(day) for (day,) in rows(table(due_later), "date_needed")] == ["2026-11-21"]
    assert [str(day) for (day,) in rows(table(batch()), "date_needed")] == ["2026-11-20"]
    overdue = batch((1, 0, 4), (1, 1, 2), orders=[{"order_id": "A", "due_date": "2026-11-01"}, {"order_id": "B"}])
    assert [str(day) for (day,) in rows(table(overdue), "date_needed")] == ["2026-11-20"]


@pytest.mark.parametrize(("due", "worth"), [("2026-11-23", 7), ("2026-11-24", 7), ("2026-11-25", 6), ("2026-12-25", 4)])
def test_a_unit_is_worth_the_prices_from_its_period_on(due: str, worth: int) -> None:
    ledger = batch((1, 0, 4), (1, 1, 2), orders=[{"order_id": "A", "due_date": due}, {"order_id": "B"}])
    found = table(ledger, ("V", "P", 0, 1), ("V", "P", 2, 2), ("V", "P", 5, 4), ("W", "P", 0, 50))
    assert rows(found, "unit_worth") == [(worth,)]


def test_what_nobody_priced_has_no_worth() -> None:
    assert rows(table(batch()), "unit_worth") == [(None,)]
    assert rows(table(batch(), ("W", "P", 0, 5)), "unit_worth") == [(None,)]


@pytest.mark.parametrize("reason", ["hold", "not_worth_freight", "capacity", "pin", "within_gap"])
def test_lines_that_lack_something_else_are_left_out(reason: str) -> None:
    assert len(table(batch(), reason=reason)) == 0


def test_a_kit_lacks_its_components() -> None:
    ledger = policy_batch()
    nothing = Ledger(ledger.tables, ledger.scenario, plan())
    found = rows(table(nothing), *KEYS, "short_qty", "margin_at_stake")
    assert ("C", "W", 8, 24) in found
    assert ("D", "W", 4, 24) in found


def test_the_most_valuable_comes_first() -> None:
    ledger = policy_batch()
    nothing = Ledger(ledger.tables, ledger.scenario, plan())
    dear = table(nothing, ("W", "C", 0, 100), ("W", "D", 0, 1))
    assert [row[0] for row in rows(dear, *KEYS)] == ["C", "D", "P", "L"]  # 800, 4, then margins 88 and 24


def test_the_economic_quantity_follows_the_batch_where_nothing_is_recorded() -> None:
    costs = [{"product_id": "P", "order_cost": 20, "holding_cost_per_unit_year": 3, "case_pack": 5}]
    lines = [{"order_id": name, "product_id": "P", "qty": 10} for name in "AB"]
    ledger = batch((0, 1, 5), products=costs, order_lines=lines)  # 5 from W; 15 missing at V, of 20
    annual = 15 * 365
    quantity = math.ceil(math.sqrt(2 * annual * 20 / 3))
    assert rows(table(ledger), "annual_demand", "demand_basis", "economic_order_qty") == [(annual, "batch", quantity)]
    assert rows(table(ledger), "suggested_qty") == [(-(-quantity // 5) * 5,)]


def test_a_whole_root_is_not_rounded_up() -> None:
    costs = [{"product_id": "P", "order_cost": 16 * 365 * 2, "holding_cost_per_unit_year": 1}]
    assert rows(table(batch(products=costs)), "economic_order_qty") == [(16 * 365 * 2,)]  # 16 units a day


def test_the_larger_of_short_and_economic_is_suggested() -> None:
    cheap = [{"product_id": "P", "order_cost": 0, "holding_cost_per_unit_year": 3}]
    assert rows(table(batch(products=cheap)), "economic_order_qty", "suggested_qty") == [(0, 16)]
    free = [{"product_id": "P", "order_cost": 5, "holding_cost_per_unit_year": 0}]
    assert rows(table(batch(products=free)), "economic_order_qty", "suggested_qty") == [(None, 16)]


def test_recorded_demand_counts_by_warehouse_and_is_shared_where_it_names_none() -> None:
    def sold(day: int, qty: int, warehouse: str = "") -> dict[str, Any]:
        return {"date": AS_OF - timedelta(days=day), "product_id": "P", "qty": qty, "warehouse_id": warehouse}

    history = [sold(day, 1, "V") for day in range(1, 11)] + [sold(1, 30), sold(3, 100, "W")]
    ledger = batch((0, 1, 4), history=history)  # of 16 units 4 ship from W, 12 are missing at V: three quarters
    assert rows(table(ledger), "annual_demand", "demand_basis") == [
        ((10 + Fraction(30 * 3, 4)) * Fraction(365, 10), "history")
    ]


def test_a_batch_of_several_days_counts_by_the_day() -> None:
    orders = [{"order_id": "A", "order_date": "2026-11-16"}, {"order_id": "B"}]
    assert rows(table(batch(orders=orders)), "annual_demand") == [(Fraction(16 * 365, 5),)]


def test_nothing_short_nothing_to_buy() -> None:
    ledger = batch((0, 0, 4), (0, 1, 6), (1, 1, 6))
    assert len(table(ledger)) == 0
