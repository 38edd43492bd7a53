"""Plans of odd blocks, and exact programs over blocks of both kinds.

To the simple blocks a plan of the odd ones is so much less of each shared row (`leave`): they need not know more. It is
made block after block at the prices, and bettered together with simple blocks by programs that HiGHS solves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from optimizer.engines.decompose.exact import Settler, bettered
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, rebuild
from optimizer.engines.decompose.odd import OddPrices, solve_part
from optimizer.engines.decompose.plan import broken_odd, columns_of, value_of
from optimizer.engines.decompose.problem import Flags, Floats, Ints, NoPlanError, Odd, Problem, movable, must_rise
from optimizer.engines.resolve_matrix import Program
from optimizer.model.linear_model import LinearModel

COLUMNS = 1_000
"""Columns of odd blocks in one exact program at first: they are free to change altogether."""
EASY_S, HARD_S = 0.2, 2.0
"""Nominal seconds of a program, in the mean of a sweep, beyond which the next one has twice or half as many columns."""
NONZERO_S, ITERATION_S = 2e-6, 3e-4
"""Nominal seconds of a program: for each nonzero of its matrix, and for each iteration of its linear programs."""
AT_PRICES = 0.95
"""Share of the prices at which plans are made: at all of them much is as good as nothing, and would be left out."""
PATIENCE = 0.2
"""Share of the time that is left which one program gets at most."""
DEAR = 30.0
"""Cost of a unit by which a row that must hold is broken, in the dearest columns: more would blur the rest."""
KEEPS = 1e-6
"""How far a whole number or a row may be off."""


def leave(problem: Problem, values: Floats) -> Problem:
    """What is left of a problem once its odd blocks have this plan; ``problem`` itself is without one."""
    odd = the_odd(problem)
    used = odd.use * values[odd.use_column]
    rhs = problem.shared.rhs - np.bincount(odd.use_row, used, minlength=len(problem.shared.rhs))
    shared = problem.shared._replace(rhs=rhs)
    return problem._replace(
        shared=shared,
        base=problem.base + float(odd.program.objective @ values),
        odd_values=values,
        movable=movable(problem.blocks, shared),
    )


def the_odd(problem: Problem) -> Odd:
    """The odd blocks of a problem that has some."""
    if problem.odd is None:
        raise ValueError("no block is odd")
    return problem.odd


def construct_odd(linear: LinearModel, problem: Problem, prices: OddPrices, price: Floats, loose: Floats) -> Floats:
    """Values of all odd columns: one program after the other at the prices, with what the rows have left.

    ``loose``: values for the columns that no own row holds. Rows that must rise, and programs that find no room, leave
    the plan short of what it must keep; exact programs then mend it.
    """
    odd = the_odd(problem)
    values = np.zeros(len(odd.program.columns))
    values[prices.free] = loose[odd.program.columns[prices.free]]
    whole = Program.of({**linear.arrays, "values": np.zeros(linear.n_cols)})
    shared = np.zeros(linear.n_rows, dtype=bool)
    shared[problem.shared.row] = True
    rows = np.zeros(linear.n_rows, dtype=bool)
    rows[odd.program.rows] = True
    paid = np.zeros(linear.n_cols)
    weight = np.where(must_rise(problem.shared), 1.0, AT_PRICES) * price
    np.add.at(paid, odd.program.columns[odd.use_column], odd.use * weight[odd.use_row])
    at_prices = replace(whole, objective=whole.objective - paid)
    point = np.zeros(linear.n_cols)
    point[odd.program.columns] = values
    with_rows = len(values) - len(prices.free)
    cuts = odd.first_column[np.searchsorted(odd.first_column, np.arange(COLUMNS, with_rows, COLUMNS))]
    for columns in np.split(odd.program.columns[:with_rows], np.unique(cuts[cuts < with_rows])):
        program = at_prices.part(columns, at=point, keep=shared | rows)
        program = _eased(program, shared)
        try:
            found = solve_part(program, prices.left_s())[1]
        except NoPlanError:  # others have what it needs: it gets it all the same, and rows are mended later
            program = at_prices.part(columns, at=point, keep=rows)
            found = solve_part(program, prices.left_s())[1]
        if np.isfinite(found).all():
            point[program.columns] = program.exact(found)
    return point[odd.program.columns]


def _eased(program: Program, shared: Flags) -> Program:
    """The same with each shared row at least as wide as to hold nothing at all."""
    about = shared[program.rows]
    return replace(
        program,
        row_lower=np.where(about, np.minimum(program.row_lower, 0.0), program.row_lower),
        row_upper=np.where(about, np.maximum(program.row_upper, 0.0), program.row_upper),
    )


class MixedSettler(Settler):
    """Exact programs over simple and odd blocks together: these are numbered after those."""

    def __init__(self, linear: LinearModel, problem: Problem, improver: Improver, seed: int, met: Flags | None) -> None:
        """``problem`` is without a plan of the odd blocks. ``met``: odd columns that known plans use."""
        super().__init__(linear, problem, improver, seed)
        blocks = problem.blocks
        self.n_simple = blocks.n_blocks
        self.met = met
        self.every = False
        self.columns = COLUMNS
        self.spent_s: list[float] = []
        """nominal seconds of the programs of this sweep"""
        self.dear = DEAR * float(np.abs(linear.objective).max(initial=1.0))
        arc = problem.arc_column[np.isin(self.block_of_arc, np.flatnonzero(~problem.movable))]
        door = problem.open_column[np.isin(self.block_of_door, np.flatnonzero(~problem.movable))]
        gives = np.concatenate([arc, door[door >= 0]])
        if problem.odd is not None:
            free = problem.odd.first_column[:-1][np.diff(problem.odd.first_row) == 0]
            gives = np.concatenate([gives, problem.odd.program.columns[free]])
        self.gives = np.zeros(linear.n_cols, dtype=bool)
        self.gives[gives] = True

    def sweeps(self) -> Iterator[tuple[Flags, list[Ints]]]:
        """As in `Settler`; the columns of odd blocks that no known plan uses join after the first sweep.

        Programs grow as long as they are easy: batches differ much in how hard their odd blocks are.
        """
        for number, sweep in enumerate(super().sweeps()):
            self.every, self.spent_s = number > 0, []
            yield sweep
            usual = float(np.mean(self.spent_s)) if self.spent_s else HARD_S
            self.columns = self.columns * 2 if usual < EASY_S else self.columns // 2 if usual > HARD_S else self.columns
            self.columns = max(self.columns, COLUMNS)

    def parts(self, allowed: Flags, size: int) -> list[Ints]:
        """All blocks of both kinds, those together that share rows."""
        blocks, rows = self.problem.blocks, len(self.problem.shared.rhs)
        rank = self.random.permutation(rows)
        place = np.full(blocks.n_blocks, rows, dtype=np.int64)
        np.minimum.at(place, self.block_of_arc[blocks.arc_of_use], rank[blocks.arc_use["row"]])
        weight = (np.bincount(self.block_of_door[allowed], minlength=blocks.n_blocks) + 1.0) / size
        weight[~self.improver.problem.movable] = 0.0
        if self.problem.odd is not None:
            odd = self.problem.odd
            count = len(odd.first_column) - 1
            of_odd = np.full(count, rows, dtype=np.int64)
            np.minimum.at(of_odd, odd.block[odd.use_column], rank[odd.use_row])
            place = np.concatenate([place, of_odd])
            weight = np.concatenate([weight, np.diff(odd.first_column) / self.columns])
        order = np.argsort(place, kind="stable")
        total = np.cumsum(weight[order])
        if not len(total) or not total[-1]:
            return []
        return [part for part in np.array_split(order, 1 + int(total[-1])) if len(part)]

    def better(self, part: Ints, allowed: Flags, threads: int, time_limit_s: float) -> float:
        """Solve the program of some blocks, all others as they are; keep what is better. Returns nominal seconds."""
        point = columns_of(self.improver.problem, self.improver.state, len(self.program.columns))
        program = replace(self.program, values=point).part(self._columns(part, allowed))
        values, iterations = bettered(with_overruns(program, self.dear), threads, PATIENCE * time_limit_s)
        work_s = NONZERO_S * len(program.value) + ITERATION_S * iterations
        self.spent_s.append(work_s)
        if values is not None:
            point[program.columns] = program.exact(values[: len(program.columns)])
            self.adopt(point)
        return work_s

    def adopt(self, point: Floats) -> bool:
        """Take the plan of a point of the matrix if it keeps the rules of blocks and is better than the one at hand."""
        left = self.problem
        if self.problem.odd is not None:
            left = leave(self.problem, point[self.problem.odd.program.columns])
        found = empty_like(left, self.improver.state, point)
        if not rebuild(left.blocks, found, self.improver.guide):
            return False
        if self._merit(left, found) <= self._merit(self.improver.problem, self.improver.state):
            return False
        self.improver.problem, self.improver.state = left, found
        return True

    def _merit(self, problem: Problem, state: State) -> float:
        short = np.maximum(-state.slack - problem.shared.soft_cap, 0.0)
        broken = self.dear * (float(short[short > KEEPS].sum()) + broken_odd(problem))
        return value_of(problem, state) - broken

    def _columns(self, part: Ints, allowed: Flags) -> Ints:
        found = [super()._columns(part[part < self.n_simple], allowed)]
        if self.problem.odd is not None:
            odd = self.problem.odd
            mine = np.zeros(len(odd.first_column) - 1, dtype=bool)
            mine[part[part >= self.n_simple] - self.n_simple] = True
            chosen = mine[odd.block]
            if not self.every and self.met is not None and self.improver.problem.odd_values is not None:
                chosen &= self.met | (self.improver.problem.odd_values != 0) | ~odd.program.integral
            found.append(odd.program.columns[chosen])
        columns = np.unique(np.concatenate(found))
        touched = np.zeros(len(self.program.rows), dtype=bool)
        touched[self.program.rows_of(columns)] = True
        joins = np.zeros(len(self.program.columns), dtype=bool)
        joins[self.program.entry_column[touched[self.program.row]]] = True
        return np.union1d(columns, np.flatnonzero(joins & self.gives))


def empty_like(problem: Problem, old: State, point: Floats) -> State:
    """A plan that has the steps of a point, and nothing else yet."""
    return State(
        np.rint(point[problem.arc_column]).astype(np.int32),
        np.zeros_like(old.opened),
        np.zeros_like(old.worth),
        problem.shared.rhs.copy(),
        np.zeros_like(old.regret),
    )


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
