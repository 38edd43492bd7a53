"""The family `warehouse_stock`."""

from __future__ import annotations

import numpy as np

from optimizer.model import terms
from optimizer.model.constraints._shared import limit_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_stock(f: Formulation) -> Rows:
    """No warehouse ships more of a product than is available to promise there.

    Index: stock rows (w, p) that some arc uses
    Formula: Σ_{a at w of p} step[a] · ship_qty[a] ≤ atp[w,p]
    Dual: π[w,p] ≥ 0
    Unit: units
    Absent: where the lines that could use it want less than atp together
    Meaning: money gained by one more unit of p at w
    """
    arcs, tables = f.arcs, f.tables
    row = np.flatnonzero(f.resources.kept["warehouse_stock"])
    keys = {"stock": row, "warehouse": tables.stock_warehouse[row], "product": tables.stock_product[row]}
    upper = terms.atp(tables)[row].astype(np.float64)
    return limit_rows(f, "warehouse_stock", keys, [(arcs.stock, np.arange(len(arcs)), arcs.step)], upper)
