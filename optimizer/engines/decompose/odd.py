"""Odd blocks: those whose own rows the simple shape cannot hold. Each keeps its small matrix and is solved by HiGHS.

At prices a block is a whole-number program of its own, and its *bound* counts, not its value: so what is cut short
still bounds every plan. Such solves are slow, so the plans that they found are kept. Between two full evaluations the
best of the known plans stands for the block: enough for a direction, never for a bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple

import highspy
import numpy as np

from optimizer.engines.adapter import OWN, SHARED
from optimizer.engines.decompose.problem import Flags, Floats, Ints, NoPlanError, Odd, Shared, Small
from optimizer.engines.resolve_matrix import Positions, Program, slices
from optimizer.model.linear_model import LinearModel

GROUP = 60
"""Columns of small blocks that are solved as one program: less to hand over, still easy to branch on."""
NODES = 400
"""Branchings in one program; beyond, its bound is what it has shown by then."""
LEAST_S = 0.01
KNOWN = 24
"""Plans of each block that are kept."""
MEETS = 1e-3
"""Value of a column from which on a plan uses it, or that of a relaxation does."""
_INFEASIBLE = highspy.HighsModelStatus.kInfeasible


def read_odd(linear: LinearModel, whole: Program, role: Ints, label: Ints, is_odd: Flags, shared: Shared) -> Odd:
    """The flagged columns with their own rows, block after block; those that no own row holds come last."""
    mine = whole.touched(is_odd) & (role == OWN)
    held = np.zeros(linear.n_cols, dtype=bool)
    held[whole.entry_column[mine[whole.row]]] = True
    columns = np.flatnonzero(is_odd)
    columns = columns[np.lexsort((columns, label[columns], ~held[columns]))]
    block = np.concatenate([[0], np.cumsum(np.diff(label[columns]) != 0)])[: len(columns)].astype(np.int64)
    program, row_block = _by_block(_own_program(whole, columns, mine), block)
    count = int(block[-1]) + 1 if len(block) else 0
    place = np.full(linear.n_cols, -1, dtype=np.int32)
    place[columns] = np.arange(len(columns))
    uses = np.flatnonzero((role == SHARED)[whole.row] & is_odd[whole.entry_column])
    return Odd(
        program,
        np.searchsorted(block, np.arange(count + 1)),
        np.searchsorted(row_block, np.arange(count + 1)),
        *_uses(whole.row[uses], place[whole.entry_column[uses]], whole.value[uses], shared, linear.n_rows),
    )


def _own_program(whole: Program, columns: Ints, mine: Flags) -> Program:
    """These columns, in this order, with the flagged rows: as `Program.part`, without its sorting of all nonzeros."""
    kept = mine[whole.row]
    start = np.concatenate([[0], np.cumsum(kept)])[whole.start]
    row, value = (np.cumsum(mine, dtype=np.int32) - 1)[whole.row[kept]], whole.value[kept]
    entry = slices(start[columns], start[columns + 1])
    return Program(
        columns=columns,
        rows=np.flatnonzero(mine),
        objective=whole.objective[columns],
        lower=whole.lower[columns],
        upper=whole.upper[columns],
        integral=whole.integral[columns],
        start=np.concatenate([[0], np.cumsum(start[columns + 1] - start[columns])]),
        row=row[entry],
        value=value[entry],
        row_lower=whole.row_lower[mine],
        row_upper=whole.row_upper[mine],
        values=whole.values[columns],
    )


def _by_block(program: Program, block: Ints) -> tuple[Program, Ints]:
    """The same with its rows by block, and the block of each row."""
    row_block = np.zeros(len(program.rows), dtype=np.int64)
    row_block[program.row] = block[program.entry_column]
    order = np.argsort(row_block, kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order))
    ordered = replace(
        program,
        rows=program.rows[order],
        row=place[program.row],
        row_lower=program.row_lower[order],
        row_upper=program.row_upper[order],
    )
    return ordered, row_block[order]


def _uses(row: Positions, column: Small, value: Floats, shared: Shared, rows: int) -> tuple[Small, Small, Floats]:
    """(column, shared row, use) of entries of the matrix; a row with two sides stands twice among the shared ones."""
    first = len(np.unique(shared.row))
    parts = []
    for part in (slice(0, first), slice(first, None)):
        place = np.full(rows, -1, dtype=np.int32)
        place[shared.row[part]] = np.arange(len(shared.row))[part]
        mine = np.flatnonzero(place[row] >= 0)
        at = place[row[mine]]
        parts.append((column[mine], at, value[mine] * shared.sign[at]))
    columns, rows_of, uses = (np.concatenate(each) for each in zip(*parts, strict=True))
    return columns, rows_of, uses


class Found(NamedTuple):
    """What the odd blocks earn at prices: at most (a bound, or an estimate), and how their plans use the rows."""

    worth: float
    use: Floats


@dataclass(frozen=True)
class _Plans:
    """One plan of each block: its money (−inf where none was found) and its uses."""

    worth: Floats
    block: Ints
    row: Small
    use: Floats

    def at(self, price: Floats) -> Floats:
        """What the plans earn at prices."""
        paid = np.bincount(self.block, self.use * price[self.row], minlength=len(self.worth))
        earned: Floats = self.worth - paid
        return earned


class OddPrices:
    """Evaluates all odd blocks at prices."""

    def __init__(self, odd: Odd, rows: int, pool: Executor, left_s: Callable[[], float], whole: bool = True) -> None:
        """``left_s``: seconds that are left, an emergency stop. Not ``whole``: by linear relaxations, also bounds."""
        self.odd, self.rows, self.pool, self.left_s, self.whole = odd, rows, pool, left_s, whole
        self.parts = list(_parts(odd))
        self.free = odd.free
        self.block = odd.block
        self.known: list[_Plans] = []
        self.met = np.zeros(len(odd.program.columns), dtype=bool)
        """columns that a plan met so far uses"""

    def solve(self, price: Floats) -> Found:
        """A bound; plans may be in parts of columns where relaxed. Raises `NoPlanError` where a block has no plan."""
        odd = self.odd
        objective = odd.program.objective - odd.paid(price)
        values = np.full(len(objective), np.nan)
        values[self.free] = np.where(
            objective[self.free] > 0, odd.program.upper[self.free], odd.program.lower[self.free]
        )
        bound = float(objective[self.free] @ values[self.free])

        def work(part: tuple[slice, slice]) -> float:
            program = cut_out(odd.program, *part, objective)
            most, values[part[0]] = solve_part(program, self.left_s()) if self.whole else bound_part(program)
            return most

        bound += sum(self.pool.map(work, self.parts))
        self._remember(values)
        return Found(bound, self.estimate(price).use)

    def earned(self, price: Floats) -> Floats:
        """What the best known plan of each block earns at prices; −inf without one."""
        best: Floats = np.max([plans.at(price) for plans in self.known], axis=0)
        return best

    def estimate(self, price: Floats) -> Found:
        """The best of the known plans of each block."""
        earned = np.array([plans.at(price) for plans in self.known])
        best = earned.argmax(axis=0)
        worth = earned[best, np.arange(len(best))]
        use = np.zeros(self.rows)
        for number, plans in enumerate(self.known):
            taken = (best == number)[plans.block] & np.isfinite(worth)[plans.block]
            use += np.bincount(plans.row[taken], plans.use[taken], minlength=self.rows)
        return Found(float(worth[np.isfinite(worth)].sum()), use)

    def _remember(self, values: Floats) -> None:
        odd = self.odd
        if self.whole:
            values = np.where(odd.program.integral, np.rint(values), values)
        self.met |= np.nan_to_num(values) > MEETS
        blocks = len(odd.first_column) - 1
        worth = np.bincount(self.block, odd.program.objective * values, minlength=blocks)  # NaN: no plan was found
        used = np.nan_to_num(odd.use * values[odd.use_column])
        kept = np.flatnonzero(used)
        plans = _Plans(
            np.where(np.isnan(worth), -np.inf, worth),
            self.block[odd.use_column[kept]],
            odd.use_row[kept],
            used[kept],
        )
        self.known = [*self.known[1 - KNOWN :], plans]


def _parts(odd: Odd) -> Iterator[tuple[slice, slice]]:
    """(columns, rows) of programs: large blocks alone, small ones together."""
    with_rows = int((np.diff(odd.first_row) > 0).sum())
    first = odd.first_column[: with_rows + 1]
    cuts, begun = [0], 0
    for block in range(1, with_rows):
        if first[block + 1] - first[begun] > GROUP:
            cuts.append(block)
            begun = block
    for a, b in itertools.pairwise([*cuts, with_rows] if with_rows else []):
        yield slice(int(first[a]), int(first[b])), slice(int(odd.first_row[a]), int(odd.first_row[b]))


def cut_out(program: Program, columns: slice, rows: slice, objective: Floats) -> Program:
    """Neighbouring columns and the rows that hold them alone, with another objective."""
    start = program.start[columns.start : columns.stop + 1]
    entry = slice(int(start[0]), int(start[-1]))
    return Program(
        columns=program.columns[columns],
        rows=program.rows[rows],
        objective=objective[columns],
        lower=program.lower[columns],
        upper=program.upper[columns],
        integral=program.integral[columns],
        start=start - start[0],
        row=program.row[entry] - rows.start,
        value=program.value[entry],
        row_lower=program.row_lower[rows],
        row_upper=program.row_upper[rows],
        values=program.values[columns],
    )


def solve_part(program: Program, time_limit_s: float) -> tuple[float, Floats]:
    """(upper bound, values) of one program; values are NaN where it found none within its branchings."""
    limits = {"mip_max_nodes": NODES, "time_limit": max(time_limit_s, LEAST_S)}
    highs = program.highs(mixed=True, mip_rel_gap=0.0, **limits)
    highs.run()
    if highs.getModelStatus() == _INFEASIBLE:
        raise NoPlanError
    info, solution = highs.getInfo(), highs.getSolution()
    values = np.array(solution.col_value) if solution.value_valid else np.full(len(program.columns), np.nan)
    bound = -info.mip_dual_bound if program.integral.any() else -info.objective_function_value
    if not np.isfinite(bound):
        bound = float(np.maximum(program.objective * program.lower, program.objective * program.upper).sum())
    return bound, values


def bound_part(program: Program) -> tuple[float, Floats]:
    """`solve_part` by the linear relaxation: a looser bound, and values that may be parts of units."""
    found = relax_part(program)
    if found is None:
        most = np.maximum(program.objective * program.lower, program.objective * program.upper)
        return float(most.sum()), np.full(len(program.columns), np.nan)
    return found.most, found.values


class Relaxed(NamedTuple):
    """The best point of a linear relaxation: its money and its values."""

    most: float
    values: Floats
    iterations: int


def relax_part(program: Program, time_limit_s: float = highspy.kHighsInf) -> Relaxed | None:
    """The linear relaxation of one program; None if not solved in time. Raises `NoPlanError` where it has no point."""
    highs = program.highs(mixed=False, time_limit=time_limit_s)
    highs.run()
    if highs.getModelStatus() == _INFEASIBLE:
        raise NoPlanError
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = highs.getSolution()
    most, iterations = -highs.getInfo().objective_function_value, int(highs.getInfo().simplex_iteration_count)
    return Relaxed(most, np.array(solution.col_value), iterations)
