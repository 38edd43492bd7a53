"""`--soften`: a plan that keeps lowered rules, and says so everywhere."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from optimizer.proof import certify
from optimizer.run import RunOutcome, run
from tests.builders import write_case

TABLES = {
    "order_lines": [
        {"order_id": "A", "product_id": "P", "qty": 8, "unit_price": 10, "unit_margin": 1},
        {"order_id": "B", "product_id": "P", "qty": 8, "unit_price": 4, "unit_margin": 3},
        {"order_id": "C", "product_id": "Q", "qty": 4, "unit_price": 5, "unit_margin": 2},
    ],
    "orders": [{"order_id": "A"}, {"order_id": "B"}, {"order_id": "C", "channel": "web"}],
    "stock": [
        {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10},
        {"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 3},
    ],
    "contracts": [
        {"contract_id": "KA", "order_id": "A", "min_qty": 8},
        {"contract_id": "KB", "order_id": "B", "min_fill_rate": 1},
    ],
    "pins": [{"order_id": "C", "line_id": "1", "warehouse_id": "W", "mode": "exactly", "qty": 4}],
}
SETTINGS = {"service": {"min_level": {"overall": Decimal("0.65"), "channel.web": Decimal("0.9")}}}
LOWERED = {
    "contract_minimum": ("KB", 8, 2),
    "pins": ("C/1/W/exactly", 4, 3),
    "service_floor": ("channel.web", Decimal("0.9"), Decimal("0.75")),
}


def solved(folder: Path, **options: bool) -> RunOutcome:
    return run(write_case(folder / "case", TABLES, SETTINGS), out=folder / "run", **options)


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(), parse_float=Decimal)


@pytest.fixture(scope="module")
def softened(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    return solved(tmp_path_factory.mktemp("soft"), soften=True, bundle_inputs=True)


def test_without_it_the_run_ends_without_a_plan(tmp_path: Path) -> None:
    outcome = solved(tmp_path)
    assert outcome.exit_code == 3
    conflict = read(outcome.folder, "conflict.json")
    assert [[rule["family"] for rule in each["rules"]] for each in conflict["conflicts"]]
    assert {each["rule"]: (each["id"], each["from"], each["to"]) for each in conflict["repair"]["rules"]} == LOWERED
    page = (outcome.folder / "report.html").read_text()
    for words in ("Lower the minimum of contract KB from 8 to 2", "Stock of product P at warehouse W: 10 units"):
        assert words in page
    assert not (outcome.folder / "allocations.csv").exists()


def test_the_plan_keeps_the_lowered_rules(softened: RunOutcome) -> None:
    assert softened.exit_code == 0
    result = read(softened.folder, "run.json")
    assert {each["rule"]: (each["id"], each["from"], each["to"]) for each in result["softened"]} == LOWERED
    repair = read(softened.folder, "conflict.json")["repair"]
    assert result["objective_value"] == repair["objective_value"] == 8 * 1 + 2 * 3 + 3 * 2
    contracts = (softened.folder / "contracts.csv").read_text().splitlines()
    assert [row.split(",")[:3] for row in contracts[1:]] == [["KA", "8", "8"], ["KB", "2", "2"]]


def test_it_is_said_everywhere(softened: RunOutcome) -> None:
    words = "lower the minimum of contract KB from 8 to 2"
    assert any(words in line for line in softened.summary)
    assert words in (softened.folder / "report.html").read_text()
    assert "Softened" in (softened.folder / "report.html").read_text()
    sheet = load_workbook(softened.folder / "plan.xlsx")["Summary"]
    assert any(words in str(cell.value) for row in sheet.rows for cell in row)
    assert [each["words"] for each in read(softened.folder, "verification.json")["softened"]].count(words) == 1
    changes = read(softened.folder, "run.json")["scenario"]["changes"]
    assert {(change["path"], change["old"], change["new"]) for change in changes} == {
        ("contracts.min_qty", "8", "2"),
        ("pins.qty", "4", "3"),
        ("service.min_level.channel.web", "0.9", "0.75"),
    }


def test_it_is_certified_by_the_rules_as_stated(softened: RunOutcome, tmp_path: Path) -> None:
    verdict = certify(softened.folder)
    assert verdict.passed, verdict.text()
    assert "lower the minimum of contract KB from 8 to 2" in verdict.text()
    assert certify(softened.folder, softened.folder / "inputs").passed, "from the copies of the inputs as they were"


def test_without_the_statement_the_plan_breaks_its_rules(softened: RunOutcome) -> None:
    file = softened.folder / "run.json"
    text = file.read_text()
    stated = json.loads(text)
    del stated["softened"]
    file.write_text(json.dumps(stated))
    verdict = certify(softened.folder)
    file.write_text(text)
    assert not verdict.passed
    for family in ("contract_minimum", "pins", "service_floor"):
        assert any(family in failure for failure in verdict.all_failures)


def test_a_softened_run_is_another_run(tmp_path: Path) -> None:
    hard, soft = solved(tmp_path / "a"), solved(tmp_path / "b", soften=True)
    assert read(hard.folder, "run.json")["run_id"] != read(soft.folder, "run.json")["run_id"]


def test_a_plan_that_exists_is_not_softened(tmp_path: Path) -> None:
    case = write_case(tmp_path / "case", {**TABLES, "contracts": [], "pins": []})
    outcome = run(case, out=tmp_path / "run", soften=True)
    assert outcome.exit_code == 0
    assert "softened" not in read(outcome.folder, "run.json")
    assert not (outcome.folder / "conflict.json").exists()
