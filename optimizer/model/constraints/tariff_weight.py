"""The family `tariff_weight`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.tariff_columns import tariff_columns
from optimizer.model.terms import Ratio
from optimizer.model.variables import shipment_keys


def tariff_weight(f: Formulation) -> Rows:
    """All that a shipment weighs counts in its bands: in the one that is used, since the others hold nothing.

    Index: shipments s of several arcs or steps on lanes with a tariff
    Formula: Σ_{bands b of s} band_weight[s,b] = Σ_{a in s} weight[a] · ship_qty[a]
    Dual: ξ[s] free
    Unit: what the chargeable weights of the shipment's arcs have in common, or kg
    Absent: where the lane has no tariff; where one arc of one step is the whole shipment, whose charge is known
    Meaning: what a unit of weight costs in the band; belongs to the order's block, not published
    """
    columns = tariff_columns(f)
    tariffs = columns.tariffs
    weight = Ratio(-tariffs.weight.top, tariffs.weight.bottom).floats()
    entries = [
        (tariffs.pair_row, columns.weight, np.ones(len(tariffs.pair_row))),
        (tariffs.row, tariffs.arc, weight),
    ]
    zero = same(0, len(tariffs))
    return make_rows("tariff_weight", shipment_keys(f.arcs, tariffs.shipment), entries, zero, zero)
