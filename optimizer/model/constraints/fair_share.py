"""The family `fair_share`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.shares import party_arcs, row_factors, share_columns


def fair_share(f: Formulation) -> Rows:
    """Every party of a proportional group gets the common share of what it ordered, give or take the tolerance.

    Index: parties j of proportional groups g, a row each for too much (above) and too little (below)
    Formula: ±(Σ_{a of j} step[a] · ship_qty[a] − ordered[j] · common_fill[g]) ≤ tolerance[g]; + above, − below
    Dual: ξ[j, side] ≥ 0
    Unit: units
    Absent: without proportional groups; for parties all of whose lines are held
    Meaning: money gained if the party could be one unit further off its share
    """
    shares, columns, table = f.batch.shares, share_columns(f), f.tables.fair_share
    place = np.full(len(shares), -1, dtype=np.int64)
    members = np.flatnonzero(columns.common[shares.group] >= 0)
    place[members] = np.arange(len(members))
    unit, part = row_factors(shares)
    party, arc, step = party_arcs(f, shares)
    mine = np.flatnonzero(place[party] >= 0)
    row, amount = place[party[mine]], (step * unit[party])[mine]
    common, every = columns.common[shares.group[members]], np.arange(len(members))
    entries = [
        (2 * row, arc[mine], amount),
        (2 * row + 1, arc[mine], -amount),
        (2 * every, common, -part[members]),
        (2 * every + 1, common, part[members]),
    ]
    sides, scale = np.repeat(members, 2), np.repeat(unit[members], 2)
    upper = (table["tolerance"][shares.group[sides]] * scale).astype(np.float64)
    keys = {"party": sides, "off": np.tile([0, 1], len(members))}
    lower = same(-np.inf, len(sides))
    return make_rows("fair_share", keys, entries, lower, upper, coupling=True, scale=scale.astype(np.float64))
