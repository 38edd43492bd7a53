"""The family `fair_level`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.lookup import expand_matches
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.shares import party_arcs, row_factors, share_columns


def fair_level(f: Formulation) -> Rows:
    """A party that stays below the threshold of a level of max-min says by how much.

    Index: levels k of max_min groups g that a stage keeps or raises; parties j of g
    Formula: Σ_{a of j} step[a] · ship_qty[a] + ordered[j] · level_gap[k,j] − ordered[j] · level_fill[g,k] ≥ 0
    Dual: υ[k,j] ≤ 0
    Unit: units
    Absent: without max_min groups; for parties all of whose lines are held
    Meaning: money lost by one unit that the party lacks at this level
    """
    shares, columns = f.batch.shares, share_columns(f)
    unit, part = row_factors(shares)
    party, arc, step = party_arcs(f, shares)
    by_party = np.argsort(party, kind="stable")
    row, place = expand_matches(party[by_party], columns.party)
    entry, every = by_party[place], np.arange(len(columns.party))
    entries = [
        (row, arc[entry], (step * unit[party])[entry]),
        (every, columns.gap, part[columns.party]),
        (every, columns.fill[columns.which], -part[columns.party]),
    ]
    keys = {"party": columns.party, "level": columns.level[columns.which]}
    none, scale = same(0, len(every)), unit[columns.party].astype(np.float64)
    return make_rows("fair_level", keys, entries, none, same(np.inf, len(every)), coupling=True, scale=scale)
