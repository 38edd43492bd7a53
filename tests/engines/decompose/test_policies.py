"""Every policy of the product: tiny batches against exhaustive search, and the scenarios that have them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.instances import Size
from optimizer.engines.base import OWN, SolveServer, solve
from optimizer.engines.result import SolveOptions
from optimizer.errors import LIMIT_WITH_PLAN, OK
from optimizer.model.build import build_model
from optimizer.proof import certified_bound
from optimizer.proof.checker import check_folder
from optimizer.run import run
from optimizer.solution.extract import plan_from_values
from optimizer.solution.prices import price_plan
from optimizer.solution.stages import share_goals
from tests.agreement.test_policies import instances
from tests.brute_force import optimum
from tests.proof.runs import write_plan
from tests.scenarios.stories import SCENARIOS
from tests.typed_cases import typed

WORK = SolveOptions(time_limit_s=20.0, gap=0.0)
QUICK = ("chilled-tariff",)
OTHERS = (
    "apparel-launch", "chilled-boxes", "chilled-calendar", "chilled-floor", "chilled-replan", "chilled-shares",
    "chilled-transfers", "regional-demand-spike",
)  # fmt: skip


def judged(seeds: Iterable[int], folder: Path) -> int:
    """How many plans the judge accepted; values and bounds, ours and the certified one, enclose the true optimum."""
    accepted = 0
    with SolveServer(OWN) as server:
        for seed, case in instances(seeds):
            tables, scenario = typed(case)
            model = build_model(tables, scenario)
            if share_goals(model.batch):  # solved in stages
                continue
            best, found = optimum(case), server.solve(model.linear, WORK)
            if best is None or found.values is None:
                assert (best, found.termination.reason) == (None, "INFEASIBLE"), seed
                continue
            plan = plan_from_values(model, found.values)
            assert found.objective <= best + Fraction(1, 10**6), seed
            assert best <= found.best_bound + 1e-6, seed
            if not model.linear.n_cols:
                continue
            prices = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=found.row_prices)
            certificate = prices.certificate_json()
            assert certified_bound(tables, scenario, certificate) >= best, seed
            made = write_plan(tables, scenario, plan, certificate, folder / str(seed))
            report = check_folder(made.path, made.tables, made.scenario)
            assert report.failures == [], seed
            assert report.value <= best, seed
            accepted += report.value == best
    return accepted


def test_tiny_batches_of_every_policy_are_solved_and_judged(tmp_path: Path) -> None:
    assert judged(range(36), tmp_path) >= 22


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_tiny_batches_are_solved_and_judged(tmp_path: Path) -> None:
    assert judged(range(1000, 1300), tmp_path) >= 200


def test_a_batch_with_every_family_of_rows_gets_a_plan() -> None:
    """Hard rows that odd blocks share are broken by the first plan, and mended by exact programs."""
    tables, scenario = make_batch_of_all(Size(lines=200, warehouses=4, products=40, zones=6)).read()
    model = build_model(tables, scenario, stages=kept_stages(scenario))
    found = solve(model.linear, OWN, SolveOptions(time_limit_s=30.0, gap=0.2, threads=2))
    assert found.values is not None
    assert found.objective <= found.best_bound + 1e-6
    assert found.termination.reason == "OPTIMAL"


def solves(name: str, seconds: float, folder: Path) -> None:
    settings = ("solve.engine=decompose", f"solve.time_limit_s={seconds}", "solve.threads=2")
    outcome = run(SCENARIOS / f"{name}.toml", out=folder / name, settings=settings)
    assert outcome.exit_code in (OK, LIMIT_WITH_PLAN), outcome.summary


@pytest.mark.parametrize("name", QUICK)
def test_a_scenario_with_odd_orders_gets_a_verified_plan(name: str, tmp_path: Path) -> None:
    solves(name, 6.0, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_scenarios_get_one_too(name: str, tmp_path: Path) -> None:
    solves(name, 20.0, tmp_path)
