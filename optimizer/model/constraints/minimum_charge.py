"""The family `minimum_charge`."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.variables import NONE


def minimum_charge(f: Formulation) -> Rows:
    """An open shipment pays at least its minimum charge: what its own freight does not reach is topped up.

    Index: shipments s with a column `charge_topup`
    Formula: charge_topup[s] + Σ_{a in s} freight[a] · ship_qty[a] ≥ (min_charge − fixed_cost) · open_shipment[s]
    Dual: μ[s] ≤ 0
    Unit: money
    Absent: where min_charge is at most fixed_cost, or freight does not count in the objective
    Meaning: share of the shipping weight that the minimum charge decides; belongs to the order's block, not published
    """
    arcs, v, lanes = f.arcs, f.variables, f.tables.lanes
    shipment = np.flatnonzero(v.topup != NONE)
    place = np.cumsum(v.topup != NONE) - 1
    lane = arcs.shipment_lane[shipment]
    arc = np.flatnonzero(v.topup[arcs.shipment] != NONE)
    own = np.arange(len(shipment))
    freight = terms.freight_per_unit(f.tables, f.unit_weight, arcs.line[arc], arcs.lane[arc]).times(arcs.step[arc])
    row = np.concatenate([own, place[arcs.shipment[arc]], own])
    column = np.concatenate([v.topup[shipment], arc, v.opened[shipment]])
    rise = (lanes["min_charge"] - lanes["fixed_cost"]).take(lane)
    ones = np.ones(len(shipment), dtype=np.int64)
    coefficient = terms.Ratio(
        Exact.concat([Exact.ints(ones), freight.top, -rise]), np.concatenate([ones, freight.bottom, ones])
    )
    keys = {"order": arcs.shipment_order[shipment], "lane": lane}
    zero = Exact.zeros(len(shipment))
    return whole_rows("minimum_charge", keys, row, column, coefficient, zero, ">=", coupling=False)
