"""What quantities add to the freight of their shipment, where the lane has no tariff: money by unit and by kg."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import Ratio

if TYPE_CHECKING:
    from optimizer.model.arcs import Arcs
    from optimizer.model.batch import Batch

Ints = NDArray[np.int64]


def chargeable_kg(batch: Batch, offer: Ints, lane: Ints) -> Ratio:
    """Kg per ordered unit of an offer that freight on a lane counts: max(kg, kg_per_m3 · m³)."""
    offers, lanes = batch.offers, batch.tables.lanes
    if "kg_per_m3" not in lanes.columns or not lanes.given("kg_per_m3").any():
        return offers.kg.take(offer)
    kind, of_kind = batch.lane_density
    size = len(offers)
    if len(of_kind) * size > len(offer):
        return _chargeable(offers.kg.take(offer), offers.volume.take(offer), of_kind.take(kind[lane]))
    every = np.tile(np.arange(size), len(of_kind))
    densities = of_kind.take(np.repeat(np.arange(len(of_kind)), size))
    return _chargeable(offers.kg.take(every), offers.volume.take(every), densities).take(kind[lane] * size + offer)


def _chargeable(kg: Ratio, volume: Ratio, density: Exact) -> Ratio:
    """The larger of kg and volume · density, elementwise."""
    light = np.flatnonzero(density > 0)  # elsewhere volume counts nothing
    by_volume = volume.take(light).times(density.take(light))
    bulky = by_volume.top * kg.bottom[light] > kg.top.take(light) * by_volume.bottom
    at, chosen = light[bulky], by_volume.take(np.flatnonzero(bulky))
    bottom = kg.bottom.copy()
    bottom[at] = chosen.bottom
    return Ratio(kg.top.put(at, chosen.top), bottom)


def arc_kg(batch: Batch, arcs: Arcs, arc: Ints) -> Ratio:
    """Kg of a step of each arc."""
    return batch.offers.kg.take(arcs.offer[arc]).times(arcs.step[arc])


def arc_chargeable_kg(batch: Batch, arcs: Arcs, arc: Ints) -> Ratio:
    """Kg that freight counts for a step of each arc."""
    return chargeable_kg(batch, arcs.offer[arc], arcs.lane[arc]).times(arcs.step[arc])


def arc_freight(batch: Batch, arcs: Arcs, arc: Ints) -> Ratio:
    """Money that a step of each arc adds to the freight of its shipment: cost_per_unit and cost_per_kg."""
    lane = arcs.lane[arc]
    kg = arc_chargeable_kg(batch, arcs, arc)
    by_unit: Exact = batch.lane_cost("cost_per_unit").take(lane) * arcs.units[arc]
    return Ratio(by_unit * kg.bottom + batch.lane_cost("cost_per_kg").take(lane) * kg.top, kg.bottom)
