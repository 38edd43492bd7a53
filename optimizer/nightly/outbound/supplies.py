"""Which supply covers which demand of a source (stock of one product at one warehouse in one lot): first in, first out.

Demands are picked in order of their day. What is on hand goes first, then receipts and transfers as they arrive. Stock
that is reserved already or held as safety stock stays untouched as far as the plan allows: it counts as one more demand
in front of all others, cut down where the plan takes more of a lot (its pool as a whole still keeps what it must).

All demands of a day may use all that has arrived by then, so the n-th unit to leave can always be the n-th to arrive if
there is any way at all; that is what makes one pass enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

DAYS = np.int64(2**31)
"""More than any day number: ``source · DAYS + day`` orders by source, then day."""


@dataclass(frozen=True)
class Pieces:
    """Units of one supply that cover one demand; ``demand`` and ``supply`` are row numbers of what was given."""

    demand: Ints
    supply: Ints
    units: Ints


class UncoveredError(ValueError):
    """A demand that no supply covers by its day; ``row`` is its row number."""

    def __init__(self, row: int) -> None:
        self.row = row
        super().__init__(f"demand {row} is not covered")


@dataclass(frozen=True)
class Rows:
    """Demands, or supplies: whose ``source`` they are, on which ``day``, how many ``units`` (at least 0).

    Rows are sorted by source and day; of one day the first rows go first.
    """

    source: Ints
    day: Ints
    units: Ints

    def totals(self, sources: int) -> Ints:
        """Units of each source."""
        found = np.zeros(sources, dtype=np.int64)
        np.add.at(found, self.source, self.units)
        return found


def cover(demands: Rows, supplies: Rows, protected: Ints) -> Pieces:
    """Supplies for all demands. ``protected``: units of each source to be left alone if possible.

    Raises `UncoveredError` for the first demand that leaves before enough has arrived.
    """
    sources = len(protected)
    supplied, taken = _ends(supplies), _ends(demands)
    before_supply, before_demand = _before(supplies, sources), _before(demands, sources)
    there = np.searchsorted(supplies.source * DAYS + supplies.day, demands.source * DAYS + demands.day, side="right")
    by_day = np.append(0, supplied)[there] - before_supply[demands.source]
    slack = by_day - (taken - before_demand[demands.source])
    if len(slack) and slack.min() < 0:
        raise UncoveredError(int(np.argmax(slack < 0)))
    kept = protected.copy()
    np.minimum.at(kept, demands.source, slack)
    shift = before_supply + kept - before_demand
    ends = taken + shift[demands.source]
    return _overlaps(ends - demands.units, ends, supplied)


def _ends(rows: Rows) -> Ints:
    """Running total of units over all rows."""
    return np.asarray(np.cumsum(rows.units), dtype=np.int64)


def _before(rows: Rows, sources: int) -> Ints:
    """Units of all sources before each one."""
    return np.asarray(np.append(0, np.cumsum(rows.totals(sources)))[:-1], dtype=np.int64)


def _overlaps(starts: Ints, ends: Ints, supplied: Ints) -> Pieces:
    """Demands as intervals of a line on which supplies follow each other without gaps: who covers which part."""
    cuts = np.unique(np.concatenate([starts, ends, supplied]))
    begin, units = cuts[:-1], np.diff(cuts)
    demand = np.searchsorted(starts, begin, side="right") - 1
    wanted = (demand >= 0) & (begin < ends[np.maximum(demand, 0)]) if len(ends) else np.zeros(len(begin), dtype=bool)
    supply = np.searchsorted(supplied, begin, side="right")
    return Pieces(demand[wanted], supply[wanted], units[wanted])
