"""The family `stability`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.previous import moved_columns
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows


def stability(f: Formulation) -> Rows:
    """What a line no longer gets on a lane where the previous plan shipped it counts as moved.

    Index: (line l, lane r) of the previous plan, of orders that are not frozen
    Formula: moved[l,r] + Σ_{a of l on r} step[a] · ship_qty[a] ≥ previous[l,r]
    Dual: χ[l,r] ≤ 0
    Unit: units
    Absent: without a previous plan, or where moving costs nothing
    Meaning: cost of moving a unit that the plan bears; belongs to the order's block, not published
    """
    moved, arcs, tables = moved_columns(f), f.arcs, f.tables
    row, arc = f.arcs_of(moved.line)
    there = np.flatnonzero(arcs.lane[arc] == moved.lane[row])
    row, arc = row[there], arc[there]
    entries = [(np.arange(len(moved)), moved.column, np.ones(len(moved))), (row, arc, arcs.step[arc])]
    keys = {"order": tables.line_order[moved.line], "line": moved.line, "lane": moved.lane}
    return make_rows("stability", keys, entries, moved.units.astype(np.float64), same(np.inf, len(moved)))
