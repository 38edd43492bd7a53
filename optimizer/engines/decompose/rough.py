"""Prices of a matrix that is mostly odd blocks, near enough to begin with: by a first-order method."""

from __future__ import annotations

import time
from concurrent.futures import Executor

import numpy as np

from optimizer.engines.adapter import IMPLIED
from optimizer.engines.decompose.first_order import nearly_solve
from optimizer.engines.decompose.problem import Ints, Problem, the_odd
from optimizer.engines.decompose.small import Relaxation
from optimizer.engines.decompose.work import nearly
from optimizer.engines.resolve_matrix import Program

MOST = 0.5
"""Share of the seconds that are left which it gets at most, on the clock."""


def rough_prices(
    whole: Program, role: Ints, problem: Problem, limit_s: float, left_s: float, pool: Executor, threads: int
) -> Relaxation:
    """What some steps on the linear relaxation of the matrix come to. ``limit_s``: of the work."""
    steps, nominal_s = nearly(len(whole.columns), len(whole.value), limit_s, threads)
    until = time.monotonic() + MOST * left_s
    shared, odd = problem.shared, the_odd(problem)
    simple = np.ones(len(whole.columns), dtype=bool)
    simple[odd.program.columns] = False
    by_block = np.concatenate([odd.program.columns, np.flatnonzero(simple)])
    found = nearly_solve(whole, role != IMPLIED, by_block, steps, lambda: until - time.monotonic(), pool, threads)
    price = np.clip(found.side.price[shared.row] * shared.sign, 0.0, shared.soft_cost)
    return Relaxation(price, found.side.value, None, nominal_s)
