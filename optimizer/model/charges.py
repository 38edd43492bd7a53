"""Shipments whose minimum charge can exceed their own freight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.arcs import Arcs
from optimizer.model.batch import Batch
from optimizer.model.freight import arc_freight
from optimizer.model.rows import made_whole
from optimizer.model.terms import Ratio

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
    def of(cls, batch: Batch, arcs: Arcs, chosen: NDArray[np.bool_]) -> Charges:
        shipment = np.flatnonzero(chosen)
        arc = np.flatnonzero(chosen[arcs.shipment])
        lane = arcs.shipment_lane[shipment]
        rise = (batch.lane_cost("min_charge") - batch.lane_cost("fixed_cost")).take(lane)
        return cls(shipment, rise, (np.cumsum(chosen) - 1)[arcs.shipment[arc]], arc, arc_freight(batch, arcs, arc))

    @cached_property
    def coefficients(self) -> tuple[Ints, Ratio]:
        """Row and coefficient of each row's top-up, then of the arcs, then of the opened shipment."""
        own, ones = np.arange(len(self.shipment)), np.ones(len(self.shipment), dtype=np.int64)
        top = Exact.concat([Exact.ints(ones), self.freight.top, -self.rise])
        return np.concatenate([own, self.row, own]), Ratio(top, np.concatenate([ones, self.freight.bottom, ones]))

    @cached_property
    def made_whole(self) -> tuple[Ints, NDArray[Any]]:
        """The rows made whole: see `optimizer.model.rows.made_whole`."""
        return made_whole(*self.coefficients, len(self.shipment))

    def money_unit(self) -> Floats:
        """What every sum of freight of the shipment, and so its top-up, is a multiple of; 0 where that is not known."""
        scale = self.made_whole[0].astype(np.float64)
        return np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)
