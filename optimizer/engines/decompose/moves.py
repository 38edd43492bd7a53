"""Plans: blocks put in and taken out one at a time, and ruin-and-recreate over them. Compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.choice import best_plan, search_plan
from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import EPS, lay_out, limit_rooms
from optimizer.engines.decompose.problem import ASKED, Flags, Floats, Problem, Small
from optimizer.engines.decompose.ruin import MOST_RUINED, random, ruin

SEARCH_NODES = 24
"""Branchings in one block while a plan is searched for: what is missed there costs little."""
AT_PRICES = 0.7
"""Share of the moves that put blocks back at the prices; the others at none."""


class State(NamedTuple):
    """A plan, and what the rows have left."""

    steps: Small
    """per arc"""
    opened: Flags
    worth: Floats
    """per block: money of its part of the plan"""
    slack: Floats
    """per shared row: rhs − use"""
    regret: Floats
    """per block: how much less it earns at the prices than its best plan would"""


class Guide(NamedTuple):
    """What the search knows of each block at the prices."""

    price: Floats
    best: Floats
    """per block: what its best plan earns"""
    tie: Floats
    """per block: how much less the next best earns, with other openers"""
    wanted: Flags
    """per opener: whether it stands in the best plan of its block or the next best"""


def empty_state(problem: Problem) -> State:
    """Nothing ships."""
    blocks = problem.blocks
    return State(
        np.zeros(len(blocks.arc) - 1, dtype=np.int32),
        np.zeros(len(blocks.door) - 1, dtype=np.bool_),
        np.zeros(blocks.n_blocks),
        problem.shared.rhs.copy(),
        np.zeros(blocks.n_blocks),
    )


@compiled
def remove(b, o, state):
    """Take block ``o`` out of the plan."""
    for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
        if state.steps[a] > 0:
            for k in range(b.arc[a].use, b.arc[a + 1].use):
                state.slack[b.arc_use[k].row] += state.steps[a] * b.arc_use[k].use
            state.steps[a] = 0
    for y in range(b.block[o].open, b.block[o + 1].open):
        if state.opened[y]:
            for k in range(b.door[y].use, b.door[y + 1].use):
                state.slack[b.door_use[k].row] += b.door_use[k].use
            state.opened[y] = False
    state.worth[o] = 0.0


@compiled
def insert(b, o, state, desk, guide, weight, soft):
    """Put block ``o`` in as is best at ``weight`` times the prices with what the rows have left.

    ``soft``: rows that may be overrun. What it chose may not fit together (two lines that want the same unit); then
    the second gets what is left, and a block whose rules that breaks stays out.
    """
    lay_out(b, o, desk, guide.price, weight)
    limit_rooms(b, o, desk, state.slack, soft)
    search_plan(b, o, desk, True, SEARCH_NODES)
    _apply(b, o, state, desk, soft)
    note_regret(b, o, state, guide)


@compiled
def note_regret(b, o, state, guide):
    """Note how much less block ``o`` earns, once it pays for what it uses, than its best plan would."""
    price, paid = guide.price, 0.0
    for k in range(b.block[o].alone, b.block[o + 1].alone):  # their overruns are paid, not what is used
        paid -= price[b.alone[k].row] * (b.alone[k].rhs - state.slack[b.alone[k].row])
    for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
        if state.steps[a] > 0:
            for k in range(b.arc[a].use, b.arc[a + 1].use):
                paid += state.steps[a] * price[b.arc_use[k].row] * b.arc_use[k].use
    for y in range(b.block[o].open, b.block[o + 1].open):
        if state.opened[y]:
            for k in range(b.door[y].use, b.door[y + 1].use):
                paid += price[b.door_use[k].row] * b.door_use[k].use
    state.regret[o] = guide.best[o] - state.worth[o] + paid


@compiled
def find_ties(b, first, last, desk, guide, nodes):
    """Per block: the best at the prices, what is lost if its openers are barred, and the openers of both plans."""
    for o in range(first, last):
        lay_out(b, o, desk, guide.price, 1.0)
        guide.best[o] = best_plan(b, o, desk, False, nodes)[0]
        start, openers = b.block[o].open, b.block[o + 1].open - b.block[o].open
        for y in range(openers):
            guide.wanted[start + y] = desk.best[y]
        lay_out(b, o, desk, guide.price, 1.0)
        for y in range(openers):
            if guide.wanted[start + y]:
                desk.door[y].fee = np.inf
        guide.tie[o] = guide.best[o] - best_plan(b, o, desk, False, nodes)[0]
        for y in range(openers):
            guide.wanted[start + y] |= desk.best[y]


@compiled
def rebuild(b, state, guide):
    """All else of a plan from its steps (``slack`` holds the right-hand sides); returns whether its rules hold."""
    for o in range(b.block.shape[0] - 1):
        start = b.block[o].open
        for y in range(start, b.block[o + 1].open):
            state.opened[y] = False
        for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
            if state.steps[a] == 0:
                continue
            if b.arc[a].opener >= 0:
                state.opened[start + b.arc[a].opener] = True
            for k in range(b.arc[a].use, b.arc[a + 1].use):
                state.slack[b.arc_use[k].row] -= state.steps[a] * b.arc_use[k].use
        for y in range(start, b.block[o + 1].open):
            if state.opened[y]:
                for k in range(b.door[y].use, b.door[y + 1].use):
                    state.slack[b.door_use[k].row] -= b.door_use[k].use
        state.worth[o], keeps = block_worth(b, o, state)
        if not keeps:
            return False
        note_regret(b, o, state, guide)
    return True


@compiled
def _apply(b, o, state, desk, soft):
    """Book the desk's units as far as there is room, open what is used, and count the worth of the block."""
    zero, start = b.line[b.block[o].line].arc, b.block[o].open
    for a in range(zero, b.line[b.block[o + 1].line].arc):
        wanted = np.int32(desk.arc[a - zero].units // b.arc[a].step)
        if wanted == 0:
            continue
        y = b.arc[a].opener
        fits = wanted
        if y >= 0 and not state.opened[start + y]:
            for k in range(b.door[start + y].use, b.door[start + y + 1].use):
                row = b.door_use[k].row
                if b.door_use[k].use > 0.0 and not soft[row] and state.slack[row] + EPS < b.door_use[k].use:
                    fits = np.int32(0)
        for k in range(b.arc[a].use, b.arc[a + 1].use):
            row = b.arc_use[k].row
            if b.arc_use[k].use > 0.0 and not soft[row]:
                fits = min(fits, np.int32(max(state.slack[row], 0.0) / b.arc_use[k].use + EPS))
        if fits == 0:
            continue
        state.steps[a] = fits
        for k in range(b.arc[a].use, b.arc[a + 1].use):
            state.slack[b.arc_use[k].row] -= fits * b.arc_use[k].use
        if y >= 0 and not state.opened[start + y]:
            state.opened[start + y] = True
            for k in range(b.door[start + y].use, b.door[start + y + 1].use):
                state.slack[b.door_use[k].row] -= b.door_use[k].use
    worth, keeps = block_worth(b, o, state)
    if not keeps:
        remove(b, o, state)
    else:
        state.worth[o] = worth


@compiled
def block_worth(b, o, state):
    """(money of block ``o`` in the plan, whether its rules hold)."""
    worth, all_full, any_units = 0.0, True, False
    for line in range(b.block[o].line, b.block[o + 1].line):
        units = np.int64(0)
        for a in range(b.line[line].arc, b.line[line + 1].arc):
            if state.steps[a] > 0:
                worth += state.steps[a] * b.arc[a].value
                units += np.int64(state.steps[a]) * b.arc[a].step
        full = units == b.line[line].full
        all_full = all_full and bool(full or b.line[line].full >= ASKED)
        any_units = any_units or bool(units > 0)
        if full:
            worth += b.line[line].bonus
        if units > 0 and (units < b.line[line].least or (b.line[line].complete and not full)):
            return 0.0, False
    for y in range(b.block[o].open, b.block[o + 1].open):
        if state.opened[y]:
            worth -= b.door[y].fee
    for k in range(b.block[o].alone, b.block[o + 1].alone):
        worth -= b.alone[k].cost * max(-state.slack[b.alone[k].row], 0.0)
    if all_full:
        worth += b.block[o].prize
    return worth, not (b.block[o].whole and any_units and not all_full)


@compiled
def construct(b, order, state, desk, guide, soft):
    """Insert blocks one after another at the prices."""
    for o in order:
        insert(b, o, state, desk, guide, 1.0, soft)


@compiled
def overrun_cost(slack, soft_rows, cost):
    """Money of all overruns."""
    total = 0.0
    for row in soft_rows:
        if slack[row] < 0.0:
            total -= slack[row] * cost[row]
    return total


@compiled
def recreate(b, links, state, desk, guide, soft, soft_rows, soft_cost, mine, part, pool, seed, moves, heat, cool, memo):
    """``moves`` of ruin and recreate with temperatures from ``heat`` to ``cool``.

    A move takes a few competing blocks out and puts them back in random order; it stays if it loses little enough
    (simulated annealing). ``memo``: room for what they were.
    """
    temperature = heat
    factor = (cool / heat) ** (1.0 / max(moves, 1)) if heat > 0.0 else 1.0
    chosen = np.zeros(MOST_RUINED, dtype=np.int64)
    over = overrun_cost(state.slack, soft_rows, soft_cost)
    for _ in range(moves):
        temperature *= factor
        count = ruin(b, links, state, guide, mine, part, seed, chosen, pool)
        before, kept = 0.0, 0
        for k in range(count):
            before += state.worth[chosen[k]]
            kept = _note(b, chosen[k], state, memo, kept)
            remove(b, chosen[k], state)
        weight = 1.0 if random(seed) < AT_PRICES else 0.0
        for k in range(count - 1, 0, -1):
            other = np.int64(random(seed) * (k + 1))
            chosen[k], chosen[other] = chosen[other], chosen[k]
        after = 0.0
        for k in range(count):
            insert(b, chosen[k], state, desk, guide, weight, soft)
            after += state.worth[chosen[k]]
        now = overrun_cost(state.slack, soft_rows, soft_cost)
        gain = after - before - (now - over)
        if gain >= 0.0 or (temperature > 0.0 and random(seed) < np.exp(gain / temperature)):
            over = now
            continue
        for k in range(count):
            remove(b, chosen[k], state)
        _restore(b, state, memo, kept)
        for k in range(count):
            o = chosen[k]
            state.worth[o] = block_worth(b, o, state)[0]
            note_regret(b, o, state, guide)


@compiled
def _note(b, o, state, memo, kept):
    """Write down what block ``o`` ships; returns how much of the memo is used."""
    for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
        if state.steps[a] > 0:
            memo[kept, 0], memo[kept, 1] = a, state.steps[a]
            memo[kept, 2] = b.block[o].open + b.arc[a].opener if b.arc[a].opener >= 0 else -1
            kept += 1
    return kept


@compiled
def _restore(b, state, memo, kept):
    """Put back what was written down."""
    for at in range(kept):
        a, steps, y = memo[at, 0], memo[at, 1], memo[at, 2]
        state.steps[a] = steps
        for k in range(b.arc[a].use, b.arc[a + 1].use):
            state.slack[b.arc_use[k].row] -= steps * b.arc_use[k].use
        if y >= 0 and not state.opened[y]:
            state.opened[y] = True
            for k in range(b.door[y].use, b.door[y + 1].use):
                state.slack[b.door_use[k].row] -= b.door_use[k].use
