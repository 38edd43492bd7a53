"""Tables and figures of a plan with dates, lots, a kit, a substitute, a transfer and a plan to stay near to."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.proof.checker import check_folder
from optimizer.report.write import publish
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis_of, objective_of, objective_terms
from optimizer.solution.outputs import tables_of
from optimizer.solution.plan import MovedStock, Plan
from tests.builders import make_scenario, make_tables
from tests.report.sample import bundle_of
from tests.solution.policy_batch import policy_batch
from tests.solution.test_outputs import rows

HALF = Fraction(1, 2)


def texts(table: Any, *columns: str) -> list[tuple[Any, ...]]:
    """Cells with dates as text."""
    return [tuple(str(cell) if hasattr(cell, "year") else cell for cell in row) for row in rows(table, *columns)]


def test_allocations_say_what_is_picked_and_whom_it_serves() -> None:
    table = tables_of(policy_batch())["allocations"]
    keys = ("order_id", "product_id", "ship_product_id", "warehouse_id", "lot_id", "ship_date", "arrive_date")
    assert texts(table, *keys) == [
        ("A", "P", "P", "V", "", "2026-11-20", "2026-11-21"),
        ("A", "P", "P", "V", "", "2026-11-22", "2026-11-23"),
        ("B", "P", "S", "W", "", "2026-11-20", "2026-11-22"),
        ("C", "KIT", "C", "V", "", "2026-11-20", "2026-11-21"),
        ("C", "KIT", "D", "V", "", "2026-11-20", "2026-11-21"),
        ("D", "L", "L", "W", "L1", "2026-11-20", "2026-11-22"),
        ("D", "L", "L", "W", "L2", "2026-11-20", "2026-11-22"),
        ("E", "L", "L", "V", "L2", "2026-11-21", "2026-11-22"),
    ]
    # variable cost: V 0.2 + 0.1 handling a unit; W 1 a kg: S 1 kg, L 2.5 kg by volume (250 · 0.01)
    figures = ("qty", "ordered_qty_served", "margin", "service_value", "variable_cost", "days_late")
    assert rows(table, *figures) == [
        (8, 8, 40, 48, Fraction("2.4"), 0),
        (2, 2, 10, 12, Fraction("0.6"), 1),
        (6, 3, 18, 6, 6, None),
        (8, 4, 24, 8, Fraction("2.4"), 0),
        (4, 0, 0, 0, Fraction("1.2"), 0),
        (3, 3, 9, 18, Fraction("7.5"), None),
        (3, 3, 9, 18, Fraction("7.5"), None),
        (1, 1, 3, 2, Fraction("0.3"), None),
    ]


def test_shipments_are_told_apart_by_their_day() -> None:
    table = tables_of(policy_batch())["shipments"]
    assert rows(table, "shipment_id", "units", "weight_kg", "chargeable_kg", "fixed_cost", "variable_cost") == [
        ("A/V/standard/2026-11-20", 8, 4, 4, 1, Fraction("1.6")),
        ("A/V/standard/2026-11-22", 2, 1, 1, 1, Fraction("0.4")),
        ("B/W/standard", 6, 6, 6, 2, 6),
        ("C/V/standard", 12, Fraction("1.6"), Fraction("1.6"), 1, Fraction("2.4")),
        ("D/W/standard", 6, 12, 15, 2, 15),
        ("E/V/standard/2026-11-21", 1, 2, 2, 1, Fraction("0.2")),
    ]


def test_orders_are_told_apart_by_how_they_ended() -> None:
    table = tables_of(policy_batch())["orders"]
    flags = ("partial", "deferred", "alternate_warehouse", "substituted", "late")
    assert rows(table, "order_id", "status", "home_warehouse_id", *flags) == [
        ("A", "partial", "V", True, True, False, False, True),
        ("B", "alternate", "V", False, False, True, True, False),
        ("C", "full", "V", False, False, False, False, False),
        ("D", "full", "W", False, False, False, False, False),
        ("E", "partial", "W", True, True, True, False, False),
        ("H", "held", "V", False, False, False, False, False),
    ]
    assert texts(table, "shipments", "first_ship_date", "last_arrive_date", "days_late") == [
        (2, "2026-11-20", "2026-11-23", 1),
        (1, "2026-11-20", "2026-11-22", None),
        (1, "2026-11-20", "2026-11-21", 0),
        (1, "2026-11-20", "2026-11-22", None),
        (1, "2026-11-21", "2026-11-22", None),
        (0, None, None, None),
    ]
    assert rows(table, "ordered_qty", "allocated_qty", "margin_short") == [
        (12, 10, 10), (3, 3, 0), (4, 4, 0), (6, 6, 0), (2, 1, 3), (5, 0, 10),
    ]  # fmt: skip


def test_an_order_that_waits_for_a_receipt_is_deferred_and_one_that_gets_nothing_unserved() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": name, "product_id": "P", "qty": 2} for name in "AB"],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 0}],
        inbound=[{"receipt_id": "R", "warehouse_id": "W", "product_id": "P", "qty": 2, "available_date": "2026-11-23"}],
    )
    plan = Plan.of(np.array([0]), np.array([0]), np.array([2]), np.array([3]))
    table = tables_of(Ledger(tables, scenario, plan))["orders"]
    assert rows(table, "status", "deferred") == [("deferred", True), ("unserved", False)]


@pytest.mark.parametrize("measure", ["unit", "line", "order"])
def test_columns_of_orders_and_allocations_add_up_to_the_figures(measure: str) -> None:
    ledger = policy_batch()
    scenario = ledger.scenario.model_copy(
        update={"service": ledger.scenario.service.model_copy(update={"measure": measure})}
    )
    ledger = Ledger(ledger.tables, scenario, ledger.plan)
    made, figures = tables_of(ledger), kpis_of(ledger)
    shared = {"margin", "service_value", "shipping_cost", "handling_cost", "lateness_cost", "substitution_cost"}
    for name in shared | {"holding_value"}:
        column: Exact = made["orders"][name]
        assert column.sum() == figures[name], name
    assert made["allocations"]["service_value"].sum() == figures["service_value"] > 0
    assert made["allocations"]["ordered_qty_served"].sum() == figures["units_allocated"]
    assert made["transfers"]["cost"].sum() == figures["transfer_cost"]
    freight = made["shipments"]["fixed_cost"].sum() + made["shipments"]["variable_cost"].sum()
    assert freight == figures["shipping_cost"]


def test_figures_worked_out_by_hand() -> None:
    found = kpis_of(policy_batch())
    expected: dict[str, object] = {
        "shipping_cost": Fraction("2.6") + Fraction("1.4") + 8 + Fraction("3.4") + 17 + Fraction("1.2"),
        "handling_cost": Fraction("2.3"),
        "transfer_cost": Fraction("0.4") + Fraction("0.1") * 2 + 3,
        "lateness_cost": HALF,  # 0.25 · 1 day · 2 units
        "shortfall_cost": 0,
        "substitution_cost": 3 * HALF,
        "stability_cost": 3 * HALF,  # 2 units of A and 1 of B no longer leave V
        "penalties": Fraction("3.5"),
        "moved_units": 3,
        "holding_value": Fraction("0.9"),  # all three units of the old lot
        "otif_rate": HALF,  # B, C and D of six
        "partial_orders": 2,
        "deferred_orders": 2,
        "late_orders": 1,
        "substituted_units": 3,
        "transferred_units": 1,
        "split_orders": 1,
        "stock_value_before": 10 + 8 + 32 + 40 + 30,
        "stock_value_received": 8,  # the first receipt; the other one comes after the last shipment
        "stock_value_allocated": 40 + 9 + 8 + 8 + 35,
        "stock_value_left": 28,
        "inventory_turnover": Fraction(100, 74),
        "inventory_to_working_capital_before": Fraction(120, 400),
        "inventory_to_working_capital": Fraction(28, 400),
    }
    assert {name: found[name] for name in expected} == expected


def test_the_objective_is_rebuilt_from_the_figures() -> None:
    ledger = policy_batch()
    costs = Fraction("33.6") + Fraction("2.3") + Fraction("3.6")
    assert objective_of(ledger.scenario, kpis_of(ledger)) == 113 + 112 - costs - Fraction("3.5") + Fraction("0.9")  # type: ignore[arg-type]
    assert objective_of(ledger.scenario, objective_terms(ledger)) == Fraction("182.9")


def test_working_capital_is_told_only_where_it_is_given() -> None:
    ledger = policy_batch()
    without = Ledger(ledger.tables, ledger.scenario.model_copy(update={"finance": None}), ledger.plan)
    gone = kpis_of(ledger).keys() - kpis_of(without).keys()
    assert gone == {"inventory_to_working_capital", "inventory_to_working_capital_before"}


def test_transfers_pay_their_fixed_cost_once_a_day() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 1}],
        products=[{"product_id": "P", "unit_weight_kg": 2}, {"product_id": "Q"}],
        stock=[{"warehouse_id": house, "product_id": product, "on_hand_qty": 9} for house in "VW" for product in "PQ"],
        inbound=[{"receipt_id": "R", "warehouse_id": "W", "product_id": "Q", "qty": 1, "available_date": "2026-11-22"}],
        transfers=[
            {"from_warehouse_id": "W", "to_warehouse_id": "V", "product_id": "Q", "cost_per_unit": 1, "fixed_cost": 5},
            {"from_warehouse_id": "W", "to_warehouse_id": "V", "cost_per_kg": 1, "transit_days": 3, "fixed_cost": 7},
        ],
    )
    none = np.zeros(0, dtype=np.int64)
    supply = Ledger(tables, scenario, Plan(none, none, none)).batch.supply
    p, q = (int(np.flatnonzero((supply.warehouse == 1) & (supply.product == at))[0]) for at in (0, 1))
    row_of = {name: at for at, name in enumerate(tables.transfers["product_id"])}
    moves = [(row_of[""], p, 0, 4, 0), (row_of["Q"], q, 0, 2, 1), (row_of["Q"], q, 2, 3, 1)]
    moved = MovedStock(*(np.array(column) for column in zip(*sorted(moves), strict=True)))
    ledger = Ledger(tables, scenario, Plan(none, none, none, moves=moved))
    columns = (
        "from_warehouse_id",
        "to_warehouse_id",
        "product_id",
        "lot_id",
        "qty",
        "ship_date",
        "arrive_date",
        "cost",
    )
    assert texts(tables_of(ledger)["transfers"], *columns) == [
        ("W", "V", "P", "", 4, "2026-11-20", "2026-11-23", 4 * 2 + 7),
        ("W", "V", "Q", "", 2, "2026-11-20", "2026-11-20", 2 + 5),
        ("W", "V", "Q", "", 3, "2026-11-22", "2026-11-22", 3 + 5),
    ]
    assert kpis_of(ledger)["transfer_cost"] == 15 + 7 + 8


def test_a_tariff_is_the_freight_of_its_shipment_and_of_no_row() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 10}],
        products=[{"product_id": "P", "unit_weight_kg": 0.5}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10}],
        lanes=[{"warehouse_id": "W", "fixed_cost": 90, "cost_per_kg": 90, "min_charge": 900}],
        rate_bands=[
            {"warehouse_id": "W", "zone_id": "Z", "service_id": "standard", "rate_id": "R1", "from_kg": 0,
             "flat_cost": 3, "cost_per_kg": 2},
            {"warehouse_id": "W", "zone_id": "Z", "service_id": "standard", "rate_id": "R2", "from_kg": 5,
             "cost_per_kg": 1, "min_charge": 6},
        ],
    )  # fmt: skip
    made = [
        tables_of(Ledger(tables, scenario, Plan(np.array([0]), np.array([0]), np.array([units])))) for units in (9, 10)
    ]
    found = [rows(tables["shipments"], "fixed_cost", "variable_cost")[0] for tables in made]
    assert found == [(3, 9), (0, 6)]  # 3 + 2 · 4.5 kg; max(6, 5 · 1): from 5 kg the second band alone holds it
    assert [rows(tables["allocations"], "variable_cost") for tables in made] == [[(0,)], [(0,)]]


def test_the_independent_checker_finds_the_same_tables_and_figures(tmp_path: Path) -> None:
    terms = [{"contract_id": "K", "product_id": "P", "min_qty": 20, "shortfall_penalty": 3}]
    ledger = policy_batch(contracts=terms, budgets=[{"budget_id": "B", "kind": "transfer_cost", "limit": 4}])
    bundle = bundle_of(ledger.tables, ledger.scenario, ledger.plan)
    checked = check_folder(publish(bundle, tmp_path / "run"), ledger.tables, ledger.scenario)
    found = {rule.rule: rule for rule in checked.rules}
    tables = ("allocations", "orders", "shipments", "transfers", "warehouses", "contracts", "shorts")
    for name in (
        *(f"{table}_table" for table in tables),
        "kpis",
        "objective",
        "warehouse_stock",
        "lot_stock",
        "budget",
    ):
        assert found[name].passed, name
        assert found[name].rows_checked > 0, name
