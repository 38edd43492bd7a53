"""From the plain rows and dotted settings of a random batch to its model."""

from __future__ import annotations

from typing import Any

from optimizer.errors import InputError
from optimizer.model.build import Model, build_model
from optimizer.scenario.schema import Scenario
from tests.builders import make_scenario, make_tables
from tests.instances import Case


def case_scenario(case: Case) -> Scenario:
    settings: dict[str, Any] = {}
    for key, value in case["scenario"].items():
        section, _, name = key.partition(".")
        if name == "priority_weight":
            value = {int(rank): weight for rank, weight in value.items()}
        settings.setdefault(section, {})[name] = value
    return make_scenario(**settings)


def case_model(case: Case, headroom: int = 0) -> Model | None:
    """The model; None where the batch is refused as input."""
    scenario = case_scenario(case)
    try:
        tables = make_tables(scenario, **case["tables"])
    except InputError:
        return None
    return build_model(tables, scenario, headroom)
