"""Every engine finds the optimum that exhaustive search finds where policies mix, and the judge accepts the plan."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.engines.base import ENGINES, SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.errors import InputError, UsageError
from optimizer.model.build import Model, build_model
from optimizer.proof import certified_bound
from optimizer.proof.checker import check_folder
from optimizer.proof.facts import Facts
from optimizer.record import certified_stages
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.prices import price_plan
from optimizer.solution.stages import optimize_in_stages, share_goals
from optimizer.tables.tables import Tables
from tests.brute_force import optimum
from tests.instances import Case
from tests.oracle.test_by_hand import CASES
from tests.policy_instances import POLICIES, mixed_case
from tests.proof.policy_cases import random_certificate
from tests.proof.runs import write_plan
from tests.typed_cases import typed

EXACT = SolveOptions(time_limit_s=60, gap=0.0)
INSTANCES = 60


def instances(seeds: Iterable[int]) -> Iterator[tuple[int, Case]]:
    """Valid batches: the even seeds mix several policies, the odd ones have one each, in turn."""
    names = list(POLICIES)
    for seed in seeds:
        case = mixed_case(seed, [names[seed // 2 % len(names)]] if seed % 2 else None)
        try:
            typed(case)
        except InputError:
            continue
        yield seed, case


@dataclass(frozen=True)
class Solved:
    """The model with the engine's plan, its exact value, and stages as run.json and the certificate state them."""

    model: Model
    plan: Plan | None = None
    value: Fraction | None = None
    stages: tuple[dict[str, Any], ...] = ()
    certified: dict[str, Any] = field(default_factory=dict)


def solved(server: SolveServer, case: Case) -> Solved:
    """The engine's answer to a batch; no plan where that is infeasible."""
    tables, scenario = typed(case)
    model = build_model(tables, scenario)
    if share_goals(model.batch):
        return in_stages(tables, scenario, server.engine)
    result = server.solve(model.linear, EXACT)
    if result.termination.reason == "INFEASIBLE":
        return Solved(model)
    assert result.termination.reason == "OPTIMAL", result.termination
    plan = plan_from_values(model, result.values)
    return Solved(model, plan, objective_value(tables, scenario, plan))


def in_stages(tables: Tables, scenario: Scenario, engine: str) -> Solved:
    """The same where max-min has stages of its own."""
    settings = scenario.solve.model_copy(update={"engine": engine, "gap": Decimal(0)})
    model = build_model(tables, scenario.model_copy(update={"solve": settings}))
    answer = optimize_in_stages(model, None, None, threading.Event())
    if answer.plan is None or answer.model is None:
        assert answer.termination.reason == "INFEASIBLE", answer.termination
        return Solved(model)
    assert answer.termination.reason == "OPTIMAL", answer.termination
    value = objective_value(tables, scenario, answer.plan)
    return Solved(answer.model, answer.plan, value, answer.stages, certified_stages(answer))


def mismatches(engine: str, seeds: Iterable[int]) -> list[str]:
    """Batches on which the engine differs from exhaustive search.

    CP-SAT may refuse a model whose money has no short decimal unit (weights in thirds).
    """
    found, asked, refused = [], 0, 0
    with SolveServer(engine) as server:
        for seed, case in instances(seeds):
            asked += 1
            truth = optimum(case)
            try:
                value = solved(server, case).value
            except UsageError:
                refused += 1
                continue
            if truth != value:
                found.append(f"seed {seed}: {engine} {value}, exhaustive {truth}")
    assert refused <= (asked // 10 if engine == "cpsat" else 0)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_differs_from_exhaustive_search(engine: str) -> None:
    """HiGHS on every instance, each other engine on a quarter of them."""
    others = [name for name in ENGINES if name != "highs"]
    seeds = range(INSTANCES) if engine == "highs" else range(others.index(engine), INSTANCES, 4)
    assert mismatches(engine, seeds) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_differs_from_exhaustive_search_on_many(engine: str) -> None:
    assert mismatches(engine, range(1000, 3000)) == []


def test_the_model_finds_what_a_person_finds() -> None:
    with SolveServer("highs") as server:
        for name, (case, want) in CASES.items():
            assert solved(server, case).value == want, name


def judge(seeds: Iterable[int], folder: Path) -> int:
    """How many optimal plans, with the model's own prices, the judge accepted: a bound never lies below the truth."""
    accepted = 0
    with SolveServer("highs") as server:
        for seed, case in instances(seeds):
            found = solved(server, case)
            model, plan, value = found.model, found.plan, found.value
            if plan is None or value is None:
                continue
            prices = price_plan(model, plan, time_limit_s=20, top_rows=0)
            certificate = {**prices.certificate_json(), **found.certified}
            assert certified_bound(model.tables, model.scenario, certificate) >= value, seed
            made = write_plan(model.tables, model.scenario, plan, certificate, folder / str(seed), stages=found.stages)
            report = check_folder(made.path, made.tables, made.scenario)
            assert report.failures == [], seed
            assert report.value == value == optimum(case), seed
            accepted += 1
    return accepted


def test_the_judge_accepts_the_optimum_and_bounds_it(tmp_path: Path) -> None:
    assert judge(range(24), tmp_path) >= 16


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_judge_accepts_many_optima(tmp_path: Path) -> None:
    assert judge(range(1000, 1300), tmp_path) >= 250


def test_any_prices_bound_the_optimum() -> None:
    for seed, case in instances(range(25)):
        best = optimum(case)
        if best is not None:
            tables, scenario = typed(case)
            certificate = random_certificate(Facts(tables, scenario), random.Random(seed))
            assert certified_bound(tables, scenario, certificate) >= best, seed


def test_the_batches_are_not_trivial() -> None:
    """Every policy occurs often, and batches without a plan, with a loss and with a gain all occur."""
    cases = [mixed_case(seed) for seed in range(120)]
    values = [optimum(case) for case in cases]
    assert sum(value is None for value in values) >= 5
    assert sum(value is not None and value > 0 for value in values) >= 50
    for table in ("inbound", "calendar", "substitutions", "kits", "transfers", "reserves", "budgets", "rate_bands",
                  "fair_share"):  # fmt: skip
        assert sum(table in case["tables"] for case in cases) >= 8, table
    for table, column in (("orders", "frozen"), ("orders", "cancel_date"), ("stock", "expiry_date"),
                          ("customers", "credit_limit"), ("order_lines", "late_penalty_per_unit_day"),
                          ("customers", "min_remaining_life_days"), ("stock", "holding_value_per_unit")):  # fmt: skip
        filled = [case for case in cases if any(row.get(column) is not None for row in case["tables"][table])]
        assert len(filled) >= 8, column
