"""Stock held back from everybody else: which pools a reserve is about, from when it limits what, and who is outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.model.calendar import SPAN
from optimizer.model.ragged import expand, starts_of
from optimizer.model.supply import Supply
from optimizer.tables.resolve import distinct, position
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WHO = ("channel", "segment", "tier", "customer_id")
WHAT = ("warehouse_id", "product_id", "family")


@dataclass(frozen=True)
class Reserves:
    """The rows that reserves state, sorted by (reserve, day), and the pools of each reserve.

    Row n: from ``day[n]`` on (to the reserve's next row), what orders outside have taken from its pools by then is at
    most ``limit[n]`` units. ``pair_reserve``, ``pair_pool``: which pools each reserve is about, sorted by pool;
    those of pool q stand at ``pool_start[q]:pool_start[q + 1]``. ``row_start``: where the rows of each reserve begin.
    """

    reserve: Ints
    day: Ints
    limit: Ints
    row_start: Ints
    pair_reserve: Ints
    pair_pool: Ints
    pool_start: Ints

    @classmethod
    def of(cls, tables: Tables, supply: Supply) -> Reserves:
        reserve, pool = _pools(tables, supply)
        pair, period = expand(supply.period_start[pool], supply.period_start[pool + 1])
        first = period == supply.period_start[pool[pair]]
        before = np.where(first, 0, supply.period_atp[np.maximum(period - 1, 0)])
        gain = supply.period_atp[period] - before
        codes, of = np.unique(reserve[pair] * SPAN + supply.period_day[period], return_inverse=True)
        size = len(tables.reserves)
        row_reserve = codes // SPAN
        step = np.zeros(len(codes), dtype=np.int64)
        np.add.at(step, of.reshape(-1), gain)
        total = np.cumsum(step)
        start = starts_of(row_reserve, size)
        before_own = np.append(0, total)[start[row_reserve]]
        held = np.asarray(tables.reserves["qty"], dtype=np.int64)[row_reserve]
        limit = np.maximum(total - before_own - held, 0)
        by_pool = np.lexsort((reserve, pool))
        return cls(
            reserve=row_reserve,
            day=codes % SPAN,
            limit=limit,
            row_start=start,
            pair_reserve=reserve[by_pool],
            pair_pool=pool[by_pool],
            pool_start=starts_of(pool[by_pool], len(supply.pool_warehouse)),
        )

    def __len__(self) -> int:
        return len(self.reserve)

    def outside(self, tables: Tables, order: Ints, pool: Ints) -> tuple[Ints, Ints]:
        """(position, reserve) for each draw by an ``order`` from a ``pool`` that a reserve counts against its limit.

        An order counts unless it is one of those that the reserve is for, or that a lower rank on the same pool is for.
        """
        draw, pair = expand(self.pool_start[pool], self.pool_start[pool + 1])
        reserve = self.pair_reserve[pair]
        inside = _is_for(tables, reserve, order[draw])
        rank = np.asarray(tables.reserves["rank"], dtype=np.int64)[reserve]
        first = np.full(len(order), SPAN, dtype=np.int64)
        np.minimum.at(first, draw[inside], rank[inside])
        counts = ~inside & (rank <= first[draw])
        return draw[counts], reserve[counts]

    def followed(self) -> Flags:
        """Rows that the next of the reserve keeps as well: it counts the same and more, and leaves no more."""
        same = self.reserve[1:] == self.reserve[:-1]
        return np.append(same & (self.limit[1:] <= self.limit[:-1]), np.zeros(min(len(self), 1), dtype=bool))

    def rows_from(self, reserve: Ints, day: Ints) -> tuple[Ints, Ints]:
        """(position, row): all rows of each reserve that what leaves on a day counts in."""
        codes = self.reserve * SPAN + self.day
        place = np.searchsorted(codes, reserve * SPAN + day, side="right") - 1
        return expand(np.maximum(place, self.row_start[reserve]), self.row_start[reserve + 1])


def _pools(tables: Tables, supply: Supply) -> tuple[Ints, Ints]:
    """All pairs (reserve, pool of its stock): rules that fill the same columns are joined with the pools in one go."""
    table, products = tables.reserves, tables.products
    values = {
        "warehouse_id": tables.warehouses["warehouse_id"][supply.pool_warehouse],
        "product_id": products["product_id"][supply.pool_product],
        "family": products["family"][supply.pool_product],
    }
    filled = np.stack([table[column] != "" for column in WHAT])
    pattern = (1 << np.arange(len(WHAT))) @ filled if len(table) else np.zeros(0, dtype=np.int64)
    parts: list[tuple[Ints, Ints]] = []
    for code in np.unique(pattern):
        members = np.flatnonzero(pattern == code)
        rule_key, pool_key = np.zeros(len(members), dtype=np.int64), np.zeros(len(supply.pool_product), dtype=np.int64)
        for bit, column in enumerate(WHAT):
            if code >> bit & 1:
                names = distinct(table[column][members])
                place = position(names, values[column])
                rule_key = rule_key * len(names) + position(names, table[column][members])
                pool_key = np.where((place < 0) | (pool_key < 0), -1, pool_key * len(names) + place)
        order = np.argsort(pool_key, kind="stable")
        start = np.searchsorted(pool_key[order], rule_key)
        rule, at = expand(start, np.searchsorted(pool_key[order], rule_key, side="right"))
        parts.append((members[rule], order[at]))
    nothing = np.zeros(0, dtype=np.int64)
    return (
        np.concatenate([nothing, *(part[0] for part in parts)]),
        np.concatenate([nothing, *(part[1] for part in parts)]),
    )


def _is_for(tables: Tables, reserve: Ints, order: Ints) -> Flags:
    """Whether each order is one of those that the reserve is for: every filled column matches."""
    customer = tables.order_customer[order]
    matches = np.ones(len(reserve), dtype=bool)
    for column in WHO:
        wanted = tables.reserves[column]
        if (wanted == "").all():
            continue
        names = distinct(wanted)
        table, of = (tables.orders, order) if column in ("channel", "customer_id") else (tables.customers, customer)
        asked, have = position(names, wanted), position(names, table[column])
        matches &= (wanted == "")[reserve] | (asked[reserve] == have[of])
    return matches
