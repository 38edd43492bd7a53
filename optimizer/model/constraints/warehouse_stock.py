"""The family `warehouse_stock`."""

from __future__ import annotations

import numpy as np

from optimizer.model.constraints._shared import cumulative_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_stock(f: Formulation) -> Rows:
    """No warehouse ships more of a product, up to any day, than is available to promise there by then.

    Index: periods k of pools (w, p) that some arc uses: from the day d on which the pool's supply changes to the next
    Formula: Σ_{draws up to k, of lots alive on d} units · ship_qty[a] + Σ kit_draw − arrived + left ≤ atp[w,p,d]
    Dual: π[w,p,d] ≥ 0
    Unit: units from the shelf
    Absent: where the lines that could use it want less than atp together
    Meaning: money gained by one more unit of p at w from d on
    """
    supply = f.batch.supply
    row = np.flatnonzero(f.resources.kept["warehouse_stock"])
    keys = {
        "period": row,
        "warehouse": supply.pool_warehouse[supply.period_pool[row]],
        "product": supply.pool_product[supply.period_pool[row]],
        "day": supply.period_day[row],
    }
    return cumulative_rows(f, "warehouse_stock", keys, supply.period_atp, supply.periods_of_each)
