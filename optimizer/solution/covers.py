"""Flow covers that an engine found, by the ids of the tables: the part of `certificate.json` that lowers the bound.

`docs/proof.md` says what they are; `optimizer.engines.decompose.covers` finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.calendar import date_texts
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
    one lot.
    """
    found = result.covers
    if "cover_row" not in found or model.stages or not has_single_lots(model):
        return None
    first, (line, lane, day) = found["cover_first"].astype(np.int64), _arcs(model, found["cover_column"])
    lifted, row = found["cover_lifted"] > 0, found["cover_row"].astype(np.int64)
    price = rounded(found["cover_price"])
    holds = _are_covers(model, row, np.diff(first), line, lifted) & (price > 0)
    if not holds.any():
        return None
    block, tables = model.linear.rows("warehouse_stock"), model.tables
    texts, money = key_texts(model.batch, block), price.texts(DECIMALS)
    dated, names = is_dated(model), ("warehouse_id", "product_id", "date")
    house, product, date = (list(map(str, texts[name][row - block.start])) for name in names)
    order = tables.orders["order_id"][tables.line_order[line]]
    ids = [order, tables.order_lines["line_id"][line], tables.lanes["service_id"][lane]]
    ids += [date_texts(model.scenario, day)] if dated else []
    entries = np.array([list(entry) for entry in zip(*ids, strict=True)], dtype=object)
    rows = []
    for at in sorted(np.flatnonzero(holds).tolist(), key=lambda at: (house[at], product[at], date[at], at)):
        mine = slice(first[at], first[at + 1])
        inside, beside = entries[mine][~lifted[mine]].tolist(), entries[mine][lifted[mine]].tolist()
        rows.append(CoverRow(house[at], product[at], money[at], inside, beside, date[at] if dated else ""))
    return Covered(certificate_of(model, found["covered_prices"]), rows)


def _arcs(model: Model, column: NDArray[np.float64]) -> tuple[Ints, Ints, Ints]:
    """The order line, the lane and the day of each column of units."""
    arc = column.astype(np.int64) - model.linear.columns("ship_qty").start
    return model.arcs.line[arc], model.arcs.lane[arc], model.arcs.day[arc]


def _are_covers(model: Model, row: Ints, size: Ints, line: Ints, lifted: Flags) -> Flags:
    """Whether the ordered quantities of the lines of a cover exceed the stock, and the largest does so by itself.

    The engine may have known that a line gets less than that, by a limit that the proof does not look at here.
    """
    lines = np.int64(len(model.tables.order_lines))
    cell = np.unique((np.repeat(np.arange(len(row)), size) * lines + line) * 2 + lifted)
    owner, line, lifted = cell // 2 // lines, cell // 2 % lines, cell % 2 > 0
    stock = np.rint(model.linear.row_upper[row]).astype(np.int64)
    can = np.where(lifted, 0, np.minimum(model.tables.order_lines["qty"][line], stock[owner]))
    excess, largest = -stock, np.zeros(len(row), dtype=np.int64)
    np.add.at(excess, owner, can)
    np.maximum.at(largest, owner, can)
    found: Flags = (excess > 0) & (largest > excess)
    return found


def has_single_lots(model: Model) -> bool:
    """Whether units serve their own product, from the only lot, which never expires: the proof reads covers."""
    tables, stock = model.tables, model.tables.stock
    if any(len(getattr(tables, name)) for name in ("substitutions", "kits", "transfers")):
        return False
    pools = np.unique(tables.stock_warehouse * np.int64(max(len(tables.products), 1)) + tables.stock_product)
    named = bool((stock["lot_id"] != "").any()) and len(tables.inbound) > 0  # what is received has a lot without a name
    lots = len(pools) < len(stock) or named or bool(stock.given("expiry_date").any())
    return not lots and model.linear.rows("warehouse_stock").scale is None


def is_dated(model: Model) -> bool:
    """Whether what is shipped names its day."""
    return bool(len(model.tables.inbound) or len(model.tables.calendar))
