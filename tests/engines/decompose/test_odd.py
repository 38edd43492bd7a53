"""Blocks that the simple shape cannot hold: the same bound, and plans that keep every rule."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import highspy
import numpy as np
import pytest

from optimizer.engines.adapter import Request, roles
from optimizer.engines.base import OWN, SolveServer, solve
from optimizer.engines.decompose import engine, odd_first, work
from optimizer.engines.decompose.dual import Evaluator, clearing_prices
from optimizer.engines.decompose.odd_first import construct_odd
from optimizer.engines.decompose.problem import whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.rough import rough_prices
from optimizer.engines.decompose.small import relaxed
from optimizer.engines.result import SolveOptions
from optimizer.model.linear_model import Block, LinearModel
from tests.engines.decompose.orders import Deaf, random_orders


def with_odd_rows(linear: LinearModel, seed: int, share: float = 0.4) -> LinearModel:
    """The same orders; some demand rows stand twice, then in half units, which no simple block says."""
    own = next(block for block in linear.row_blocks if not block.coupling)
    rng = np.random.default_rng(seed)
    entries = [slice(a, b) for a, b in zip(linear.indptr[:-1], linear.indptr[1:], strict=True)]
    again = [
        row
        for row in range(own.start, own.stop)
        if (linear.data[entries[row]] == 1).all()
        and 1 < linear.row_upper[row] < np.inf
        and np.isneginf(linear.row_lower[row])
        and rng.random() < share
    ]
    sizes = [len(linear.indices[entries[row]]) for row in again]
    last = linear.row_blocks[-1].stop
    return replace(
        linear,
        indptr=np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum(sizes, dtype=np.int64)]),
        indices=np.concatenate([linear.indices, *(linear.indices[entries[row]] for row in again)]),
        data=np.concatenate([linear.data, *(2 * linear.data[entries[row]] for row in again)]),
        row_lower=np.concatenate([linear.row_lower, np.full(len(again), -np.inf)]),
        row_upper=np.concatenate([linear.row_upper, 2 * linear.row_upper[again] + 1]),
        row_blocks=(*linear.row_blocks, Block("again", last, last + len(again), {})),
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_block_earns_the_same_however_it_is_solved(seed: int) -> None:
    linear = random_orders(seed, 30)
    simple = read_problem(linear, roles(linear))
    mixed = read_problem(with_odd_rows(linear, seed), roles(with_odd_rows(linear, seed)))
    assert mixed.odd is not None
    assert 0 < mixed.blocks.n_blocks < simple.blocks.n_blocks
    assert "rows that count a line in different units" in mixed.reasons
    arc, door = mixed.blocks.arc[:-1], mixed.blocks.door[:-1]
    np.testing.assert_array_equal(arc["value"], linear.objective[mixed.arc_column])
    np.testing.assert_array_equal(arc["cap"], linear.col_upper[mixed.arc_column])
    np.testing.assert_array_equal(door["fee"], -linear.objective[mixed.open_column])
    np.testing.assert_array_equal(mixed.shared.row, simple.shared.row)
    price = np.random.default_rng(seed).random(len(simple.shared.rhs)) * 3
    with ThreadPoolExecutor(2) as pool:
        one = Evaluator(simple, pool, 2)(price)
        evaluator = Evaluator(mixed, pool, 2)
        other, again = evaluator(price), evaluator(price, full=False)
    assert other.bound == pytest.approx(one.bound, rel=1e-9)
    np.testing.assert_allclose(other.use, one.use, atol=1e-6)
    assert again.bound == np.inf  # an estimate is no bound
    np.testing.assert_allclose(again.use, other.use)


def test_values_and_bounds_enclose_the_optimum_with_blocks_of_both_kinds() -> None:
    reached = []
    with SolveServer("highs") as highs, SolveServer(OWN, threads=1) as own:
        for seed in range(4):
            linear = with_odd_rows(random_orders(200 + seed, 15), seed)
            best = highs.solve(linear, SolveOptions(gap=0.0))
            found = own.solve(linear, SolveOptions(time_limit_s=20.0, gap=0.0))
            assert best.termination.reason == "OPTIMAL"
            assert found.values is not None
            assert found.objective <= best.objective + 1e-6 <= found.best_bound + 2e-6
            reached.append(found.objective / best.objective)
    assert np.mean(reached) > 0.995


@pytest.mark.parametrize("seed", range(4))
def test_rough_prices_bound_every_plan_nearly_as_well_as_the_best_prices(seed: int) -> None:
    linear = with_odd_rows(random_orders(seed, 120), seed, share=1.0)
    matrix, role = whole_of(linear), roles(linear)
    mixed = read_problem(linear, role, matrix)
    highspy.Highs.resetGlobalScheduler(True)  # other tests of this process may have used other threads
    best = relaxed(matrix(), role, mixed.shared, 60.0)
    with ThreadPoolExecutor(2) as pool:
        found = rough_prices(matrix(), role, mixed, 10.0, 60.0, pool, 2)
        evaluator = Evaluator(mixed, pool, 2)
        nothing = evaluator(np.zeros(len(mixed.shared.rhs))).bound
        assert best is not None
        least, most = evaluator(best.price).bound, evaluator(found.price).bound
    assert least - 1e-6 <= most + 0.01 * abs(least)
    assert most - least < 0.5 * (nothing - least)


def test_a_first_plan_that_is_out_of_time_keeps_every_row_all_the_same() -> None:
    """Blocks that it did not come to have the least that they must."""
    linear = with_odd_rows(random_orders(5, 60), 5, share=1.0)
    matrix = whole_of(linear)
    mixed = read_problem(linear, roles(linear), matrix)
    price, nothing = clearing_prices(mixed), np.zeros(linear.n_cols)
    with ThreadPoolExecutor(2) as pool:
        evaluator = Evaluator(mixed, pool, 2)
        evaluator(price)
        assert evaluator.odd is not None
        made = construct_odd(matrix(), mixed, evaluator.odd, price, nothing)
        cut = construct_odd(matrix(), mixed, evaluator.odd, price, nothing, until_s=np.inf)
    assert made.left_out == 0 < cut.left_out
    assert mixed.odd is not None
    for plan in (made, cut):
        point = np.zeros(linear.n_cols)
        point[mixed.odd.program.columns] = plan.values
        assert matrix().holds(point, linear.row_lower, linear.row_upper)
    assert mixed.odd.program.objective @ made.values > mixed.odd.program.objective @ cut.values


def test_first_plans_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_first, "COLUMNS", 20)  # many programs that ask for the same rows
    monkeypatch.setattr(odd_first, "OF_ALL", 1)
    linear = with_odd_rows(random_orders(6, 80), 6, share=1.0)
    matrix, plans = whole_of(linear), []
    mixed = read_problem(linear, roles(linear), matrix)
    for threads in (1, 2, 5):
        with ThreadPoolExecutor(threads) as pool:
            evaluator = Evaluator(mixed, pool, 1)
            evaluator(price := clearing_prices(mixed))
            assert evaluator.odd is not None
            plans.append(construct_odd(matrix(), mixed, evaluator.odd, price, np.zeros(linear.n_cols)).values)
    assert np.array_equal(plans[0], plans[1])
    assert np.array_equal(plans[0], plans[2])


@pytest.mark.parametrize("seed", range(4))
def test_relaxed_odd_blocks_bound_from_above_too(seed: int) -> None:
    mixed = read_problem(linear := with_odd_rows(random_orders(seed, 30), seed), roles(linear))
    price = np.random.default_rng(seed).random(len(mixed.shared.rhs)) * 3
    with ThreadPoolExecutor(2) as pool:
        whole, relaxed = (Evaluator(mixed, pool, 2, whole=way)(price).bound for way in (True, False))
    assert whole - 1e-6 <= relaxed <= 1.1 * whole


def test_a_batch_of_too_many_odd_blocks_is_planned_from_a_rough_relaxation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Prices of a first-order method, odd blocks relaxed, plans of few columns: all that large batches get."""
    monkeypatch.setattr(work, "MOST_RELAXED", 0)
    monkeypatch.setattr(work, "ODD_COLUMNS_PER_SECOND", 1e-3)
    monkeypatch.setattr(engine, "small_parts", lambda linear, most: [])
    monkeypatch.setattr(engine, "WHOLE", 0)  # nor does HiGHS get all of it
    reached = []
    for seed in range(6):
        linear = with_odd_rows(random_orders(200 + seed, 40), seed, share=0.9)
        best = solve(linear, "highs", SolveOptions(gap=0.0))
        options = SolveOptions(time_limit_s=1.0, gap=0.0, threads=2)
        request = Request(options, tmp_path, deadline=time.monotonic() + 3_600, role=roles(linear))
        found = engine.solve(linear, request, Deaf())
        assert found.values is not None
        value = linear.offset + float(linear.objective @ found.values)
        assert value <= best.objective + 1e-6 <= found.bound + 2e-6
        assert found.stats["passes"] == 0
        reached.append(value / best.objective)
    assert np.mean(reached) > 0.98


def test_a_plan_to_start_from_is_never_lost() -> None:
    linear = with_odd_rows(random_orders(7, 30), 7)
    with SolveServer("highs") as highs, SolveServer(OWN) as own:
        best = highs.solve(linear, SolveOptions(gap=0.0))
        found = own.solve(linear, SolveOptions(time_limit_s=2.0, gap=0.0, start=best.values))
    assert found.objective >= best.objective - 1e-6
