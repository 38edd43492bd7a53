"""Rule-based policies keep every rule, do what their names say, and refuse what they know nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from benchmarks.policies import POLICIES, follow
from optimizer.model.build import build_model
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.rules import check_rules
from optimizer.proof.tally import Tally
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import values_from_plan
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables

LIMITED = Size(600, warehouses=4, products=40, zones=6, lines_per_order=3.0, contract_share=0.5, capacity=0.7)


@pytest.mark.parametrize("policy", POLICIES)
def test_its_plan_keeps_every_rule(policy: str) -> None:
    tables, scenario = make_batch(LIMITED, seed=2)
    plan = follow(policy, tables, scenario)
    facts = Facts(tables, scenario)
    tally = Tally(facts, Rows.of(facts, plan.line, plan.lane, plan.qty))
    assert [rule.words() for rule in check_rules(tally) if not rule.passed] == []
    value = objective_value(tables, scenario, plan)
    assert tally.objective == value
    assert plan.qty.sum() > 0.5 * tables.order_lines["qty"].sum()
    assert len(values_from_plan(build_model(tables, scenario), plan))  # a point of the matrix, too


def two_orders(**more: Any) -> tuple[Tables, Scenario]:
    """Order 2 comes later and matters more; W1 is near and has one unit, W2 is far and has two."""
    tables: dict[str, list[Mapping[str, Any]]] = {
        "orders": [
            {"order_id": "1", "customer_id": "C", "zone_id": "Z", "priority": 3, "order_date": "2026-11-01"},
            {"order_id": "2", "customer_id": "C", "zone_id": "Z", "priority": 1, "order_date": "2026-11-02"},
        ],
        "order_lines": [
            {"order_id": key, "line_id": "1", "product_id": "P", "qty": 2, "unit_margin": 10} for key in "12"
        ],
        "stock": [
            {"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 1},
            {"warehouse_id": "W2", "product_id": "P", "on_hand_qty": 2},
        ],
        "lanes": [
            {"warehouse_id": "W1", "zone_id": "Z", "fixed_cost": 2, "cost_per_unit": 1},
            {"warehouse_id": "W2", "zone_id": "Z", "fixed_cost": 2, "cost_per_unit": 2},
        ],
    }
    scenario = make_scenario()
    return make_tables(scenario, **(tables | more)), scenario


def rows(plan: Plan) -> list[tuple[int, int, int]]:
    return list(zip(plan.line.tolist(), plan.lane.tolist(), plan.qty.tolist(), strict=True))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("fcfs_nearest", [(0, 0, 1), (0, 1, 1), (1, 1, 1)]),
        ("priority_nearest", [(0, 1, 1), (1, 0, 1), (1, 1, 1)]),
        ("cheapest_now", [(0, 1, 2), (1, 0, 1)]),
    ],
)
def test_it_does_what_its_name_says(policy: str, expected: list[tuple[int, int, int]]) -> None:
    assert rows(follow(policy, *two_orders())) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_ships_at_a_loss(policy: str) -> None:
    tables, scenario = two_orders(
        warehouses=[{"warehouse_id": key, "handling_cost_per_unit": 8} for key in ("W1", "W2")]
    )
    assert len(follow(policy, tables, scenario)) == 0


def test_the_better_lines_get_the_room() -> None:
    lines = [
        {"order_id": "1", "line_id": str(n), "product_id": "P", "qty": 1, "unit_margin": 10 * n} for n in (1, 2, 3)
    ]
    orders = [{"order_id": "1", "customer_id": "C", "zone_id": "Z"}]
    houses = [{"warehouse_id": "W1"}, {"warehouse_id": "W2", "capacity_units": 1}]
    plan = follow("cheapest_now", *two_orders(orders=orders, order_lines=lines, warehouses=houses))
    assert rows(plan) == [(1, 1, 1), (2, 0, 1)]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"products": [{"product_id": "P", "case_pack": 2}]}, "case_pack"),
        ({"pins": [{"order_id": "1", "line_id": "1", "warehouse_id": "W1", "mode": "forbid"}]}, "pins"),
        ({"contracts": [{"contract_id": "K", "min_qty": 1}]}, "contracts that must hold"),
        ({"warehouses": [{"warehouse_id": "W1", "capacity_kg": 5}, {"warehouse_id": "W2"}]}, "capacity_kg"),
    ],
)
def test_it_refuses_what_it_knows_nothing_of(more: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        follow("cheapest_now", *two_orders(**more))


def test_service_values_are_refused() -> None:
    tables, _ = two_orders()
    with pytest.raises(ValueError, match="objective"):
        follow("fcfs_nearest", tables, make_scenario(service={"value": 1}))


def test_no_orders_no_plan() -> None:
    tables, scenario = make_batch(Size(5, warehouses=2, products=3, zones=2, charge=1_000.0))
    plan = follow("fcfs_nearest", tables, scenario)
    assert len(plan) == 0
    assert plan.qty.dtype == np.int64
