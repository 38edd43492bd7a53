"""The best plan of one block at prices, against HiGHS on the same block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from optimizer.engines.adapter import SHARED, roles
from optimizer.engines.base import SolveServer
from optimizer.engines.decompose.dual import Evaluator
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.result import SolveOptions
from optimizer.model.linear_model import LinearModel
from tests.engines.decompose.orders import random_orders


def priced(linear: LinearModel, price: np.ndarray) -> LinearModel:
    """The orders alone, paying for what they use."""
    shared = roles(linear) == SHARED
    count = np.diff(linear.indptr)
    dual = np.zeros(linear.n_rows)
    dual[shared] = price
    paid = np.bincount(linear.indices, linear.data * np.repeat(dual, count), linear.n_cols)
    keep = np.repeat(~shared, count)
    return replace(
        linear,
        objective=linear.objective - paid,
        indptr=np.concatenate([[0], np.cumsum(count[~shared])]),
        indices=linear.indices[keep],
        data=linear.data[keep],
        row_lower=linear.row_lower[~shared],
        row_upper=linear.row_upper[~shared],
        row_blocks=(),
    )


@pytest.mark.parametrize("rules", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_every_block_earns_what_highs_finds(seed: int, rules: bool) -> None:
    linear = random_orders(seed, 60, rules=rules)
    problem = read_problem(linear, roles(linear))
    price = np.random.default_rng(seed).integers(0, 5, len(problem.shared.rhs)) / 2.0
    with ThreadPoolExecutor(2) as pool:
        found = Evaluator(problem, pool, 2)(price)
    with SolveServer("highs") as server:
        best = server.solve(priced(linear, price), SolveOptions(gap=0.0))
    assert best.termination.reason == "OPTIMAL"
    assert found.block.sum() == pytest.approx(best.objective, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_above_every_plan_and_is_the_sum_of_its_parts(seed: int) -> None:
    linear = random_orders(seed, 25)
    problem = read_problem(linear, roles(linear))
    with SolveServer("highs") as server:
        best = server.solve(linear, SolveOptions(gap=0.0))
    rng = np.random.default_rng(seed)
    with ThreadPoolExecutor(1) as pool:
        evaluator = Evaluator(problem, pool, 1)
        for _ in range(5):
            price = rng.integers(0, 9, len(problem.shared.rhs)) / 3.0
            found = evaluator(price)
            assert found.bound >= best.objective - 1e-6
            assert found.bound == pytest.approx(price @ problem.shared.rhs + found.block.sum())


def test_one_thread_and_three_see_the_same() -> None:
    linear = random_orders(3, 90)
    problem = read_problem(linear, roles(linear))
    price = np.random.default_rng(0).random(len(problem.shared.rhs))
    passes = []
    for threads in (1, 3):
        with ThreadPoolExecutor(threads) as pool:
            passes.append(Evaluator(problem, pool, threads)(price))
    assert passes[0].bound == pytest.approx(passes[1].bound, rel=1e-12)
    np.testing.assert_allclose(passes[0].use, passes[1].use)
