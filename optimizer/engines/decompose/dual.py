"""Prices of the shared rows by ascent on the Lagrangian dual. Compiled passes over all blocks.

``D(price) = Σ price · rhs + Σ best of each block + Σ best of each soft overrun`` bounds every plan from above for any
prices >= 0. Its subgradient is ``rhs − use``. Steps are those of Adam (Kingma and Ba, 2015) with a rate per row in the
money that a unit of the row usually earns, falling geometrically; the best bound seen is kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from optimizer.engines.decompose.choice import best_plan
from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import Desk, lay_out, make_desk
from optimizer.engines.decompose.odd import OddPrices
from optimizer.engines.decompose.problem import Blocks, Flags, Floats, Problem, Shared

NODES = 1_000
"""Branchings in one block; beyond, the bound of what was not looked at counts."""
FEW_NODES, EARLY = 60, 0.5
"""The same in the early part of the ascent, where the bound is far from its best anyhow."""
FIRST_RATE, LAST_RATE, LAST_STEP = 0.06, 0.0005, 0.3
"""Rates of the first and the last pass; of few passes the last is `LAST_STEP` over their number, if that is more: steps
that are small too early leave prices where the first, rough ones threw them.
"""
NEAR_RATE = 0.003
"""First rate from the prices of the linear relaxation, which are near the best already."""
MOMENTUM, MEMORY, TINY = 0.8, 0.98, 1e-12
NEWEST = 0.1
"""Share of an average of plans that the newest has."""
_NOTHING: Floats = np.zeros(0)
_NO_DOOR: Flags = np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True)
class Pass:
    """One evaluation: the bound, use of each row by the blocks' best plans, and the bound of each simple block.

    The bound is +inf where the odd blocks were only estimated.
    """

    bound: float
    use: Floats
    block: Floats


class Averages:
    """The average of the best plans of all blocks in the last passes: nearly a plan, if a fractional one."""

    def __init__(self, blocks: Blocks) -> None:
        self.shipped: Floats = np.zeros(len(blocks.arc) - 1)
        """per arc, steps"""
        self.opened: Floats = np.zeros(len(blocks.door) - 1)

    def fade(self) -> None:
        """Make room for another plan, which counts for `NEWEST` of the average."""
        self.shipped *= 1.0 - NEWEST
        self.opened *= 1.0 - NEWEST


class Evaluator:
    """Evaluates all blocks at given prices, in fixed parts whose results are added in a fixed order.

    With ``averages`` it keeps account of the plans that it finds, and openers may be paid for being opened. Not
    ``whole``: odd blocks are relaxed.
    """

    def __init__(
        self, problem: Problem, pool: Executor, threads: int, left_s: Callable[[], float] = lambda: math.inf,
        averages: Averages | None = None, *, whole: bool = True,
    ) -> None:  # fmt: skip
        self.problem, self.pool, self.averages = problem, pool, averages
        blocks = problem.blocks
        arcs = blocks.line["arc"][blocks.block["line"]]
        goals = np.linspace(0, arcs[-1], threads + 1)[1:-1]
        cuts = np.concatenate([[0], np.searchsorted(arcs, goals), [len(arcs) - 1]])
        self.parts = [(int(a), int(b)) for a, b in itertools.pairwise(cuts) if b > a]
        self.desks: list[Desk] = [make_desk(blocks) for _ in self.parts]
        self.uses = [np.zeros(len(problem.shared.rhs)) for _ in self.parts]
        self.odd = None if problem.odd is None else OddPrices(problem.odd, len(problem.shared.rhs), pool, left_s, whole)

    def __call__(self, price: Floats, nodes: int = NODES, *, full: bool = True) -> Pass:
        """D at these prices and its subgradient's parts; ``nodes``: branchings in one block before it is cut short.

        Not ``full``: without solving the odd blocks, and so without a bound.
        """
        blocks, shared = self.problem.blocks, self.problem.shared
        best = np.zeros(blocks.n_blocks)
        shipped = opened = _NOTHING
        if self.averages is not None:
            self.averages.fade()
            shipped, opened = self.averages.shipped, self.averages.opened

        def work(k: int) -> None:
            self.uses[k][:] = 0.0
            evaluate(blocks, *self.parts[k], self.desks[k], price, self.uses[k], best, nodes, shipped, opened, _NO_DOOR)

        list(self.pool.map(work, range(len(self.parts))))
        use = sum(self.uses[1:], self.uses[0].copy()) if self.uses else np.zeros(len(shared.rhs))
        over, paid = soft_overrun(shared, price)
        bound = self.problem.base + float(price @ shared.rhs) + float(best.sum()) + paid
        if self.odd is not None:
            found = self.odd.solve(price) if full else self.odd.estimate(price)
            use += found.use
            bound = bound + found.worth if full else np.inf
        return Pass(bound, use - over, best)


def soft_overrun(shared: Shared, price: Floats) -> tuple[Floats, float]:
    """(overrun that pays at these prices, what it earns beyond its cost)."""
    gain = price - shared.soft_cost
    over = np.where(gain > 0, shared.soft_cap, 0.0)
    return over, float(np.maximum(gain, 0.0) @ over)


@compiled
def evaluate(b, first, last, desk, price, use, best, nodes, shipped, opened, forced):
    """Upper bounds of blocks ``first`` .. ``last`` into ``best``; what their best plans use is added to ``use``.

    Where ``shipped`` and ``opened`` have room, the plans are added to them too, and openers may be paid for; where
    ``forced`` has room too, it says which are open whatever that earns.
    """
    for o in range(first, last):
        lay_out(b, o, desk, price, 1.0)
        rewards = 0.0
        if shipped.shape[0] > 0:
            rewards = take_rewards(b, o, desk, use, shipped, opened, forced)
        value, upper = best_plan(b, o, desk, False, nodes)
        best[o] = upper + rewards
        if value <= 0.0 and upper <= 0.0:
            continue
        zero = b.line[b.block[o].line].arc
        start = b.block[o].open
        if shipped.shape[0] > 0:
            _add_plan(b, o, desk, shipped, opened)
        for a in range(zero, b.line[b.block[o + 1].line].arc):
            if desk.arc[a - zero].units > 0:
                steps = desk.arc[a - zero].units / b.arc[a].step
                for k in range(b.arc[a].use, b.arc[a + 1].use):
                    use[b.arc_use[k].row] += steps * b.arc_use[k].use
        for y in range(start, b.block[o + 1].open):
            if desk.best[y - start] and not desk.door[y - start].rewarded:
                for k in range(b.door[y].use, b.door[y + 1].use):
                    use[b.door_use[k].row] += b.door_use[k].use


@compiled
def take_rewards(b, o, desk, use, shipped, opened, forced):
    """Open what prices pay to open, or what must be; count the plan's part of it, leave fees of 0, return the money.

    An opener without units is none: where no arc earns anything, the least loss of one step is taken off what is paid
    (not where rules may pay for that step).
    """
    total, start, zero = 0.0, b.block[o].open, b.line[b.block[o].line].arc
    for y in range(b.block[o + 1].open - start):
        reward = -desk.door[y].fee
        desk.door[y].rewarded = False
        is_forced = forced.shape[0] > 0 and forced[start + y]
        if reward <= 0.0 and not is_forced:
            continue
        desk.door[y].fee = 0.0
        most, cheapest = -np.inf, -1
        for a in range(zero, b.line[b.block[o + 1].line].arc):
            if b.arc[a].opener == y and b.arc[a].cap > 0:
                money = desk.arc[a - zero].unit * b.arc[a].step
                if money > most:
                    most, cheapest = money, a
        if cheapest < 0:
            continue
        if not b.block[o].has_rules:
            reward += min(most, 0.0)
        if reward <= 0.0 and not is_forced:
            continue
        total += reward
        desk.door[y].rewarded = True
        opened[start + y] += NEWEST
        for k in range(b.door[start + y].use, b.door[start + y + 1].use):
            use[b.door_use[k].row] += b.door_use[k].use
        if most <= 0.0:
            shipped[cheapest] += NEWEST
            for k in range(b.arc[cheapest].use, b.arc[cheapest + 1].use):
                use[b.arc_use[k].row] += b.arc_use[k].use
    return total


@compiled
def _add_plan(b, o, desk, shipped, opened):
    """Add the plan on the desk to the average, but openers that were paid for: they are in it."""
    zero, start = b.line[b.block[o].line].arc, b.block[o].open
    for a in range(zero, b.line[b.block[o + 1].line].arc):
        if desk.arc[a - zero].units > 0:
            shipped[a] += NEWEST * desk.arc[a - zero].units / b.arc[a].step
    for y in range(b.block[o + 1].open - start):
        if desk.best[y] and not desk.door[y].rewarded:
            opened[start + y] += NEWEST


def usual_worth(problem: Problem) -> Floats:
    """Per shared row: mean money that a unit of it may earn, over the arcs, openers and odd columns that use it."""
    blocks, rows = problem.blocks, len(problem.shared.rhs)
    arc, door, used, opened = blocks.arc, blocks.door, blocks.arc_use, blocks.door_use
    value = np.repeat(np.abs(arc["value"][:-1]), np.diff(arc["use"])) / np.maximum(np.abs(used["use"]), TINY)
    fee = np.repeat(np.abs(door["fee"][:-1]), np.diff(door["use"])) / np.maximum(np.abs(opened["use"]), TINY)
    total = np.bincount(used["row"], value, rows) + np.bincount(opened["row"], fee, rows)
    number = np.bincount(used["row"], minlength=rows) + np.bincount(opened["row"], minlength=rows)
    if problem.odd is not None:
        odd = problem.odd
        money = np.abs(odd.program.objective[odd.use_column]) / np.maximum(np.abs(odd.use), TINY)
        total = total + np.bincount(odd.use_row, money, rows)
        number = number + np.bincount(odd.use_row, minlength=rows)
    worth = total / np.maximum(number, 1.0)
    worth[blocks.alone["row"][:-1]] = blocks.alone["cost"][:-1]  # where their prices end
    return np.where(worth > 0, worth, 1.0)


def clearing_prices(problem: Problem) -> Floats:
    """Per shared row: what its last unit is worth to those who want it, if lines ask of all rows by what these have.

    Where to begin: near the prices that clear each row, and far cheaper to evaluate than prices of 0, at which every
    opener of every block pays.
    """
    blocks, rhs = problem.blocks, problem.shared.rhs
    takes = np.flatnonzero(blocks.arc_use["use"] > 0)
    arc, first = np.unique(blocks.arc_of_use[takes], return_index=True)
    use = blocks.arc_use[takes[first]]
    row, line = use["row"], blocks.line_of_arc[arc]
    worth = blocks.arc["value"][arc] / use["use"]
    room = np.maximum(rhs[row], 0.0)
    share = room / np.maximum(np.bincount(line, room, len(blocks.line))[line], TINY)
    asked = blocks.line["need"][line] * share
    order = np.lexsort((-worth, row))
    row, worth, total = row[order], worth[order], np.cumsum(asked[order])
    first = np.searchsorted(row, np.arange(len(rhs)))
    before = np.concatenate([[0.0], total])[first]
    last = np.searchsorted(total, before + np.maximum(rhs, 0.0))
    short = (last < np.append(first[1:], len(row))) & (rhs > 0)
    price = np.zeros(len(rhs))
    price[short] = np.maximum(worth[last[short]], 0.0)
    return np.minimum(price, problem.shared.soft_cost)


@dataclass
class Ascent:
    """The state of the ascent: prices, their moments, and the best bound with its prices."""

    price: Floats
    mean: Floats
    square: Floats
    best_price: Floats
    best: Pass
    passes: int = 0

    @classmethod
    def begin(cls, evaluator: Evaluator, price: Floats) -> Ascent:
        found = evaluator(price, FEW_NODES)
        return cls(price.copy(), np.zeros_like(price), np.zeros_like(price), price.copy(), found, 0)


def rates_of(passes: int, *, near: bool) -> tuple[float, float]:
    """First and last rate of so many passes, from prices that are ``near`` the best or not."""
    if near:
        return NEAR_RATE, LAST_RATE
    return FIRST_RATE, max(LAST_RATE, min(LAST_STEP / max(passes, 1), FIRST_RATE / 10))


@compiled
def step(price, use, rhs, most, worth, rate, mean, square, number):
    """Move prices, which stay from 0 to ``most``, by the step of this number; the first is 1."""
    power = float(number)  # whole powers are multiplied out, and rounded at each factor
    fresh_mean, fresh_square = 1 - MOMENTUM**power, 1 - MEMORY**power
    for r in range(price.shape[0]):
        slope = use[r] - rhs[r]
        mean[r] += (1 - MOMENTUM) * (slope - mean[r])
        square[r] += (1 - MEMORY) * (slope * slope - square[r])
        moved = rate * worth[r] * (mean[r] / fresh_mean) / (np.sqrt(square[r] / fresh_square) + TINY)
        price[r] = min(max(price[r] + moved, 0.0), most[r])


def ascend(
    evaluator: Evaluator, state: Ascent, passes: int, ended: Callable[[], bool], every: int = 1,
    first_rate: float = FIRST_RATE, last_rate: float = LAST_RATE, worth: Floats | None = None,
) -> Iterator[Pass]:  # fmt: skip
    """Passes with steps falling geometrically from the first rate to the last; yields each evaluation.

    Odd blocks are solved in the last pass and in each ``every``-th before it. ``worth``: the money of a unit of each
    row in place of the usual one.
    """
    shared = evaluator.problem.shared
    worth = usual_worth(evaluator.problem) if worth is None else worth
    found = state.best if state.passes == 0 else evaluator(state.price)
    for k in range(passes):
        rate = first_rate * (last_rate / first_rate) ** (k / max(passes - 1, 1))
        state.passes += 1
        step(state.price, found.use, shared.rhs, shared.soft_cost, worth, rate, state.mean, state.square, state.passes)
        full = (passes - 1 - k) % every == 0
        found = evaluator(state.price, FEW_NODES if k < EARLY * passes else NODES, full=full)
        if found.bound < state.best.bound:
            state.best, state.best_price = found, state.price.copy()
        yield found
        if ended():
            return
