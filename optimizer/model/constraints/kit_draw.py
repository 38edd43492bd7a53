"""The family `kit_draw`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.variables import arc_keys


def kit_draw(f: Formulation) -> Rows:
    """The components of a kit that ships come from lots of its warehouse, as many units as it needs.

    Index: (arc a of a kit, component c) where several lots could give the component
    Formula: Σ_{lots s} kit_draw[a,s] = need[a,c] · ship_qty[a]
    Dual: free
    Unit: units of the component
    Absent: where one lot alone can give the component, which then draws on it as any arc does
    Meaning: what a unit of the component costs the kit; belongs to the order's block, not published
    """
    needs, draws = f.arcs.needs, f.variables.kit_draw
    row = np.arange(len(needs.arc))
    entries = [(needs.option, draws, np.ones(len(draws))), (row, needs.arc, -needs.units)]
    keys = arc_keys(f.arcs, needs.arc, "order") | {"component": needs.component}
    zero = same(0, len(row))
    return make_rows("kit_draw", keys, entries, zero, zero)
