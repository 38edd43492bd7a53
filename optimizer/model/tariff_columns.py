"""The columns of weight-break tariffs: which band prices a shipment, and how much of its weight counts there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.arcs import Arcs
from optimizer.model.batch import Batch
from optimizer.model.freight import arc_chargeable_kg
from optimizer.model.keys import Keys, gathered
from optimizer.model.rates import Bands
from optimizer.model.tariffs import Tariffs, Topups

if TYPE_CHECKING:
    from optimizer.model.formulation import Formulation
    from optimizer.model.policies import Opened
    from optimizer.model.resources import Resources
    from optimizer.model.variables import Stack

Ints = NDArray[np.int64]
NONE = -1


@dataclass(frozen=True)
class TariffColumns:
    """By pair (shipment, band) of ``tariffs``: ``used``, ``weight``, and ``topup`` (`NONE` where there is none).

    ``topups``: the pairs that have one.
    """

    tariffs: Tariffs
    used: Ints
    weight: Ints
    topup: Ints
    topups: Topups

    @classmethod
    def define(
        cls, stack: Stack, batch: Batch, arcs: Arcs, resources: Resources, opened: Opened, headroom: int
    ) -> TariffColumns:
        """For shipments of several arcs or steps; a top-up only where freight counts."""
        where = batch.banded[arcs.shipment_lane] & opened.own
        shipment, arc = np.flatnonzero(where), np.flatnonzero(where[arcs.shipment])
        tariffs = Tariffs.of(
            Bands.of(batch.tables),
            arcs.shipment_lane[shipment],
            shipment,
            ((np.cumsum(where) - 1)[arcs.shipment[arc]], arc),
            arc_chargeable_kg(batch, arcs, arc),
            arcs.upper[arc],
        )
        of = tariffs.shipment[tariffs.pair_row]
        keys = pair_keys(arcs, tariffs, np.arange(len(of)))
        used = stack.add("band_used", keys, np.ones(len(of)))
        whole = tariffs.whole[tariffs.pair_row].astype(np.float64)
        weight = stack.add("band_weight", keys, tariffs.high, whole)
        topups = Topups(tariffs, np.flatnonzero((tariffs.rise > 0) & batch.freight_counts[arcs.shipment_order[of]]))
        topup = np.full(len(of), NONE, dtype=np.int64)
        keys, rise = pair_keys(arcs, tariffs, topups.pair), tariffs.rise.take(topups.pair).floats()
        topup[topups.pair] = stack.add("band_topup", keys, rise, topups.money_unit())
        return cls(tariffs, used, weight, topup, topups)


def tariff_columns(f: Formulation) -> TariffColumns:
    """The columns of the model."""
    columns: TariffColumns = f.variables.policies["tariff"]
    return columns


def pair_keys(arcs: Arcs, tariffs: Tariffs, pair: Ints) -> Keys:
    """What names pairs of a shipment and a band."""

    def of_shipment(array: Ints) -> Ints:
        return array[tariffs.shipment[tariffs.pair_row[pair]]]

    named = {"order": arcs.shipment_order, "lane": arcs.shipment_lane, "day": arcs.shipment_day}
    return Keys({name: partial(of_shipment, array) for name, array in named.items()}) | gathered(
        {"band": tariffs.band}, pair
    )
