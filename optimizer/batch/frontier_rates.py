"""What one more unit of a KPI costs of another by the linear relaxation: the dual of the row that keeps it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from optimizer.batch.frontier_search import Found, Search
from optimizer.engines.resolve import RowEffort, RowQuestion, price_rows
from optimizer.model.build import build_model
from optimizer.solution.extract import values_from_plan

NOTHING = 1e-12
"""A price below this is an engine's rounding."""


def relaxed_rate(search: Search, found: Found) -> Fraction | None:
    """The v lost for one more u at the u of a point, lots and shipments divided at will; None if not found in time."""
    x, y, settings = search.x, search.y, search.scenario.solve
    rows = (*search.floors, x.row(found.u))
    model = build_model(search.tables, search.staged, 0, rows, (y.kpi, y.sense))
    linear, block = model.linear, model.linear.rows("objective_stage")
    question = RowQuestion(
        row=np.array([block.stop - 1]),
        unit=np.ones(1) if block.scale is None else block.scale[-1:],
        change=np.zeros(1),  # the price alone, no re-solves
        is_upper=np.zeros(1, dtype=bool),
        can_fall=np.ones(1, dtype=bool),
        switch=np.ones(linear.n_cols, dtype=bool),
        group=np.full(linear.n_cols, -1, dtype=np.int64),
        values=values_from_plan(model, found.plan),
    )
    effort = RowEffort(float(settings.time_limit_s), top_rows=0)
    threads, memory = settings.threads, settings.memory_limit_mb
    values = price_rows(linear, question, effort, threads=threads, memory_limit_mb=memory, stop=search.stop)
    if not np.isfinite(values.relaxation):
        return None
    lost = -float(values.price[0])
    return Fraction(f"{lost:.9g}") * x.scale / y.scale if lost > NOTHING else Fraction(0)
