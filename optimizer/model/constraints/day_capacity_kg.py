"""The family `day_capacity_kg`."""

from __future__ import annotations

from optimizer.model.constraints._shared import kg_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def day_capacity_kg(f: Formulation) -> Rows:
    """No warehouse ships more weight on a day than its capacity of that day.

    Index: working days (w, d) of the table calendar with capacity_kg
    Formula: Σ_{a from w on d} kg[a] · step[a] · ship_qty[a] ≤ capacity_kg[w,d]
    Dual: ξᵏ[w,d] ≥ 0
    Unit: kg
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more kg of capacity at w on d
    """
    return kg_rows(f, "day")
