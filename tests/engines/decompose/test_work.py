"""How the work of a solve is divided."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from optimizer.engines.adapter import roles
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.work import LEAST_EXACT, MOST_EXACT, Work, can_be_relaxed, nearly, odd_is_dear
from tests.engines.decompose.orders import random_orders


def work(time_limit_s: float) -> tuple[Work, int]:
    linear = random_orders(0, 40)
    problem = read_problem(linear, roles(linear))
    return Work.of(problem, time_limit_s, 2, covers=False), problem.blocks.n_blocks


@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("asks_for_a_gap", [False, True])
def test_turns_are_all_of_the_work(asks_for_a_gap: bool, alternate: bool) -> None:
    of_it, blocks = work(60.0)
    turns = of_it.turns(blocks if asks_for_a_gap else None, alternate=alternate)
    assert sum(turn.share for turn in turns) == pytest.approx(1.0)
    stages = [turn for turn in turns if not turn.is_last_stage]
    assert bool(stages) == asks_for_a_gap
    assert [turn.share for turn in stages] == sorted(turn.share for turn in stages)
    assert turns[: len(stages)] == stages
    assert (len(turns) - len(stages) > 1) == alternate


def test_the_plan_cools_down_slowly_only_once() -> None:
    first, *later = work(60.0)[0].turns(None, alternate=True)
    assert later
    assert all(turn.rounds < first.rounds and turn.share < first.share for turn in later)


@pytest.mark.parametrize(
    ("columns", "nonzeros", "fits"),
    [(54_336, 482_060, True), (257_710, 825_569, False), (257_710, 150_000, False), (987_319, 7_639_019, False)],
)
def test_the_simplex_method_gets_what_it_can_solve(columns: int, nonzeros: int, fits: bool) -> None:
    """1,000 lines with every policy; 10,000 with tariffs by weight, and with even fewer nonzeros; with every policy."""
    assert can_be_relaxed(columns, nonzeros, 60.0) == fits
    steps, seconds = nearly(columns, nonzeros, 60.0, 2)
    slower, more_seconds = nearly(10 * columns, nonzeros, 60.0, 2)
    assert slower <= steps
    assert more_seconds / slower >= seconds / steps


@pytest.mark.parametrize(
    ("columns", "nonzeros", "odd", "dear"),
    [(257_710, 825_569, 248_540, True), (257_710, 825_569, 9_000, False), (54_336, 482_060, 50_000, False)],
)
def test_odd_blocks_are_dear_where_their_columns_are_too_many(
    columns: int, nonzeros: int, odd: int, dear: bool
) -> None:
    linear = random_orders(0, 40)
    some: Any = SimpleNamespace(program=SimpleNamespace(columns=range(odd)))
    problem = read_problem(linear, roles(linear))._replace(odd=some)
    assert odd_is_dear(problem, columns, nonzeros, 60.0, 2) == dear


def test_what_earns_more_gets_more_of_the_next_turn() -> None:
    half = work(60.0)[0]
    assert half.leaning(1.0, 1.0).exact_share == pytest.approx(0.5)
    assert half.leaning(3.0, 1.0).exact_share == pytest.approx(0.25)
    assert half.leaning(0.0, 5.0).exact_share == MOST_EXACT
    assert half.leaning(5.0, 0.0).exact_share == LEAST_EXACT
    assert half.leaning(0.0, 0.0) is half
    lent = half.leaning(0.0, 5.0)
    assert lent.search_s == half.search_s
    assert lent.leaning(1.0, 9.0).exact_share == pytest.approx(0.5), "by what a second earned, not by the turn"
    only = replace(half, exact_share=1.0)
    assert only.leaning(0.0, 5.0) is only
