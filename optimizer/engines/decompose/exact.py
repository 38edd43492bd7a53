"""Parts of a plan made best: whole-number programs over the openings that were met lately, solved by HiGHS.

Ruin and recreate moves a few blocks at a time. With openings limited to those that recent plans had or that blocks want
at the prices, programs of hundreds of blocks are solved to the end, and find what no small move does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import highspy
import numpy as np

from optimizer.engines.decompose.begin import take_over
from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.cut import Cut, Room, cut_out
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import note_regret, overrun_cost, remove
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Small
from optimizer.engines.decompose.work import ITERATION_S, NONZERO_S
from optimizer.engines.resolve_matrix import Program, slices

SIZES = (6_000, 4_000, 1_200)
"""Openers in one program at most, by how many openers are allowed: more freedom makes a program much harder."""
RESTLESS = 1_500
"""The same where only blocks are looked at that have not their best plan: the hardest, but they hold most that can be
gained, and together more than in pieces.
"""
NODES, RESTLESS_NODES = 60, 1
"""Branchings in a program at most. Of the hardest, cuts and heuristics before the first find nearly all."""
GAP = 1e-5
"""Relative gap at which a program is as good as solved."""
AT_REST = 1e-6
"""Regret below which a block has its best plan at the prices, but for rounding."""


class Settler:
    """Betters the plan of an `Improver`, some parts of its blocks after the others; knows which openers to allow."""

    def __init__(self, improver: Improver, seed: int) -> None:
        self.improver, self.problem = improver, improver.problem
        self.random = np.random.default_rng(seed)

    def better(self, work_s: float, left_s: Callable[[], float]) -> Iterator[float]:
        """Solve programs for so many nominal seconds, or until no seconds are left; yields those done so far.

        All other blocks stay as they are; what is better is kept.
        """
        raise NotImplementedError

    def opened(self) -> Flags:
        """Openers of the plan."""
        return self.improver.state.opened.copy()

    def lately(self) -> Flags:
        """Those of the last rounds too."""
        allowed = self.opened()
        for opened in self.improver.lately:
            allowed |= opened
        return allowed

    def sought(self) -> Flags:
        """Those that blocks want at the prices too."""
        return self.lately() | self.improver.guide.wanted


class SimpleSettler(Settler):
    """Programs over simple blocks, one for each thread at once, in sweeps that each find less for their work.

    The openers of the plan; those that blocks want at the prices too, but only for blocks that have not their best plan
    at them; openers of the last rounds, for all blocks; all of these, for all blocks, again and again.
    """

    def __init__(self, improver: Improver, seed: int) -> None:
        super().__init__(improver, seed)
        self.left = np.zeros(self.problem.blocks.n_blocks, dtype=np.bool_)

    def better(self, work_s: float, left_s: Callable[[], float]) -> Iterator[float]:
        """See `Settler`."""
        done = 0.0
        for allowed, parts, nodes in self._programs():
            if done >= work_s or left_s() <= 0:
                return
            done += self._settle(allowed, parts, nodes, left_s()) / self.improver.threads
            yield done

    def _programs(self) -> Iterator[tuple[Flags, list[Ints], int]]:
        """(openers allowed, some parts of the blocks that share few rows: one for each thread, branchings)."""
        movable = self.problem.movable
        if not movable.any():
            return
        yield from self._sweep(self.opened(), movable, SIZES[0])
        yield from self._sweep(self.sought(), self._restless(), RESTLESS, RESTLESS_NODES)
        yield from self._sweep(self.lately(), movable, SIZES[1])
        while True:
            yield from self._sweep(self.sought(), movable, SIZES[2])

    def _sweep(
        self, allowed: Flags, wanted: Flags, size: int, nodes: int = NODES
    ) -> Iterator[tuple[Flags, list[Ints], int]]:
        parts = self._parts(allowed, wanted, size)
        groups = -(-len(parts) // self.improver.threads)
        return ((allowed, parts[first::groups], nodes) for first in range(groups))

    def _restless(self) -> Flags:
        flags: Flags = (self.improver.state.regret > AT_REST) & self.problem.movable
        return flags

    def _parts(self, allowed: Flags, wanted: Flags, size: int) -> list[Ints]:
        """The blocks wanted, in parts of at most about ``size`` allowed openers that share rows.

        Blocks are ordered by the first shared row that they may use, rows shuffled: those of one row stand together.
        """
        blocks, rows = self.problem.blocks, len(self.problem.shared.rhs)
        place = np.full(blocks.n_blocks, rows, dtype=np.int64)
        weight = np.zeros(blocks.n_blocks, dtype=np.int64)
        find_places(blocks, allowed, self.random.permutation(rows), place, weight)
        chosen = np.flatnonzero(wanted)
        chosen = chosen[np.argsort(place[chosen], kind="stable")]
        number = 1 + int((weight[chosen] + 1).sum() // size)
        return [np.sort(part) for part in np.array_split(chosen, number) if len(part)]

    def _settle(self, allowed: Flags, parts: list[Ints], nodes: int, time_limit_s: float) -> float:
        """Solve the programs of some parts at once; returns their work in nominal seconds.

        Of what the rows have left each gets a share, so that their plans fit together.
        """
        improver = self.improver
        rooms = self.rooms(len(parts))

        def solve(k: int) -> tuple[Cut, Floats | None, int]:
            cut = cut_out(self.problem, improver.state, rooms[k], parts[k], allowed)
            return cut, *bettered(cut.program, time_limit_s, nodes=nodes)

        work_s = 0.0
        solved = list(improver.pool.map(solve, range(len(parts))))  # the plan changes only when all have been cut out
        for part, (cut, values, iterations) in zip(parts, solved, strict=True):
            work_s += NONZERO_S * len(cut.program.value) + ITERATION_S * iterations
            if values is not None:
                self._take(part, cut, np.rint(values[: len(cut.arc)]).astype(np.int32))
        return work_s

    def rooms(self, count: int) -> list[Room]:
        """What each of some programs may use of the rows; where overruns are allowed, a part of those too."""
        improver, shared = self.improver, self.problem.shared
        if count == 0:
            return []
        over_now = np.maximum(-improver.state.slack, 0.0)
        most = np.where(np.isfinite(shared.soft_cost), shared.soft_cap, over_now)
        further = np.where(improver.soft, np.maximum(most - over_now, 0.0), 0.0) / count
        return [
            Room(left, np.where(improver.soft, np.maximum(-left, 0.0) + further, 0.0), improver.soft_cost)
            for left in improver.shares(count)
        ]

    def _take(self, part: Ints, cut: Cut, steps: Small) -> None:
        """Put what a program found in place of what its blocks had, unless it is worse."""
        improver, blocks = self.improver, self.problem.blocks
        line = blocks.block["line"]
        arcs = slices(blocks.line["arc"][line[part]], blocks.line["arc"][line[part + 1]])
        before, old = self._merit(part), improver.state.steps[arcs]
        for at, found in ((cut.arc, steps), (arcs, old)):
            take_out(blocks, part, improver.state)
            improver.state.steps[at] = found
            put_in(blocks, part, improver.state, improver.guide, improver.soft, self.left)
            if self._merit(part) >= before:
                return

    def _merit(self, part: Ints) -> float:
        """Money of some blocks, less the cost of all overruns."""
        improver = self.improver
        over = overrun_cost(improver.state.slack, improver.soft_rows, improver.soft_cost)
        return float(improver.state.worth[part].sum()) - float(over)


@compiled
def take_out(b, part, state):
    """Take some blocks out of the plan."""
    for o in part:
        remove(b, o, state)


@compiled
def put_in(b, part, state, guide, soft, left):
    """Book the steps of some blocks; those that get nothing, or break a rule, stay out (``left``)."""
    for o in part:
        left[o] = False
    take_over(b, part, state, guide, soft, left)
    for o in part:
        if left[o]:
            note_regret(b, o, state, guide)


@compiled
def find_places(b, allowed, rank, place, weight):
    """Per block: the least rank of a shared row that it may use, and how many openers it may."""
    for o in range(b.block.shape[0] - 1):
        start = b.block[o].open
        for y in range(start, b.block[o + 1].open):
            weight[o] += allowed[y]
        for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
            if b.arc[a].opener >= 0 and not allowed[start + b.arc[a].opener]:
                continue
            for k in range(b.arc[a].use, b.arc[a + 1].use):
                place[o] = min(place[o], rank[b.arc_use[k].row])


def bettered(
    program: Program, time_limit_s: float, *, nodes: int = NODES, threads: int = 1
) -> tuple[Floats | None, int]:
    """(values of a better point than the program's own, or of that, iterations of its linear programs).

    There are no values if there is no point within the branchings.
    """
    engine = program.highs(
        mixed=True, threads=threads, time_limit=max(time_limit_s, 0.1), mip_rel_gap=GAP, mip_max_nodes=nodes
    )
    start = highspy.HighsSolution()
    start.col_value = program.values.tolist()
    engine.setSolution(start)
    engine.run()
    if not engine.getInfo().simplex_iteration_count:  # version 1.13 can take a start for the optimum unseen
        engine.clearSolver()
        engine.run()
    solution, iterations = engine.getSolution(), int(engine.getInfo().simplex_iteration_count)
    return np.array(solution.col_value) if solution.value_valid else None, iterations
