"""Parts of a plan made best: whole-number programs over the openings that were met lately, solved by HiGHS.

Ruin and recreate moves a few blocks at a time. With openings limited to those that recent plans had or that blocks want
at the prices, programs of hundreds of blocks are solved to the end, and find what no small move does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import highspy
import numpy as np

from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.moves import State, rebuild
from optimizer.engines.decompose.plan import broken_rows, columns_of, value_of
from optimizer.engines.decompose.problem import Flags, Floats, Ints, Problem
from optimizer.engines.decompose.work import OPENERS_PER_SECOND
from optimizer.engines.resolve_matrix import Program

SIZES = (6_000, 4_000, 1_200)
"""Openers in one program at most, by how many openers are allowed: more freedom makes a program much harder."""
NODES = 60
GAP = 1e-5
"""Relative gap at which a program is as good as solved."""


class Settler:
    """Betters the plan of an `Improver`, one part of its blocks after the other; ``whole`` is the matrix."""

    def __init__(self, whole: Program, problem: Problem, improver: Improver, seed: int) -> None:
        self.problem, self.improver = problem, improver
        self.program = whole
        self.random = np.random.default_rng(seed)
        blocks = problem.blocks
        self.block_of_door, self.block_of_arc = blocks.block_of_door, blocks.block_of_arc
        first = blocks.block["open"][self.block_of_arc]
        opener = blocks.arc["opener"][:-1]
        self.door_of_arc = np.where(opener >= 0, first + opener, -1)
        self.block_of_line = blocks.block_of_line

    def sweeps(self) -> Iterator[tuple[Flags, list[Ints]]]:
        """(openers allowed, parts of the blocks), again and again.

        First those of the plan alone, then those of the last rounds too, then those that blocks want at the prices.
        """
        allowed: Flags = self.improver.state.opened.copy()
        yield allowed, self.parts(allowed, SIZES[0])
        for opened in self.improver.lately:
            allowed = allowed | opened
        yield allowed, self.parts(allowed, SIZES[1])
        allowed = allowed | self.improver.guide.wanted
        while True:
            yield allowed, self.parts(allowed, SIZES[2])

    def parts(self, allowed: Flags, size: int) -> list[Ints]:
        """All blocks, in parts of at most about ``size`` allowed openers that share rows.

        Blocks are ordered by the first shared row that they may use, rows shuffled: those of one row stand together.
        """
        blocks = self.problem.blocks
        rows = len(self.problem.shared.rhs)
        rank = self.random.permutation(rows)
        place = np.full(blocks.n_blocks, rows, dtype=np.int64)
        np.minimum.at(place, self.block_of_arc[blocks.arc_of_use], rank[blocks.arc_use["row"]])
        order = np.argsort(place, kind="stable")
        order = order[self.problem.movable[order]]
        weight = np.cumsum(np.bincount(self.block_of_door[allowed], minlength=blocks.n_blocks)[order] + 1)
        number = 1 + int(weight[-1] // size) if len(weight) else 0
        return [part for part in np.array_split(order, number) if len(part)] if number else []

    def better(self, part: Ints, allowed: Flags, threads: int, time_limit_s: float) -> float:
        """Solve the program of some blocks, all others as they are; keep what is better.

        Returns its work in nominal seconds, which follow from its size alone.
        """
        state = self.improver.state
        point = columns_of(self.problem, state, len(self.program.columns))
        program = replace(self.program, values=point).part(self._columns(part, allowed))
        values, _ = bettered(program, threads, time_limit_s)
        work_s = np.count_nonzero(allowed & np.isin(self.block_of_door, part)) / OPENERS_PER_SECOND
        if values is None:
            return work_s
        point[program.columns] = np.rint(values)
        found = self._state(point)
        if found is not None and value_of(self.problem, found) > value_of(self.problem, state):
            self.improver.state = found
        return work_s

    def _columns(self, part: Ints, allowed: Flags) -> Ints:
        """Columns of the matrix that the program of these blocks may change."""
        problem = self.problem
        mine = np.zeros(problem.blocks.n_blocks, dtype=bool)
        mine[part] = True
        arc = mine[self.block_of_arc] & np.append(allowed, True)[self.door_of_arc]  # the last is for none
        door = mine[self.block_of_door] & allowed & (problem.open_column >= 0)
        line = mine[self.block_of_line]
        found = np.concatenate(
            [
                problem.arc_column[arc],
                problem.open_column[door],
                problem.line_full[line],
                problem.line_used[line],
                problem.block_full[mine],
                problem.soft_column,
            ]
        )
        return np.unique(found[found >= 0])

    def _state(self, point: np.ndarray) -> State | None:
        """The plan of a point of the matrix; None if it breaks a rule or a row."""
        problem, old = self.problem, self.improver.state
        found = State(
            np.rint(point[problem.arc_column]).astype(np.int32),
            np.zeros_like(old.opened),
            np.zeros_like(old.worth),
            problem.shared.rhs.copy(),
            np.zeros_like(old.regret),
        )
        keeps = rebuild(problem.blocks, found, self.improver.guide)
        return found if keeps and not broken_rows(problem, found) else None


def bettered(program: Program, threads: int, time_limit_s: float) -> tuple[Floats | None, int]:
    """(values of a better point than the program's own, or of that, iterations of its linear programs).

    There are no values if there is no point within the branchings.
    """
    engine = program.highs(
        mixed=True, threads=threads, time_limit=max(time_limit_s, 0.1), mip_rel_gap=GAP, mip_max_nodes=NODES
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
