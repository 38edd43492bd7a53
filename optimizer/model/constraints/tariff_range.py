"""The family `tariff_range`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.rows import make_rows
from optimizer.model.tariff_columns import pair_keys, tariff_columns


def tariff_range(f: Formulation) -> Rows:
    """A band holds a weight between its bounds if it is used, and nothing if it is not.

    Index: (shipment s, band b within its reach), a row each for the lower bound (side 0) and the upper (side 1)
    Formula: low[s,b] · band_used[s,b] ≤ band_weight[s,b] ≤ high[s,b] · band_used[s,b]
    Dual: ο[s,b, side], ≤ 0 for the lower bound and ≥ 0 for the upper
    Unit: what the chargeable weights of the shipment's arcs have in common, or kg
    Absent: the lower bound where it is 0; both where no weight of the shipment lies in the band
    Meaning: what a bound of the band costs the shipment; belongs to the order's block, not published
    """
    columns = tariff_columns(f)
    tariffs = columns.tariffs
    pair = np.concatenate([np.flatnonzero(tariffs.low > 0), np.arange(len(columns.used))])
    side = (np.arange(len(pair)) >= len(pair) - len(columns.used)).astype(np.int64)
    order = np.lexsort((side, pair))
    pair, side = pair[order], side[order]
    row, one = np.arange(len(pair)), np.ones(len(pair))
    bound = np.where(side == 0, tariffs.low[pair], tariffs.high[pair])
    entries = [(row, columns.weight[pair], one), (row, columns.used[pair], -bound)]
    lower, upper = np.where(side == 0, 0.0, -np.inf), np.where(side == 0, np.inf, 0.0)
    keys = pair_keys(f.arcs, tariffs, pair) | {"side": side}
    return make_rows("tariff_range", keys, entries, lower, upper)
