"""Short lines of a plan with floors or stages: what could ship at a gain and does not is no oversight of the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.exact import decimal_text
from optimizer.model.goals import StageRow
from optimizer.scenario.schema import kpi_words
from optimizer.tables.tables import Table

REASON = "objective_stage"


def with_goals(shorts: Table, stages: tuple[StageRow, ...]) -> Table:
    """The table of short lines, where ``within_gap`` gives way to the KPIs that the objective keeps."""
    left = np.asarray(shorts["reason"] == "within_gap", dtype=bool)
    if not stages or not left.any():
        return shorts
    kept = "; ".join(
        f"{kpi_words(stage.kpi)} {'at least' if stage.sense == 'max' else 'at most'} {decimal_text(stage.kept, 6)}"
        for stage in stages
    )
    words = {
        "reason": REASON,
        "detail": f"it could ship and would gain, but the objective keeps other things first: {kept}",
        "least_change": "a lower floor, or a larger tolerance of a stage or share (not verified)",
    }
    columns = {name: np.where(left, text, shorts[name]).astype(object) for name, text in words.items()}
    return replace(shorts, columns={**shorts.columns, **columns})
