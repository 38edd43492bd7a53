"""Trees in which an engine branched on shipments, by the ids of the tables: `branches` of `certificate.json`.

Each is about a set of stock rows with all orders that take from them. Each leaf has prices of its own for these rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.covers import has_single_lots, is_dated
from optimizer.solution.prices_rows import key_texts
from optimizer.solution.prices_table import DECIMALS, rounded

if TYPE_CHECKING:
    from optimizer.engines.result import SolveResult
    from optimizer.model.build import Model
    from optimizer.model.linear_model import Block
    from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAF = -1


def branches(model: Model, result: SolveResult) -> list[dict[str, Any]]:
    """The sets of a result as `certificate.json` lists them, sorted by their first pool; none where nobody reads them.

    The proof does where it reads covers (`optimizer.solution.covers`) and nothing has dates. A set that branches on
    anything but a shipment is left out: without it the bound is larger, and still one. So is a set with an order that
    another one has: to the engine lines that have no shipment in common are like two orders. Members are all who ask
    for the products: the model has no units of orders that can never be filled, and the proof does not know that.
    """
    found = result.covers
    if "branch_row" not in found or model.stages or is_dated(model) or not has_single_lots(model):
        return []
    first = {of: found[f"branch_first_{of}"].astype(np.int64) for of in ("row", "entry")}
    row, entry = (found[f"branch_{of}"].astype(np.int64) for of in ("row", "entry"))
    stock, opener = model.linear.rows("warehouse_stock"), model.linear.columns("open_shipment")
    is_known = _all_of(first["row"], _within(stock, row))
    is_known &= _all_of(first["entry"], (entry == LEAF) | _within(opener, entry))
    prices = _leaf_prices(found["branch_price"], first["row"], first["entry"], entry == LEAF)
    texts, order_id, sets = key_texts(model.batch, stock), model.tables.orders["order_id"], []
    asking, met = _asking(model.tables), np.zeros(len(order_id), dtype=bool)
    for at in np.flatnonzero(is_known).tolist():
        rows, entries = (slice(start[at], start[at + 1]) for start in first.values())
        pools = _texts(*(texts[name][row[rows] - stock.start] for name in ("warehouse_id", "product_id")))
        places = sorted(range(len(pools)), key=pools.__getitem__)
        leaves = [{"prices": [leaf[place] for place in places]} for leaf in prices[at]]
        orders = np.unique(np.concatenate([asking[product] for _, product in pools]))
        if met[orders].any():
            continue
        met[orders] = True
        tree = entry[entries]
        sets.append(
            {
                "stock": [pools[place] for place in places],
                "orders": sorted(map(str, order_id[orders])),
                "tree": _tree(tree, _shipments(model, opener, tree[tree != LEAF]), leaves),
            }
        )
    return sorted(sets, key=lambda each: each["stock"])


def _asking(tables: Tables) -> dict[str, Ints]:
    """The orders that ask for each product."""
    by_product = np.argsort(tables.line_product, kind="stable")
    first = np.searchsorted(tables.line_product[by_product], np.arange(len(tables.products) + 1)).tolist()
    order = tables.line_order[by_product]
    return {str(name): order[first[at] : first[at + 1]] for at, name in enumerate(tables.products["product_id"])}


def _within(block: Block, position: Ints) -> Flags:
    """Whether each row or column of the matrix is one of the block."""
    found: Flags = (position >= block.start) & (position < block.stop)
    return found


def _all_of(first: Ints, flag: Flags) -> Flags:
    """Whether all parts of each set are flagged."""
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    found: Flags = np.bincount(owner[~flag], minlength=len(first) - 1) == 0
    return found


def _leaf_prices(price: Floats, first_row: Ints, first_entry: Ints, is_leaf: Flags) -> list[list[list[str]]]:
    """Of each set the prices as texts: a list for each leaf, as long as the set has rows."""
    texts = rounded(price).maximum(0).texts(DECIMALS)
    size, leaves = np.diff(first_row).tolist(), np.diff(np.append(0, np.cumsum(is_leaf))[first_entry]).tolist()
    prices, start = [], 0
    for rows, count in zip(size, leaves, strict=True):
        prices.append([texts[start + leaf * rows : start + (leaf + 1) * rows] for leaf in range(count)])
        start += rows * count
    return prices


def _texts(*columns: NDArray[Any]) -> list[list[str]]:
    """Rows of ids."""
    return [[str(text) for text in row] for row in zip(*columns, strict=True)]


def _shipments(model: Model, opener: Block, entry: Ints) -> list[list[str]]:
    """The order, warehouse and service of each column that opens a shipment."""
    if not len(entry):
        return []
    tables, at = model.tables, entry - opener.start
    lane = opener.keys["lane"][at]
    return _texts(
        tables.orders["order_id"][opener.keys["order"][at]],
        *(tables.lanes[name][lane] for name in ("warehouse_id", "service_id")),
    )


def _tree(entry: Ints, shipments: list[list[str]], leaves: list[dict[str, list[str]]]) -> list[Any]:
    """The entries in their order: a shipment or a leaf."""
    branching, leaf = iter(shipments), iter(leaves)
    return [next(leaf if is_leaf else branching) for is_leaf in (entry == LEAF).tolist()]
