"""Floors and stages of the objective as rows that carry a price."""

from __future__ import annotations

from fractions import Fraction

from optimizer.exact import Exact
from optimizer.model.goals import StageRow
from optimizer.solution.kpi_values import kpi_value
from optimizer.solution.ledger import Ledger
from optimizer.solution.prices_rows import Limit

STAGES = frozenset({"objective_stage"})
PLACES = 12
"""Decimals of what the plan reaches of a KPI, in the table of prices."""


def stage_limit(ledger: Ledger, stages: tuple[StageRow, ...]) -> Limit:
    """What must be kept of each KPI and what the plan reaches; of one to be kept low both below zero."""
    used = [stage.sign * kpi_value(ledger, stage.kpi) * 10**PLACES for stage in stages]
    names = {stage.kpi for stage in stages}
    return Limit(
        names.pop() if len(names) == 1 else "of its KPI",
        Exact.of([stage.sign * stage.kept for stage in stages]),
        Exact.of([Fraction(value.numerator // value.denominator, 10**PLACES) for value in used]),
    )
