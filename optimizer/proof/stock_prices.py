"""What a unit that leaves a source on a day pays, by all rows on stock, lots and reserves that count it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts

if TYPE_CHECKING:
    from optimizer.proof.prices import PriceBook

Ints = NDArray[np.int64]


def running(price: Exact) -> Exact:
    """Running totals with a leading 0."""
    num = price.num
    if num.dtype == np.int64 and int(np.abs(num).sum(dtype=object)) >= 2**62:
        num = num.astype(object)
    total = np.concatenate([np.zeros(1, dtype=num.dtype), np.cumsum(num)])
    return Exact(total, price.scale)


class StockPrices:
    """Prices of stock rows, summed over the periods in which a unit counts: from its day on while the lot lives."""

    def __init__(self, facts: Facts, book: PriceBook, pool_price: Exact | None = None) -> None:
        """``pool_price``: prices of `warehouse_stock` that stand in place of those of the book."""
        self.facts, self.book, self._given = facts, book, pool_price
        supply = facts.supply
        self.single = len(supply.period_key) == len(supply.pool_key) == len(supply.key)
        """one source and one period for each pool, and so one price"""

    @cached_property
    def pool_price(self) -> Exact:
        """The price of each period of each pool."""
        if self._given is not None:
            return self._given
        return self.book.spread("warehouse_stock", len(self.facts.supply.period_key))

    def priced_at(self, period: Ints, price: Exact) -> StockPrices:
        """The same, with other prices of some rows of `warehouse_stock`."""
        return StockPrices(self.facts, self.book, self.pool_price.put(period, price))

    @cached_property
    def simple(self) -> Exact:
        """Where each pool has one price: that of a unit, less the value of moving it; 0 for no pool (−1)."""
        price = Exact.concat([self.pool_price, Exact.zeros(1)])
        return price - self.facts.supply.holding * self.book.rates.holding

    @cached_property
    def _pools(self) -> Exact:
        return running(self.pool_price)

    @cached_property
    def _moves(self) -> Exact:
        return running(self.book.spread("transfer_source", len(self.facts.supply.period_key)))

    @cached_property
    def _lots(self) -> Exact:
        return running(self.book.spread("lot_stock", len(self.facts.lots.period)))

    def _between(self, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        supply = self.facts.supply
        start = supply.period(supply.pool[source], day)
        return start, np.maximum(start, supply.first_dead(source))

    def leaving(self, source: Ints, day: Ints) -> Exact:
        """Stock and lot rows that a unit pays that leaves a source on a day (or is paid that arrives there)."""
        facts, (start, end) = self.facts, self._between(source, day)
        price = self._pools.take(end) - self._pools.take(start)
        if len(self.book["lot_stock"].row):
            lots, first = facts.lots, facts.supply.period_start[facts.supply.pool[source]]
            several = lots.start[source + 1] > lots.start[source]
            begin = np.where(several, lots.start[source] + start - first, 0)
            until = np.where(several, lots.start[source] + end - first, 0)
            price = price + self._lots.take(until) - self._lots.take(begin)
        return price

    def moving(self, source: Ints, day: Ints) -> Exact:
        """The rows on a pool's own supply that a unit pays that leaves for another warehouse."""
        start, end = self._between(source, day)
        return self._moves.take(end) - self._moves.take(start)

    # -- reserves -------------------------------------------------------------------------------------------------
    @cached_property
    def _reserves(self) -> list[tuple[int, Ints, Exact]]:
        """Each priced reserve: the ends of its periods, and the sum of prices from each period on."""
        priced, reserves = self.book["reserve"], self.facts.reserves
        price = self.book.spread("reserve", len(reserves.row_day))
        found = []
        for at in np.unique(reserves.row_reserve[priced.row]).tolist():
            rows = np.flatnonzero(reserves.row_reserve == at)
            backwards = running(price.take(rows[::-1]))
            found.append((at, reserves.row_day[rows], backwards.take(np.arange(len(rows), -1, -1))))
        return found

    def reserved(self, line: Ints, pool: Ints, day: Ints) -> Exact:
        """What each unit that a line draws from a pool on a day pays for the reserves that it takes from."""
        total = Exact.zeros(len(line))
        for at, starts, rest in self._reserves:
            place = np.maximum(np.searchsorted(starts, day, side="right") - 1, 0)
            total = total + rest.take(place) * self.facts.reserves.takes(at, line, pool)
        return total
