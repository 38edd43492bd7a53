"""Steps of limits are worth what solving the changed batch anew says, and the page shows it."""

from __future__ import annotations

import copy
import csv
import json
from fractions import Fraction
from pathlib import Path

import pytest

from optimizer.batch.sensitivity import published
from optimizer.report.sensitivity_rows import SteppedSubject, best_buy
from optimizer.run import run
from optimizer.solution.price_steps import Step, StepEffort, SteppedRow, step_prices, step_sizes
from tests.batch.pairs import QUICK
from tests.batch.test_compare import command
from tests.brute_force import optimum
from tests.builders import write_case
from tests.instances import Case
from tests.report.browser import needs_browser, result, visit
from tests.typed_cases import nested

CASE: Case = {
    "tables": {
        "products": [{"product_id": "P", "case_pack": 1}, {"product_id": "Q", "case_pack": 2}],
        "customers": [{"customer_id": "C"}],
        "orders": [{"order_id": f"O{n}", "customer_id": "C", "zone_id": "Z"} for n in (1, 2, 3)],
        "order_lines": [
            {"order_id": "O1", "line_id": "1", "product_id": "P", "qty": 4, "unit_margin": 6},
            {"order_id": "O2", "line_id": "1", "product_id": "P", "qty": 4, "unit_margin": 4},
            {"order_id": "O3", "line_id": "1", "product_id": "Q", "qty": 6, "unit_margin": 3},
        ],
        "warehouses": [{"warehouse_id": "W", "capacity_units": 9}],
        "stock": [
            {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5},
            {"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 4},
        ],
        "lanes": [{"warehouse_id": "W", "zone_id": "Z", "service_id": "standard", "service_level": "slow",
                   "fixed_cost": 2, "capacity_units": 9}],
        "contracts": [{"contract_id": "K", "order_id": "O2", "min_qty": 3, "shortfall_penalty": "2.5"}],
    },
    "scenario": {"service.measure": "unit", "service.value": 0},
}  # fmt: skip
"""Whole shipments, cases of two, and one scarce limit of every kind."""

CHANGED = {
    "warehouse_stock": ("stock", "on_hand_qty"),
    "warehouse_capacity_units": ("warehouses", "capacity_units"),
    "lane_capacity_units": ("lanes", "capacity_units"),
    "contract_minimum": ("contracts", "min_qty"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stepped")
    scenario = write_case(place, CASE["tables"], nested(CASE["scenario"]))
    return run(scenario, out=place / "run", settings=QUICK).folder


@pytest.fixture(scope="module")
def stepped(folder: Path) -> list[SteppedRow]:
    found = published(folder, None)
    return step_prices(found.model, found.plan, StepEffort(rows=2))


def changed(row: SteppedRow, units: int) -> Case:
    """The batch with the limit of a row moved."""
    case = copy.deepcopy(CASE)
    table, column = CHANGED[row.family]
    for record in case["tables"][table]:
        if all(record.get(name) == value for name, value in row.keys.items() if name in record):
            record[column] += units
    return case


def test_every_step_is_what_exhaustive_search_of_the_changed_batch_says(stepped: list[SteppedRow]) -> None:
    worth = optimum(CASE)
    assert worth is not None
    assert {row.family for row in stepped} >= {"warehouse_stock", "contract_minimum"}
    seen = 0
    for row in stepped:
        for step in row.steps:
            truth = optimum(changed(row, step.units))
            assert truth is not None
            assert step.basis == "global", (row.family, step)
            assert step.change == pytest.approx(float(truth - worth), abs=1e-6), (row.family, row.keys, step)
            assert step.at_most is None or step.at_most >= step.change - 1e-6
            seen += step.change != 0
    assert seen >= 8


def test_a_contract_never_asks_for_more_than_was_ordered(stepped: list[SteppedRow]) -> None:
    (contract,) = (row for row in stepped if row.family == "contract_minimum")
    assert [step.units for step in contract.steps] == [-2, -1, 1]


def test_steps_are_named_once() -> None:
    assert step_sizes(Fraction(40), 1) == {1: "1", 2: "2", 4: "10 %", 5: "5", 10: "10"}
    assert step_sizes(Fraction(100), 5) == {1: "1", 2: "2", 5: "5, case", 10: "10, 10 %"}
    assert step_sizes(Fraction(3), 6) == {1: "1", 2: "2", 5: "5", 6: "case", 10: "10"}
    assert 100_000 not in step_sizes(Fraction(1_000_000), 1)


def test_a_looser_limit_is_never_worth_less(stepped: list[SteppedRow]) -> None:
    for row in stepped:
        changes = [step.change for step in row.steps if step.change is not None]
        assert changes == sorted(changes, reverse=row.family == "contract_minimum")
        assert [step.units for step in row.steps] == sorted(step.units for step in row.steps)


def row_of(*steps: tuple[int, float | None]) -> SteppedSubject:
    told = tuple(Step(f"{units:+}", units, change, None, "global") for units, change in steps)
    return SteppedSubject(
        "P at W", SteppedRow("stock", "warehouse_stock", {}, "units", Fraction(9), Fraction(9), 1.0, told)
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (((-1, -4.0), (1, 0.0), (5, 12.0), (10, 20.0)), "P at W: at most 2.40 EUR for each of 5 units more"),
        (((1, 2.0), (2, 4.0)), "P at W: at most 2.00 EUR for each of 2 units more"),
        (((1, 1.0), (3, 2.0)), "P at W: at most 1.00 EUR for each of 1 unit more"),
        (((3, 2.0),), "P at W: at most 0.66 EUR for each of 3 units more"),
        (((-2, 5.0), (1, -3.0)), "P at W: at most 2.50 EUR for each of 2 units fewer"),
        (((-1, -3.0), (1, 0.0), (10, None)), "P at W: nothing for up to 10 units"),
    ],
)
def test_the_most_one_should_pay(steps: tuple[tuple[int, float | None], ...], said: str) -> None:
    """Rounded down: what is said to be worth paying never costs more than it brings."""
    assert best_buy(row_of(*steps), "EUR") == said


@pytest.fixture(scope="module")
def written(folder: Path) -> Path:
    out = folder.parent / "sensitivity"
    assert command("sensitivity", folder, "--rows", "1", "--out", out) == 0
    return out


def test_the_command_writes_table_workbook_and_page(written: Path, folder: Path, tmp_path: Path) -> None:
    assert {path.name for path in written.iterdir()} == {
        "steps.csv", "sensitivity.html", "sensitivity.xlsx", "sensitivity.json",
    }  # fmt: skip
    with (written / "steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = json.loads((written / "sensitivity.json").read_text())
    assert len(rows) == sum(len(row["steps"]) for row in told["rows"])
    for row in rows:
        assert Fraction(row["change"]) == pytest.approx(Fraction(row["per_unit"]) * int(row["units"]), abs=1e-6)
    assert command("sensitivity", folder, "--out", folder) == 2
    assert command("sensitivity", tmp_path) == 2


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_errors_or_requests(written: Path, tmp_path: Path, width: int) -> None:
    act = "document.title = JSON.stringify([document.documentElement.scrollWidth, window.innerWidth])"
    seen = visit(written / "sensitivity.html", tmp_path, width)
    assert seen.console == []
    assert seen.requests == []
    assert "moves this plan most" in seen.document
    content, window = result(visit(written / "sensitivity.html", tmp_path, width, act))
    assert content <= window
