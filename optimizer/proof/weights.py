"""Lines below the tariffs of slots with weight bands: freight ≥ a + b·kg for every weight that a shipment can have."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.choices import Choices, best_of
from optimizer.proof.facts import LINE_COMPLETE, ORDER_COMPLETE, Facts
from optimizer.proof.pins import NO_LIMIT
from optimizer.proof.reduced import DECIMALS, divided, rounded

if TYPE_CHECKING:
    from optimizer.proof.values import Values

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


ROUNDED = Fraction(1, 10**9)
"""Weights that differ by less are one weight, known to within the rounding of its quotient [kg]."""


class Weights:
    """What shipments may weigh, by (order, slot): from the lightest unit to all that the slot can carry."""

    def __init__(self, facts: Facts, simple: bool, found: Choices, shape: tuple[int, ...]) -> None:
        self.facts, self.simple, self.found, self.shape = facts, simple, found, shape
        kg, over = facts.ways.chargeable(found.way, facts.events.slots.lane[found.slot])
        self.kg_down, self.kg_up = divided(kg, over, up=False), divided(kg, over, up=True)

    def _cells(self, number: Exact, largest: bool) -> Exact:
        """The largest or smallest number among the choices of each cell; 0 where there is none."""
        cells = self.shape[0] * self.shape[1]
        best = best_of(self.found, cells, self.simple, number if largest else -number)
        return best if largest else -best

    def units_within(self, limit: Exact) -> Ints:
        """Most ordered units of each cell that weigh no more than its limit."""
        light = self._cells(self.kg_down, largest=False).rescaled(DECIMALS).num
        most = limit.rescaled(max(DECIMALS, limit.scale))
        number = most.num // 10 ** (most.scale - DECIMALS)
        units = np.where(light > 0, number // np.where(light > 0, light, 1), NO_LIMIT)
        return np.minimum(units, NO_LIMIT).astype(np.int64)

    def range(self, order: Ints, line: Ints, owner: Ints, first: Ints, cap: Ints) -> tuple[Exact, Exact]:
        """Least and most weight of a shipment of each (order, slot), if it ships at all; flat arrays m · s."""
        qty = self.facts.tables.order_lines["qty"][line]
        light, heavy = self._cells(self.kg_down, largest=False), self._cells(self.kg_up, largest=True)
        policy = self.facts.policy[order]
        alone = one_shipment(self.facts, order) | (self.shape[1] == 1)
        whole = (alone & ((policy == ORDER_COMPLETE) | (policy == LINE_COMPLETE)))[owner]
        usable = cap > 0
        least = np.where(usable, np.where(whole[:, None], qty[:, None], 1), 0)
        most = np.where(whole[:, None] & usable, qty[:, None], cap)
        high, low = _roomy(heavy * most.ravel()).reshape(cap.shape), _roomy(light * least.ravel()).reshape(cap.shape)
        ceiling = np.add.reduceat(high, first, axis=0)
        endless = np.where(usable, low, high.max(initial=0) + low.max(initial=0))
        single = np.minimum.reduceat(endless, first, axis=0)
        together = np.add.reduceat(low, first, axis=0)
        complete = (alone & (policy == ORDER_COMPLETE))[:, None]
        floor = np.minimum(np.where(complete, together, single), ceiling)
        return Exact(floor.ravel(), DECIMALS), Exact(ceiling.ravel(), DECIMALS)


def one_shipment(facts: Facts, order: Ints) -> Flags:
    """Orders that may have one shipment only."""
    orders = facts.tables.orders
    return np.asarray(orders.given("max_shipments")[order] & (orders["max_shipments"][order] <= 1), dtype=bool)


class TariffLines:
    """For each (order, slot) with weight bands one line per share, from flat to the slope of the band.

    A slot is laid out once for each band of its lane, with the weights of that band; where only one weight is possible
    (a complete order in one shipment) it stands once, and the flat line is the freight itself.
    """

    def __init__(self, values: Values) -> None:
        self.values, self.group, self.facts = values, values.group, values.facts
        group = self.group
        self.pair = np.flatnonzero(values.banded.ravel())
        self.lane = self.facts.events.slots.lane[group.slots.ravel()[self.pair]]
        self.band = group.band.ravel()[self.pair]
        order = np.repeat(group.order, group.slots.shape[1])[self.pair]
        self.rate = values.reduced.freight_rate.take(order)
        weights = Weights(self.facts, values.simple, values.found, group.cap.shape)
        self.kg_down = weights.kg_down
        low, high = weights.range(group.order, group.line, group.owner, group.first, values.cap_of_cell)
        self._lines(low.take(self.pair), high.take(self.pair))

    def _lines(self, low: Exact, high: Exact) -> None:
        """Slope and fee of each line, weighted, at DECIMALS decimals."""
        tariffs, parts = self.facts.tariffs, self.values.parts
        steep = rounded(tariffs.ceiling(self.lane, self.band), up=False)
        flat = tariffs.support(self.lane, self.band, low, high, Exact.zeros(len(self.lane)))
        steep = steep.where(high - low > ROUNDED, 0)  # of a known weight the flat line is the freight itself
        sloped = np.flatnonzero(steep > 0)
        self.slopes, self.fees = [], []
        for share in range(parts + 1):
            slope = Exact((steep * share).rescaled(DECIMALS).num // parts, DECIMALS)
            some = (item.take(sloped) for item in (low, high, slope))
            fee = tariffs.support(self.lane[sloped], self.band[sloped], *some)
            better = np.zeros(len(self.lane), dtype=bool)
            better[sloped] = np.asarray(fee >= 0, dtype=bool)
            fee = fee.sum_by(sloped, len(self.lane))
            self.slopes.append(rounded(slope.where(better, 0) * self.rate, up=False))
            self.fees.append(rounded(fee.where(better, flat) * self.rate, up=False))

    def _chosen(self, lines: list[Exact], share: Ints) -> Exact:
        """The number of each pair's line."""
        wanted, total = share.ravel()[self.pair], Exact.zeros(len(self.pair))
        for at, line in enumerate(lines):
            total = line.where(wanted == at, total)
        return total

    def _everywhere(self, of_pair: Exact) -> Exact:
        return of_pair.sum_by(self.pair, self.group.slots.size)

    def fee(self, share: Ints) -> Exact:
        """Fee of each (order, slot), times the parts; 0 without bands."""
        return self._everywhere(self._chosen(self.fees, share)) * self.values.parts

    def by_unit(self, share: Ints) -> Exact:
        """Freight of an ordered unit of each choice, times the parts."""
        slope = self._everywhere(self._chosen(self.slopes, share))
        n_slots, found = self.group.slots.shape[1], self.values.found
        cell = found.cell
        row, column = cell // max(n_slots, 1), cell % max(n_slots, 1)
        of_choice = slope.take(self.group.owner[row] * n_slots + column)
        return rounded(of_choice * self.kg_down * self.values.parts, up=False)


def _roomy(number: Exact) -> NDArray[Any]:
    """The numbers as integers whose sums cannot overflow."""
    num = number.rescaled(DECIMALS).num
    if num.dtype == np.int64 and int(np.abs(num).max(initial=0)) * max(len(num), 1) >= INT64_SAFE:
        return num.astype(object)
    return num
