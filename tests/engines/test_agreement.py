"""Many small models, one process an engine: against exhaustive search, and against points known to exist."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.engines.base import ENGINES, SolveServer
from optimizer.engines.doctor import dense_model
from optimizer.engines.result import SolveOptions
from optimizer.model.linear_model import LinearModel
from tests.engines.matrices import INF

EXACT = SolveOptions(time_limit_s=30.0, gap=0.0)
COUNT = 60


def tiny(rng: np.random.Generator) -> LinearModel:
    """Up to four whole columns with a few values each, decimal coefficients, rows of every kind."""
    columns = int(rng.integers(2, 5))
    rows = []
    for _ in range(int(rng.integers(1, 4))):
        coefficients = np.round(rng.uniform(-9, 9, columns), int(rng.integers(0, 3)))
        middle = float(np.round(rng.uniform(-10, 15), 1))
        kind = rng.integers(0, 3)
        rows.append((-INF if kind == 0 else middle - 4, coefficients.tolist(), INF if kind == 1 else middle))
    bounds = [(float(low), float(low + rng.integers(1, 4))) for low in rng.integers(-2, 2, columns)]
    return dense_model(
        np.round(rng.uniform(-9, 9, columns), 2).tolist(), rows, bounds, offset=float(rng.integers(-5, 5))
    )


def best(linear: LinearModel) -> float | None:
    """The optimum by trying every point; None if there is none."""
    dense = np.zeros((linear.n_rows, linear.n_cols))
    for row in range(linear.n_rows):
        part = slice(linear.indptr[row], linear.indptr[row + 1])
        dense[row, linear.indices[part]] = linear.data[part]
    ranges = [range(int(low), int(high) + 1) for low, high in zip(linear.col_lower, linear.col_upper, strict=True)]
    points = np.array(list(itertools.product(*ranges)), dtype=float)
    activity = points @ dense.T
    fits = ((activity >= linear.row_lower - 1e-9) & (activity <= linear.row_upper + 1e-9)).all(axis=1)
    return float((points[fits] @ linear.objective).max() + linear.offset) if fits.any() else None


@pytest.mark.parametrize("engine", ENGINES)
def test_the_optimum_of_tiny_models_is_that_of_exhaustive_search(engine: str) -> None:
    rng = np.random.default_rng(11)
    wrong = []
    with SolveServer(engine) as server:
        for number in range(COUNT):
            linear = tiny(rng)
            expected, result = best(linear), server.solve(linear, EXACT)
            reason = "INFEASIBLE" if expected is None else "OPTIMAL"
            if result.termination.reason != reason or (
                expected is not None and abs(result.objective - expected) > 1e-6
            ):
                wrong.append((number, expected, result.objective, result.termination))
    assert wrong == []


def around_a_point(rng: np.random.Generator) -> LinearModel:
    """General models that have a point by construction: right-hand sides at, or just above, its activity."""
    columns = int(rng.integers(2, 9))
    low = rng.choice([0, -50, -100], columns)
    high = rng.choice([1, 10, 100, 200], columns)
    whole = rng.random(columns) < 0.6
    point = np.array([rng.integers(a, b + 1) for a, b in zip(low, high, strict=True)])
    rows = []
    for _ in range(int(rng.integers(columns, 3 * columns + 1))):
        coefficients = np.round(rng.uniform(-100, 100, columns), int(rng.integers(0, 3)))
        coefficients[rng.random(columns) < 0.3] = 0.0
        slack = rng.choice([0.0, 0.01, round(float(rng.uniform(0, 50)), 2)])
        rows.append((-INF, coefficients.tolist(), round(float(coefficients @ point) + slack, 4)))
    objective = np.round(rng.uniform(-50, 50, columns), 1)
    return dense_model(objective.tolist(), rows, list(zip(low.tolist(), high.tolist(), strict=True)), whole.tolist())


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "cpsat"])
def test_no_engine_calls_a_model_with_a_point_infeasible(engine: str) -> None:
    rng = np.random.default_rng(12)
    false, unsure = [], 0
    with SolveServer(engine) as server:
        for number in range(COUNT):
            result = server.solve(around_a_point(rng), SolveOptions(time_limit_s=10.0, gap=1e-6))
            if result.termination.reason in ("INFEASIBLE", "UNBOUNDED"):
                false.append((number, result.termination, result.native_status))
            unsure += result.termination.reason not in ("OPTIMAL", "FEASIBLE")
    assert false == []
    assert unsure <= COUNT // 10
