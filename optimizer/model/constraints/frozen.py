"""The family `frozen`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.previous import FrozenRows, FrozenServed
from optimizer.model.rows import make_rows


def frozen(f: Formulation) -> Rows:
    """A frozen order ships what it did in the previous plan: the same units of each lot, by the same way and day.

    Index: (line l, lane r, day d, source s) of the previous plan, of frozen orders; for lines that may be served with
        kits also (l, r, d, product p)
    Formula: Σ_{a of l on r, d} units that a takes from s = previous[l,r,d,s]; Σ_{a of l on r, d that picks p, or a kit
        whose first component is p} ordered units of a = served[l,r,d,p]
    Dual: ϖ[l,r,d,s] free
    Unit: shipped units
    Absent: where no order is frozen; all other arcs of a frozen order are pruned
    Meaning: what keeping a unit costs or saves; belongs to the order's block, not published
    """
    tables, arcs = f.tables, f.arcs
    kept = FrozenRows.of(f.batch)
    draws, needs = arcs.draws, arcs.needs
    taken, row = kept.taken(arcs, draws.arc, draws.source)
    picked, row_of_kit = kept.taken(arcs, needs.arc[needs.option], needs.source)
    entries = [
        (row, draws.arc[taken], draws.units[taken]),
        (row_of_kit, f.variables.kit_draw[picked], np.ones(len(picked))),
    ]
    served = FrozenServed.of(f.batch)
    if len(served):  # a kit and the same parts apart take the same, but do not serve the same
        of_arc = served.find(f.batch, arcs)
        serving = np.flatnonzero(of_arc >= 0)
        entries.append((len(kept) + of_arc[serving], serving, arcs.step[serving]))
    units = np.concatenate([kept.units, served.units]).astype(np.float64)
    line = np.concatenate([kept.line, served.line])
    keys = {"order": tables.line_order[line], "line": line, "previous": np.concatenate([kept.row, served.row])}
    return make_rows("frozen", keys, entries, units, units)
