"""How the work of a solve is divided."""

from __future__ import annotations

import pytest

from optimizer.engines.adapter import roles
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.work import Work
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
