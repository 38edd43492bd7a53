"""The first plan of odd blocks: programs of a few blocks each at the prices, with what the rows have left."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.odd import OddPrices, relax_part, solve_part
from optimizer.engines.decompose.problem import Flags, Floats, Ints, NoPlanError, Odd, Problem, must_rise, the_odd
from optimizer.engines.decompose.small import USED
from optimizer.engines.resolve_matrix import Program

COLUMNS = 1_000
"""Columns of odd blocks in one program."""
AT_ONCE, OF_ALL = 8, 16
"""Programs solved side by side for the same room, at most one in so many of all: they seldom want the same. One that no
longer fits comes again. They are as many whatever the threads.
"""
AT_PRICES = 0.95
"""Share of the prices at which plans are made: at all of them much is as good as nothing, and would be left out."""
KEEPS = 1e-6
"""How far a whole number or a row may be off."""


class FirstPlan(NamedTuple):
    """Values of all odd columns, and how many programs were left out for want of time."""

    values: Floats
    left_out: int


def construct_odd(
    whole: Program, problem: Problem, prices: OddPrices, price: Floats, relaxed: Floats, until_s: float = 0.0,
    loses: Floats | None = None,
) -> FirstPlan:  # fmt: skip
    """Program after program until only ``until_s`` seconds are left: those that must ship, then what earns most.

    ``whole``: the matrix. ``relaxed``: values of all columns in the linear relaxation; those that no own row holds keep
    them, rounded. ``loses``: what columns would lose in it, where that is known: a program then has only those that it
    uses, or all where these find no plan. Where blocks are only relaxed at prices, only columns that the best point of
    a program's relaxation uses are free. Rows that must rise, and programs that find no room, leave the plan short of
    what it must keep; exact programs then mend it.
    """
    return _Construction(whole, problem, prices, price, relaxed, loses).plan(until_s)


class _Solved(NamedTuple):
    """A program with the plan before it, values of its columns (None: no time was left), and what its rows used."""

    program: Program
    values: Floats | None
    used: Floats


class _Construction:
    def __init__(
        self, whole: Program, problem: Problem, prices: OddPrices, price: Floats, relaxed: Floats, loses: Floats | None
    ) -> None:
        self.whole, self.prices, self.odd = whole, prices, the_odd(problem)
        self.support = None if loses is None else (loses <= USED) | ~whole.integral
        odd = self.odd
        self.shared, self.own = np.zeros((2, len(whole.rows)), dtype=bool)
        self.shared[problem.shared.row], self.own[odd.program.rows] = True, True
        self.keep = self.shared | self.own
        paid = np.zeros(len(whole.columns))
        paid[odd.program.columns] = odd.paid(np.where(must_rise(problem.shared), 1.0, AT_PRICES) * price)
        self.at_prices = replace(whole, objective=whole.objective - paid)
        self.point = np.zeros(len(whole.columns))
        least = odd.program.exact(np.clip(0.0, odd.program.lower, odd.program.upper))
        self.point[odd.program.columns] = least
        free = odd.program.columns[prices.free]
        self.point[free] = np.where(whole.integral[free], np.rint(relaxed[free]), relaxed[free])
        self.free, self.rows_of_free = free, np.diff(whole.start)[free]
        self.used = whole.activity(self.point)
        must = odd.program.broken(least, odd.program.row_lower, odd.program.row_upper)
        self.queue = deque(_groups(odd, must, prices.earned(price)))

    def plan(self, until_s: float) -> FirstPlan:
        """See `construct_odd`."""
        at_once = min(max(len(self.queue) // OF_ALL, 1), AT_ONCE)
        while self.queue and self.prices.left_s() > until_s:
            batch = [self.queue.popleft() for _ in range(min(at_once, len(self.queue)))]
            found = list(self.prices.pool.map(self._solve, batch))
            again = [columns for columns, solved in zip(batch, found, strict=True) if not self._take(solved)]
            self.queue.extendleft(reversed(again))
        return FirstPlan(self.point[self.odd.program.columns], len(self.queue))

    def _solve(self, columns: Ints) -> _Solved:
        """The best values of some columns with what the rows have left, or the least that they must have all the same.

        Others then have it, and rows are mended later.
        """
        if self.support is not None:
            some = self.support[columns]
            program = self._program(columns[some])
            values = _solution(_eased(program, self.shared), self.prices.left_s())
            if values is not None and self._keeps_own(columns, some, values):
                return _Solved(program, program.exact(values), self.used[program.rows])
        program = self._program(columns)
        eased, left_s = _eased(program, self.shared), self.prices.left_s()
        values = None if self.prices.whole else _with_few(eased, left_s)
        if values is None:
            values = _solution(eased, left_s)
        if values is None:
            program = self._program(np.union1d(columns, self._giving(program)))
            values = _solution(_eased(program, self.shared), left_s)
        if values is None:
            program = self.at_prices.part(columns, at=self.point, keep=self.own, used=self.used)
            values = _solution(replace(program, objective=-np.ones(len(columns))), left_s)
        kept = None if values is None else program.exact(values)
        return _Solved(program, kept, self.used[program.rows])

    def _keeps_own(self, columns: Ints, some: Flags, values: Floats) -> bool:
        """Whether the blocks of these columns keep their own rows if some have such values, and all else none."""
        program = self.at_prices.part(columns, at=self.point, keep=self.own, used=self.used)
        point = program.values.copy()
        point[some] = values
        return not program.broken(point, program.row_lower, program.row_upper).any()

    def _program(self, columns: Ints) -> Program:
        return self.at_prices.part(columns, at=self.point, keep=self.keep, used=self.used)

    def _giving(self, program: Program) -> Ints:
        """Columns without rows of their own that stand in the program's rows: such as openings, which make room."""
        about = np.zeros(len(self.whole.rows), dtype=bool)
        about[program.rows] = True
        return np.repeat(self.free, self.rows_of_free)[about[self.whole.rows_of(self.free)]]

    def _take(self, solved: _Solved) -> bool:
        """Put the values into the plan; whether what was taken since has left them room."""
        program, values, used = solved
        if values is None:
            return True
        if (self.point[program.columns] != program.values).any():
            return False
        taken = self.used[program.rows] - used
        if taken.any():
            left = _eased(
                replace(program, row_lower=program.row_lower - taken, row_upper=program.row_upper - taken), self.shared
            )
            if left.broken(values, left.row_lower, left.row_upper).any():
                return False
        self.whole.add_use(self.used, program.columns, values - self.point[program.columns])
        self.point[program.columns] = values
        return True


def _groups(odd: Odd, must: Flags, earned: Floats) -> list[Ints]:
    """Columns of about `COLUMNS` each, of the blocks with rows of their own: those that ``must`` do something first."""
    rows = np.diff(odd.first_row)
    with_rows = np.flatnonzero(rows > 0)
    must_block = np.bincount(np.repeat(np.arange(len(rows)), rows), must, minlength=len(rows)) > 0
    order = with_rows[np.lexsort((-earned[with_rows], ~must_block[with_rows]))]
    size = np.diff(odd.first_column)[order]
    group = (np.cumsum(size) - size) // COLUMNS
    columns = [np.arange(odd.first_column[block], odd.first_column[block + 1]) for block in order]
    cuts = np.flatnonzero(np.diff(group)) + 1
    return [
        odd.program.columns[np.sort(np.concatenate(columns[a:b]))]
        for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)
        if b > a
    ]


def _with_few(program: Program, time_limit_s: float) -> Floats | None:
    """Values of the program with only those columns free that the best point of its linear relaxation uses.

    None if there are none, and the rest is needed.
    """
    try:
        relaxed = relax_part(program)
    except NoPlanError:
        return None
    if relaxed is None:
        return None
    values = program.lower.copy()
    some = np.flatnonzero(relaxed.values > KEEPS)
    if len(some):
        found = _solution(program.part(some, at=program.lower), time_limit_s)
        if found is None:
            return None
        values[some] = found
    holds = np.isfinite(values).all() and not program.broken(values, program.row_lower, program.row_upper).any()
    return values if holds else None


def _solution(program: Program, time_limit_s: float) -> Floats | None:
    """The best values found; None if there is no plan, or none was found in time."""
    try:
        values = solve_part(program, time_limit_s)[1]
    except NoPlanError:
        return None
    return values if np.isfinite(values).all() else None


def _eased(program: Program, shared: Flags) -> Program:
    """The same with each shared row at least as wide as to hold nothing at all."""
    about = shared[program.rows]
    return replace(
        program,
        row_lower=np.where(about, np.minimum(program.row_lower, 0.0), program.row_lower),
        row_upper=np.where(about, np.maximum(program.row_upper, 0.0), program.row_upper),
    )
