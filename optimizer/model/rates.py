"""Weight-break tariffs: which band of a lane holds a weight, and what the cheapest of them charges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NONE = -1


AT_ONCE = 1 << 20
"""Pairs of weights and bands looked at together."""

NEAR = 1e-6
"""Far more than doubles lose on a weight."""


@dataclass(frozen=True)
class Bands:
    """The rows of `rate_bands`: band b holds a weight from ``start`` to ``end`` kg.

    ``below``: the end itself belongs to the next band. ``endless``: there is no end. ``by_lane`` lists the bands lane
    after lane, those of lane r at ``first[r]:first[r + 1]``.
    """

    start: Exact
    end: Exact
    below: Flags
    endless: Flags
    flat: Exact
    per_kg: Exact
    least: Exact
    by_lane: Ints
    first: Ints

    @classmethod
    def of(cls, tables: Tables) -> Bands:
        table, lane = tables.rate_bands, tables.band_lane
        if not len(table):
            none = Exact.zeros(0)
            no = np.zeros(0, dtype=bool)
            start = np.zeros(len(tables.lanes) + 1, dtype=np.int64)
            return cls(none, none, no, no, none, none, none, np.zeros(0, dtype=np.int64), start)
        following = _following(lane, _ranks(table["from_kg"]))
        stated = table.given("to_kg")
        ends = table["to_kg"].where(stated, table["from_kg"].take(np.maximum(following, 0)))
        return cls(
            start=table["from_kg"],
            end=ends,
            below=~stated & (following != NONE),
            endless=~stated & (following == NONE),
            flat=table["flat_cost"],
            per_kg=table["cost_per_kg"],
            least=table["min_charge"],
            by_lane=np.argsort(lane, kind="stable"),
            first=np.searchsorted(np.sort(lane), np.arange(len(tables.lanes) + 1)),
        )

    def __len__(self) -> int:
        return len(self.by_lane)

    @property
    def priced(self) -> Flags:
        """Lanes that have a tariff: it stands in place of their own costs."""
        return np.diff(self.first) > 0

    @cached_property
    def gapless(self) -> Flags:
        """Lanes whose bands hold every weight from 0 on, so that nothing stays without a price."""
        lane = np.repeat(np.arange(len(self.priced)), np.diff(self.first))
        start, end = self.start.take(self.by_lane), self.end.take(self.by_lane)
        ranks = _ranks(Exact.concat([start, end, Exact.zeros(1)]))
        size, zero = len(lane), ranks[-1]
        begins, ends = ranks[:size], np.where(self.endless[self.by_lane], len(ranks), ranks[size : 2 * size])
        order = np.lexsort((begins, lane))
        lane, begins, ends = lane[order], begins[order], ends[order]
        width = len(ranks) + 1
        reached = np.maximum.accumulate(lane * width + ends) - lane * width  # the furthest end so far, of the lane
        before = np.where(np.diff(lane, prepend=-1) != 0, zero, np.append(0, reached)[:-1])
        broken = np.bincount(lane[begins > before], minlength=len(self.priced)) > 0
        open_ended = np.bincount(lane[reached == len(ranks)], minlength=len(self.priced)) > 0
        return np.asarray(open_ended & ~broken, dtype=bool)

    def of_lanes(self, lane: Ints) -> tuple[Ints, Ints]:
        """All pairs (position in ``lane``, band of that lane), by position."""
        count = self.first[lane + 1] - self.first[lane]
        begin = np.cumsum(count) - count
        place = np.arange(int(count.sum())) + np.repeat(self.first[lane] - begin, count)
        return np.repeat(np.arange(len(lane)), count), self.by_lane[place]

    def holds(self, band: Ints, kg: Exact) -> Flags:
        """Whether each band holds each weight."""
        end, under = self.end.take(band), self.below[band]
        return (kg >= self.start.take(band)) & (self.endless[band] | (kg < end) | (~under & (kg <= end)))

    def charge(self, band: Ints, kg: Exact) -> Exact:
        """max(min_charge, flat_cost + cost_per_kg · kg), money."""
        return (self.flat.take(band) + self.per_kg.take(band) * kg).maximum(self.least.take(band))

    def cheapest(self, lane: Ints, kg: Exact) -> tuple[Ints, Exact]:
        """For each weight on a lane the cheapest band that holds it, `NONE` where none does, and its charge (else 0).

        Of equally cheap bands the first of the table.
        """
        place, band = self._holding(lane, kg)
        charge = self.charge(band, kg.take(place))
        order = np.lexsort((band, _ranks(charge), place))
        first = order[np.flatnonzero(np.diff(place[order], prepend=-1))]
        best, source = np.full(len(lane), NONE, dtype=np.int64), np.full(len(lane), len(charge), dtype=np.int64)
        best[place[first]], source[place[first]] = band[first], first
        return best, Exact.concat([charge, Exact.zeros(1)]).take(source)

    def price(self, lane: Ints, kg: Exact) -> Flags:
        """Whether some band of its lane holds each weight."""
        found = np.zeros(len(lane), dtype=bool)
        found[self._holding(lane, kg)[0]] = True
        return found

    def _holding(self, lane: Ints, kg: Exact) -> tuple[Ints, Ints]:
        """All pairs (position in ``lane``, band of that lane that holds its weight), by position."""
        ends = np.cumsum(self.first[lane + 1] - self.first[lane])
        cuts = np.searchsorted(ends, np.arange(AT_ONCE, int(ends[-1]) if len(ends) else 0, AT_ONCE))
        start, end = self.start.floats(), np.where(self.endless, np.inf, self.end.floats())
        weight, found = kg.floats(), []
        for part in np.split(np.arange(len(lane)), cuts):
            place, band = self.of_lanes(lane[part])
            place = part[place]
            near = start[band] <= weight[place] * (1 + NEAR) + NEAR  # doubles rule out nearly all
            near &= end[band] * (1 + NEAR) + NEAR >= weight[place]
            place, band = place[near], band[near]
            held = self.holds(band, kg.take(place))
            found.append((place[held], band[held]))
        return np.concatenate([place for place, _ in found]), np.concatenate([band for _, band in found])


def _ranks(values: Exact) -> Ints:
    """Positions among the distinct values, ascending."""
    ranks: Ints = np.unique(values.num, return_inverse=True)[1].astype(np.int64).reshape(-1)
    return ranks


def _following(lane: Ints, rank: Ints) -> Ints:
    """For each band some band of its lane that starts next above it, `NONE` where none does."""
    width = int(rank.max(initial=0)) + 1
    codes, at = np.unique(lane * width + rank, return_index=True)
    place = np.searchsorted(codes, lane * width + rank, side="right")
    after = np.minimum(place, len(codes) - 1)
    return np.where((place < len(codes)) & (codes[after] // width == lane), at[after], NONE)
