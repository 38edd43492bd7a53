"""HiGHS 1.13.1 takes a start for the optimum where its presolve decides everything that has a cost.

The matrix is the last stage of a batch of three orders with a max-min share, found against exhaustive search; the start
is worth 2.287241 and the optimum 2.737541, as SCIP, CBC and CP-SAT find from the same start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.engines.base import ENGINES, solve
from optimizer.engines.result import SolveOptions
from optimizer.model.linear_model import MATRIX, LinearModel

FILE = Path(__file__).with_name("highs_start.json")


def stored() -> tuple[LinearModel, Any, float]:
    said = json.loads(FILE.read_text(encoding="utf-8"))
    endless = {"row_lower": -np.inf, "row_upper": np.inf}
    arrays = {name: np.array([endless.get(name) if x is None else x for x in said[name]]) for name in MATRIX}
    linear = LinearModel(**arrays, offset=0.0, column_blocks=(), row_blocks=())
    return linear, np.array(said["start"]), said["optimum"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_start_is_not_taken_for_the_optimum(engine: str) -> None:
    linear, start, best = stored()
    found = solve(linear, engine, SolveOptions(gap=0.0, time_limit_s=20, start=start))
    assert found.termination.reason == "OPTIMAL"
    assert found.values is not None
    assert float(linear.objective @ found.values) == pytest.approx(best)
    assert found.best_bound == pytest.approx(best)
