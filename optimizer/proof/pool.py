"""The best values of order blocks; plain ones of many groups of orders together, because numpy wants long arrays.

For an order that may go in part (a *plain* block) the fill is submodular: what a lane adds shrinks as the set grows.
So it is narrowed to the lanes that can pay (`narrow.py`). Blocks of the same width then wait for each other, and are
solved by tables where their orders have few units (`unit_table.py`), else branched on (`branch.py`). Where that takes
too long they are bounded line by line (`by_line.py`).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.branch import FEW_NODES, MOST_NODES, Branching
from optimizer.proof.by_line import bound_by_line, fits_by_line
from optimizer.proof.narrow import narrowed
from optimizer.proof.order_blocks import Money, OrderBlocks
from optimizer.proof.search import Best, best_by_sets, least_of
from optimizer.proof.unit_table import FEW_STEPS, MOST_STEPS, best_by_table, table_steps

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CELLS_WAITING = 2_000_000
"""Most (line, lane) cells that wait: bounds their memory."""


class Part(NamedTuple):
    """Some orders, their blocks, and how much money one unit of the blocks' whole numbers is."""

    order: Ints
    blocks: OrderBlocks
    unit: int


class Found(NamedTuple):
    """The best of the orders of a part, in its unit."""

    order: Ints
    best: Best
    unit: int


class Pool:
    """Takes blocks and gives their best values, not always at once and not always in turn."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, int, bool], list[Part]] = defaultdict(list)
        self.cells = 0

    def add(self, part: Part) -> Iterator[Found]:
        """Take a part; what is found by then."""
        order, blocks, unit = part
        if not (blocks.plain and blocks.lanes):
            yield Found(order, best_by_sets(blocks), unit)
            return
        for at, narrow in narrowed(blocks):
            if narrow.lanes:
                self._wait(Part(order[at], narrow, unit))
            else:
                sure = np.ones(len(at), dtype=bool)
                yield Found(order[at], Best(least_of(narrow.base), sure, sure), unit)
        if self.cells > CELLS_WAITING:
            yield from self.rest()

    def _wait(self, part: Part) -> None:
        blocks = part.blocks
        self.waiting[blocks.lanes, len(blocks.values), blocks.is_machine].append(part)
        self.cells += blocks.cap.size

    def rest(self) -> Iterator[Found]:
        """All that still waits."""
        waiting, self.waiting, self.cells = self.waiting, defaultdict(list), 0
        for parts in waiting.values():
            value, searched = best_of_plain(OrderBlocks.joined([part.blocks for part in parts]))
            cuts = np.cumsum([0, *(len(part.order) for part in parts)]).tolist()
            for (a, b), part in zip(itertools.pairwise(cuts), parts, strict=True):
                yield Found(part.order, Best(value[a:b], np.ones(b - a, dtype=bool), searched[a:b]), part.unit)


def best_of_plain(blocks: OrderBlocks) -> tuple[Money, Flags]:
    """(best values, whether they are exact; where not, they are bounded from above).

    Small tables, a little branching, large tables; a lot of branching, but for orders that are only too large for a
    table: they have many lines, and a bound line by line is nearer. Others have that bound too where branching fails.
    """
    value, searched = least_of(blocks.base), np.zeros(blocks.size, dtype=bool)
    steps = table_steps(blocks)
    _by_table(blocks, steps <= FEW_STEPS, value, searched)
    _by_branching(blocks, ~searched, FEW_NODES, value, searched)
    _by_table(blocks, ~searched & (steps <= MOST_STEPS), value, searched)
    if not searched.all():
        fits = fits_by_line(blocks)
        _by_branching(blocks, ~searched & ~(fits & np.isfinite(steps)), MOST_NODES, value, searched)
        _by_line(blocks, ~searched & fits, value)
    return value, searched


def _by_table(blocks: OrderBlocks, chosen: Flags, value: Money, searched: Flags) -> None:
    if chosen.any():
        value[chosen], searched[chosen] = best_by_table(blocks.of(chosen)), True


def _by_branching(blocks: OrderBlocks, chosen: Flags, nodes: int, value: Money, searched: Flags) -> None:
    if chosen.any():
        search = Branching(blocks.of(chosen), nodes)
        search.run()
        value[chosen], searched[chosen] = search.best, search.searched


def _by_line(blocks: OrderBlocks, chosen: Flags, value: Money) -> None:
    if chosen.any():
        value[chosen] = np.minimum(value[chosen], bound_by_line(blocks.of(chosen)))
