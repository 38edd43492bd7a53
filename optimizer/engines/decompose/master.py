"""The master problem: one pattern a block, so that shared rows hold. A linear program, and its rounding.

Its relaxation has the Lagrangian's bound once all patterns are there (Dantzig and Wolfe), and a vertex has at most as
many blocks in fractions as there are rows that bind: where stock is deep, few. Those are settled by a small whole-number
program, the rest is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.engines.decompose.patterns import KEPT, Pool
from optimizer.engines.decompose.problem import Blocks, Floats, Ints, Problem

WHOLE = 1e-6


@dataclass(frozen=True)
class Columns:
    """Patterns as columns: the block, slot and money of each, and what it uses of the shared rows (by column)."""

    block: Ints
    slot: Ints
    worth: Floats
    start: Ints
    row: Ints
    use: Floats

    def of(self, which: Ints) -> Columns:
        """Some of the columns."""
        count = np.diff(self.start)[which]
        entry = np.repeat(self.start[which] - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
        start = np.concatenate([[0], np.cumsum(count)])
        return Columns(
            self.block[which], self.slot[which], self.worth[which], start, self.row[entry], self.use[entry]
        )


def columns_of(problem: Problem, pool: Pool, blocks_asked: Ints) -> Columns:
    """All remembered patterns of some blocks."""
    blocks = problem.blocks
    block, slot = np.nonzero(pool.code[blocks_asked] != 0)
    block = blocks_asked[block]
    width = (np.diff(pool.start) // KEPT)[block]
    entry = np.repeat(pool.start[block] + slot * width, width) + _counted(width)
    column = np.repeat(np.arange(len(block)), width)
    ended = np.zeros(len(entry), dtype=bool)  # entries behind the first with 0 steps are of older patterns
    zero = pool.steps[entry] == 0
    seen = np.cumsum(zero)
    first = np.concatenate([[0], np.cumsum(width)])[:-1]
    before = np.where(first > 0, seen[np.maximum(first - 1, 0)], 0)
    ended = seen - before[column] > 0
    entry, column = entry[~ended], column[~ended]
    arc, steps = pool.arc[entry].astype(np.int64), pool.steps[entry]
    row, use, owner = _expanded(blocks.arc["use"], blocks.arc_use, arc, steps.astype(np.float64), column)
    opener = blocks.arc["opener"][arc]
    has = opener >= 0
    door = blocks.block["open"][block[column[has]]] + opener[has]
    pair = np.unique(column[has] * np.int64(len(blocks.door)) + door)
    opened_by, door = pair // len(blocks.door), pair % len(blocks.door)
    more = _expanded(blocks.door["use"], blocks.door_use, door, np.ones(len(door)), opened_by)
    row, use, owner = (np.concatenate(both) for both in zip((row, use, owner), more, strict=True))
    order = np.lexsort((row, owner))
    row, use, owner = row[order], use[order], owner[order]
    fresh = np.append(True, (row[1:] != row[:-1]) | (owner[1:] != owner[:-1]))[: len(row)]
    starts = np.flatnonzero(fresh)
    use = np.add.reduceat(use, starts) if len(starts) else use
    row, owner = row[starts], owner[starts]
    return Columns(
        block, slot, pool.worth[block, slot], np.searchsorted(owner, np.arange(len(block) + 1)), row, use
    )


def _counted(width: Ints) -> Ints:
    """0 .. width − 1 for each."""
    return np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)


def _expanded(pointer: Ints, uses: np.ndarray, at: Ints, times: Floats, owner: Ints) -> tuple[Ints, Floats, Ints]:
    """(row, use, owner) of all uses of some arcs or doors."""
    count = pointer[at + 1] - pointer[at]
    entry = np.repeat(pointer[at], count) + _counted(count)
    return uses["row"][entry].astype(np.int64), uses["use"][entry] * np.repeat(times, count), np.repeat(owner, count)


@dataclass(frozen=True)
class Solved:
    """``share`` of each column; ``price`` of each shared row (of the relaxation; 0 for a whole-number program)."""

    share: Floats
    price: Floats
    value: float
    finished: bool


def solve_master(
    problem: Problem, columns: Columns, room: Floats, *, whole: bool, threads: int, time_limit_s: float, nodes: int = 0,
    start: Ints | None = None,
) -> Solved:  # fmt: skip
    """The best mixture (``whole``: choice) of patterns within ``room`` of the shared rows."""
    shared, n = problem.shared, len(columns.block)
    label, block = np.unique(columns.block, return_inverse=True)
    used = np.unique(columns.row)
    soft = used[np.isfinite(shared.soft_cost[used])]
    place = np.full(len(shared.rhs), -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", threads)
    highs.setOptionValue("time_limit", max(time_limit_s, 0.1))
    if whole:
        highs.setOptionValue("mip_rel_gap", 1e-5)
        highs.setOptionValue("mip_max_nodes", nodes)
    count = np.diff(columns.start)
    index = np.concatenate([np.stack([place[columns.row]], axis=1).ravel(), len(used) + block, place[soft]])
    owner = np.concatenate([np.repeat(np.arange(n), count), np.arange(n), n + np.arange(len(soft))])
    value = np.concatenate([columns.use, np.ones(n), -np.ones(len(soft))])
    order = np.argsort(owner, kind="stable")
    index, value = index[order], value[order]
    pointer = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n + len(soft)))])
    upper = np.concatenate([np.ones(n), np.maximum(shared.soft_cap[soft], 0.0)])
    low = np.concatenate([np.full(len(used), -np.inf), np.full(len(label), -np.inf)])
    high = np.concatenate([room[used], np.ones(len(label))])
    cost = np.concatenate([-columns.worth, shared.soft_cost[soft]])
    kinds = np.concatenate([np.full(n, int(whole)), np.zeros(len(soft), dtype=np.int64)]).astype(np.int32)
    highs.passModel(
        n + len(soft), len(high), len(value), 1, 1, 0.0, cost, np.zeros(n + len(soft)), upper, low, high,
        pointer.astype(np.int32), index.astype(np.int32), value, kinds,
    )  # fmt: skip
    if start is not None:
        point = highspy.HighsSolution()
        chosen = np.zeros(n + len(soft))
        chosen[start] = 1.0
        point.col_value = chosen.tolist()
        highs.setSolution(point)
    highs.run()
    solution, status = highs.getSolution(), highs.getModelStatus()
    share = np.array(solution.col_value)[:n] if solution.value_valid else np.zeros(n)
    price = np.zeros(len(shared.rhs))
    if solution.dual_valid and not whole:
        price[used] = np.maximum(-np.array(solution.row_dual)[: len(used)], 0.0)
    finished = status == highspy.HighsModelStatus.kOptimal
    return Solved(share, price, -highs.getInfo().objective_function_value, finished)


def first_of_blocks(blocks: Blocks) -> Ints:
    """The first arc of each block."""
    first: Ints = blocks.line["arc"][blocks.block["line"]]
    return first
