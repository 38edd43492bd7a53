"""The family `day_capacity_units`."""

from __future__ import annotations

from optimizer.model.constraints._shared import units_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def day_capacity_units(f: Formulation) -> Rows:
    """No warehouse ships more units on a day than its capacity of that day.

    Index: working days (w, d) of the table calendar with capacity_units
    Formula: Σ_{a from w on d} units[a] · ship_qty[a] ≤ capacity_units[w,d]
    Dual: ξᵘ[w,d] ≥ 0
    Unit: units
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more unit at w on d
    """
    return units_rows(f, "day")
