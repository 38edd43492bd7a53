"""The family `warehouse_opening`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows


def warehouse_opening(f: Formulation) -> Rows:
    """A shipment leaves only from a warehouse that is opened: one row for each shipment.

    Index: shipments s from warehouses w whose opening costs money
    Formula: open_shipment[s] − open_warehouse[w] ≤ 0
    Dual: η[s] ≥ 0
    Unit: shipments
    Absent: where fixed_open_cost is 0, or freight does not count in the objective
    Meaning: the share of the warehouse's opening cost that the shipment bears; the shares of a warehouse add up to it
    """
    lane = f.arcs.shipment_lane
    house = f.tables.lane_warehouse[lane]
    shipment = np.flatnonzero(f.resources.opening[house])
    row = np.arange(len(shipment))
    one = np.ones(len(shipment))
    entries = [(row, f.variables.opened[shipment], one), (row, f.variables.open_warehouse[house[shipment]], -one)]
    lane, warehouse = lane[shipment], house[shipment]
    keys = {
        "order": f.arcs.shipment_order[shipment],
        "lane": lane,
        "warehouse": warehouse,
        "service": f.tables.lane_service[lane],
        "day": f.arcs.shipment_day[shipment],
    }
    return make_rows("warehouse_opening", keys, entries, same(-np.inf, len(row)), same(0, len(row)), coupling=True)
