"""Lists of different lengths, laid end to end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """For ranges start..stop: which range each element is of, and the element."""
    count = np.maximum(stop - start, 0)
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) + np.repeat(start - (np.cumsum(count) - count), count)


def starts_of(owner: Ints, size: int) -> Ints:
    """Where the elements of each owner 0..size-1 begin in an array sorted by owner, and the end of the last."""
    return np.searchsorted(owner, np.arange(size + 1))


def ranks_of(*keys: Ints) -> tuple[Ints, int]:
    """For each position its place among the distinct rows of the keys, in lexicographic order; how many there are."""
    order = np.lexsort(keys[::-1])
    starts = np.zeros(len(order), dtype=bool)
    for key in keys:
        starts[1:] |= key[order[1:]] != key[order[:-1]]
    starts[:1] = True
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(starts) - 1
    return rank, int(starts.sum())


def first_of(group: Ints, size: int) -> Ints:
    """The first position of each group 0..size-1, every one of which occurs."""
    first = np.zeros(size, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first


def totals(group: Ints, amount: Ints, size: int) -> Ints:
    """Whole totals by group."""
    if amount.sum(dtype=np.float64) < 2**53:
        return np.bincount(group, amount, size).astype(np.int64)  # doubles add whole numbers of this size exactly
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, group, amount)
    return total
