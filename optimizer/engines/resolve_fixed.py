"""What a row's right-hand side is worth while every switch stays as in the plan: nearly always a linear program."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_matrix import WHOLE, Program
from optimizer.engines.resolve_methods import IMPOSSIBLE, MEETS, Asked, Work, find, is_status

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WIDER = (1.0, 8.0)
"""How far, in turn, a whole program looks around the linear one where the loss it must find is not known beforehand."""


@dataclass(frozen=True)
class Relaxed:
    """A solution of the linear program: values, reduced costs, and how far its value is above that of the first one."""

    values: Floats
    reduced_cost: Floats
    change: float


class FixedSwitches:
    """The program that remains when every switch stays as in the plan; ``price`` is its dual per unit.

    It falls into parts that hang together by rows that are full or nearly so. Where a part's linear program has a whole
    solution, that is its best one, and one more unit is one warm step of the dual simplex. Else it is solved as a whole
    program, in the columns whose reduced cost allows them to differ from the linear solution. Rows that join parts only
    when exhausted are checked afterwards. ``plan_gain``: how much better than the plan its best solution is.
    """

    def __init__(self, problem: Program, asked: Asked, switch: Flags, work: Work, size: int) -> None:
        self.problem, self.asked, self.work, self.size = problem, asked, work, size
        self.part = without_idle(problem, np.flatnonzero(~switch), asked.row)
        self.place = find(self.part.rows, asked.row)
        self.has_switch = problem.touched(switch)[asked.row]
        self.is_full = asked.is_full(problem)
        self.price = np.zeros(len(asked.row))
        self.engine = self.part.highs(mixed=False, presolve="off")
        self.value_of_relaxation = 0.0
        self.relaxed = self._run()
        self._split()
        self._settle()

    def _run(self) -> Relaxed | None:
        """Solve the linear program as it stands in the engine."""
        self.engine.run()
        if not is_status(self.engine, "kOptimal"):
            return None
        solution = self.engine.getSolution()
        value = -self.engine.getInfo().objective_function_value
        return Relaxed(np.array(solution.col_value), np.array(solution.col_dual), value - self.value_of_relaxation)

    def _split(self) -> None:
        """Number the parts: ``label`` of each column. Rows asked join them only where less than a unit is left."""
        part, asked, here = self.part, self.asked, self.place >= 0
        row, unit = self.place[here], asked.unit[here]
        margin = np.zeros(len(part.rows))
        margin[row] = unit
        self.can_bind = can_bind(part, margin)
        self.joins = self.can_bind.copy()
        if self.relaxed is not None:
            activity = part.activity(self.relaxed.values)
            self.joins[row] &= part.room(row, asked.is_upper[here], activity) < unit
            self.price[here] = -np.array(self.engine.getSolution().row_dual)[row] * unit
        self.label = part.components(self.joins)

    def _settle(self) -> None:
        """The best solution, part by part: made exact where it is whole, the plan's where it is not (yet).

        ``is_flat``: whole parts whose value is that of their linear program, and so concave around this bound.
        """
        part = self.part
        self.base, self.is_whole = part.values, np.zeros(len(part.columns), dtype=bool)
        self.tried: set[int] = set()
        if self.relaxed is not None:
            self.value_of_relaxation = self.relaxed.change
            found = self.relaxed.values
            ragged = part.integral & (np.abs(found - np.rint(found)) > WHOLE)
            is_whole = ~np.isin(self.label, self.label[ragged])
            base = np.where(is_whole, part.exact(np.where(is_whole, found, part.values)), part.values)
            if part.holds(base, part.row_lower, part.row_upper):
                self.base, self.is_whole = base, is_whole
        self.is_flat = self.is_whole.copy()
        self.plan_gain = part.difference(self.base, part.values)

    def value(self, place: int, step: int) -> float:
        """Change of the best value when the row's bound moves by ``step`` units; nan where it is not proved."""
        row, asked, part = int(self.place[place]), self.asked, self.part
        if row < 0:  # the switches alone fill it
            return np.nan if self.is_full[place] and not asked.loosens(place, step) else 0.0
        if not self.can_bind[row]:
            return 0.0  # nothing here can reach the bound, with one unit more or fewer
        mine = self._parts_of(np.arange(len(part.rows)) == row)
        if not self._make_whole(mine):
            return np.nan
        rows, is_upper = np.array([row]), asked.is_upper[[place]]
        is_flat = bool(self.is_flat[mine].all())
        if is_flat and part.room(rows, is_upper, part.activity(self.base))[0] >= asked.unit[place]:
            return 0.0  # concave in the bound, and flat here
        lower, upper = part.row_lower.copy(), part.row_upper.copy()
        lower[row], upper[row] = asked.moved(place, step, lower[row], upper[row])
        self.engine.changeRowBounds(row, lower[row], upper[row])
        relaxed = self._run()
        self.engine.changeRowBounds(row, part.row_lower[row], part.row_upper[row])
        if relaxed is None:
            return np.nan
        value = self._linear_value(relaxed, mine, lower, upper) if is_flat else np.nan
        return (
            value if np.isfinite(value) else self._search(relaxed, mine, row, lower, upper, asked.loosens(place, step))
        )

    def _make_whole(self, mine: Flags) -> bool:
        """Solve parts whose linear program has no whole solution as whole programs; whether all are proved."""
        part = self.part
        for label in np.unique(self.label[mine & ~self.is_whole]).tolist():
            if self.relaxed is None or label in self.tried:
                return False
            self.tried.add(label)
            one = self.label == label
            lead = self._lead(one)
            found = self._around(self.relaxed, one, lead + MEETS, self.joins, part.row_lower, part.row_upper)
            if found is None:
                return False
            gain = part.difference(found, self.base) if part.holds(found, part.row_lower, part.row_upper) else 0.0
            if gain > 0:
                self.base = found
                self.plan_gain += gain
            self.is_whole[one] = True
            self.is_flat[one] = lead - max(gain, 0.0) <= MEETS
        return True

    def _linear_value(self, relaxed: Relaxed, mine: Flags, lower: Floats, upper: Floats) -> float:
        """By the linear program; nan where its solution is not whole, or another part would have to give way."""
        part, found = self.part, relaxed.values
        if (np.abs(found - np.rint(found))[mine & part.integral] > WHOLE).any():
            return np.nan
        found = np.where(mine, part.exact(np.where(mine, found, self.base), lower, upper), self.base)
        change = part.difference(found, self.base)
        noise = max(MEETS, 1e-10 * abs(self.value_of_relaxation))
        return change if abs(relaxed.change - change) <= noise and part.holds(found, lower, upper) else np.nan

    def _search(self, relaxed: Relaxed, mine: Flags, row: int, lower: Floats, upper: Floats, loosens: bool) -> float:
        """By whole programs over the row's own part, and those that a row it would break belongs to.

        No plan is better than the linear program by ``most``; one that gives up more than ``reach`` of that is of no
        use, and only columns with a reduced cost up to ``reach`` can differ from the linear solution in the others.
        """
        joins = self.joins.copy()
        joins[row] = True
        for wider in (1.0,) if loosens else WIDER:
            while True:
                open_before = self._lead(mine)
                most = relaxed.change + open_before
                reach = most if loosens else wider * (open_before + 2 * abs(relaxed.change))
                found = self._around(relaxed, mine, reach + MEETS, joins, lower, upper)
                if found is None:
                    return np.nan
                broken = self.part.broken(found, lower, upper)
                if not (broken & ~joins).any():
                    break
                joins |= broken
                mine = mine | self._parts_of(broken)
                if not self._make_whole(mine):
                    return np.nan
            value = IMPOSSIBLE if broken.any() else self.part.difference(found, self.base)
            if loosens:
                return max(value, 0.0)  # the plan itself is still one
            if most - value <= reach + MEETS:
                return value
        return np.nan

    def _parts_of(self, rows: Flags) -> Flags:
        """All columns of the parts that these rows touch."""
        part = self.part
        return np.isin(self.label, self.label[part.entry_column[rows[part.row]]])

    def _lead(self, mine: Flags) -> float:
        """How much the linear program is ahead of the best whole solution in these columns."""
        assert self.relaxed is not None
        return max(0.0, self.part.difference(np.where(mine, self.relaxed.values, self.base), self.base))

    def _around(
        self, relaxed: Relaxed, mine: Flags, reach: float, rows: Flags, lower: Floats, upper: Floats
    ) -> Floats | None:
        """The best point near a linear solution; None if that was not proved. It breaks a row where there is none."""
        part = self.part
        at_bound = (relaxed.values <= part.lower + WHOLE) | (relaxed.values >= part.upper - WHOLE)
        free = mine & (~at_bound | (np.abs(relaxed.reduced_cost) <= reach) | ~part.integral)
        if free.sum() > self.size:
            return None
        point = np.where(mine, np.where(part.integral, np.rint(relaxed.values), relaxed.values), self.base)
        alone = replace(part, row_lower=lower, row_upper=upper).part(np.flatnonzero(free), point, rows)
        gain, best = self.work.best(alone, alone.row_lower, alone.row_upper)
        if np.isnan(gain):
            return None
        point[free] = best
        return part.exact(point, lower, upper)


def without_idle(problem: Program, columns: Ints, asked: Ints) -> Program:
    """The part in these columns, less what simple rows settle: rows of one entry become bounds, fixed columns go."""
    lower, upper = problem.lower.copy(), problem.upper.copy()
    left = len(columns) + 1
    while len(columns) < left:
        left = len(columns)
        part = problem.part(columns)
        single = (np.bincount(part.row, minlength=len(part.rows)) == 1) & (find(asked, part.rows) < 0)
        entry = np.flatnonzero(single[part.row])
        column, value, row = part.columns[part.entry_column[entry]], part.value[entry], part.row[entry]
        ends = part.row_lower[row] / value, part.row_upper[row] / value
        np.minimum.at(upper, column, np.maximum(*ends))
        np.maximum.at(lower, column, np.minimum(*ends))
        whole = columns[problem.integral[columns]]
        upper[whole], lower[whole] = np.floor(upper[whole] + WHOLE), np.ceil(lower[whole] - WHOLE)
        columns = columns[upper[columns] > lower[columns]]
    bounded = replace(problem, lower=lower, upper=upper)
    part = bounded.part(columns)  # the same columns as in the last round: its single rows are bounds now
    keep = np.zeros(len(problem.rows), dtype=bool)
    keep[part.rows] = can_bind(part, np.zeros(len(part.rows))) & (np.bincount(part.row, minlength=len(part.rows)) > 1)
    keep[asked] = True
    return bounded.part(columns, keep=keep)


def can_bind(part: Program, margin: Floats) -> Flags:
    """Rows that some point within the column bounds brings closer than ``margin`` to one of their bounds, or beyond."""
    column = part.entry_column
    with np.errstate(invalid="ignore"):
        ends = part.value * part.lower[column], part.value * part.upper[column]
    least = np.bincount(part.row, np.minimum(*ends), minlength=len(part.rows))
    most = np.bincount(part.row, np.maximum(*ends), minlength=len(part.rows))
    return np.asarray(~((most <= part.row_upper - margin) & (least >= part.row_lower + margin)), dtype=bool)
