"""Plans at given prices, bettered by ruin-and-recreate in parallel parts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np

from optimizer.engines.decompose.begin import take_over, wanted_steps
from optimizer.engines.decompose.desk import make_desk
from optimizer.engines.decompose.moves import (
    Guide,
    State,
    construct,
    empty_state,
    find_ties,
    rebuild,
    recreate,
)
from optimizer.engines.decompose.problem import Blocks, Flags, Floats, Problem, must_rise
from optimizer.engines.decompose.ruin import MOST_RUINED, make_links
from optimizer.engines.decompose.work import HEAT, ROUNDS

COOLED = 0.01
"""The last temperature over the first."""
LATELY = 16
"""Rounds whose openings are remembered for the exact programs."""
TIE_NODES = 200
"""Branchings in one block while second best plans are sought."""
TINY_S = 1e-3
BROKEN = 1_000.0
"""Cost of a unit by which a row that must hold is overrun, in the largest values of a unit."""


def guide_of(blocks: Blocks, price: Floats) -> Guide:
    """Room for what the search knows of each block."""
    size = blocks.n_blocks
    return Guide(price, np.zeros(size), np.zeros(size), np.zeros(len(blocks.door) - 1, dtype=np.bool_))


class Improver:
    """One plan and the means to better it.

    Each thread has a part of the blocks and of what the rows have left, so that parts cannot meet; parts are drawn
    anew every round. So a run repeats for a given number of threads.
    """

    def __init__(self, problem: Problem, pool: Executor, threads: int, seed: int) -> None:
        self.problem, self.pool, self.threads = problem, pool, threads
        blocks, shared = problem.blocks, problem.shared
        self.random = np.random.default_rng(seed)
        self.desks = [make_desk(blocks) for _ in range(threads)]
        self.links = make_links(problem)
        self.state: State = empty_state(problem)
        rises = must_rise(shared)
        self.soft: Flags = np.isfinite(shared.soft_cost) | rises
        self.alone = blocks.alone["row"][:-1].astype(np.int64)
        """rows whose overruns are in the worth of blocks"""
        self.soft_rows = np.setdiff1d(np.flatnonzero(self.soft), self.alone)
        dearest = float(np.abs(blocks.arc["value"]).max(initial=1.0))
        self.soft_cost = np.where(rises, BROKEN * dearest, np.where(self.soft, shared.soft_cost, 0.0))
        fees = blocks.door["fee"][:-1]
        fees = fees[fees > 0]
        self.fee = float(np.median(fees)) if len(fees) else 0.1 * float(np.median(np.abs(blocks.arc["value"])))
        self.memo = [np.zeros((self._largest() * MOST_RUINED, 3), dtype=np.int64) for _ in range(threads)]
        self.moved = 0
        self.lately: list[Flags] = []
        """openings after each of the last rounds"""
        self.hurried = False
        """the clock took moves away: another run may end elsewhere"""

    def _largest(self) -> int:
        return int(self.problem.blocks.arcs_of_block.max(initial=1))

    def construct(self, price: Floats, best: Floats) -> None:
        """A plan from nothing: the blocks with most to earn at the prices first."""
        blocks = self.problem.blocks
        self.state = empty_state(self.problem)
        order = np.argsort(-best, kind="stable")
        order = order[self.problem.movable[order]]
        self._look(price)
        construct(blocks, order, self.state, self.desks[0], self.guide, self.soft)

    def _look(self, price: Floats) -> None:
        """Learn what each block wants at the prices, every thread about a part of the blocks."""
        blocks = self.problem.blocks
        self.guide = guide_of(blocks, price)
        cuts = np.linspace(0, blocks.n_blocks, self.threads + 1).astype(int).tolist()

        def look(k: int) -> None:
            find_ties(blocks, cuts[k], cuts[k + 1], self.desks[k], self.guide, TIE_NODES)

        list(self.pool.map(look, range(self.threads)))

    def begin_from(self, price: Floats, best: Floats, values: Floats) -> None:
        """A plan from that of a point of the matrix, best blocks first; those that do not fit are put in anew."""
        blocks = self.problem.blocks
        self._look(price)
        self.state = empty_state(self.problem)._replace(steps=wanted_steps(self.problem, values))
        order = np.lexsort((-best, self.problem.movable))
        left = np.zeros(blocks.n_blocks, dtype=np.bool_)
        take_over(blocks, order, self.state, self.guide, self.soft, left)
        order = order[self.problem.movable[order] & left[order]]
        construct(blocks, order, self.state, self.desks[0], self.guide, self.soft)

    def return_to(self, values: Floats) -> None:
        """Take up again a plan that this batch had, from a point of the matrix."""
        found = empty_state(self.problem)._replace(steps=wanted_steps(self.problem, values))
        if rebuild(self.problem.blocks, found, self.guide):
            self.state = found

    def rounds(
        self, moves: int, left_s: Callable[[], float] = lambda: math.inf, rounds: int = ROUNDS, heat: float = HEAT
    ) -> Iterator[int]:
        """Better the plan, cooling down from ``heat``; yields the moves so far.

        Between two rounds the parts are drawn anew, the plan is told, and the clock is read. Where the clock would cut
        it short before it is cool, the rounds that are left get fewer moves.
        """
        threads = self.threads
        each = max(moves // (rounds * threads), 1)
        begun = time.monotonic()
        heats = heat * self.fee * COOLED ** (np.arange(rounds + 1) / rounds)
        for number in range(rounds):
            self._round(each, float(heats[number]), float(heats[number + 1]))
            self.moved += each * threads
            self.lately = [*self.lately[1 - LATELY :], self.state.opened.copy()]
            yield self.moved
            slow = (time.monotonic() - begun) * (rounds - number - 1) / max(left_s(), TINY_S)
            begun = time.monotonic()
            if slow > 1.0:
                self.hurried, each = True, max(int(each / slow), 1)

    def _round(self, moves: int, heat: float, cool: float) -> None:
        blocks, threads = self.problem.blocks, self.threads
        part = self.random.integers(0, threads, blocks.n_blocks).astype(np.int8)
        slacks = self.shares(threads)
        seeds = self.random.integers(1, 2**63, threads, dtype=np.uint64)

        def work(k: int) -> None:
            pool = np.flatnonzero((part == k) & self.problem.movable)
            if len(pool):
                recreate(
                    blocks, self.links, self.state._replace(slack=slacks[k]), self.desks[k], self.guide, self.soft,
                    self.soft_rows, self.soft_cost, part, k, pool, seeds[k : k + 1], moves, heat, cool, self.memo[k],
                )  # fmt: skip

        list(self.pool.map(work, range(threads)))
        self.put_together(slacks)

    def put_together(self, slacks: list[Floats]) -> None:
        """What the rows have left, from the shares of parts that used them."""
        total, before = sum(slacks[1:], slacks[0].copy()), self.state.slack[self.alone]
        total[self.alone] -= (len(slacks) - 1) * before
        self.state = self.state._replace(slack=total)

    def shares(self, threads: int) -> list[Floats]:
        """What the rows have left, split in whole units among the parts; all to each of rows that one block uses."""
        left = self.state.slack.copy()
        shares: list[Floats] = [np.zeros_like(left) for _ in range(threads)]
        first = self.random.integers(0, threads, len(left))
        for k in range(threads - 1):
            share = np.floor(left / (threads - k))
            for position in range(threads):
                shares[position][(first + k) % threads == position] = share[(first + k) % threads == position]
            left = left - share
        for position in range(threads):
            last = (first + threads - 1) % threads == position
            shares[position][last] = left[last]
            shares[position][self.alone] = self.state.slack[self.alone]
        return shares
