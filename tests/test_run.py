"""A plan that the checker rejects is never published, whatever made it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from optimizer import record, steps
from optimizer.engines.result import Progress
from optimizer.model.build import build_model
from optimizer.run import Phases, progress_words, publish
from optimizer.scenario.load import load_scenario
from optimizer.solution.optimize import optimize
from optimizer.solution.plan import Plan
from optimizer.tables.read import load_tables
from tests.test_cli import tiny


def test_a_plan_with_a_unit_too_many_is_withheld(tmp_path: Path) -> None:
    """As if an engine had shipped one unit more than there is: exit 6, a folder that says so, and no plan in it."""
    loaded = load_scenario(tiny(tmp_path / "case"))
    tables, warnings = load_tables(loaded)
    model, stop = build_model(tables, loaded.scenario), threading.Event()
    answer = optimize(model, None, None, stop)
    story = record.Story(loaded, (), model, warnings, warm_start=None, require_certified=False)
    assert answer.plan is not None
    found = answer.plan
    greedy = replace(answer, plan=Plan(found.line, found.lane, found.qty + np.array([0, 1])))
    bundle = story.with_plan(greedy, steps.prices_of(model, answer, stop))
    outcome = publish(bundle, tmp_path / "run", 0, Phases(), warnings, "csv")
    assert outcome.exit_code == 6
    run = json.loads((outcome.folder / "run.json").read_text())
    verification = json.loads((outcome.folder / "verification.json").read_text())
    assert run["termination"]["reason"] == "ERROR"
    assert "objective_value" not in run
    assert not verification["passed"]
    assert any("warehouse_stock" in failure for failure in verification["failures"])
    assert not (outcome.folder / "allocations.csv").exists()
    assert "rejected" in (outcome.folder / "report.html").read_text()


def test_progress_is_few_lines_with_the_first_plan_at_once() -> None:
    """A bound every hundredth of a second for ten minutes, a plan after 2.5 s, and a second stage of ten seconds."""
    lines: list[str] = []
    show = progress_words(lines.append)
    for at in range(60_000):
        show(Progress(at / 100, float("nan") if at < 250 else 90.0, 100.0))
    assert lines[3].split()[:4] == ["2.5", "s", "value", "90.00"]
    assert lines[0].split()[:5] == ["0.0", "s", "value", "none", "yet"]
    assert 50 < len(lines) < 250
    for at in range(1_000):
        show(Progress(at / 100, 90.0, 100.0))
    seconds = [float(line.split()[0]) for line in lines[-10:]]
    assert seconds == sorted(seconds)
    assert seconds[0] == 0.0
