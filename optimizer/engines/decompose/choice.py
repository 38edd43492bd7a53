"""The best plan of one block when shared rows have prices: which openers, how much on which arc. Compiled.

With a set of openers chosen the lines are independent of each other, and each is filled from its most valuable arc on.
So the search is over sets of openers alone, by branch and bound:

- where filling is submodular (no rules), the gain of an opener only shrinks as others open: one that does not pay now
  never will below this node, and the gains of the others, added up, bound what is left;
- in any case a fee may be spread over the units that its arcs carry at most (x <= min(cap, need)·y): the fill of all
  arcs, each with its part of the fee, is at least the value of any set.

Both bounds are those of the strong linear relaxation, found without a linear program.
"""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import EPS, insert_ranked, rank_arcs
from optimizer.engines.decompose.problem import ASKED
from optimizer.engines.decompose.table import MISFIT, best_by_table


@compiled
def _plain_fill(b, o, desk, opened, key, rank, whole_steps):
    """`fill` without rules; ``key`` and ``rank``: what a unit of each arc is worth, and their order."""
    zero = b.line[b.block[o].line].arc
    total = 0.0
    for line in range(b.block[o].line, b.block[o + 1].line):
        start, left = b.line[line].arc - zero, b.line[line].need
        for at in range(start, start + desk.line[line - b.block[o].line].ranked):
            a = rank[at]
            y = b.arc[zero + a].opener
            if y >= 0 and not opened[y]:
                continue
            if key[a] <= 0.0:
                break
            units = min(desk.arc[a].room, left)
            if whole_steps:
                units -= units % b.arc[zero + a].step
            total += units * key[a]
            left -= units
            if left <= 0:
                break
    return total


@compiled
def fill(b, o, desk, opened, spread, whole_steps):
    """Money of block ``o`` with a set of openers, without their fees (``spread``: each arc bears its part of them).

    Without ``whole_steps`` arcs may be cut at any unit: at least the true value.
    """
    if not b.block[o].has_rules:
        if spread:
            return _plain_fill(b, o, desk, opened, desk.arc.shared_fee, desk.arc.fee_rank, whole_steps)
        return _plain_fill(b, o, desk, opened, desk.arc.unit, desk.arc.rank, whole_steps)
    total, all_full, all_money = 0.0, True, b.block[o].prize
    for line in range(b.block[o].line, b.block[o + 1].line):
        part, full, can_full = _fill_line(b, o, line, desk, opened, spread, whole_steps)
        all_full = all_full and can_full
        all_money += full
        if not b.block[o].whole:
            total += max(part, full if can_full else part)
    if all_full and all_money > total:
        return all_money
    return total


@compiled
def _fill_line(b, o, line, desk, opened, spread, whole_steps):
    """With rules: (money if it may go in part, money if full, whether it can be full)."""
    zero = b.line[b.block[o].line].arc
    key = desk.arc.shared_fee if spread else desk.arc.unit
    rank = desk.arc.fee_rank if spread else desk.arc.rank
    left, money, part, taken = b.line[line].need, 0.0, 0.0, np.int64(0)
    open_part = True
    limit = b.line[line].full
    start = b.line[line].arc - zero
    for at in range(start, start + desk.line[line - b.block[o].line].ranked):
        a = rank[at]
        y = b.arc[zero + a].opener
        if y >= 0 and not opened[y]:
            continue
        worth = key[a]
        if worth <= 0.0 and open_part and taken >= b.line[line].least:
            part, open_part = money, False
        units = min(desk.arc[a].room, left)
        if not open_part and worth <= 0.0:
            units = min(units, limit - taken)
        if worth <= 0.0 and open_part:  # below the least quantity: take what reaches it
            short = b.line[line].least - taken
            if units >= short:
                lift = short
                if whole_steps and lift % b.arc[zero + a].step != 0:
                    lift += b.arc[zero + a].step - lift % b.arc[zero + a].step
                if lift <= units:
                    part, open_part = money + lift * worth, False
        if whole_steps:
            units -= units % b.arc[zero + a].step
        if units <= 0:
            continue
        money += units * worth
        taken += units
        left -= units
        if left <= 0:
            break
    if open_part:
        part = money if taken >= b.line[line].least else 0.0
    part = max(part, 0.0)
    can_full = taken == b.line[line].full
    if b.line[line].full >= ASKED:
        return part, part, True  # nothing asks for it in full
    if b.line[line].complete:
        part = 0.0
    return part, money + b.line[line].bonus, can_full


@compiled
def best_plan(b, o, desk, whole_steps, most_nodes):
    """(value of the best plan found of the block on the desk, upper bound); its units and openers are on the desk.

    Small blocks without rules by table, all others by search.
    """
    limit = np.inf
    if not b.block[o].has_rules and b.block[o].most_open >= b.block[o + 1].open - b.block[o].open:
        value, limit = best_by_table(b, o, desk)
        if value != MISFIT:
            return value, limit
    value, upper = search_plan(b, o, desk, whole_steps, most_nodes)
    return value, max(value, min(upper, limit))


@compiled
def search_plan(b, o, desk, whole_steps, most_nodes):
    """The same by search alone: faster where most openers have no room, as while a plan is searched for."""
    rank_arcs(b, o, desk)
    value, upper = best_set(b, o, desk, whole_steps, most_nodes)
    take_best(b, o, desk, whole_steps)
    return value, upper


@compiled
def best_set(b, o, desk, whole_steps, most_nodes):
    """(value of the best set found, upper bound), equal once the search is complete; the set is in ``desk.best``."""
    openers = b.block[o + 1].open - b.block[o].open
    desk.opened[:openers] = True
    everything = fill(b, o, desk, desk.opened, True, whole_steps)
    desk.opened[:openers] = False
    best = fill(b, o, desk, desk.opened, False, whole_steps)
    desk.best[:openers] = False
    if everything <= best + EPS or openers == 0 or b.block[o].most_open == 0:
        return best, best
    desk.open_stack[0, :openers] = False
    for y in range(openers):
        desk.free_stack[0, y] = desk.door[y].fee != np.inf and (
            b.block[o].has_rules or desk.door[y].alone > desk.door[y].fee
        )
    desk.bound_stack[0] = everything
    desk.depth[0] = 1
    nodes = 0
    while desk.depth[0] > 0:
        desk.depth[0] -= 1
        node = desk.depth[0]
        if desk.bound_stack[node] <= best + EPS:
            continue
        nodes += 1
        if nodes > most_nodes:
            upper = max(best, desk.bound_stack[node])
            for other in range(node):
                upper = max(upper, desk.bound_stack[other])
            return best, upper
        best = _branch(b, o, desk, node, best, whole_steps)
    return best, best


@compiled
def _branch(b, o, desk, node, best, whole_steps):
    """Look at the set of a node and push the two nodes below it, if anything can come of them."""
    openers = b.block[o + 1].open - b.block[o].open
    opened, free = desk.open_stack[node, :openers], desk.free_stack[node, :openers]
    count, fees = 0, 0.0
    for y in range(openers):
        desk.opened[y] = opened[y]
        if opened[y]:
            count += 1
            fees += desk.door[y].fee
    if b.block[o].has_rules:
        base = _gains_by_rules(b, o, desk, free, whole_steps) - fees
    else:
        base = _gains_by_line(b, o, desk, free, whole_steps) - fees
    if base > best + EPS:
        best = base
        desk.best[:openers] = opened
    left = b.block[o].most_open - count
    if left <= 0:
        return best
    chosen, most, total, several = -1, -np.inf, base, 0
    for y in range(openers):
        if not free[y]:
            continue
        gain = desk.door[y].gain - desk.door[y].fee
        if not b.block[o].has_rules and gain <= EPS:
            free[y] = False
            continue
        several += 1
        total += max(gain, 0.0)
        if gain > most:
            chosen, most = y, gain
    if several == 0:
        return best
    if base + most > best + EPS:
        best = base + most
        desk.best[:openers] = opened
        desk.best[chosen] = True
    if several == 1 or left == 1:
        return best
    if b.block[o].has_rules:
        for y in range(openers):
            desk.opened[y] = opened[y] or free[y]
        bound = fill(b, o, desk, desk.opened, True, whole_steps)
    elif total <= best + EPS:
        return best
    else:
        bound = min(total, _reach(b, o, desk, opened, free, whole_steps) - fees)
    bound = min(bound, desk.bound_stack[node])
    if bound <= best + EPS:
        return best
    # the node below that opens ``chosen`` is looked at first: it lies on top
    desk.free_stack[node, chosen] = False
    desk.bound_stack[node] = bound
    top = node + 1
    desk.open_stack[top, :openers] = desk.open_stack[node, :openers]
    desk.free_stack[top, :openers] = desk.free_stack[node, :openers]
    desk.open_stack[top, chosen] = True
    desk.bound_stack[top] = bound
    desk.depth[0] = top + 1
    return best


@compiled
def _gains_by_rules(b, o, desk, free, whole_steps):
    """Fill of the open ones, and what each free opener adds, before its fee, where lines depend on each other."""
    base = fill(b, o, desk, desk.opened, False, whole_steps)
    for y in range(b.block[o + 1].open - b.block[o].open):
        if free[y]:
            desk.opened[y] = True
            desk.door[y].gain = fill(b, o, desk, desk.opened, False, whole_steps) - base
            desk.opened[y] = False
    return base


@compiled
def _gains_by_line(b, o, desk, free, whole_steps):
    """The same without rules, line by line; ``part`` of each arc: what its opener adds to its line.

    Loops stand written out: a call with all arrays of the desk costs more than a line has work.
    """
    zero = b.line[b.block[o].line].arc
    rank, unit, room, opened, gain = desk.arc.rank, desk.arc.unit, desk.arc.room, desk.opened, desk.door.gain
    base = 0.0
    gain[: b.block[o + 1].open - b.block[o].open] = 0.0
    for line in range(b.block[o].line, b.block[o + 1].line):
        start, need = b.line[line].arc - zero, b.line[line].need
        stop = start + desk.line[line - b.block[o].line].ranked
        now = 0.0
        for at in range(start - 1, stop):  # first the open ones alone
            joining = -1
            if at >= start:
                joining = b.arc[zero + rank[at]].opener
                if joining < 0 or not free[joining]:
                    continue
            money, left = 0.0, need
            for other in range(start, stop):
                a = rank[other]
                y = b.arc[zero + a].opener
                if y >= 0 and y != joining and not opened[y]:
                    continue
                units = min(room[a], left)
                if whole_steps:
                    units -= units % b.arc[zero + a].step
                money += units * unit[a]
                left -= units
                if left <= 0:
                    break
            if at < start:
                now = money
                base += now
                continue
            desk.arc[rank[at]].part = money - now
            again = False
            for before in range(start, at):
                again = again or b.arc[zero + rank[before]].opener == joining
            if not again:
                gain[joining] += money - now
    return base


@compiled
def _reach(b, o, desk, opened, free, whole_steps):
    """No set with the open ones and some free ones fills for more: these bear their fees by what they add to lines."""
    zero = b.line[b.block[o].line].arc
    total = 0.0
    for line in range(b.block[o].line, b.block[o + 1].line):
        start = b.line[line].arc - zero
        number = 0
        for at in range(start, start + desk.line[line - b.block[o].line].ranked):
            a = desk.arc[at].rank
            y = b.arc[zero + a].opener
            desk.arc[a].burdened = desk.arc[a].unit
            if y >= 0 and not opened[y]:
                if not free[y]:
                    continue
                if desk.door[y].fee > 0.0 and desk.door[y].gain > 0.0:
                    desk.arc[a].burdened -= desk.arc[a].part / desk.door[y].gain * desk.door[y].fee / desk.arc[a].span
            insert_ranked(desk.arc.burdened, desk.arc.reach_rank, start, number, a)
            number += 1
        left = b.line[line].need
        for at in range(start, start + number):
            a = desk.arc[at].reach_rank
            if desk.arc[a].burdened <= 0.0 or left <= 0:
                break
            units = min(desk.arc[a].room, left)
            if whole_steps:
                units -= units % b.arc[zero + a].step
            total += units * desk.arc[a].burdened
            left -= units
    return total


@compiled
def take_best(b, o, desk, whole_steps):
    """Units of each arc with the openers of ``desk.best``, in the desk's ``units``: what `fill` counted."""
    zero = b.line[b.block[o].line].arc
    last = b.line[b.block[o + 1].line].arc
    for a in range(last - zero):
        desk.arc[a].units = 0
    want_full = False
    if b.block[o].has_rules:
        want_full = _prefers_full(b, o, desk, whole_steps)
        if b.block[o].whole and not want_full:
            return
    for line in range(b.block[o].line, b.block[o + 1].line):
        _take_line(b, o, line, desk, want_full, whole_steps)


@compiled
def _prefers_full(b, o, desk, whole_steps):
    """Whether all lines in full is what the value of the block rests on."""
    loose, every = 0.0, b.block[o].prize
    for line in range(b.block[o].line, b.block[o + 1].line):
        part, full, can_full = _fill_line(b, o, line, desk, desk.best, False, whole_steps)
        if not can_full:
            return False
        every += full
        loose += max(part, full)
    return every > (0.0 if b.block[o].whole else loose) + EPS


@compiled
def _take_line(b, o, line, desk, want_full, whole_steps):
    zero = b.line[b.block[o].line].arc
    aim = b.line[line].need
    if b.block[o].has_rules and b.line[line].full < ASKED:
        part, full, can_full = _fill_line(b, o, line, desk, desk.best, False, whole_steps)
        want_full = can_full and (want_full or full > part + EPS)
        if want_full:
            aim = b.line[line].full
        elif b.line[line].complete or part <= 0.0:
            return
    elif b.block[o].has_rules and b.line[line].least > 0:
        part, full, can_full = _fill_line(b, o, line, desk, desk.best, False, whole_steps)
        want_full = False
        if part <= 0.0:
            return
    else:
        want_full = False
    taken = np.int64(0)
    start = b.line[line].arc - zero
    for at in range(start, start + desk.line[line - b.block[o].line].ranked):
        a = desk.arc[at].rank
        y = b.arc[zero + a].opener
        if y >= 0 and not desk.best[y]:
            continue
        units = min(desk.arc[a].room, aim - taken)
        if desk.arc[a].unit <= 0.0 and not want_full:
            lift = max(b.line[line].least - taken, 0)
            if whole_steps and lift % b.arc[zero + a].step != 0:
                lift += b.arc[zero + a].step - lift % b.arc[zero + a].step
            units = min(units, lift)
        if whole_steps:
            units -= units % b.arc[zero + a].step
        if units > 0:
            desk.arc[a].units = units
            taken += units
