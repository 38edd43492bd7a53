"""Plans of odd blocks, and exact programs over blocks of both kinds.

To the simple blocks a plan of the odd ones is so much less of each shared row (`leave`): they need not know more. It is
made at the prices (`odd_first`), and bettered together with simple blocks by programs that HiGHS solves.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.exact import SIZES, Settler, bettered
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, rebuild
from optimizer.engines.decompose.odd_first import COLUMNS, KEEPS
from optimizer.engines.decompose.odd_rooms import Helping, bettered_by_few, shared_out, with_overruns
from optimizer.engines.decompose.plan import broken_odd, columns_of, row_prices, value_of
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Problem, movable, the_odd
from optimizer.engines.decompose.small import USED
from optimizer.engines.decompose.work import ITERATION_S, NONZERO_S
from optimizer.engines.resolve_matrix import FEASIBLE, Program, is_broken, slices

EASY_S, HARD_S = 0.2, 2.0
"""Nominal seconds of a program, in the mean of a sweep, beyond which the next one has twice or half as many columns."""
PATIENCE = 0.2
"""Share of the time that is left which one program gets at most."""
WIDE = 50_000
"""Columns of odd blocks in a program that keeps only those that its own relaxation uses (10,000 lines, 120 s: 316,061;
with 20,000 columns 314,987).
"""
NARROW = 12_000
"""Columns of a program that has only those that lose little: HiGHS' presolve leaves a quarter of them."""
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


@dataclass
class Held:
    """The plan at hand: its point of the matrix, what that uses of each row, and how much rows are broken in all."""

    point: Floats
    used: Floats
    short: float


class Solved(NamedTuple):
    """A program around the plan that was, values of its columns (None: none were found), and nominal seconds."""

    program: Program
    values: Floats | None
    work_s: float


class MixedSettler(Settler):
    """Exact programs over simple and odd blocks together: these are numbered after those.

    Each thread solves one at a time, all on the matrix, so that a program costs what its own columns do; the improver
    has the plan once it is handed over.
    """

    def __init__(
        self, whole: Program, problem: Problem, improver: Improver, seed: int, met: Flags | None,
        loses: Floats | None = None,
    ) -> None:  # fmt: skip
        """``problem`` is without a plan of the odd blocks. ``met``: odd columns that known plans use.

        ``loses``: as in `optimizer.engines.decompose.small.Relaxation`.
        """
        super().__init__(improver, seed)
        self.problem, self.program = problem, whole
        self.n_simple = problem.blocks.n_blocks
        self.block_of_door, self.block_of_arc = problem.blocks.block_of_door, problem.blocks.block_of_arc
        self.door_of_arc = problem.blocks.door_of_arc
        self.met, self.loses = met, loses
        if met is not None and loses is not None and problem.odd is not None:  # whole plans of blocks, not mixed ones
            self.loses = loses.copy()
            self.loses[problem.odd.program.columns[met]] = USED
        switches = (problem.line_full, problem.line_used, problem.block_full)
        self.is_switch = np.zeros(len(whole.columns) + 1, dtype=bool)
        """columns of simple blocks that follow from the others; the last stands for none"""
        self.is_switch[np.concatenate(switches)] = True
        self.most: float | None = None
        """what columns may lose that programs of this sweep have, beside those of the plan; None: any"""
        self.is_wide = False
        """whether programs have so many columns that only those are kept which their own relaxation uses"""
        self.every = False
        self.columns = COLUMNS
        self.spent_s: list[float] = []
        """nominal seconds of the programs of this sweep"""
        self.dear = DEAR * float(np.abs(whole.objective).max(initial=1.0))
        self.helping = Helping.of(whole, problem, row_prices(problem, improver.guide.price, len(whole.rows)))
        self.held: Held | None = None
        self.is_short = np.zeros(len(whole.rows), dtype=bool)
        """rows that the plan broke when the sweep began"""

    def better(self, work_s: float, left_s: Callable[[], float]) -> Iterator[float]:
        """See `Settler`."""
        done, improver = 0.0, self.improver
        for allowed, parts in self.sweeps():
            if not parts:  # nothing can be moved, in no sweep
                return
            free = self._free()
            at_once = min(improver.threads, len(parts))
            queue = deque(parts)
            while queue:
                left = left_s()
                if done >= work_s or left <= 0:
                    return
                batch = [queue.popleft() for _ in range(min(at_once, len(queue)))]
                programs = [self._program(part, allowed, free) for part in batch]
                if self.most is not None or self.is_wide:
                    programs = shared_out(programs)
                solve = functools.partial(self._solve, PATIENCE * left)
                for part, solved in zip(batch, improver.pool.map(solve, programs), strict=True):
                    if not self._take(solved) and part is not batch[0]:
                        queue.appendleft(part)  # another one of the batch took its room
                    self.spent_s.append(solved.work_s)
                    done += solved.work_s / at_once
                yield done

    def has_mended(self) -> bool:
        """See `Settler`."""
        return self.held is not None and self.held.short <= KEEPS

    def hand_over(self) -> None:
        """See `Settler`."""
        if self.held is not None and not self.adopt(self.held.point):
            self.held = self._hold()  # begin again from what the improver has

    def sweeps(self) -> Iterator[tuple[Flags, list[Ints]]]:
        """(openers allowed, parts of the blocks), again and again: openers of the plan, of the last rounds, all wanted.

        Before them, where the linear relaxation is known, sweeps over what it uses and the plan uses, then over what
        would lose little: so few columns that a program holds many blocks, and settles what they share. The columns of
        odd blocks that no known plan uses join after the first sweep of all openers. Programs grow as long as they are
        easy: batches differ much in how hard their odd blocks are. Where the relaxation is not known, every other sweep
        has large programs, each of which has a relaxation of its own and keeps what that uses.
        """
        for most in self._levels():
            self.most = most
            self._begin_sweep()
            yield np.ones(len(self.block_of_door), dtype=bool), self._narrow_parts()
        self.most = None
        openers = itertools.chain((self.opened, self.lately), itertools.repeat(self.sought))
        for openers_of, size in zip(openers, itertools.chain(SIZES, itertools.repeat(SIZES[-1])), strict=False):
            self._begin_sweep()
            allowed = openers_of()
            yield allowed, self.parts(allowed, size)
            self.every = True
            if not self.is_wide:
                usual = float(np.mean(self.spent_s)) if self.spent_s else HARD_S
                grown = self.columns * 2 if usual < EASY_S else self.columns // 2 if usual > HARD_S else self.columns
                self.columns = max(grown, COLUMNS)
            self.is_wide = self.loses is None and not self.is_wide

    def _begin_sweep(self) -> None:
        self.hand_over()
        self.held = self.held or self._hold()
        self.is_short = is_broken(self.held.used, self.program.row_lower, self.program.row_upper)
        self.spent_s = []

    def _levels(self) -> Iterator[float]:
        """What columns may lose, sweep by sweep: nothing, then as much as lets in twice as many, and so on."""
        if self.loses is None:
            return
        yield USED
        count = np.count_nonzero(self.loses <= USED)
        while 0 < 2 * count < len(self.loses):
            count *= 2
            yield float(np.partition(self.loses, count)[count])

    def parts(self, allowed: Flags, size: int) -> list[Ints]:
        """All blocks of both kinds, those together that share rows; first those of rows that must hold and do not."""
        blocks = self.problem.blocks
        weight = (np.bincount(self.block_of_door[allowed], minlength=blocks.n_blocks) + 1.0) / size
        weight[~self.improver.problem.movable] = 0.0
        if self.problem.odd is not None:
            odd = self.problem.odd
            count = len(odd.first_column) - 1
            size_of_odd = WIDE if self.is_wide else self.columns
            weight = np.concatenate([weight, np.bincount(odd.block[self._free()], minlength=count) / size_of_odd])
        return self._cut(weight)

    def _narrow_parts(self) -> list[Ints]:
        """The same by columns that lose little, or that the plan uses."""
        problem, blocks = self.problem, self.problem.blocks
        weight = np.bincount(self.block_of_arc[self._is_narrow(problem.arc_column)], minlength=blocks.n_blocks)
        if problem.odd is not None:
            odd = problem.odd
            narrow = odd.block[self._is_narrow(odd.program.columns)]
            weight = np.concatenate([weight, np.bincount(narrow, minlength=len(odd.first_column) - 1)])
        return self._cut(weight / NARROW)

    def _is_narrow(self, columns: Ints) -> Flags:
        """Which of some columns of the matrix lose little, or are used by the plan, or may take any fraction."""
        if self.loses is None or self.most is None:
            return np.ones(len(columns), dtype=bool)
        uses = self._held().point[columns] != 0
        found: Flags = (self.loses[columns] <= self.most) | uses | ~self.program.integral[columns]
        return found

    def _cut(self, weight: Floats) -> list[Ints]:
        """All blocks, those of one row together, in parts of weight 1."""
        blocks, rows = self.problem.blocks, len(self.problem.shared.rhs)
        rank = self.random.permutation(rows)
        rank[short_of(self.improver.problem, self.improver.state) > KEEPS] -= rows
        place = np.full(blocks.n_blocks, rows, dtype=np.int64)
        np.minimum.at(place, self.block_of_arc[blocks.arc_of_use], rank[blocks.arc_use["row"]])
        if self.problem.odd is not None:
            odd = self.problem.odd
            of_odd = np.full(len(odd.first_column) - 1, rows, dtype=np.int64)
            np.minimum.at(of_odd, odd.block[odd.use_column], rank[odd.use_row])
            place = np.concatenate([place, of_odd])
        order = np.argsort(place, kind="stable")
        total = np.cumsum(weight[order])
        if not len(total) or not total[-1]:
            return []
        return [part for part in np.array_split(order, 1 + int(total[-1])) if len(part)]

    def adopt(self, point: Floats) -> bool:
        """Let the improver have the plan of a point of the matrix if that is better than its own.

        Returns whether the point keeps the rules of the simple blocks: else nothing is done.
        """
        improver, problem = self.improver, self.problem
        left = improver.problem if problem.odd is None else leave(problem, point[problem.odd.program.columns])
        found = empty_like(left, improver.state, point)
        if not rebuild(left.blocks, found, improver.guide):
            return False
        if self._merit(left, found) > self._merit(improver.problem, improver.state):
            improver.problem, improver.state = left, found
        return True

    def _merit(self, problem: Problem, state: State) -> float:
        """Money of a plan, less what it breaks."""
        short = short_of(problem, state)
        return value_of(problem, state) - self.dear * (float(short[short > KEEPS].sum()) + broken_odd(problem))

    def _hold(self) -> Held:
        """The improver's plan as a point of the matrix."""
        point = columns_of(self.improver.problem, self.improver.state, len(self.program.columns))
        used = self.program.activity(point)
        return Held(point, used, _short(used, self.program.row_lower, self.program.row_upper))

    def _program(self, part: Ints, allowed: Flags, free: Flags) -> Program:
        """The program of some blocks, all others as they are; rows that the plan breaks may be as short as they are."""
        held = self._held()
        columns = self._simple_columns(part[part < self.n_simple], allowed)
        if self.problem.odd is not None:
            odd, blocks = self.problem.odd, part[part >= self.n_simple] - self.n_simple
            of_odd = slices(odd.first_column[blocks], odd.first_column[blocks + 1])
            columns = np.concatenate([columns, odd.program.columns[of_odd[free[of_odd]]]])
        columns = columns[self._is_narrow(columns) | self.is_switch[columns]]
        rows = np.unique(self.program.rows_of(columns))
        every = self.every or self.most is not None
        helping = self.helping.of_rows(rows, held.point, self.is_short, every=every)
        columns = np.union1d(columns, helping[self._is_narrow(helping)])
        return self.program.part(columns, at=held.point, used=held.used)

    def _solve(self, time_limit_s: float, program: Program) -> Solved:
        values, iterations = None, 0
        overrun = with_overruns(program, self.dear)
        if self.is_wide:
            values, iterations = bettered_by_few(overrun, time_limit_s)
        elif self.most is not None and overrun is not program:  # to mend all at once is easier, where it is possible
            values, iterations = bettered(program, time_limit_s, begins=False)
        if values is None and not self.is_wide:
            values, more = bettered(overrun, time_limit_s)
            iterations += more
        if values is not None:
            values = values[: len(program.columns)]
            values = np.where(program.integral, np.rint(values), values)
        return Solved(program, values, NONZERO_S * len(program.value) + ITERATION_S * iterations)

    def _take(self, solved: Solved) -> bool:
        """Move the plan by what the program moved, if that betters it as it is now; whether nothing stood against it.

        The programs solved at once did not know of each other. What several moved is moved by each of them.
        """
        program, held, whole = solved.program, self._held(), self.program
        if solved.values is None or (solved.values == program.values).all():
            return True
        now = held.point[program.columns]
        values = np.clip(now + solved.values - program.values, program.lower, program.upper)
        use = program.activity(now)
        rest = held.used[program.rows] - use
        lower, upper = whole.row_lower[program.rows] - rest, whole.row_upper[program.rows] - rest
        values = program.exact(values, lower, upper)
        before, after = (_short(at, lower, upper) for at in (use, program.activity(values)))
        gain = program.difference(values, now) + self.dear * (before - after)
        in_columns = (values <= program.upper + FEASIBLE) & (values >= program.lower - FEASIBLE)
        if gain <= 0 or after > before or not in_columns.all():
            return False
        changed = np.flatnonzero(values != now)
        whole.add_use(held.used, program.columns[changed], (values - now)[changed])
        held.point[program.columns] = values
        held.short += after - before
        return True

    def _held(self) -> Held:
        if self.held is None:
            raise ValueError("there is no plan to better")
        return self.held

    def _free(self) -> Flags:
        """Odd columns that programs may change: until all have been looked at, those that some known plan uses."""
        if self.problem.odd is None:
            return np.zeros(0, dtype=bool)
        program, values = self.problem.odd.program, self.improver.problem.odd_values
        if self.every or self.most is not None or self.met is None or values is None:
            return np.ones(len(program.columns), dtype=bool)
        free: Flags = self.met | (values != 0) | ~program.integral
        return free

    def _simple_columns(self, part: Ints, allowed: Flags) -> Ints:
        """Columns of the matrix that the program of these blocks may change."""
        problem, blocks = self.problem, self.problem.blocks
        line = slices(blocks.block["line"][part], blocks.block["line"][part + 1])
        arc = slices(blocks.line["arc"][line], blocks.line["arc"][line + 1])
        door = slices(blocks.block["open"][part], blocks.block["open"][part + 1])
        found = np.concatenate(
            [
                problem.arc_column[arc[np.append(allowed, True)[self.door_of_arc[arc]]]],  # the last is for none
                problem.open_column[door[allowed[door]]],
                problem.line_full[line],
                problem.line_used[line],
                problem.block_full[part],
            ]
        )
        return found[found >= 0]


def _short(use: Floats, lower: Floats, upper: Floats) -> float:
    """By how much, in all, rows are used beyond their bounds: rounding does not count."""
    return float(np.maximum(use - upper, lower - use)[is_broken(use, lower, upper)].sum())


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
