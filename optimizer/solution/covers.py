"""Flow covers that an engine found, by the ids of the tables: the part of `certificate.json` that lowers the bound.

`docs/proof.md` says what they are; `optimizer.engines.decompose.covers` finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.prices import Covered, CoverRow
from optimizer.solution.prices_in_parts import certificate_of
from optimizer.solution.prices_rows import key_texts
from optimizer.solution.prices_table import DECIMALS, rounded

if TYPE_CHECKING:
    from optimizer.engines.result import SolveResult
    from optimizer.model.build import Model

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def covered(model: Model, result: SolveResult) -> Covered | None:
    """The covers of a result by ids, with the prices that go with them; None if there are none.

    Also None where the proof would not read them: it does where a unit of stock serves a unit of its own product, from
    one lot, on one day.
    """
    found = result.covers
    if "cover_row" not in found or model.stages or not is_plain(model):
        return None
    first, line, lane = found["cover_first"].astype(np.int64), *_cells(model, found["cover_column"])
    lifted, row = found["cover_lifted"] > 0, found["cover_row"].astype(np.int64)
    price = rounded(found["cover_price"])
    holds = _are_covers(model, row, np.diff(first), line, lifted) & (price > 0)
    if not holds.any():
        return None
    block, tables = model.linear.rows("warehouse_stock"), model.tables
    texts, money = key_texts(model.batch, block), price.texts(DECIMALS)
    house, product = texts["warehouse_id"][row - block.start], texts["product_id"][row - block.start]
    order = tables.orders["order_id"][tables.line_order[line]]
    ids = (order, tables.order_lines["line_id"][line], tables.lanes["service_id"][lane])
    entries = np.array([list(entry) for entry in zip(*ids, strict=True)], dtype=object)
    rows = []
    for at in sorted(np.flatnonzero(holds).tolist(), key=lambda at: (str(house[at]), str(product[at]), at)):
        mine = slice(first[at], first[at + 1])
        inside, beside = entries[mine][~lifted[mine]].tolist(), entries[mine][lifted[mine]].tolist()
        rows.append(CoverRow(str(house[at]), str(product[at]), money[at], inside, beside))
    return Covered(certificate_of(model, found["covered_prices"]), rows)


def _cells(model: Model, column: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """The order line and the lane of each column of units."""
    arc = column.astype(np.int64) - model.linear.columns("ship_qty").start
    return model.arcs.line[arc], model.arcs.lane[arc]


def _are_covers(model: Model, row: Ints, size: Ints, line: Ints, lifted: Flags) -> Flags:
    """Whether the ordered quantities of the lines of a cover exceed the stock, and the largest does so by itself.

    The engine may have known that a line gets less than that, by a limit that the proof does not look at here.
    """
    owner = np.repeat(np.arange(len(row)), size)
    stock = np.rint(model.linear.row_upper[row]).astype(np.int64)
    can = np.where(lifted, 0, np.minimum(model.tables.order_lines["qty"][line], stock[owner]))
    excess, largest = -stock, np.zeros(len(row), dtype=np.int64)
    np.add.at(excess, owner, can)
    np.maximum.at(largest, owner, can)
    found: Flags = (excess > 0) & (largest > excess)
    return found


def is_plain(model: Model) -> bool:
    """Whether a unit serves a unit of its own product, from one lot, on one day: the proof reads covers then."""
    tables, block = model.tables, model.linear.rows("warehouse_stock")
    if any(len(getattr(tables, name)) for name in ("substitutions", "kits", "transfers", "inbound", "calendar")):
        return False
    stock = tables.stock
    pools = np.unique(tables.stock_warehouse * np.int64(max(len(tables.products), 1)) + tables.stock_product)
    lots = len(pools) < len(stock) or bool(stock.given("expiry_date").any())
    return not lots and block.scale is None
