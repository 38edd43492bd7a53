"""An upper bound for orders with too many units for a table and too many lanes to branch on: line by line.

The fee of each lane is split over the lines of the order. What each line earns at most alone, paying its share for
every lane that it uses, adds up to at least what any plan of the order earns: a plan pays each fee once, and the shares
of the lines that use the lane are no more than that. Shares move towards the lines that use a lane (variable splitting:
Guignard and Kim, 1987). For plain blocks; a limit on the number of shipments is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.order_blocks import CELLS_AT_ONCE, NEVER, Money, OrderBlocks

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

PASSES, FIRST_STEP, SHRINK = 60, 1.0, 0.93
"""How often shares move, by which part of a fee at first, and how that shrinks: all of it for the least bound."""
MOST_UNITS = 100
"""Most units of a line: its best is a table over them."""


def fits_by_line(blocks: OrderBlocks) -> Flags:
    """Orders whose lines are few enough units; none where money does not fit machine integers."""
    if not blocks.is_machine:
        return np.zeros(blocks.size, dtype=bool)
    fits: Flags = np.maximum.reduceat(blocks.units, blocks.first) <= MOST_UNITS
    return fits


def bound_by_line(blocks: OrderBlocks) -> Money:
    """What no plan of each order of a block earns more than, in all variants."""
    upper = np.full(blocks.size, np.iinfo(np.int64).max)
    for mine in _pieces(blocks):
        piece = blocks.of(mine)
        for value, fee, base in zip(piece.values, piece.fees, piece.base, strict=True):
            upper[mine] = np.minimum(upper[mine], base + _bound(piece, value, fee))
    return upper


def _pieces(blocks: OrderBlocks) -> Iterator[Flags]:
    """Orders with about as many units in their largest line, so many that their tables fit the memory."""
    most = np.maximum.reduceat(blocks.units, blocks.first)
    order = np.argsort(most, kind="stable")
    cells = np.cumsum(blocks.count[order] * (most[order] + 1) * blocks.lanes)
    for piece in np.split(order, np.flatnonzero(np.diff(cells // CELLS_AT_ONCE)) + 1):
        chosen = np.zeros(blocks.size, dtype=bool)
        chosen[piece] = True
        yield chosen


def _bound(blocks: OrderBlocks, value: Money, fee: Money) -> Money:
    """The least bound over all passes, beyond the base."""
    first, owner = blocks.first, np.repeat(np.arange(blocks.size), blocks.count)
    cap = np.where(value > 0, np.minimum(blocks.cap, blocks.room[:, None]), 0)
    units = np.minimum(blocks.room, cap.sum(axis=1))
    share = _shares((value * cap).astype(np.float64), fee, first, owner)
    upper = np.full(blocks.size, np.iinfo(np.int64).max)
    for number in range(PASSES):
        earned, used = _best_of_lines(value, cap, units, _whole(share, fee, first, owner))
        upper = np.minimum(upper, np.add.reduceat(earned, first))
        usual = np.add.reduceat(used.astype(np.float64), first, axis=0) / blocks.count[:, None]
        step = FIRST_STEP * SHRINK**number
        share = _shares(np.maximum(share + step * fee[owner] * (used - usual[owner]), 0.0), fee, first, owner)
    return upper


def _shares(weight: Floats, fee: Money, first: Ints, owner: Ints) -> Floats:
    """Shares in proportion to weights, together the fee of each lane."""
    total = np.add.reduceat(weight, first, axis=0)
    shares: Floats = weight * (fee / np.maximum(total, 1e-9))[owner]
    return shares


def _whole(share: Floats, fee: Money, first: Ints, owner: Ints) -> Ints:
    """Shares in whole units of money, never more than the fee together: nothing where rounding made them so."""
    whole = np.floor(share * (1 - 1e-12)).astype(np.int64)
    over = np.add.reduceat(whole, first, axis=0) > fee
    return np.where(over[owner], 0, whole)


def _best_of_lines(value: Money, cap: Ints, units: Ints, share: Ints) -> tuple[Money, Flags]:
    """(what each line earns at most, n × s the lanes that it then uses): by a table over its units, lane after lane."""
    n, lanes = value.shape
    best = np.zeros((int(units.max(initial=0)) + 1, n), dtype=np.int64)
    taken = np.zeros((lanes, *best.shape), dtype=np.int8)
    for lane in range(lanes):
        before, taking, most = best.copy(), taken[lane], int(np.minimum(cap[:, lane], units).max(initial=0))
        for take in range(1, most + 1):
            gain = np.where(cap[:, lane] >= take, take * value[:, lane] - share[:, lane], NEVER)
            better = before[:-take] + gain > best[take:]
            np.copyto(best[take:], before[:-take] + gain, where=better)
            np.copyto(taking[take:], take, where=better)
    left, line, used = units.copy(), np.arange(n), np.zeros((n, lanes), dtype=bool)
    for lane in range(lanes - 1, -1, -1):
        take = taken[lane, left, line].astype(np.int64)
        left, used[:, lane] = left - take, take > 0
    return best[units, line], used
