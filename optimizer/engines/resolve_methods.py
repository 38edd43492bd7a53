"""The ways to learn what a row's right-hand side is worth: its dual, the program at fixed switches, small re-solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import GLOBAL, LOCAL
from optimizer.engines.resolve_matrix import WHOLE, Program

if TYPE_CHECKING:
    import highspy

    from optimizer.engines.child import Emit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SIMPLEX_SIZE = 30_000
"""Rows + columns up to which the simplex method is the faster one (measured: 12 s against 7 s at 130,000)."""
SMALL_PROGRAM = {
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 1e-9,
    "presolve": "off",
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_detect_symmetry": False,
    "mip_allow_restart": False,
}
"""Small programs end at the root or soon after: what pays on large ones costs most of their time (measured: half)."""
MEETS = 1e-7
"""Money by which a value may miss a relaxation's and still be said to meet it: the noise of its doubles."""
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

    def is_full(self, problem: Program) -> Flags:
        """Rows of which the plan leaves less than a unit."""
        room = problem.room(self.row, self.is_upper, problem.used)
        return np.asarray(room < self.unit * (1 - WHOLE), dtype=bool)


class Work:
    """A budget in simplex iterations and columns: unlike a clock it ends at the same place on every machine."""

    def __init__(self, limit: int, nodes: int, **options: object) -> None:
        """``options`` of the engine in place of those in `SMALL_PROGRAM`."""
        self.left, self.nodes, self.options = limit, nodes, {**SMALL_PROGRAM, **options}

    def best(self, part: Program, lower: Floats, upper: Floats) -> tuple[float, Floats]:
        """How much the best whole point under these row bounds is above the part's plan (nan if not proved), and it."""
        unknown = np.nan, part.values
        if len(part.columns) == 0:
            return (0.0 if part.holds(part.values, lower, upper) else IMPOSSIBLE), part.values
        if self.left <= 0:
            return unknown
        engine = part.highs(mixed=True, **self.options, mip_max_nodes=self.nodes)
        changed = np.flatnonzero((lower != part.row_lower) | (upper != part.row_upper))
        for row in changed.tolist():
            engine.changeRowBounds(row, lower[row], upper[row])
        engine.run()
        self.left -= len(part.columns) + max(0, engine.getInfo().simplex_iteration_count)
        if is_status(engine, "kInfeasible", "kUnboundedOrInfeasible"):
            return IMPOSSIBLE, part.values
        if not is_status(engine, "kOptimal"):
            return unknown
        found = part.exact(np.array(engine.getSolution().col_value), lower, upper)
        return (part.difference(found, part.values), found) if part.holds(found, lower, upper) else unknown

    @staticmethod
    def bounds(part: Program, asked: Asked, place: int, step: int) -> tuple[Floats, Floats]:
        """Row bounds of the part with that of the row at ``place`` moved by ``step`` units."""
        row = int(find(part.rows, asked.row[[place]])[0])
        lower, upper = part.row_lower.copy(), part.row_upper.copy()
        lower[row], upper[row] = asked.moved(place, step, lower[row], upper[row])
        return lower, upper


def find(positions: Ints, wanted: Ints) -> Ints:
    """Where each wanted value stands among the sorted positions; -1 where it is missing."""
    if len(positions) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(positions, wanted), len(positions) - 1)
    return np.where(positions[place] == wanted, place, -1)


def is_status(engine: highspy.Highs, *names: str) -> bool:
    """Whether the engine ended with one of these statuses, by their native names."""
    return engine.getModelStatus().name in names


A_LITTLE = 1e-4
"""Units by which minimums are lowered for a moment: far above an engine's tolerance, far below one unit."""


class Relaxation:
    """The linear relaxation of the whole problem: ``value``, ``price`` of each row asked, reduced costs."""

    def __init__(self, problem: Program, asked: Asked, time_limit_s: float, emit: Emit) -> None:
        self.asked = asked
        self.part = problem.part(np.arange(len(problem.objective)))
        self.place = find(self.part.rows, asked.row)
        size = len(self.part.rows) + len(self.part.columns)
        solver = "simplex" if size <= SIMPLEX_SIZE else "ipm"  # both end at a vertex (crossover is on): a basis, ranges
        self.engine = self.part.highs(mixed=False, solver=solver, time_limit=time_limit_s)
        self.engine.HandleUserInterrupt = True
        emit.on_stop(self.engine.cancelSolve)
        self.engine.run()
        if is_status(self.engine, "kOptimal"):
            self._settle_minimums()
        solution = self.engine.getSolution()
        self.finished = is_status(self.engine, "kOptimal") and solution.dual_valid
        self.price = np.zeros(len(asked.row))
        self.reduced_cost = np.zeros(len(problem.objective))
        if self.finished:
            self.value = -self.engine.getInfo().objective_function_value
            self.reduced_cost = np.array(solution.col_dual)
            self.price = -np.array(solution.row_dual)[self.place] * asked.unit
            self.activity = np.array(solution.row_value)

    def _settle_minimums(self) -> None:
        """Of several right prices of a minimum, end at the one that asking a little less would have.

        Where a minimum asks for all there is to give (a contract on the whole of an order), any larger price is as
        right in the relaxation, and says nothing. Asking `A_LITTLE` less for a moment leaves the basis where the price
        is what the last unit owed costs; put back, that basis is still optimal.
        """
        rows = self.place[~self.asked.is_upper]
        if not len(rows):
            return
        lower, upper = self.part.row_lower[rows], self.part.row_upper[rows]
        less = lower - A_LITTLE * self.asked.unit[~self.asked.is_upper]
        self.engine.setOptionValue("solver", "simplex")
        for bounds in (less, lower):
            self.engine.changeRowsBounds(len(rows), rows.astype(np.int32), bounds, upper)
            self.engine.run()

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
        impossible = is_status(self.engine, "kInfeasible")
        self.engine.changeRowBounds(row, lower, upper)
        return not impossible


class KnownPrices:
    """Prices that an engine has found already, in place of a relaxation: no value, no ranges."""

    finished, value = True, np.inf

    def __init__(self, problem: Program, asked: Asked, price: Floats) -> None:
        """``price`` per unit of each row asked."""
        self.price = price
        dual = np.zeros(len(problem.row_lower))
        dual[asked.row] = price / asked.unit
        column = np.repeat(np.arange(len(problem.objective)), np.diff(problem.start))
        paid = np.bincount(column, dual[problem.row] * problem.value, len(problem.objective))
        self.reduced_cost = problem.objective - paid

    def ranges(self, size_limit: int) -> tuple[Floats, Floats]:
        """Not known."""
        unknown = np.full(len(self.price), np.nan)
        return unknown, unknown.copy()

    def possible(self, place: int, step: int) -> bool:
        """Not known to be impossible."""
        return True


class Neighbourhoods:
    """Small mixed-integer programs around a row: the groups it touches and those they meet in full rows, up to a size.

    Groups whose reduced cost is nearest to 0 come first: they are the ones a unit more or fewer moves.
    """

    def __init__(
        self, problem: Program, asked: Asked, group: Ints, reduced_cost: Floats, work: Work, size: int
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

    def around(self, place: int, times: int = 1) -> tuple[Ints, int]:
        """Columns to free around the row, up to ``times`` the usual size, and whether that is some or all of them."""
        if self.is_small:
            return self.everything, GLOBAL
        touched = self.problem.columns_of(self.asked.row[[place]])
        if (self.group[touched] < 0).all():  # a row of nobody's columns: those that they stand beside
            touched = self.problem.columns_of(np.unique(self.problem.rows_of(touched)))
        chosen = self._nearest(touched, np.zeros(0, dtype=np.int64), 0.5 * times)
        shared = np.unique(self.problem.rows_of(self._columns(chosen)))
        met = self.problem.columns_of(shared[self.is_full[shared]])
        columns = self._columns(self._nearest(met, chosen, times))
        rows = np.unique(self.problem.rows_of(columns))
        beside = np.unique(self.problem.columns_of(rows))
        return np.union1d(columns, beside[self.group[beside] < 0]), LOCAL

    def _nearest(self, columns: Ints, chosen: Ints, share: float) -> Ints:
        """``chosen`` and groups of the columns, as long as all fit into a share of the size.

        Nearest first, in turn from those that use the columns in the plan and those that do not: what is gained by one
        must be given up by another.
        """
        columns = columns[(self.group[columns] >= 0) & ~np.isin(self.group[columns], chosen)]
        distance, uses = np.full(len(self.weight), np.inf), np.zeros(len(self.weight), dtype=bool)
        np.minimum.at(distance, self.group[columns], self.distance[columns])
        np.logical_or.at(uses, self.group[columns], self.problem.values[columns] > 0)
        groups = np.unique(self.group[columns])
        groups = groups[np.lexsort((distance[groups], ~uses[groups]))]
        users = int(uses[groups].sum())
        turn = np.arange(len(groups))
        turn[users:] -= users
        groups = groups[np.argsort(turn, kind="stable")]
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
        part = self.problem.part(columns)
        return self.work.best(part, *self.work.bounds(part, self.asked, place, step))[0]
