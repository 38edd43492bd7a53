"""The best plan of orders with few units, exactly: dynamic programming over the units of their lines, lane after lane.

A state says how many units each line may have at most; a lane is left shut, or its fee is paid and it fills lines:

    best(k, units) = max(best(k − 1, units), max over what lane k takes of its value − fee + best(k − 1, units left)).

For plain blocks whose orders may use all of their lanes. Orders with about the same numbers of units go through it
together, and each reads its own place of the table.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.narrow import rounded_width
from optimizer.proof.order_blocks import CELLS_AT_ONCE, NEVER, Money, OrderBlocks

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FEW_STEPS, MOST_STEPS = 20_000, 20_000_000
"""Work for one order, in `table_steps`: the table is cheaper than branching; branching is cheaper, if not exact."""
FEWEST_LANES = 3
"""Fewer are looked at sooner by branching."""


def table_steps(blocks: OrderBlocks) -> Floats:
    """The work of each order's table: lanes × states × units; infinite where the table does not hold what it needs.

    None holds where money does not fit machine integers, or an order may not use all of its lanes.
    """
    if blocks.lanes < FEWEST_LANES or len(blocks.values) > 1 or not blocks.is_machine:
        return np.full(blocks.size, np.inf)
    sizes = rounded_width(blocks.units)
    states = np.multiply.reduceat((sizes + 1).astype(np.float64), blocks.first)
    steps = states * (1 + np.add.reduceat(sizes, blocks.first)) * blocks.lanes
    found: Floats = np.where(blocks.limit >= blocks.lanes, steps, np.inf)
    return found


def best_by_table(blocks: OrderBlocks) -> Money:
    """The best value of each order of a block with finite `table_steps`."""
    value, units = blocks.base[0].copy(), blocks.units
    for order, lines, sizes in _alike(blocks, units):
        piece = max(CELLS_AT_ONCE // int(np.prod(np.add(sizes, 1))), 1)
        for start in range(0, len(order), piece):
            mine, own = order[start : start + piece], lines[start : start + piece]
            best = _table(blocks, mine, own, sizes)
            value[mine] += best[(*units[own].T, np.arange(len(mine)))]
    return value


def _alike(blocks: OrderBlocks, units: Ints) -> Iterator[tuple[Ints, Ints, tuple[int, ...]]]:
    """Orders whose lines have about the same numbers of units: (orders, m × n lines, fewest units first, sizes)."""
    for count in np.unique(blocks.count).tolist():
        order = np.flatnonzero(blocks.count == count)
        lines = blocks.first[order][:, None] + np.arange(count)
        lines = np.take_along_axis(lines, np.argsort(units[lines], axis=1, kind="stable"), axis=1)
        sizes, kind = np.unique(rounded_width(units[lines]), axis=0, return_inverse=True)
        by_kind = np.argsort(kind.ravel(), kind="stable")
        cuts = np.flatnonzero(np.diff(kind.ravel()[by_kind])) + 1
        for part, size in zip(np.split(by_kind, cuts), sizes.tolist(), strict=True):
            yield order[part], lines[part], tuple(size)


def _table(blocks: OrderBlocks, order: Ints, lines: Ints, sizes: tuple[int, ...]) -> Money:
    """What orders earn beyond their base with so many units of each line: sizes + 1, orders last.

    Orders come last because numpy is fast along the last axis, and that is the long one.
    """
    value = np.ascontiguousarray(blocks.values[0][lines].T)
    cap = np.ascontiguousarray(blocks.cap[lines].T)
    fee = np.ascontiguousarray(blocks.fees[0][order].T)
    best = np.zeros((*(size + 1 for size in sizes), len(order)), dtype=np.int64)
    for lane in range(blocks.lanes):
        paid = best - fee[lane]
        for line in range(len(sizes)):
            paid = _filled(paid, line, value[lane, line], cap[lane, line])
        np.maximum(best, paid, out=best)
    return best


def _filled(before: Money, axis: int, value: Money, cap: Ints) -> Money:
    """The table once a lane fills the line of an axis with up to ``cap`` units of each order, where they gain."""
    most = min(before.shape[axis] - 1, int(np.where(value > 0, cap, 0).max(initial=0)))
    if not most:
        return before
    after = before.copy()
    for taken in range(1, most + 1):
        gain = np.where((cap >= taken) & (value > 0), taken * value, NEVER)
        to = (slice(None),) * axis + (slice(taken, None),)
        come_from = (slice(None),) * axis + (slice(None, -taken),)
        np.maximum(after[to], before[come_from] + gain, out=after[to])
    return after
