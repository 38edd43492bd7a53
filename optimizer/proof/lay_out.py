"""From orders to their blocks: candidate lanes, caps, values at the prices, as dense arrays of equal width."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE
from optimizer.proof.choices import Chooser
from optimizer.proof.facts import LINE_COMPLETE, ORDER_COMPLETE, PARTIAL, Facts
from optimizer.proof.order_blocks import OrderBlocks
from optimizer.proof.pins import PinBook, PinnedCells
from optimizer.proof.pool import Part
from optimizer.proof.reduced import Reduced
from optimizer.proof.scope import ranges
from optimizer.proof.values import PARTS, Values, smallest_unit
from optimizer.proof.weights import Weights, one_shipment

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Orders of one block before their values are known: who they are, which lanes, how much."""

    order: Ints
    slots: Ints
    """m × s slots: lanes on a day"""
    band: Ints
    """m × s: the weight band of the lane by which it ships there, −1: whichever holds the weight"""
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

    def part(self, chosen: Flags, keep_slots: Ints | None = None) -> Group:
        """Some of the orders, optionally with only some of their lanes (m × s' positions)."""
        lines = np.flatnonzero(chosen[self.owner])
        new_owner = (np.cumsum(chosen) - 1)[self.owner[lines]]
        count = self.count[chosen]
        slots, band, cap, low = self.slots[chosen], self.band[chosen], self.cap[lines], self.low[lines]
        loose = self._loose_of(lines)
        if keep_slots is not None:
            cells = keep_slots[new_owner]
            slots = np.take_along_axis(slots, keep_slots, axis=1)
            band = np.take_along_axis(band, keep_slots, axis=1)
            cap, low = np.take_along_axis(cap, cells, axis=1), np.take_along_axis(low, cells, axis=1)
            loose = [(row, np.flatnonzero(np.isin(cells[row], at)), rest) for row, at, rest in loose]
        first = np.cumsum(count) - count
        impossible = self.impossible[lines]
        return Group(
            self.order[chosen], slots, band, self.line[lines], new_owner, first, count, cap, low, loose, impossible
        )

    def _loose_of(self, lines: Ints) -> list[tuple[int, Ints, int]]:
        place = {int(row): position for position, row in enumerate(lines.tolist())} if self.loose else {}
        return [(place[row], at, rest) for row, at, rest in self.loose if row in place]


class Layout:
    """Lays out blocks for the orders of a batch, and finds their best values."""

    def __init__(self, facts: Facts, reduced: Reduced) -> None:
        self.facts = facts
        self.reduced = reduced
        self.chooser = Chooser(facts)
        self.pins = PinBook(facts)
        self.strict = self.chooser.simple and not facts.events.dated and not self.pins.narrow
        """pins can be kept to the letter: a cell is a lane, and what it ships is its own product"""
        self.line_list = np.argsort(facts.tables.line_order, kind="stable")
        self.line_start = np.cumsum(facts.lines_of_order) - facts.lines_of_order

    def at(self, reduced: Reduced) -> Layout:
        """The same layout at other prices."""
        other = copy.copy(self)
        other.reduced = reduced
        return other

    # -- which lanes and how much ---------------------------------------------------------------------------------
    def groups(self, orders: Ints) -> Iterator[Group]:
        """The orders by their number of candidate slots, slots without a usable cell dropped."""
        owner, slot = self.facts.events.slots.of_orders(orders)
        owner, slot, band = self._by_band(orders, owner, slot)
        width = np.bincount(owner, minlength=len(orders))
        for slots_each in np.unique(width):
            chosen = width == slots_each
            shape, mine = (int(chosen.sum()), int(slots_each)), chosen[owner]
            group = self._group(orders[chosen], slot[mine].reshape(shape), band[mine].reshape(shape))
            yield from self._without_idle_lanes(group)

    def _by_band(self, orders: Ints, owner: Ints, slot: Ints) -> tuple[Ints, Ints, Ints]:
        """The slots of orders once for each weight band, but where the weight of the order's shipment is known."""
        tariffs, lane = self.facts.tariffs, self.facts.events.slots.lane[slot]
        if not tariffs.banded.any():
            return owner, slot, np.full(len(slot), -1, dtype=np.int64)
        single = self.facts.lines_of_order[orders] == 1
        policy = self.facts.policy[orders]
        whole = (policy == ORDER_COMPLETE) | ((policy == LINE_COMPLETE) & single)
        known = (one_shipment(self.facts, orders) & whole)[owner]
        bands = tariffs.start[lane + 1] - tariffs.start[lane]
        split = ~known & (bands > 1)
        count = np.where(split, bands, 1)
        which = np.repeat(np.arange(len(slot)), count)
        band = ranges(np.where(split, tariffs.start[lane], 0), count)
        return owner[which], slot[which], np.where(split[which], band, -1)

    def _group(self, order: Ints, slots: Ints, band: Ints) -> Group:
        facts = self.facts
        count = facts.lines_of_order[order]
        owner = np.repeat(np.arange(len(order)), count)
        line = self.line_list[ranges(self.line_start[order], count)]
        cap = self.chooser.caps(line, slots[owner])
        first = np.cumsum(count) - count
        if band.size and facts.tariffs.banded[facts.events.slots.lane[slots]].any():
            cap = self._within_bands(order, slots, band, line, owner, first, cap)
        cells = PinnedCells(cap, np.zeros_like(cap), np.zeros(len(line), dtype=bool))
        self._pin(cells, line, slots[owner])
        return Group(order, slots, band, line, owner, first, count, cap, cells.low, cells.loose, cells.impossible)

    def _within_bands(
        self, order: Ints, slots: Ints, band: Ints, line: Ints, owner: Ints, first: Ints, cap: Ints
    ) -> Ints:
        """What the weight bands (or the one named) leave of the caps: no line beyond the heaviest that they hold.

        Nothing where they hold no weight that the order could ship there.
        """
        tariffs, lane = self.facts.tariffs, self.facts.events.slots.lane[slots.ravel()]
        found = self.chooser.of_cells(np.repeat(line, slots.shape[1]), slots[owner].ravel())
        weights = Weights(self.facts, self.chooser.simple, found, cap.shape)
        banded, step = tariffs.banded[lane].reshape(slots.shape), self.chooser.step(line)[:, None]
        heaviest = tariffs.heaviest(lane, band.ravel()).take(np.arange(len(lane)).reshape(slots.shape)[owner].ravel())
        fits = weights.units_within(heaviest).reshape(cap.shape) // step * step
        cap = np.where(banded[owner], np.minimum(cap, fits), cap)
        low, high = weights.range(order, line, owner, first, cap)
        meets = np.zeros(len(lane), dtype=bool)
        meets[tariffs.meeting(lane, band.ravel(), low, high)[0]] = True
        return np.where((meets.reshape(slots.shape) | ~banded)[owner], cap, 0)

    def _pin(self, cells: PinnedCells, line: Ints, slot: Ints) -> None:
        facts, tables = self.facts, self.facts.tables
        if not len(tables.pins):
            return
        lane, day = facts.events.slots.lane[slot], facts.events.slots.day[slot]
        house, service = tables.lane_warehouse[lane], tables.lane_service[lane]
        for row in np.flatnonzero(self.pins.lines[line]).tolist():
            if not self.strict:
                for pin in self.pins.of_line[int(line[row])]:
                    cells.apply_loosely(row, pin.covers(house[row], service[row], day[row]), pin)
                continue
            for warehouse, hold in self.pins.by_line[int(line[row])].items():
                at = np.flatnonzero(house[row] == warehouse)
                if len(at):
                    cells.apply(row, at, service[row, at], hold, int(facts.ways.step[facts.ways.own[line[row]]]))
                elif hold.low or any(low for low, _ in hold.services.values()):
                    cells.impossible[row] = True

    @staticmethod
    def _without_idle_lanes(group: Group) -> Iterator[Group]:
        if not group.slots.shape[1]:
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
    def parts(self, group: Group) -> Iterator[Part]:
        """Parts of the group with what their orders are worth; units at DECIMALS + 2 decimals."""
        slots = group.slots
        least, fixed = self.reduced.least_freight.take(slots), self.reduced.fixed_freight.take(slots)
        charged = (least > fixed) | self.facts.tariffs.banded[self.facts.events.slots.lane[slots]]
        simple = self._is_plain(group)
        minimum = charged.any(axis=1)
        for is_plain in (True, False):
            for has_minimum in (True, False):
                chosen = (simple == is_plain) & (minimum == has_minimum)
                if chosen.any():
                    yield self._part(group.part(chosen), is_plain, has_minimum)

    def _is_plain(self, group: Group) -> Flags:
        """Orders that may go in part, with nothing pinned, no least quantity and no bonus for completeness."""
        lines, reduced = self.facts.tables.order_lines, self.reduced
        odd = (lines["min_fill_qty"][group.line] > self.chooser.step(group.line)) | group.impossible
        odd |= (group.low > 0).any(axis=1) | (reduced.bonus.take(group.line) > 0)
        odd[[row for row, _, _ in group.loose]] = True
        partial = self.facts.policy[group.order] == PARTIAL
        odd_order = np.logical_or.reduceat(odd, group.first) | (reduced.prize.take(group.order) > 0)
        return np.asarray(partial & ~odd_order, dtype=bool)

    def _part(self, group: Group, plain: bool, minimum: bool) -> Part:
        values = Values(self.facts, self.reduced, group, self.chooser, PARTS if minimum else 1)
        if minimum:
            every = [np.full(group.slots.shape, t, dtype=np.int64) for t in range(PARTS + 1)]
            probe, _ = self._blocks(group, values, every, plain)
            best_share = _best_shares(probe)
            shares = [best_share, every[0], every[PARTS]]
        else:
            shares = [np.zeros(group.slots.shape, dtype=np.int64)]
        blocks, unit = self._blocks(group, values, shares, plain)
        return Part(group.order, blocks, unit * (100 // values.parts))

    def _blocks(self, group: Group, values: Values, shares: list[Ints], plain: bool) -> tuple[OrderBlocks, int]:
        tables, line = self.facts.tables, group.line
        step, qty = self.chooser.step(line), tables.order_lines["qty"][line]
        least = tables.order_lines["min_fill_qty"][line]
        pinned = group.low.sum(axis=1)
        for row, _, rest in group.loose:
            pinned[row] += rest
        full = (qty % step == 0) & (qty >= least) & (qty >= pinned) & ~group.impossible
        impossible = group.impossible | (qty // step * step < pinned)
        limited = tables.orders.given("max_shipments")[group.order]
        triples = [values.undecided(*values.at(share), plain) for share in shares]
        money, unit = smallest_unit(group, triples, values.bonus, values.prize)
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
            limit=np.where(limited, tables.orders["max_shipments"][group.order], group.slots.shape[1]),
            required=np.logical_or.reduceat(group.low > 0, group.first, axis=0)
            if group.slots.shape[1]
            else np.zeros(group.slots.shape, dtype=bool),
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
