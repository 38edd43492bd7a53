"""Prices of a batch in parts: those that the engine found. Nothing is re-solved: there is no matrix to do it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import RowValues, nothing_known
from optimizer.model.linear_model import Block
from optimizer.model.parted import PartedModel
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.prices import PricedBlock, Prices, certified
from optimizer.solution.prices_rows import limit_of
from optimizer.solution.prices_table import shadow_price_table

Arrays = Mapping[str, NDArray[Any]]

NOT_RESOLVED = "the batch was planned in parts: no row was re-solved with one unit more or fewer"


def price_in_parts(model: PartedModel, plan: Plan, arrays: Arrays) -> Prices:
    """The prices that stand in the arrays of an answer (`optimizer.engines.decompose.gathered`), by keys of rows."""
    ledger = Ledger(model.tables, model.scenario, plan)
    price, blocks = [np.zeros(0)], list[Block]()
    for family in (name.removeprefix("price.") for name in arrays if name.startswith("price.")):
        start = sum(map(len, blocks))
        keys = {name.split(".", 2)[2]: key for name, key in arrays.items() if name.startswith(f"key.{family}.")}
        price.append(arrays[f"price.{family}"])
        blocks.append(Block(family, start, start + len(price[-1]), keys, coupling=True))
    found = _known(np.concatenate(price))
    priced = [PricedBlock(model, block, found, block.start) for block in blocks]
    rows = [each.rows(limit_of(ledger, each.block)) for each in priced]
    return Prices(certified(priced), shadow_price_table(rows), np.inf, (NOT_RESOLVED,))


def _known(price: NDArray[np.float64]) -> RowValues:
    """Prices alone."""
    return RowValues(
        **{**nothing_known(len(price)), "price": price},
        relaxation=np.inf,
        plan_gain=0.0,
        ended="finished",
        cut=(),
        known=True,
    )
