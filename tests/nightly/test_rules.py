"""With every engine gone, a night ends with a verified plan by rules, or says which rule such a plan cannot keep."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import date
from pathlib import Path

import pytest

from optimizer.proof import certify
from tests.nightly.nights import assert_tidy, assert_whole, command, configure, environment, make, query

MONDAY = date(2026, 11, 23)
ENGINES = ("highspy", "ortools", "pulp", "numba")


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """An environment in which every process that so much as imports an engine is killed on the spot."""
    for name in ENGINES:
        folder = tmp_path / "broken" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    found = environment()
    return {**found, "PYTHONPATH": os.pathsep.join([str(tmp_path / "broken"), found["PYTHONPATH"]])}


def night(place: Path, broken: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = command("nightly", place / "night.toml", "--business-date", MONDAY)
    return subprocess.run(words, capture_output=True, text=True, timeout=200, env=broken)


def steps(place: Path) -> list[tuple[object, ...]]:
    return query(place, "SELECT step, state, exit_code FROM events WHERE stage = 'solve' ORDER BY event_id")


def test_a_plan_by_rules_is_published_where_every_engine_is_gone(tmp_path: Path, broken: dict[str, str]) -> None:
    done = night(make(tmp_path).parent, broken)
    assert done.returncode == 4, done.stderr
    assert [step for step in steps(tmp_path) if step[1] != "started"] == [
        ("full", "failed", 1),
        ("decompose", "failed", 1),
        ("rules", "done", 4),
    ]
    assert query(tmp_path, "SELECT step, exit_code FROM plans") == [("rules", 4)]
    assert query(tmp_path, "SELECT engine FROM plans")[0][0].startswith("rules ")
    folder = tmp_path / "night/published/current/scenario"
    verdict = certify(folder)
    assert verdict.all_failures == []
    run = json.loads((folder / "run.json").read_text())
    assert run["engine"]["name"] == "rules"
    assert run["best_bound"] is None
    assert run["certified_bound"] >= run["objective_value"] == 19
    assert query(tmp_path, "SELECT gap FROM plans")[0][0] is not None
    assert_whole(tmp_path)
    assert_tidy(tmp_path)


def test_what_rules_cannot_keep_is_told(tmp_path: Path, broken: dict[str, str]) -> None:
    """Two contracts that together ask for more than there is."""
    make(tmp_path)
    (tmp_path / "case/contracts.csv").write_text("contract_id,product_id,min_qty\nK1,P,3\nK2,P,5\n")
    text = (tmp_path / "case/scenario.toml").read_text()
    (tmp_path / "case/scenario.toml").write_text(text.replace("[data]", '[data]\ncontracts = "contracts.csv"'))
    done = night(tmp_path, broken)
    assert done.returncode == 1
    assert steps(tmp_path)[-1] == ("rules", "failed", 5)
    assert "a plan by rules does not keep contract_minimum K2: 4 of at least 5" in done.stderr + done.stdout
    assert query(tmp_path, "SELECT count(*) FROM plans") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "last"), [("decompose", "decompose"), ("keep", "full")])
def test_the_configuration_says_how_far_down_to_go(
    tmp_path: Path, broken: dict[str, str], setting: str, last: str
) -> None:
    make(tmp_path)
    configure(tmp_path, f'[failure]\nno_plan = "{setting}"')
    assert night(tmp_path, broken).returncode == 1
    assert steps(tmp_path)[-1][0] == last
