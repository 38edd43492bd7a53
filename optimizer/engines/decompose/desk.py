"""The desk of one thread: the block at hand with its values at the prices, arcs ranked. Compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import Blocks, Flags, Floats, Ints, Records

EPS = 1e-9
"""Money below which two values are the same."""


_DESK_ARC = np.dtype(
    [("unit", "f8"), ("shared_fee", "f8"), ("burdened", "f8"), ("part", "f8"), ("room", "i8"), ("span", "i8"),
     ("units", "i8"), ("rank", "i8"), ("fee_rank", "i8"), ("reach_rank", "i8"), ("next_arc", "i8"), ("line", "i8"),
     ("steps", "i8"), ("money", "f8"), ("share", "f8"), ("taken", "i8"), ("chain", "i8")],
    align=True,
)  # fmt: skip
"""money of a unit at the prices · the same less its part of the fee of its opener · the same for free openers of a
node · what its opener would add to its line · most units · most units that pay one fee (of the line, where several arcs
have its opener) · units taken · positions of the arcs of its line by falling money, in each of the three kinds · next
arc of its opener · its line, counted in the block · most steps · money of a step · its share
of the fee of its opener · steps taken while fees are spread · arcs of one
opener, listed"""
_DESK_DOOR = np.dtype(
    [("fee", "f8"), ("alone", "f8"), ("gain", "f8"), ("first_arc", "i8"), ("arcs", "i8"), ("layer", "i8"),
     ("rewarded", "?")],
    align=True,
)  # fmt: skip
"""fee at the prices · what it could earn by itself, before its fee · what it would add to the open ones · its
first arc that can pay, and how many can · the opener of each layer of the table, listed · whether prices pay for it to
be opened (`optimizer.engines.decompose.dual.take_rewards`)"""
_DESK_LINE = np.dtype([("ranked", "i8"), ("width", "i8"), ("stride", "i8")], align=True)
"""how many of its arcs can be of use at all, and so are ranked · how many states it has in the table · how far apart
states lie that differ by one step of it"""

CELLS = 1 << 17
"""Room for states × openers in `optimizer.engines.decompose.table`."""


class Desk(NamedTuple):
    """Where one thread works: the block at hand, its arcs and openers counted from the first of each."""

    arc: Records
    door: Records
    line: Records
    opened: Flags
    best: Flags
    """the best set so far"""
    open_stack: Flags
    """node × opener"""
    free_stack: Flags
    bound_stack: Floats
    depth: Ints
    """nodes on the stack, and layers of the table: two numbers"""
    table: Floats
    """best values of states, opener after opener"""


def make_desk(blocks: Blocks) -> Desk:
    """A desk large enough for every block."""
    arcs = int(blocks.arcs_of_block.max(initial=1))
    openers = int(np.diff(blocks.block["open"]).max(initial=1))
    lines = int(np.diff(blocks.block["line"]).max(initial=1))
    nodes = 2 * openers + 4
    return Desk(
        arc=np.zeros(arcs, dtype=_DESK_ARC),
        door=np.zeros(openers + 1, dtype=_DESK_DOOR),
        line=np.zeros(lines, dtype=_DESK_LINE),
        opened=np.zeros(openers, dtype=np.bool_),
        best=np.zeros(openers, dtype=np.bool_),
        open_stack=np.zeros((nodes, openers), dtype=np.bool_),
        free_stack=np.zeros((nodes, openers), dtype=np.bool_),
        bound_stack=np.zeros(nodes),
        depth=np.zeros(2, dtype=np.int64),
        table=np.zeros(CELLS),
    )


@compiled
def lay_out(b, o, desk, price, weight):
    """Values of block ``o`` at ``weight`` times the prices, with the whole room of every arc."""
    first = b.line[b.block[o].line].arc
    last = b.line[b.block[o + 1].line].arc
    for a in range(first, last):
        paid = b.arc[a].value
        if weight != 0.0:
            for k in range(b.arc[a].use, b.arc[a + 1].use):
                paid -= weight * price[b.arc_use[k].row] * b.arc_use[k].use
        desk.arc[a - first].unit = paid / b.arc[a].step
        desk.arc[a - first].room = b.arc[a].cap * np.int64(b.arc[a].step)
    start = b.block[o].open
    for y in range(start, b.block[o + 1].open):
        fee = b.door[y].fee
        if weight != 0.0:
            for k in range(b.door[y].use, b.door[y + 1].use):
                fee += weight * price[b.door_use[k].row] * b.door_use[k].use
        desk.door[y - start].fee = fee


@compiled
def limit_rooms(b, o, desk, slack, soft):
    """Cut the room of each arc to what the rows that must hold have left; an opener without room is barred."""
    first = b.line[b.block[o].line].arc
    last = b.line[b.block[o + 1].line].arc
    for a in range(first, last):
        steps = np.int64(b.arc[a].cap)
        for k in range(b.arc[a].use, b.arc[a + 1].use):
            if b.arc_use[k].use > 0.0 and not soft[b.arc_use[k].row]:
                steps = min(steps, np.int64(max(slack[b.arc_use[k].row], 0.0) / b.arc_use[k].use + EPS))
        desk.arc[a - first].room = steps * np.int64(b.arc[a].step)
    start = b.block[o].open
    for y in range(start, b.block[o + 1].open):
        for k in range(b.door[y].use, b.door[y + 1].use):
            if (
                b.door_use[k].use > 0.0
                and not soft[b.door_use[k].row]
                and slack[b.door_use[k].row] + EPS < b.door_use[k].use
            ):
                desk.door[y - start].fee = np.inf


@compiled
def rank_arcs(b, o, desk):
    """Sort the arcs of each line that can be of use, and find what each opener could earn by itself.

    Without rules an arc that earns nothing, or whose opener does not pay with all of its arcs, is of no use.
    """
    zero = b.line[b.block[o].line].arc
    rules = b.block[o].has_rules
    for y in range(b.block[o + 1].open - b.block[o].open):
        desk.door[y].alone = 0.0
    for line in range(b.block[o].line, b.block[o + 1].line):
        for a in range(b.line[line].arc - zero, b.line[line + 1].arc - zero):
            y = b.arc[zero + a].opener
            if y >= 0 and desk.arc[a].unit > 0.0:
                desk.door[y].alone += desk.arc[a].unit * min(desk.arc[a].room, b.line[line].need)
    for line in range(b.block[o].line, b.block[o + 1].line):
        first = b.line[line].arc - zero
        number = 0
        for a in range(first, b.line[line + 1].arc - zero):
            y = b.arc[zero + a].opener
            if desk.arc[a].room == 0 or (y >= 0 and desk.door[y].fee == np.inf):
                continue
            if not rules and (desk.arc[a].unit <= 0.0 or (y >= 0 and desk.door[y].alone <= desk.door[y].fee)):
                continue
            desk.arc[a].shared_fee = desk.arc[a].unit
            if y >= 0 and desk.door[y].fee > 0.0 and desk.arc[a].unit > 0.0:
                desk.arc[a].shared_fee -= desk.arc[a].unit / desk.door[y].alone * desk.door[y].fee
            desk.arc[a].span = min(desk.arc[a].room, b.line[line].need)
            for before in range(first, first + number):
                if y >= 0 and b.arc[zero + desk.arc[before].rank].opener == y:
                    desk.arc[a].span = desk.arc[desk.arc[before].rank].span = b.line[line].need
            insert_ranked(desk.arc.unit, desk.arc.rank, first, number, a)
            insert_ranked(desk.arc.shared_fee, desk.arc.fee_rank, first, number, a)
            number += 1
        desk.line[line - b.block[o].line].ranked = number


@compiled
def insert_ranked(key, rank, first, number, a):
    """Put ``a`` among ``number`` positions sorted by falling key; after its equals."""
    at = first + number
    while at > first and key[rank[at - 1]] < key[a]:
        rank[at] = rank[at - 1]
        at -= 1
    rank[at] = a
