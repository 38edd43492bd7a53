"""The family `warehouse_capacity_units`."""

from __future__ import annotations

from optimizer.model.constraints._shared import units_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_capacity_units(f: Formulation) -> Rows:
    """No warehouse ships more units in the batch than its capacity.

    Index: warehouses w with capacity_units
    Formula: Σ_{a at w} units[a] · ship_qty[a] ≤ capacity_units[w]
    Dual: κᵘ[w] ≥ 0
    Unit: units
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more unit of capacity at w
    """
    return units_rows(f, "warehouse")
