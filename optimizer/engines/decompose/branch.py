"""The bound lowered by branching on sets of orders that share shallow stock, where most of the gap is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from optimizer.engines.decompose.desk import make_desk
from optimizer.engines.decompose.dual import Averages, Evaluator, usual_worth
from optimizer.engines.decompose.problem import Floats, Ints, Problem, stand_alone
from optimizer.engines.decompose.sets import MOST_BLOCKS, apart, cut_out, doors_of, find_sets
from optimizer.engines.decompose.trees import PASSES, Tree
from optimizer.engines.decompose.work import TIGHT_COST, pass_seconds

ROUNDS = 6
"""How often the work is shared out among the trees, by what each still has to gain."""
MOST_NODES = 199
"""Nodes of a tree: a hundred leaves, each of which the proof has to look at."""
NODE_S = 3e-4
"""Nominal seconds of a node beyond its passes."""
LEAST_GAIN = 1e-6
"""Money that a tree takes off the bound, from which on it is told of."""
SHALLOW, LEAST_SHALLOW = MOST_BLOCKS, 0.25
"""Most arcs of a shallow row; share of the rows from which on it is worth to keep time for branching."""


def is_shallow(problem: Problem, rows: Ints) -> bool:
    """Whether many of these shared rows have so few users that all of them fit into a set.

    Not where a unit counts in several of them: stock then has dates, and the proof reads no trees. Nor where orders pay
    minimum charges: the proof has no table for them, and would take as long for the leaves as the engine.
    """
    if stand_alone(problem)[problem.blocks.door_use["row"]].any():
        return False
    use, asked = problem.blocks.arc_use["row"], np.zeros(len(problem.shared.rhs), dtype=bool)
    asked[rows] = True
    arc = problem.blocks.arc_of_use[asked[use]]
    users = np.bincount(use, minlength=len(asked))[rows]
    return len(rows) > 0 and float(np.mean(users <= SHALLOW)) > LEAST_SHALLOW and not (np.diff(arc) == 0).any()


class Branching:
    """Search trees over disjoint sets, at fixed prices of all that is not theirs.

    ``wide``: the problem with the covers as rows; ``price``: of its rows; ``values``: the plan, by columns.
    """

    def __init__(self, wide: Problem, rows: Ints, price: Floats, values: Floats, pool: Executor, threads: int) -> None:
        self.wide, self.pool, self.threads = wide, pool, threads
        found = Evaluator(wide, pool, threads, averages=Averages(wide.blocks))(price)
        self.whole = found.bound
        """bound of the batch at the prices of all"""
        gap = apart(wide, price, found.block, values)
        self.sets = find_sets(wide, rows, gap)
        worth, rhs = usual_worth(wide), wide.shared.rhs
        paid = price * rhs
        self.trees: list[Tree] = []
        self.base: list[float] = []
        """bound of each set at the prices of all"""
        for each in self.sets:
            own = float(paid[each.rows].sum())
            goal = float(gap.worth[each.blocks].sum()) + own - float(gap.left[each.rows].sum())
            self.base.append(float(found.block[each.blocks].sum()) + own)
            self.trees.append(
                Tree(cut_out(wide.blocks, each, price), rhs[each.rows], price[each.rows], worth[each.rows], goal)
            )
        self.desks = [make_desk(wide.blocks) for _ in range(threads)]

    def grow(self, seconds: float, ended: Callable[[], bool]) -> None:
        """Branch for so many nominal seconds of all threads, where most is left to gain."""
        left_s = seconds * self.threads
        costs = np.array([node_seconds(tree) for tree in self.trees])
        for number in range(ROUNDS):
            hopes = np.array([tree.bound - tree.goal if self._goes_on(tree) else 0.0 for tree in self.trees])
            hopes = np.where(np.isinf(hopes), self._first_hopes(), np.maximum(hopes, 0.0))
            if ended() or hopes.sum() <= 0:
                return
            share_s = left_s / (ROUNDS - number) * hopes / hopes.sum()
            nodes = np.minimum((share_s / costs).astype(np.int64), MOST_NODES - self._nodes())
            self._grow(np.maximum(nodes, 0), ended)
            left_s = seconds * self.threads - float(self._nodes() @ costs)

    def _grow(self, nodes: Ints, ended: Callable[[], bool]) -> None:
        """So many more nodes of each tree; threads take turns in the trees, so that all have some of each size."""

        def work(thread: int) -> None:
            for tree, more in itertools.islice(
                zip(self.trees, nodes.tolist(), strict=True), thread, None, self.threads
            ):
                if more and not ended():
                    tree.grow(more, self.desks[thread])

        list(self.pool.map(work, range(self.threads)))

    def _goes_on(self, tree: Tree) -> bool:
        return tree.is_open and tree.nodes < MOST_NODES

    def _first_hopes(self) -> Floats:
        return np.array([base - tree.goal for base, tree in zip(self.base, self.trees, strict=True)])

    def _nodes(self) -> Ints:
        return np.array([tree.nodes for tree in self.trees], dtype=np.int64)

    def __str__(self) -> str:
        leaves = int((self._nodes() + 1).sum()) // 2
        return f"{len(self.trees):,} sets of {sum(len(each.blocks) for each in self.sets):,} blocks, {leaves:,} leaves"

    @property
    def bound(self) -> float:
        """No plan of the batch is worth more."""
        return self.whole - float(self.gains.sum())

    @property
    def gains(self) -> Floats:
        """What each tree takes off the bound."""
        bounds = np.array([tree.bound for tree in self.trees])
        gains: Floats = np.maximum(np.array(self.base) - bounds, 0.0)
        return gains

    def arrays(self) -> dict[str, Floats]:
        """The trees that lower the bound in terms of the matrix (`optimizer.engines.result.BRANCHES`)."""
        kept = np.flatnonzero(self.gains > LEAST_GAIN).tolist()
        sets, problem = [self.sets[at] for at in kept], self.wide
        entries, prices = [], list[Floats]()
        for each, tree in zip(sets, (self.trees[at] for at in kept), strict=True):
            splits, leaves = tree.entries()
            column = np.append(problem.open_column[doors_of(problem.blocks, each)], -1)
            entries.append(column[np.array(splits)])
            prices += leaves
        rows = [problem.shared.row[each.rows] for each in sets]
        return {
            **_listed("branch_row", "branch_first_row", rows),
            **_listed("branch_entry", "branch_first_entry", entries),
            "branch_price": np.concatenate([np.zeros(0), *prices]),
        }


def node_seconds(tree: Tree) -> float:
    """Nominal seconds of one thread for a node of a tree."""
    return NODE_S + (PASSES + 1) * TIGHT_COST * pass_seconds(tree.blocks)


def _listed(name: str, first: str, parts: list[Ints]) -> dict[str, Floats]:
    """Parts one after the other, and where each begins."""
    sizes = [len(part) for part in parts]
    whole = np.concatenate([np.zeros(0), *parts])
    return {name: whole, first: np.concatenate([[0], np.cumsum(sizes)]).astype(np.float64)}
