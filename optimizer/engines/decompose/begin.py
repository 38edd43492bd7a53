"""Where an earlier run left off: its prices and its plan, as far as they still fit, to begin from. Compiled."""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.desk import EPS
from optimizer.engines.decompose.moves import block_worth, note_regret, remove
from optimizer.engines.decompose.problem import Floats, Problem, Small


def shared_prices(problem: Problem, row_prices: Floats) -> Floats:
    """Prices of the shared rows from those of the matrix' rows; the inverse of `plan.row_prices`."""
    shared = problem.shared
    price: Floats = np.clip(row_prices[shared.row] * shared.sign, 0.0, shared.soft_cost)
    return price


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
