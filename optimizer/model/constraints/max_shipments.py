"""The family `max_shipments`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows


def max_shipments(f: Formulation) -> Rows:
    """No order is split into more shipments than it allows.

    Index: orders o with max_shipments
    Formula: Σ_{s of o} open_shipment[s] ≤ max_shipments[o]
    Dual: σ[o] ≥ 0
    Unit: shipments
    Absent: where the order can be reached by no more shipments than allowed
    Meaning: money gained by one more split of the order; belongs to the order's block, not published
    """
    splits = f.resources.splits
    order = np.flatnonzero(splits)
    shipment = np.flatnonzero(splits[f.arcs.shipment_order])
    row = (np.cumsum(splits) - 1)[f.arcs.shipment_order[shipment]]
    upper = f.tables.orders["max_shipments"][order].astype(np.float64)
    entries = [(row, f.variables.opened[shipment], np.ones(len(shipment)))]
    return make_rows("max_shipments", {"order": order}, entries, same(-np.inf, len(order)), upper)
