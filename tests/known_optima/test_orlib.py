"""OR-Library warehouse location: published optima, and the variants where an order may not be split."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from optimizer.run import run
from tests.known_optima.convert import warehouse_location

PUBLISHED = {
    "cap41": Fraction("1040444.375"),
    "cap42": Fraction("1098000.450"),
    "cap43": Fraction("1153000.450"),
    "cap44": Fraction("1235500.450"),
}
TOO_LARGE = {"C11", "C34"}  # they ask for more than the 5,000 units of any warehouse


def result_of(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text(), parse_float=Fraction, parse_int=Fraction)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_optimum(name: str, tmp_path: Path) -> None:
    outcome = run(warehouse_location(name, tmp_path), out=tmp_path / "run")
    assert outcome.exit_code == 0
    result = result_of(outcome.folder)
    assert -result["objective_value"] == PUBLISHED[name]
    assert result["kpis"]["opening_cost"] + result["kpis"]["shipping_cost"] == PUBLISHED[name]
    assert result["kpis"]["unit_fill_rate"] == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_two_engines_agree_when_every_order_leaves_from_one_warehouse(name: str, tmp_path: Path) -> None:
    scenario = warehouse_location(name, tmp_path, capacity_factor=3, one_warehouse=True)
    values = []
    for engine in ("highs", "scip"):
        outcome = run(scenario, out=tmp_path / engine, settings=[f"solve.engine={engine}"])
        assert outcome.exit_code == 0
        result = result_of(outcome.folder)
        assert result["kpis"]["split_orders"] == 0
        assert result["kpis"]["order_fill_rate"] == 1
        values.append(result["objective_value"])
    assert values[0] == values[1]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_capacities_cannot_hold_every_order_whole(name: str, tmp_path: Path) -> None:
    outcome = run(warehouse_location(name, tmp_path, one_warehouse=True), out=tmp_path / "run")
    assert outcome.exit_code == 3
    assert result_of(outcome.folder)["termination"]["reason"] == "INFEASIBLE"
    assert not (outcome.folder / "allocations.csv").exists()
    conflict = (outcome.folder / "conflict.json").read_text()
    assert {order for order in (f"C{number:02d}" for number in range(1, 51)) if f'"{order}"' in conflict} == TOO_LARGE
