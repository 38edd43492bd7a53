"""Lines below the tariffs of slots with weight bands: freight ≥ a + b·kg for every weight that a shipment can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.facts import LINE_COMPLETE, ORDER_COMPLETE
from optimizer.proof.reduced import DECIMALS, divided, rounded

if TYPE_CHECKING:
    from optimizer.proof.values import Values

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class TariffLines:
    """For each (order, slot) with weight bands one line per share, from flat to the chord of its range of weights.

    Where only one weight is possible (a complete order in one shipment) the flat line is the freight itself.
    """

    def __init__(self, values: Values) -> None:
        self.values, self.group, self.facts = values, values.group, values.facts
        self.pair = np.flatnonzero(values.banded.ravel())
        self.slot = self.group.slots.ravel()[self.pair]
        self.lane = self.facts.events.slots.lane[self.slot]
        order = np.repeat(self.group.order, self.group.slots.shape[1])[self.pair]
        self.rate = values.reduced.freight_rate.take(order)
        kg, over = self.facts.ways.chargeable(values.found.way, self.facts.events.slots.lane[values.found.slot])
        self.kg_down, self.kg_up = divided(kg, over, up=False), divided(kg, over, up=True)
        low, high = self._range()
        self._lines(low.take(self.pair), high.take(self.pair))

    def _cells(self, number: Exact, largest: bool) -> Exact:
        """The largest or smallest number among the choices of each cell; 0 where there is none."""
        best = self.values.best_of(number if largest else -number)
        return best if largest else -best

    def _range(self) -> tuple[Exact, Exact]:
        """Least and most weight of a shipment of each (order, slot), if it ships at all."""
        group, tables = self.group, self.facts.tables
        shape = group.cap.shape
        cap, qty = self.values.cap_of_cell, tables.order_lines["qty"][group.line]
        light, heavy = self._cells(self.kg_down, largest=False), self._cells(self.kg_up, largest=True)
        policy = self.facts.policy[group.order]
        limited = tables.orders.given("max_shipments")[group.order]
        limit = np.where(limited, tables.orders["max_shipments"][group.order], shape[1])
        alone = (limit <= 1) | (shape[1] == 1)
        whole = (alone & ((policy == ORDER_COMPLETE) | (policy == LINE_COMPLETE)))[group.owner]
        usable = cap > 0
        least = np.where(usable, np.where(whole[:, None], qty[:, None], 1), 0)
        most = np.where(whole[:, None] & usable, qty[:, None], cap)
        high, low = _roomy(heavy * most.ravel()).reshape(shape), _roomy(light * least.ravel()).reshape(shape)
        ceiling = np.add.reduceat(high, group.first, axis=0)
        endless = np.where(usable, low, high.max(initial=0) + low.max(initial=0))
        single = np.minimum.reduceat(endless, group.first, axis=0)
        together = np.add.reduceat(low, group.first, axis=0)
        complete = (alone & (policy == ORDER_COMPLETE))[:, None]
        floor = np.minimum(np.where(complete, together, single), ceiling)
        return Exact(floor.ravel(), DECIMALS), Exact(ceiling.ravel(), DECIMALS)

    def _lines(self, low: Exact, high: Exact) -> None:
        """Slope and fee of each line, weighted, at DECIMALS decimals."""
        tariffs, parts = self.facts.tariffs, self.values.parts
        at_low, _, held_low = tariffs.cost(self.lane, low)
        at_high, _, held_high = tariffs.cost(self.lane, high)
        width = (high - low).rescaled(DECIMALS).num
        rise = (at_high - at_low).maximum(0)
        chord = divided(rise * 10**DECIMALS, np.where(width > 0, width, 1), up=False)
        known = held_low & held_high & np.asarray(width > 0, dtype=bool)
        chord = chord.where(known, rounded(tariffs.ceiling(self.lane), up=False))
        flat = tariffs.support(self.lane, low, high, Exact.zeros(len(self.lane)))
        self.slopes, self.fees = [], []
        for share in range(parts + 1):
            slope = Exact((chord * share).rescaled(DECIMALS).num // parts, DECIMALS)
            fee = tariffs.support(self.lane, low, high, slope)
            better = np.asarray(fee >= 0, dtype=bool)
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
