"""What a shipment costs by its chargeable weight on a lane with weight bands, exactly and from below.

A band holds a weight from `from_kg` to `to_kg`, both included; where `to_kg` is blank, to below the next higher
`from_kg` of the lane. Of several bands that hold a weight the cheapest applies.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.scope import ranges
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

QUARTERS = 4
NEAR = 1e-6
"""Far more than doubles lose on a weight."""

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

    def cost(self, lane: Ints, kg: Exact) -> tuple[Exact, Exact, Flags]:
        """Freight of each shipment and the flat cost of the band that applies; whether any band holds its weight."""
        at, band = self.meeting(lane, np.full(len(lane), -1, dtype=np.int64), kg, kg)
        held = np.zeros(len(lane), dtype=bool)
        held[at] = True
        if not len(at):
            return Exact.zeros(len(lane)), Exact.zeros(len(lane)), held
        flat = self.flat.take(band)
        price = (flat + self.rate.take(band) * kg.take(at)).maximum(self.least.take(band))
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        cheapest = Exact(np.minimum.reduceat(price.num, starts), price.scale)
        of_pair = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(at))))
        ties = np.flatnonzero(price.equals(cheapest.take(of_pair)))
        first = ties[np.flatnonzero(np.diff(at[ties], prepend=-1))]
        return cheapest.sum_by(at[starts], len(lane)), flat.take(first).sum_by(at[first], len(lane)), held

    # -- from below -----------------------------------------------------------------------------------------------
    def meeting(self, lane: Ints, only: Ints, low: Exact, high: Exact) -> tuple[Ints, Ints]:
        """The bands that hold some weight of [low, high]: pairs (position in ``lane``, band), sorted by both.

        Of all bands of the lane, or of ``only`` one of them (−1: all).
        """
        count = np.where(only >= 0, 1, self.start[lane + 1] - self.start[lane])
        at, band = np.repeat(np.arange(len(lane)), count), ranges(np.where(only >= 0, only, self.start[lane]), count)
        near = (
            self._ends[0][band] <= high.floats()[at] * (1 + NEAR) + NEAR
        )  # most bands are far off: no need to be exact
        near &= self._ends[1][band] * (1 + NEAR) + NEAR >= low.floats()[at]
        at, band = at[near], band[near]
        ends = self.high.take(band)
        meets = self.low.take(band).maximum(low.take(at)) <= ends.minimum(high.take(at))
        meets &= (low.take(at) < ends) | self.closed[band]
        return at[meets], band[meets]

    @cached_property
    def _ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.low.floats(), self.high.floats()

    def support(self, lane: Ints, only: Ints, low: Exact, high: Exact, slope: Exact) -> Exact:
        """The largest known a with freight ≥ a + slope · kg for every weight of [low, high] that the lane carries.

        By all bands of the lane, or by ``only`` one of them (−1: all); 0 where none meets [low, high].
        Freight is max(M, L) in each band, at least (1 − θ)·M + θ·L for any share θ: a line, least at an end.
        """
        at, band = self.meeting(lane, only, low, high)
        if not len(at):
            return Exact.zeros(len(lane))
        first, last = self.low.take(band).maximum(low.take(at)), self.high.take(band).minimum(high.take(at))
        flat, rate, least = self.flat.take(band), self.rate.take(band), self.least.take(band)
        reached: Exact | None = None
        for share in range(QUARTERS + 1):
            part = (QUARTERS - share, share)
            ends = [
                least * part[0] + (flat + rate * kg) * part[1] - slope.take(at) * kg * QUARTERS for kg in (first, last)
            ]
            lower = ends[0].minimum(ends[1])
            reached = lower if reached is None else reached.maximum(lower)
        assert reached is not None
        quarter = reached * 25
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        best = Exact(np.minimum.reduceat(quarter.num, starts), quarter.scale + 2)
        return best.sum_by(at[starts], len(lane))

    def heaviest(self, lane: Ints, only: Ints) -> Exact:
        """The most that any band of each lane holds, or ``only`` one of them [kg]."""
        return self._largest(self.high, lane, only)

    def ceiling(self, lane: Ints, only: Ints) -> Exact:
        """The dearest rate per kg of each lane's bands, or that of ``only`` one."""
        return self._largest(self.rate, lane, only)

    def _largest(self, of_band: Exact, lane: Ints, only: Ints) -> Exact:
        if not len(self.lane):
            return Exact.zeros(len(lane))
        starts = np.flatnonzero(np.diff(self.lane, prepend=-1))
        most = Exact(np.maximum.reduceat(of_band.num, starts), of_band.scale).sum_by(
            self.lane[starts], len(self.start) - 1
        )
        return of_band.take(np.maximum(only, 0)).where(only >= 0, most.take(lane))
