"""Prices alone, as the engine found them: of batches in parts, and of models too large to re-solve on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import RowValues, nothing_known
from optimizer.model.build import Model
from optimizer.model.linear_model import Block
from optimizer.model.parted import PartedModel
from optimizer.model.ragged import expand, first_of, ranks_of
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.prices import PricedBlock, PricedRows, Prices, certified
from optimizer.solution.prices_rows import LINKS, limit_of
from optimizer.solution.prices_stages import STAGES
from optimizer.solution.prices_table import shadow_price_table

Arrays = Mapping[str, NDArray[Any]]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_COLUMNS = 1_000_000
"""Columns above which nothing is re-solved where the engine has prices: the process that does takes 2 GB a million."""

NOT_RESOLVED = "the batch was planned in parts: no row was re-solved with one unit more or fewer"
BY_CLEARING = "no engine priced anything: prices of stock are what its last unit is worth to those who ask for it"
TOO_LARGE = "the model is too large to re-solve: no row was tried with one unit more or fewer"


def price_in_parts(model: PartedModel, plan: Plan, arrays: Arrays) -> Prices:
    """The prices that stand in the arrays of an answer (`optimizer.engines.decompose.gathered`), by keys of rows."""
    price, blocks = [np.zeros(0)], list[Block]()
    for family in (name.removeprefix("price.") for name in arrays if name.startswith("price.")):
        start = sum(map(len, blocks))
        keys = {name.split(".", 2)[2]: key for name, key in arrays.items() if name.startswith(f"key.{family}.")}
        price.append(arrays[f"price.{family}"])
        blocks.append(Block(family, start, start + len(price[-1]), keys, coupling=True))
    return _prices(model, plan, blocks, np.concatenate(price), NOT_RESOLVED)


def price_large(model: Model, plan: Plan, row_prices: Floats, note: str = TOO_LARGE) -> Prices:
    """The engine's prices of the rows of a model; ``note`` says why nothing else is known of them."""
    return _prices(model, plan, *_by_block(model, row_prices), note)


def certificate_of(model: Model, row_prices: Floats) -> dict[str, PricedRows]:
    """The prices of the rows of a model as the certificate lists them."""
    blocks, price = _by_block(model, row_prices)
    return certified([PricedBlock(model, block, _known(price), block.start) for block in blocks])


def _by_block(model: Model, row_prices: Floats) -> tuple[list[Block], Floats]:
    """The shared rows, renumbered, and the price of one unit of the limit of each."""
    blocks, price = list[Block](), [np.zeros(0)]
    for block in model.linear.row_blocks:
        if block.coupling and not block.redundant and block.family not in STAGES:
            start = sum(map(len, blocks))
            blocks.append(replace(block, start=start, stop=start + len(block)))
            price.append(row_prices[block.start : block.stop] * (1.0 if block.scale is None else block.scale))
    return blocks, np.concatenate(price)


def price_by_clearing(model: Model, plan: Plan) -> Prices:
    """Prices that no engine has to find: of each pool of stock, what its last unit is worth to those who ask for it.

    Lines ask of every pool in proportion to what it has. Any prices prove some bound; with these it is near the one of
    goods that are only scarce as a whole, and where nothing is scarce it is the one of every order by itself.
    """
    linear, arcs = model.linear, model.arcs
    stock, start, prices = linear.rows("warehouse_stock"), linear.columns("ship_qty").start, np.zeros(linear.n_rows)
    if not len(stock):
        return price_large(model, plan, prices, BY_CLEARING)
    place, entry = expand(linear.indptr[stock.positions], linear.indptr[stock.positions + 1])
    arc = linear.indices[entry].astype(np.int64) - start
    asks = (arc >= 0) & (arc < len(arcs)) & (linear.data[entry] > 0)
    row, arc, uses = place[asks], arc[asks], linear.data[entry][asks]
    kept = _widest(stock, row)[row]
    row, arc, uses = row[kept], arc[kept], uses[kept]
    worth, room = linear.objective[start + arc] / uses, np.maximum(linear.row_upper[stock.positions], 0.0)
    best = np.lexsort((-worth, arcs.line[arc], row))
    best = best[first_of(*ranks_of(row[best], arcs.line[arc[best]]))]  # of each line its best arc into the pool
    row, arc, uses, worth = row[best], arc[best], uses[best], worth[best]
    reach = np.bincount(arcs.line[arc], room[row], minlength=len(model.tables.order_lines))
    asked = arcs.wanted[arc] * uses * room[row] / np.maximum(reach[arcs.line[arc]], 1.0)
    best = np.lexsort((-worth, row))
    row, worth, total = row[best], worth[best], np.cumsum(asked[best])
    first = np.searchsorted(row, np.arange(len(room) + 1))
    last = np.searchsorted(total, np.concatenate([[0.0], total])[first[:-1]] + room)
    scarce = np.flatnonzero((last < first[1:]) & (room > 0))
    prices[stock.start + scarce] = np.maximum(worth[last[scarce]], 0.0)
    return price_large(model, plan, prices, BY_CLEARING)


def _widest(stock: Block, row: Ints) -> Flags:
    """Of the rows of each pool, one for each period, the one that most arcs stand in."""
    pool, pools = ranks_of(stock.keys["warehouse"], stock.keys["product"])
    size = np.bincount(row, minlength=len(stock))
    by_size = np.lexsort((-size, pool))
    widest = np.zeros(len(stock), dtype=bool)
    widest[by_size[np.searchsorted(pool[by_size], np.arange(pools))]] = True
    return widest


def _prices(model: Model | PartedModel, plan: Plan, blocks: list[Block], price: Floats, note: str) -> Prices:
    """``price`` of one unit of the limit, of the rows of all blocks."""
    ledger = Ledger(model.tables, model.scenario, plan)
    found = _known(price)
    priced = [PricedBlock(model, block, found, block.start) for block in blocks]
    rows = [each.rows(limit_of(ledger, each.block)) for each in priced if each.block.family not in LINKS]
    return Prices(certified(priced), shadow_price_table(rows), np.inf, (note,))


def _known(price: Floats) -> RowValues:
    """Prices alone."""
    return RowValues(
        **{**nothing_known(len(price)), "price": price},
        relaxation=np.inf,
        plan_gain=0.0,
        ended="finished",
        cut=(),
        known=True,
    )
