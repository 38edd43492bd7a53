"""The family `lane_capacity_kg`."""

from __future__ import annotations

from optimizer.model.constraints._shared import kg_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def lane_capacity_kg(f: Formulation) -> Rows:
    """No lane carries more weight in the batch than its capacity.

    Index: lanes r (warehouse, zone, service) with capacity_kg
    Formula: Σ_{a on r} kg[a] · step[a] · ship_qty[a] ≤ capacity_kg[r]
    Dual: λᵏ[r] ≥ 0
    Unit: kg
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more kg of capacity on r
    """
    return kg_rows(f, "lane")
