"""From orders to their blocks: candidate lanes, caps, values at the prices, as dense arrays of equal width."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.facts import PARTIAL, Facts
from optimizer.proof.order_blocks import Money, OrderBlocks
from optimizer.proof.pins import PinBook, PinnedCells
from optimizer.proof.reduced import DECIMALS, Reduced, divided
from optimizer.proof.scope import ranges
from optimizer.proof.search import best_values

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PARTS = 4
"""A minimum charge M is counted as t/PARTS·M + (1 − t/PARTS)·(the freight without it), for t = 0..PARTS."""


@dataclass(frozen=True)
class Group:
    """Orders of one block before their values are known: who they are, which lanes, how much."""

    order: Ints
    lanes: Ints
    """m × s lanes of the input table"""
    line: Ints
    """n lines of the input table, those of an order together"""
    owner: Ints
    """n: position of the line's order in ``order``"""
    first: Ints
    count: Ints
    cap: Ints
    low: Ints
    loose: list[tuple[int, Ints, int]]
    impossible: Flags

    def part(self, chosen: Flags, keep_lanes: Ints | None = None) -> Group:
        """Some of the orders, optionally with only some of their lanes (m × s' positions)."""
        lines = np.flatnonzero(chosen[self.owner])
        new_owner = (np.cumsum(chosen) - 1)[self.owner[lines]]
        count = self.count[chosen]
        lanes, cap, low = self.lanes[chosen], self.cap[lines], self.low[lines]
        loose = self._loose_of(lines)
        if keep_lanes is not None:
            cells = keep_lanes[new_owner]
            lanes = np.take_along_axis(lanes, keep_lanes, axis=1)
            cap, low = np.take_along_axis(cap, cells, axis=1), np.take_along_axis(low, cells, axis=1)
            loose = [(row, np.flatnonzero(np.isin(cells[row], at)), rest) for row, at, rest in loose]
        first = np.cumsum(count) - count
        impossible = self.impossible[lines]
        return Group(self.order[chosen], lanes, self.line[lines], new_owner, first, count, cap, low, loose, impossible)

    def _loose_of(self, lines: Ints) -> list[tuple[int, Ints, int]]:
        place = {int(row): position for position, row in enumerate(lines.tolist())} if self.loose else {}
        return [(place[row], at, rest) for row, at, rest in self.loose if row in place]


class Layout:
    """Lays out blocks for the orders of a batch, and finds their best values."""

    def __init__(self, facts: Facts, reduced: Reduced) -> None:
        self.facts = facts
        self.reduced = reduced
        self.pins = PinBook(facts)
        self.line_list = np.argsort(facts.tables.line_order, kind="stable")
        self.line_start = np.cumsum(facts.lines_of_order) - facts.lines_of_order

    # -- which lanes and how much ---------------------------------------------------------------------------------
    def groups(self, orders: Ints) -> Iterator[Group]:
        """The orders by their number of candidate lanes, lanes without a usable cell dropped."""
        by_zone, zone_start = self.facts.lanes_by_zone
        zone = self.facts.tables.order_zone[orders]
        count = zone_start[zone + 1] - zone_start[zone]
        owner = np.repeat(np.arange(len(orders)), count)
        lane = by_zone[ranges(zone_start[zone], count)]
        allowed = self.facts.lane_allowed(orders[owner], lane)
        owner, lane = owner[allowed], lane[allowed]
        width = np.bincount(owner, minlength=len(orders))
        for lanes_each in np.unique(width):
            chosen = width == lanes_each
            lanes = lane[chosen[owner]].reshape(int(chosen.sum()), int(lanes_each))
            yield from self._without_idle_lanes(self._group(orders[chosen], lanes))

    def _group(self, order: Ints, lanes: Ints) -> Group:
        facts, tables = self.facts, self.facts.tables
        count = facts.lines_of_order[order]
        owner = np.repeat(np.arange(len(order)), count)
        line = self.line_list[ranges(self.line_start[order], count)]
        house = tables.lane_warehouse[lanes][owner]
        product = tables.line_product[line][:, None]
        available = facts.available(facts.stock_row(house, product))
        step = facts.step[line][:, None]
        cap = np.minimum(tables.order_lines["qty"][line][:, None], available) // step * step
        cap = np.where(facts.eligible(line[:, None], house), cap, 0)
        cells = PinnedCells(cap, np.zeros_like(cap), np.zeros(len(line), dtype=bool))
        self._pin(cells, line, house, tables.lane_service[lanes][owner])
        first = np.cumsum(count) - count
        return Group(order, lanes, line, owner, first, count, cap, cells.low, cells.loose, cells.impossible)

    def _pin(self, cells: PinnedCells, line: Ints, house: Ints, service: Ints) -> None:
        if not len(self.facts.tables.pins):
            return
        for row in np.flatnonzero(self.pins.lines[line]).tolist():
            for warehouse, hold in self.pins.by_line[int(line[row])].items():
                lanes = np.flatnonzero(house[row] == warehouse)
                if len(lanes):
                    cells.apply(row, lanes, service[row, lanes], hold, int(self.facts.step[line[row]]))
                elif hold.low or any(low for low, _ in hold.services.values()):
                    cells.impossible[row] = True

    @staticmethod
    def _without_idle_lanes(group: Group) -> Iterator[Group]:
        if not group.lanes.shape[1]:
            yield group
            return
        cell = (group.cap > 0) | (group.low > 0)
        for row, at, _ in group.loose:
            cell[row, at] = True
        busy = np.logical_or.reduceat(cell, group.first, axis=0)
        width, first_busy = busy.sum(axis=1), np.argsort(~busy, axis=1, kind="stable")
        for lanes_each in np.unique(width):
            chosen = width == lanes_each
            yield group.part(chosen, first_busy[chosen][:, : int(lanes_each)])

    # -- what it is worth -------------------------------------------------------------------------------------------
    def best(self, group: Group) -> Iterator[tuple[Group, Exact, Flags, Flags]]:
        """For parts of the group: the best value of each order in money, whether a plan exists, whether it is exact."""
        least, fixed = self.reduced.least_freight.take(group.lanes), self.reduced.fixed_freight.take(group.lanes)
        charged = least > fixed
        simple = self._is_plain(group)
        minimum = charged.any(axis=1)
        for is_plain in (True, False):
            for has_minimum in (True, False):
                chosen = (simple == is_plain) & (minimum == has_minimum)
                if chosen.any():
                    yield from self._solve(group.part(chosen), is_plain, has_minimum)

    def _is_plain(self, group: Group) -> Flags:
        """Orders that may go in part, with nothing pinned, no least quantity and no bonus for completeness."""
        lines, reduced = self.facts.tables.order_lines, self.reduced
        odd = (lines["min_fill_qty"][group.line] > self.facts.step[group.line]) | group.impossible
        odd |= (group.low > 0).any(axis=1) | (reduced.bonus.take(group.line) > 0)
        odd[[row for row, _, _ in group.loose]] = True
        partial = self.facts.policy[group.order] == PARTIAL
        odd_order = np.logical_or.reduceat(odd, group.first) | (reduced.prize.take(group.order) > 0)
        return np.asarray(partial & ~odd_order, dtype=bool)

    def _solve(self, group: Group, plain: bool, minimum: bool) -> Iterator[tuple[Group, Exact, Flags, Flags]]:
        values = Values(self.facts, self.reduced, group, PARTS if minimum else 1)
        if minimum:
            every = [np.full(group.lanes.shape, t, dtype=np.int64) for t in range(PARTS + 1)]
            probe, _ = self._blocks(group, values, every, plain)
            best_share = _best_shares(probe)
            shares = [best_share, every[0], every[PARTS]]
        else:
            shares = [np.zeros(group.lanes.shape, dtype=np.int64)]
        blocks, unit = self._blocks(group, values, shares, plain)
        found = best_values(blocks)
        money = Exact(found.value, 0) * unit * (100 // values.parts)
        yield group, Exact(money.num, DECIMALS + 2), found.possible, found.searched

    def _blocks(self, group: Group, values: Values, shares: list[Ints], plain: bool) -> tuple[OrderBlocks, int]:
        tables, line = self.facts.tables, group.line
        step, qty = self.facts.step[line], tables.order_lines["qty"][line]
        least = tables.order_lines["min_fill_qty"][line]
        pinned = group.low.sum(axis=1)
        for row, _, rest in group.loose:
            pinned[row] += rest
        full = (qty % step == 0) & (qty >= least) & (qty >= pinned) & ~group.impossible
        impossible = group.impossible | (qty // step * step < pinned)
        limited = tables.orders.given("max_shipments")[group.order]
        pairs = [values.at(share) for share in shares]
        money, unit = smallest_unit(group, pairs, values)
        return OrderBlocks(
            first=group.first,
            count=group.count,
            values=money.values,
            fees=money.fees,
            base=money.base,
            cap=group.cap,
            room=qty // step * step - pinned,
            missing=np.where(full, qty - pinned, -1),
            least=np.where(impossible, INT64_SAFE, np.maximum(0, -(-least // step) * step - pinned)),
            forced=(pinned > 0) | impossible,
            bonus=money.bonus,
            prize=money.prize,
            policy=self.facts.policy[group.order],
            limit=np.where(limited, tables.orders["max_shipments"][group.order], group.lanes.shape[1]),
            required=np.logical_or.reduceat(group.low > 0, group.first, axis=0)
            if group.lanes.shape[1]
            else np.zeros(group.lanes.shape, dtype=bool),
            plain=plain,
        ), unit


def _best_shares(probe: OrderBlocks) -> Ints:
    """For each order and lane the share of the minimum charge that bounds the lane alone most tightly."""
    m, s = probe.size, probe.lanes
    order, lane = np.repeat(np.arange(m), s), np.tile(np.arange(s), m)
    money, _ = probe.fill(order, lane[:, None])
    net = [earned - fee[order, lane] for earned, fee in zip(money, probe.fees, strict=True)]
    best, share = net[0], np.zeros(m * s, dtype=np.int64)
    for position, value in enumerate(net[1:], start=1):
        less = np.asarray(value < best, dtype=bool)
        best, share = np.where(less, value, best), np.where(less, position, share)
    return share.reshape(m, s)


class Values:
    """Money per unit and per shipment of the cells of a group, times ``parts``, at DECIMALS decimals."""

    def __init__(self, facts: Facts, reduced: Reduced, group: Group, parts: int) -> None:
        self.group, self.parts = group, parts
        tables, line, owner = facts.tables, group.line, group.owner
        n, s = group.cap.shape
        self.shape = (n, s)
        lane = group.lanes[owner].ravel()
        rows = np.repeat(line, s)
        house = tables.lane_warehouse[lane]
        stock_row = facts.stock_row(house, tables.line_product[rows])
        priced = Exact.concat([reduced.stock, Exact.zeros(1)]).take(stock_row)
        before_freight = reduced.gain.take(rows) - reduced.unit_cost.take(lane) - priced
        freight = reduced.unit_freight.take(lane)
        if reduced.weighs:
            weight, over = facts.weighed
            kg, over = weight.take(rows), over[rows]
            before_freight = before_freight - divided(kg * reduced.kg_price.take(lane), over, up=False)
            freight = freight + divided(kg * reduced.kg_freight.take(lane), over, up=False)
        self.before_freight, self.freight = before_freight * parts, freight
        self.pick = reduced.pick.take(house) * parts
        whole_cap = group.cap + group.low
        for row, at, rest in group.loose:
            whole_cap[row, at] += rest
        self.whole_cap = np.maximum(whole_cap.ravel(), 1)
        lanes = group.lanes.ravel()
        self.fixed, self.minimum = reduced.fixed_freight.take(lanes), reduced.least_freight.take(lanes)
        self.charged = (self.minimum > self.fixed).reshape(group.lanes.shape)
        self.shipment = (reduced.shipment_price.take(lanes) + self._opening(reduced, len(tables.lanes))) * parts
        self.bonus, self.prize = reduced.bonus.take(line) * parts, reduced.prize.take(group.order) * parts

    def _opening(self, reduced: Reduced, n_lanes: int) -> Exact:
        """The price that each (order, lane) pays towards the opening of its warehouse."""
        if not len(reduced.opening_key):
            return Exact.zeros(self.group.lanes.size)
        wanted = (self.group.order[:, None] * np.int64(n_lanes) + self.group.lanes).ravel()
        place = np.minimum(np.searchsorted(reduced.opening_key, wanted), len(reduced.opening_key) - 1)
        return reduced.opening_price.take(place).where(reduced.opening_key[place] == wanted, 0)

    def at(self, share: Ints) -> tuple[Exact, Exact]:
        """Value of each cell (flat n·s) and fee of each pair (flat m·s), at these shares of the minimum charge."""
        share = np.where(self.charged, share, 0)
        rest = self.parts - share
        value = self.before_freight - self.freight * rest[self.group.owner].ravel()
        if np.any(self.pick > 0):  # z ≥ x / cap: a priced pick is spread over the units that the cell can ship
            value = value - divided(self.pick, self.whole_cap, up=False)
        fee = self.shipment + self.fixed * rest.ravel() + self.minimum * share.ravel()
        return value, fee


@dataclass(frozen=True)
class _Money:
    values: list[Money]
    fees: list[Money]
    base: list[Money]
    bonus: Money
    prize: Money


def smallest_unit(group: Group, pairs: list[tuple[Exact, Exact]], values: Values) -> tuple[_Money, int]:
    """All money of a group as whole multiples of one unit, machine integers if no total can overflow."""
    n, s = group.cap.shape
    flat: list[Any] = [item.rescaled(DECIMALS).num for pair in pairs for item in pair]
    flat += [values.bonus.rescaled(DECIMALS).num, values.prize.rescaled(DECIMALS).num]
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
    cells = [num.reshape(n, s) for num in flat[0:-2:2]]
    fees = [num.reshape(len(group.order), s) for num in flat[1:-2:2]]
    return _Money(cells, fees, [_base(group, cell) for cell in cells], flat[-2], flat[-1]), unit


def _peak(num: NDArray[Any]) -> int:
    return max(abs(int(num.max())), abs(int(num.min()))) if len(num) else 0


def _base(group: Group, value: Money) -> Money:
    """Money of the pinned quantities of each order."""
    per_line = (value * group.low).sum(axis=1)
    for row, lanes, rest in group.loose:
        per_line[row] += max(value[row, lanes]) * rest
    total: Money = np.add.reduceat(per_line, group.first)
    return total
