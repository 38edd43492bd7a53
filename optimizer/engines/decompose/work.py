"""How much work a solve does: counts that follow from the size and the time limit alone, so that runs repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.problem import Blocks, Problem

ARC_S, CELL_S, MOST_STATES, FEW_ABLE = 90e-9, 3.6e-9, 4_000, 6
"""Nominal seconds that a pass of the ascent has for an arc, and for each state of its block in which it is tried
(`table.py`); a block of more states is pruned first, and of arcs that can fill their line alone all but few are.
"""
NONZERO_S, ITERATION_S = 2e-6, 3e-4
"""Nominal seconds of an exact program: a nonzero of its matrix, and an iteration of its linear programs."""
PROGRAM_S, SMALL_NONZERO_S, SMALL_ITERATION_S = 4e-3, 1e-6, 1.2e-4
"""The same of one with some hundreds of columns; and to write it down at all."""
EXACT_SHARE = 0.5
"""Share of the time after the prices that exact programs get, where there is anything to move."""
MOVE_S, MOVED_ARC_S, FAR_ARC_S, NEAR_ROWS = 25e-6, 0.4e-6, 1.4e-6, 600_000
"""Nominal seconds of one thread for a move of the search, and for each arc of a block; up to so much more for an arc
where there are more shared rows than a processor keeps at hand: all of it from `NEAR_ROWS` on.
"""
FEWEST_PASSES, MOST_PASSES = 60, 400
PASS_SHARE = 0.3
"""Share of the work that prices get, if that is more passes than the fewest and fewer than the most."""
ODD_COLUMNS_PER_SECOND = 4_000
"""Nominal speed at which odd blocks are solved, in columns a second and thread."""
FEWEST_SOLVES = 2
RELAXED_PER_SECOND, FAST_RELAXED, MOST_RELAXED, DENSE = 100_000, 500_000, 1_500_000, 9
"""Nominal speed of the linear relaxation, in nonzeros of the matrix a second; from how many on it falls in proportion;
the most with which it is worth it. A column counts as so many nonzeros at least: tariffs by weight have many columns of
few, and take longest.
"""
RELAXED_SHARE = 0.3
"""Share of the seconds that a linear relaxation gets at most."""
NEARLY_S, FAR_NEARLY_S, MANY_NONZEROS, NEARLY_SHARE = 7e-9, 5e-9, 100_000_000, 0.2
"""Where odd blocks are dear, nominal seconds of one thread that a step of a first-order method has for a nonzero; up to
so many more where rows and columns do not fit beside a processor: all of it from `MANY_NONZEROS` on. Share of the time.
"""
FEWEST_NEARLY, MOST_NEARLY = 200, 4_000
TIGHT_SHARE, TIGHT_COST, PASSES_BEFORE = 0.2, 1.5, 100
"""Share of the time in which covers are sought and priced; what a pass costs with them, in passes without; how many of
these are enough before.
"""
MOST_TIGHT = 1_200
ROUNDS = 40
FIRST_TURN, LATER_TURNS, LATER_ROUNDS = 0.4, 4, 8
"""Moves find what exact programs cannot, and these what no move finds: they take turns. Share of the first, in which
the plan cools down slowly; how many follow, and their rounds.
"""
HEAT, LATER_HEAT = 0.2, 0.06
"""Temperatures at which moves begin, in median fees: later turns would else spoil what exact programs found."""
LEAST_EXACT, MOST_EXACT = 0.2, 0.9
"""Shares of a turn that exact programs get, by what they earned in the one before and what moves did."""
STAGE_GROWTH, STAGE_MOVES = 8, 200
"""Where a gap is asked for, moves and exact programs are tried with little work first, then with so many times as much;
the first try has so many moves a block at least. Else a gap that is soon closed would take a share of any time limit.
"""


SPARE_SHARE, SPARE_MOVES, MOST_SPARE = 0.08, 250, 0.25
"""Share of the search that branching gets, where stock is shallow and a block has so many moves; it grows with the root
of these, up to the most: the longer the search, the less its last part gains. Nothing of a search of half as many.
"""


class Turn(NamedTuple):
    """Moves and then exact programs: their share of all, and in how many rounds the moves cool down."""

    share: float
    rounds: int
    is_last_stage: bool
    goes_on: bool = False
    """from the turn before: the plan was not hot in between"""

    @property
    def heat(self) -> float:
        """The temperature at which its moves begin."""
        return LATER_HEAT if self.goes_on else HEAT


@dataclass(frozen=True)
class Work:
    """How much to do."""

    passes: int
    solves: int
    """of the odd blocks, in these passes"""
    tight: int
    """passes with covers"""
    tight_s: float
    """nominal seconds of one of them"""
    search_s: float
    """nominal seconds of moves and exact programs"""
    move_s: float
    exact_share: float = EXACT_SHARE

    @property
    def moves(self) -> int:
        """How many moves of ruin and recreate."""
        return int((1 - self.exact_share) * self.search_s / self.move_s)

    @property
    def exact_s(self) -> float:
        """Nominal seconds of exact programs."""
        return self.exact_share * self.search_s

    def without_more_tight(self, done: int) -> Work:
        """No passes with covers beyond those ``done``, and their time for the search."""
        unused = max(self.tight - done, 0)
        return replace(self, tight=self.tight - unused, search_s=self.search_s + unused * self.tight_s)

    def spare_s(self, blocks: int) -> float:
        """Seconds of the search that are better spent on branching, where that is possible."""
        enough = self.moves / (SPARE_MOVES * max(blocks, 1))
        return min(SPARE_SHARE * enough**0.5, MOST_SPARE) * self.search_s if enough >= 0.5 else 0.0

    def with_less_search(self, seconds: float) -> Work:
        """So much less of moves and exact programs."""
        return replace(self, search_s=self.search_s - seconds)

    def leaning(self, moved: float, settled: float) -> Work:
        """The same with more of what earned more in its time: moves so much money, and exact programs so much.

        Where there are no moves there are none.
        """
        by_moves, by_exact = moved * self.exact_share, settled * (1.0 - self.exact_share)
        if by_moves + by_exact <= 0.0:
            return self
        share = float(np.clip(by_exact / (by_moves + by_exact), LEAST_EXACT, MOST_EXACT))
        return replace(self, exact_share=share)

    def turns(self, blocks: int | None, *, alternate: bool) -> list[Turn]:
        """Moves and exact programs by turns: stages of them, small to large, and the last stage in several turns.

        ``blocks``: how many there are, where a gap may end it early; else all is one stage. ``alternate``: whether
        turns follow the first of the last stage.
        """
        shares, moves = [1.0], self.moves / STAGE_GROWTH
        while blocks is not None and moves >= STAGE_MOVES * max(blocks, 1):
            shares, moves = [shares[0] / STAGE_GROWTH, *shares], moves / STAGE_GROWTH
        *stages, last = (share / sum(shares) for share in shares)
        turns = [Turn(share, ROUNDS, is_last_stage=False) for share in stages]
        if not alternate:
            return [*turns, Turn(last, ROUNDS, is_last_stage=True)]
        first, later = FIRST_TURN * last, (1.0 - FIRST_TURN) * last / LATER_TURNS
        turns.append(Turn(first, ROUNDS, is_last_stage=True))
        return turns + LATER_TURNS * [Turn(later, LATER_ROUNDS, is_last_stage=True, goes_on=True)]

    @classmethod
    def of(
        cls, problem: Problem, time_limit_s: float, threads: int, *, covers: bool, relaxed_s: float = 0.0,
        dear: bool = False,
    ) -> Work:  # fmt: skip
        """What fits into the time at the nominal speeds; the clock only ends what is far slower.

        ``relaxed_s``: nominal seconds of the linear relaxation that prices are from, if they are: no ascent follows, in
        which odd blocks were estimates but for their last solve, and which found nothing. Where odd blocks are
        too ``dear`` to be solved at prices, those of the relaxation stay, and all else is exact programs.
        """
        if dear:
            search_s = time_limit_s - relaxed_s
            return cls(passes=0, solves=1, tight=0, tight_s=0.0, search_s=search_s, move_s=1.0, exact_share=1.0)
        blocks = problem.blocks
        a_pass = max(pass_seconds(blocks), ARC_S) / threads
        passes = int(np.clip(PASS_SHARE * time_limit_s / a_pass, FEWEST_PASSES, MOST_PASSES))
        passes = min(passes, PASSES_BEFORE) if covers else passes
        passes = 0 if relaxed_s else passes
        solves, spent = passes, passes * a_pass + relaxed_s
        if problem.odd is not None:
            a_solve = len(problem.odd.program.columns) / (ODD_COLUMNS_PER_SECOND * threads)
            solves = int(np.clip(PASS_SHARE * time_limit_s / a_solve, FEWEST_SOLVES, passes)) if passes else 1
            spent += solves * a_solve
        tight_s = TIGHT_COST * a_pass
        tight = min(int(TIGHT_SHARE * time_limit_s / tight_s), MOST_TIGHT) if covers else 0
        left = max(time_limit_s - spent - tight * tight_s, 0.2 * time_limit_s)
        move_s = move_seconds(blocks, len(problem.shared.rhs)) / threads
        exact_share = EXACT_SHARE if problem.movable.any() and not is_mostly_odd(problem) else 1.0
        return cls(passes, solves, tight, tight_s, left, move_s, exact_share)


def pass_seconds(blocks: Blocks) -> float:
    """Nominal seconds of one thread for a pass over all blocks: states of a block are the units its lines may have."""
    line, first = blocks.line[:-1], blocks.line["arc"]
    steps = line["need"] // np.maximum(blocks.arc["step"][line["arc"]], 1)
    states = np.exp(np.bincount(blocks.block_of_line, np.log(np.minimum(steps, MOST_STATES) + 1.0), blocks.n_blocks))
    arcs = np.diff(first)
    is_able = blocks.arc["cap"][:-1] >= np.repeat(steps, arcs)
    able = np.diff(np.concatenate([[0], np.cumsum(is_able)])[first])
    tried = np.bincount(blocks.block_of_line, arcs - able + np.minimum(able, FEW_ABLE), blocks.n_blocks)
    return float(ARC_S * arcs.sum() + CELL_S * (tried @ np.minimum(states, MOST_STATES)))


def move_seconds(blocks: Blocks, rows: int) -> float:
    """Nominal seconds of one thread for a move of the search."""
    arcs = (len(blocks.arc) - 1) / max(blocks.n_blocks, 1)
    return MOVE_S + arcs * (MOVED_ARC_S + FAR_ARC_S * min(rows / NEAR_ROWS, 1.0))


def is_mostly_odd(problem: Problem) -> bool:
    """Whether most columns are those of odd blocks, which moves leave alone."""
    return problem.odd is not None and len(problem.odd.program.columns) > len(problem.arc_column)


def odd_is_dear(problem: Problem, columns: int, nonzeros: int, time_limit_s: float, threads: int) -> bool:
    """Whether a large matrix is mostly odd blocks, too many to solve them a few times in the share that prices get."""
    if problem.odd is None or _size(columns, nonzeros) <= MOST_RELAXED:
        return False
    odd = len(problem.odd.program.columns)
    return odd > columns / 2 and FEWEST_SOLVES * odd / (ODD_COLUMNS_PER_SECOND * threads) > PASS_SHARE * time_limit_s


def _size(columns: int, nonzeros: int) -> int:
    """How large a matrix is to methods that solve its relaxation, in nonzeros."""
    return max(nonzeros, DENSE * columns)


def relaxed_seconds(columns: int, nonzeros: int) -> float:
    """Nominal seconds of the linear relaxation by the simplex method.

    Measured with every policy: 5.8 for 54,000 columns of 482,000 nonzeros, 19.9 for 1,014,000. With tariffs by weight
    258,000 columns of 826,000 were not solved after 60.
    """
    size = _size(columns, nonzeros)
    return size / RELAXED_PER_SECOND * max(size / FAST_RELAXED, 1.0)


def can_be_relaxed(columns: int, nonzeros: int, time_limit_s: float) -> bool:
    """Whether the simplex method may be expected to solve the linear relaxation in its share of the time."""
    seconds = relaxed_seconds(columns, nonzeros)
    return _size(columns, nonzeros) <= MOST_RELAXED and seconds <= RELAXED_SHARE * time_limit_s


def nearly(columns: int, nonzeros: int, time_limit_s: float, threads: int) -> tuple[int, float]:
    """Steps of a first-order method on the linear relaxation, and the nominal seconds that they take."""
    size = _size(columns, nonzeros)
    a_step_s = (NEARLY_S + FAR_NEARLY_S * min(size / MANY_NONZEROS, 1.0)) * size / threads
    steps = int(np.clip(NEARLY_SHARE * time_limit_s / a_step_s, FEWEST_NEARLY, MOST_NEARLY))
    return steps, steps * a_step_s
