"""Parts of a plan made best: whole-number programs over the openings that were met lately, solved by HiGHS.

Ruin and recreate moves a few blocks at a time. With openings limited to those that recent plans had or that blocks want
at the prices, programs of hundreds of blocks are solved to the end, and find what no small move does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import highspy
import numpy as np

from optimizer.engines.decompose.around import Chooser, Marks, Rivals, make_marks, rivals_of
from optimizer.engines.decompose.begin import take_over
from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.cut import Cut, Room, cut_out
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, note_regret, overrun_cost, remove
from optimizer.engines.decompose.problem import Flags, Floats, Ints
from optimizer.engines.decompose.work import ITERATION_S, NONZERO_S, PROGRAM_S, SMALL_ITERATION_S, SMALL_NONZERO_S
from optimizer.engines.resolve_matrix import Program, slices

SIZES = (6_000, 4_000, 1_200)
"""Openers in one program at most, by how many openers are allowed: more freedom makes a program much harder."""
WHOLE = 400
"""Allowed openers, and blocks, of a batch that is also given to HiGHS as one: of larger ones that takes too long."""
LOOSE = 0.4
"""What an arc without an opener counts, in openers: most of these have an arc or two."""
FEW_RESTLESS, RESTLESS = 0.2, 1_500
"""Where so small a share of the blocks has not its best plan, these are looked at by themselves, so many openers in one
program: they hold most that can be gained, and together more than in pieces.
"""
NODES, RESTLESS_NODES = 60, 1
"""Branchings in a program at most. Of the hardest, cuts and heuristics before the first find nearly all."""
GAP = 1e-5
"""Relative gap at which a program is as good as solved."""
SAME = 1e-6
"""Money by which a plan that is written down anew may differ by rounding."""
AT_REST = 1e-6
"""Regret below which a block has its best plan at the prices, but for rounding."""
RING, LEAST_RING, MOST_RING = 60, 10, 1_000
"""Blocks in each of the two rings around one with regret, at first, at least and at most."""
AIM_S, WIDER, NARROWER, NARROWEST = 0.05, 1.05, 0.8, 0.25
"""Nominal seconds that such a program is to take, and how its rings change after one that took less or more: with the
root of the seconds, within limits.
"""
AROUND_S = 1.0
"""Nominal seconds after which threads get other blocks."""


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

    def has_mended(self) -> bool:
        """Whether a plan that broke rows now holds, and only waits to be handed over."""
        return False

    def hand_over(self) -> None:
        """Let the improver have the plan, where it has not had it all the time."""

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
    """Programs over simple blocks, on all threads: first in sweeps over all of them, then around blocks with regret.

    The first sweep has the openers of the plan; the second those that blocks want at the prices too, but only for the
    blocks that have not their best plan at them, if these are few. A batch so small that all its blocks are one program
    is given to HiGHS as one, if ``whole``: that may take long. Asked again, it goes on where it was.
    """

    def __init__(self, improver: Improver, seed: int, *, sweeps: bool = True, whole: bool = True) -> None:
        super().__init__(improver, seed)
        self.left = np.zeros(self.problem.blocks.n_blocks, dtype=np.bool_)
        self.looked = np.zeros(self.problem.blocks.n_blocks, dtype=np.int64)
        """how often a program was made around each block"""
        self.rings = np.full(improver.threads, float(RING))
        self.left_s: Callable[[], float] = lambda: 0.0
        self.whole = whole
        self.steps = self._programs(sweeps=sweeps)

    def better(self, work_s: float, left_s: Callable[[], float]) -> Iterator[float]:
        """See `Settler`."""
        self.left_s, done = left_s, 0.0
        while done < work_s and left_s() > 0:
            step = next(self.steps, None)
            if step is None:  # nothing is left to better
                self.steps = self._programs(sweeps=False)
                return
            done += step / self.improver.threads
            yield done

    def _programs(self, *, sweeps: bool) -> Iterator[float]:
        """Nominal seconds of some programs at a time."""
        movable = self.problem.movable
        if sweeps and movable.any():
            yield from self._sweep(self.opened(), movable, SIZES[0])
            restless = self._restless()
            if np.count_nonzero(restless) <= FEW_RESTLESS * np.count_nonzero(movable):
                yield from self._sweep(self.sought(), restless, RESTLESS, RESTLESS_NODES)
            if self.whole and len(self._parts(self.sought(), movable, WHOLE)) == 1:
                yield from self._sweep(self.sought(), movable, WHOLE)
        yield from self._rounds()

    def _sweep(self, allowed: Flags, wanted: Flags, size: int, nodes: int = NODES) -> Iterator[float]:
        """Programs of all blocks wanted, one for each thread at a time."""
        parts = self._parts(allowed, wanted, size)
        groups = -(-len(parts) // self.improver.threads)
        for first in range(groups):
            yield self._settle(allowed, parts[first::groups], nodes)

    def _restless(self) -> Flags:
        flags: Flags = (self.improver.state.regret > AT_REST) & self.problem.movable
        return flags

    def _parts(self, allowed: Flags, wanted: Flags, size: int) -> list[Ints]:
        """The blocks wanted, in parts of at most about ``size`` allowed openers that share rows.

        Blocks are ordered by the first shared row that they may use, rows shuffled: those of one row stand together.
        """
        blocks, rows, improver = self.problem.blocks, len(self.problem.shared.rhs), self.improver
        place = np.full(blocks.n_blocks, rows, dtype=np.int64)
        weight = np.ones(blocks.n_blocks)
        rank = self.random.permutation(rows)
        rank[improver.alone] = rows
        find_places(blocks, allowed, rank, improver.guide.price, improver.state.steps, place, weight)
        chosen = np.flatnonzero(wanted)
        chosen = chosen[np.argsort(place[chosen], kind="stable")]
        total = np.cumsum(weight[chosen])
        number = 1 + int(total[-1] // size) if len(total) else 1
        cuts = np.searchsorted(total, np.arange(1, number) * (total[-1] / number)) if number > 1 else []
        return [np.sort(part) for part in np.split(chosen, cuts) if len(part)]

    def _settle(self, allowed: Flags, parts: list[Ints], nodes: int) -> float:
        """Solve the programs of some parts at once; returns their work in nominal seconds.

        Of what the rows have left each gets a share, so that their plans fit together.
        """
        improver = self.improver
        rooms = self.rooms(len(parts))

        def solve(k: int) -> tuple[Cut, Floats | None, int]:
            cut = cut_out(self.problem, improver.state, rooms[k], parts[k], allowed)
            return cut, *bettered(cut.program, self.left_s(), nodes=nodes)

        work_s = 0.0
        solved = list(improver.pool.map(solve, range(len(parts))))  # the plan changes only when all have been cut out
        for part, (cut, values, iterations) in zip(parts, solved, strict=True):
            work_s += NONZERO_S * len(cut.program.value) + ITERATION_S * iterations
            self._take(part, cut, values, improver.state)
        return work_s

    def _rounds(self) -> Iterator[float]:
        """Programs around blocks with regret, round after round, while there are any."""
        allowed = self.sought()
        rivals = rivals_of(self.problem.blocks, self.improver.guide.price, allowed)
        marks = [make_marks(rivals) for _ in range(self.improver.threads)]
        while self._restless().any():
            yield self._round(rivals, marks, allowed)

    def _round(self, rivals: Rivals, marks: list[Marks], allowed: Flags) -> float:
        """Each thread has some of the blocks and of the room that is left; returns the nominal seconds of all."""
        improver, threads = self.improver, self.improver.threads
        owner = self.random.integers(0, threads, self.problem.blocks.n_blocks)
        rooms, randoms = self.rooms(threads), self.random.spawn(threads)

        def work(k: int) -> float:
            mine = (owner == k) & self.problem.movable
            chooser = Chooser(rivals, marks[k], mine, improver.guide.tie, AT_REST)
            return self._around(k, chooser, rooms[k], allowed, randoms[k])

        work_s = sum(improver.pool.map(work, range(threads)))
        improver.put_together([room.left for room in rooms])
        return work_s

    def _around(self, k: int, chooser: Chooser, room: Room, allowed: Flags, random: np.random.Generator) -> float:
        """The programs of thread ``k`` in one round, one after the other; returns their nominal seconds."""
        state, work_s, tried = self.improver.state._replace(slack=room.left), 0.0, set[bytes]()
        while work_s < AROUND_S and self.left_s() > 0:
            restless = np.flatnonzero((state.regret > AT_REST) & chooser.mine)
            if not len(restless):
                break
            seed = chooser.seed(restless, state.regret, self.looked, random)
            self.looked[seed] += 1
            part = chooser.around(seed, int(self.rings[k]), state.regret, random)
            a_program_s, drawn = PROGRAM_S, part.tobytes()
            if drawn not in tried:
                cut = cut_out(self.problem, state, room, part, allowed)
                values, iterations = bettered(cut.program, self.left_s(), nodes=1)
                a_program_s += SMALL_NONZERO_S * len(cut.program.value) + SMALL_ITERATION_S * iterations
                if self._take(part, cut, values, state):
                    tried.clear()
                tried.add(drawn)
            self.rings[k] = _next_ring(self.rings[k], a_program_s)
            work_s += a_program_s
        return work_s

    def rooms(self, count: int) -> list[Room]:
        """What each of some programs may use of the rows; where overruns are allowed, a part of those too."""
        improver, shared = self.improver, self.problem.shared
        if count == 0:
            return []
        over_now = np.maximum(-improver.state.slack, 0.0)
        most = np.where(np.isfinite(shared.soft_cost), shared.soft_cap, over_now)
        further = np.where(improver.soft, np.maximum(most - over_now, 0.0), 0.0) / count
        further[improver.alone] *= count
        return [
            Room(left, np.where(improver.soft, np.maximum(-left, 0.0) + further, 0.0), improver.soft_cost)
            for left in improver.shares(count)
        ]

    def _take(self, part: Ints, cut: Cut, values: Floats | None, state: State) -> bool:
        """Put what a program found, if anything, in place of what its blocks had, unless it is worse.

        Whether it is better.
        """
        if values is None:
            return False
        improver, blocks = self.improver, self.problem.blocks
        steps = np.rint(values[: len(cut.arc)]).astype(np.int32)
        line = blocks.block["line"]
        arcs = slices(blocks.line["arc"][line[part]], blocks.line["arc"][line[part + 1]])
        before, old = self._merit(part, state), state.steps[arcs]
        for at, found in ((cut.arc, steps), (arcs, old)):
            take_out(blocks, part, state)
            state.steps[at] = found
            put_in(blocks, part, state, improver.guide, improver.soft, self.left)
            after = self._merit(part, state)
            if after >= before:
                return after > before + SAME
        return False

    def _merit(self, part: Ints, state: State) -> float:
        """Money of some blocks, less the cost of all overruns."""
        over = overrun_cost(state.slack, self.improver.soft_rows, self.improver.soft_cost)
        return float(state.worth[part].sum()) - float(over)


def _next_ring(ring: float, a_program_s: float) -> float:
    """Blocks in each ring of the next program after one that took so many nominal seconds."""
    factor = WIDER if a_program_s < AIM_S else float(np.clip((AIM_S / a_program_s) ** 0.5, NARROWEST, NARROWER))
    return min(max(ring * factor, LEAST_RING), MOST_RING)


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
def find_places(b, allowed, rank, price, steps, place, weight):
    """Per block: the least rank of a shared row that it may use; openers that it may, added to its weight.

    An arc without an opener is always allowed. There may be as many as warehouses: of these that in use says where the
    block stands, or that which earns most at the prices.
    """
    for o in range(b.block.shape[0] - 1):
        start = b.block[o].open
        for y in range(start, b.block[o + 1].open):
            weight[o] += allowed[y]
        liked, most = -1, -np.inf
        for a in range(b.line[b.block[o].line].arc, b.line[b.block[o + 1].line].arc):
            if b.arc[a].opener < 0:
                weight[o] += LOOSE
                earned = b.arc[a].value
                for k in range(b.arc[a].use, b.arc[a + 1].use):
                    earned -= price[b.arc_use[k].row] * b.arc_use[k].use
                if steps[a] > 0:
                    earned = np.inf
                if earned > most:
                    liked, most = a, earned
            elif allowed[start + b.arc[a].opener]:
                for k in range(b.arc[a].use, b.arc[a + 1].use):
                    place[o] = min(place[o], rank[b.arc_use[k].row])
        if liked >= 0:
            for k in range(b.arc[liked].use, b.arc[liked + 1].use):
                place[o] = min(place[o], rank[b.arc_use[k].row])


def bettered(
    program: Program, time_limit_s: float, *, nodes: int = NODES, begins: bool = True
) -> tuple[Floats | None, int]:
    """(values of a better point than the program's own, or of that, iterations of its linear programs).

    There are no values if there is no point within the branchings. Not ``begins``: the program's own is none.
    """
    engine = program.highs(mixed=True, time_limit=max(time_limit_s, 0.1), mip_rel_gap=GAP, mip_max_nodes=nodes)
    if begins:
        start = highspy.HighsSolution()
        start.col_value = program.values.tolist()
        engine.setSolution(start)
    engine.run()
    if not engine.getInfo().simplex_iteration_count:  # version 1.13 can take a start for the optimum unseen
        engine.clearSolver()
        engine.run()
    solution, iterations = engine.getSolution(), int(engine.getInfo().simplex_iteration_count)
    return np.array(solution.col_value) if solution.value_valid else None, iterations
