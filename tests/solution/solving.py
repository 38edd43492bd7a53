"""Plans made by the real model and a real engine, for tests of what is said about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import LinearModel
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.plan import Plan
from tests.builders import make_scenario, make_tables


class Solver:
    """Optimal plans from one HiGHS process."""

    def __init__(self, server: SolveServer) -> None:
        self.server = server

    def values(self, linear: LinearModel) -> np.ndarray | None:
        """An optimal point, None if there is none."""
        result = self.server.solve(linear, SolveOptions(gap=0.0))
        assert result.termination.reason in ("OPTIMAL", "INFEASIBLE"), result.termination
        return result.values

    def plan(self, model: Model) -> Plan | None:
        values = self.values(model.linear)
        return None if values is None else plan_from_values(model, values)

    def any_plan(self, model: Model, seed: int) -> Plan | None:
        """Some plan that keeps every rule, whatever it is worth: the optimum of random prices."""
        rng = np.random.default_rng(seed)
        values = self.values(replace(model.linear, objective=rng.normal(size=model.linear.n_cols)))
        return None if values is None else plan_from_values(model, values)

    def solved(self, scenario: Scenario | None = None, **tables: Any) -> tuple[Model, Plan]:
        scenario = scenario or make_scenario()
        model = build_model(make_tables(scenario, **tables), scenario)
        plan = self.plan(model)
        assert plan is not None
        return model, plan


@contextmanager
def solver() -> Iterator[Solver]:
    with SolveServer("highs") as server:
        yield Solver(server)
