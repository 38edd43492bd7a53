"""The family `lot_stock`."""

from __future__ import annotations

from functools import partial

import numpy as np

from optimizer.model.constraints._shared import cumulative_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def lot_stock(f: Formulation) -> Rows:
    """No more leaves a lot, up to any day, than the lot itself has by then.

    Index: (lot s, period k of its pool from day d) in pools (w, p) of several lots, as long as the lot is alive
    Formula: Σ_{draws of s up to k} units · ship_qty[a] + Σ kit_draw − arrived + left ≤ own[s,d]
    Dual: ϖ[s,d] ≥ 0
    Unit: units from the shelf
    Absent: where all that could use the lot want less; where a later period of the lot has the same limit
    Meaning: money gained by one more unit in the lot from d on
    """
    supply = f.batch.supply
    lots = supply.lot_rows
    row = np.flatnonzero(f.resources.kept["lot_stock"])
    source, period = lots.source[row], lots.period[row]
    keys = {
        "lot_row": row,
        "source": source,
        "warehouse": supply.warehouse[source],
        "product": supply.product[source],
        "day": supply.period_day[period],
    }
    return cumulative_rows(f, "lot_stock", keys, lots.own, partial(lots.limits_of_each, supply))
