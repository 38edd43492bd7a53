"""The family `day_capacity_shipments`."""

from __future__ import annotations

from optimizer.model.constraints._shared import shipments_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def day_capacity_shipments(f: Formulation) -> Rows:
    """No warehouse opens more shipments on a day than its capacity of that day.

    Index: working days (w, d) of the table calendar with capacity_shipments
    Formula: Σ_{s from w on d} open_shipment[s] ≤ capacity_shipments[w,d]
    Dual: ξˢ[w,d] ≥ 0
    Unit: shipments
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more shipment at w on d
    """
    return shipments_rows(f, "day")
