"""The family `warehouse_capacity_lines`."""

from __future__ import annotations

from optimizer.model.constraints._shared import lines_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def warehouse_capacity_lines(f: Formulation) -> Rows:
    """No warehouse picks more lines in the batch than its capacity; a line in two shipments is picked twice.

    Index: warehouses w with capacity_lines
    Formula: Σ_{(line, shipment) i at w} pick_line[i] ≤ capacity_lines[w]
    Dual: κˡ[w] ≥ 0
    Unit: order lines
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more pick at w
    """
    return lines_rows(f, "warehouse")
