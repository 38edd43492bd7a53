"""Some orders of a batch as a batch of their own, while everyone else keeps what the plan gives them.

The part is built by the real model from the real tables, so a changed rule means in it what it means in a whole batch.
What others use of shared limits is counted off (`residual`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.extract import values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Draws, Plan
from optimizer.solution.prices import pricing_matrix
from optimizer.solution.prices_rows import AT_LEAST, KEYS, LINKS, limit_of
from optimizer.tables.part import lines_of, of_orders, places_of
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Change = Callable[[Tables], Tables]

WHOLE_ONLY = frozenset({"objective_stage", "fair_share", "fair_level"})
"""Families of which a part says nothing: what all orders together reach, or how they share."""


@dataclass(frozen=True)
class Part:
    """A part: ``lines`` are its lines in the batch. ``linear`` is its program, ``values`` the plan in its columns."""

    lines: Ints
    ledger: Ledger
    model: Model
    linear: LinearModel
    values: Floats

    @classmethod
    def of(cls, whole: Ledger, orders: Ints, headroom: int, change: Change | None = None) -> Part:
        """Those orders of a batch, after ``change`` of their tables; the plan must be one of the changed batch too.

        ``headroom``: by how much any shared limit may later be raised in place. Moves between warehouses, and all else
        that belongs to no order, are free in the part.
        """
        tables = of_orders(whole.tables, orders)
        tables = tables if change is None else change(tables)
        lines = lines_of(whole.tables, orders)
        plan = _rows_of_lines(whole.plan, lines, len(whole.tables.order_lines))
        ledger = Ledger(tables, whole.scenario, plan)
        model = build_model(tables, whole.scenario, headroom, stages=(), part=True)
        linear = _residual(pricing_matrix(model.linear), whole, ledger)
        return cls(lines, ledger, model, linear, _values(model, linear, plan, whole))


def can_be_parted(linear: LinearModel) -> bool:
    """Whether what others use can be counted off every shared row of the model."""
    shared = {block.family for block in linear.row_blocks if block.coupling}
    return shared <= (KEYS.keys() | LINKS) - WHOLE_ONLY


def _rows_of_lines(plan: Plan, lines: Ints, size: int) -> Plan:
    """The rows of some lines and what they draw, and all that is moved."""
    place = places_of(size, lines)[plan.line]
    rows = np.flatnonzero(place >= 0)
    kept = places_of(len(plan), rows)[plan.draws.row]
    chosen = np.flatnonzero(kept >= 0)
    draws = Draws.of(kept[chosen], plan.draws.source[chosen], plan.draws.units[chosen])
    return Plan(place[rows], plan.lane[rows], plan.qty[rows], plan.day[rows], plan.product[rows], draws, plan.moves)


def _residual(linear: LinearModel, whole: Ledger, inside: Ledger) -> LinearModel:
    """The shared limits less what the plan gives to all others; warehouses that others open stay open."""
    lower, upper = linear.row_lower.copy(), linear.row_upper.copy()
    for block in linear.row_blocks:
        if not block.coupling or block.family in LINKS:
            continue
        limit, mine = limit_of(whole, block), limit_of(inside, block)
        rhs = (limit.rhs - limit.used + mine.used).floats() * (1.0 if block.scale is None else block.scale)
        side = lower if block.family in AT_LEAST else upper
        side[block.start : block.stop] = rhs
    owed, opened = linear.columns("contract_shortfall"), linear.columns("open_warehouse")
    least, most = linear.col_lower.copy(), linear.col_upper.copy()
    if len(owed):
        most[owed.start : owed.stop] = whole.contracts.required[owed.keys["contract"]]
    if len(opened):
        least[opened.start : opened.stop] = (whole.warehouse_units > inside.warehouse_units)[opened.keys["warehouse"]]
    return replace(linear, row_lower=lower, row_upper=upper, col_lower=least, col_upper=most)


def _values(model: Model, linear: LinearModel, plan: Plan, whole: Ledger) -> Floats:
    """The plan in the part's columns; what contracts lack and which warehouses are open is as in the whole batch."""
    values = values_from_plan(model, plan)
    owed = linear.columns("contract_shortfall")
    if len(owed):
        values[owed.start : owed.stop] = whole.contracts.shortfall[owed.keys["contract"]]
    return np.asarray(np.maximum(values, linear.col_lower), dtype=np.float64)


class Fills(NamedTuple):
    """A program with a row for what each line gets, and one for the objective; ``others``: lines of the kept rows."""

    linear: LinearModel
    target: int
    value_row: int
    kept: Ints
    others: Ints


def with_fills(part: Part, line: int) -> Fills:
    """The part's program with rows for what its lines get: ``line`` anything, the others no less than in the plan.

    Lines without an arc have no row.
    """
    linear, arcs = part.linear, part.model.arcs
    known, of_arc = np.unique(arcs.line, return_inverse=True)
    by_line, paid = np.argsort(of_arc, kind="stable"), np.flatnonzero(linear.objective)
    least = part.ledger.allocated[known].astype(np.float64)
    target = int(np.searchsorted(known, line))
    least[target] = -np.inf
    rows = linear.n_rows + np.arange(len(known))
    counts = np.append(np.bincount(of_arc, minlength=len(known)), len(paid))
    endless = np.full(len(known) + 1, np.inf)
    grown = replace(
        linear,
        indptr=np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum(counts)]),
        indices=np.concatenate([linear.indices, by_line, paid]).astype(np.int32),
        data=np.concatenate([linear.data, arcs.step[by_line], linear.objective[paid]]).astype(np.float64),
        row_lower=np.concatenate([linear.row_lower, least, [-np.inf]]),
        row_upper=np.concatenate([linear.row_upper, endless]),
    )
    others = np.delete(np.arange(len(known)), target)
    return Fills(grown, int(rows[target]), linear.n_rows + len(known), rows[others], part.lines[known[others]])
