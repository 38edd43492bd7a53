from __future__ import annotations

import numpy as np
import pytest

from optimizer.model.build import build_model
from optimizer.solution.extract import values_from_plan
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.reasons import shorts
from optimizer.solution.top_up import top_up
from tests.builders import make_scenario, make_tables
from tests.solution.solving import Solver
from tests.solution.test_extract import broken, same
from tests.typed_cases import random_cases, typed

NOTHING = Plan.of(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def test_fills_from_nothing_by_gain_while_stock_lasts() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[
            {"order_id": "A", "product_id": "P", "qty": 4, "unit_margin": 2},
            {"order_id": "B", "product_id": "P", "qty": 4, "unit_margin": 3},
            {"order_id": "C", "product_id": "P", "qty": 4, "unit_margin": 0.5},
        ],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 7}],
        lanes=[{"warehouse_id": "W", "fixed_cost": 5}],
    )
    plan = top_up(tables, scenario, NOTHING)
    assert (plan.line.tolist(), plan.qty.tolist()) == ([0, 1], [3, 4])


def test_ships_a_whole_order_or_nothing_of_it() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[
            {"order_id": "A", "line_id": "1", "product_id": "P", "qty": 4},
            {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 2},
            {"order_id": "B", "line_id": "1", "product_id": "P", "qty": 1},
            {"order_id": "B", "line_id": "2", "product_id": "Q", "qty": 9},
        ],
        orders=[{"order_id": name, "delivery_policy": "order_complete"} for name in "AB"],
        stock=[{"warehouse_id": "W", "product_id": name, "on_hand_qty": 5} for name in "PQ"],
    )
    plan = top_up(tables, scenario, NOTHING)
    assert (plan.line.tolist(), plan.qty.tolist()) == ([0, 1], [4, 2])


@pytest.mark.parametrize("families", [0.15, 0.4])
def test_keeps_every_rule_never_loses_and_leaves_nothing_behind(engine: Solver, families: float) -> None:
    """From arbitrary plans that keep the rules; an optimal plan is left as it is."""
    improved = 0
    for seed, case in random_cases(40, families, first=700):
        model = build_model(*typed(case))
        best, start = engine.plan(model), engine.any_plan(model, seed)
        if best is None or start is None:
            continue
        tables, scenario = model.tables, model.scenario
        assert same(top_up(tables, scenario, best), best), f"seed {seed}"
        plan = top_up(tables, scenario, start)
        gain = objective_value(tables, scenario, plan) - objective_value(tables, scenario, start)
        assert broken(model.linear, values_from_plan(model, plan)) == [], f"seed {seed}"
        assert "within_gap" not in shorts(model, plan)["reason"].tolist(), f"seed {seed}"
        assert gain >= 0
        improved += gain > 0
    assert improved >= 3
