"""The best plan of a small block without rules, by dynamic programming over the units of its lines. Compiled.

A state says how many units each line has at most; openers come one after another, each either left shut or paid for
and then used by its arcs:

    best(y, units) = max( best(y − 1, units), max over what y's arcs take: their money − fee + best(y − 1, units left) )

With many openers and few units (most orders) this is far less work than branching over sets of openers, and it is
exact in whole steps.
"""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import CELLS
from optimizer.engines.decompose.spread import drop_openers

MISFIT = -1.0
FEW_CELLS = 4_000
"""States × openers up to which it is not worth while to look for openers of no use first."""


@compiled
def best_by_table(b, o, desk):
    """(best value of block ``o``, upper bound); the value is `MISFIT` if the block does not fit the table.

    For blocks without rules whose openers are not limited in number. Units and openers of the plan are on the desk.
    Openers that are known to be of no use have an infinite fee afterwards.
    """
    upper = np.inf
    longest, twins = chain_arcs(b, o, desk)
    if longest < 0:
        return MISFIT, upper
    states = _states(b, o, desk)
    if not twins and states * desk.depth[1] > FEW_CELLS and b.block[o + 1].line - b.block[o].line > 1:
        upper = drop_openers(b, o, desk)
        longest, twins = chain_arcs(b, o, desk)
        states = _states(b, o, desk)
    if states * (desk.depth[1] + longest + 2) > CELLS:
        return MISFIT, upper
    value = _fill_table(desk, states)
    _trace(b, o, desk, states)
    return value, value


@compiled
def _fill_table(desk, states):
    """The best value of all openers and all units."""
    for cell in range(states):
        desk.table[cell] = 0.0
    layers = desk.depth[1]
    for layer in range(layers):
        before, now = layer * states, (layer + 1) * states
        _open(desk, desk.door[layer].layer, before, now, states)
        a = desk.door[desk.door[layer].layer].first_arc
        while a >= 0:
            _take(desk, a, now, states)
            a = desk.arc[a].next_arc
        for cell in range(states):
            desk.table[now + cell] = max(desk.table[now + cell], desk.table[before + cell])
    return desk.table[(layers + 1) * states - 1]


@compiled
def chain_arcs(b, o, desk):
    """Chain the arcs that can pay by opener; ``layer`` of the doors lists the openers that have any.

    Returns (most arcs of one opener, whether any has two in a line); (−1, False) if steps or fees do not fit the table.
    An opener that does not pay with all of its arcs never does. The last door of the desk stands for arcs without one.
    """
    zero, openers = b.line[b.block[o].line].arc, b.block[o + 1].open - b.block[o].open
    loose = desk.door.shape[0] - 1
    desk.door[loose].fee, desk.door[loose].alone = 0.0, np.inf
    desk.door[loose].first_arc, desk.door[loose].arcs = -1, 0
    for y in range(openers):
        if desk.door[y].fee < 0.0:
            return -1, False
        desk.door[y].alone, desk.door[y].first_arc, desk.door[y].arcs = 0.0, -1, 0
        desk.best[y] = False
    for line in range(b.block[o].line, b.block[o + 1].line):
        first, need = b.line[line].arc - zero, b.line[line].need
        for a in range(first, b.line[line + 1].arc - zero):
            if b.arc[zero + a].step != b.arc[zero + first].step:
                return -1, False
            y = b.arc[zero + a].opener
            desk.arc[a].units = 0
            if y >= 0 and desk.arc[a].unit > 0.0:
                desk.door[y].alone += desk.arc[a].unit * min(desk.arc[a].room, need)
    layers, longest, twins = 0, 0, False
    for line in range(b.block[o].line, b.block[o + 1].line):
        first, most = b.line[line].arc - zero, np.int64(0)
        step = np.int64(b.arc[zero + first].step)
        for a in range(first, b.line[line + 1].arc - zero):
            y = b.arc[zero + a].opener if b.arc[zero + a].opener >= 0 else loose
            desk.arc[a].steps = desk.arc[a].room // step
            if desk.arc[a].unit <= 0.0 or desk.arc[a].steps <= 0 or desk.door[y].alone <= desk.door[y].fee:
                continue
            desk.arc[a].line, desk.arc[a].money = line - b.block[o].line, desk.arc[a].unit * step
            if desk.door[y].arcs == 0:
                desk.door[layers].layer = y
                layers += 1
            elif y != loose and desk.arc[desk.door[y].first_arc].line == desk.arc[a].line:
                twins = True
            desk.arc[a].next_arc, desk.door[y].first_arc = desk.door[y].first_arc, a
            desk.door[y].arcs += 1
            longest = max(longest, desk.door[y].arcs)
            most += desk.arc[a].steps
        desk.line[line - b.block[o].line].width = min(b.line[line].need // step, most) + 1
    desk.depth[1] = layers
    return longest, twins


@compiled
def _states(b, o, desk):
    """How many states there are, or more than `CELLS`; notes how far apart lie those that differ by one step."""
    states, most = np.int64(1), np.int64(CELLS + 1)
    for line in range(b.block[o + 1].line - b.block[o].line):
        desk.line[line].stride = states
        states = min(states * desk.line[line].width, most)
    return states


@compiled
def _open(desk, y, before, now, states):
    """Pay for opener ``y`` in every state."""
    for cell in range(states):
        desk.table[now + cell] = desk.table[before + cell] - desk.door[y].fee


@compiled
def _take(desk, a, now, states):
    """Let arc ``a`` take steps of its line in every state, in place."""
    table, money, most = desk.table, desk.arc[a].money, desk.arc[a].steps
    stride, width = desk.line[desk.arc[a].line].stride, desk.line[desk.arc[a].line].width
    for high in range(now, now + states, stride * width):
        for steps in range(width - 1, 0, -1):  # from the top: what is below is still without this arc
            for cell in range(high + steps * stride, high + (steps + 1) * stride):
                best = table[cell]
                for taken in range(1, min(most, steps) + 1):
                    best = max(best, table[cell - taken * stride] + taken * money)
                table[cell] = best


@compiled
def _trace(b, o, desk, states):
    """Read the best plan off the table: its openers and units."""
    layers = desk.depth[1]
    table, cell, work = desk.table, states - 1, (layers + 1) * states
    zero = b.line[b.block[o].line].arc
    for layer in range(layers - 1, -1, -1):
        before, y = layer * states, desk.door[layer].layer
        if table[before + states + cell] == table[before + cell]:
            continue
        _open(desk, y, before, work, states)
        at, a = work, desk.door[y].first_arc
        count = 0
        while a >= 0:  # once more, every arc in a table of its own
            for state in range(states):
                table[at + states + state] = table[at + state]
            at += states
            _take(desk, a, at, states)
            desk.arc[count].chain = a
            count += 1
            a = desk.arc[a].next_arc
        for k in range(count - 1, -1, -1):
            a = desk.arc[k].chain
            taken, stride = 0, desk.line[desk.arc[a].line].stride
            while table[at + cell] != table[at - states + cell - taken * stride] + taken * desk.arc[a].money:
                taken += 1
            desk.arc[a].units = taken * b.arc[zero + a].step
            cell -= taken * stride
            at -= states
        if y < desk.door.shape[0] - 1:
            desk.best[y] = True
