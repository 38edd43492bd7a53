"""Frozen orders as rules that can give way: each is kept as the previous plan has it, or let go as a whole.

The model is built as if nothing were frozen; rows then hold each frozen order to its previous plan unless a binary of
its own, the elastic column of the demand, lets it go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import LinearModel
from optimizer.model.previous import FrozenRows
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Thawed:
    """A model in which frozen orders may be let go; of its rows and entries each belongs to an ``order``.

    ``slack``: how much of the row one order let go relieves, on the side that the sign says.
    """

    model: Model
    order: Ints
    row: Ints
    slack: Floats

    @classmethod
    def of(cls, model: Model, headroom: int = 0) -> Thawed:
        """The same rules as ``model``, its frozen orders apart."""
        tables = model.tables
        frozen = np.asarray(tables.orders["frozen"], dtype=bool)
        if not frozen.any():
            same = model if not headroom else build_model(tables, model.scenario, headroom, model.stages)
            nothing = np.zeros(0, dtype=np.int64)
            return cls(same, nothing, nothing, np.zeros(0))
        free = build_model(_free(tables), model.scenario, headroom, model.stages)
        return _held(free, FrozenRows.of(Batch.of(tables, model.scenario)), frozen)


def _free(tables: Tables) -> Tables:
    """The tables with no order frozen."""
    orders = tables.orders
    none = np.zeros(len(orders), dtype=bool)
    return tables.replace(orders=replace(orders, columns={**orders.columns, "frozen": none}))


def _held(free: Model, kept: FrozenRows, frozen: NDArray[np.bool_]) -> Thawed:
    """The free model with rows ``units = kept`` for all that is kept and ``= 0`` for everything else of the orders."""
    tables, arcs = free.tables, free.arcs
    draws, needs = arcs.draws, arcs.needs
    chosen = needs.arc[needs.option]
    draw, of_draw = kept.taken(arcs, draws.arc, draws.source)
    need, of_need = kept.taken(arcs, chosen, needs.source)
    order_of_arc = tables.line_order[arcs.line]
    unkept = frozen[order_of_arc] & ~np.isin(np.arange(len(arcs)), draws.arc[draw])
    unkept &= ~np.isin(np.arange(len(arcs)), chosen[need])
    other = np.flatnonzero(unkept)
    size = len(kept)
    row = np.concatenate([of_draw, of_need, size + np.arange(len(other))])
    column = np.concatenate([draws.arc[draw], free.variables.kit_draw[need], other])
    value = np.concatenate([draws.units[draw], np.ones(len(need)), np.ones(len(other))])
    units = np.concatenate([kept.units, np.zeros(len(other))]).astype(np.float64)
    order = np.concatenate([tables.line_order[kept.line], order_of_arc[other]])
    most = np.zeros(len(units))
    np.add.at(most, row, value * free.linear.col_upper[column])
    linear = _with_rows(free.linear, row, column, value, units)
    first = free.linear.n_rows
    below, above = first + np.arange(len(units)), first + len(units) + np.arange(len(units))
    gives = np.flatnonzero(units > 0)
    return Thawed(
        model=replace(free, linear=linear),
        order=np.concatenate([order[gives], order]),
        row=np.concatenate([below[gives], above]),
        slack=np.concatenate([units[gives], -np.maximum(most - units, 0.0)]),
    )


def _with_rows(linear: LinearModel, row: Ints, column: Ints, value: Floats, units: Floats) -> LinearModel:
    """Each row twice below the matrix: at least its units, and at most."""
    by_row = np.argsort(row, kind="stable")
    row, column, value = row[by_row], column[by_row], value[by_row]
    ends = np.cumsum(np.bincount(row, minlength=len(units)))
    start, count = linear.indptr[-1], len(value)
    endless = np.full(len(units), np.inf)
    return replace(
        linear,
        indptr=np.concatenate([linear.indptr, start + ends, start + count + ends]),
        indices=np.concatenate([linear.indices, column, column]).astype(np.int32),
        data=np.concatenate([linear.data, value, value]),
        row_lower=np.concatenate([linear.row_lower, units, -endless]),
        row_upper=np.concatenate([linear.row_upper, endless, units]),
    )
