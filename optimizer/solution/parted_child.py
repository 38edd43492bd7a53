"""Inside the engine's process: a batch in parts is built and gathered there, so that no matrix of it travels or stays.

Two jobs of one process: `gather` builds part after part, `solve` runs the engine on what was gathered. Apart, because
only the second is under the time limit of a solve.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import Request
from optimizer.engines.decompose.gather import PartError
from optimizer.engines.result import SolveOptions
from optimizer.errors import UsageError
from optimizer.model.parted import PartedModel

if TYPE_CHECKING:
    from optimizer.engines.child import Emit
    from optimizer.engines.decompose.gather import SharedRows
    from optimizer.engines.decompose.problem import Problem

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Gathered:
    """What the first job leaves for the second."""

    problem: Problem
    rows: tuple[SharedRows, ...]
    parts: NDArray[np.int64]


_HELD: dict[str, Gathered] = {}


def packed(model: PartedModel) -> Arrays:
    """A batch in parts as the array that travels to `gather`."""
    return {"batch": np.frombuffer(pickle.dumps((model.tables, model.scenario, model.parts), protocol=5), np.uint8)}


def gather(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], emit: Emit) -> tuple[Arrays, dict[str, Any]]:
    """Build every part and keep its blocks; returns sizes. Raises `UsageError` where the engine cannot take it."""
    from optimizer.engines.decompose.gather import Gatherer
    from optimizer.model.batch import Batch

    tables, scenario, parts = pickle.loads(arrays["batch"].tobytes())
    model = PartedModel(Batch.of(tables, scenario), parts)
    gatherer, pruned = Gatherer({"contract_minimum": model.required}, meta["pairs"]), Counter[str]()
    try:
        for number, part in enumerate(model.models(), start=1):
            if emit.stopped():
                return {}, {"stopped": True}
            gatherer.add(part.linear)
            pruned.update(part.pruned)
            emit(part=number)
    except PartError as reason:
        raise UsageError(
            f"the engine decompose cannot take this batch yet: it holds {reason}; use auto, highs, scip, cpsat or cbc"
        ) from None
    problem, rows = gatherer.problem()
    _HELD["problem"] = Gathered(problem, rows, np.array(gatherer.parts, dtype=np.int64))
    size = {**gatherer.size, "arcs": len(problem.arc_column), "shared_rows": len(problem.shared.rhs)}
    return {}, {"size": {**size, "pruned": dict(pruned)}}


def solve(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], emit: Emit) -> tuple[Arrays, dict[str, Any]]:
    """Run the engine on what was gathered."""
    from optimizer.engines.decompose.gathered import solve_gathered

    held, options = _HELD["problem"], SolveOptions(**meta["options"])
    request = Request(options, emit.folder, time.monotonic() + options.time_limit_s)
    return solve_gathered(held.problem, held.rows, held.parts, request, emit)
