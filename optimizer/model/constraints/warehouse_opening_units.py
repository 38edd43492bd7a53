"""The family `warehouse_opening_units`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same, totals
from optimizer.model.rows import make_rows


def warehouse_opening_units(f: Formulation) -> Rows:
    """A warehouse ships what it can ship in all only if it is opened: implied by whole openings, stronger for shares.

    Index: warehouses w whose opening costs money and whose capacity or stock is less than all arcs could take
    Formula: Σ_{a at w} units[a] · ship_qty[a] ≤ most[w] · open_warehouse[w], most from capacity_units, stock and arcs
    Dual: redundant, carries no price
    Unit: units
    Absent: where it would not be stronger than `warehouse_opening`
    Meaning: none of its own
    """
    arcs, tables, supply = f.arcs, f.tables, f.batch.supply
    n_houses = len(tables.warehouses)
    reach = totals(arcs.warehouse, arcs.upper * arcs.units, n_houses)
    most = totals(supply.pool_warehouse, f.pool_reach, n_houses)
    houses = tables.warehouses
    limit = np.where(houses.given("capacity_units"), houses["capacity_units"] + f.headroom, np.inf)
    most = np.minimum(most, limit)
    kept = f.resources.opening & (most < reach)
    house = np.flatnonzero(kept)
    arc = np.flatnonzero(kept[arcs.warehouse])
    row = (np.cumsum(kept) - 1)[arcs.warehouse[arc]]
    entries = [(row, arc, arcs.units[arc]), (np.arange(len(house)), f.variables.open_warehouse[house], -most[house])]
    upper = same(0, len(house))
    keys = {"warehouse": house}
    return make_rows("warehouse_opening_units", keys, entries, same(-np.inf, len(house)), upper, redundant=True)
