"""Search trees over the shipments of a set of orders, with prices of the set's stock at every leaf.

``D`` of a set at prices of its rows bounds every plan of it. Where an opener is fixed, shut or open, other prices bound
it more tightly; the larger of the two bounds holds for the whole. So the best bound known of a set is the largest of
the leaves of a tree, and the leaf that has it is split. Anybody can recompute the bound from the tree and its prices.
Bounds at a leaf are found by the same ascent as those of the batch, compiled as a whole.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import Desk
from optimizer.engines.decompose.dual import FEW_NODES, NEWEST, evaluate, step
from optimizer.engines.decompose.problem import Blocks, Floats

PASSES, FIRST_RATE, LAST_RATE = 40, 0.01, 0.0005
"""Passes of the ascent at a leaf, and its first and last rate."""
UNDECIDED = 1e-3
"""Least share by which an opener of the averaged plan must be neither open nor shut, to be branched on."""
CLOSED = 1e-6
"""Money between bound and plan at which a leaf is closed."""


Fixed = tuple[tuple[int, bool], ...]
"""Openers fixed on the way to a node, and whether they are open; it names the node."""


class Leaf(NamedTuple):
    """A node that is not branched on (yet): the prices that give its bound."""

    fixed: Fixed
    price: Floats
    split: int
    """opener to branch on, −1 where the averaged plan leaves none undecided"""


class Tree:
    """The search of one set, whose blocks stand alone (`optimizer.engines.decompose.sets.cut_out`).

    ``worth``: money of a unit of each row, by which steps of its price are measured; ``goal``: what the plan is worth.
    """

    def __init__(self, blocks: Blocks, rhs: Floats, price: Floats, worth: Floats, goal: float) -> None:
        self.blocks, self.rhs, self.worth, self.goal = blocks, rhs, worth, goal
        self.door_of_arc = blocks.door_of_arc
        self.split: dict[Fixed, int] = {}
        """opener that a node was branched on"""
        self.leaves: dict[Fixed, Leaf] = {(): Leaf((), price, -1)}
        self.heap: list[tuple[float, int, Leaf]] = []
        self.nodes, self.bound = 0, np.inf
        """nodes looked at; no plan of the set is worth more"""

    @property
    def is_open(self) -> bool:
        """Whether another branching may lower the bound."""
        return not self.heap or (self.bound > self.goal + CLOSED and self.heap[0][2].split >= 0)

    def grow(self, nodes: int, desk: Desk) -> None:
        """Look at so many more nodes, two at a time, or until nothing can be gained."""
        until = self.nodes + nodes
        if not self.heap:
            self._look(desk, (), self.leaves[()].price, np.inf)
            self.bound = -self.heap[0][0]
        while self.is_open and self.nodes < until:
            above, _, leaf = heapq.heappop(self.heap)
            del self.leaves[leaf.fixed]
            self.split[leaf.fixed] = leaf.split
            for is_opened in (False, True):
                self._look(desk, (*leaf.fixed, (leaf.split, is_opened)), leaf.price, -above)
            self.bound = -self.heap[0][0]

    def _look(self, desk: Desk, fixed: Fixed, price: Floats, limit: float) -> None:
        """A leaf with these openers fixed, from the prices and the bound above it."""
        door, arc = self.blocks.door, self.blocks.arc
        forced, shut = np.zeros(len(door) - 1, dtype=bool), np.zeros(len(door), dtype=bool)
        for at, is_opened in fixed:
            (forced if is_opened else shut)[at] = True
        if shut.any():
            arc = arc.copy()
            arc["cap"][:-1][shut[self.door_of_arc]] = 0  # no opener is -1: the last flag, and never shut
        best_price, opened = price.copy(), np.zeros(len(door) - 1)
        bound = _ascend(
            self.blocks._replace(arc=arc), desk, price.copy(), self.worth, self.rhs, self.goal, best_price,
            np.zeros(len(arc) - 1), opened, forced,
        )  # fmt: skip
        undecided = np.where(forced | shut[:-1], 0.0, np.minimum(opened, 1.0 - opened))
        weight = np.where(undecided > UNDECIDED, undecided * np.abs(door["fee"][:-1]), 0.0)
        leaf = Leaf(fixed, best_price, int(np.argmax(weight)) if weight.any() else -1)
        self.leaves[fixed] = leaf
        heapq.heappush(self.heap, (-min(bound, limit), self.nodes, leaf))
        self.nodes += 1

    def entries(self) -> tuple[list[int], list[Floats]]:
        """The tree in preorder, shut before open: the opener of each branching, −1 for a leaf; prices of the leaves."""
        found, prices = [], []
        stack: list[Fixed] = [()]
        while stack:
            fixed = stack.pop()
            split = self.split.get(fixed, -1)
            found.append(split)
            if split < 0:
                prices.append(self.leaves[fixed].price)
            else:
                stack += [(*fixed, (split, True)), (*fixed, (split, False))]
        return found, prices


@compiled
def _ascend(b, desk, price, worth, rhs, goal, best_price, shipped, opened, forced):
    """The least bound met from these prices on, as in `optimizer.engines.decompose.dual.ascend`, with its prices.

    It ends early at a bound of ``goal``. ``opened`` has the averaged plan.
    """
    rows, count = rhs.shape[0], b.block.shape[0] - 1
    mean, square, use, best = np.zeros(rows), np.zeros(rows), np.zeros(rows), np.zeros(count)
    most, least = np.full(rows, np.inf), np.inf
    for k in range(PASSES + 1):
        use[:] = 0.0
        shipped *= 1.0 - NEWEST
        opened *= 1.0 - NEWEST
        evaluate(b, 0, count, desk, price, use, best, FEW_NODES, shipped, opened, forced)
        bound = best.sum()
        for r in range(rows):
            bound += price[r] * rhs[r]
        if bound < least:
            least = bound
            best_price[:] = price
        if least <= goal or k == PASSES:
            break
        rate = FIRST_RATE * (LAST_RATE / FIRST_RATE) ** (k / (PASSES - 1))
        step(price, use, rhs, most, worth, rate, mean, square, k + 1)
    return least
