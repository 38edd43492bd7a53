"""A plan by rules keeps every rule by the judge's word, and is worth no more than the optimum of exhaustive search."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from optimizer.engines.auto import RULES
from optimizer.model.build import build_model
from optimizer.proof import certified_bound
from optimizer.proof.checker import check_folder
from optimizer.record import certified_stages
from optimizer.scenario.schema import Scenario
from optimizer.solution.optimize import Answer
from optimizer.solution.prices_in_parts import price_by_clearing
from optimizer.solution.stages import optimize_in_stages
from optimizer.tables.tables import Tables
from tests.agreement.test_policies import instances
from tests.brute_force import optimum
from tests.proof.runs import write_plan
from tests.typed_cases import typed


def by_rules(tables: Tables, scenario: Scenario) -> Answer:
    settings = scenario.solve.model_copy(update={"engine": RULES})
    model = build_model(tables, scenario.model_copy(update={"solve": settings}))
    return optimize_in_stages(model, None, None, threading.Event())


def judged(seeds: Iterable[int], folder: Path) -> tuple[int, int, int]:
    """(batches with a plan by rules, those where it is the optimum, batches that have plans but none by rules)."""
    made, best, missed = 0, 0, 0
    for seed, case in instances(seeds):
        tables, scenario = typed(case)
        answer, truth = by_rules(tables, scenario), optimum(case)
        if answer.plan is None:
            assert answer.termination.reason == "NO_SOLUTION", seed
            missed += truth is not None
            continue
        assert truth is not None, seed
        certificate = {**price_by_clearing(answer.model, answer.plan).certificate_json(), **certified_stages(answer)}
        assert certified_bound(tables, scenario, certificate) >= truth, seed
        run = write_plan(tables, scenario, answer.plan, certificate, folder / str(seed), stages=answer.stages)
        report = check_folder(run.path, run.tables, run.scenario)
        assert report.failures == [], seed
        assert report.value == answer.value, seed
        if "fair_share" not in case["tables"]:  # a lowest fill that nobody raised leaves room for more money
            assert answer.value <= truth, seed
        made, best = made + 1, best + (answer.value == truth)
    return made, best, missed


def test_the_judge_accepts_plans_by_rules(tmp_path: Path) -> None:
    made, best, missed = judged(range(18), tmp_path)
    assert made >= 13
    assert best >= made // 2
    assert missed <= 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_judge_accepts_many_plans_by_rules(tmp_path: Path) -> None:
    made, _, missed = judged(range(2000, 2600), tmp_path)
    assert made >= 400
    assert missed <= made // 20
