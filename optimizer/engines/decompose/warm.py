"""Compiles every function of the engine by running it on the smallest matrix that has all shapes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from optimizer.engines.adapter import OWN, SHARED
from optimizer.engines.decompose.desk import make_desk
from optimizer.engines.decompose.dual import Ascent, Evaluator, ascend, clearing_prices
from optimizer.engines.decompose.exact import SimpleSettler
from optimizer.engines.decompose.first_order import nearly_solve
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.problem import whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.tighten import Tightener
from optimizer.engines.decompose.trees import Tree
from optimizer.model.linear_model import LinearModel


def two_orders() -> tuple[LinearModel, np.ndarray]:
    """Two orders for three units of one product; each may open a shipment. With the role of each row."""
    rows = [
        ({0: 1.0, 2: -2.0}, 0.0),  # links of units to openings
        ({1: 1.0, 3: -2.0}, 0.0),
        ({0: 1.0}, 2.0),  # demand
        ({1: 1.0}, 2.0),
        ({0: 1.0, 1: 1.0}, 3.0),  # stock
    ]
    indptr = np.cumsum([0, *(len(entries) for entries, _ in rows)])
    linear = LinearModel(
        objective=np.array([5.0, 4.0, -1.0, -1.0]),
        offset=0.0,
        col_lower=np.zeros(4),
        col_upper=np.array([2.0, 2.0, 1.0, 1.0]),
        integral=np.ones(4, dtype=bool),
        granularity=np.ones(4),
        indptr=indptr.astype(np.int64),
        indices=np.concatenate([list(entries) for entries, _ in rows]).astype(np.int32),
        data=np.concatenate([list(entries.values()) for entries, _ in rows]),
        row_lower=np.full(5, -np.inf),
        row_upper=np.array([upper for _, upper in rows]),
        column_blocks=(),
        row_blocks=(),
    )
    return linear, np.array([OWN, OWN, OWN, OWN, SHARED], dtype=np.int64)


def warm_up() -> None:
    """Run all compiled functions once."""
    linear, role = two_orders()
    problem = read_problem(linear, role)
    with ThreadPoolExecutor(1) as pool:
        evaluator = Evaluator(problem, pool, 1)
        state = Ascent.begin(evaluator, clearing_prices(problem))
        list(ascend(evaluator, state, 3, lambda: False))
        tightener = Tightener(problem, pool, 1, np.arange(1), state.best_price)
        list(tightener.rounds(20, lambda: False))
        Tree(problem.blocks, problem.shared.rhs, state.best_price, np.ones(1), 0.0).grow(1, make_desk(problem.blocks))
        improver = Improver(problem, pool, 1, 0)
        improver.construct(state.best_price, state.best.block)
        list(improver.rounds(100))
        improver.begin_from(state.best_price, state.best.block, np.ones(linear.n_cols))
        list(SimpleSettler(improver, 0).better(0.1, lambda: 1.0))
        nearly_solve(whole_of(linear)(), role >= 0, np.arange(linear.n_cols), 1, lambda: 1.0, pool, 1)
