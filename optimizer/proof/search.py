"""Which lanes an order with any rules should open: sets of growing size, each bounded before it is looked at.

All that is known is that no set earns more than all lanes together, less the fees of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.order_blocks import Money, OrderBlocks

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_SETS = 4096
"""Most sets of one size that are looked at for one order; beyond it the order is bounded from above."""


@dataclass(frozen=True)
class Best:
    """Per order: an upper bound on what it can earn, whether it has a plan at all, whether every set was looked at."""

    value: Money
    possible: Flags
    searched: Flags


class _Search:
    """The state of one search over the orders of a block."""

    def __init__(self, blocks: OrderBlocks) -> None:
        self.blocks = blocks
        self.every = np.arange(blocks.size, dtype=np.int64)
        self.searched = np.ones(blocks.size, dtype=bool)
        none = np.zeros((blocks.size, 0), dtype=np.int64)
        money, self.known = blocks.fill(self.every, none)
        self.best = least_of(money)
        all_lanes = np.broadcast_to(np.arange(blocks.lanes), (blocks.size, blocks.lanes))
        self.ceiling, can_all = blocks.fill(self.every, all_lanes)
        fits = can_all & (blocks.limit >= blocks.lanes)
        self.offer(self.every[fits], least_of([top - fee.sum(axis=1) for top, fee in self._each()])[fits])
        self.hopeful = can_all
        self.sorted_fees = [np.cumsum(np.sort(fee, axis=1), axis=1) for fee in blocks.fees]

    def _each(self) -> list[tuple[Money, Money]]:
        return list(zip(self.ceiling, self.blocks.fees, strict=True))

    def offer(self, order: Ints, value: Money) -> None:
        """Found plans: keep the better one of each order."""
        fresh = ~self.known[order]  # an order without a plan so far takes any, and then the best
        self.best[order[fresh]] = value[fresh]
        self.known[order[fresh]] = True
        np.maximum.at(self.best, order, value)

    def upper(self, size: int) -> Money:
        """No set of ``size`` or more lanes earns more than this."""
        return least_of([top - fees[:, size - 1] for top, fees in zip(self.ceiling, self.sorted_fees, strict=True)])

    def open_orders(self, size: int) -> Flags:
        """Orders for which a set of ``size`` or more lanes might still win."""
        might = ~self.known | np.asarray(self.upper(size) > self.best, dtype=bool)
        return np.asarray(self.hopeful & might & (self.blocks.limit >= size), dtype=bool)

    def give_up(self, order: Ints, value: Money) -> None:
        """Too many sets: bound these orders from above by what larger sets could earn."""
        self.offer(order, value)
        self.searched[order] = False


def best_by_sets(blocks: OrderBlocks) -> Best:
    """The best value of each order over all sets of lanes that it may open."""
    state = _Search(blocks)
    if blocks.lanes:
        _grow(state)
    return Best(state.best, state.known, state.searched)


def _grow(state: _Search) -> None:
    blocks, lanes = state.blocks, state.blocks.lanes
    order = np.repeat(state.every[state.open_orders(1)], lanes)
    sets = np.tile(np.arange(lanes, dtype=np.int64), len(order) // lanes)[:, None]
    for size in range(1, lanes + 1):
        order, sets = _promising(state, order, sets)
        if not len(order):
            return
        money, possible = blocks.fill(order, sets)
        net = [earned - _fees(fee, order, sets) for earned, fee in zip(money, blocks.fees, strict=True)]
        state.offer(order[possible], least_of(net)[possible])
        if size < lanes:
            order, sets = _extended(state, order, sets)


def _promising(state: _Search, order: Ints, sets: Ints) -> tuple[Ints, Ints]:
    """The sets that could beat the best plan found so far if they earned as much as all lanes together."""
    bound = least_of([top[order] - _fees(fee, order, sets) for top, fee in state._each()])
    might = ~state.known[order] | np.asarray(bound > state.best[order], dtype=bool)
    return order[might], sets[might]


def _extended(state: _Search, order: Ints, sets: Ints) -> tuple[Ints, Ints]:
    """Each set with one more lane after its last, for the orders where larger sets might still win."""
    size = sets.shape[1] + 1
    alive = state.open_orders(size)[order]
    order, sets = order[alive], sets[alive]
    joins = np.arange(state.blocks.lanes) > sets[:, -1:]
    reach = state.upper(size)[order]
    found = np.bincount(order, weights=joins.sum(axis=1), minlength=state.blocks.size)
    crowded = (found > MOST_SETS)[order]
    if crowded.any():
        open_sets = crowded & joins.any(axis=1)
        state.give_up(order[open_sets], reach[open_sets])
        joins[crowded] = False
    row, lane = np.nonzero(joins)
    return order[row], np.column_stack([sets[row], lane])


def _fees(fee: Money, order: Ints, sets: Ints) -> Money:
    total: Money = fee[order[:, None], sets].sum(axis=1)
    return total


def least_of(money: list[Money]) -> Money:
    """Per order the least of its variants: each of them bounds it from above."""
    least = money[0].copy()
    for other in money[1:]:
        least = np.minimum(least, other)
    return least
