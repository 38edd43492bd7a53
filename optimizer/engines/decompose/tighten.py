"""The bound lowered by flow covers: ascent and separation by turns, on the problem with the covers found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from optimizer.engines.decompose.begin import known_covers, shared_prices
from optimizer.engines.decompose.covers import Covers, coverable, covered, separate
from optimizer.engines.decompose.dual import Ascent, Averages, Evaluator, ascend, usual_worth
from optimizer.engines.decompose.plan import row_prices
from optimizer.engines.decompose.problem import Floats, Ints, Problem

A_ROUND, MOST_ROUNDS = 50, 9
"""Passes for which covers are sought once, at most so often; twice at least."""
FIRST_RATE, BETWEEN_RATE, LAST_RATE = 0.04, 0.004, 0.001
"""Rates of the ascent in each round: the first, in which prices of rows give way to those of covers, the last where
another round follows, and that of the last round.
"""
UNPRICED = 1e-7
"""Money of a unit at which a cover is let go."""


@dataclass
class Tightened:
    """The best bound with covers, and the prices that give it."""

    bound: float
    price: Floats
    """of the shared rows"""
    covers: Covers
    cover_price: Floats

    def arrays(self, problem: Problem, rows: int) -> dict[str, Floats]:
        """The same in terms of the matrix, as it travels to the parent (`optimizer.engines.result.COVERS`)."""
        kept = self.covers.those(self.cover_price > UNPRICED)
        return {
            "cover_row": problem.shared.row[kept.row].astype(np.float64),
            "cover_first": kept.first.astype(np.float64),
            "cover_column": problem.arc_column[kept.arc].astype(np.float64),
            "cover_lifted": kept.lifted.astype(np.float64),
            "cover_price": self.cover_price[self.cover_price > UNPRICED],
            "covered_prices": row_prices(problem, self.price, rows),
        }


class Tightener:
    """Finds covers of some shared rows and prices them."""

    def __init__(self, problem: Problem, pool: Executor, threads: int, rows: Ints, price: Floats) -> None:
        self.problem, self.pool, self.threads = problem, pool, threads
        self.arcs = coverable(problem, rows)
        self.worth = usual_worth(problem)
        self.averages = Averages(problem.blocks)
        self.best = Tightened(np.inf, price, Covers.none(), np.zeros(0))

    @property
    def finds_any(self) -> bool:
        """Whether there is any arc that covers could hold."""
        return len(self.arcs.row) > 0

    def begin_from(self, arrays: Mapping[str, Floats]) -> None:
        """Take over the covers and prices of an earlier run (`optimizer.engines.result.COVERS`) as far as they hold."""
        if not self.finds_any:
            return
        covers, cover_price = known_covers(self.problem, self.arcs, arrays)
        price = shared_prices(self.problem, arrays["covered_prices"])
        self._keep(self._begin(covers, np.concatenate([price, cover_price]))[1], covers)

    def rounds(self, passes: int, ended: Callable[[], bool]) -> Iterator[int]:
        """``passes`` in all, from the best so far; yields how many are done."""
        if not self.finds_any:
            return
        rounds = min(max(passes // A_ROUND, 2), MOST_ROUNDS)
        each, done = max(passes // (rounds + 1), 1), 0
        covers, price, cover_price = self.best.covers, self.best.price, self.best.cover_price
        for number in range(rounds + 1):
            evaluator, state = self._begin(covers, np.concatenate([price, cover_price]))
            worth = np.concatenate([self.worth, self.worth[covers.row]])
            last = LAST_RATE if number == rounds else BETWEEN_RATE
            for _ in ascend(evaluator, state, each, ended, first_rate=FIRST_RATE, last_rate=last, worth=worth):
                self._keep(state, covers)
                done += 1
                yield done
            if number == rounds or ended():
                return
            rows = len(self.problem.shared.rhs)
            price, cover_price = state.best_price[:rows], state.best_price[rows:]
            kept = cover_price > UNPRICED
            found = separate(self.problem, self.arcs, self.averages.shipped, self.averages.opened)
            covers, old = covers.those(kept).and_new(found), cover_price[kept]
            cover_price = np.concatenate([old, np.zeros(len(covers) - len(old))])

    def _begin(self, covers: Covers, price: Floats) -> tuple[Evaluator, Ascent]:
        problem = covered(self.problem, self.arcs, covers)
        evaluator = Evaluator(problem, self.pool, self.threads, averages=self.averages)
        return evaluator, Ascent.begin(evaluator, price)

    def _keep(self, state: Ascent, covers: Covers) -> None:
        if state.best.bound < self.best.bound:
            rows = len(self.problem.shared.rhs)
            self.best = Tightened(state.best.bound, state.best_price[:rows], covers, state.best_price[rows:])
