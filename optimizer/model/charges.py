"""Shipments whose minimum charge can exceed their own freight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.arcs import Arcs
from optimizer.model.rows import whole_scale
from optimizer.model.terms import Ratio
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Charges:
    """Shipments in a row of their own: ``rise`` = min_charge − fixed_cost, money.

    ``arc`` of row ``row`` adds ``freight`` money per unit of its column.
    """

    shipment: Ints
    rise: Exact
    row: Ints
    arc: Ints
    freight: Ratio

    @classmethod
    def of(cls, tables: Tables, arcs: Arcs, chosen: NDArray[np.bool_]) -> Charges:
        shipment = np.flatnonzero(chosen)
        arc = np.flatnonzero(chosen[arcs.shipment])
        lanes, lane = tables.lanes, arcs.shipment_lane[shipment]
        freight = terms.freight_per_unit(tables, terms.unit_weight(tables), arcs.line[arc], arcs.lane[arc])
        rise = (lanes["min_charge"] - lanes["fixed_cost"]).take(lane)
        return cls(shipment, rise, (np.cumsum(chosen) - 1)[arcs.shipment[arc]], arc, freight.times(arcs.step[arc]))

    def coefficients(self) -> tuple[Ints, Ratio]:
        """Row and coefficient of each row's top-up, then of the arcs, then of the opened shipment."""
        own, ones = np.arange(len(self.shipment)), np.ones(len(self.shipment), dtype=np.int64)
        top = Exact.concat([Exact.ints(ones), self.freight.top, -self.rise])
        return np.concatenate([own, self.row, own]), Ratio(top, np.concatenate([ones, self.freight.bottom, ones]))

    def money_unit(self) -> Floats:
        """What every sum of freight of the shipment, and so its top-up, is a multiple of; 0 where that is not known."""
        scale = whole_scale(*self.coefficients(), len(self.shipment)).astype(np.float64)
        return np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)
