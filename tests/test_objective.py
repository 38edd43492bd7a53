"""Floors and stages from the scenario file to the certified folder."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from optimizer.model.build import build_model
from optimizer.proof import certify
from optimizer.record import Story
from optimizer.run import RunOutcome, run
from optimizer.scenario.load import load_scenario
from optimizer.solution.stages import optimize_in_stages
from optimizer.steps import prices_of
from optimizer.tables.read import load_tables
from optimizer.tables.schema import REFUSED
from tests.builders import write_case

TABLES = {
    "order_lines": [
        {"order_id": "A", "product_id": "P", "qty": 8, "unit_margin": 1},
        {"order_id": "B", "product_id": "P", "qty": 8, "unit_margin": 3},
    ],
    "customers": [{"customer_id": "CA", "tier": "A"}, {"customer_id": "CB", "tier": "B"}],
    "orders": [{"order_id": "A", "customer_id": "CA"}, {"order_id": "B", "customer_id": "CB"}],
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10}],
    "lanes": [{"warehouse_id": "W", "cost_per_unit": Decimal("0.5")}],
}
TIER_FIRST = {
    "mode": "lexicographic",
    "stages": [{"kpi": "weighted_service_level[tier.A]", "tolerance": Decimal("0.25")}, {"kpi": "objective"}],
}
CHEAP = {"mode": "floor", "floors": [{"kpi": "shipping_cost", "max": Decimal("3.5")}]}


@pytest.fixture(autouse=True)
def _in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(REFUSED, "[objective]", raising=False)


def solved(folder: Path, objective: dict[str, Any], **options: bool) -> RunOutcome:
    return run(write_case(folder / "case", TABLES, {"objective": objective}), out=folder / "run", **options)


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text(), parse_float=Decimal)


def prices(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "shadow_prices.csv").open(encoding="utf-8") as file:
        return {row["stage"]: row for row in csv.DictReader(file) if row["family"] == "objective_stage"}


def test_stages_are_stated_priced_and_certified(tmp_path: Path) -> None:
    """Two units of A may be given up; each of the six kept costs 2: the stage's whole rate of 8 units costs 16."""
    outcome = solved(tmp_path, TIER_FIRST)
    assert outcome.exit_code == 0
    (stage,) = read(outcome.folder, "run.json")["stages"]
    assert (stage["value"], stage["kept"], stage["reached"], stage["gap"]) == (1, Decimal("0.75"), Decimal("0.75"), 0)
    assert any("weighted_service_level[tier.A]" in line for line in outcome.summary)
    certificate = read(outcome.folder, "certificate.json")
    assert certificate["stages"] == [
        {"stage": 1, "kpi": "weighted_service_level[tier.A]", "sense": "max", "kept": "0.75"}
    ]
    assert certificate["prices"]["objective_stage"]["rows"] == [["1", "-16"]]
    row = prices(outcome.folder)["1"]
    assert (row["rhs"], row["used"], row["price"]) == ("0.75", "0.75", "-16")
    page = (outcome.folder / "report.html").read_text()
    assert "Weighted service level of tier.A" in page
    assert "at least 0.75" in page
    sheet = load_workbook(outcome.folder / "plan.xlsx")["Summary"]
    assert any("at least 0.75; this plan 0.75" in str(cell.value) for row in sheet.rows for cell in row)
    verdict = certify(outcome.folder)
    assert verdict.passed, verdict.text()
    assert verdict.certified_bound == verdict.value == 13


def test_a_floor_that_keeps_a_cost_low(tmp_path: Path) -> None:
    outcome = solved(tmp_path, CHEAP)
    assert outcome.exit_code == 0
    assert read(outcome.folder, "run.json")["objective_value"] == Decimal("17.5")
    row = prices(outcome.folder)["1"]
    assert (row["rhs"], row["used"], row["price"]) == ("-3.5", "-3.5", "-5")
    assert certify(outcome.folder).passed
    with (outcome.folder / "shorts.csv").open(encoding="utf-8") as file:
        told = {row["order_id"]: row for row in csv.DictReader(file)}
    assert told["B"]["reason"] == "objective_stage"
    assert "shipping_cost at most 3.5" in told["B"]["detail"]


def test_a_claim_to_keep_less_is_found_out(tmp_path: Path) -> None:
    """A stage kept at less than run.json and the certificate say together is no stage of this run."""
    outcome = solved(tmp_path, CHEAP)
    file = outcome.folder / "certificate.json"
    file.write_text(file.read_text().replace('"kept": "3.5"', '"kept": "4"'))
    verdict = certify(outcome.folder)
    assert not verdict.passed
    assert any("stages" in failure for failure in verdict.all_failures)


def test_a_floor_out_of_reach_is_softened(tmp_path: Path) -> None:
    floors = {"mode": "floor", "floors": [{"kpi": "margin", "min": Decimal("30.5")}]}
    assert solved(tmp_path / "hard", floors).exit_code == 3
    outcome = solved(tmp_path / "soft", floors, soften=True)
    assert outcome.exit_code == 0
    (lowered,) = read(outcome.folder, "run.json")["softened"]
    assert (lowered["id"], lowered["from"], lowered["to"]) == ("1", Decimal("30.5"), 26)
    assert certify(outcome.folder).passed


def test_a_stage_left_open_is_a_limit_hit(tmp_path: Path) -> None:
    """The plan may be the best by the weighted objective: what came first was not proven."""
    loaded = load_scenario(write_case(tmp_path / "case", TABLES, {"objective": TIER_FIRST}))
    tables, _ = load_tables(loaded)
    model, stop = build_model(tables, loaded.scenario), threading.Event()
    answer = optimize_in_stages(model, None, None, stop)
    assert answer.model is not None
    story = Story(loaded, (), answer.model, [], warm_start=None, require_certified=False)
    bundle = story.with_plan(answer, prices_of(answer.model, answer, stop))
    assert story.exit_code(bundle, answer) == 0
    for gap, code in ((Decimal("0.25"), 0), (Decimal("0.3"), 4), (None, 4)):
        cut = replace(answer, stages=tuple({**stage, "gap": gap} for stage in answer.stages))
        assert story.exit_code(bundle, cut) == code
