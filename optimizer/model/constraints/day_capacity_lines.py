"""The family `day_capacity_lines`."""

from __future__ import annotations

from optimizer.model.constraints._shared import lines_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def day_capacity_lines(f: Formulation) -> Rows:
    """No warehouse picks more lines on a day than its capacity of that day.

    Index: working days (w, d) of the table calendar with capacity_lines
    Formula: Σ_{(line, shipment) i from w on d} pick_line[i] ≤ capacity_lines[w,d]
    Dual: ξˡ[w,d] ≥ 0
    Unit: order lines
    Absent: where no capacity is stated, or all that could use it stays below it
    Meaning: money gained by one more pick at w on d
    """
    return lines_rows(f, "day")
