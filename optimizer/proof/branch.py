"""Which lanes an order that may go in part should open, by branch and bound; all orders of a block level by level.

The bound of a node spreads the fee of each undecided lane over the units that its cells carry at most, in proportion to
what these earn. A set pays its fees in full and its units no more than that, so the fill of all lanes at what is left
of their values is at least the net value of any set. What the fill leaves unpaid of the fees is all that can be wrong.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.order_blocks import CELLS_AT_ONCE, Money, OrderBlocks
from optimizer.proof.scope import ranges

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_NODES = 4096
"""Most nodes that are looked at for one order; beyond, what the open ones could be worth counts."""
FEW_NODES = 60
"""So many are looked at first: enough for most orders, and cheaper than a table over their units."""
FREE, OPEN, SHUT = range(3)
"""What a node has decided about a lane."""


class Nodes(NamedTuple):
    """Open nodes: the order of each, and what it says of each lane."""

    order: Ints
    state: NDArray[np.int8]


class Looked(NamedTuple):
    """What is known of nodes: no set below is worth more than ``upper``; a plan worth ``value`` (if it is one) exists.

    ``lane``: an undecided lane of which most is unpaid.
    """

    upper: Money
    value: Money
    is_plan: Flags
    lane: Ints
    state: NDArray[np.int8]
    """with lanes shut that cannot pay beside the open ones"""


class Branching:
    """The search over one plain block. ``best`` of each order in the end is at least the value of every set."""

    def __init__(self, blocks: OrderBlocks, most_nodes: int) -> None:
        self.blocks, self.most_nodes = blocks, most_nodes
        self.most = np.minimum(blocks.cap, blocks.room[:, None])
        self.best = blocks.base[0].copy()
        for base in blocks.base[1:]:
            self.best = np.minimum(self.best, base)
        self.searched = np.ones(blocks.size, dtype=bool)
        self.looked_at = np.zeros(blocks.size, dtype=np.int64)

    def run(self) -> None:
        """Look at all nodes, level by level, until none could hold a better plan."""
        blocks = self.blocks
        nodes = Nodes(np.arange(blocks.size), np.full((blocks.size, blocks.lanes), FREE, dtype=np.int8))
        while len(nodes.order):
            nodes = self._next(nodes, self._look(nodes))

    def _next(self, nodes: Nodes, found: Looked) -> Nodes:
        """The two children of every node that could still hold a better plan."""
        order, state = nodes.order, found.state
        np.maximum.at(self.best, order[found.is_plan], found.value[found.is_plan])
        np.add.at(self.looked_at, order, 1)
        alive = np.asarray(found.upper > self.best[order], dtype=bool)
        tired = alive & (self.looked_at > self.most_nodes)[order]
        np.maximum.at(self.best, order[tired], found.upper[tired])
        self.searched[order[tired]] = False
        alive &= ~tired
        order, state, lane = order[alive], state[alive], found.lane[alive]
        row = np.arange(len(order))
        opened, shut = state.copy(), state
        opened[row, lane] = OPEN
        shut[row, lane] = SHUT
        fits = (opened == OPEN).sum(axis=1) <= self.blocks.limit[order]
        return Nodes(np.concatenate([order[fits], order]), np.concatenate([opened[fits], shut]))

    def _look(self, nodes: Nodes) -> Looked:
        """The same for any number of nodes, in pieces of bounded memory."""
        cells = np.cumsum(self.blocks.count[nodes.order] * self.blocks.lanes)
        cuts = np.searchsorted(cells, np.arange(CELLS_AT_ONCE, int(cells[-1]), CELLS_AT_ONCE))
        bounds = np.unique(np.concatenate([[0], cuts, [len(nodes.order)]])).tolist()
        parts = [self._piece(Nodes(nodes.order[a:b], nodes.state[a:b])) for a, b in itertools.pairwise(bounds)]
        return parts[0] if len(parts) == 1 else Looked(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _piece(self, nodes: Nodes) -> Looked:
        blocks, (order, state) = self.blocks, nodes
        count = blocks.count[order]
        line = ranges(blocks.first[order], count)
        owner, start = np.repeat(np.arange(len(order)), count), np.cumsum(count) - count
        cap = np.where(state[owner] == SHUT, 0, self.most[line])
        at = _At(order, state, line, owner, start, cap)
        beside = [self._beside(variant, at) for variant in range(len(blocks.values))]
        state = np.where((state == FREE) & ~np.logical_or.reduce([pays for _, pays in beside]), SHUT, state)
        at = at._replace(state=state, cap=np.where(state[owner] == SHUT, 0, cap))
        upper, take, lane = self._variant(0, at)
        upper = np.minimum(upper, beside[0][0])
        for variant in range(1, len(blocks.values)):
            other = self._variant(variant, at)
            other = np.minimum(other[0], beside[variant][0]), *other[1:]
            less = np.asarray(other[0] < upper, dtype=bool)
            upper, lane = np.where(less, other[0], upper), np.where(less, other[2], lane)
            take = np.where(less[owner][:, None], other[1], take)
        taken = (state == OPEN) | np.logical_or.reduceat(take > 0, start, axis=0)
        value = self._earned(0, at, take, taken)
        for variant in range(1, len(blocks.values)):
            value = np.minimum(value, self._earned(variant, at, take, taken))
        return Looked(upper, value, taken.sum(axis=1) <= blocks.limit[order], lane, state)

    def _beside(self, variant: int, at: _At) -> tuple[Money, Flags]:
        """(what the open lanes earn with all that others could add, undecided lanes that may pay beside them).

        A lane fills what the open ones leave of a line, and beyond puts its units in the place of those worth least.
        """
        blocks = self.blocks
        value, fee = blocks.values[variant][at.line], blocks.fees[variant][at.order]
        is_open, room = at.state == OPEN, blocks.room[at.line]
        earned, gain = blocks.base[variant][at.order] - np.where(is_open, fee, 0).sum(axis=1), np.maximum(value, 0)
        if is_open.any():
            take = _filled(value, np.where(is_open[at.owner], at.cap, 0), room)
            earned = earned + np.add.reduceat((value * take).sum(axis=1), at.start)
            rest = np.minimum((room - take.sum(axis=1))[:, None], at.cap)
            least = np.where(take > 0, value, value.max(axis=1)[:, None]).min(axis=1)
            more = np.maximum(value - np.maximum(least, 0)[:, None], 0)
            gain = gain * rest + more * (at.cap - rest)
        else:
            gain = gain * at.cap
        added = np.add.reduceat(gain, at.start, axis=0) - fee
        pays = (at.state == FREE) & np.asarray(added > 0, dtype=bool)
        return earned + np.where(pays, added, 0).sum(axis=1), pays

    def _earned(self, variant: int, at: _At, take: Ints, taken: Flags) -> Money:
        """What a plan of these units is worth with these lanes open, as the variant counts it."""
        blocks, order = self.blocks, at.order
        units = np.add.reduceat((blocks.values[variant][at.line] * take).sum(axis=1), at.start)
        fees = np.where(taken, blocks.fees[variant][order], 0).sum(axis=1)
        earned: Money = blocks.base[variant][order] + units - fees
        return earned

    def _variant(self, variant: int, at: _At) -> tuple[Money, Ints, Ints]:
        """(upper bound of each node, the units of its fill, the undecided lane of which most is unpaid)."""
        blocks, free = self.blocks, at.state == FREE
        value, fee = blocks.values[variant][at.line], blocks.fees[variant][at.order]
        paid = np.where(free[at.owner], self._spread(value, fee, at), 0)
        left = value - paid
        take = _filled(left, at.cap, self.blocks.room[at.line])
        fixed = np.where(at.state == OPEN, fee, 0).sum(axis=1)
        upper = blocks.base[variant][at.order] + np.add.reduceat((left * take).sum(axis=1), at.start) - fixed
        unpaid = fee - np.add.reduceat(paid * take, at.start, axis=0)
        used = free & np.logical_or.reduceat(take > 0, at.start, axis=0)
        return upper, take, np.argmax(np.where(used, unpaid, -1), axis=1)

    @staticmethod
    def _spread(value: Money, fee: Money, at: _At) -> Money:
        """A part of each lane's fee on every unit of its cells, together never more than the fee."""
        positive = np.maximum(value, 0)
        alone = np.add.reduceat(positive * at.cap, at.start, axis=0)
        if value.dtype == object:
            return positive * np.minimum(fee, alone)[at.owner] // np.maximum(alone, 1)[at.owner]
        share = np.minimum(fee / np.maximum(alone, 1), 1.0)
        part: Ints = (positive * share[at.owner]).astype(np.int64)
        for less in (1, 1 << 20):  # where doubles came out too high
            over = np.add.reduceat(part * at.cap, at.start, axis=0) > fee
            if not over.any():
                return part
            part = np.where(over[at.owner], np.maximum(part - less - (part >> 40), 0), part)
        over = np.add.reduceat(part * at.cap, at.start, axis=0) > fee
        return np.where(over[at.owner], 0, part)


class _At(NamedTuple):
    """Nodes with their lines: K nodes, n lines, and what each cell carries at most."""

    order: Ints
    state: NDArray[np.int8]
    line: Ints
    owner: Ints
    start: Ints
    cap: Ints


def _filled(value: Money, cap: Ints, room: Ints) -> Ints:
    """Units of each cell where every line is filled from its most valuable lane on, gains alone."""
    order = np.argsort(-value, axis=1, kind="stable")
    ranked = np.take_along_axis(np.where(value > 0, cap, 0), order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    take = np.empty_like(ranked)
    np.put_along_axis(take, order, np.minimum(ranked, np.maximum(room[:, None] - before, 0)), axis=1)
    return take
