"""Limits on money: sums of decimals over columns, of which only those that can bind become rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import ranks_of
from optimizer.model.terms import ROUNDING, Ratio

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Entries = tuple[Ints, Ints, Ratio]
"""Position of the limit in its table, column, money per unit of the column."""


def money_rows(
    family: str,
    key: str,
    entries: Entries,
    limit: Exact,
    stated: Flags,
    most: Floats,
    part: bool = False,
    grid: Floats | None = None,
) -> Rows:
    """Rows Σ entries ≤ limit, for the limits that are stated and can bind: ``most`` is all that could be spent.

    ``part``: others spend of it too, so all of them stay. ``grid``: by column, as in `optimizer.model.rows.scaled`.
    """
    owner, column, money = entries
    kept = stated & (part | (most * (1 + ROUNDING) + 1 > limit.floats()))
    place, chosen = np.flatnonzero(kept), np.flatnonzero(kept[owner])
    row = (np.cumsum(kept) - 1)[owner[chosen]]
    dropped = int(np.count_nonzero(stated & ~kept))
    entry = (row, column[chosen], money.take(chosen))
    steps = None if grid is None else grid[entry[1]]
    return whole_rows(family, {key: place}, *entry, limit.take(place), "<=", coupling=True, dropped=dropped, grid=steps)


def joined(parts: list[Entries]) -> Entries:
    """All entries, those of the same limit and column added up exactly."""
    owner = np.concatenate([part[0] for part in parts])
    column = np.concatenate([part[1] for part in parts])
    top = Exact.concat([part[2].top for part in parts])
    bottom = np.concatenate([part[2].bottom for part in parts])
    at, size = ranks_of(owner, column)
    order = np.empty_like(at)
    order[at] = np.arange(len(at))
    if size == len(at):
        return owner[order], column[order], Ratio(top.take(order), bottom[order])
    first = np.zeros(size, dtype=np.int64)
    first[at] = np.arange(len(at))
    common = bottom[first]
    other = np.flatnonzero(common[at] != bottom)
    np.lcm.at(common, at[other], bottom[other])
    total = (top * (common[at] // bottom)).sum_by(at, size)
    return owner[first], column[first], Ratio(total, common)
