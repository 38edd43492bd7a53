"""Which blocks to take out of a plan together: some that compete for what the rows have. Compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import Ints, Problem, Small

MOST_RUINED = 7
TRIES = 24
LOOKS = 2
HOLDER_LOOKS = 16
HOLDERS = 6
SEED_LOOKS = 8


class Links(NamedTuple):
    """Which arcs share a row, for choosing blocks that compete: of rows with few arcs only."""

    row_ptr: Ints
    row_arc: Ints
    arc_block: Small


def make_links(problem: Problem, most: int = 3000) -> Links:
    """Links by rows of at most ``most`` arcs."""
    blocks, rows = problem.blocks, len(problem.shared.rhs)
    row, arc = blocks.arc_use["row"], blocks.arc_of_use
    kept = (np.bincount(row, minlength=rows) <= most)[row] & (blocks.arc_use["use"] > 0)
    row, arc = row[kept], arc[kept]
    order = np.argsort(row, kind="stable")
    pointer = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int64)
    return Links(pointer, arc[order], blocks.block_of_arc.astype(np.int32))


@compiled
def random(seed):
    """A number in [0, 1) (xorshift64*, Vigna 2016: a generator of each thread's own)."""
    x = seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x
    return np.float64((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def ruin(b, links, state, guide, mine, part, seed, chosen, pool):
    """Choose a block of this part and others that hold what it may want; returns how many are in ``chosen``."""
    goal = 2 + np.int64(random(seed) * (MOST_RUINED - 1))
    chosen[0] = pool[np.int64(random(seed) * pool.shape[0])]
    for _ in range(SEED_LOOKS - 1):
        other = pool[np.int64(random(seed) * pool.shape[0])]
        if state.regret[other] > state.regret[chosen[0]]:
            chosen[0] = other
    count = 1
    for _ in range(TRIES):
        if count >= goal:
            break
        o = chosen[np.int64(random(seed) * count)]
        row = _wanted_row(b, o, guide.price, seed)
        if row < 0:
            continue
        other = _holder(links, state, guide, mine, part, row, seed)
        if other < 0:
            continue
        fresh = True
        for k in range(count):
            fresh = fresh and bool(chosen[k] != other)
        if fresh:
            chosen[count] = other
            count += 1
    return count


@compiled
def _wanted_row(b, o, price, seed):
    """A shared row of an arc of block ``o``: of two arcs the one that earns more at the prices; −1 for none."""
    first, last = b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc
    best, row = -np.inf, np.int64(-1)
    for _ in range(LOOKS):
        a = first + np.int64(random(seed) * (last - first))
        uses = b.arc[a + 1].use - b.arc[a].use
        if uses == 0:
            continue
        paid = b.arc[a].value
        for k in range(b.arc[a].use, b.arc[a + 1].use):
            paid -= price[b.arc_use[k].row] * b.arc_use[k].use
        if paid > best:
            best, row = paid, _one_of(b, a, np.int64(random(seed) * uses))
    return row


@compiled
def _one_of(b, a, at):
    """The row of the ``at``-th use of an arc; of the next one that takes something where that one gives."""
    first, uses = b.arc[a].use, b.arc[a + 1].use - b.arc[a].use
    for k in range(uses):
        use = b.arc_use[first + (at + k) % uses]
        if use.use > 0.0:
            return np.int64(use.row)
    return np.int64(b.arc_use[first + at].row)


@compiled
def _holder(links, state, guide, mine, part, row, seed):
    """A block of this part that uses the row, of those met the one that loses least by leaving; −1 for none.

    It looks at nothing of other parts: their threads change it meanwhile.
    """
    sharing = links.row_ptr[row + 1] - links.row_ptr[row]
    if sharing == 0:
        return np.int64(-1)
    best, met = np.int64(-1), 0
    for _ in range(HOLDER_LOOKS):
        a = links.row_arc[links.row_ptr[row] + np.int64(random(seed) * sharing)]
        o = np.int64(links.arc_block[a])
        if mine[o] != part:
            continue
        if best < 0:
            best = o
        if state.steps[a] == 0:
            continue
        met += 1
        if met == 1 or guide.tie[o] < guide.tie[best]:
            best = o
        if met == HOLDERS:
            break
    return best
