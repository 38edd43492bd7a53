"""The family `lane_capacity_units`."""

from __future__ import annotations

from optimizer.model.constraints._shared import units_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def lane_capacity_units(f: Formulation) -> Rows:
    """No lane carries more units in the batch than its capacity.

    Index: lanes r (warehouse, zone, service) with capacity_units
    Formula: Σ_{a on r} units[a] · ship_qty[a] ≤ capacity_units[r]
    Dual: λᵘ[r] ≥ 0
    Unit: units
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more unit of capacity on r
    """
    return units_rows(f, "lane")
