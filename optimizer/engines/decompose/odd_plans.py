"""Plans of odd blocks, and exact programs over blocks of both kinds.

To the simple blocks a plan of the odd ones is so much less of each shared row (`leave`): they need not know more. It is
made at the prices (`odd_first`), and bettered together with simple blocks by programs that HiGHS solves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.engines.decompose.exact import SIZES, Settler, bettered
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, rebuild
from optimizer.engines.decompose.odd_first import COLUMNS, KEEPS
from optimizer.engines.decompose.plan import broken_odd, columns_of, value_of
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Problem, movable, the_odd
from optimizer.engines.decompose.work import ITERATION_S, NONZERO_S
from optimizer.engines.resolve_matrix import Program

EASY_S, HARD_S = 0.2, 2.0
"""Nominal seconds of a program, in the mean of a sweep, beyond which the next one has twice or half as many columns."""
PATIENCE = 0.2
"""Share of the time that is left which one program gets at most."""
DEAR = 30.0
"""Cost of a unit by which a row that must hold is broken, in the dearest columns: more would blur the rest."""


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


@dataclass(frozen=True)
class Held:
    """The plan at hand: its point of the matrix, what that uses of each row, how many own rows of odd blocks it breaks,
    and what it is worth less what it breaks.
    """

    point: Floats
    used: Floats
    broken: int
    merit: float


class MixedSettler(Settler):
    """Exact programs over simple and odd blocks together: these are numbered after those."""

    def __init__(self, whole: Program, problem: Problem, improver: Improver, seed: int, met: Flags | None) -> None:
        """``problem`` is without a plan of the odd blocks. ``met``: odd columns that known plans use."""
        super().__init__(improver, seed)
        self.problem, self.program = problem, whole
        blocks = problem.blocks
        self.block_of_door, self.block_of_arc = blocks.block_of_door, blocks.block_of_arc
        self.door_of_arc, self.block_of_line = blocks.door_of_arc, blocks.block_of_line
        self.n_simple = blocks.n_blocks
        self.met = met
        self.every = False
        self.columns = COLUMNS
        self.spent_s: list[float] = []
        """nominal seconds of the programs of this sweep"""
        self.dear = DEAR * float(np.abs(whole.objective).max(initial=1.0))
        arc = problem.arc_column[np.isin(self.block_of_arc, np.flatnonzero(~problem.movable))]
        door = problem.open_column[np.isin(self.block_of_door, np.flatnonzero(~problem.movable))]
        gives = np.concatenate([arc, door[door >= 0]])
        if problem.odd is not None:
            gives = np.concatenate([gives, problem.odd.program.columns[problem.odd.free]])
        self.gives = np.unique(gives)
        """columns that make room for others"""
        self.rows_of_gives = self.program.rows_of(self.gives)
        self.entries_of_gives = np.repeat(self.gives, np.diff(self.program.start)[self.gives])
        self.own, self.is_odd = np.zeros(len(whole.rows), dtype=bool), np.zeros(len(whole.columns), dtype=bool)
        """own rows of odd blocks, and their columns"""
        if problem.odd is not None:
            self.own[problem.odd.program.rows], self.is_odd[problem.odd.program.columns] = True, True
        self.held: Held | None = None

    def better(self, work_s: float, left_s: Callable[[], float]) -> Iterator[float]:
        """As in `Settler`, one program after the other."""
        done = 0.0
        for allowed, parts in self.sweeps():
            if not parts:  # nothing can be moved, in no sweep
                return
            for part in parts:
                if done >= work_s or left_s() <= 0:
                    return
                done += self._better(part, allowed, left_s())
                yield done

    def sweeps(self) -> Iterator[tuple[Flags, list[Ints]]]:
        """(openers allowed, parts of the blocks), again and again: openers of the plan, of the last rounds, all wanted.

        The columns of odd blocks that no known plan uses join after the first sweep. Programs grow as long as they are
        easy: batches differ much in how hard their odd blocks are.
        """
        openers = itertools.chain((self.opened, self.lately), itertools.repeat(self.sought))
        for openers_of, size in zip(openers, itertools.chain(SIZES, itertools.repeat(SIZES[-1])), strict=False):
            self.spent_s = []
            allowed = openers_of()
            yield allowed, self.parts(allowed, size)
            self.every = True
            usual = float(np.mean(self.spent_s)) if self.spent_s else HARD_S
            self.columns = self.columns * 2 if usual < EASY_S else self.columns // 2 if usual > HARD_S else self.columns
            self.columns = max(self.columns, COLUMNS)

    def parts(self, allowed: Flags, size: int) -> list[Ints]:
        """All blocks of both kinds, those together that share rows; first those of rows that must hold and do not."""
        blocks, rows = self.problem.blocks, len(self.problem.shared.rhs)
        rank = self.random.permutation(rows)
        rank[short_of(self.improver.problem, self.improver.state) > KEEPS] -= rows
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
            weight = np.concatenate([weight, np.bincount(odd.block[self._free()], minlength=count) / self.columns])
        order = np.argsort(place, kind="stable")
        total = np.cumsum(weight[order])
        if not len(total) or not total[-1]:
            return []
        return [part for part in np.array_split(order, 1 + int(total[-1])) if len(part)]

    def _better(self, part: Ints, allowed: Flags, time_limit_s: float) -> float:
        """Solve the program of some blocks, all others as they are; keep what is better. Returns nominal seconds."""
        held = self.held = self.held or self._hold(self.improver.problem, self.improver.state)
        program = self.program.part(self._columns(part, allowed), at=held.point, used=held.used)
        values, iterations = bettered(
            with_overruns(program, self.dear), PATIENCE * time_limit_s, threads=self.improver.threads
        )
        work_s = NONZERO_S * len(program.value) + ITERATION_S * iterations
        self.spent_s.append(work_s)
        if values is not None:
            chosen, point = program.exact(values[: len(program.columns)]), held.point.copy()
            point[program.columns] = chosen
            broken = held.broken + self._broken_own(program, chosen) - self._broken_own(program, program.values)
            self._take(point, held, broken)
        return work_s

    def adopt(self, point: Floats) -> bool:
        """Take the plan of a point of the matrix if it keeps the rules of blocks and is better than the one at hand."""
        held = self._hold(self.improver.problem, self.improver.state)
        return self._take(point, held, None)

    def _hold(self, problem: Problem, state: State) -> Held:
        """A plan, looked at as a whole."""
        point, broken = columns_of(problem, state, len(self.program.columns)), broken_odd(problem)
        return Held(point, self.program.activity(point), broken, self._merit(problem, state, broken))

    def _take(self, point: Floats, held: Held, broken: int | None) -> bool:
        """`adopt` in place of the plan ``held``; ``broken`` as there, of the point, where that is known."""
        left = self.improver.problem if self.problem.odd is None else self._left(point, held)
        found = empty_like(left, self.improver.state, point)
        if not rebuild(left.blocks, found, self.improver.guide):
            return False
        broken = broken_odd(left) if broken is None else broken
        merit = self._merit(left, found, broken)
        if merit <= held.merit:
            return False
        self.improver.problem, self.improver.state = left, found
        taken = columns_of(left, found, len(point))
        changed = np.flatnonzero(taken != held.point)
        self.program.add_use(held.used, changed, (taken - held.point)[changed])
        self.held = Held(taken, held.used, broken, merit)
        return True

    def _left(self, point: Floats, held: Held) -> Problem:
        """`leave` with the odd values of a point, which differs little from the plan ``held``."""
        now, odd = self.improver.problem, the_odd(self.problem)
        if now.odd_values is None:
            return leave(self.problem, point[odd.program.columns])
        changed = np.flatnonzero((point != held.point) & self.is_odd)
        change = point[changed] - held.point[changed]
        used = np.zeros(len(self.program.rows))
        self.program.add_use(used, changed, change)
        shared = now.shared._replace(rhs=now.shared.rhs - now.shared.sign * used[now.shared.row])
        return now._replace(
            shared=shared,
            base=now.base + float(self.program.objective[changed] @ change),
            odd_values=point[odd.program.columns],
            movable=movable(self.problem.blocks, shared),
        )

    def _free(self) -> Flags:
        """Odd columns that programs may change: until all have been looked at, those that some known plan uses."""
        program, values = the_odd(self.problem).program, self.improver.problem.odd_values
        if self.every or self.met is None or values is None:
            return np.ones(len(program.columns), dtype=bool)
        free: Flags = self.met | (values != 0) | ~program.integral
        return free

    def _merit(self, problem: Problem, state: State, broken: int) -> float:
        short = short_of(problem, state)
        return value_of(problem, state) - self.dear * (float(short[short > KEEPS].sum()) + broken)

    def _broken_own(self, program: Program, values: Floats) -> int:
        """How many own rows of odd blocks these values of a program break."""
        return int(
            np.count_nonzero(program.broken(values, program.row_lower, program.row_upper) & self.own[program.rows])
        )

    def _columns(self, part: Ints, allowed: Flags) -> Ints:
        found = [self._simple_columns(part[part < self.n_simple], allowed)]
        if self.problem.odd is not None:
            odd = self.problem.odd
            mine = np.zeros(len(odd.first_column) - 1, dtype=bool)
            mine[part[part >= self.n_simple] - self.n_simple] = True
            found.append(odd.program.columns[mine[odd.block] & self._free()])
        columns = np.unique(np.concatenate(found))
        touched = np.zeros(len(self.program.rows), dtype=bool)
        touched[self.program.rows_of(columns)] = True
        return np.union1d(columns, self.entries_of_gives[touched[self.rows_of_gives]])

    def _simple_columns(self, part: Ints, allowed: Flags) -> Ints:
        """Columns of the matrix that the program of these blocks may change."""
        problem = self.problem
        mine = np.zeros(problem.blocks.n_blocks, dtype=bool)
        mine[part] = True
        arc = mine[self.block_of_arc] & np.append(allowed, True)[self.door_of_arc]  # the last is for none
        door = mine[self.block_of_door] & allowed & (problem.open_column >= 0)
        line = mine[self.block_of_line]
        found = np.concatenate(
            [
                problem.arc_column[arc],
                problem.open_column[door],
                problem.line_full[line],
                problem.line_used[line],
                problem.block_full[mine],
                problem.soft_column,
            ]
        )
        return np.unique(found[found >= 0])


def short_of(problem: Problem, state: State) -> Floats:
    """By how much the plan breaks each shared row that must hold."""
    short: Floats = np.maximum(-state.slack - problem.shared.soft_cap, 0.0)
    return short


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
