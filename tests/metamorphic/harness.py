"""Generated batches solved by the real model and engine, to be compared with their own transforms."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.errors import InputError
from optimizer.model.build import Model, build_model
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Tables
from tests.instances import Case, random_case
from tests.policy_instances import mixed_case
from tests.typed_cases import typed

Transform = Callable[[Case, random.Random], Case | None]
"""Changes a copy of a case in place and returns it; None where the relation says nothing about this case."""

FEWEST_SKIPPED = 40
"""Seeds that may be skipped for each instance that a relation applies to."""


@dataclass(frozen=True)
class Outcome:
    """The exact value of an optimal plan; value and plan are None where no plan keeps the rules."""

    value: Fraction | None
    model: Model
    plan: Plan | None


class Solver:
    """One engine process for many small batches."""

    def __init__(self, engine: str = "highs") -> None:
        self._server = SolveServer(engine)

    def __enter__(self) -> Solver:
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(None, None, None)

    def solve(self, case: Case, seed: int = 0) -> Outcome:
        return self.solve_typed(*typed(case), seed)

    def solve_typed(self, tables: Tables, scenario: Scenario, seed: int = 0) -> Outcome:
        model = build_model(tables, scenario)
        result = self._server.solve(model.linear, SolveOptions(time_limit_s=60, gap=0.0, seed=seed))
        if result.termination.reason == "INFEASIBLE":
            return Outcome(None, model, None)
        assert result.termination.reason == "OPTIMAL", result.termination
        plan = plan_from_values(model, result.values)
        return Outcome(objective_value(tables, scenario, plan), model, plan)


def pairs(
    count: int, transform: Transform, *, first: int = 0, without: tuple[str, ...] = ()
) -> Iterator[tuple[int, Case, Case]]:
    """(seed, case, transformed case) of ``count`` valid generated batches that the relation speaks about.

    ``without``: tables left out of every batch, because the relation does not hold with them.
    """
    found = 0
    for seed in range(first, first + FEWEST_SKIPPED * count):
        case = prepared(seed)
        if case is None:
            continue
        case = {**case, "tables": {name: rows for name, rows in case["tables"].items() if name not in without}}
        changed = transform(copy.deepcopy(case), random.Random(seed))
        if changed is None:
            continue
        yield seed, case, changed
        found += 1
        if found == count:
            return
    raise AssertionError(f"the relation applies to {found} batches only, not to {count}")


def prepared(seed: int) -> Case | None:
    """The batch of one seed, even seeds plain, odd ones with policies; None if it is not valid input."""
    case = mixed_case(seed) if seed % 2 else random_case(seed)
    try:
        typed(case)
    except InputError:
        return None
    return case
