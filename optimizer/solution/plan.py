"""The decision itself: how much of each order line ships on which lane, on which day, as which product, from which lot.

Everything is a position: of lines, lanes and products in the tables, of sources in `optimizer.model.supply.Supply`.
Days count from `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

OWN = -1
"""Stands for the product that the line ordered, in plans that are not yet completed."""


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Draws:
    """What the rows of a plan take from stock: ``units`` shipped of ``source`` for ``row``, sorted by (row, source)."""

    row: Ints = field(default_factory=_none)
    source: Ints = field(default_factory=_none)
    units: Ints = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, row: Ints, source: Ints, units: Ints) -> Draws:
        """From unsorted draws; zeros are dropped, equal ones added up."""
        (row, source), units = _added((row, source), units)
        return cls(row, source, units)


@dataclass(frozen=True)
class MovedStock:
    """Units of ``source`` (a lot of ``product`` at the warehouse that it leaves) moved by row ``transfer`` on ``day``.

    Sorted by (transfer, source, day).
    """

    transfer: Ints = field(default_factory=_none)
    source: Ints = field(default_factory=_none)
    day: Ints = field(default_factory=_none)
    units: Ints = field(default_factory=_none)
    product: Ints = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.transfer)

    @classmethod
    def of(cls, transfer: Ints, source: Ints, day: Ints, units: Ints, product: Ints) -> MovedStock:
        """From unsorted moves; zeros are dropped, equal ones added up."""
        (transfer, source, day, product), units = _added((transfer, source, day, product), units)
        return cls(transfer, source, day, units, product)


@dataclass(frozen=True)
class Plan:
    """Allocations: ``qty`` ordered units of ``line`` on ``lane``, leaving on ``day``, served with ``product``.

    Sorted by (line, lane, day, product), one row each, every quantity at least 1. ``draws`` say from which lots the
    shipped units come (of a kit: those of its components), ``moves`` what is moved between warehouses first.

    A plan may be made from ``line``, ``lane`` and ``qty`` alone: it leaves on day 0 and ships what was ordered. Rows
    without draws take the lots that expire first. `optimizer.solution.complete.completed` fills both in; a `Ledger`
    always holds a completed plan.
    """

    line: Ints
    lane: Ints
    qty: Ints
    day: Ints = field(default_factory=_none)
    product: Ints = field(default_factory=_none)
    draws: Draws = field(default_factory=Draws)
    moves: MovedStock = field(default_factory=MovedStock)

    def __post_init__(self) -> None:
        size = len(self.qty)
        if len(self.day) != size:
            object.__setattr__(self, "day", np.zeros(size, dtype=np.int64))
        if len(self.product) != size:
            object.__setattr__(self, "product", np.full(size, OWN, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.qty)

    @classmethod
    def of(
        cls,
        line: Ints,
        lane: Ints,
        qty: Ints,
        day: Ints | None = None,
        product: Ints | None = None,
        moves: MovedStock | None = None,
    ) -> Plan:
        """From unsorted rows without draws; zero quantities are dropped, equal keys added up."""
        day = np.zeros(len(qty), dtype=np.int64) if day is None else day
        product = np.full(len(qty), OWN, dtype=np.int64) if product is None else product
        (line, lane, day, product), qty = _added((line, lane, day, product), qty)
        return cls(line, lane, qty, day, product, moves=moves or MovedStock())

    @classmethod
    def joined(cls, line: Ints, lane: Ints, qty: Ints, day: Ints, product: Ints, draws: Draws) -> Plan:
        """From unsorted rows, several of one key added up; ``draws`` name the rows as they are given."""
        merged = cls.of(line, lane, qty, day, product)
        order = np.lexsort((product, day, lane, line))
        order = order[qty[order] > 0]
        keys = tuple(key[order] for key in (line, lane, day, product))
        starts = np.zeros(len(order), dtype=bool)
        starts[:1] = True
        for key in keys:
            starts[1:] |= key[1:] != key[:-1]
        row = np.full(len(qty), -1, dtype=np.int64)
        row[order] = np.cumsum(starts) - 1
        kept = row[draws.row] >= 0
        draws = Draws.of(row[draws.row][kept], draws.source[kept], draws.units[kept])
        return replace(merged, draws=draws)


def _added(keys: tuple[Ints, ...], amount: Ints) -> tuple[tuple[Ints, ...], Ints]:
    """Sorted by keys, amounts of equal keys added up, nothing that is zero."""
    keep = amount > 0
    keys, amount = tuple(key[keep] for key in keys), amount[keep]
    order = np.lexsort(keys[::-1])
    keys, amount = tuple(key[order] for key in keys), amount[order]
    first = np.zeros(len(amount), dtype=bool)
    first[:1] = True
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(first)
    total = np.add.reduceat(amount, starts) if len(starts) else amount
    return tuple(key[starts] for key in keys), total.astype(np.int64)
