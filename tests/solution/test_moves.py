"""Moves between warehouses in plans: only those that something needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.model.build import build_model
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_value
from optimizer.solution.needed_moves import without_idle_moves
from tests.builders import make_scenario, make_tables
from tests.model.cases import lane, line, stock
from tests.model.solving import moved_stock, plan_of, values_of
from tests.solution.priced import best_plan

HOUSES = [{"warehouse_id": name} for name in ("W1", "W2", "W3")]
STOCK = [stock("W1", 5), stock("W2", 1), stock("W3", 0)]
ROUTES = [
    {"from_warehouse_id": "W2", "to_warehouse_id": "W3"},
    {"from_warehouse_id": "W1", "to_warehouse_id": "W2"},
]


def moving(**tables: Any) -> Any:
    """W1 holds stock, W2 a little; what arrives at W2 may not move on, but W2's own may move to W3."""
    rows = {"warehouses": HOUSES, "stock": STOCK, "transfers": ROUTES, "lanes": [lane("W2"), lane("W3")]}
    return make_tables(make_scenario(), **({"order_lines": [line("A", 4)]} | rows | tables))


@pytest.mark.parametrize(
    ("ship", "moves", "kept"),
    [
        ({("A", "1", "W2"): 3}, {("W1", "W2"): 5}, {("W1", "W2"): 2}),
        ({("A", "1", "W2"): 3}, {("W2", "W3"): 1, ("W1", "W2"): 3}, {("W1", "W2"): 2}),
        ({("A", "1", "W3"): 1}, {("W2", "W3"): 1, ("W1", "W2"): 4}, {("W2", "W3"): 1}),
        ({("A", "1", "W3"): 1, ("A", "1", "W2"): 2}, {("W2", "W3"): 1, ("W1", "W2"): 3},
         {("W2", "W3"): 1, ("W1", "W2"): 2}),
    ],
)  # fmt: skip
def test_moves_are_cut_to_what_ships(ship: Any, moves: Any, kept: Any) -> None:
    model = build_model(moving(), make_scenario())
    plan = replace(plan_of(model, ship), moves=moved_stock(model, moves))
    plan = replace(plan, draws=Ledger(model.tables, model.scenario, plan).plan.draws)
    left = without_idle_moves(model.batch, plan).moves
    wanted = moved_stock(model, kept)
    assert (left.transfer.tolist(), left.units.tolist()) == (wanted.transfer.tolist(), wanted.units.tolist())


def test_a_best_plan_moves_nothing_for_nothing() -> None:
    """Moving is free, yet only three units come to W2, which has one, and what W3 ships goes on there."""
    model, plan, value = best_plan(moving(), make_scenario())
    from_w3 = plan.qty[model.tables.warehouses["warehouse_id"][model.tables.lane_warehouse[plan.lane]] == "W3"]
    assert value == 20
    assert plan.moves.units.sum() == 3 + from_w3.sum()


def test_columns_of_a_plan_with_moves_say_the_same() -> None:
    """The point that stands for a plan has its value, with the fixed cost of each day and the cost of each unit."""
    costs = {"cost_per_unit": "0.25", "cost_per_kg": 2, "fixed_cost": 3}
    tables = moving(transfers=[ROUTES[1] | costs], products=[{"product_id": "P", "unit_weight_kg": "0.5"}])
    model = build_model(tables, make_scenario())
    ship, moves = {("A", "1", "W2"): 3}, {("W1", "W2"): 2}
    plan = replace(plan_of(model, ship), moves=moved_stock(model, moves))
    value = objective_value(tables, make_scenario(), plan)
    assert value == 15 - 3 - 2 * (0.25 + 1)
    assert np.isclose(model.linear.objective @ values_of(model, ship, moves), float(value))
