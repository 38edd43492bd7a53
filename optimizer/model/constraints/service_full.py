"""The family `service_full`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def service_full(f: Formulation) -> Rows:
    """A line counts as served in full only if all of it ships; an order only if each of its lines does.

    Index: lines l whose `line_full`, or whose order's `order_full`, counts as served
    Formula: qty[l] · full ≤ Σ_{a of l} step[a] · ship_qty[a], with full = line_full[l] or order_full[o]
    Dual: θ[l] ≤ 0
    Unit: units
    Absent: with measure `unit`; where `delivery_policy` already ties the line to the same binary
    Meaning: service money that one unit of the line bears; belongs to the order's block, not published
    """
    full, tables = f.full_by_measure, f.tables
    line = np.flatnonzero((full != NONE) & (full != f.full_by_policy))
    position, arc = f.arcs_of(line)
    entries = [(position, arc, f.arcs.step[arc]), (np.arange(len(line)), full[line], -tables.order_lines["qty"][line])]
    keys = {"order": tables.line_order[line], "line": line}
    return make_rows("service_full", keys, entries, same(0, len(line)), same(np.inf, len(line)))
