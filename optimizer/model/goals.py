"""What [objective] asks of the model: which KPIs must be kept, and which columns they need."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

OBJECTIVE = "objective"
"""The KPI that is the scenario's weighted sum; always optimized last."""


@dataclass(frozen=True)
class StageRow:
    """A KPI that must be kept: at least ``kept`` where its sense is max, at most where it is min."""

    kpi: str
    sense: str
    kept: Fraction

    @property
    def sign(self) -> int:
        """The row is written sign · kpi ≥ sign · kept."""
        return 1 if self.sense == "max" else -1


def floor_rows(scenario: Scenario) -> tuple[StageRow, ...]:
    """The floors of the scenario."""
    return tuple(
        StageRow(floor.kpi, "max", Fraction(floor.min))
        if floor.min is not None
        else StageRow(floor.kpi, "min", Fraction(floor.max or 0))
        for floor in scenario.objective.floors
    )


def goals(scenario: Scenario) -> tuple[str, ...]:
    """Every KPI that a stage or floor of the scenario is about."""
    objective = scenario.objective
    named = [stage.kpi for stage in objective.stages] + [floor.kpi for floor in objective.floors]
    return tuple(dict.fromkeys([*named, *(kpi for kpi in (objective.maximize, objective.minimize) if kpi)]))


def with_columns(scenario: Scenario) -> Scenario:
    """The scenario by which columns are made: what a stage or floor is about has its columns, even at weight 0.

    The objective itself is written with the scenario's own weights.
    """
    if not goals(scenario):
        return scenario
    weights = {name: weight or Decimal(1) for name, weight in scenario.weights}
    service = scenario.service.model_copy(update={"value": scenario.service.value or Decimal(1)})
    return scenario.model_copy(update={"weights": scenario.weights.model_copy(update=weights), "service": service})
