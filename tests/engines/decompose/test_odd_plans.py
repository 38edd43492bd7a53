"""Exact programs over blocks of both kinds, on the matrix: against HiGHS, and several at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import highspy
import numpy as np
import pytest

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.instances import Size
from optimizer.engines.adapter import roles
from optimizer.engines.base import SolveServer
from optimizer.engines.decompose import odd_plans
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.odd_plans import MixedSettler, _Helping, leave
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import the_odd, whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.result import SolveOptions
from optimizer.model.build import build_model
from optimizer.model.linear_model import LinearModel
from tests.engines.decompose.orders import random_orders
from tests.engines.decompose.test_odd import with_odd_rows

THREADS = 3


def orders(seed: int, count: int, share: float = 0.5) -> LinearModel:
    """Orders some of which are odd, and short stock."""
    return with_odd_rows(random_orders(seed, count), seed, share)


@contextmanager
def settler_of(linear: LinearModel, seed: int = 0) -> Iterator[MixedSettler]:
    """It begins from a plan in which odd blocks have nothing and simple ones what they find at random prices."""
    highspy.Highs.resetGlobalScheduler(True)
    whole = whole_of(linear)
    problem = read_problem(linear, roles(linear), whole)
    nothing = np.zeros(len(the_odd(problem).program.columns))
    price = np.random.default_rng(seed).integers(0, 5, len(problem.shared.rhs)) / 2.0
    with ThreadPoolExecutor(THREADS) as pool:
        improver = Improver(leave(problem, nothing), pool, THREADS, seed)
        improver.construct(price, np.zeros(problem.blocks.n_blocks))
        yield MixedSettler(whole(), problem, improver, seed, None)


def value(settler: MixedSettler) -> float:
    """Of the plan that the improver has, which must hold."""
    problem, state = settler.improver.problem, settler.improver.state
    assert not broken_rows(problem, state)
    point = columns_of(problem, state, len(settler.program.columns))
    assert settler.program.holds(point, settler.program.row_lower, settler.program.row_upper)
    assert settler.program.objective @ point == pytest.approx(value_of(problem, state), rel=1e-12)
    return value_of(problem, state)


@pytest.mark.parametrize("seed", range(3))
def test_one_program_of_all_blocks_is_the_optimum(seed: int) -> None:
    linear = orders(seed, 12)
    with SolveServer("highs") as highs, settler_of(linear, seed) as settler:
        best = highs.solve(linear, SolveOptions(gap=0.0))
        settler.improver.guide.wanted[:] = True  # every opener is allowed in the third sweep
        before = value(settler)
        list(settler.better(5.0, lambda: 60.0))
        settler.hand_over()
        assert before < value(settler) == pytest.approx(best.objective, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_programs_at_once_leave_a_plan_that_holds_and_come_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones, which want the same stock: what does not fit any more is solved anew, and little is lost."""
    monkeypatch.setattr(odd_plans, "SIZES", (8, 8, 8))
    monkeypatch.setattr(odd_plans, "COLUMNS", 30)
    monkeypatch.setattr(odd_plans, "EASY_S", 0.0)  # they stay small
    linear, refused, values = orders(20 + seed, 60), 0, []
    with SolveServer("highs") as highs, settler_of(linear, seed) as settler:
        best = highs.solve(linear, SolveOptions(gap=1e-4, time_limit_s=30.0))
        take = settler._take

        def counted(solved: odd_plans.Solved) -> bool:
            nonlocal refused
            taken = take(solved)
            refused += not taken
            return taken

        monkeypatch.setattr(settler, "_take", counted)
        for _ in settler.better(1.0, lambda: 60.0):
            settler.hand_over()
            values.append(value(settler))
            held = settler._held()
            np.testing.assert_allclose(held.used, settler.program.activity(held.point), atol=1e-9)
    assert refused > 0
    assert (np.diff(values) >= -1e-9).all()
    assert 0.95 * best.objective < values[-1] <= best.objective * (1 + 1e-4) + 1e-6


def test_what_rows_are_short_of_is_mended_first() -> None:
    """The plan at hand breaks rows that must hold: programs bring it back, whatever it costs."""
    linear = orders(3, 25)
    with settler_of(linear, 3) as settler:
        odd = the_odd(settler.problem)
        greedy = np.where(odd.program.objective > 0, odd.program.upper, odd.program.lower)
        settler.improver.problem = leave(settler.problem, greedy)
        settler.improver.construct(np.zeros(len(settler.problem.shared.rhs)), np.zeros(settler.n_simple))
        assert broken_rows(settler.improver.problem, settler.improver.state)
        mended = [settler.has_mended() for _ in settler.better(5.0, lambda: 60.0)]
        assert mended[-1]
        settler.hand_over()
        assert value(settler) > 0


def test_only_columns_that_make_room_help() -> None:
    """With every policy: transfers are not worth their cost where nothing has a price, but help rows that are short."""
    tables, scenario = make_batch_of_all(Size(300, warehouses=4, products=60, zones=10)).read()
    model = build_model(tables, scenario, stages=kept_stages(scenario))
    linear, whole = model.linear, whole_of(model.linear)()
    problem = read_problem(linear, roles(linear), lambda: whole)
    helping = _Helping.of(whole, problem, np.zeros(linear.n_rows))
    transfer, rows, nothing = linear.columns("transfer_qty"), np.arange(linear.n_rows), np.zeros(linear.n_cols)
    none = np.zeros(linear.n_rows, dtype=bool)

    def transfers(rows: np.ndarray, point: np.ndarray, is_short: np.ndarray, *, every: bool = False) -> set[int]:
        found = helping.of_rows(rows, point, is_short, every=every)
        return set(found[(found >= transfer.start) & (found < transfer.stop)].tolist())

    assert not transfers(rows, nothing, none)
    assert transfers(rows, nothing, none, every=True) == set(range(transfer.start, transfer.stop))
    stock = linear.rows("warehouse_stock").positions
    into = next(row for row in stock if transfers(np.array([row]), nothing, none, every=True))
    short = none.copy()
    short[into] = True
    helps = transfers(np.array([into]), nothing, short)
    assert helps == transfers(np.array([into]), nothing, none, every=True)
    makes_room = {
        int(linear.indices[k]) for k in range(linear.indptr[into], linear.indptr[into + 1]) if linear.data[k] < 0
    }
    assert helps <= makes_room  # only those that bring stock, not those that take it away
    taken = next(iter(helps))
    point = nothing.copy()
    point[taken] = 1.0
    assert transfers(whole.rows_of(np.array([taken])), point, none) == {taken}
