"""From the engine's plan to values of the matrix' columns, and from its prices to those of the matrix' rows."""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.moves import State
from optimizer.engines.decompose.problem import ASKED, Floats, Problem, stand_alone

HOLDS = 1e-7
"""How far a row may be overrun by rounding alone, relative to its right-hand side."""


def broken_rows(problem: Problem, state: State) -> int:
    """How many rows that must hold do not."""
    shared = problem.shared
    most = shared.soft_cap + HOLDS * np.maximum(1.0, np.abs(shared.rhs))
    return int(np.count_nonzero(state.slack < -most)) + broken_odd(problem)


def broken_odd(problem: Problem) -> int:
    """How many own rows of odd blocks their plan breaks: some, where no time was left to find one that holds."""
    if problem.odd is None or problem.odd_values is None:
        return 0
    program = problem.odd.program
    return int(program.broken(problem.odd_values, program.row_lower, program.row_upper).sum())


def value_of(problem: Problem, state: State) -> float:
    """Money of a plan, overruns paid."""
    shared = problem.shared
    pays = np.isfinite(shared.soft_cost) & ~stand_alone(problem)
    over = np.maximum(-state.slack[pays], 0.0)
    return problem.base + float(state.worth.sum()) - float(over @ shared.soft_cost[pays])


def columns_of(problem: Problem, state: State, columns: int) -> Floats:
    """The values of all columns of the matrix."""
    blocks = problem.blocks
    values = np.zeros(columns)
    values[problem.arc_column] = state.steps
    if problem.odd is not None and problem.odd_values is not None:
        values[problem.odd.program.columns] = problem.odd_values
    real = problem.open_column >= 0
    values[problem.open_column[real]] = state.opened[real]
    steps = np.concatenate([[0], np.cumsum(state.steps * blocks.arc["step"][:-1].astype(np.int64))])
    units = np.diff(steps[blocks.line["arc"]])
    full, lines = blocks.line["full"][:-1], blocks.line["arc"].size - 1
    is_full = units == full
    said = problem.line_full >= 0
    values[problem.line_full[said]] = is_full[said]
    used = problem.line_used >= 0
    values[problem.line_used[used]] = units[used] > 0
    asked = problem.block_full >= 0
    block = blocks.block_of_line
    missing = np.bincount(block[~is_full & (full < ASKED)], minlength=blocks.n_blocks) if lines else np.zeros(0)
    values[problem.block_full[asked]] = missing[asked] == 0
    pays = np.flatnonzero(problem.soft_column >= 0)
    values[problem.soft_column[pays]] = np.maximum(-state.slack[pays], 0.0) / problem.soft_use[pays]
    return values


def row_prices(problem: Problem, price: Floats, rows: int) -> Floats:
    """The price of each row of the matrix: what one more of its right-hand side is worth."""
    shared = problem.shared
    prices: Floats = np.bincount(shared.row, price * shared.sign, minlength=rows).astype(np.float64)
    return prices
