"""Order blocks without the lanes that can never pay, so that far fewer sets of lanes are looked at.

In a *plain* block the fill is submodular: a lane adds to any set at most what it earns alone. Where that is no more
than its fee, in every variant, every set is worth at most as much as the same set without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.order_blocks import Money, OrderBlocks

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def paying_lanes(blocks: OrderBlocks) -> Flags:
    """Flags m × s: lanes that earn more than their fee alone, in some variant. For plain blocks."""
    most = np.minimum(blocks.cap, blocks.room[:, None])
    pays = np.zeros((blocks.size, blocks.lanes), dtype=bool)
    for value, fee in zip(blocks.values, blocks.fees, strict=True):
        alone = np.add.reduceat(np.maximum(value, 0) * most, blocks.first, axis=0)
        pays |= np.asarray(alone > fee, dtype=bool)
    return pays


def narrowed(blocks: OrderBlocks) -> Iterator[tuple[Ints, OrderBlocks]]:
    """The orders of a plain block by about how many lanes can pay: (their positions, a block of those lanes alone)."""
    pays = paying_lanes(blocks)
    width = pays.sum(axis=1)
    first_paying = np.argsort(~pays, axis=1, kind="stable")
    owner = np.repeat(np.arange(blocks.size), blocks.count)
    wide = np.minimum(rounded_width(width), blocks.lanes)
    for lanes in np.unique(wide).tolist():
        order = np.flatnonzero(wide == lanes)
        yield order, _part(blocks, order, np.flatnonzero((wide == lanes)[owner]), first_paying[order, :lanes])


def rounded_width(width: Ints) -> Ints:
    """Up to the next of 0, 1, 2, 3, 4, 6, 8, 12, 16, …: few kinds of blocks, and few lanes in them that cannot pay."""
    steps = np.array([0, 1, 2, 3, *(step << k for k in range(30) for step in (4, 6))], dtype=np.int64)
    return steps[np.searchsorted(steps, width)]


def _part(blocks: OrderBlocks, order: Ints, line: Ints, lanes: Ints) -> OrderBlocks:
    """Some orders with their lines, each with as many of its lanes."""
    count = blocks.count[order]
    of_line = lanes[np.repeat(np.arange(len(order)), count)]

    def cells(table: Money) -> Money:
        chosen: Money = table[line[:, None], of_line]
        return chosen

    return replace(
        blocks,
        first=np.cumsum(count) - count,
        count=count,
        values=[cells(value) for value in blocks.values],
        fees=[fee[order[:, None], lanes] for fee in blocks.fees],
        base=[base[order] for base in blocks.base],
        cap=cells(blocks.cap),
        room=blocks.room[line],
        missing=blocks.missing[line],
        least=blocks.least[line],
        forced=blocks.forced[line],
        bonus=blocks.bonus[line],
        prize=blocks.prize[order],
        policy=blocks.policy[order],
        limit=np.minimum(blocks.limit[order], lanes.shape[1]),
        required=blocks.required[order[:, None], lanes],
    )
