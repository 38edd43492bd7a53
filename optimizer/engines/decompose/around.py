"""Which blocks to free together: one that has not its best plan, and those that compete with it and lose least.

What a block wants and does not get, others hold. Those that have a plan nearly as good without it are few, and they in
turn want what others hold: two rings of such blocks are a program that is small, and yet can move a unit on through
several hands. Blocks taken at random, or row by row, mostly cannot give way at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import Blocks, Flags, Floats, Ints, Small

MOST_USERS = 3_000
"""Blocks of a row beyond which competing for it says little."""
TIRED = 0.5
"""How much less likely a block is looked at again each time it was."""
LUCK = 0.5
"""Least factor, of up to 1 more, by which chance changes what blocks lose: else the same are chosen each time."""


class Rivals(NamedTuple):
    """Which blocks may use which scarce rows, both ways."""

    row_first: Ints
    block: Small
    """of each row"""
    block_first: Ints
    row: Small
    """of each block"""


class Marks(NamedTuple):
    """Room for what one thread has met; nothing is marked between two searches."""

    block: Flags
    row: Flags
    met_block: Ints
    met_row: Ints


def rivals_of(blocks: Blocks, price: Floats, allowed: Flags) -> Rivals:
    """Of the rows that cost something, and of the openers allowed."""
    rows, none = len(price), np.zeros(0, dtype=np.int32)
    first, users = np.zeros(blocks.n_blocks + 1, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    _list_rows(blocks, allowed, price > 0, first, none, users)
    scarce = (price > 0) & (users <= MOST_USERS)
    row = np.zeros(int(users[scarce].sum()), dtype=np.int32)
    _list_rows(blocks, allowed, scarce, first, row, users)
    by_row = np.argsort(row, kind="stable")
    block = np.repeat(np.arange(blocks.n_blocks, dtype=np.int32), np.diff(first))
    return Rivals(np.searchsorted(row[by_row], np.arange(rows + 1)), block[by_row], first, row)


@compiled
def _list_rows(b, allowed, scarce, first, row, users):
    """The scarce rows that each block may use, each once, if ``row`` has room; how many blocks each row has."""
    seen, number = np.full(users.shape[0], -1, dtype=np.int64), 0
    users[:] = 0
    for o in range(first.shape[0] - 1):
        start = b.block[o].open
        for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
            if b.arc[a].cap > 0 and (b.arc[a].opener < 0 or allowed[start + b.arc[a].opener]):
                number = _note_rows(b.arc_use, b.arc[a].use, b.arc[a + 1].use, o, scarce, seen, number, row, users)
        for y in range(start, b.block[o + 1].open):
            if allowed[y]:
                number = _note_rows(b.door_use, b.door[y].use, b.door[y + 1].use, o, scarce, seen, number, row, users)
        first[o + 1] = number


@compiled
def _note_rows(uses, start, stop, o, scarce, seen, number, row, users):
    for k in range(start, stop):
        found = uses[k].row
        if scarce[found] and seen[found] != o:
            seen[found] = o
            users[found] += 1
            if number < row.shape[0]:
                row[number] = found
            number += 1
    return number


def make_marks(rivals: Rivals) -> Marks:
    """Nothing marked."""
    blocks, rows = len(rivals.block_first) - 1, len(rivals.row_first) - 1
    flags = np.zeros(blocks, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)
    return Marks(*flags, np.zeros(blocks, dtype=np.int64), np.zeros(rows, dtype=np.int64))


class Chooser:
    """Chooses blocks among those of one thread (``mine``), around one that has regret."""

    def __init__(self, rivals: Rivals, marks: Marks, mine: Flags, tie: Floats, at_rest: float) -> None:
        self.rivals, self.marks, self.mine, self.tie, self.at_rest = rivals, marks, mine, tie, at_rest

    def seed(self, restless: Ints, regret: Floats, looked: Ints, random: np.random.Generator) -> int:
        """One of the restless blocks, rather with much regret, rather not looked at yet."""
        often = looked[restless]
        weight = regret[restless] * TIRED ** (often - often.min()) * random.random(len(restless))
        return int(restless[np.argmax(weight)])

    def around(self, seed: int, ring: int, regret: Floats, random: np.random.Generator) -> Ints:
        """The block and two rings of at most so many blocks each, in ascending order."""
        chosen = np.array([seed], dtype=np.int64)
        front = chosen
        for _ in range(2):
            self.marks.block[chosen] = True
            count = _find_rivals(self.rivals, self.marks, self.mine, front)
            self.marks.block[chosen] = False
            met = self.marks.met_block[:count]
            loss = np.where(regret[met] > self.at_rest, 0.0, self.tie[met]) * (LUCK + random.random(count))
            front = met[np.argsort(loss, kind="stable")[:ring]]
            chosen = np.concatenate([chosen, front])
        return np.sort(chosen)


@compiled
def _find_rivals(rivals, marks, mine, front):
    """Blocks that may use a row which one of ``front`` may, into ``met_block``; returns how many."""
    blocks, rows = 0, 0
    for o in front:
        for at in range(rivals.block_first[o], rivals.block_first[o + 1]):
            row = rivals.row[at]
            if marks.row[row]:
                continue
            marks.row[row] = True
            marks.met_row[rows] = row
            rows += 1
            for other in rivals.block[rivals.row_first[row] : rivals.row_first[row + 1]]:
                if mine[other] and not marks.block[other]:
                    marks.block[other] = True
                    marks.met_block[blocks] = other
                    blocks += 1
    for k in range(blocks):
        marks.block[marks.met_block[k]] = False
    for k in range(rows):
        marks.row[marks.met_row[k]] = False
    return blocks
