"""Models for the engines: hard ones, and allocation-like ones of any size."""

from __future__ import annotations

import numpy as np

from optimizer.engines.doctor import dense_model
from optimizer.model.linear_model import LinearModel

INF = float("inf")


def knapsack(columns: int = 300, rows: int = 60, seed: int = 0) -> LinearModel:
    """Easy to fill, hard to prove: for limits and interrupts."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 60, (rows, columns))
    values = rng.integers(10, 99, columns)
    return dense_model(
        values.tolist(),
        [(-INF, row.tolist(), float(row.sum() // 3)) for row in weights],
        [(0, 1)] * columns,
    )


def allocation(orders: int, warehouses: int = 8, products: int = 40, seed: int = 0) -> LinearModel:
    """Orders of one to three lines, four warehouses in reach, scarce stock, a fixed cost for each shipment.

    Columns: quantity per (line, warehouse), then shipment per (order, warehouse). Rows: demand, stock, shipment link.
    """
    rng = np.random.default_rng(seed)
    lines_of = rng.integers(1, 4, orders)
    order_of = np.repeat(np.arange(orders), lines_of)
    lines = len(order_of)
    product = rng.integers(0, products, lines)
    qty = rng.integers(1, 12, lines)
    reach = np.argsort(rng.random((orders, warehouses)), axis=1)[:, :4]
    arc_line = np.repeat(np.arange(lines), 4)
    arc_slot = np.tile(np.arange(4), lines)
    arc_order = order_of[arc_line]
    arc_wh = reach[arc_order, arc_slot]
    arcs, ships = len(arc_line), 4 * orders
    ship = arc_order * 4 + arc_slot
    demand_of = np.bincount(product, weights=qty, minlength=products)
    stock = np.floor(rng.dirichlet(np.ones(warehouses), products) * 0.8 * demand_of[:, None]).astype(int)
    margin = rng.integers(200, 2000, lines) / 100
    cost = rng.integers(10, 150, (orders, warehouses)) / 100
    fixed = rng.integers(300, 1500, ships) / 100
    cap = np.minimum(qty[arc_line], stock[product[arc_line], arc_wh]).astype(float)
    pair, stock_row = np.unique(product[arc_line] * warehouses + arc_wh, return_inverse=True)
    first_link = lines + len(pair)
    arc = np.arange(arcs)
    row = np.concatenate([arc_line, lines + stock_row, first_link + arc, first_link + arc])
    column = np.concatenate([arc, arc, arc, arcs + ship])
    data = np.concatenate([np.ones(3 * arcs), -cap])
    sort = np.lexsort((column, row))
    integral = np.ones(arcs + ships, dtype=bool)
    n_rows = first_link + arcs
    return LinearModel(
        objective=np.concatenate([margin[arc_line] - cost[arc_order, arc_wh], -fixed]),
        offset=0.0,
        col_lower=np.zeros(arcs + ships),
        col_upper=np.concatenate([cap, np.ones(ships)]),
        integral=integral,
        granularity=np.ones(arcs + ships),
        indptr=np.searchsorted(row[sort], np.arange(n_rows + 1)).astype(np.int64),
        indices=column[sort].astype(np.int32),
        data=data[sort],
        row_lower=np.full(n_rows, -INF),
        row_upper=np.concatenate([qty, stock.ravel()[pair], np.zeros(arcs)]).astype(float),
        column_blocks=(),
        row_blocks=(),
    )


def market_split(rows: int = 5, columns: int = 40, seed: int = 0) -> LinearModel:
    """Equal halves of several totals at once: no engine finds a point, or shows that there is none, within minutes."""
    weights = np.random.default_rng(seed).integers(0, 100, (rows, columns))
    halves = [(float(row.sum() // 2), row.tolist(), float(row.sum() // 2)) for row in weights]
    return dense_model([0.0] * columns, halves, [(0, 1)] * columns)
