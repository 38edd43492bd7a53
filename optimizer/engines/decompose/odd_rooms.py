"""What stands around an exact program on the matrix: columns that make room, rows that are short, shares of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.exact import bettered
from optimizer.engines.decompose.odd import MEETS, relax_part
from optimizer.engines.decompose.odd_first import KEEPS
from optimizer.engines.decompose.problem import Flags, Floats, Ints, NoPlanError, Problem
from optimizer.engines.resolve_matrix import Positions, Program, slices

MANY = 100
"""Columns that help one row, beyond which they are left to programs of their own: a floor of service has thousands."""


class Helping(NamedTuple):
    """Columns that make room in rows, or pay for their overrun, by row: one record for each entry of the matrix."""

    row: Ints
    column: Ints
    makes: Flags
    """whether more of the column makes room, and not less of it"""
    earns: Flags
    """whether the column is worth it at the prices"""

    @classmethod
    def of(cls, whole: Program, problem: Problem, price: Floats) -> Helping:
        """Those of blocks that give, of odd ones without rows of their own, and those that pay; ``price``: of rows."""
        blocks = problem.blocks
        gives = np.flatnonzero(~problem.movable)
        arc = problem.arc_column[np.isin(blocks.block_of_arc, gives)]
        door = problem.open_column[np.isin(blocks.block_of_door, gives)]
        free = np.zeros(0, dtype=np.int64) if problem.odd is None else problem.odd.program.columns[problem.odd.free]
        columns = np.unique(np.concatenate([arc, door[door >= 0], free, problem.soft_column]))
        columns = columns[columns >= 0]
        count = np.diff(whole.start)[columns]
        entry = slices(whole.start[columns], whole.start[columns + 1])
        row, value = whole.row[entry].astype(np.int64), whole.value[entry]
        makes = np.where(np.isposinf(whole.row_upper[row]), value > 0, value < 0)
        place = np.repeat(np.arange(len(columns)), count)
        earns = whole.objective[columns] >= np.bincount(place, value * price[row], minlength=len(columns))
        earns |= np.isin(columns, np.concatenate([free, problem.soft_column]))
        order = np.argsort(row, kind="stable")
        return cls(row[order], columns[place][order], makes[order], earns[place][order])

    def of_rows(self, rows: Positions, point: Floats, is_short: Flags, *, every: bool) -> Ints:
        """The columns that make room in any of the rows, or would if there were less of them than in the point.

        Not ``every``: only those worth it, and none in rows that many help; but all for a row that is short.
        """
        first, last = np.searchsorted(self.row, rows), np.searchsorted(self.row, rows, side="right")
        few = every | (last - first <= MANY) | is_short[rows]
        entry = slices(first[few], last[few])
        column = self.column[entry]
        useful = every | self.earns[entry] | is_short[self.row[entry]]
        return column[(self.makes[entry] & useful) | (point[column] > 0)]


def shared_out(programs: list[Program]) -> list[Program]:
    """Programs that are solved at once: each has its share of what rows have left that several of them hold."""
    if len(programs) < 2:
        return programs
    held, count = np.unique(np.concatenate([program.rows for program in programs]), return_counts=True)
    found = []
    for program in programs:
        used, share = program.used, 1.0 / count[np.searchsorted(held, program.rows)]
        over, under = program.row_upper - used, used - program.row_lower
        upper = np.where((share < 1.0) & (over > 0), used + np.floor(over * share + KEEPS), program.row_upper)
        lower = np.where((share < 1.0) & (under > 0), used - np.floor(under * share + KEEPS), program.row_lower)
        found.append(replace(program, row_lower=lower, row_upper=upper))
    return found


def with_overruns(program: Program, cost: float) -> Program:
    """The same with a column for each row that its point breaks, which pays for being as short as now at most."""
    used = program.used
    over, under = used - program.row_upper, program.row_lower - used
    broken = np.flatnonzero(np.maximum(over, under) > KEEPS)
    if not len(broken):
        return program
    count = len(broken)
    short = np.maximum(over, under)[broken]
    return Program(
        columns=np.concatenate([program.columns, np.full(count, -1)]),
        rows=program.rows,
        objective=np.concatenate([program.objective, np.full(count, -cost)]),
        lower=np.concatenate([program.lower, np.zeros(count)]),
        upper=np.concatenate([program.upper, short]),
        integral=np.concatenate([program.integral, np.zeros(count, dtype=bool)]),
        start=np.concatenate([program.start, program.start[-1] + 1 + np.arange(count)]),
        row=np.concatenate([program.row, broken]),
        value=np.concatenate([program.value, np.where(over[broken] > KEEPS, -1.0, 1.0)]),
        row_lower=program.row_lower,
        row_upper=program.row_upper,
        values=np.concatenate([program.values, short]),
    )


def bettered_by_few(program: Program, time_limit_s: float) -> tuple[Floats | None, int]:
    """`bettered` with only those columns free that the program's linear relaxation, or its own point, uses."""
    try:
        relaxed = relax_part(program, time_limit_s)
    except NoPlanError:
        return None, 0
    if relaxed is None:
        return None, 0
    few = np.flatnonzero((relaxed.values > MEETS) | (program.values != 0) | ~program.integral)
    found, iterations = bettered(program.part(few, at=program.values), time_limit_s)
    values = program.values.copy()
    if found is not None:
        values[few] = found
    return values, iterations + relaxed.iterations
