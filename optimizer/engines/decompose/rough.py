"""Prices of a matrix that is mostly odd blocks, near enough to begin with: by a first-order method, part by part."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import highspy
import numpy as np

from optimizer.engines.adapter import IMPLIED, SHARED
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Problem, the_odd
from optimizer.engines.decompose.work import nearly
from optimizer.engines.resolve_matrix import Program

TOGETHER = 12_000_000
"""Nonzeros of one linear program; a larger matrix is taken in samples, for each takes some 150 bytes meanwhile."""
SAMPLES = 4
"""Samples that are looked at: more take long, and better the bound rather than the plan."""
MOST = 0.5
"""Share of the seconds that are left which it gets at most, on the clock."""


class Rough(NamedTuple):
    """Prices of the shared rows, values of the columns (0 but for odd ones without rows), and nominal seconds."""

    price: Floats
    values: Floats
    nominal_s: float


def rough_prices(
    whole: Program, role: Ints, problem: Problem, limit_s: float, left_s: float, pool: Executor, threads: int
) -> Rough | None:
    """What some iterations on the linear relaxation of the matrix come to; None where the clock ended them all.

    A large matrix is cut at random into equal samples of its odd blocks. Some of them are solved, each as if its blocks
    stood for all, and the prices are averaged: the bound is a convex function of them. ``limit_s``: of the work.
    """
    count = -(-len(whole.value) // TOGETHER)
    iterations, nominal_s = nearly(len(whole.value), limit_s)
    odd = the_odd(problem)
    blocks = len(odd.first_column) - 1
    sample = np.random.default_rng(blocks).permutation(blocks) % count
    taken = min(count, SAMPLES)
    seconds = MOST * left_s / -(-taken // threads)
    free = odd.program.columns[odd.free]

    def solve(number: int) -> tuple[Floats, Floats] | None:
        """Duals of the shared rows, and values of the columns that all samples have."""
        found = _solved(_sampled(whole, role, problem, sample == number, count), iterations, seconds, whole)
        return None if found is None else (found[0][problem.shared.row], found[1][free])

    found = [duals for duals in pool.map(solve, range(taken)) if duals is not None]
    if not found:
        return None
    dual, of_free = (np.mean(each, axis=0) for each in zip(*found, strict=True))
    values = np.zeros(len(whole.columns))
    values[free] = of_free
    return Rough(np.clip(dual * problem.shared.sign, 0.0, problem.shared.soft_cost), values, nominal_s)


def _sampled(whole: Program, role: Ints, problem: Problem, mine: Flags, count: int) -> Program:
    """All simple blocks, all odd columns without rows, and some odd blocks, each of which stands for ``count``."""
    odd = the_odd(problem)
    keep: Flags = role != IMPLIED
    if count == 1:
        return whole.part(np.arange(len(whole.columns)), keep=keep)
    weight = np.ones(len(whole.columns))
    weight[odd.program.columns] = np.where(mine[odd.block], count, 0.0)
    weight[odd.program.columns[odd.free]] = 1.0
    program = whole.part(np.flatnonzero(weight), keep=keep)
    times = weight[program.columns]
    of_shared = (role[program.rows] == SHARED)[program.row]
    value = np.where(of_shared, program.value * times[program.entry_column], program.value)
    return replace(program, objective=program.objective * times, value=value)


def _solved(program: Program, iterations: int, seconds: float, whole: Program) -> tuple[Floats, Floats] | None:
    """(dual of each row, value of each column) of the matrix; rows and columns without any have 0."""
    engine = program.highs(
        mixed=False, time_limit=seconds, solver="pdlp", presolve="off", pdlp_iteration_limit=iterations
    )
    engine.run()
    solution = engine.getSolution()
    if engine.getModelStatus() != highspy.HighsModelStatus.kOptimal and not solution.dual_valid:
        return None
    dual, values = np.zeros(len(whole.rows)), np.zeros(len(whole.columns))
    dual[program.rows], values[program.columns] = -np.array(solution.row_dual), solution.col_value
    return dual, values
