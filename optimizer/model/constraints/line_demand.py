"""The family `line_demand`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def line_demand(f: Formulation) -> Rows:
    """No line gets more than was ordered, over all lanes.

    Index: order lines l with an arc
    Formula: Σ_{a of l} step[a] · ship_qty[a] ≤ qty[l]
    Dual: α[l] ≥ 0
    Unit: units
    Absent: where the arcs of the line carry at most qty together; where `delivery_policy` or `min_fill` says it
    Meaning: money gained if the line could take one unit more; belongs to the order's block, not published
    """
    arcs, v = f.arcs, f.variables
    reached = np.diff(f.line_start) > 0
    most = np.zeros(len(reached), dtype=np.int64)
    np.add.at(most, arcs.line, arcs.cap)
    said = (f.full_by_policy != NONE) | (v.line_used != NONE)
    kept = reached & ~said & (most > f.tables.order_lines["qty"])
    line = np.flatnonzero(kept)
    position, arc = f.arcs_of(line)
    keys = {"order": f.tables.line_order[line], "line": line}
    upper = f.tables.order_lines["qty"][line].astype(np.float64)
    dropped = int(np.count_nonzero(reached & ~said & ~kept))
    return make_rows(
        "line_demand", keys, [(position, arc, arcs.step[arc])], same(-np.inf, len(line)), upper, dropped=dropped
    )
