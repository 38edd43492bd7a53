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
from optimizer.engines.decompose.odd_plans import MixedSettler, leave
from optimizer.engines.decompose.odd_rooms import Helping, bettered_by_few, shared_out
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import the_odd, whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.small import USED, relaxed
from optimizer.engines.resolve_matrix import Program
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
    monkeypatch.setattr(odd_plans, "WIDE", 30)
    monkeypatch.setattr(odd_plans, "EASY_S", 0.0)  # they stay small
    monkeypatch.setattr(odd_plans, "shared_out", lambda programs: programs)  # and all want all of it
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


@pytest.mark.parametrize("seed", range(3))
def test_sweeps_over_what_the_relaxation_uses_come_first_and_find_most(seed: int) -> None:
    """Of 60 orders they are one program with a part of the columns: nearly the optimum, before any other."""
    linear = orders(40 + seed, 60)
    with SolveServer("highs") as highs, settler_of(linear, seed) as settler:
        best = highs.solve(linear, SolveOptions(gap=1e-4, time_limit_s=30.0))
        found = relaxed(settler.program, roles(linear), settler.problem.shared, 60.0)
        assert found is not None
        assert ((found.loses == USED) == (found.values > 1e-3)).all()
        used = np.flatnonzero(found.loses == USED)
        settler.loses = found.loses
        levels = list(settler._levels())
        assert levels == sorted(levels)
        sizes = []
        solve = settler._solve

        def counted(limit_s: float, program: Program) -> odd_plans.Solved:
            sizes.append(len(program.columns))
            return solve(limit_s, program)

        settler._solve = counted  # type: ignore[method-assign]
        next(iter(settler.better(5.0, lambda: 60.0)))
        settler.hand_over()
        assert len(used) / 2 < sizes[0] < 0.7 * linear.n_cols
        assert 0.95 * best.objective < value(settler) <= best.objective * (1 + 1e-4) + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_a_program_of_what_its_own_relaxation_uses_is_nearly_as_good_as_the_whole(seed: int) -> None:
    linear = orders(50 + seed, 60)
    with SolveServer("highs") as highs, settler_of(linear, seed) as settler:
        best = highs.solve(linear, SolveOptions(gap=1e-4, time_limit_s=30.0))
        held = settler._hold()
        program = settler.program.part(np.arange(linear.n_cols), at=held.point, used=held.used)
        values, iterations = bettered_by_few(program, 30.0)
        settler.is_wide = True
        solved = settler._solve(30.0, program)
    assert iterations > 0
    assert values is not None
    assert solved.values is not None
    assert (solved.values == np.where(program.integral, np.rint(values), values)).all()
    assert program.holds(solved.values, program.row_lower, program.row_upper)
    assert linear.objective @ held.point < linear.objective @ values
    assert 0.95 * best.objective < linear.offset + linear.objective @ values <= best.objective * (1 + 1e-4) + 1e-6


def test_programs_solved_at_once_share_what_rows_have_left() -> None:
    linear = orders(7, 40)
    with settler_of(linear, 1) as settler:
        held = settler._hold()
        columns = np.arange(linear.n_cols)
        programs = [settler.program.part(some, at=held.point, used=held.used) for some in (columns[::2], columns[1::2])]
        shared = shared_out(programs)
    left = np.zeros((2, linear.n_rows))
    for one, other in zip(programs, shared, strict=True):
        assert (other.row_upper <= one.row_upper).all()
        assert (other.row_lower >= one.row_lower).all()
        room = other.row_upper - one.used
        left[0, one.rows] += np.where(room > 0, room, 0.0)
        left[1, one.rows] = np.maximum(one.row_upper - one.used, 0.0)
    assert (left[0] <= left[1] + 1e-9).all()
    assert (left[0] < left[1]).any()
    assert shared_out(programs[:1]) == programs[:1]


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
    helping = Helping.of(whole, problem, np.zeros(linear.n_rows))
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
