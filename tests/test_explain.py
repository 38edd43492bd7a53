"""`allot explain` on a run that the real command wrote: figures worked out by hand, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli import main
from tests.builders import write_case

TABLES: dict[str, list[dict[str, Any]]] = {
    "orders": [
        {"order_id": "A", "customer_id": "C", "zone_id": "Z"},
        {"order_id": "B", "customer_id": "D", "zone_id": "Z"},
        {"order_id": "H", "customer_id": "D", "zone_id": "Z", "hold": "credit"},
    ],
    "order_lines": [
        {"order_id": "A", "qty": 5, "unit_margin": 9, "product_id": "P"},
        {"order_id": "B", "qty": 5, "unit_margin": 4, "product_id": "P"},
        {"order_id": "H", "qty": 5, "unit_margin": 4, "product_id": "P"},
    ],
    "warehouses": [{"warehouse_id": name} for name in "VWX"],
    "stock": [
        {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 6},
        {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 9},
    ],
    "lanes": [
        {"warehouse_id": "W", "zone_id": "Z", "cost_per_unit": 1},
        {"warehouse_id": "V", "zone_id": "Z", "fixed_cost": 30},
        {"warehouse_id": "X", "zone_id": "Z"},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("explain")
    assert run("solve", str(write_case(home / "case", TABLES)), "--out", str(home / "run"), "--quiet") == 0
    return home / "run"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


def told(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run("explain", str(folder), "--json", *more) == 0
    return json.loads(capsys.readouterr().out)


def test_every_way_says_what_it_would_earn_and_why_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (story,) = told(folder, capsys, "--order", "B", "--line", "1")
    assert (story["ordered_qty"], story["allocated_qty"], story["reason"]) == (5, 1, "stock_taken")
    assert [(row["warehouse_id"], row["units"], row["earns_per_unit"]) for row in story["got"]] == [("W", 1, 3.0)]
    ways = {way["warehouse_id"]: way for way in story["ways"]}
    assert {name: way["earns_per_unit"] for name, way in ways.items()} == {"V": 4.0, "W": 3.0, "X": 4.0}
    assert ways["W"]["why"] == "ships 1"
    assert ways["W"]["stock_price"] == 3.0
    assert ways["V"]["why"] == "not worth its cost: 4 more would lose 14.00"  # 4 · 4 − 30
    assert ways["V"]["before_first_unit"] == 30.0
    assert ways["X"]["why"] == "no stock"


def test_its_least_changes_are_proved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (story,) = told(folder, capsys, "--order", "B")
    found = story["least_change"]
    assert found["complete"]
    changes = {change["words"]: change for change in found["changes"]}
    assert float(changes["4 more units of P at W"]["worth"]) == 12.0  # 4 · 3
    assert float(changes["4 more units of P at X"]["worth"]) == 16.0  # 4 · 4, from a warehouse that had none
    # 5 units at 4 from V, 1 of them instead of W's, lose 30 and the 3 that W's unit earned
    assert "a unit margin higher by 3.25" in changes


def test_a_held_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (story,) = told(folder, capsys, "--order", "H")
    assert {way["why"] for way in story["ways"]} == {"the order is on hold: credit"}
    words = [change["words"] for change in story["least_change"]["changes"]]
    assert all(each.startswith("release the hold") for each in words)
    assert "release the hold and 5 more units of P at X" in words


def test_a_full_line_has_no_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (story,) = told(folder, capsys, "--order", "A")
    assert story["allocated_qty"] == 5
    assert "reason" not in story
    assert {way["why"] for way in story["ways"]} == {"ships 5", "the line is full"}


def test_the_text_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("explain", str(folder), "--order", "B") == 0
    text = capsys.readouterr().out
    assert "B/1: 1 of 5 units of P for D in Z" in text
    assert "taken by A/1 (5 at 8.00); 1 in all" in text
    assert "would be filled by 4 more units of P at W: worth 12.00" in text
    assert "V by standard on 2026-11-20 with P: 4.00, 30.00 before the first" in text


def test_the_run_itself_states_the_least_change(folder: Path) -> None:
    run_json = json.loads((folder / "run.json").read_text())
    assert {each["order_id"] for each in run_json["least_changes"]} == {"B", "H"}
    shorts = (folder / "shorts.csv").read_text()
    assert "more units of P at X: worth 16.00" in shorts
    assert "(verified)" in shorts


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--order", "ZZ"], "order_lines names no such order"),
        (["--order", "B", "--line", "9"], "order B has the lines 1"),
    ],
)
def test_unknown_orders_and_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run("explain", str(folder), *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_run_or_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", str(tmp_path), "--order", "A") == 2
    assert "is not a run folder" in capsys.readouterr().err
    pins = [{"order_id": "A", "line_id": "1", "warehouse_id": "W", "mode": "exactly", "qty": 5}]
    pins += [{"order_id": "B", "line_id": "1", "warehouse_id": "W", "mode": "exactly", "qty": 5}]
    case = write_case(tmp_path / "case", {**TABLES, "pins": pins})
    assert run("solve", str(case), "--out", str(tmp_path / "run"), "--quiet") == 3
    assert run("explain", str(tmp_path / "run"), "--order", "A") == 2
    assert "holds no plan" in capsys.readouterr().err


def test_inputs_that_changed_since(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = {**TABLES, "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 7}]}
    write_case(tmp_path / "case", changed)
    assert run("explain", str(folder), "--order", "B", "--inputs", str(tmp_path / "case")) == 6
    assert "changed since the run" in capsys.readouterr().err
