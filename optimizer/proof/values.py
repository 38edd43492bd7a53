"""What cells and slots of order blocks are worth at the prices, and that as whole multiples of one tiny unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.choices import Chooser, best_of, own_costs, stock_cost
from optimizer.proof.facts import Facts
from optimizer.proof.order_blocks import NEVER, Money
from optimizer.proof.reduced import DECIMALS, Reduced, divided, rounded
from optimizer.proof.weights import TariffLines

if TYPE_CHECKING:
    from optimizer.proof.lay_out import Group

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PARTS = 4
"""A minimum charge M is counted as t/PARTS·M + (1 − t/PARTS)·(the freight without it), for t = 0..PARTS."""


class Values:
    """Money per ordered unit of each cell and per shipment of each slot, times ``parts``, at DECIMALS decimals."""

    def __init__(self, facts: Facts, reduced: Reduced, group: Group, chooser: Chooser, parts: int) -> None:
        self.facts, self.reduced, self.group, self.parts = facts, reduced, group, parts
        slot = group.slots[group.owner].ravel()
        self.simple = chooser.simple
        self.found = chooser.of_cells(np.repeat(group.line, group.slots.shape[1]), slot)
        self.before_freight = self._before_freight() * parts
        self.freight = self._freight()
        self.pick = reduced.pick.take(slot) * parts
        whole_cap = group.cap + group.low
        for row, at, rest in group.loose:
            whole_cap[row, at] += rest
        self.cap_of_cell = whole_cap
        self.whole_cap = np.maximum(whole_cap.ravel(), 1)
        slots = group.slots.ravel()
        self.fixed, self.minimum = self._money(reduced.fixed_freight), self._money(reduced.least_freight)
        self.charged = (self.minimum > self.fixed).reshape(group.slots.shape)
        self.shipment = (reduced.shipment_price.take(slots) + self._opening() - self._cover_pay()) * parts
        self.bonus, self.prize = reduced.bonus.take(group.line) * parts, reduced.prize.take(group.order) * parts
        self.banded = facts.tariffs.banded[facts.events.slots.lane[group.slots]]

    def _money(self, per_slot: Exact) -> Exact:
        """Freight money of each (order, slot), weighted."""
        rate = np.repeat(np.arange(len(self.group.order)), self.group.slots.shape[1])
        weighted = per_slot.take(self.group.slots.ravel()) * self.reduced.freight_rate.take(self.group.order[rate])
        return rounded(weighted, up=False)

    def _shipped(self, per_unit: Exact) -> Exact:
        """A cost of a unit shipped, for the units that one ordered unit of each choice ships."""
        ways, way = self.facts.ways, self.found.way
        if ways.simple:
            return rounded(per_unit, up=False)
        return divided(per_unit * (ways.units[way] * ways.top[way]), ways.bottom[way], up=False)

    def _before_freight(self) -> Exact:
        """Value of an ordered unit of each choice before freight."""
        facts, reduced, found = self.facts, self.reduced, self.found
        price = stock_cost(facts, reduced, found, self.simple)
        value = reduced.gain.take(found.line) - self._shipped(reduced.unit_cost.take(found.slot)) - price
        cost = own_costs(facts, reduced, found, facts.tables.line_order[found.line])
        value = value - cost if np.any(cost.num != 0) else value
        if reduced.kg_is_priced:
            kg, over = facts.ways.kg
            value = value - divided(kg.take(found.way) * reduced.kg_price.take(found.slot), over[found.way], up=False)
        if reduced.covers is not None:
            value = value - rounded(reduced.covers.unit_price(found.line, found.slot), up=False)
        return value

    def _freight(self) -> Exact:
        """Freight of an ordered unit of each choice, where the lane has no weight bands."""
        facts, reduced, found = self.facts, self.reduced, self.found
        rate = reduced.freight_rate.take(facts.tables.line_order[found.line])
        freight = self._shipped(reduced.unit_freight.take(found.slot) * rate)
        if reduced.kg_pays_freight:
            kg, over = facts.ways.chargeable(found.way, facts.events.slots.lane[found.slot])
            freight = freight + divided(kg * reduced.kg_freight.take(found.slot) * rate, over, up=False)
        return freight

    def _opening(self) -> Exact:
        """The price that each (order, slot) pays towards the opening of its warehouse."""
        reduced, n_slots = self.reduced, len(self.facts.events.slots)
        if not len(reduced.opening_key):
            return Exact.zeros(self.group.slots.size)
        wanted = (self.group.order[:, None] * np.int64(n_slots) + self.group.slots).ravel()
        place = np.minimum(np.searchsorted(reduced.opening_key, wanted), len(reduced.opening_key) - 1)
        return reduced.opening_price.take(place).where(reduced.opening_key[place] == wanted, 0)

    def _cover_pay(self) -> Exact:
        """What covers pay each (order, slot) for its shipment."""
        group, covers = self.group, self.reduced.covers
        if covers is None:
            return Exact.zeros(group.slots.size)
        order = np.repeat(group.order, group.slots.shape[1])
        return rounded(covers.shipment_pay(order, group.slots.ravel()), up=True)

    @cached_property
    def lines(self) -> TariffLines:
        """Lines below the tariffs of slots with weight bands."""
        return TariffLines(self)

    def at(self, share: Ints) -> tuple[Exact, Exact]:
        """Value of each cell (flat n·s) and fee of each pair (flat m·s), at these shares of the minimum charge."""
        own = np.where(self.charged, share, 0)
        rest = self.parts - own
        by_cell = rest[self.group.owner].ravel()
        value = self.before_freight - self.freight * (by_cell if self.simple else by_cell[self.found.cell])
        fee = self.shipment + self.fixed * rest.ravel() + self.minimum * own.ravel()
        if self.banded.any():
            value, fee = value - self.lines.by_unit(share), fee + self.lines.fee(share)
        value = best_of(self.found, len(self.whole_cap), self.simple, value)
        if np.any(self.pick > 0):  # z ≥ x / cap: a priced pick is spread over the units that the cell can ship
            value = value - divided(self.pick, self.whole_cap, up=False)
        return value, fee

    def undecided(self, value: Exact, fee: Exact, plain: bool) -> tuple[Exact, Exact, Exact]:
        """Values and fees of what an order still decides, fees at least 0, and what it gets whatever it decides.

        A shipment that covers pay more for than it costs, or that is fixed to leave, costs nothing more once that is
        counted. It has a unit: in a ``plain`` order where none earns anything, the least loss of a unit is taken off.
        One that is fixed to stay earns nothing. Orders that are not plain decide all anew: that only widens the bound.
        """
        m, s = self.group.slots.shape
        fixed = self._fixed if plain else None
        if (self.reduced.covers is None and fixed is None) or not s:
            return value, fee.maximum(0), Exact.zeros(m)
        value, fee = value.rescaled(DECIMALS), fee.rescaled(DECIMALS)
        paid = (-fee.num).reshape(m, s)
        gain = paid + np.minimum(self._best_unit(value), 0) if plain else paid
        earned = np.where(paid > 0, np.maximum(gain, 0), 0)
        fee = fee.maximum(0)
        if fixed is not None:
            leaves, stays = fixed
            earned = np.where(leaves, gain, np.where(stays, 0, earned))
            fee = fee.where(~(leaves | stays).ravel(), 0)
            value = value.where(~stays[self.group.owner].ravel(), value.minimum(0))
        return value, fee, Exact(earned.sum(axis=1), DECIMALS)

    def _best_unit(self, value: Exact) -> Money:
        """The largest value of a unit in each (order, slot)."""
        never = NEVER if value.num.dtype == np.int64 else -(10**60)
        cells = np.where(self.cap_of_cell > 0, value.num.reshape(self.cap_of_cell.shape), never)
        best: Money = np.maximum.reduceat(cells, self.group.first, axis=0)
        return best

    @cached_property
    def _fixed(self) -> tuple[Flags, Flags] | None:
        """Which (order, slot) are fixed to leave, and which to stay; None where none is.

        A slot for one weight band of several is not fixed to leave: the shipment may go by another.
        """
        group, fixed = self.group, self.reduced.fixed
        if fixed is None:
            return None
        lane = self.facts.events.slots.lane[group.slots]
        leaves, stays = fixed.of(group.order[:, None] * np.int64(len(self.facts.tables.lanes)) + lane)
        return leaves & (group.band < 0), stays


@dataclass(frozen=True)
class BlockMoney:
    """Money of a group as whole multiples of one unit; lists per variant."""

    values: list[Money]
    fees: list[Money]
    base: list[Money]
    bonus: Money
    prize: Money


def smallest_unit(
    group: Group, triples: list[tuple[Exact, Exact, Exact]], bonus: Exact, prize: Exact
) -> tuple[BlockMoney, int]:
    """All money of a group as whole multiples of one unit, machine integers if no total can overflow.

    ``triples``: per variant the value of each cell, the fee of each slot, and what each order gets anyhow.
    """
    n, s = group.cap.shape
    flat: list[Any] = [item.rescaled(DECIMALS).num for triple in triples for item in triple]
    flat += [bonus.rescaled(DECIMALS).num, prize.rescaled(DECIMALS).num]
    unit = 0
    for num in flat:
        if len(num):
            unit = math.gcd(unit, int(np.gcd.reduce(num)))
    unit = max(unit, 1)
    flat = [num // unit for num in flat]
    units = np.add.reduceat((group.cap.max(axis=1, initial=0) + group.low.sum(axis=1)), group.first) * max(s, 1)
    most_units = int(units.max()) + sum(rest for _, _, rest in group.loose)
    most_lines = int(group.count.max())
    peak = max(_peak(num) for num in flat)
    total = peak * (most_units + most_lines + s + 2) * (2 * s + 2)  # of one set, and of a sum of differences of sets
    dtype = np.int64 if total < INT64_SAFE else object
    flat = [num.astype(dtype) for num in flat]
    cells = [num.reshape(n, s) for num in flat[0:-2:3]]
    fees = [num.reshape(len(group.order), s) for num in flat[1:-2:3]]
    base = [_base(group, cell) + extra for cell, extra in zip(cells, flat[2:-2:3], strict=True)]
    return BlockMoney(cells, fees, base, flat[-2], flat[-1]), unit


def _peak(num: NDArray[Any]) -> int:
    return max(abs(int(num.max())), abs(int(num.min()))) if len(num) else 0


def _base(group: Group, value: Money) -> Money:
    """Money of the pinned quantities of each order."""
    per_line = (value * group.low).sum(axis=1)
    for row, lanes, rest in group.loose:
        per_line[row] += max(value[row, lanes]) * rest
    total: Money = np.add.reduceat(per_line, group.first)
    return total
