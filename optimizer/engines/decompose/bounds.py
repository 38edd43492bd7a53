"""All that bounds the plans of a batch: prices of shared rows, covers and their prices, branches on shallow stock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from optimizer.engines.decompose.branch import Branching, is_shallow
from optimizer.engines.decompose.covers import covered
from optimizer.engines.decompose.dual import Ascent
from optimizer.engines.decompose.problem import Floats, Ints, Problem
from optimizer.engines.decompose.tighten import Tightened, Tightener

WORTHWHILE = 1e-4
"""Share of the bound that half of the passes with covers must have closed."""


class Bounds:
    """The best bound so far, and what proves it. ``ascent`` is there once prices have been tried."""

    ascent: Ascent

    def __init__(self, problem: Problem, rows: int, stock: Ints, pool: Executor, threads: int) -> None:
        self.problem, self.rows, self.stock, self.pool, self.threads = problem, rows, stock, pool, threads
        self.tightener: Tightener | None = None
        self.branching: Branching | None = None
        self.branched: Tightened | None = None
        """the covers and prices from which it began"""

    @property
    def best(self) -> float:
        """No plan is worth more."""
        tight = np.inf if self.tightener is None else self.tightener.best.bound
        return min(self.ascent.best.bound, tight, self._by_trees)

    @property
    def _by_trees(self) -> float:
        return np.inf if self.branching is None else self.branching.bound

    @property
    def proof(self) -> dict[str, Floats]:
        """Covers, their prices, and trees, where they bound better than prices of the rows alone; else nothing."""
        plain, tight = self.ascent.best.bound, None if self.tightener is None else self.tightener.best
        if self.branching is not None and self.branched is not None and self._by_trees <= self.best:
            return {**self.branched.arrays(self.problem, self.rows), **self.branching.arrays()}
        return tight.arrays(self.problem, self.rows) if tight is not None and tight.bound < plain else {}

    @property
    def is_shallow(self) -> bool:
        """Whether it is worth to keep time for branching."""
        return is_shallow(self.problem, self.stock)

    def covers(self) -> Tightener:
        """The covers, begun at the best prices when first asked for."""
        if self.tightener is None:
            self.tightener = Tightener(self.problem, self.pool, self.threads, self.stock, self.ascent.best_price)
        return self.tightener

    def tighten(self, passes: int, ended: Callable[[], bool], tell: Callable[[], None]) -> tuple[int, bool]:
        """Seek and price covers; how many passes were made, and whether more are worth while."""
        done, before, tightener = 0, self.best, self.covers()
        for done in tightener.rounds(passes, ended):
            tell()
            if done == passes // 2 and before - self.best < WORTHWHILE * abs(before):
                return done, False
        return done, tightener.finds_any

    def branch(self, values: Floats, seconds: float, ended: Callable[[], bool]) -> None:
        """Branch on sets of orders for so many nominal seconds, from the plan and the best covers, if there are any."""
        if self.tightener is None or self.tightener.best.bound >= self.ascent.best.bound:
            return
        best, arcs, before = self.tightener.best, self.tightener.arcs, (self.branching, self.branched)
        wide, price = covered(self.problem, arcs, best.covers), np.concatenate([best.price, best.cover_price])
        self.branching, self.branched = Branching(wide, arcs.row, price, values, self.pool, self.threads), best
        self.branching.grow(seconds, ended)
        if before[0] is not None and before[0].bound < self.branching.bound:
            self.branching, self.branched = before
