"""Of several optima, the one that comes first: lexicographically greatest in the order of given columns.

Engines end at any of the optimal points, and each at another. Where the optimum is proven, this walks the columns in
the given order and makes each as large as the optimum allows, several at a time by one weighted objective.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.idle import HIGHS, child_of
from optimizer.model.linear_model import LinearModel

if TYPE_CHECKING:
    import highspy

    from optimizer.engines.child import Emit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_WEIGHT = 2.0**20
"""Weights of one step span at most this, far within what an engine tells apart."""
VALUE_TOLERANCE = 1e-7
"""How far below the optimum, relatively, a point may seem to lie in floats; the caller compares exactly."""
MOST_NODES = 100
"""Branchings that the whole walk may take; a count, so that the same input always ends the same way."""
TASK = "optimizer.engines.tie_break:walk"


def first_optimum(
    linear: LinearModel,
    columns: Ints,
    values: Floats,
    *,
    time_limit_s: float,
    memory_limit_mb: int | None = None,
    stop: threading.Event | None = None,
) -> Floats | None:
    """The optimal point that is lexicographically greatest in ``columns`` (whole-number ones, in this order).

    ``values`` is an optimal point. None where the walk did not come to its end within `MOST_NODES` branchings (or, in
    an emergency, within ``time_limit_s``).
    """
    arrays = {**linear.arrays, "columns": columns, "values": values}
    with child_of(HIGHS, memory_limit_mb=memory_limit_mb) as child:
        outcome = child.run(TASK, arrays, {}, wall_limit_s=time_limit_s, stop=stop)
    return outcome.arrays.get("values") if outcome.ended == "finished" else None


def walk(arrays: dict[str, NDArray[Any]], meta: dict[str, Any], emit: Emit) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The task in the child."""
    highs, values = _load(arrays), arrays["values"]
    n_cols = len(values)
    undecided, nodes = arrays["columns"], 0
    while len(undecided):
        if emit.stopped():
            return {}, {}
        step, undecided = _next_step(undecided, arrays["col_upper"])
        sizes = arrays["col_upper"][step] - arrays["col_lower"][step] + 1
        weights = np.append(np.cumprod(sizes[:0:-1])[::-1], 1.0)
        if (values[step] < arrays["col_upper"][step]).any():
            highs.changeColsCost(n_cols, np.arange(n_cols, dtype=np.int32), _costs(n_cols, step, weights))
            highs.setOptionValue("mip_max_nodes", MOST_NODES - nodes)
            found = _solve(highs)
            if found is None:
                return {}, {}
            values, nodes = found, nodes + max(int(highs.getInfo().mip_node_count), 0)
        fixed = np.rint(values[step])
        highs.changeColsBounds(len(step), step.astype(np.int32), fixed, fixed)
    return {"values": values}, {}


def _next_step(undecided: Ints, upper: Floats) -> tuple[Ints, Ints]:
    """As many of the next columns as one weighted objective can keep apart."""
    span = np.cumprod(upper[undecided] + 1)
    count = max(int(np.searchsorted(span, LARGEST_WEIGHT, side="right")), 1)
    return undecided[:count], undecided[count:]


def _costs(n_cols: int, step: Ints, weights: Floats) -> Floats:
    costs = np.zeros(n_cols)
    costs[step] = -weights
    return costs


def _load(arrays: dict[str, NDArray[Any]]) -> highspy.Highs:
    """The model with its objective as one more row that keeps the optimum."""
    import highspy

    from optimizer.engines.highs import load_matrix

    objective = arrays["objective"]
    best = float(objective @ arrays["values"])
    used = np.flatnonzero(objective)
    highs = highspy.Highs()
    for name, value in (("output_flag", False), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5), ("threads", 1)):
        highs.setOptionValue(name, value)
    linear = LinearModel(
        objective=np.zeros_like(objective),
        offset=0.0,
        col_lower=arrays["col_lower"],
        col_upper=arrays["col_upper"],
        integral=arrays["integral"],
        granularity=np.zeros_like(objective),
        indptr=np.append(arrays["indptr"], arrays["indptr"][-1] + len(used)),
        indices=np.concatenate([arrays["indices"], used]).astype(np.int32),
        data=np.concatenate([arrays["data"], objective[used]]),
        row_lower=np.append(arrays["row_lower"], best - VALUE_TOLERANCE * max(1.0, abs(best))),
        row_upper=np.append(arrays["row_upper"], np.inf),
        column_blocks=(),
        row_blocks=(),
    )
    load_matrix(highs, linear)
    return highs


def _solve(highs: highspy.Highs) -> Floats | None:
    import highspy

    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(highs.getSolution().col_value)
