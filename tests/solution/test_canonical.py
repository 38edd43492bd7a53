"""Equal optima: every engine ends at the same plan, the lexicographically greatest one."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from optimizer.engines.base import ENGINES
from optimizer.model.build import build_model
from optimizer.solution.optimize import optimize
from tests.builders import make_scenario, make_tables


def tied() -> dict[str, list[dict[str, object]]]:
    """Four equal lines want five units that lie in two equal warehouses."""
    return {
        "order_lines": [{"order_id": f"O{i}", "product_id": "P", "qty": 2, "unit_margin": 3} for i in range(1, 5)],
        "stock": [{"warehouse_id": w, "product_id": "P", "on_hand_qty": q} for w, q in (("W1", 2), ("W2", 3))],
    }


def greatest() -> tuple[int, ...]:
    """By trying everything: units by line and warehouse, in this order."""
    best: tuple[int, ...] = ()
    for units in itertools.product(range(3), repeat=8):
        lines = [units[i] + units[i + 1] for i in range(0, 8, 2)]
        if max(lines) <= 2 and sum(units[::2]) <= 2 and sum(units[1::2]) <= 3 and sum(units) == 5:
            best = max(best, units)
    return best


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_ends_at_the_first_of_the_equal_optima(engine: str) -> None:
    scenario = make_scenario(solve={"engine": engine, "gap": 0})
    model = build_model(make_tables(scenario, **tied()), scenario)
    answer = optimize(model, None, None, threading.Event())
    assert answer.tie_break == "canonical"
    assert answer.plan is not None
    units = np.zeros(8, dtype=int)
    units[answer.plan.line * 2 + answer.plan.lane] = answer.plan.qty
    assert tuple(units.tolist()) == greatest()
