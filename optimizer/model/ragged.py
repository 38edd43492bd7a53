"""Lists of different lengths, laid end to end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE

Ints = NDArray[np.int64]

DIGIT_BITS = 16
DIGIT = (1 << DIGIT_BITS) - 1
HALF_DIGIT = (1 << DIGIT_BITS // 2) - 1
FEW_RUNS = 16
FLAGS_PER_CODE = 8
"""So many flags take the memory of one code, and less time than to sort it."""


def expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """For ranges start..stop: which range each element is of, and the element."""
    count = stop - start
    np.maximum(count, 0, out=count)
    if count.max(initial=0) <= 1:
        owner = np.flatnonzero(count)
        return owner, start.take(owner)
    end = np.cumsum(count)
    size = int(end[-1])
    owner = np.bincount(end[:-1], minlength=size)[:size]
    np.cumsum(owner, out=owner)  # how many ranges have ended: faster than repeating
    shift = np.subtract(start, end, out=end)
    shift += count
    place = shift.take(owner)
    place += np.arange(size)
    return owner, place


def same(value: float, size: int) -> NDArray[np.float64]:
    """The same number everywhere, which takes no memory."""
    return np.broadcast_to(np.float64(value), (size,))


def joined(parts: list[Ints]) -> Ints:
    """All of them end to end; a single one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def starts_of(owner: Ints, size: int) -> Ints:
    """Where the elements of each owner 0..size-1 begin once they are sorted by owner, and the end of the last."""
    return np.append(0, np.cumsum(np.bincount(owner, minlength=size)))


def ranks_of(*keys: Ints) -> tuple[Ints, int]:
    """For each position its place among the distinct rows of the keys, in lexicographic order; how many there are."""
    code = joint_code(*keys)
    order = _order(keys, code)
    starts = np.zeros(len(order), dtype=bool)
    for key in keys if code is None else (code,):
        by_order = key.take(order)
        starts[1:] |= by_order[1:] != by_order[:-1]
    starts[:1] = True
    place = np.cumsum(starts)
    place -= 1
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = place
    return rank, int(starts.sum())


def order_of(*keys: Ints) -> Ints:
    """The stable order of the rows of the keys."""
    return _order(keys, joint_code(*keys))


def _order(keys: tuple[Ints, ...], code: Ints | None) -> Ints:
    """By one code where there is one: numpy gains much from keys that are nearly sorted, but only on a single one."""
    return np.lexsort(keys[::-1]) if code is None else np.argsort(code, kind="stable")


def joint_code(*keys: Ints) -> Ints | None:
    """Whole numbers ≥ 0 that sort as the rows of the keys do; None where machine integers might not hold them."""
    code, size = np.zeros(len(keys[0]), dtype=np.int64), 1
    for key in keys:
        least = int(key.min(initial=0))
        span = int(key.max(initial=0)) - least + 1
        size *= span
        if size >= INT64_SAFE:
            return None
        code *= span
        code += key - least if least else key
    return code


def stable_order(code: Ints) -> Ints:
    """The stable order of whole numbers ≥ 0."""
    order = sorting(code)
    return np.arange(len(code)) if order is None else order


def sorting(code: Ints) -> Ints | None:
    """The same; None where they are in order already.

    A few sorted runs are merged; other numbers go sixteen bits at a time, which numpy sorts in linear time.
    """
    falls = np.count_nonzero(code[1:] < code[:-1])
    if not falls:
        return None
    return np.argsort(code, kind="stable") if falls < FEW_RUNS else _by_digits(code)


def _by_digits(code: Ints) -> Ints:
    largest = code.max()
    if largest <= HALF_DIGIT:
        return np.argsort(code.astype(np.uint8), kind="stable")
    order = np.argsort(code.astype(np.uint16), kind="stable")  # the lowest digit alone
    if largest <= DIGIT:
        return order
    high = (code >> DIGIT_BITS)[order]
    by_high = sorting(high)
    return order if by_high is None else order[by_high]


def renumbered(group: Ints) -> tuple[Ints, int]:
    """Numbers of groups in their order, without the gaps that thinning left; how many there are."""
    there = np.bincount(group) > 0
    return (np.cumsum(there) - 1)[group], int(np.count_nonzero(there))


def distinct_codes(code: Ints) -> Ints:
    """The different values ≥ 0, sorted; numpy's own way, a table of hashes, takes many times as long for a million."""
    size = int(code.max(initial=-1)) + 1
    if size <= FLAGS_PER_CODE * len(code):
        there = np.zeros(size, dtype=bool)
        there[code] = True
        return np.flatnonzero(there)
    in_order = np.sort(code)
    starts = np.ones(len(code), dtype=bool)
    starts[1:] = in_order[1:] != in_order[:-1]
    return in_order[starts]


def first_of(group: Ints, size: int) -> Ints:
    """The first position of each group 0..size-1, every one of which occurs."""
    first = np.zeros(size, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first


def totals(group: Ints, amount: Ints, size: int) -> Ints:
    """Whole totals by group."""
    most = max(int(amount.max(initial=0)), -int(amount.min(initial=0)))
    if most * len(amount) < 2**53:
        return np.bincount(group, amount, size).astype(np.int64)  # doubles add whole numbers of this size exactly
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, group, amount)
    return total
