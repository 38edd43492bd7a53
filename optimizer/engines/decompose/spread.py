"""Openers of a block that no best plan uses, found by spreading fees over lines. Compiled.

With x <= cap·y an opener's fee may be spread over its lines in any way, Σ shares = fee: lines are then independent, and
what they earn together with all openers there is at least what any set of openers earns (the Lagrangian relaxation of
the links; Erlenkotter's dual of plant location, 1978, with capacities). Shares move to the lines that use the opener
most, until the relaxed plan nearly is a plan. Then an opener is dropped if even a plan with it open, other fees spread,
cannot beat a plan at hand: what is left is few enough for the table.
"""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import EPS

TURNS = 40
"""How often shares move."""
LOOK = 10
"""Turns after which a plan is tried, and again at the end."""
QUICKNESS = 4.0
"""How fast shares move: they are multiplied by exp(quickness · (use − mean use of the opener))."""
SLOWING = 0.25
"""How fast that shrinks from turn to turn."""


@compiled
def drop_openers(b, o, desk):
    """Drop openers by making their fees infinite; returns an upper bound of the block.

    After `optimizer.engines.decompose.table.chain_arcs`; no opener may have two arcs in a line.
    """
    _share_out(b, o, desk)
    upper, value = np.inf, -np.inf
    for turn in range(TURNS):
        relaxed = _relaxed(b, o, desk)
        if relaxed < upper:
            upper = relaxed
        if turn == LOOK or turn == TURNS - 1:
            value = max(value, _try_used(b, o, desk, value))
            if upper <= value + EPS or turn == TURNS - 1:
                break
        _move_shares(b, o, desk, QUICKNESS / (1.0 + SLOWING * turn))
    for y in range(b.block[o + 1].open - b.block[o].open):
        if desk.door[y].arcs == 0 or desk.best[y]:
            continue
        if upper <= value + EPS or _with_open(b, o, desk, y, relaxed) <= value + EPS:
            desk.door[y].fee = np.inf
    return max(upper, value)


@compiled
def _share_out(b, o, desk):
    """Shares in proportion to what an arc could earn at most; the arcs that can pay, listed by line."""
    zero = b.line[b.block[o].line].arc
    for line in range(b.block[o + 1].line - b.block[o].line):
        desk.line[line].ranked = 0
    for layer in range(desk.depth[1]):
        y = desk.door[layer].layer
        a = desk.door[y].first_arc
        while a >= 0:
            line = desk.arc[a].line
            steps = min(desk.arc[a].steps, desk.line[line].width - 1)
            desk.arc[a].steps = steps
            desk.arc[a].share = desk.door[y].fee * (desk.arc[a].money * steps / desk.door[y].alone)
            first = b.line[b.block[o].line + line].arc - zero
            desk.arc[first + desk.line[line].ranked].rank = a
            desk.line[line].ranked += 1
            a = desk.arc[a].next_arc


@compiled
def _relaxed(b, o, desk):
    """What all lines earn with shares instead of fees; ``taken``: steps of each arc."""
    zero, total = b.line[b.block[o].line].arc, 0.0
    for line in range(b.block[o + 1].line - b.block[o].line):
        first = b.line[b.block[o].line + line].arc - zero
        last = first + desk.line[line].ranked
        for at in range(first, last):
            a = desk.arc[at].rank
            desk.arc[a].taken = 0
            desk.arc[a].burdened = desk.arc[a].money - desk.arc[a].share / desk.arc[a].steps
        left = desk.line[line].width - 1
        while left > 0:
            best, most = -1, 0.0
            for at in range(first, last):
                a = desk.arc[at].rank
                if desk.arc[a].taken == 0 and desk.arc[a].burdened > most:
                    best, most = a, desk.arc[a].burdened
            if best < 0:
                break
            desk.arc[best].taken = min(left, desk.arc[best].steps)
            total += desk.arc[best].taken * most
            left -= desk.arc[best].taken
    return total


@compiled
def _move_shares(b, o, desk, quickness):
    """Let each opener ask more where it is used, with the same fee in all."""
    for layer in range(desk.depth[1]):
        y = desk.door[layer].layer
        if desk.door[y].fee <= 0.0 or desk.door[y].arcs < 2:
            continue
        used, a = 0.0, desk.door[y].first_arc
        while a >= 0:
            used += desk.arc[a].taken / desk.arc[a].steps
            a = desk.arc[a].next_arc
        if used == 0.0:
            continue
        mean, total, a = used / desk.door[y].arcs, 0.0, desk.door[y].first_arc
        while a >= 0:
            desk.arc[a].share *= np.exp(quickness * (desk.arc[a].taken / desk.arc[a].steps - mean))
            total += desk.arc[a].share
            a = desk.arc[a].next_arc
        a = desk.door[y].first_arc
        while a >= 0:
            desk.arc[a].share *= desk.door[y].fee / total
            a = desk.arc[a].next_arc


@compiled
def _try_used(b, o, desk, least):
    """What the openers in use earn, less those it is better without; they stand in ``desk.best`` if above ``least``."""
    openers = b.block[o + 1].open - b.block[o].open
    for y in range(openers):
        desk.opened[y] = False
    for layer in range(desk.depth[1]):
        y = desk.door[layer].layer
        a = desk.door[y].first_arc
        while a >= 0 and y < openers:
            if desk.arc[a].taken > 0:
                desk.opened[y] = True
            a = desk.arc[a].next_arc
    value = _earned(b, o, desk)
    for layer in range(desk.depth[1]):
        y = desk.door[layer].layer
        if y < openers and desk.opened[y]:
            desk.opened[y] = False
            without = _earned(b, o, desk)
            if without >= value:
                value = without
            else:
                desk.opened[y] = True
    if value > least:
        for y in range(openers):
            desk.best[y] = desk.opened[y]
    return value


@compiled
def _earned(b, o, desk):
    """What the block earns with the openers of ``desk.opened``, and those arcs that need none."""
    zero, openers, total = b.line[b.block[o].line].arc, b.block[o + 1].open - b.block[o].open, 0.0
    for y in range(openers):
        if desk.opened[y]:
            total -= desk.door[y].fee
    for line in range(b.block[o + 1].line - b.block[o].line):
        first = b.line[b.block[o].line + line].arc - zero
        last = first + desk.line[line].ranked
        left, cap_money, cap_at = desk.line[line].width - 1, np.inf, np.int64(-1)
        while left > 0:  # the next in order of (money, place)
            best, most = np.int64(-1), 0.0
            for at in range(first, last):
                a = desk.arc[at].rank
                y, money = b.arc[zero + a].opener, desk.arc[a].money
                if y >= 0 and not desk.opened[y]:
                    continue
                if (money < cap_money or (money == cap_money and at > cap_at)) and money > most:
                    best, most = np.int64(at), money
            if best < 0:
                break
            cap_money, cap_at = most, best
            steps = min(left, desk.arc[desk.arc[best].rank].steps)
            total += steps * most
            left -= steps
    return total


@compiled
def _with_open(b, o, desk, y, relaxed):
    """No plan with opener ``y`` open earns more: its fee is paid, its arcs bear no shares, all others do."""
    zero, total = b.line[b.block[o].line].arc, relaxed - desk.door[y].fee
    a = desk.door[y].first_arc
    while a >= 0:
        line = desk.arc[a].line
        first = b.line[b.block[o].line + line].arc - zero
        free = desk.line[line].width - 1
        for at in range(first, first + desk.line[line].ranked):
            free -= desk.arc[desk.arc[at].rank].taken
        total += desk.arc[a].taken * (desk.arc[a].money - desk.arc[a].burdened)
        more = desk.arc[a].steps - desk.arc[a].taken
        steps = min(more, free)
        total += steps * desk.arc[a].money
        more -= steps
        cap_money, cap_at = -np.inf, np.int64(-1)
        while more > 0:  # in place of the cheapest, one arc after the other
            worst, least = np.int64(-1), desk.arc[a].money
            for at in range(first, first + desk.line[line].ranked):
                other = desk.arc[at].rank
                money = desk.arc[other].burdened
                if other == a or desk.arc[other].taken == 0 or money >= least:
                    continue
                if money > cap_money or (money == cap_money and at > cap_at):
                    worst, least = np.int64(at), money
            if worst < 0:
                break
            cap_money, cap_at = least, worst
            steps = min(more, desk.arc[desk.arc[worst].rank].taken)
            total += steps * (desk.arc[a].money - least)
            more -= steps
        a = desk.arc[a].next_arc
    return total
