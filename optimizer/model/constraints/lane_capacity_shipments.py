"""The family `lane_capacity_shipments`."""

from __future__ import annotations

from optimizer.model.constraints._shared import shipments_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def lane_capacity_shipments(f: Formulation) -> Rows:
    """No lane carries more shipments in the batch than its capacity.

    Index: lanes r (warehouse, zone, service) with capacity_shipments
    Formula: Σ_{s on r} open_shipment[s] ≤ capacity_shipments[r]
    Dual: λˢ[r] ≥ 0
    Unit: shipments
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more shipment on r
    """
    return shipments_rows(f, "lane")
