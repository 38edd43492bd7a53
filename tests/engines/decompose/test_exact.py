"""Programs cut out of a plan, against HiGHS on the matrix; and plans bettered by them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import highspy
import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import roles
from optimizer.engines.base import SolveServer
from optimizer.engines.decompose.cut import Cut, Room, cut_out
from optimizer.engines.decompose.dual import Evaluator
from optimizer.engines.decompose.exact import (
    AIM_S,
    LEAST_RING,
    MOST_RING,
    NARROWER,
    NARROWEST,
    WIDER,
    SimpleSettler,
    _next_ring,
    bettered,
)
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, empty_state, rebuild
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import Flags, Ints, Problem
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.result import SolveOptions
from optimizer.model.build import build_model
from optimizer.model.linear_model import LinearModel
from tests.engines.decompose.orders import random_orders

THREADS = 2


@pytest.fixture(scope="module")
def highs() -> Iterator[SolveServer]:
    with SolveServer("highs") as server:
        yield server


@pytest.fixture(autouse=True)
def _no_scheduler() -> None:
    highspy.Highs.resetGlobalScheduler(True)


def with_overruns(linear: LinearModel, every: int = 3) -> LinearModel:
    """The same with columns that pay for overruns of every third shared row."""
    first = linear.row_blocks[1].start
    rows = np.arange(first, linear.n_rows, every)
    count = np.diff(linear.indptr)
    ends = linear.indptr[rows + 1]
    return replace(
        linear,
        objective=np.concatenate([linear.objective, np.full(len(rows), -2.5)]),
        col_lower=np.concatenate([linear.col_lower, np.zeros(len(rows))]),
        col_upper=np.concatenate([linear.col_upper, np.full(len(rows), 1_000.0)]),
        integral=np.concatenate([linear.integral, np.ones(len(rows), dtype=bool)]),
        granularity=np.concatenate([linear.granularity, np.ones(len(rows))]),
        indptr=np.concatenate([[0], np.cumsum(count + np.isin(np.arange(linear.n_rows), rows))]),
        indices=np.insert(linear.indices, ends, linear.n_cols + np.arange(len(rows))).astype(np.int32),
        data=np.insert(linear.data, ends, -1.0),
    )


def orders(seed: int, count: int, *, rules: bool = True, soft: bool = False) -> tuple[LinearModel, Problem]:
    plain = random_orders(seed, count, rules=rules)
    linear = with_overruns(plain) if soft else plain
    return linear, read_problem(linear, roles(linear))


def improver_of(problem: Problem, pool: ThreadPoolExecutor, seed: int = 0, threads: int = THREADS) -> Improver:
    """With a plan that is far from best: at random prices."""
    price = np.random.default_rng(seed).integers(0, 5, len(problem.shared.rhs)) / 2.0
    improver = Improver(problem, pool, threads, seed)
    improver.construct(price, Evaluator(problem, pool, threads)(price).block)
    return improver


def all_room(improver: Improver) -> Room:
    """For one program alone."""
    return SimpleSettler(improver, 0).rooms(1)[0]


def value_of_cut(cut: Cut, problem: Problem) -> float:
    values, _ = bettered(cut.program, 60.0)
    assert values is not None
    return problem.base + float(cut.program.objective @ values)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("rules", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_program_of_all_blocks_finds_what_highs_finds(seed: int, rules: bool, soft: bool, highs: SolveServer) -> None:
    linear, problem = orders(seed, 14, rules=rules, soft=soft)
    with ThreadPoolExecutor(THREADS) as pool:
        improver = improver_of(problem, pool)
        every = np.arange(problem.blocks.n_blocks)
        allowed = np.ones(len(problem.blocks.door) - 1, dtype=bool)
        cut = cut_out(problem, improver.state, all_room(improver), every, allowed)
    assert highs.solve(linear, SolveOptions(gap=0.0)).objective == pytest.approx(value_of_cut(cut, problem), abs=1e-6)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_its_point_is_the_plan_and_it_holds_all_else_as_it_is(seed: int, soft: bool, highs: SolveServer) -> None:
    """Half of the blocks free: as HiGHS with the columns of the others fixed."""
    linear, problem = orders(seed, 20, soft=soft)
    with ThreadPoolExecutor(THREADS) as pool:
        improver = improver_of(problem, pool, seed)
    state = improver.state
    part = np.arange(0, problem.blocks.n_blocks, 2)
    allowed = np.ones(len(problem.blocks.door) - 1, dtype=bool)
    cut = cut_out(problem, state, all_room(improver), part, allowed)
    program = cut.program
    assert not program.broken(program.values, program.row_lower, program.row_upper).any()

    point = columns_of(problem, state, linear.n_cols)
    mine = np.isin(problem.blocks.block_of_arc, part)
    others = problem.arc_column[~mine]
    fixed = replace(linear, col_lower=linear.col_lower.copy(), col_upper=linear.col_upper.copy())
    fixed.col_lower[others] = fixed.col_upper[others] = point[others]
    best = highs.solve(fixed, SolveOptions(gap=0.0)).objective
    rest = value_of(problem, state) - float(program.objective @ program.values)
    assert best == pytest.approx(rest + value_of_cut(cut, problem) - problem.base, abs=1e-6)


def test_openers_that_are_not_allowed_stay_shut() -> None:
    _, problem = orders(1, 20, rules=False)
    state = empty_state(problem)
    with ThreadPoolExecutor(THREADS) as pool:
        room = all_room(Improver(problem, pool, THREADS, 0))
    allowed = np.arange(len(problem.blocks.door) - 1) % 2 == 0
    cut = cut_out(problem, state, room, np.arange(problem.blocks.n_blocks), allowed)
    door = problem.blocks.door_of_arc[cut.arc]
    assert len(door)
    assert allowed[door[door >= 0]].all()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("rules", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_plans_get_better_and_hold(seed: int, rules: bool, soft: bool, highs: SolveServer) -> None:
    linear, problem = orders(seed, 30, rules=rules, soft=soft)
    with ThreadPoolExecutor(THREADS) as pool:
        improver = improver_of(problem, pool, seed)
        improver.guide.wanted[:] = True
        values = [value_of(problem, improver.state)]
        for _ in SimpleSettler(improver, seed).better(1.0, lambda: 10.0):
            values.append(value_of(problem, improver.state))
            assert not broken_rows(problem, improver.state)
    assert (np.diff(values) >= -1e-6).all()
    assert values[-1] > values[0]
    best = highs.solve(linear, SolveOptions(gap=0.0)).objective
    assert best == pytest.approx(values[-1], rel=1e-6)  # all blocks fit into one program
    again = State(*(array.copy() for array in improver.state))._replace(slack=problem.shared.rhs.copy())
    assert rebuild(problem.blocks, again, improver.guide)
    for now, then in zip(again, improver.state, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-7)


def test_programs_at_once_find_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, two at a time: each has a share of what the rows have left, so they fit together."""
    monkeypatch.setattr("optimizer.engines.decompose.exact.SIZES", (30, 30, 30))
    _, problem = orders(2, 80)
    found = []
    for _ in range(2):
        with ThreadPoolExecutor(THREADS) as pool:
            improver = improver_of(problem, pool)
            before = value_of(problem, improver.state)
            steps = list(SimpleSettler(improver, 0).better(0.5, lambda: 10.0))
            found.append((len(steps), value_of(problem, improver.state)))
            assert not broken_rows(problem, improver.state)
    assert found[0] == found[1]
    assert found[0][0] > 2
    assert found[0][1] > before


def test_where_nothing_can_move_it_ends() -> None:
    _, problem = orders(0, 5)
    problem = problem._replace(movable=np.zeros_like(problem.movable))
    with ThreadPoolExecutor(THREADS) as pool:
        improver = Improver(problem, pool, THREADS, 0)
        improver.construct(np.zeros(len(problem.shared.rhs)), np.zeros(problem.blocks.n_blocks))
        assert list(SimpleSettler(improver, 0).better(1.0, lambda: 10.0)) == []


def test_a_program_of_nothing_changes_nothing() -> None:
    """An empty plan, and no opener allowed."""
    _, problem = orders(1, 20)
    with ThreadPoolExecutor(THREADS) as pool:
        room = all_room(Improver(problem, pool, THREADS, 0))
    shut = np.zeros(len(problem.blocks.door) - 1, dtype=bool)
    cut = cut_out(problem, empty_state(problem), room, np.arange(2), shut)
    assert len(cut.arc) == 0
    values, _ = bettered(cut.program, 10.0)
    assert values is None or not values.any()


def test_orders_of_one_unit_do_not_all_stand_in_one_program() -> None:
    """They have an arc for every warehouse and no opener: programs of so many openers alone were of 100,000 columns."""
    tables, scenario = make_batch(Size(1_000, warehouses=30, products=10, zones=20, least_row=5), 0)
    linear = build_model(tables, scenario).linear
    problem = read_problem(linear, roles(linear))
    blocks = problem.blocks
    loose = np.bincount(blocks.block_of_arc, blocks.arc["opener"][:-1] < 0, blocks.n_blocks)
    assert loose.sum() > 2_000
    with ThreadPoolExecutor(1) as pool:
        improver = improver_of(problem, pool)
        settler = SimpleSettler(improver, 0)
        parts = settler._parts(settler.opened(), problem.movable, 500)
        sizes = [len(cut_out(problem, improver.state, all_room(improver), p, settler.opened()).arc) for p in parts]
    assert sorted(np.concatenate(parts).tolist()) == np.flatnonzero(problem.movable).tolist()
    assert max(sizes) < 1.4 * np.mean(sizes)


def test_no_round_solves_a_program_twice_for_the_same_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around the few blocks with regret of a small batch the same part is drawn again and again."""
    linear = build_model(*make_batch(Size(150, warehouses=3, products=20), 1)).linear
    problem = read_problem(linear, roles(linear))
    rounds: list[list[tuple[bytes, bytes]]] = [[]]

    def spy(problem: Problem, state: State, room: Room, part: Ints, allowed: Flags) -> Cut:
        rounds[-1].append((part.tobytes(), state.steps.tobytes()))
        return cut_out(problem, state, room, part, allowed)

    monkeypatch.setattr("optimizer.engines.decompose.exact.cut_out", spy)
    with ThreadPoolExecutor(1) as pool:
        improver = improver_of(problem, pool, threads=1)
        settler = SimpleSettler(improver, 0, sweeps=False)
        settler.rings[:] = LEAST_RING
        for _ in settler.better(6.0, lambda: 10.0):
            rounds.append([])
    assert len({plan for cut in rounds for _, plan in cut}) > 1
    assert all(len(set(cut)) == len(cut) for cut in rounds)
    assert settler.looked.sum() > sum(map(len, rounds)), "the same part was drawn again"


def test_rings_narrow_at_once_where_programs_take_far_too_long() -> None:
    assert _next_ring(60.0, 0.5 * AIM_S) == pytest.approx(60.0 * WIDER)
    assert _next_ring(60.0, 1.01 * AIM_S) == pytest.approx(60.0 * NARROWER)
    assert _next_ring(80.0, 4.0 * AIM_S) == pytest.approx(40.0)
    assert _next_ring(80.0, 900.0 * AIM_S) == pytest.approx(80.0 * NARROWEST)
    assert _next_ring(LEAST_RING, AIM_S) == LEAST_RING
    assert _next_ring(MOST_RING, 0.0) == MOST_RING
