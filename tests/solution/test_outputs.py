from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis
from optimizer.solution.outputs import plan_tables
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table
from tests.builders import make_scenario, make_tables
from tests.solution.batch import batch

COLUMNS = {
    "allocations": "order_id, line_id, product_id, ship_product_id, warehouse_id, lot_id, service_id, ship_date, "
    "arrive_date, qty, ordered_qty_served, margin, service_value, variable_cost, days_late",
    "orders": "order_id, customer_id, status, partial, deferred, alternate_warehouse, substituted, late, "
    "home_warehouse_id, ordered_qty, allocated_qty, shipments, first_ship_date, last_arrive_date, days_late, margin, "
    "service_value, shipping_cost, handling_cost, lateness_cost, substitution_cost, holding_value, margin_short",
    "shipments": "shipment_id, order_id, warehouse_id, service_id, ship_date, lines, units, weight_kg, chargeable_kg, "
    "fixed_cost, variable_cost",
    "warehouses": "warehouse_id, opened, used_units, capacity_units, used_lines, capacity_lines, used_shipments, "
    "capacity_shipments, used_kg, capacity_kg, handling_cost, opening_cost",
    "transfers": "from_warehouse_id, to_warehouse_id, product_id, lot_id, qty, ship_date, arrive_date, cost",
    "contracts": "contract_id, required_qty, allocated_qty, shortfall_qty, shadow_price",
}


def rows(table: Table, *columns: str) -> list[tuple[object, ...]]:
    """Plain values; None where a cell is blank."""
    read = []
    for name in columns:
        cells = table[name]
        values = cells.fractions() if isinstance(cells, Exact) else cells.tolist()
        read.append([value if given else None for value, given in zip(values, table.given(name), strict=True)])
    return list(zip(*read, strict=True))


def test_tables_have_the_columns_of_the_contract_in_their_order() -> None:
    made = plan_tables(*batch())
    assert {name: ", ".join(table.columns) for name, table in made.items()} == COLUMNS
    assert all(len({len(column) for column in table.columns.values()}) == 1 for table in made.values())
    assert len(made["transfers"]) == 0


def test_allocations() -> None:
    table = plan_tables(*batch())["allocations"]
    ids = rows(table, "order_id", "line_id", "ship_product_id", "warehouse_id", "lot_id", "service_id")
    assert ids == [
        ("A", "1", "P", "V", "", "standard"),
        ("A", "1", "P", "W", "", "standard"),
        ("A", "2", "Q", "W", "", "standard"),
        ("B", "1", "P", "V", "", "standard"),
    ]
    # variable cost: V (0.2 + 0.4 · 0.5 + 0.1 handling) a unit of P; W 0.5 a unit of P, 0.25 a unit of A/2
    assert rows(table, "qty", "margin", "service_value", "variable_cost", "days_late") == [
        (6, 30, 36, 3, 0),
        (4, 20, 24, 2, 1),
        (4, 10, 24, 1, 1),
        (2, 6, 4, 1, 0),
    ]
    assert [str(day) for day in table["arrive_date"]] == ["2026-11-21", "2026-11-22", "2026-11-22", "2026-11-21"]
    assert {str(day) for day in table["ship_date"]} == {"2026-11-20"}
    assert table.extra["x_note"].tolist() == ["", "", "gift", ""]


def test_days_late_is_blank_without_a_due_date() -> None:
    late = rows(plan_tables(*batch(due_a=""))["allocations"], "days_late")
    assert late == [(None,), (None,), (None,), (0,)]


@pytest.mark.parametrize(("measure", "expected"), [("line", [6, 0, 6, 0]), ("order", [6, 0, 0, 0])])
def test_the_bonus_of_a_full_line_or_order_stands_on_its_first_row(measure: str, expected: list[int]) -> None:
    given = batch(measure=measure)
    assert [value for (value,) in rows(plan_tables(*given)["allocations"], "service_value")] == expected
    assert sum(expected) == kpis(*given)["service_value"]


def test_shipments_split_freight_into_fixed_and_variable() -> None:
    table = plan_tables(*batch())["shipments"]
    assert rows(table, "shipment_id", "lines", "units", "weight_kg", "fixed_cost", "variable_cost") == [
        ("A/V/standard", 1, 6, 3, 1, Fraction("2.4")),
        ("A/W/standard", 2, 8, 3, 2, 3),
        ("B/V/standard", 1, 2, 1, 1, 2),  # lifted from 1.8 to the minimum charge of 3
    ]


def test_warehouses_and_contracts() -> None:
    made = plan_tables(*batch())
    assert rows(made["warehouses"], *COLUMNS["warehouses"].split(", ")) == [
        ("V", True, 8, 20, 2, None, 2, None, 4, None, Fraction("0.8"), 7),
        ("W", True, 8, None, 2, None, 1, None, 3, 50, 0, 0),
        ("X", False, 0, 100, 0, None, 0, None, 0, None, 0, 0),
    ]
    assert rows(made["contracts"], *COLUMNS["contracts"].split(", ")) == [
        ("K1", 15, 12, 3, None),
        ("K2", 5, 14, 0, None),
    ]


def test_two_services_of_one_warehouse_are_two_shipments() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 5}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
        lanes=[{"warehouse_id": "W", "service_id": service} for service in ("express", "standard")],
    )
    plan = Plan.of(np.array([0, 0]), np.array([1, 0]), np.array([2, 3]))
    made = plan_tables(tables, scenario, plan)
    assert rows(made["shipments"], "service_id", "units") == [("express", 3), ("standard", 2)]
    assert rows(made["warehouses"], "used_units", "used_lines", "used_shipments") == [(5, 2, 2)]


def test_an_empty_plan_has_empty_tables() -> None:
    tables, scenario, _ = batch()
    nothing = Plan.of(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    made = plan_tables(tables, scenario, nothing)
    assert [len(made[name]) for name in ("allocations", "shipments")] == [0, 0]
    assert not Ledger(tables, scenario, nothing).warehouse_opened.any()
