"""The ways to learn what a row's right-hand side is worth: its dual, the program at fixed switches, small re-solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import GLOBAL, LOCAL
from optimizer.engines.resolve_matrix import WHOLE, Part, Problem

if TYPE_CHECKING:
    import highspy

    from optimizer.engines.child import Emit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SIMPLEX_SIZE = 30_000
"""Rows + columns up to which the simplex method is the faster one (measured: 12 s against 7 s at 130,000)."""
IMPOSSIBLE = float("-inf")
"""Value of a re-solve that proved there is no plan."""
MORE, FEWER = 1, -1


@dataclass(frozen=True)
class Asked:
    """The rows to price, as in `RowQuestion`."""

    row: Ints
    unit: Floats
    change: Floats
    is_upper: Flags
    can_fall: Flags

    def moved(self, place: int, step: int, lower: float, upper: float) -> tuple[float, float]:
        """Bounds of the row at ``place`` after ``step`` units; ``lower`` and ``upper`` are what they were."""
        move = step * float(self.unit[place])
        return (lower, upper + move) if self.is_upper[place] else (lower + move, upper)

    def loosens(self, place: int, step: int) -> bool:
        """Whether moving the bound so allows more plans, not fewer."""
        return bool(self.is_upper[place]) == (step > 0)

    def is_full(self, problem: Problem) -> Flags:
        """Rows of which the plan leaves less than a unit."""
        used = problem.activity[self.row]
        room = np.where(self.is_upper, problem.row_upper[self.row] - used, used - problem.row_lower[self.row])
        full: Flags = room < self.unit * (1 - WHOLE)
        return full


class Work:
    """A budget in simplex iterations: unlike a clock it ends at the same place on every machine."""

    def __init__(self, limit: int, nodes: int) -> None:
        self.left, self.nodes = limit, nodes

    def best(self, part: Part, lower: Floats, upper: Floats) -> float:
        """How much the best whole point under these row bounds is above the part's plan; nan if not proved in time."""
        if self.left <= 0:
            return np.nan
        engine = part.highs(mixed=True, mip_rel_gap=0.0, mip_abs_gap=1e-9, mip_max_nodes=self.nodes)
        changed = np.flatnonzero((lower != part.row_lower) | (upper != part.row_upper))
        for row in changed.tolist():
            engine.changeRowBounds(row, lower[row], upper[row])
        engine.run()
        self.left -= max(1, engine.getInfo().simplex_iteration_count)
        if _is(engine, "kInfeasible", "kUnboundedOrInfeasible"):
            return IMPOSSIBLE
        if not _is(engine, "kOptimal"):
            return np.nan
        found = part.exact(np.array(engine.getSolution().col_value))
        return part.difference(found, part.values) if part.holds(found, lower, upper) else np.nan


class FixedSwitches:
    """The program that remains when every switch stays as in the plan; ``price`` is its dual per unit.

    It falls into parts that hang together by rows that can bind. Where a part's linear program has a whole solution,
    that is its best one, and one more unit is one warm step of the dual simplex; else it is solved as a whole program.
    ``plan_gain``: how much better than the plan its best solution is (0 for a plan that is best at its own switches).
    """

    def __init__(self, problem: Problem, asked: Asked, switch: Flags, work: Work, size: int) -> None:
        self.problem, self.asked, self.work, self.size = problem, asked, work, size
        self.part = without_idle(problem, np.flatnonzero(~switch), asked.row)
        self.place = find(self.part.rows, asked.row)
        self.has_switch = _touches(problem, asked.row, switch)
        self.is_full = asked.is_full(problem)
        self._split()
        self._settle()

    def _split(self) -> None:
        """Number the parts: ``label`` of each column, ``row_label`` of each row."""
        part, here = self.part, self.place >= 0
        margin = np.zeros(len(part.rows))
        margin[self.place[here]] = self.asked.unit[here]
        self.binding = can_bind(part, margin)
        self.label = part.components(self.binding)
        self.row_label = np.full(len(part.rows), -1, dtype=np.int64)
        self.row_label[part.row] = self.label[part.entry_column]

    def _settle(self) -> None:
        """The best solution, part by part: made exact where it is whole, the plan's where it is not."""
        part, here = self.part, self.place >= 0
        self.price, self.base = np.zeros(len(self.asked.row)), part.values
        self.whole_base: dict[int, float] = {}
        self.is_whole = np.zeros(len(part.columns), dtype=bool)
        self.engine = part.highs(mixed=False, presolve="off")
        self.engine.run()
        if _is(self.engine, "kOptimal"):
            solution = self.engine.getSolution()
            found = np.array(solution.col_value)
            self.price[here] = -np.array(solution.row_dual)[self.place[here]] * self.asked.unit[here]
            ragged = part.integral & (np.abs(found - np.rint(found)) > WHOLE)
            is_whole = ~np.isin(self.label, self.label[ragged])
            base = np.where(is_whole, part.exact(np.where(is_whole, found, part.values)), part.values)
            if part.holds(base, part.row_lower, part.row_upper):
                self.base, self.is_whole = base, is_whole
        self.plan_gain = part.difference(self.base, part.values)
        self.used = part.activity(self.base)

    def value(self, place: int, step: int) -> float:
        """Change of the best value when the row's bound moves by ``step`` units; nan where it is not proved."""
        row = int(self.place[place])
        if row < 0:  # the switches alone fill it
            return np.nan if self.is_full[place] and not self.asked.loosens(place, step) else 0.0
        if not self.binding[row]:
            return 0.0  # nothing here can reach the bound, with one unit more or fewer
        mine = self.label == self.row_label[row]
        if not self.is_whole[mine].all():
            return self._whole_value(place, step, mine)
        used, part = self.used[row], self.part
        slack = part.row_upper[row] - used if self.asked.is_upper[place] else used - part.row_lower[row]
        if slack >= self.asked.unit[place]:
            return 0.0  # concave in the bound, and flat here
        value = self._linear_value(place, row, step, mine)
        return self._whole_value(place, step, mine) if np.isnan(value) else value

    def _linear_value(self, place: int, row: int, step: int, mine: Flags) -> float:
        """By the linear program; nan if that has no solution or none in whole numbers."""
        part = self.part
        lower, upper = part.row_lower.copy(), part.row_upper.copy()
        lower[row], upper[row] = self.asked.moved(place, step, lower[row], upper[row])
        self.engine.changeRowBounds(row, lower[row], upper[row])
        self.engine.run()
        solved = _is(self.engine, "kOptimal")
        found = np.array(self.engine.getSolution().col_value) if solved else self.base
        self.engine.changeRowBounds(row, part.row_lower[row], part.row_upper[row])
        if not solved or (np.abs(found - np.rint(found))[mine & part.integral] > WHOLE).any():
            return np.nan
        found = np.where(mine, part.exact(np.where(mine, found, self.base)), self.base)
        return part.difference(found, self.base) if part.holds(found, lower, upper) else np.nan

    def _whole_value(self, place: int, step: int, mine: Flags) -> float:
        """By a mixed-integer program over the row's own part, where that is small."""
        columns = self.part.columns[mine]
        if len(columns) > self.size:
            return np.nan
        lower, upper = self.problem.lower.copy(), self.problem.upper.copy()
        lower[self.part.columns], upper[self.part.columns] = self.part.lower, self.part.upper
        alone = self.problem.part(columns, lower, upper)
        alone = alone.keep_rows(find(self.part.rows[self.binding], alone.rows) >= 0)
        label = int(self.label[mine][0])
        if label not in self.whole_base:
            self.whole_base[label] = self.work.best(alone, alone.row_lower, alone.row_upper)
        return moved_value(alone, self.asked, place, step, self.work) - self.whole_base[label]


def moved_value(part: Part, asked: Asked, place: int, step: int, work: Work) -> float:
    """`Work.best` with the bound of the row at ``place`` moved by ``step`` units."""
    row = int(find(part.rows, asked.row[[place]])[0])
    lower, upper = part.row_lower.copy(), part.row_upper.copy()
    if row < 0:
        return np.nan
    lower[row], upper[row] = asked.moved(place, step, lower[row], upper[row])
    return work.best(part, lower, upper)


def find(positions: Ints, wanted: Ints) -> Ints:
    """Where each wanted value stands among the sorted positions; -1 where it is missing."""
    if len(positions) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(positions, wanted), len(positions) - 1)
    return np.where(positions[place] == wanted, place, -1)


def _is(engine: highspy.Highs, *names: str) -> bool:
    return engine.getModelStatus().name in names


def _touches(problem: Problem, rows: Ints, columns: Flags) -> Flags:
    """Which of the rows hold any of the columns."""
    per_entry = columns[problem.indices].astype(np.int64)
    total = np.concatenate([[0], np.cumsum(per_entry)])
    return np.asarray(total[problem.indptr[rows + 1]] > total[problem.indptr[rows]], dtype=bool)


def without_idle(problem: Problem, columns: Ints, asked: Ints) -> Part:
    """The part in these columns, less what simple rows settle: rows of one entry become bounds, fixed columns go."""
    lower, upper = problem.lower.copy(), problem.upper.copy()
    left = len(columns) + 1
    while len(columns) < left:
        left = len(columns)
        part = problem.part(columns, lower, upper)
        single = (np.bincount(part.row, minlength=len(part.rows)) == 1) & (find(asked, part.rows) < 0)
        entry = np.flatnonzero(single[part.row])
        column, value, row = part.columns[part.entry_column[entry]], part.value[entry], part.row[entry]
        ends = part.row_lower[row] / value, part.row_upper[row] / value
        np.minimum.at(upper, column, np.maximum(*ends))
        np.maximum.at(lower, column, np.minimum(*ends))
        whole = columns[problem.integral[columns]]
        upper[whole], lower[whole] = np.floor(upper[whole] + WHOLE), np.ceil(lower[whole] - WHOLE)
        columns = columns[upper[columns] > lower[columns]]
    part = problem.part(columns, lower, upper)  # the same columns as in the last round: its single rows are bounds now
    single = np.bincount(part.row, minlength=len(part.rows)) == 1
    is_asked = find(asked, part.rows) >= 0
    return part.keep_rows(is_asked | (can_bind(part, np.zeros(len(part.rows))) & ~single))


def can_bind(part: Part, margin: Floats) -> Flags:
    """Rows that some point within the column bounds brings closer than ``margin`` to one of their bounds, or beyond."""
    column = part.entry_column
    with np.errstate(invalid="ignore"):
        ends = part.value * part.lower[column], part.value * part.upper[column]
    least = np.bincount(part.row, np.minimum(*ends), minlength=len(part.rows))
    most = np.bincount(part.row, np.maximum(*ends), minlength=len(part.rows))
    return np.asarray(~((most <= part.row_upper - margin) & (least >= part.row_lower + margin)), dtype=bool)


class Relaxation:
    """The linear relaxation of the whole problem: ``value``, ``price`` of each row asked, reduced costs."""

    def __init__(self, problem: Problem, asked: Asked, time_limit_s: float, emit: Emit) -> None:
        self.asked = asked
        self.part = problem.part(np.arange(len(problem.objective)))
        self.place = find(self.part.rows, asked.row)
        size = len(self.part.rows) + len(self.part.columns)
        solver = "simplex" if size <= SIMPLEX_SIZE else "ipm"  # both end at a vertex (crossover is on): a basis, ranges
        self.engine = self.part.highs(mixed=False, solver=solver, time_limit=time_limit_s)
        self.engine.HandleUserInterrupt = True
        emit.on_stop(self.engine.cancelSolve)
        self.engine.run()
        solution = self.engine.getSolution()
        self.finished = _is(self.engine, "kOptimal") and solution.dual_valid
        self.price = np.zeros(len(asked.row))
        self.reduced_cost = np.zeros(len(problem.objective))
        if self.finished:
            self.value = -self.engine.getInfo().objective_function_value
            self.reduced_cost = np.array(solution.col_dual)
            self.price = -np.array(solution.row_dual)[self.place] * asked.unit
            self.activity = np.array(solution.row_value)

    def ranges(self, size_limit: int) -> tuple[Floats, Floats]:
        """Between which values of its right-hand side, in units, each row keeps its price; nan where not computed."""
        low, high = np.full(len(self.place), np.nan), np.full(len(self.place), np.nan)
        if len(self.part.rows) + len(self.part.columns) > size_limit:
            return low, high
        import highspy

        status, ranging = self.engine.getRanging()
        if status != highspy.HighsStatus.kOk:
            return low, high
        down, up, rows = ranging.row_bound_dn.value_, ranging.row_bound_up.value_, self.engine.getBasis().row_status
        for place, row in enumerate(self.place.tolist()):
            ends = (down[row], up[row])
            if rows[row] == highspy.HighsBasisStatus.kBasic:  # not at its bound: any bound beyond its activity is alike
                used = self.activity[row]
                ends = (used, np.inf) if self.asked.is_upper[place] else (-np.inf, used)
            low[place], high[place] = min(ends) / self.asked.unit[place], max(ends) / self.asked.unit[place]
        return low, high

    def possible(self, place: int, step: int) -> bool:
        """Whether the relaxation with the row's bound moved has a solution, as far as it is known."""
        if not self.finished:
            return True
        row = int(self.place[place])
        lower, upper = float(self.part.row_lower[row]), float(self.part.row_upper[row])
        self.engine.setOptionValue("solver", "simplex")
        self.engine.changeRowBounds(row, *self.asked.moved(place, step, lower, upper))
        self.engine.run()
        impossible = _is(self.engine, "kInfeasible")
        self.engine.changeRowBounds(row, lower, upper)
        return not impossible


class Neighbourhoods:
    """Small mixed-integer programs around a row: the groups it touches and those they meet in full rows, up to a size.

    Groups whose reduced cost is nearest to 0 come first: they are the ones a unit more or fewer moves.
    """

    def __init__(
        self, problem: Problem, asked: Asked, group: Ints, reduced_cost: Floats, work: Work, size: int
    ) -> None:
        self.problem, self.asked, self.group, self.work, self.size = problem, asked, group, work, size
        self.distance = np.abs(reduced_cost)
        self.by_group = np.argsort(group, kind="stable")
        self.group_start = np.searchsorted(group[self.by_group], np.arange(group.max(initial=-1) + 2))
        self.weight = np.bincount(group[(group >= 0) & problem.integral], minlength=len(self.group_start) - 1)
        self.everything = np.arange(len(group))
        self.is_small = int(np.count_nonzero(problem.integral)) <= size
        self.is_full = np.zeros(len(problem.row_lower), dtype=bool)
        self.is_full[asked.row] = asked.is_full(problem)

    def around(self, place: int) -> tuple[Ints, int]:
        """Columns to free around the row, and whether that is some or all of them."""
        if self.is_small:
            return self.everything, GLOBAL
        chosen = self._nearest(self.problem.columns_of(self.asked.row[[place]]), np.zeros(0, dtype=np.int64), 0.5)
        shared = np.unique(self.problem.rows_of(self._columns(chosen)))
        met = self.problem.columns_of(shared[self.is_full[shared]])
        columns = self._columns(self._nearest(met, chosen, 1.0))
        rows = np.unique(self.problem.rows_of(columns))
        beside = np.unique(self.problem.columns_of(rows))
        return np.union1d(columns, beside[self.group[beside] < 0]), LOCAL

    def _nearest(self, columns: Ints, chosen: Ints, share: float) -> Ints:
        """``chosen`` and, nearest first, groups of the columns, as long as all fit into a share of the size."""
        columns = columns[(self.group[columns] >= 0) & ~np.isin(self.group[columns], chosen)]
        distance = np.full(len(self.weight), np.inf)
        np.minimum.at(distance, self.group[columns], self.distance[columns])
        groups = np.unique(self.group[columns])
        groups = groups[np.argsort(distance[groups], kind="stable")]
        fits = np.cumsum(self.weight[groups]) + self.weight[chosen].sum() <= share * self.size
        if len(chosen) == 0:
            fits[:1] = True
        return np.concatenate([chosen, groups[fits]])

    def _columns(self, groups: Ints) -> Ints:
        """All columns of the groups."""
        runs = [self.by_group[self.group_start[group] : self.group_start[group + 1]] for group in groups.tolist()]
        return np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *runs]))

    def value(self, place: int, step: int, columns: Ints) -> float:
        """Change of the value against the plan, the row's bound moved and the columns free; nan if not proved."""
        return moved_value(self.problem.part(columns), self.asked, place, step, self.work)
