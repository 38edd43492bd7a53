"""On which days an order may leave by a lane: only where something changes. Days without events cost nothing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.days import DAYS, FOREVER, day_numbers
from optimizer.proof.scope import ranges

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def find_keys(keys: Ints, wanted: Ints) -> Ints:
    """Position of each wanted number in sorted distinct ``keys``, −1 where it is not among them."""
    if not len(keys):
        return np.full(wanted.shape, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


class Events:
    """Event days of (order, lane). A *slot* is a lane on a day; the slots of an order are where it may ship."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        tables = facts.tables
        self.dated = bool(len(tables.inbound) or len(tables.calendar) or len(facts.supply.moves.row))
        self.cancel = day_numbers(tables.orders["cancel_date"], facts.as_of, FOREVER)
        self.due = day_numbers(tables.orders["due_date"], facts.as_of, FOREVER)

    # -- which days -----------------------------------------------------------------------------------------------
    @cached_property
    def first_day(self) -> Ints:
        """Of each warehouse the first day on which anything leaves."""
        houses = np.arange(self.facts.n_warehouses, dtype=np.int64)
        return self.facts.calendar.first_working(houses, np.zeros(len(houses), dtype=np.int64))

    @cached_property
    def house_days(self) -> Ints:
        """Sorted keys (warehouse, day) of event days for all orders: the first, those of capacities and after them."""
        calendar = self.facts.calendar
        house = np.arange(self.facts.n_warehouses, dtype=np.int64)
        limited = np.zeros(len(calendar.day), dtype=bool)
        for unit in ("units", "lines", "shipments", "kg"):
            limited |= calendar.limited(unit)
        limited &= calendar.working
        which, day = calendar.warehouse[limited], calendar.day[limited]
        after = calendar.first_working(which, day + 1)
        parts = [house * DAYS + self.first_day, which * DAYS + day, which * DAYS + after]
        return np.unique(np.concatenate(parts))

    @cached_property
    def _gains(self) -> tuple[Ints, Ints]:
        """Where the gains of each pool begin, and the first working day after each of them."""
        supply = self.facts.supply
        day = self.facts.calendar.first_working(supply.pool_warehouse[supply.gain_pool], supply.gain_day)
        start = np.searchsorted(supply.gain_pool, np.arange(len(supply.pool_key) + 1)).astype(np.int64)
        return start, day

    @cached_property
    def _needs(self) -> tuple[Ints, Ints]:
        """Sorted distinct (order, component) that any way to serve any line of the order draws on."""
        facts = self.facts
        way, part = facts.ways.recipes.parts(facts.ways.product)
        order = facts.tables.line_order[facts.ways.line[way]]
        key = np.unique(order * np.int64(facts.n_products) + facts.ways.recipes.component[part])
        return key // facts.n_products, key % facts.n_products

    def _gain_keys(self, order: Ints, lane: Ints) -> tuple[Ints, Ints]:
        """(pair, day) where a pool that the order may draw on gains supply, for pairs (order, lane)."""
        facts = self.facts
        owner, component = self._needs
        left = np.searchsorted(owner, order, side="left")
        count = np.searchsorted(owner, order, side="right") - left
        pair, need = np.repeat(np.arange(len(order)), count), ranges(left, count)
        pool = facts.supply.find_pool(facts.tables.lane_warehouse[lane[pair]], component[need])
        pair, pool = pair[pool >= 0], pool[pool >= 0]
        start, day = self._gains
        gains = start[pool + 1] - start[pool]
        return np.repeat(pair, gains), day[ranges(start[pool], gains)]

    def days(self, order: Ints, lane: Ints) -> tuple[Ints, Ints]:
        """(pair, day), sorted, each once: every event day of each (order, lane)."""
        house = self.facts.tables.lane_warehouse[lane]
        start = np.searchsorted(self.house_days, np.arange(self.facts.n_warehouses + 1) * DAYS)
        count = start[house + 1] - start[house]
        pair, day = np.repeat(np.arange(len(order)), count), self.house_days[ranges(start[house], count)] % DAYS
        other, gained = self._gain_keys(order, lane)
        keys = np.unique(np.concatenate([pair, other]) * DAYS + np.concatenate([day, gained]))
        return keys // DAYS, keys % DAYS

    def is_event(self, order: Ints, lane: Ints, day: Ints) -> Flags:
        """Whether each (order, lane) has an event on the day."""
        if not self.dated:
            return np.asarray(day == 0, dtype=bool)
        key = order * np.int64(max(len(self.facts.tables.lanes), 1)) + lane
        keys, of_row = np.unique(key, return_inverse=True)
        lanes = max(len(self.facts.tables.lanes), 1)
        pair, days = self.days(keys // lanes, keys % lanes)
        return np.isin(of_row * DAYS + day, pair * DAYS + days)

    # -- slots ----------------------------------------------------------------------------------------------------
    def arrival(self, lane: Ints, day: Ints) -> Ints:
        """The day on which what leaves on ``day`` arrives."""
        transit: Ints = self.facts.tables.lanes["transit_days"][lane]
        arrives: Ints = day + transit
        return arrives

    def days_late(self, order: Ints, arrive: Ints) -> Ints:
        """max(0, arrival − due date); 0 without a due date."""
        late: Ints = np.maximum(0, arrive - self.due[order])
        return late

    @cached_property
    def slots(self) -> Slots:
        """All slots that any order may use."""
        return Slots(self)


class Slots:
    """(lane, day) pairs by number, and which of them each order may use. Without dates a slot is a lane."""

    def __init__(self, events: Events) -> None:
        self.events, self.facts = events, events.facts
        lanes = len(self.facts.tables.lanes)
        if not events.dated:
            self.lane, self.day = np.arange(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.int64)
            return
        facts = self.facts
        by_zone, zone_start = facts.lanes_by_zone
        zone = facts.tables.order_zone
        count = zone_start[zone + 1] - zone_start[zone]
        order, lane = np.repeat(np.arange(facts.n_orders), count), by_zone[ranges(zone_start[zone], count)]
        allowed = facts.lane_allowed(order, lane)
        order, lane = order[allowed], lane[allowed]
        pair, day = events.days(order, lane)
        order, lane = order[pair], lane[pair]
        kept = events.arrival(lane, day) <= events.cancel[order]
        order, lane, day = order[kept], lane[kept], day[kept]
        keys, slot = np.unique(lane * DAYS + day, return_inverse=True)
        self.keys = keys
        self.lane, self.day = keys // DAYS, keys % DAYS
        by_order = np.lexsort((slot, order))
        self._slot = slot[by_order]
        self._start = np.searchsorted(order[by_order], np.arange(facts.n_orders + 1)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.lane)

    def find(self, lane: Ints, day: Ints) -> Ints:
        """The slot of each (lane, day), −1 where no order may use it."""
        if not self.events.dated:
            return np.where(day == 0, lane, -1)
        return find_keys(self.keys, lane * DAYS + day)

    def width(self, order: Ints) -> Ints:
        """How many candidates each order has, at most."""
        if self.events.dated:
            return self._start[order + 1] - self._start[order]
        zone, start = self.facts.tables.order_zone[order], self.facts.lanes_by_zone[1]
        return start[zone + 1] - start[zone]

    def of_orders(self, order: Ints) -> tuple[Ints, Ints]:
        """(position in ``order``, slot) of every slot that each order may use."""
        if self.events.dated:
            count = self._start[order + 1] - self._start[order]
            return np.repeat(np.arange(len(order)), count), self._slot[ranges(self._start[order], count)]
        by_zone, zone_start = self.facts.lanes_by_zone
        zone = self.facts.tables.order_zone[order]
        count = zone_start[zone + 1] - zone_start[zone]
        owner, lane = np.repeat(np.arange(len(order)), count), by_zone[ranges(zone_start[zone], count)]
        allowed = self.facts.lane_allowed(order[owner], lane)
        allowed &= self.events.arrival(lane, np.zeros(len(lane), dtype=np.int64)) <= self.events.cancel[order[owner]]
        return owner[allowed], lane[allowed]
