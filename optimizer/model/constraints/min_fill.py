"""The family `min_fill`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def min_fill(f: Formulation) -> Rows:
    """A line gets nothing, or at least its min_fill_qty and at most what was ordered.

    Index: lines l with a column `line_used`, a row each for the minimum (side 0) and the maximum (side 1)
    Formula: min_fill_qty[l] · line_used[l] ≤ Σ_{a of l} step[a] · ship_qty[a] ≤ qty[l] · line_used[l]
    Dual: ε[l, side], ≤ 0 for the minimum and ≥ 0 for the maximum
    Unit: units
    Absent: where min_fill_qty is at most one multiple; where the delivery policy asks for the whole line anyway
    Meaning: what one unit bears of the minimum; belongs to the order's block, not published
    """
    v, lines = f.variables, f.tables.order_lines
    line = np.flatnonzero(v.line_used != NONE)
    position, arc = f.arcs_of(line)
    reach = np.bincount(position, f.arcs.cap[arc], len(line))
    most = np.minimum(lines["qty"][line], reach)
    row = np.arange(len(line)) * 2
    step = f.arcs.step[arc]
    entries = [
        (position * 2, arc, step),
        (row, v.line_used[line], -lines["min_fill_qty"][line]),
        (position * 2 + 1, arc, step),
        (row + 1, v.line_used[line], -most),
    ]
    endless, zero = same(np.inf, len(line)), same(0, len(line))
    lower, upper = np.stack([zero, -endless], axis=1).ravel(), np.stack([endless, zero], axis=1).ravel()
    twice = np.repeat(line, 2)
    keys = {"order": f.tables.line_order[twice], "line": twice, "side": np.tile([0, 1], len(line))}
    return make_rows("min_fill", keys, entries, lower, upper)
