"""Which other orders a line's fate hangs on: those that use, or want, what it lacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_matrix import Program
from optimizer.model.build import Model
from optimizer.solution.extract import values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Neighbours:
    """Orders by the shared rows of the model that their columns stand in."""

    def __init__(self, model: Model, plan: Plan, size: int) -> None:
        self.model, self.ledger, self.size = model, Ledger(model.tables, model.scenario, plan), size
        linear = model.linear
        arrays = {name: getattr(linear, name) for name in ("objective", "integral", "indptr", "indices", "data")}
        arrays |= {name: getattr(linear, name) for name in ("col_lower", "col_upper", "row_lower", "row_upper")}
        self.program = Program.of({**arrays, "values": values_from_plan(model, plan)})
        self.order = order_of_columns(model)
        self.coupling = np.zeros(linear.n_rows, dtype=bool)
        for block in linear.row_blocks:
            self.coupling[block.start : block.stop] = block.coupling
        stock = linear.rows("warehouse_stock")
        self.stock_row, self.stock_product = stock.positions, stock.keys.get("product", np.zeros(0, dtype=np.int64))
        counted = linear.integral & (self.order >= 0)
        self.weight = np.bincount(self.order[counted], minlength=len(model.tables.orders))
        self.by_order = np.argsort(self.order, kind="stable")
        self.start = np.searchsorted(self.order[self.by_order], np.arange(len(model.tables.orders) + 1))
        self.is_small = int(self.weight.sum()) <= size
        self.full = self._full()

    def _full(self) -> NDArray[np.bool_]:
        """Shared rows of which the plan leaves less than a hundredth."""
        program = self.program
        room = np.minimum(program.row_upper - program.used, program.used - program.row_lower)
        return np.asarray(self.coupling & (room <= 0.01 * np.maximum(1.0, np.abs(program.used))), dtype=bool)

    def of(self, line: int, size: int | None = None) -> Ints:
        """The line's order and its nearest neighbours, as many as fit the size (its own if not given), sorted.

        First those that have what the line would take, most first; then those that are short themselves. They are
        looked for in the rows of the line's product anywhere and in the full rows that its order stands in.
        """
        orders = np.arange(len(self.weight))
        size = self.size if size is None else size
        if int(self.weight.sum()) <= size:
            return orders
        own = int(self.ledger.tables.line_order[line])
        columns = self.by_order[self.start[own] : self.start[own + 1]]
        met = np.unique(self.program.rows_of(columns))
        product = self.ledger.tables.line_product[line]
        rows = np.union1d(met[self.full[met]], self.stock_row[self.stock_product == product])
        beside = self.program.columns_of(rows)
        beside = beside[self.order[beside] >= 0]
        uses = np.bincount(self.order[beside], self.program.values[beside], minlength=len(orders))
        wants = np.bincount(self.order[beside], minlength=len(orders)) > 0
        short = np.bincount(self.ledger.tables.line_order[~self.ledger.line_full], minlength=len(orders)) > 0
        ranked = np.flatnonzero(wants & ((uses > 0) | short))
        ranked = ranked[np.lexsort((ranked, -uses[ranked], ~short[ranked] & (uses[ranked] == 0)))]
        ranked = ranked[ranked != own]
        fits = np.cumsum(self.weight[ranked]) + self.weight[own] <= size
        return np.union1d(ranked[fits], [own]).astype(np.int64)


def order_of_columns(model: Model) -> Ints:
    """The order that each column of the model is about, -1 for none."""
    order = np.full(model.linear.n_cols, -1, dtype=np.int64)
    for block in model.linear.column_blocks:
        if "order" in block.keys:
            order[block.start : block.stop] = block.keys["order"]
        elif "line" in block.keys:
            order[block.start : block.stop] = model.tables.line_order[block.keys["line"]]
    return order
