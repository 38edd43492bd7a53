"""Stock over time: the lots there are, what is available to promise of each product at each warehouse, and from when.

A *source* is a lot of a product at a warehouse (one without a name where goods are not kept by lot), a *pool* all lots
of a product at a warehouse together. Days count from `as_of`. A pool's *periods* begin on day 0 and wherever its supply
changes: goods arrive, or a lot expires.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.calendar import FOREVER, SPAN
from optimizer.model.limits import Index
from optimizer.model.lookup import by_day
from optimizer.model.moves import Moves
from optimizer.model.ragged import distinct_codes, expand, starts_of, totals
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Supply:
    """Sources sorted by (warehouse, product, lot), pools by (warehouse, product), periods by (pool, day).

    By source: ``stock_row`` (-1 where it has none: goods still to come), ``on_hand`` units, ``expiry`` (last day on
    which it may leave, `FOREVER` if there is none), ``holding`` (money per unit), ``pool``. The sources of pool q stand
    at ``source_start[q]:source_start[q+1]``, its periods at ``period_start[q]:period_start[q+1]``; ``period_atp`` is
    what is available to promise from ``period_day`` on, in units, without moves between warehouses. Receipts are
    inbound goods, sorted by (pool, day). ``moves``: those that the table `transfers` allows.
    """

    warehouse: Ints
    product: Ints
    lot: Texts
    stock_row: Ints
    on_hand: Ints
    expiry: Ints
    holding: Exact
    pool: Ints
    pool_warehouse: Ints
    pool_product: Ints
    source_start: Ints
    period_start: Ints
    period_pool: Ints
    period_day: Ints
    period_atp: Ints
    receipt_pool: Ints
    receipt_day: Ints
    receipt_qty: Ints
    moves: Moves
    pool_index: Index = field(repr=False)
    n_products: int

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario) -> Supply:
        """The supply that the tables stock, inbound and transfers state."""
        from optimizer.model.sources import lay_out

        return lay_out(tables, scenario)

    def __len__(self) -> int:
        return len(self.warehouse)

    @cached_property
    def single(self) -> bool:
        """Every pool is one source that stays as it is: no lots, no dates, no moves."""
        one_each = len(self) == len(self.pool_warehouse) == len(self.period_day)
        return one_each and not len(self.moves) and bool((self.expiry >= 0).all())

    @cached_property
    def has_lots(self) -> bool:
        """Some pool has several sources."""
        return len(self) > len(self.pool_warehouse)

    def find_pool(self, warehouse: Ints, product: Ints) -> Ints:
        """The pool of each (warehouse, product), -1 where there is none."""
        return self.pool_index.find(warehouse * self.n_products + product)

    def find_source(self, warehouse: Ints, product: Ints, lot: Texts) -> Ints:
        """The source of each (warehouse, product, lot), -1 where there is none."""
        names = {name: place for place, name in enumerate(sorted({*self.lot.tolist(), *lot.tolist()}))}
        own, wanted = (np.array([names[name] for name in part], dtype=np.int64) for part in (self.lot, lot))
        codes = (self.warehouse * self.n_products + self.product) * len(names) + own
        code = (warehouse * self.n_products + product) * len(names) + wanted
        place = np.minimum(np.searchsorted(codes, code), max(len(codes) - 1, 0))
        return np.where(codes[place] == code, place, -1) if len(codes) else np.full(len(code), -1, dtype=np.int64)

    def find_period(self, pool: Ints, day: Ints) -> Ints:
        """The period of the pool that each day falls in."""
        if self.single:
            return pool
        return by_day(self._search_period, pool, len(self.pool_warehouse), day)

    def _search_period(self, pool: Ints, day: Ints) -> Ints:
        return np.searchsorted(self._period_code, pool * SPAN + day, side="right") - 1

    @cached_property
    def _period_code(self) -> Ints:
        return self.period_pool * SPAN + self.period_day

    @cached_property
    def last_period(self) -> Ints:
        """Of each source the last period of its pool in which it is alive; the one before its pool's if in none."""
        last = self.find_period(self.pool, np.maximum(self.expiry, 0))
        return np.where(self.expiry < 0, self.period_start[self.pool] - 1, last)

    def own(self, source: Ints, day: Ints) -> Ints:
        """Units of the lot itself by a day: on hand, and receipts where the lot has no name; nothing moved in."""
        on_hand = self.on_hand[source]
        if not len(self.receipt_qty):
            return on_hand
        total = np.concatenate([[0], np.cumsum(self.receipt_qty)])
        codes, pool = self.receipt_pool * SPAN + self.receipt_day, self.pool[source]
        by_then = np.searchsorted(codes, pool * SPAN + day, side="right")
        before = np.searchsorted(self.receipt_pool, pool)
        return on_hand + np.where(self._unnamed[source], total[by_then] - total[before], 0)

    @cached_property
    def _unnamed(self) -> Flags:
        return cast("Flags", np.asarray(self.lot == "", dtype=bool))

    def room(self, source: Ints, day: Ints) -> Ints:
        """Most units that could leave a source on a day, by its own limits and those of its pool from then on."""
        if self.single:
            return self.period_atp[source]
        return by_day(self._least_room, source, len(self), day)

    def _least_room(self, source: Ints, day: Ints) -> Ints:
        period, last = self.find_period(self.pool[source], day), self.last_period[source]
        pool_has = range_least(self.period_atp, period, np.maximum(last, period)) + self._moved_in[self.pool[source]]
        lot_has = self.own(source, day) + self._moved_to[source]
        return np.where(period <= last, np.minimum(lot_has, pool_has), 0)

    def pool_room(self, pool: Ints, day: Ints) -> Ints:
        """Most units that could leave a pool by a day, from lots that are alive then."""
        has = self.period_atp[self.find_period(pool, day)]
        return has if self.single else has + self._moved_in[pool]

    @cached_property
    def most_of_pool(self) -> Ints:
        """Most units that could ever leave each pool."""
        if self.single:
            return self.period_atp
        every = np.arange(len(self))
        return totals(self.pool, self.own(every, np.full_like(every, FOREVER)), len(self._moved_in)) + self._moved_in

    @cached_property
    def _moved_to(self) -> Ints:
        """Most units that moves could bring to each source."""
        most, moves = np.zeros(len(self), dtype=np.int64), self.moves
        if len(moves):
            pair, first = np.unique(moves.source * len(self) + moves.to_source, return_index=True)
            end = np.full(len(pair), FOREVER, dtype=np.int64)
            np.add.at(most, pair % len(self), self.own(moves.source[first], end))
        return most

    @cached_property
    def _moved_in(self) -> Ints:
        """The same for each pool."""
        most = np.zeros(len(self.pool_warehouse), dtype=np.int64)
        np.add.at(most, self.pool, self._moved_to)
        return most

    @cached_property
    def gains(self) -> tuple[Ints, Ints]:
        """(pool, day > 0) at which a pool's supply grows, sorted, each once: receipts, and arrivals of moves."""
        pool = np.concatenate([self.receipt_pool, self.pool[self.moves.to_source]])
        day = np.concatenate([self.receipt_day, self.moves.arrive])
        codes = distinct_codes((pool * SPAN + day)[day > 0])
        return codes // SPAN, codes % SPAN

    def periods_of(self, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The cumulative limits that what leaves a source on a day counts in: (position of the draw, period)."""
        if self.single:
            return np.arange(len(source)), source
        return expand(*self.periods_of_each(source, day))

    def periods_of_each(self, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The same as ranges: where they begin and end."""
        if self.single:
            return source, source + 1
        return by_day(self._search_first, source, len(self), day), (self.last_period + 1)[source]

    def _search_first(self, source: Ints, day: Ints) -> Ints:
        return self.find_period(self.pool[source], day)

    @cached_property
    def moved(self) -> Flags:
        """Pools that moves can bring to or take from."""
        ends = np.concatenate([self.moves.source, self.moves.to_source])
        return np.bincount(self.pool[ends], minlength=len(self.pool_warehouse)) > 0

    @cached_property
    def lot_rows(self) -> LotRows:
        """The limits of single lots, in pools of several."""
        return LotRows.of(self)


@dataclass(frozen=True)
class LotRows:
    """Cumulative limits of lots in pools of several sources: up to ``period``, at most ``own`` units leave ``source``.

    Sorted by (source, period). A limit is left out where the next period of the lot has the same one: that keeps it.
    """

    source: Ints
    period: Ints
    own: Ints

    def __len__(self) -> int:
        return len(self.source)

    @classmethod
    def of(cls, supply: Supply) -> LotRows:
        several = np.flatnonzero(np.diff(supply.source_start)[supply.pool] > 1)
        place, period = expand(supply.period_start[supply.pool[several]], supply.last_period[several] + 1)
        source = several[place]
        own = supply.own(source, supply.period_day[period])
        repeats = np.zeros(len(source), dtype=bool)
        repeats[:-1] = (source[1:] == source[:-1]) & (own[1:] == own[:-1])
        keep = ~repeats | supply.moved[supply.pool[source]]
        return cls(source[keep], period[keep], own[keep])

    def of_draws(self, supply: Supply, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The limits that what leaves a source on a day counts in: (position of the draw, limit)."""
        return expand(*self.limits_of_each(supply, source, day))

    def limits_of_each(self, supply: Supply, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The same as ranges: where they begin and end."""
        size = len(supply.period_day) + 1
        codes, end = self.source * size + self.period, starts_of(self.source, len(supply))[1:]

        def first_limit(source: Ints, day: Ints) -> Ints:
            return np.searchsorted(codes, source * size + supply.find_period(supply.pool[source], day))

        return by_day(first_limit, source, len(supply), day), end[source]


def range_least(values: Ints, first: Ints, last: Ints) -> Ints:
    """The least of values[first..last] elementwise, from the least of runs of 1, 2, 4, ... values."""
    longest = int((last - first).max(initial=0)) + 1
    runs, width = [values], 1
    while width * 2 <= longest:
        ahead = np.concatenate([runs[-1][width:], runs[-1][-width:]])
        runs.append(np.minimum(runs[-1], ahead))
        width *= 2
    level = np.frexp((last - first + 1).astype(np.float64))[1].astype(np.int64) - 1
    table = np.stack(runs)
    return cast("Ints", np.minimum(table[level, first], table[level, last + 1 - (1 << level)]))
