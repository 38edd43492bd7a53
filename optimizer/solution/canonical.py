"""Equal optima: the plan that comes first by sorted keys.

Of all plans of the same proven value, the canonical one ships as much as possible on the first (line, lane) in sorted
order, then on the second, and so on; then for lots of kits and moves. It does not depend on the engine, its version or
its seed.
"""

from __future__ import annotations

import threading

import numpy as np

from optimizer.engines.tie_break import first_optimum
from optimizer.model.build import Model
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan

DECIDED = ("ship_qty", "kit_draw", "transfer_qty")
"""Families that say the plan: what ships, from which lots kits take, what is moved first; all others follow."""
LARGEST = 100
"""Columns up to which the first optimum is sought: beyond, proving that no equal plan comes first costs too much."""
SHARE_OF_TIME = 0.5
"""Part of the scenario's time limit that the walk may take; if it does not end in it, the engine's own plan stays."""


def canonical_plan(model: Model, plan: Plan, stop: threading.Event) -> Plan | None:
    """The first of the plans that are worth as much as ``plan``, which is optimal; None where it was not found."""
    columns = np.concatenate([model.linear.columns(family).positions for family in DECIDED])
    if len(columns) > LARGEST:
        return None
    values = first_optimum(
        model.linear,
        columns,
        values_from_plan(model, plan),
        time_limit_s=SHARE_OF_TIME * float(model.scenario.solve.time_limit_s),
        memory_limit_mb=model.scenario.solve.memory_limit_mb,
        stop=stop,
    )
    if values is None:
        return None
    first = plan_from_values(model, values)
    same = objective_value(model.tables, model.scenario, first) == objective_value(model.tables, model.scenario, plan)
    return first if same and np.all(first.qty > 0) else None
