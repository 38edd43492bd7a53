"""Minimum charges as priced rows: blocks stay simple, bounds are bounds, and plans cost what the matrix says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import OWN as OWN_ROW
from optimizer.engines.adapter import PRICED, SHARED, roles, stock_rows
from optimizer.engines.base import SolveServer
from optimizer.engines.decompose.branch import is_shallow
from optimizer.engines.decompose.dual import Ascent, Evaluator, ascend, clearing_prices
from optimizer.engines.decompose.exact import SimpleSettler
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import empty_state, rebuild
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import Problem, stand_alone
from optimizer.engines.decompose.read import read_problem, settled
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model


def batch_of(lines: int, seed: int) -> tuple[Model, Problem]:
    """Half again the fixed cost at least: two units in three shipments pay more than their own freight."""
    model = build_model(*make_batch(Size(lines, warehouses=3, products=lines // 4, minimum=1.5), seed))
    return model, read_problem(model.linear, roles(model.linear))


def test_they_leave_blocks_simple() -> None:
    model, problem = batch_of(200, 1)
    assert problem.odd is None
    rows = model.linear.rows("minimum_charge")
    alone = stand_alone(problem)
    assert len(rows) > 100
    assert set(problem.shared.row[alone]) == set(rows.positions)
    owner = np.repeat(np.arange(problem.blocks.n_blocks), np.diff(problem.blocks.block["alone"]))
    assert len(owner) == len(problem.blocks.alone) - 1 == len(rows)
    column = model.linear.columns("charge_topup")
    assert set(problem.soft_column[alone]) == set(column.positions)


def test_rows_of_blocks_that_are_odd_anyhow_stay_theirs() -> None:
    """With every policy some orders ship by weight, from kits or several lots; others by a minimum charge alone."""
    tables, scenario = make_batch_of_all(Size(lines=300, warehouses=4, products=60, zones=6)).read()
    linear = build_model(tables, scenario, stages=kept_stages(scenario)).linear
    role = roles(linear)
    roles_now = settled(linear, role).role
    now = roles_now[role == PRICED]
    assert {SHARED, OWN_ROW} >= set(now.tolist())
    assert (now == OWN_ROW).sum() > 20
    assert (roles_now == role)[role != PRICED].all()
    problem = read_problem(linear, role)
    assert problem.odd is not None
    again = read_problem(linear, roles_now)
    assert again.odd is not None
    assert problem.odd.program.columns.tolist() == again.odd.program.columns.tolist()


@pytest.mark.parametrize("seed", range(2))
def test_any_prices_bound_the_best_plan(seed: int) -> None:
    """And some passes of the ascent come near to it."""
    model, problem = batch_of(48, seed)
    random = np.random.default_rng(seed)
    with SolveServer("highs") as highs, ThreadPoolExecutor(2) as pool:
        best = highs.solve(model.linear, SolveOptions(gap=0.0, time_limit_s=120.0)).objective
        evaluator, begin = Evaluator(problem, pool, 2), clearing_prices(problem)
        for _ in range(20):
            price = begin * random.uniform(0.3, 1.5, len(begin))
            alone = stand_alone(problem)
            price[alone] = problem.shared.soft_cost[alone] * random.uniform(0, 1, int(alone.sum()))
            assert evaluator(price).bound >= best - 1e-6
        state = Ascent.begin(evaluator, begin)
        unpriced = state.best.bound
        for _ in ascend(evaluator, state, 200, lambda: False):
            pass
        assert best - 1e-6 <= state.best.bound < best + 0.35 * (unpriced - best)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_plan_costs_what_the_matrix_says(threads: int) -> None:
    """After construction, moves and exact programs, each of which keeps its own account."""
    model, problem = batch_of(90, 2)

    def check() -> float:
        state, linear = improver.state, model.linear
        assert broken_rows(problem, state) == 0
        values = columns_of(problem, state, linear.n_cols)
        assert value_of(problem, state) == pytest.approx(float(linear.objective @ values) + linear.offset, abs=1e-6)
        again = empty_state(problem)._replace(steps=state.steps.copy())
        assert rebuild(problem.blocks, again, improver.guide)
        for kept, found in ((state.slack, again.slack), (state.worth, again.worth), (state.regret, again.regret)):
            assert np.allclose(kept, found, atol=1e-6)
        assert state.regret.min() >= -1e-6
        return value_of(problem, state)

    with ThreadPoolExecutor(threads) as pool:
        evaluator = Evaluator(problem, pool, threads)
        state = Ascent.begin(evaluator, clearing_prices(problem))
        for _ in ascend(evaluator, state, 60, lambda: False):
            pass
        improver = Improver(problem, pool, threads, 0)
        improver.construct(state.best_price, state.best.block)
        first = check()
        for _ in improver.rounds(4_000):
            moved = check()
        settler = SimpleSettler(improver, 0, whole=False)
        for _ in zip(range(3), settler.better(1.0, lambda: 1.0), strict=False):
            settled = check()
    assert first < moved <= settled <= state.best.bound + 1e-6


def test_nobody_branches_where_the_proof_has_no_table() -> None:
    model, problem = batch_of(200, 1)
    stock = np.flatnonzero(stock_rows(model.linear)[problem.shared.row])
    assert not is_shallow(problem, stock)
    plain = build_model(*make_batch(Size(200, warehouses=3, products=50, contract_share=0.5), 1))
    its_problem = read_problem(plain.linear, roles(plain.linear))
    assert is_shallow(its_problem, np.flatnonzero(stock_rows(plain.linear)[its_problem.shared.row]))
