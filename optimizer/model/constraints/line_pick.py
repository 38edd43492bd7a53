"""The family `line_pick`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import arc_keys


def line_pick(f: Formulation) -> Rows:
    """What ships has been picked.

    Index: arcs a whose (line, shipment) i has a column `pick_line`
    Formula: ship_qty[a] ≤ (cap[a] / step[a]) · pick_line[i]
    Dual: ζ[a] ≥ 0
    Unit: steps of the arc
    Absent: where capacity_lines cannot bind; where an arc of one step, or a shipment of one line, counts itself
    Meaning: the share of the scarce pick that the line bears; belongs to the order's block, not published
    """
    arcs, picked = f.arcs, f.variables.picked[f.arcs.pick]
    arc = np.flatnonzero(
        (picked >= 0) & (picked != f.variables.opened[arcs.shipment]) & (picked != np.arange(len(arcs)))
    )
    row = np.arange(len(arc))
    keys = arc_keys(arcs, arc, "order")
    entries = [(row, arc, np.ones(len(arc))), (row, picked[arc], -arcs.upper[arc])]
    return make_rows("line_pick", keys, entries, same(-np.inf, len(arc)), same(0, len(arc)))
