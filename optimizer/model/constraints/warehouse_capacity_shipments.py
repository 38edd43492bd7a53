"""The family `warehouse_capacity_shipments`."""

from __future__ import annotations

from optimizer.model.constraints._shared import shipments_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_capacity_shipments(f: Formulation) -> Rows:
    """No warehouse opens more shipments in the batch than its capacity.

    Index: warehouses w with capacity_shipments
    Formula: Σ_{s from w} open_shipment[s] ≤ capacity_shipments[w]
    Dual: κˢ[w] ≥ 0
    Unit: shipments
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more shipment from w
    """
    return shipments_rows(f, "warehouse")
