"""The family `minimum_charge`."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.variables import shipment_keys


def minimum_charge(f: Formulation) -> Rows:
    """An open shipment pays at least its minimum charge: what its own freight does not reach is topped up.

    Index: shipments s with a column `charge_topup`
    Formula: charge_topup[s] + Σ_{a in s} freight[a] · ship_qty[a] ≥ (min_charge − fixed_cost) · open_shipment[s]
    Dual: μ[s] ≤ 0
    Unit: money
    Absent: where min_charge is at most fixed_cost, or freight does not count in the objective
    Meaning: share of the shipping weight that the minimum charge decides; belongs to the order's block, not published
    """
    charges, v = f.variables.charges, f.variables
    shipment = charges.shipment
    row, coefficient = charges.coefficients
    column = np.concatenate([v.topup[shipment], charges.arc, v.opened[shipment]])
    keys = shipment_keys(f.arcs, shipment)
    zero, made = Exact.zeros(len(shipment)), charges.made_whole
    return whole_rows("minimum_charge", keys, row, column, coefficient, zero, ">=", coupling=False, made=made)
