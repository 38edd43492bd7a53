"""The family `delivery_policy`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def delivery_policy(f: Formulation) -> Rows:
    """A line that may not go in part ships whole or not at all; with `order_complete` all lines of the order at once.

    Index: lines l with an arc, of orders o with `line_complete` or `order_complete`
    Formula: Σ_{a of l} step[a] · ship_qty[a] = qty[l] · full, with full = line_full[l] or order_full[o]
    Dual: δ[l] free
    Unit: units
    Absent: for `partial`; for a single line whose arcs each ship all or nothing (then `line_demand` says it)
    Meaning: what one unit of the line bears of all or nothing; belongs to the order's block, not published
    """
    full, tables = f.full_by_policy, f.tables
    line = np.flatnonzero((full != NONE) & (np.diff(f.line_start) > 0))
    position, arc = f.arcs_of(line)
    qty = tables.order_lines["qty"][line]
    entries = [(position, arc, f.arcs.step[arc]), (np.arange(len(line)), full[line], -qty)]
    zero = same(0, len(line))
    return make_rows("delivery_policy", {"order": tables.line_order[line], "line": line}, entries, zero, zero)
