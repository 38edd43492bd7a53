"""The family `warehouse_capacity_kg`."""

from __future__ import annotations

from optimizer.model.constraints._shared import kg_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_capacity_kg(f: Formulation) -> Rows:
    """No warehouse ships more weight in the batch than its capacity.

    Index: warehouses w with capacity_kg
    Formula: Σ_{a at w} kg[a] · step[a] · ship_qty[a] ≤ capacity_kg[w]
    Dual: κᵏ[w] ≥ 0
    Unit: kg
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more kg of capacity at w
    """
    return kg_rows(f, "warehouse")
