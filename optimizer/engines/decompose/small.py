"""What HiGHS does best: components of the whole matrix small enough to be solved to the end, and linear relaxations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import highspy
import numpy as np

from optimizer.engines import highs
from optimizer.engines.adapter import IMPLIED, INFEASIBLE, Answer, Quiet, Reporter, Request
from optimizer.engines.decompose.components import components
from optimizer.engines.decompose.odd import MEETS
from optimizer.engines.decompose.problem import Flags, Floats, Ints, NoPlanError, Shared
from optimizer.engines.decompose.shape import Entries
from optimizer.engines.decompose.work import RELAXED_SHARE, relaxed_seconds
from optimizer.engines.resolve_matrix import Program
from optimizer.model.linear_model import LinearModel

SMALL, PLAIN = 2_000, 600
"""Columns of a component that HiGHS gets: with odd blocks, and where all are simple, which search is better at."""
TOGETHER = 500
"""Columns of small components that are solved as one program."""
BRANCHINGS = 100_000
"""Nominal speed of HiGHS: branchings a second, times the nonzeros of its matrix."""
USED = -1.0
"""Stands for what columns lose that the relaxation uses: they come first."""


def small_parts(linear: LinearModel, most: int) -> list[Ints]:
    """Columns of the components of at most so many columns, in parts of about `TOGETHER`."""
    every = Entries.of(linear, np.ones(linear.n_rows, dtype=bool))
    label = components(every.row, every.column, linear.n_cols)
    size = np.bincount(label, minlength=linear.n_cols)
    columns = np.flatnonzero(size[label] <= most)
    columns = columns[np.argsort(label[columns], kind="stable")]
    first = np.flatnonzero(np.diff(label[columns], prepend=-1))
    cuts, begun = [], 0
    for at in first[1:].tolist() if len(columns) else []:
        if at - begun >= TOGETHER:
            cuts.append(at)
            begun = at
    return [np.sort(part) for part in np.split(columns, cuts) if len(part)]


def sub_model(linear: LinearModel, columns: Ints) -> LinearModel:
    """Some columns, with the rows that hold any of them and no other column."""
    mine = np.zeros(linear.n_cols, dtype=bool)
    mine[columns] = True
    return replace(linear.part(mine, linear.held(mine) > 0), offset=0.0)


def solve_exactly(
    linear: LinearModel, request: Request, reporter: Reporter | Quiet, start: Floats | None, seconds: float, nodes: int
) -> Answer:
    """HiGHS on a program, from a point, within its branchings; the clock is an emergency stop."""
    deadline = min(request.deadline, time.monotonic() + seconds)
    options = replace(request.options, start=start)
    return highs.solve(linear, replace(request, options=options, deadline=deadline), reporter, mip_max_nodes=nodes)


class Settled:
    """What HiGHS has found for parts of the matrix that share nothing, each solved from the best plan."""

    def __init__(self, linear: LinearModel, request: Request, reporter: Reporter) -> None:
        self.linear, self.request, self.reporter = linear, request, reporter
        self.found: list[tuple[Ints, Floats]] = []
        """columns, and the values found for them"""
        self.proven = np.inf
        """bound by branching on the whole matrix, or on all of its components"""
        self.is_everything = False
        """whether every column has values"""

    def solve(self, parts: list[Ints], share: float, values: Floats | None, left_s: Callable[[], float]) -> bool:
        """Solve them within ``left_s`` seconds; False if these ended first.

        ``share`` of the time limit says how much they may branch. Raises `NoPlanError` where a part has no plan, and
        there are no ``values`` that say otherwise.
        """
        columns, branchings = sum(map(len, parts)), BRANCHINGS * share * self.request.options.time_limit_s
        bound, before = self.linear.offset, len(self.found)
        for part in parts:
            seconds_left = left_s()
            if seconds_left <= 0:
                return False
            whole = len(part) == self.linear.n_cols
            model = self.linear if whole else sub_model(self.linear, part)
            start = None if values is None else values[part]
            found = solve_exactly(
                model, self.request, self.reporter if whole else Quiet(self.reporter), start, seconds_left,
                max(int(branchings * len(part) / columns / max(model.n_nonzeros, 1)), 1),
            )  # fmt: skip
            if found.claim is INFEASIBLE and values is None:
                raise NoPlanError
            bound += found.bound - model.offset * whole
            if found.values is not None:
                self.found.append((part, found.values))
        if columns == self.linear.n_cols:
            self.proven = min(self.proven, bound)
            self.is_everything = self.is_everything or len(self.found) - before == len(parts)
        return True

    def into(self, values: Floats) -> Floats:
        """The same, with the values of parts where those are better: they share nothing with the rest."""
        for columns, best in self.found:
            money = self.linear.objective[columns]
            if not money @ values[columns] >= money @ best:  # NaN is worse
                values[columns] = best
        return values


class Relaxation(NamedTuple):
    """The linear relaxation of a matrix, solved or nearly: prices of the shared rows, and of each column its value."""

    price: Floats
    values: Floats
    loses: Floats | None
    """per column: what one of it would lose, `USED` where the relaxation has some; None where it is nearly solved: of
    such a point too many columns are used"""
    nominal_s: float


def relaxed(whole: Program, role: Ints, shared: Shared, left_s: float) -> Relaxation | None:
    """The linear relaxation, by HiGHS.

    None where it is not solved in its share of the seconds that are left.
    """
    columns = len(whole.columns)
    keep: Flags = role != IMPLIED
    program = whole.part(np.arange(columns), keep=keep)
    engine = program.highs(mixed=False, time_limit=RELAXED_SHARE * left_s)
    engine.run()
    if engine.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = engine.getSolution()
    dual = np.zeros(len(whole.rows))
    dual[program.rows] = -np.array(solution.row_dual)
    price = np.clip(dual[shared.row] * shared.sign, 0.0, shared.soft_cost)
    values = np.array(solution.col_value)
    loses = np.where(values > MEETS, USED, np.maximum(np.array(solution.col_dual), 0.0))
    return Relaxation(price, values, loses, relaxed_seconds(columns, len(whole.value)))
