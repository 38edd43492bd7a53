"""The best plan of orders with few units, exactly: dynamic programming over the units of their lines, lane after lane.

A state says how many units each line may have at most; a lane is left shut, or its fee is paid and it fills lines:

    best(k, units) = max(best(k − 1, units), max over what lane k takes of its value − fee + best(k − 1, units left)).

For plain blocks whose orders may use all of their lanes. Orders with the same numbers of units go through it together.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.order_blocks import CELLS_AT_ONCE, Money, OrderBlocks

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_STEPS = 20_000_000
"""Most work for one order: lanes × states × units. Beyond it branching is cheaper, if not exact."""
FEWEST_LANES = 3
"""Fewer are looked at sooner by branching."""
NEVER = -(2**62)


def fits_table(blocks: OrderBlocks) -> Flags:
    """Orders that are few enough units for the table; none where money does not fit machine integers."""
    if blocks.lanes < FEWEST_LANES or len(blocks.values) > 1 or not _is_machine(blocks):
        return np.zeros(blocks.size, dtype=bool)
    units = _units(blocks)
    states = np.multiply.reduceat((units + 1).astype(np.float64), blocks.first)
    steps = states * (1 + np.add.reduceat(units, blocks.first)) * blocks.lanes
    found: Flags = (steps <= MOST_STEPS) & (blocks.limit >= blocks.lanes)
    return found


def best_by_table(blocks: OrderBlocks) -> Money:
    """The best value of each order of a block that fits."""
    value, units = blocks.base[0].copy(), _units(blocks)
    for order, lines in _alike(blocks, units):
        room = tuple(units[lines[0]].tolist())
        piece = max(CELLS_AT_ONCE // int(np.prod([each + 1 for each in room])), 1)
        for start in range(0, len(order), piece):
            mine = order[start : start + piece]
            value[mine] += _table(blocks, mine, lines[start : start + piece], room)
    return value


def _is_machine(blocks: OrderBlocks) -> bool:
    return all(money.dtype == np.int64 for money in (*blocks.values, *blocks.fees, *blocks.base))


def _units(blocks: OrderBlocks) -> Ints:
    """How many units each line can have: its room, or what all lanes carry."""
    total: Ints = np.minimum(blocks.room, np.minimum(blocks.cap, blocks.room[:, None]).sum(axis=1))
    return total


def _alike(blocks: OrderBlocks, units: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Orders whose lines have the same numbers of units: (orders, m × n their lines, fewest units first)."""
    for count in np.unique(blocks.count).tolist():
        order = np.flatnonzero(blocks.count == count)
        lines = blocks.first[order][:, None] + np.arange(count)
        lines = np.take_along_axis(lines, np.argsort(units[lines], axis=1, kind="stable"), axis=1)
        _, kind = np.unique(units[lines], axis=0, return_inverse=True)
        by_kind = np.argsort(kind.ravel(), kind="stable")
        cuts = np.flatnonzero(np.diff(kind.ravel()[by_kind])) + 1
        for part in np.split(by_kind, cuts):
            yield order[part], lines[part]


def _table(blocks: OrderBlocks, order: Ints, lines: Ints, room: tuple[int, ...]) -> Money:
    """What orders earn beyond their base; ``lines`` m × n, each with ``room`` units."""
    value, fee = blocks.values[0][lines], blocks.fees[0][order]
    cap = np.minimum(blocks.cap[lines], np.array(room)[None, :, None])
    best = np.zeros((len(order), *(units + 1 for units in room)), dtype=np.int64)
    wide = (slice(None), *(None for _ in room))
    for lane in range(blocks.lanes):
        paid = best - fee[:, lane][wide]
        for at, units in enumerate(room):
            paid = _filled(paid, at + 1, units, value[:, at, lane], cap[:, at, lane], wide)
        np.maximum(best, paid, out=best)
    found: Money = best.reshape(len(order), -1)[:, -1]
    return found


def _filled(before: Money, axis: int, units: int, value: Money, cap: Ints, wide: tuple[slice | None, ...]) -> Money:
    """The table once a lane fills the line of an axis with up to ``cap`` units, where they gain."""
    after = before.copy()
    for taken in range(1, min(units, int(np.where(value > 0, cap, 0).max(initial=0))) + 1):
        gain = np.where((cap >= taken) & (value > 0), taken * value, NEVER)
        to = (slice(None),) * axis + (slice(taken, None),)
        come_from = (slice(None),) * axis + (slice(None, -taken),)
        np.maximum(after[to], before[come_from] + gain[wide], out=after[to])
    return after
