"""Where an earlier run left off: its prices and its plan, as far as they still fit, to begin from. Compiled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.covers import Arcs, Covers
from optimizer.engines.decompose.desk import EPS
from optimizer.engines.decompose.moves import block_worth, note_regret, remove
from optimizer.engines.decompose.problem import Floats, Ints, Problem, Small


def shared_prices(problem: Problem, row_prices: Floats) -> Floats:
    """Prices of the shared rows from those of the matrix' rows; the inverse of `plan.row_prices`."""
    shared = problem.shared
    price: Floats = np.clip(row_prices[shared.row] * shared.sign, 0.0, shared.soft_cost)
    return price


def known_covers(problem: Problem, arcs: Arcs, arrays: Mapping[str, Floats]) -> tuple[Covers, Floats]:
    """The covers of an earlier run (`optimizer.engines.result.COVERS`) that still are some, and their prices.

    Entries that today's batch does not have are left out; what is left must exceed the row and a cell the excess.
    """
    sizes = np.diff(arrays["cover_first"]).astype(np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    row_of = _place_of(problem.shared.row, arrays["cover_row"].astype(np.int64))
    row = row_of[owner]
    arc = _place_of(problem.arc_column, arrays["cover_column"].astype(np.int64))
    own = np.repeat(arcs.row, np.diff(arcs.first))
    known = np.isin(row * len(problem.arc_column) + arc, own * len(problem.arc_column) + arcs.arc)
    known &= (row >= 0) & (arc >= 0)
    lifted = arrays["cover_lifted"] > 0
    at = np.lexsort((arc, owner))
    at = at[known[at]]
    first = np.concatenate([[0], np.cumsum(np.bincount(owner[at], minlength=len(sizes)))])
    found = Covers(np.maximum(row_of, 0), first, arc[at], lifted[at])
    kept = found.hold(arcs, problem.shared.rhs)
    return found.those(kept), arrays["cover_price"][kept]


def _place_of(keys: Ints, wanted: Ints) -> Ints:
    """Where each of them stands in ``keys``, −1 if nowhere; keys are ascending or not."""
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), max(len(keys) - 1, 0))
    place: Ints = np.where(keys[order][at] == wanted, order[at], -1) if len(keys) else np.full(len(wanted), -1)
    return place


def wanted_steps(problem: Problem, values: Floats) -> Small:
    """Steps of each arc in a point of the matrix, as many as the arc may carry."""
    steps = np.rint(values[problem.arc_column])
    return np.clip(steps, 0, problem.blocks.arc["cap"][:-1]).astype(np.int32)


@compiled
def take_over(b, order, state, guide, soft, left):
    """Book the steps that ``state`` holds, block after block, where rules and rows (``slack``: all they have) allow it.

    A block that does not fit is taken out as a whole and marked in ``left``.
    """
    for o in order:
        start, ships, fits = b.block[o].open, False, True
        for line in range(b.block[o].line, b.block[o + 1].line):
            units = np.int64(0)
            for a in range(b.line[line].arc, b.line[line + 1].arc):
                if state.steps[a] == 0:
                    continue
                ships = True
                units += np.int64(state.steps[a]) * b.arc[a].step
                if b.arc[a].opener >= 0:
                    state.opened[start + b.arc[a].opener] = True
                for k in range(b.arc[a].use, b.arc[a + 1].use):
                    row = b.arc_use[k].row
                    state.slack[row] -= state.steps[a] * b.arc_use[k].use
                    fits = fits and bool(soft[row] or state.slack[row] >= -EPS)
            fits = fits and bool(units <= b.line[line].need)
        opened = 0
        for y in range(start, b.block[o + 1].open):
            if state.opened[y]:
                opened += 1
                for k in range(b.door[y].use, b.door[y + 1].use):
                    row = b.door_use[k].row
                    state.slack[row] -= b.door_use[k].use
                    fits = fits and bool(soft[row] or state.slack[row] >= -EPS)
        worth, keeps = block_worth(b, o, state)
        if ships and fits and keeps and opened <= b.block[o].most_open:
            state.worth[o] = worth
            note_regret(b, o, state, guide)
        else:
            remove(b, o, state)
            left[o] = True
