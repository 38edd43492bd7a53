"""The family `lot_multiple`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.keys import gathered
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import first_of, same
from optimizer.model.rows import make_rows
from optimizer.model.variables import NONE


def lot_multiple(f: Formulation) -> Rows:
    """What a line takes of one lot from one warehouse on one day, over all services, is a whole multiple.

    Index: groups (line, warehouse, day, product, lot) with a column `lots`; multiple as in `optimizer.model.offers`
    Formula: Σ_{a in the group} step[a] · ship_qty[a] = multiple[group] · lots[group]
    Dual: ν[group] free
    Unit: units
    Absent: where the multiple is 1; where a single service reaches the line, so that its column counts multiples
    Meaning: what one unit bears of the multiple; belongs to the order's block, not published
    """
    arcs, lots = f.arcs, f.variables.lots
    arc = np.flatnonzero(lots[arcs.group] != NONE)
    group, row = np.unique(arcs.group[arc], return_inverse=True)
    first = arc[first_of(row, len(group))]
    multiple = f.batch.offers.multiple[arcs.offer[first]]
    entries = [(row, arc, arcs.step[arc]), (np.arange(len(group)), lots[group], -multiple)]
    named = ("order", "line", "warehouse", "day", "product", "source")
    keys = gathered({name: getattr(arcs, name) for name in named}, first)
    zero = same(0, len(group))
    return make_rows("lot_multiple", keys, entries, zero, zero)
