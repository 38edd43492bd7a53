"""The family `shipment_link`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.variables import arc_keys


def shipment_link(f: Formulation) -> Rows:
    """Nothing ships in a shipment that is not opened: one row for each line of it, with the line's own limit.

    Index: arcs a whose shipment s has a column `open_shipment`
    Formula: ship_qty[a] ≤ (cap[a] / step[a]) · open_shipment[s]
    Dual: β[a] ≥ 0
    Unit: steps of the arc
    Absent: where opening costs nothing and no limit counts it; where one arc of one step is the whole shipment
    Meaning: the share of the shipment's fixed cost that the line bears; belongs to the order's block, not published
    """
    arcs, v = f.arcs, f.variables
    arc = np.flatnonzero(v.own_open[arcs.shipment])
    shipment = arcs.shipment[arc]
    column, value = np.empty((len(arc), 2), dtype=np.int32), np.empty((len(arc), 2))
    column[:, 0], column[:, 1] = arc, v.opened[shipment]
    value[:, 0] = 1
    np.negative(arcs.upper[arc], out=value[:, 1], casting="unsafe")
    keys = arc_keys(arcs, arc, "order")
    indptr = np.arange(0, column.size + 1, 2)
    lower, upper = same(-np.inf, len(arc)), same(0, len(arc))
    return Rows("shipment_link", keys, indptr, [column.ravel()], [value.ravel()], lower, upper)
