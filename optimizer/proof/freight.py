"""What a shipment costs by its chargeable weight on a lane with weight bands, exactly and from below.

A band holds a weight from `from_kg` to `to_kg`, both included; where `to_kg` is blank, to below the next higher
`from_kg` of the lane. Of several bands that hold a weight the cheapest applies.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

QUARTERS = 4
ENDLESS = 10**15
"""Kilograms that no shipment weighs."""


class Tariffs:
    """The weight bands of all lanes, those of a lane together and in the order of the table."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        bands = tables.rate_bands
        self.by_lane = np.argsort(tables.band_lane, kind="stable")
        lane = tables.band_lane[self.by_lane]
        self.start = np.searchsorted(lane, np.arange(len(tables.lanes) + 1)).astype(np.int64)
        self.lane = lane
        if len(bands):
            self.low: Exact = bands["from_kg"].take(self.by_lane)
            self.flat: Exact = self._blank_as_zero("flat_cost")
            self.rate: Exact = self._blank_as_zero("cost_per_kg")
            self.least: Exact = self._blank_as_zero("min_charge")
            self._upper()

    def _blank_as_zero(self, column: str) -> Exact:
        bands = self.tables.rate_bands
        value: Exact = bands[column].where(bands.given(column), 0)
        return value.take(self.by_lane)

    def _upper(self) -> None:
        """The upper end of each band, and whether it still belongs to the band."""
        bands = self.tables.rate_bands
        given = bands.given("to_kg")[self.by_lane]
        stated: Exact = bands["to_kg"].take(self.by_lane)
        ends: list[int] = []
        low = self.low.rescaled(self.low.scale).num
        for at, lane in enumerate(self.lane.tolist()):  # bands are few: a tariff, not a batch
            above = [value for value in low[self.start[lane] : self.start[lane + 1]].tolist() if value > low[at]]
            ends.append(min(above, default=ENDLESS * 10**self.low.scale))
        following = Exact(np.array(ends, dtype=low.dtype), self.low.scale)
        self.high = stated.where(given, following)
        self.closed: Flags = given

    @cached_property
    def banded(self) -> Flags:
        """Lanes that have bands."""
        return np.diff(self.start) > 0

    def _bands(self, lane: Ints, only: Ints | None = None) -> list[tuple[Flags, Ints]]:
        """For the first, second, ... band of each lane: whether there is one, and which; only one, where it is ≥ 0."""
        if only is not None and len(only) and only.min() >= 0:
            return [(np.ones(len(lane), dtype=bool), only)]
        count = self.start[lane + 1] - self.start[lane]
        found = []
        for at in range(int(count.max(initial=0))):
            there, band = count > at, self.start[lane] + at
            if only is not None:
                there = there & ((only < 0) | (only == band))
            found.append((there, np.where(there, band, 0)))
        return found

    def cost(self, lane: Ints, kg: Exact) -> tuple[Exact, Exact, Flags]:
        """Freight of each shipment and the flat cost of the band that applies; whether any band holds its weight."""
        held = np.zeros(len(lane), dtype=bool)
        cost, flat = Exact.zeros(len(lane)), Exact.zeros(len(lane))
        for there, band in self._bands(lane):
            inside = there & (kg >= self.low.take(band))
            high = self.high.take(band)
            inside &= (kg < high) | (kg.equals(high) & self.closed[band])
            price = (self.flat.take(band) + self.rate.take(band) * kg).maximum(self.least.take(band))
            better = inside & (~held | (price < cost))
            cost, flat = price.where(better, cost), self.flat.take(band).where(better, flat)
            held |= inside
        return cost, flat, held

    # -- from below -----------------------------------------------------------------------------------------------
    def support(self, lane: Ints, only: Ints, low: Exact, high: Exact, slope: Exact) -> tuple[Exact, Flags]:
        """The largest known a with freight ≥ a + slope · kg for every weight of [low, high] that the lane carries.

        By all bands of the lane, or by ``only`` one of them (−1: all); and whether any of them meets [low, high].
        Freight is max(M, L) in each band, at least (1 − θ)·M + θ·L for any share θ: a line, least at an end.
        """
        best, known = Exact.zeros(len(lane)), np.zeros(len(lane), dtype=bool)
        for there, band in self._bands(lane, only):
            first, last = self.low.take(band).maximum(low), self.high.take(band).minimum(high)
            meets = there & (first <= last) & ((low < self.high.take(band)) | self.closed[band])
            reached: Exact | None = None
            flat, rate, least = self.flat.take(band), self.rate.take(band), self.least.take(band)
            for share in range(QUARTERS + 1):
                part = (QUARTERS - share, share)
                ends = [least * part[0] + (flat + rate * at) * part[1] - slope * at * QUARTERS for at in (first, last)]
                lower = ends[0].minimum(ends[1])
                reached = lower if reached is None else reached.maximum(lower)
            if reached is None:
                continue
            quarter = reached * 25
            exact = Exact(quarter.num, quarter.scale + 2)
            smaller = meets & (~known | (exact < best))
            best, known = exact.where(smaller, best), known | meets
        return best, known

    def heaviest(self, lane: Ints, only: Ints) -> Exact:
        """The most that any band of each lane holds, or ``only`` one of them [kg]."""
        most = Exact.zeros(len(lane))
        for there, band in self._bands(lane, only):
            most = most.maximum(self.high.take(band).where(there, 0))
        return most

    def ceiling(self, lane: Ints, only: Ints) -> Exact:
        """The dearest rate per kg of each lane's bands, or that of ``only`` one."""
        dearest = Exact.zeros(len(lane))
        for there, band in self._bands(lane, only):
            dearest = dearest.maximum(self.rate.take(band).where(there, 0))
        return dearest
