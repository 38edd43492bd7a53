from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from optimizer.solution.metrics import kpis, objective_of, objective_value
from optimizer.solution.plan import Plan
from tests.builders import make_scenario, make_tables
from tests.solution.batch import batch

NOTHING = Plan.of(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def test_every_kpi_against_numbers_worked_out_by_hand() -> None:
    # freight: A/V 1 + 6·0.2 + 3·0.4 = 3.4; A/W 2 + (4·0.5 + 4·0.25)·1 = 5; B/V max(3, 1 + 0.4 + 0.4) = 3
    # K1 asks for ceil(0.9 · 16) = 15 of P and gets 12
    assert kpis(*batch()) == {
        "margin": 6 * 5 + 4 * 5 + Fraction(5, 2) * 4 + 2 * 3,
        "service_value": 2 * (3 * 14 + 2),
        "shipping_cost": Fraction("11.4"),
        "handling_cost": Fraction("0.8"),
        "opening_cost": 7,
        "transfer_cost": 0,
        "penalties": Fraction("4.5"),
        "holding_value": 0,
        "lateness_cost": 0,
        "shortfall_cost": Fraction("4.5"),
        "substitution_cost": 0,
        "stability_cost": 0,
        "moved_units": 0,
        "orders": 3,
        "order_lines": 4,
        "units_ordered": 25,
        "units_allocated": 16,
        "orders_served": 2,
        "unit_fill_rate": Fraction(16, 25),
        "line_fill_rate": Fraction(2, 4),
        "order_fill_rate": Fraction(1, 3),
        "weighted_service_level": Fraction(3 * 14 + 2, 3 * 14 + 6 + 5),
        "otif_rate": 0,  # A is full, but its units from W arrive a day late
        "partial_orders": 1,
        "deferred_orders": 0,
        "late_orders": 1,
        "substituted_units": 0,
        "transferred_units": 0,
        "cost_per_order": Fraction("19.2") / 2,
        "shipments": 3,
        "split_orders": 1,
        "backorder_units": 9,
        "backorder_value": 4 * 7,
        "backorder_lines_without_price": 1,
        "warehouse_utilization": Fraction(8, 20),
        "stock_value_before": 28 * 4 + 10,
        "stock_value_received": 0,
        "stock_value_allocated": 12 * 4 + 4,
        "stock_value_left": (28 * 4 + 10) - 52,
        "inventory_turnover": Fraction(52) / Fraction(122 + 70, 2),
        "contracts": 2,
        "contracts_met": 1,
    }


def test_the_objective_weighs_the_terms_and_can_be_rebuilt_from_the_kpis() -> None:
    tables, scenario, plan = batch()
    by_hand = 66 + Fraction("0.5") * 88 - 2 * Fraction("19.2") - Fraction("4.5")
    assert objective_value(tables, scenario, plan) == by_hand
    assert objective_of(scenario, kpis(tables, scenario, plan)) == by_hand  # type: ignore[arg-type]


def test_a_later_due_date_makes_the_order_on_time() -> None:
    assert kpis(*batch(due_a="2026-11-22"))["otif_rate"] == Fraction(1, 3)
    assert kpis(*batch(due_a=""))["otif_rate"] == Fraction(1, 3)


@pytest.mark.parametrize(
    ("measure", "value", "level"),
    [("unit", 2 * 44, Fraction(44, 53)), ("line", 2 * (3 + 3), Fraction(6, 8)), ("order", 2 * 3, Fraction(3, 5))],
)
def test_service_by_each_measure(measure: str, value: int, level: Fraction) -> None:
    found = kpis(*batch(measure=measure))
    assert (found["service_value"], found["weighted_service_level"]) == (value, level)


def test_a_quota_overshot_is_a_contract_not_met() -> None:
    tables, scenario, plan = batch()
    tight = tables.replace(
        contracts=make_tables(
            order_lines=[{"order_id": "A", "product_id": "P", "qty": 1}],
            stock=[{"warehouse_id": "V", "product_id": "P", "on_hand_qty": 1}],
            contracts=[{"contract_id": "K", "min_qty": 1, "max_qty": 15}, {"contract_id": "L", "max_qty": 16}],
        ).contracts
    )
    assert kpis(tight, scenario, plan)["contracts_met"] == 1


def test_rates_without_a_denominator_are_none() -> None:
    tables = make_tables(
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 5}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
        orders=[{"order_id": "A", "service_weight": 0}],
    )
    found = kpis(tables, make_scenario(), NOTHING)
    undefined = {name for name, value in found.items() if value is None}
    assert undefined == {"weighted_service_level", "cost_per_order", "warehouse_utilization", "inventory_turnover"}
    assert found["unit_fill_rate"] == 0


def test_thirds_of_a_kilogram_stay_exact() -> None:
    scenario = make_scenario(weights={"margin": 0})
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 3, "weight_kg": 1}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
        lanes=[{"warehouse_id": "W", "cost_per_kg": 1}],
    )
    one = np.array([0])
    assert kpis(tables, scenario, Plan(one, one, np.array([2])))["shipping_cost"] == Fraction(2, 3)
    assert kpis(tables, scenario, Plan(one, one, np.array([3])))["shipping_cost"] == 1


def test_margin_is_price_less_cost_and_nothing_where_neither_is_known() -> None:
    scenario = make_scenario(weights={"margin": 0})
    tables = make_tables(
        scenario,
        order_lines=[
            {"order_id": "A", "product_id": "P", "qty": 1, "unit_price": 5},
            {"order_id": "B", "product_id": "P", "qty": 1, "unit_price": 5, "unit_margin": 2},
            {"order_id": "C", "product_id": "P", "qty": 1, "unit_price": None},
        ],
        products=[{"product_id": "P", "unit_cost": 4}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
    )
    zero = np.array([0])
    margins = [kpis(tables, scenario, Plan(np.array([i]), zero, np.array([1])))["margin"] for i in range(3)]
    assert margins == [1, 2, 0]
