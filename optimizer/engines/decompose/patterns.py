"""Patterns: whole plans of single blocks, remembered while prices move. Compiled.

Near the best prices a block has few plans that are nearly best, and the passes of the ascent meet them one after the
other. They are the columns of the master problem (`master.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from optimizer.engines.decompose.choice import best_set, fill, lay_out, rank_arcs, take_best
from optimizer.engines.decompose.problem import Blocks, Floats, Ints, Small

KEPT = 64
"""Patterns remembered of each block; the one not met for longest makes room."""
SPREAD = 3
"""Arcs of a pattern for each line of its block; what needs more is not remembered."""


class Pool(NamedTuple):
    """Patterns of all blocks: ``KEPT`` slots each, of ``width`` entries (arc, steps); steps 0 end a pattern."""

    start: Ints
    """blocks + 1: first entry of each block"""
    arc: Small
    steps: Small
    code: Ints
    """block × slot: a hash of the pattern, 0 where the slot is free"""
    met: Ints
    """block × slot: when it was last met"""
    worth: Floats
    """block × slot: its money without prices"""


def make_pool(blocks: Blocks) -> Pool:
    """An empty pool."""
    lines = np.diff(blocks.block["line"])
    width = np.minimum(blocks.arcs_of_block, SPREAD * lines)
    start = np.concatenate([[0], np.cumsum(width * KEPT)]).astype(np.int64)
    slots = (blocks.n_blocks, KEPT)
    return Pool(
        start,
        np.zeros(start[-1], dtype=np.int32),
        np.zeros(start[-1], dtype=np.int32),
        np.zeros(slots, dtype=np.int64),
        np.zeros(slots, dtype=np.int64),
        np.zeros(slots),
    )


@njit(cache=True, nogil=True)
def remember(b, o, pool, zero, take, unit_steps, worth, now):  # type: ignore[no-untyped-def]
    """Store a pattern of block ``o`` (units per arc, or steps where ``unit_steps``), unless it is known."""
    arcs = b.line[b.block[o + 1].line].arc - zero
    code, count = np.int64(1469598103934665603), 0
    for a in range(arcs):
        if take[a] > 0:
            steps = take[a] if unit_steps else take[a] // b.arc[zero + a].step
            code = (code ^ (np.int64(a) * 1000003 + steps)) * np.int64(1099511628211)
            count += 1
    width = (pool.start[o + 1] - pool.start[o]) // KEPT
    if count == 0 or count > width:
        return
    if code == 0:
        code = np.int64(1)
    oldest = 0
    for slot in range(KEPT):
        if pool.code[o, slot] == code:
            pool.met[o, slot] = now
            return
        if pool.met[o, slot] < pool.met[o, oldest]:
            oldest = slot
    pool.code[o, oldest], pool.met[o, oldest], pool.worth[o, oldest] = code, now, worth
    at = pool.start[o] + oldest * width
    for a in range(arcs):
        if take[a] > 0:
            pool.arc[at] = zero + a
            pool.steps[at] = take[a] if unit_steps else take[a] // b.arc[zero + a].step
            at += 1
    if count < width:
        pool.steps[at] = 0


@njit(cache=True, nogil=True)
def pattern_worth(b, o, zero, take, opened):  # type: ignore[no-untyped-def]
    """Money of units per arc and opened doors of block ``o``, whose rules they keep; −inf where steps do not fit."""
    worth, every = 0.0, True
    for line in range(b.block[o].line, b.block[o + 1].line):
        units = np.int64(0)
        for a in range(b.line[line].arc, b.line[line + 1].arc):
            if take[a - zero] % b.arc[a].step != 0:
                return -np.inf
            worth += take[a - zero] // b.arc[a].step * b.arc[a].value
            units += take[a - zero]
        full = units == b.line[line].full
        every = every and full
        if full:
            worth += b.line[line].bonus
        if units > 0 and (units < b.line[line].least or (b.line[line].complete and not full)):
            return -np.inf
    if b.block[o].has_rules and every:
        worth += b.block[o].prize
    for y in range(b.block[o + 1].open - b.block[o].open):
        if opened[y]:
            worth -= b.door[b.block[o].open + y].fee
    return worth


@njit(cache=True, nogil=True)
def collect(b, first, last, desk, price, pool, now, nodes):  # type: ignore[no-untyped-def]
    """Remember the best plans of blocks ``first`` .. ``last`` at these prices."""
    for o in range(first, last):
        lay_out(b, o, desk, price, 1.0)
        rank_arcs(b, o, desk)
        best_set(b, o, desk, True, nodes)
        take_best(b, o, desk, True)
        zero = b.line[b.block[o].line].arc
        units = desk.arc.units
        worth = pattern_worth(b, o, zero, units, desk.best)
        if worth > -np.inf:
            remember(b, o, pool, zero, units, False, worth, now)


@njit(cache=True, nogil=True)
def collect_near(b, first, last, desk, price, pool, now, give):  # type: ignore[no-untyped-def]
    """Remember plans of blocks whose reduced value is within ``give`` of the best: by one opener, by two, by three."""
    for o in range(first, last):
        lay_out(b, o, desk, price, 1.0)
        rank_arcs(b, o, desk)
        best = best_set(b, o, desk, True, 400)[0]
        least = max(best - give, -0.5 * give)
        openers = b.block[o + 1].open - b.block[o].open
        _note_set(b, o, desk, pool, now)
        for one in range(openers):
            for y in range(openers):
                desk.best[y] = False
            desk.best[one] = True
            single = fill(b, o, desk, desk.best, False, True) - desk.door[one].fee
            if single >= least:
                _note_set(b, o, desk, pool, now)
            for two in range(one + 1, openers):
                desk.best[two] = True
                pair = fill(b, o, desk, desk.best, False, True) - desk.door[one].fee - desk.door[two].fee
                if pair >= least and pair > single:
                    _note_set(b, o, desk, pool, now)
                desk.best[two] = False


@njit(cache=True, nogil=True)
def _note_set(b, o, desk, pool, now):  # type: ignore[no-untyped-def]
    take_best(b, o, desk, True)
    zero = b.line[b.block[o].line].arc
    worth = pattern_worth(b, o, zero, desk.arc.units, desk.best)
    if worth > -np.inf:
        remember(b, o, pool, zero, desk.arc.units, False, worth, now)


@njit(cache=True, nogil=True)
def collect_plan(b, first, last, steps, worth, pool, now):  # type: ignore[no-untyped-def]
    """Remember what blocks ``first`` .. ``last`` do in a plan."""
    for o in range(first, last):
        zero = b.line[b.block[o].line].arc
        end = b.line[b.block[o + 1].line].arc
        remember(b, o, pool, zero, steps[zero:end].astype(np.int64), True, worth[o], now)
