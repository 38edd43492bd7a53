"""The family `tariff_band`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.tariff_columns import tariff_columns
from optimizer.model.variables import shipment_keys


def tariff_band(f: Formulation) -> Rows:
    """A shipment on a lane with weight breaks is priced by exactly one band, if it is opened.

    Index: shipments s of several arcs or steps on lanes with a tariff
    Formula: Σ_{bands b of s} band_used[s,b] = open_shipment[s]
    Dual: ι[s] free
    Unit: shipments
    Absent: where the lane has no tariff; where one arc of one step is the whole shipment, whose charge is known
    Meaning: least charge of opening the shipment; belongs to the order's block, not published
    """
    columns = tariff_columns(f)
    tariffs = columns.tariffs
    shipment, own = tariffs.shipment, np.arange(len(tariffs))
    entries = [
        (tariffs.pair_row, columns.used, np.ones(len(tariffs.pair_row))),
        (own, f.variables.opened[shipment], -np.ones(len(own))),
    ]
    zero = same(0, len(own))
    return make_rows("tariff_band", shipment_keys(f.arcs, shipment), entries, zero, zero)
