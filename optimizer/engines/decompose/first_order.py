"""A linear program nearly solved: the primal-dual hybrid gradient method, on the matrix as it stands.

Steps of Chambolle and Pock (2011) with their diagonal preconditioning after the scaling of Ruiz (2001); step sizes,
weight of the two sides and restarts at averages as in PDLP (Applegate et al., 2021). The matrix is read once a step,
column after column: what the prices take from it, and what its new value uses of the rows. Beyond the matrix it takes
some numbers for each column and row, and nothing for a nonzero.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import Flags, Floats, Ints
from optimizer.engines.resolve_matrix import Program

SCALINGS = 10
CHECK = 40
"""Steps after which the error of the point and of the average is looked at."""
SUFFICIENT, NECESSARY, LONG = 0.2, 0.8, 0.36
"""A restart follows where the error is so small a share of that at the last one; so small and no longer falling; or
after so large a share of all steps.
"""
SMOOTH = 0.5
"""How much of its logarithm the weight keeps at a restart."""


class Side(NamedTuple):
    """A point of both sides: values of the columns, prices of the rows, use of the rows."""

    value: Floats
    price: Floats
    use: Floats


@dataclass(frozen=True)
class Judged:
    """A side, its error, and the bound that its prices give: no point within rows and columns is worth more."""

    side: Side
    error: float
    bound: float


def nearly_solve(
    program: Program, held: Flags, order: Ints, steps: int, left_s: Callable[[], float], pool: Executor, threads: int
) -> Judged:
    """The best prices (by their bound) that so many steps find for the rows ``held``, and the values beside them.

    Prices are those of a maximization: what one more of a row's bound is worth. Fewer steps where no seconds are left.
    All columns must have bounds; they are gone through in the ``order`` given, which is fastest where neighbours share
    rows. The same threads give the same numbers.
    """
    search = _Search(program, held, order, pool, threads)
    for number in range(1, steps + 1):
        search.step()
        if number % CHECK == 0 or number == steps:
            search.check()
            if left_s() <= 0:
                break
    return search.best


class _Search:
    def __init__(self, program: Program, held: Flags, order: Ints, pool: Executor, threads: int) -> None:
        self.program, self.order, self.pool = program, order, pool
        self.lower = np.where(held, program.row_lower, -np.inf)
        self.upper = np.where(held, program.row_upper, np.inf)
        self.by_column, self.by_row = step_sizes(program.start, program.row, program.value, held, order, SCALINGS)
        entries = np.cumsum(np.diff(program.start)[order])
        goals = np.linspace(0, len(program.value), threads + 1)[1:-1]
        cuts = [0, *np.searchsorted(entries, goals).tolist(), len(order)]
        self.parts = [(a, b) for a, b in itertools.pairwise(cuts) if b > a]
        rows = np.linspace(0, len(program.rows), threads + 1).astype(int).tolist()
        self.row_parts = [(a, b) for a, b in itertools.pairwise(rows) if b > a]
        self.uses = np.zeros((len(self.parts), len(program.rows)))
        value = np.clip(0.0, program.lower, program.upper)
        self.now = Side(value, np.zeros(len(program.rows)), program.activity(value))
        self.next = Side(*(np.empty_like(part) for part in self.now))
        self.sums = Side(*(np.zeros_like(part) for part in self.now))
        self.size, self.tries, self.since, self.summed = 1.0, 0, 0, 0.0
        self.weight = self._first_weight()
        self.begun = _copied(self.now)
        """where the last restart was, or the beginning"""
        self.best = self._judge(_copied(self.now))
        self.last = self.restarted = self.best.error
        """errors at the last check, and at the last restart"""

    def _first_weight(self) -> float:
        bounds = np.where(np.isfinite(self.upper), self.upper, np.where(np.isfinite(self.lower), self.lower, 0.0))
        money = math.sqrt(float(self.program.objective**2 @ self.by_column))
        room = math.sqrt(float(bounds**2 @ self.by_row))
        return money / room if money > 0 and room > 0 else 1.0

    def step(self) -> None:
        """One step of both sides; tried again with a smaller size where that was too long."""
        size, longest = self.size, 0.0
        while size > longest:
            size = self.size
            self.tries += 1
            of_columns = sum(self.pool.map(self._move_columns, self.parts, self.uses))
            of_rows, cross = (sum(each) for each in zip(*self.pool.map(self._move_rows, self.row_parts), strict=True))
            moved = self.weight * of_columns + of_rows / self.weight
            longest = moved / (2.0 * abs(cross)) if cross else math.inf
            shorter, longer = 1.0 - (self.tries + 1) ** -0.3, 1.0 + (self.tries + 1) ** -0.6
            self.size = min(shorter * longest, longer * size)
        self.now, self.next = self.next, self.now
        list(self.pool.map(functools.partial(self._sum, size), range(len(self.parts))))
        self.summed += size
        self.since += 1

    def _sum(self, size: float, number: int) -> None:
        """Add a share of the point to the sums."""
        for total, part in zip(self.sums, self.now, strict=True):
            first, last = (len(part) * (number + k) // len(self.parts) for k in range(2))
            add_to(total, part, size, first, last)

    def _move_columns(self, part: tuple[int, int], uses: Floats) -> float:
        program, now = self.program, self.now
        moved: float = move_columns(
            program.start, program.row, program.value, self.order, program.objective, program.lower, program.upper,
            self.by_column, now.price, now.value, self.next.value, uses, *part, self.size / self.weight,
        )  # fmt: skip
        return moved

    def _move_rows(self, part: tuple[int, int]) -> tuple[float, float]:
        now, new = self.now, self.next
        moved: tuple[float, float] = move_rows(
            self.lower, self.upper, self.by_row, now.price, now.use, self.uses, new.price, new.use, *part,
            self.size * self.weight,
        )  # fmt: skip
        return moved

    def check(self) -> None:
        """Keep the best prices; begin anew from the point or the average where that pays."""
        value, price, use = (total / self.summed for total in self.sums)
        average = Side(np.clip(value, self.program.lower, self.program.upper), price, use)
        judged = [self._judge(self.now), self._judge(average)]
        least = min(judged, key=lambda one: one.error)
        for one in judged:
            if one.bound < self.best.bound:
                self.best = replace(one, side=_copied(one.side))  # steps write over the point
        fell = least.error <= SUFFICIENT * self.restarted
        stuck = least.error <= NECESSARY * self.restarted and least.error > self.last
        self.last = least.error
        if fell or stuck or self.since >= LONG * self.tries:
            self._restart(least)

    def _restart(self, judged: Judged) -> None:
        self.now, self.restarted = judged.side, judged.error
        by_column, by_row = self.by_column, self.by_row
        value = math.sqrt(float(_over((self.now.value - self.begun.value) ** 2, by_column).sum()))
        price = math.sqrt(float(_over((self.now.price - self.begun.price) ** 2, by_row).sum()))
        if value > 0 and price > 0:
            self.weight = math.exp(SMOOTH * math.log(price / value) + (1.0 - SMOOTH) * math.log(self.weight))
        self.begun = _copied(self.now)
        for total in self.sums:
            total[:] = 0.0
        self.summed, self.since = 0.0, 0

    def _judge(self, side: Side) -> Judged:
        program = self.program

        def look(part: tuple[int, int]) -> tuple[float, float]:
            found: tuple[float, float] = worth(
                program.start, program.row, program.value, self.order, program.objective, program.lower, program.upper,
                side.price, side.value, *part,
            )  # fmt: skip
            return found

        money, best = (sum(each) for each in zip(*self.pool.map(look, self.parts), strict=True))
        room = np.where(side.price > 0, self.upper, self.lower)
        bound = best + float(np.where(side.price != 0, side.price * np.nan_to_num(room), 0.0).sum())
        short = np.maximum(np.maximum(side.use - self.upper, self.lower - side.use), 0.0)
        error = math.hypot(self.weight * math.sqrt(float(short**2 @ self.by_row)), bound - money)
        return Judged(side, error, bound)


def _copied(side: Side) -> Side:
    return Side(*(part.copy() for part in side))


def _over(amount: Floats, by: Floats) -> Floats:
    return np.divide(amount, by, out=np.zeros_like(amount), where=by > 0)


@compiled
def step_sizes(start, row, value, held, order, scalings):
    """(step sizes of columns, of rows; 0 of those without entries), for a matrix scaled so many times first."""
    columns, rows = start.shape[0] - 1, held.shape[0]
    of_column, of_row = np.ones(columns), np.ones(rows)
    for _ in range(scalings):
        top = np.zeros(rows)
        for j in order:
            most = 0.0
            for k in range(start[j], start[j + 1]):
                if held[row[k]]:
                    size = abs(value[k]) * of_row[row[k]] * of_column[j]
                    most = max(most, size)
                    top[row[k]] = max(top[row[k]], size)
            if most > 0.0:
                of_column[j] /= np.sqrt(most)
        for i in range(rows):
            if top[i] > 0.0:
                of_row[i] /= np.sqrt(top[i])
    by_column, total = np.zeros(columns), np.zeros(rows)
    for j in order:
        of_all = 0.0
        for k in range(start[j], start[j + 1]):
            if held[row[k]]:
                size = abs(value[k]) * of_row[row[k]] * of_column[j]
                of_all += size
                total[row[k]] += size
        by_column[j] = of_column[j] ** 2 / of_all if of_all > 0.0 else 1.0
    by_row = np.zeros(rows)
    for i in range(rows):
        if total[i] > 0.0:
            by_row[i] = of_row[i] ** 2 / total[i]
    return by_column, by_row


@compiled
def move_columns(start, row, value, order, money, lower, upper, by, price, old, new, use, first, last, size):
    """New values of some columns at prices, what they use added to ``use``; returns the squared length of the move."""
    moved = 0.0
    for j in order[first:last]:
        earned = money[j]
        for k in range(start[j], start[j + 1]):
            earned -= value[k] * price[row[k]]
        at = min(max(old[j] + size * by[j] * earned, lower[j]), upper[j])
        moved += (at - old[j]) ** 2 / by[j]
        new[j] = at
        if at != 0.0:
            for k in range(start[j], start[j + 1]):
                use[row[k]] += value[k] * at
    return moved


@compiled
def move_rows(lower, upper, by, old, old_use, uses, new, new_use, first, last, size):
    """New prices of some rows from what is used of them (``uses`` is emptied).

    Returns the squared length of the move, and how it goes with that of the columns.
    """
    moved, cross = 0.0, 0.0
    for i in range(first, last):
        use = 0.0
        for t in range(uses.shape[0]):
            use += uses[t, i]
            uses[t, i] = 0.0
        new_use[i], new[i] = use, 0.0
        if by[i] > 0.0:
            step = size * by[i]
            goal = old[i] + step * (2.0 * use - old_use[i])
            new[i] = max(goal - step * upper[i], 0.0) + min(goal - step * lower[i], 0.0)
            change = new[i] - old[i]
            moved += change**2 / by[i]
            cross += change * (use - old_use[i])
    return moved, cross


@compiled
def add_to(total, part, size, first, last):
    """Add so much of a part, without room for it in between."""
    for i in range(first, last):
        total[i] += size * part[i]


@compiled
def worth(start, row, value, order, money, lower, upper, price, at, first, last):
    """(money of some columns at their values, the most that they can earn at the prices)."""
    now, most = 0.0, 0.0
    for j in order[first:last]:
        earned = money[j]
        for k in range(start[j], start[j + 1]):
            earned -= value[k] * price[row[k]]
        now += money[j] * at[j]
        most += max(earned * lower[j], earned * upper[j])
    return now, most
