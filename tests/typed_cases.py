"""Random tiny batches as the product sees them: typed tables and a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from optimizer.errors import InputError
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables
from tests.instances import Case, random_case


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    """Dotted settings as the sections of a scenario."""
    made: dict[str, Any] = {}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        made.setdefault(section, {})[name] = value
    return made


def typed(case: Case) -> tuple[Tables, Scenario]:
    scenario = make_scenario(**nested(case["scenario"]))
    return make_tables(scenario, **case["tables"]), scenario


def random_cases(count: int, families: float = 0.3, first: int = 0) -> Iterator[tuple[int, Case]]:
    """The seeded batches that are valid input, with their seeds."""
    for seed in range(first, first + count):
        case = random_case(seed, families)
        try:
            typed(case)
        except InputError:
            continue
        yield seed, case
