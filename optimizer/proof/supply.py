"""Where stock is and when: sources (a lot of a product at a warehouse), pools of them, and the periods between changes.

A pool's supply changes when a receipt or a transfer arrives and when a lot expires; what is available at the start of
a period is available all through it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import DAYS, FOREVER, Calendar, day_numbers
from optimizer.proof.scope import ranges
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOBODY = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Moves:
    """What may be transferred: a row of `transfers`, one of the sources of its warehouse, and where it arrives."""

    row: Ints
    source: Ints
    target: Ints
    last: Ints
    """the last day on which it may leave: it arrives before it expires"""
    leave_row: Ints
    """row of `transfers` of each day on which units may leave, sorted"""
    leave_day: Ints

    def days(self, move: Ints) -> tuple[Ints, Ints]:
        """(position in ``move``, day) of every day on which each of them may leave."""
        left = np.searchsorted(self.leave_row, self.row[move], side="left")
        count = np.searchsorted(self.leave_row, self.row[move], side="right") - left
        which, day = np.repeat(np.arange(len(move)), count), self.leave_day[ranges(left, count)]
        in_time = day <= self.last[move[which]]
        return which[in_time], day[in_time]


class Supply:
    """Sources and pools sorted by warehouse, product (and lot); inbound and transfers worked in."""

    def __init__(self, tables: Tables, calendar: Calendar, as_of: datetime.date) -> None:
        self.tables, self.calendar = tables, calendar
        self.n_products = max(len(tables.products), 1)
        self.inbound_day = np.maximum(day_numbers(tables.inbound["available_date"], as_of, 0), 0)
        lots = tables.stock["lot_id"]
        self.lot_texts = sorted({"", *lots})
        code = {text: position for position, text in enumerate(self.lot_texts)}
        self.stock_lot = np.array([code[text] for text in lots], dtype=np.int64)
        self.stock_expiry = day_numbers(tables.stock["expiry_date"], as_of, FOREVER)
        self._sources()
        self._periods()

    # -- sources and pools ----------------------------------------------------------------------------------------
    def _key(self, warehouse: Ints, product: Ints, lot: Ints) -> Ints:
        key: Ints = (warehouse * np.int64(self.n_products) + product) * np.int64(len(self.lot_texts)) + lot
        return key

    def _sources(self) -> None:
        tables, no_lot = self.tables, np.zeros(len(self.tables.inbound_warehouse), dtype=np.int64)
        stock_key = self._key(tables.stock_warehouse, tables.stock_product, self.stock_lot)
        inbound_key = self._key(tables.inbound_warehouse, tables.inbound_product, no_lot)
        own = np.unique(np.concatenate([stock_key, inbound_key]))
        row, from_key, to_key, last = self._movable(own, dict(zip(stock_key.tolist(), self.stock_expiry.tolist())))  # noqa: B905
        leave_row, leave_day = self._leave_days(row, from_key, inbound_key)
        first = leave_day[np.searchsorted(leave_row, row)] if len(row) else row
        alive = first <= last
        row, from_key, to_key, last = row[alive], from_key[alive], to_key[alive], last[alive]
        self.key = np.unique(np.concatenate([own, to_key])) if len(to_key) else own
        pool_key, self.lot = np.divmod(self.key, len(self.lot_texts))
        pools, self.pool = np.unique(pool_key, return_inverse=True)
        self.pool_key = pools
        self.pool_warehouse, self.pool_product = np.divmod(pools, self.n_products)
        self.pool_sources = np.searchsorted(self.pool, np.arange(len(pools) + 1)).astype(np.int64)
        self.stock_source = np.searchsorted(self.key, stock_key)
        self.stock_row = np.full(len(self.key), -1, dtype=np.int64)
        self.stock_row[self.stock_source] = np.arange(len(stock_key))
        self.expiry = np.append(self.stock_expiry, FOREVER)[self.stock_row]
        self.inbound_source = np.searchsorted(self.key, inbound_key)
        source, target = np.searchsorted(self.key, from_key), np.searchsorted(self.key, to_key)
        fresh = ~np.isin(to_key, own)  # a lot that only transfers bring keeps the expiry that it had
        np.minimum.at(self.expiry, target[fresh], self.expiry[source[fresh]])
        self.moves = Moves(row, source, target, last, leave_row, leave_day)

    def _movable(self, own: Ints, expiries: dict[int, int]) -> tuple[Ints, Ints, Ints, Ints]:
        """Row of `transfers`, key of the source, key where it arrives and last day, of own sources that may move."""
        tables = self.tables
        if not len(tables.transfers):
            return NOBODY, NOBODY, NOBODY, NOBODY
        pool_key, lot = np.divmod(own, len(self.lot_texts))
        house, product = np.divmod(pool_key, self.n_products)
        by_house = np.searchsorted(house, np.arange(len(tables.warehouses) + 1))
        start, end = by_house[tables.transfer_from], by_house[tables.transfer_from + 1]
        row = np.repeat(np.arange(len(start)), end - start)
        which = ranges(start, end - start)
        named = tables.transfer_product
        pair = tables.transfer_from * np.int64(len(tables.warehouses)) + tables.transfer_to
        special = pair[named >= 0] * np.int64(self.n_products) + named[named >= 0]
        replaced = (named[row] < 0) & np.isin(pair[row] * np.int64(self.n_products) + product[which], special)
        fits = ((named[row] < 0) | (named[row] == product[which])) & ~replaced
        fits &= np.asarray(tables.warehouses["is_open"], dtype=bool)[tables.transfer_to[row]]
        fits &= tables.transfer_from[row] != tables.transfer_to[row]
        row, which = row[fits], which[fits]
        expiry = np.array([expiries.get(key, FOREVER) for key in own[which].tolist()], dtype=np.int64)
        target = self._key(tables.transfer_to[row], product[which], lot[which])
        return row, own[which], target, expiry - self.transit(row)

    def _leave_days(self, row: Ints, from_key: Ints, inbound_key: Ints) -> tuple[Ints, Ints]:
        """The event days of each row: the first working day, and that after each receipt of what it may move."""
        tables, lots = self.tables, len(self.lot_texts)
        if not len(row):
            return NOBODY, NOBODY
        rows = np.unique(row)
        first = self.calendar.first_working(tables.transfer_from[rows], np.zeros(len(rows), dtype=np.int64))
        pool, received = from_key // lots, inbound_key // lots
        by_pool = np.argsort(received, kind="stable")
        left = np.searchsorted(received[by_pool], pool, side="left")
        count = np.searchsorted(received[by_pool], pool, side="right") - left
        gaining = np.repeat(row, count)
        day = self.inbound_day[by_pool[ranges(left, count)]]
        leaves = self.calendar.first_working(tables.transfer_from[gaining], day)
        keys = np.unique(np.concatenate([rows * DAYS + first, gaining * DAYS + leaves]))
        return keys // DAYS, keys % DAYS

    def transit(self, row: Ints) -> Ints:
        """Days on the road of rows of `transfers`."""
        days: Ints = self.tables.transfers["transit_days"][row] if len(self.tables.transfers) else row
        return days

    # -- periods --------------------------------------------------------------------------------------------------
    def _periods(self) -> None:
        n = len(self.pool_key)
        inbound_pool = self.pool[self.inbound_source]
        which, leaves = self.moves.days(np.arange(len(self.moves.row)))
        arrive = leaves + self.transit(self.moves.row[which])
        arrive_pool = self.pool[self.moves.target[which]]
        self.gain_pool = np.concatenate([inbound_pool, arrive_pool])
        self.gain_day = np.concatenate([self.inbound_day, arrive])
        gains = np.unique(self.gain_pool * DAYS + self.gain_day)
        self.gain_pool, self.gain_day = gains // DAYS, gains % DAYS
        dying = (self.expiry >= 0) & (self.expiry < FOREVER)
        deaths = self.pool[dying] * DAYS + self.expiry[dying] + 1
        starts = np.arange(n, dtype=np.int64) * DAYS
        if len(gains) or len(deaths):
            starts = np.unique(np.concatenate([starts, gains, deaths]))
        self.period_key = starts
        self.period_pool, self.period_day = starts // DAYS, starts % DAYS
        self.period_start = np.searchsorted(self.period_pool, np.arange(n + 1)).astype(np.int64)
        self.period_atp = self.atp(self.period_pool, self.period_day)
        last = np.ones(len(starts), dtype=bool)
        last[:-1] = self.period_pool[1:] != self.period_pool[:-1]
        self.period_end = np.where(last, FOREVER, np.append(self.period_day, 0)[1:] - 1)
        """the last day of each period"""

    def period(self, pool: Ints, day: Ints) -> Ints:
        """The period of a pool that holds a day."""
        return np.searchsorted(self.period_key, pool * DAYS + np.minimum(day, FOREVER), side="right") - 1

    def first_dead(self, source: Ints) -> Ints:
        """The first period in which each source has expired; where the next pool begins if it never does."""
        after = np.minimum(np.maximum(self.expiry[source] + 1, 0), FOREVER)
        pool = self.pool[source]
        return np.asarray(np.searchsorted(self.period_key, pool * DAYS + after, side="left"), dtype=np.int64)

    # -- quantities -----------------------------------------------------------------------------------------------
    def _received(self, place: Ints, size: int) -> tuple[Ints, Ints]:
        """Sorted keys (place, day) of the receipts, and their running totals with a leading 0."""
        key = place * DAYS + self.inbound_day
        by_key = np.argsort(key, kind="stable")
        return key[by_key], np.concatenate([[0], np.cumsum(self.tables.inbound["qty"][by_key])])

    def inbound_by(self, pool: Ints, day: Ints) -> Ints:
        """Units that arrive in each pool until ``day``."""
        if not len(self.inbound_day):
            return np.zeros(len(pool), dtype=np.int64)
        keys, total = self._received(self.pool[self.inbound_source], len(self.pool_key))
        begin = np.searchsorted(keys, pool * DAYS, side="left")
        end = np.searchsorted(keys, pool * DAYS + np.minimum(day, FOREVER), side="right")
        return np.asarray(total[end] - total[begin], dtype=np.int64)

    def own(self, source: Ints, day: Ints) -> Ints:
        """What each source itself has by a day: on hand, and receipts where the lot is blank."""
        on_hand = np.append(self.tables.stock["on_hand_qty"], 0)[self.stock_row[source]]
        received = self.inbound_by(self.pool[source], day)
        return np.asarray(on_hand + np.where(self.lot[source] == 0, received, 0), dtype=np.int64)

    def atp(self, pool: Ints, day: Ints) -> Ints:
        """max(0, Σ of living lots (on hand − reserved − safety stock) + receipts until the day)."""
        stock = self.tables.stock
        net: Ints = stock["on_hand_qty"] - stock["reserved_qty"] - stock["safety_stock_qty"]
        total = np.zeros(len(self.pool_key), dtype=np.int64)
        np.add.at(total, self.pool[self.stock_source], net)
        left = total[pool] + self.inbound_by(pool, day)
        mortal = np.flatnonzero(self.stock_expiry < FOREVER)
        if len(mortal):
            key = self.pool[self.stock_source[mortal]] * DAYS + np.maximum(self.stock_expiry[mortal] + 1, 0)
            by_key = np.argsort(key, kind="stable")
            dead = np.concatenate([[0], np.cumsum(net[mortal][by_key])])
            begin = np.searchsorted(key[by_key], pool * DAYS, side="left")
            end = np.searchsorted(key[by_key], pool * DAYS + np.minimum(day, FOREVER), side="right")
            left = left - (dead[end] - dead[begin])
        return np.asarray(np.maximum(0, left), dtype=np.int64)

    # -- finding --------------------------------------------------------------------------------------------------
    def find_pool(self, warehouse: Ints, product: Ints) -> Ints:
        """The pool of each (warehouse, product), −1 where there is none."""
        return _find(self.pool_key, warehouse * np.int64(self.n_products) + product)

    def find_source(self, warehouse: Ints, product: Ints, lot: Ints) -> Ints:
        """The source of each (warehouse, product, lot), −1 where there is none (a lot of −1 is unknown)."""
        return np.where(lot < 0, -1, _find(self.key, self._key(warehouse, product, np.maximum(lot, 0))))

    def only_source(self, warehouse: Ints, product: Ints) -> Ints:
        """The source of each (warehouse, product) that has exactly one, −1 elsewhere."""
        pool = self.find_pool(warehouse, product)
        single = (pool >= 0) & (self.pool_sources[pool + 1] - self.pool_sources[pool] == 1)
        return np.where(single, self.pool_sources[np.maximum(pool, 0)], -1)

    @cached_property
    def holding(self) -> Exact:
        """holding_value_per_unit of each source, 0 for what has no row of stock, and for no source (−1) [money]."""
        stock = self.tables.stock
        value: Exact = stock["holding_value_per_unit"]
        given = value.where(stock.given("holding_value_per_unit"), 0)
        return Exact.concat([given, Exact.zeros(1)]).take(np.append(self.stock_row, -1))


@dataclass(frozen=True)
class Lots:
    """The limits of single lots, where a pool has several: one per source and period in which it lives."""

    start: Ints
    """sources + 1: where the limits of each source begin"""
    source: Ints
    period: Ints
    rhs: Ints
    """what the lot itself has by then; nothing moved in"""

    @classmethod
    def of(cls, supply: Supply) -> Lots:
        count = np.diff(supply.pool_sources)[supply.pool]
        source = np.arange(len(supply.key), dtype=np.int64)
        first = supply.period_start[supply.pool]
        size = np.where(count > 1, np.maximum(supply.first_dead(source) - first, 0), 0)
        period = ranges(first, size)
        of = np.repeat(source, size)
        start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        return cls(start, of, period, supply.own(of, supply.period_day[period]))


def _find(keys: Ints, wanted: Ints) -> Ints:
    if not len(keys):
        return np.full(wanted.shape, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
