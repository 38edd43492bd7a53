"""The family `lot_multiple`."""

from __future__ import annotations

import numpy as np

from optimizer.model import terms
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def lot_multiple(f: Formulation) -> Rows:
    """What a line takes from one warehouse over all services is a whole multiple of lcm(case_pack, lot_multiple).

    Index: (line, warehouse) with a column `lots`
    Formula: Σ_{a of l at w} ship_qty[a] = multiple[l] · lots[l,w]
    Dual: ν[l,w] free
    Unit: units
    Absent: where the multiple is 1; where a single service reaches the line, so that its column counts multiples
    Meaning: what one unit bears of the multiple; belongs to the order's block, not published
    """
    arcs, lots = f.arcs, f.variables.lots
    arc = np.flatnonzero(lots[arcs.group] != NONE)
    group, row = np.unique(arcs.group[arc], return_inverse=True)
    first = arc[np.searchsorted(arcs.group[arc], group)]
    multiple = terms.multiple(f.tables)[arcs.line[first]]
    entries = [(row, arc, np.ones(len(arc))), (np.arange(len(group)), lots[group], -multiple)]
    keys = {"order": arcs.order[first], "line": arcs.line[first], "warehouse": arcs.warehouse[first]}
    zero = np.zeros(len(group))
    return make_rows("lot_multiple", keys, entries, zero, zero)
