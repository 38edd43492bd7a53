"""Shipments whose freight is a weight-break tariff: the weights they can have, and the bands within their reach.

What a shipment can weigh is a multiple of what the weights of its arcs have in common. Counted in those multiples,
every bound of a band is a whole number, and "below the next band" is "at most one multiple less".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.ragged import stable_order
from optimizer.model.rates import Bands
from optimizer.model.rows import WHOLE_LIMIT, made_whole, reduced
from optimizer.model.terms import Ratio

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[Any]  # machine integers, or Python's where those might not do
MACHINE_BITS = 61
FEW = 1000


@dataclass(frozen=True)
class Loads:
    """What shipments can weigh: multiples of ``top / bottom`` kg, one for each shipment.

    ``weight``: how many of them each entry (an arc, in shipment ``row``) adds per unit of its column; ``least`` and
    ``most``: the fewest and the most of a shipment that is not empty.
    """

    row: Ints
    weight: Whole
    top: Whole
    bottom: Whole
    least: Whole
    most: Whole

    @classmethod
    def of(cls, row: Ints, kg: Ratio, upper: Ints, size: int) -> Loads:
        """From the kg that each entry adds per unit of its column; every shipment 0..size-1 has an entry."""
        order = stable_order(row)
        start = np.searchsorted(row[order], np.arange(size))
        num, den = reduced(kg)
        if not _fits(den, order, start):
            num, den = num.astype(object), den.astype(object)
        bottom = np.lcm.reduceat(den[order], start) if size else den
        lifted = Exact(num) * (bottom[row] // den)
        top = np.gcd.reduceat(lifted.num[order], start) if size else lifted.num
        top = np.where(top == 0, 1, top)  # a shipment of nothing that weighs
        weight = lifted.num // top[row]
        return cls(
            row,
            weight,
            top,
            bottom,
            least=np.minimum.reduceat(weight[order], start) if size else weight,
            most=(Exact(weight) * upper).sum_by(row, size).num,
        )

    def up(self, place: Ints, kg: Exact) -> Whole:
        """Fewest multiples of shipment ``place`` that weigh at least so many kg."""
        top, divisor = self._sides(place, kg)
        return -(-top // divisor)

    def down(self, place: Ints, kg: Exact) -> Whole:
        """Most multiples of shipment ``place`` that weigh at most so many kg."""
        top, divisor = self._sides(place, kg)
        return top // divisor

    def _sides(self, place: Ints, kg: Exact) -> tuple[Whole, Whole]:
        return (kg * self.bottom[place]).num, (Exact(self.top[place]) * 10**kg.scale).num

    def is_small(self) -> Flags:
        """Shipments whose weights are whole numbers of a size that engines take exactly."""
        size = self.most.copy()
        np.maximum.at(size, self.row, self.weight)
        fits = (self.top < 2**MACHINE_BITS) & (self.bottom < 2**MACHINE_BITS)
        return cast("Flags", np.asarray((size <= WHOLE_LIMIT) & fits, dtype=bool))


def _fits(den: Whole, order: Ints, start: Ints) -> bool:
    """Whether the least common multiple of the denominators of any shipment surely is a machine integer."""
    kinds = np.unique(den).tolist()
    if len(kinds) <= FEW and math.lcm(*kinds) < 1 << MACHINE_BITS:
        return True
    bits = np.log2(den.astype(np.float64))[order]
    return float(np.add.reduceat(bits, start).max()) <= MACHINE_BITS


@dataclass(frozen=True)
class Reach:
    """The bands that can hold a weight of a shipment: pairs (shipment ``row``, ``band``), by row.

    ``low`` and ``high``: the fewest and the most multiples (see `Loads`) that the band holds of it.
    """

    row: Ints
    band: Ints
    low: Whole
    high: Whole

    @classmethod
    def of(cls, bands: Bands, lane: Ints, loads: Loads) -> Reach:
        """``lane``: of each shipment."""
        row, band = bands.of_lanes(lane)
        end = bands.end.take(band)
        last = np.where(bands.below[band], loads.up(row, end) - 1, loads.down(row, end))
        low = np.maximum(loads.up(row, bands.start.take(band)), loads.least[row])
        high = np.where(bands.endless[band], loads.most[row], np.minimum(last, loads.most[row]))
        held = np.flatnonzero(low <= high)
        return cls(row[held], band[held], low[held], high[held])


@dataclass(frozen=True)
class Tariffs:
    """Shipments with columns for their bands, and what those columns cost.

    ``shipment``: its position among the shipments. Weights are in units of ``unit`` kg: whole numbers where ``whole``.
    ``row``, ``arc``, ``weight``: the entries (shipment here, arc, weight per unit of its column). ``pair_row``,
    ``band``: the bands of each. Between ``low`` and ``high`` the charge is ``fixed`` + max(``rate`` · weight, ``rise``)
    money, with ``rise`` above 0 only where either of the two may be the larger.
    """

    shipment: Ints
    unit: Ratio
    whole: Flags
    row: Ints
    arc: Ints
    weight: Ratio
    pair_row: Ints
    band: Ints
    low: Floats
    high: Floats
    fixed: Exact
    rate: Ratio
    rise: Exact

    def __len__(self) -> int:
        return len(self.shipment)

    @classmethod
    def of(
        cls, bands: Bands, lane: Ints, shipment: Ints, entries: tuple[Ints, Ints], kg: Ratio, upper: Ints
    ) -> Tariffs:
        """``lane``: of each shipment; ``entries``: (shipment here, arc) with the kg of its step, its upper bound."""
        row, arc = entries
        loads = Loads.of(row, kg, upper, len(shipment))
        reach = Reach.of(bands, lane, loads)
        small = loads.is_small()
        unit = Ratio(Exact(_machine(loads.top, small)), _machine(loads.bottom, small))
        own = small[row]
        weight = Ratio(Exact(_machine(loads.weight, own, 0)) + kg.top.where(~own, 0), np.where(own, 1, kg.bottom))
        low, high = (_amounts(loads, small, reach.row, count) for count in (reach.low, reach.high))
        charge = _charges(bands, loads, reach, unit)
        return cls(shipment, unit, small, row, arc, weight, reach.row, reach.band, low, high, *charge)


@dataclass(frozen=True)
class Topups:
    """Rows that lift what pairs (shipment, band) of tariffs are charged to their minimum."""

    tariffs: Tariffs
    pair: Ints

    @cached_property
    def coefficients(self) -> tuple[Ints, Ratio]:
        """Row and coefficient of top-ups, then of weights, then of choices."""
        own, ones = np.arange(len(self.pair)), np.ones(len(self.pair), dtype=np.int64)
        rate = self.tariffs.rate.take(self.pair)
        top = Exact.concat([Exact.ints(ones), rate.top, -self.tariffs.rise.take(self.pair)])
        return np.tile(own, 3), Ratio(top, np.concatenate([ones, rate.bottom, ones]))

    @cached_property
    def made_whole(self) -> tuple[Ints, NDArray[Any]]:
        """The rows made whole: see `optimizer.model.rows.made_whole`."""
        return made_whole(*self.coefficients, len(self.pair))

    def money_unit(self) -> Floats:
        """What the top-up of each pair is a multiple of in some best plan, money; 0 where that is not known."""
        scale = self.made_whole[0] * self.tariffs.whole[self.tariffs.pair_row[self.pair]]
        return np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)


def _machine(value: Whole, where: Flags, other: int = 1) -> Ints:
    """The values where they are small, another number elsewhere."""
    return np.where(where, value, other).astype(np.int64)


def _amounts(loads: Loads, small: Flags, row: Ints, count: Whole) -> Floats:
    """Counts of multiples as they stand in the matrix: themselves where they are small, else kg."""
    own = small[row]
    amount = np.where(own, count, 0).astype(np.float64)
    large = np.flatnonzero(~own)
    amount[large] = [
        float(Fraction(int(n) * int(top), int(bottom)))
        for n, top, bottom in zip(count[large], loads.top[row[large]], loads.bottom[row[large]], strict=True)
    ]
    return amount


def _charges(bands: Bands, loads: Loads, reach: Reach, unit: Ratio) -> tuple[Exact, Ratio, Exact]:
    """``fixed``, ``rate`` and ``rise`` of each pair: what a side never decides is left out."""
    flat, per_kg, least = (part.take(reach.band) for part in (bands.flat, bands.per_kg, bands.least))
    top, bottom = Exact(loads.top).take(reach.row), Exact(loads.bottom).take(reach.row)
    beyond = (least - flat) * bottom
    by_weight = beyond <= per_kg * (Exact(reach.low) * top)
    by_minimum = ~by_weight & (beyond >= per_kg * (Exact(reach.high) * top))
    fixed, rate = least.where(by_minimum, flat), per_kg.where(~by_minimum, 0)
    rise = (least - flat).where(~by_weight & ~by_minimum, 0)
    return fixed, unit.take(reach.row).times(rate), rise


def most_steps(bands: Bands, lane: Ints, row: Ints, kg: Ratio, upper: Ints) -> Ints:
    """Most steps of each arc that some band of its lane holds.

    ``lane``: of each shipment; by arc its shipment ``row``, the ``kg`` of a step, and its ``upper`` bound.
    """
    loads = Loads.of(row, kg, upper, len(lane))
    reach = Reach.of(bands, lane, loads)
    held = np.full(len(lane), -1, dtype=loads.most.dtype)
    np.maximum.at(held, reach.row, reach.high)
    weightless = loads.weight == 0
    fits = held[row] // np.where(weightless, 1, loads.weight)
    most: Ints = np.where(held[row] < 0, 0, np.where(weightless, upper, np.minimum(upper, fits)))
    return most.astype(np.int64)
