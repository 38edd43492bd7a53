"""The family `tariff_charge`."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.tariff_columns import pair_keys, tariff_columns


def tariff_charge(f: Formulation) -> Rows:
    """A band charges at least its minimum: what flat cost and weight do not reach is topped up.

    Index: (shipment s, band b) with a column `band_topup`
    Formula: band_topup[s,b] + cost_per_kg[b] · band_weight[s,b] ≥ (min_charge[b] − flat_cost[b]) · band_used[s,b]
    Dual: ζ[s,b] ≤ 0
    Unit: money
    Absent: where either the minimum or the weight decides whatever is shipped; where freight does not count
    Meaning: share of the shipping weight that the minimum charge decides; belongs to the order's block, not published
    """
    columns = tariff_columns(f)
    topups, pair = columns.topups, columns.topups.pair
    row, coefficient = topups.coefficients
    column = np.concatenate([columns.topup[pair], columns.weight[pair], columns.used[pair]])
    keys, zero = pair_keys(f.arcs, columns.tariffs, pair), Exact.zeros(len(pair))
    made = topups.made_whole
    return whole_rows("tariff_charge", keys, row, column, coefficient, zero, ">=", coupling=False, made=made)
