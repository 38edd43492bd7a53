"""The price of a contract, in the table that people read contracts in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.exact import Exact
from optimizer.solution.prices import Prices
from optimizer.tables.tables import Table

FAMILIES = ("contract_minimum", "contract_quota")


def priced(contracts: Table, prices: Prices) -> Table:
    """``contracts`` with shadow_price = the price of its minimum plus that of its quota; blank where both are 0."""
    ids = contracts["contract_id"]
    total = Exact.zeros(len(ids))
    for family in FAMILIES:
        rows = prices.certificate.get(family)
        if rows is not None:
            where = np.searchsorted(ids.astype(str), rows.keys["contract_id"].astype(str))
            total = total + rows.price.sum_by(where, len(ids))
    columns = {**contracts.columns, "shadow_price": total}
    return replace(contracts, columns=columns, filled={**contracts.filled, "shadow_price": ~total.equals(0)})
