"""What HiGHS does best: components of the whole matrix small enough to be solved to the end, and linear relaxations."""

from __future__ import annotations

import time
from dataclasses import replace

import highspy
import numpy as np

from optimizer.engines import highs
from optimizer.engines.adapter import IMPLIED, Answer, Quiet, Reporter, Request
from optimizer.engines.decompose.components import components
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Shared
from optimizer.engines.decompose.shape import Entries
from optimizer.engines.decompose.work import MOST_RELAXED, RELAXED_PER_SECOND
from optimizer.engines.resolve_matrix import Program
from optimizer.model.linear_model import LinearModel

SMALL, PLAIN = 2_000, 600
"""Columns of a component that HiGHS gets: with odd blocks, and where all are simple, which search is better at."""
TOGETHER = 500
"""Columns of small components that are solved as one program."""
RELAXED_SHARE = 0.3
"""Share of the seconds that are left which a linear relaxation gets at most."""


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
    place = np.full(linear.n_cols, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    count = np.diff(linear.indptr)
    row = np.repeat(np.arange(linear.n_rows), count)
    mine = np.zeros(linear.n_rows, dtype=bool)
    mine[row[place[linear.indices] >= 0]] = True
    entry = mine[row]
    return LinearModel(
        objective=linear.objective[columns],
        offset=0.0,
        col_lower=linear.col_lower[columns],
        col_upper=linear.col_upper[columns],
        integral=linear.integral[columns],
        granularity=linear.granularity[columns],
        indptr=np.concatenate([[0], np.cumsum(count[mine])]),
        indices=place[linear.indices[entry]].astype(np.int32),
        data=linear.data[entry],
        row_lower=linear.row_lower[mine],
        row_upper=linear.row_upper[mine],
        column_blocks=(),
        row_blocks=(),
    )


def solve_exactly(
    linear: LinearModel, request: Request, reporter: Reporter | Quiet, start: Floats | None, seconds: float, nodes: int
) -> Answer:
    """HiGHS on a program, from a point, within its branchings; the clock is an emergency stop."""
    deadline = min(request.deadline, time.monotonic() + seconds)
    options = replace(request.options, start=start)
    return highs.solve(linear, replace(request, options=options, deadline=deadline), reporter, mip_max_nodes=nodes)


def relaxed(whole: Program, role: Ints, shared: Shared, left_s: float) -> tuple[Floats, Floats, float] | None:
    """(prices of the shared rows, values of the columns, nominal seconds) of the linear relaxation.

    None where it is too large, or not solved in its share of the seconds that are left.
    """
    size, columns = len(whole.value), len(whole.columns)
    if size > MOST_RELAXED:
        return None
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
    return price, np.array(solution.col_value), size / RELAXED_PER_SECOND
