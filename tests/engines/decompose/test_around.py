"""Which blocks compete for scarce rows, and which of them are freed around one with regret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from optimizer.engines.adapter import roles
from optimizer.engines.decompose import around
from optimizer.engines.decompose.around import Chooser, Rivals, make_marks, rivals_of
from optimizer.engines.decompose.exact import AT_REST, SimpleSettler
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import Flags, Floats, Problem
from optimizer.engines.decompose.read import read_problem
from tests.engines.decompose.orders import random_orders
from tests.engines.decompose.test_exact import improver_of


def orders(seed: int, count: int) -> Problem:
    linear = random_orders(seed, count, rules=True)
    return read_problem(linear, roles(linear))


def some(problem: Problem, seed: int) -> tuple[Floats, Flags]:
    """Prices, some of them 0, and some openers."""
    random = np.random.default_rng(seed)
    return random.integers(0, 3, len(problem.shared.rhs)) / 2.0, random.random(len(problem.blocks.door) - 1) < 0.6


def rows_by_hand(problem: Problem, price: Floats, allowed: Flags) -> list[set[int]]:
    """The rows with a price that each block may use, from the records one by one."""
    b, found = problem.blocks, []
    for o in range(b.n_blocks):
        rows: set[int] = set()
        start = b.block["open"][o]
        for a in range(b.line["arc"][b.block["line"][o]], b.line["arc"][b.block["line"][o + 1]]):
            opener = b.arc["opener"][a]
            if b.arc["cap"][a] > 0 and (opener < 0 or allowed[start + opener]):
                rows |= set(b.arc_use["row"][b.arc["use"][a] : b.arc["use"][a + 1]].tolist())
        for y in range(start, b.block["open"][o + 1]):
            if allowed[y]:
                rows |= set(b.door_use["row"][b.door["use"][y] : b.door["use"][y + 1]].tolist())
        found.append({row for row in rows if price[row] > 0})
    return found


def blocks_of(rivals: Rivals, row: int) -> set[int]:
    return set(rivals.block[rivals.row_first[row] : rivals.row_first[row + 1]].tolist())


@pytest.mark.parametrize("seed", range(5))
def test_rivals_are_those_that_may_use_a_row_with_a_price(seed: int) -> None:
    problem = orders(seed, 25)
    price, allowed = some(problem, seed)
    rivals, wanted = rivals_of(problem.blocks, price, allowed), rows_by_hand(problem, price, allowed)
    assert any(wanted)
    for o, rows in enumerate(wanted):
        mine = rivals.row[rivals.block_first[o] : rivals.block_first[o + 1]].tolist()
        assert sorted(mine) == sorted(rows)
    for row in range(len(price)):
        assert blocks_of(rivals, row) == {o for o, rows in enumerate(wanted) if row in rows}


def test_rows_that_nearly_all_use_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = orders(1, 25)
    price, allowed = some(problem, 1)
    users = np.diff(rivals_of(problem.blocks, price, allowed).row_first)
    monkeypatch.setattr(around, "MOST_USERS", int(users.max()) - 1)
    fewer = np.diff(rivals_of(problem.blocks, price, allowed).row_first)
    np.testing.assert_array_equal(fewer, np.where(users < users.max(), users, 0))


@pytest.mark.parametrize("seed", range(5))
def test_rings_are_the_rivals_that_lose_least(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without luck: by their loss alone, and those with regret lose nothing."""
    monkeypatch.setattr(around, "LUCK", 1e9)
    problem = orders(seed, 40)
    price, allowed = some(problem, seed)
    rivals, rows = rivals_of(problem.blocks, price, allowed), rows_by_hand(problem, price, allowed)
    random = np.random.default_rng(seed)
    count = problem.blocks.n_blocks
    tie, regret = random.random(count) + 0.1, np.where(random.random(count) < 0.2, 1.0, 0.0)
    mine = random.random(count) < 0.7
    first = next(o for o in range(count) if mine[o] and rows[o])
    chooser = Chooser(rivals, make_marks(rivals), mine, tie, AT_REST)
    chosen, front, size = {first}, {first}, 4
    for _ in range(2):
        asked = set().union(*(rows[o] for o in front))
        met = [o for o in range(count) if mine[o] and o not in chosen and rows[o] & asked]
        loss = {o: 0.0 if regret[o] > AT_REST else tie[o] for o in met}
        front = set(sorted(met, key=loss.__getitem__)[:size])
        chosen |= front
    found = chooser.around(first, size, regret, random)
    assert (np.diff(found) > 0).all()
    assert mine[found].all()
    free = sum(loss[o] == 0.0 for o in met)
    if free <= size:  # else chance says which of those without loss
        assert set(found.tolist()) == chosen


def test_a_block_looked_at_often_is_chosen_less() -> None:
    problem = orders(0, 30)
    rivals = rivals_of(problem.blocks, *some(problem, 0))
    count = problem.blocks.n_blocks
    every = np.ones(count, dtype=bool)
    chooser = Chooser(rivals, make_marks(rivals), every, np.ones(count), AT_REST)
    looked, random = np.zeros(count, dtype=np.int64), np.random.default_rng(0)
    looked += 5_000  # two to the minus that is 0
    looked[0] += 30
    seeds = [chooser.seed(np.arange(count), np.ones(count), looked, random) for _ in range(200)]
    assert 0 not in seeds
    assert len(set(seeds)) > count // 2


@pytest.mark.parametrize("threads", [1, 2])
def test_programs_around_better_the_plan_and_repeat(threads: int) -> None:
    problem = orders(3, 200)
    found = []
    for _ in range(2):
        with ThreadPoolExecutor(threads) as pool:
            improver = Improver(problem, pool, threads, 0)
            price = improver_of(problem, pool).guide.price
            improver.construct(price, np.zeros(problem.blocks.n_blocks))
            values = [value_of(problem, improver.state)]
            for _ in SimpleSettler(improver, 0, sweeps=False).better(2.0, lambda: 60.0):
                values.append(value_of(problem, improver.state))
                assert not broken_rows(problem, improver.state)
            used = problem.shared.rhs - improver.state.slack
        steps = improver.state.steps
        rows = problem.blocks.arc_use["row"]
        uses = problem.blocks.arc_use["use"] * steps[problem.blocks.arc_of_use]
        opens = problem.blocks.door_use["use"] * improver.state.opened[problem.blocks.door_of_use]
        again = np.bincount(rows, uses, len(used)) + np.bincount(problem.blocks.door_use["row"], opens, len(used))
        np.testing.assert_allclose(used, again, atol=1e-7)
        found.append(values)
    assert found[0] == found[1]
    assert (np.diff(found[0]) >= -1e-6).all()
    assert found[0][-1] > found[0][0]


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_is_taken_up_again(seed: int) -> None:
    linear = random_orders(seed, 60, rules=True)
    problem = read_problem(linear, roles(linear))
    with ThreadPoolExecutor(2) as pool:
        improver = improver_of(problem, pool, seed)
        then = State(*(array.copy() for array in improver.state))
        values = columns_of(problem, then, linear.n_cols)
        list(improver.rounds(2_000, rounds=2, heat=50.0))
        assert (improver.state.steps != then.steps).any()
        improver.return_to(values)
    for now, before in zip(improver.state, then, strict=True):
        np.testing.assert_allclose(now, before, atol=1e-7)
