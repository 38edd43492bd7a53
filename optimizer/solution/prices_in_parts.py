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
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.prices import PricedBlock, Prices, certified
from optimizer.solution.prices_rows import LINKS, limit_of
from optimizer.solution.prices_table import shadow_price_table

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]

MOST_COLUMNS = 1_000_000
"""Columns above which nothing is re-solved where the engine has prices: the process that does takes 2 GB a million."""

NOT_RESOLVED = "the batch was planned in parts: no row was re-solved with one unit more or fewer"
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


def price_large(model: Model, plan: Plan, row_prices: Floats) -> Prices:
    """The engine's prices of the rows of a model."""
    blocks, price = list[Block](), [np.zeros(0)]
    for block in model.linear.row_blocks:
        if block.coupling and not block.redundant:
            start = sum(map(len, blocks))
            blocks.append(replace(block, start=start, stop=start + len(block)))
            price.append(row_prices[block.start : block.stop] * (1.0 if block.scale is None else block.scale))
    return _prices(model, plan, blocks, np.concatenate(price), TOO_LARGE)


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
