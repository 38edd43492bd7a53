"""The fulfilment recipe: what it says of demand and stock, and a bound that every plan respects."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.fulfilment import CENTERS, CITIES, ITEMS, MARGIN, arrivals, hindsight
from benchmarks.policies import POLICIES, follow
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions
from optimizer.model.build import build_model
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value


def test_the_recipe() -> None:
    made = arrivals(1)
    tables = made.tables
    assert 20_000 < len(tables.order_lines) < 30_000
    assert made.kinds.sum(axis=1).tolist() == [0] + [size for size in range(1, 6) for _ in range(5)]
    assert made.arrived.sum() == len(tables.orders)
    by_city = made.arrived.sum(axis=0) / made.arrived.sum()
    people = np.array([city[2] for city in CITIES.values()])
    assert np.allclose(by_city, people / people.sum(), atol=0.02)
    demand = made.arrived.sum(axis=1) @ made.kinds
    held = made.stock[:, :-1].sum(axis=1)
    carried = (made.stock[:, :-1] > 0).any(axis=1)
    assert np.allclose(held[carried], demand[carried], rtol=0.15)  # the expected demand and a little more
    assert 0.6 < (made.stock[:, :-1] > 0).mean() <= 0.85
    costs = tables.lanes["cost_per_unit"].floats().reshape(len(CENTERS) + 1, -1)
    assert np.allclose(costs[-1], 2 * costs[:-1].max(axis=0), atol=1e-3)
    assert math.isclose(costs[0, 7], 0.423 + 0.000541 * 91, abs_tol=0.005)  # AVP3 to New York: some 91 miles


def test_the_bound_is_the_relaxation_of_the_batch() -> None:
    made = arrivals(3, number=40)
    least = hindsight(made)
    model = build_model(made.tables, made.scenario)
    result = solve(model.linear, "highs", SolveOptions(time_limit_s=30, gap=0.002))
    assert result.values is not None
    plan = plan_from_values(model, result.values)
    cost = made.cost(objective_value(made.tables, made.scenario, plan))
    assert plan.qty.sum() == made.tables.order_lines["qty"].sum()
    assert least <= float(cost) + 1e-6
    assert float(cost) <= 1.05 * least


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_serve_everything_and_cost_more(policy: str) -> None:
    made = arrivals(2, number=400)
    plan = follow(policy, made.tables, made.scenario)
    assert plan.qty.sum() == made.tables.order_lines["qty"].sum()
    cost = made.cost(objective_value(made.tables, made.scenario, plan))
    assert hindsight(made) * 1.005 < float(cost) < 2 * hindsight(made)


def test_everything_is_worth_serving() -> None:
    made = arrivals(0, number=50)
    lanes = made.tables.lanes
    assert ((lanes["fixed_cost"] + lanes["cost_per_unit"]).floats() < MARGIN).all()
    assert len(made.tables.products) == ITEMS
