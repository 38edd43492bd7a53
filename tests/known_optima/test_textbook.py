"""Textbook problems through the whole command: the published optimum and the published duals, digit by digit."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import pytest

from optimizer.run import run
from tests.known_optima.convert import beer_distribution, gams_transport, read_json

PROBLEMS = {
    "gams": (gams_transport, "gams_trnsport.json", "plants", "markets"),
    "beer": (beer_distribution, "pulp_beer_distribution.json", "warehouses", "bars"),
}


@pytest.fixture(scope="module", params=PROBLEMS)
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    outcome = run(PROBLEMS[request.param][0](folder), out=folder / "run")
    assert outcome.exit_code == 0
    return request.param, outcome.folder


def test_the_published_optimum(solved: tuple[str, Path]) -> None:
    name, folder = solved
    published = Fraction(read_json(PROBLEMS[name][1])["published_optimum"])
    result = json.loads((folder / "run.json").read_text(), parse_float=Fraction, parse_int=Fraction)
    assert result["objective_value"] == -published
    assert result["certified_bound"] == -published  # proven from the prices alone
    assert result["kpis"]["shipping_cost"] == published
    assert result["kpis"]["unit_fill_rate"] == 1


def test_the_published_duals(solved: tuple[str, Path]) -> None:
    """What the last unit of a market costs, what one more at a plant would save: as price and on the plan."""
    name, folder = solved
    _, file, plants, markets = PROBLEMS[name]
    problem = read_json(file)
    published = {key: Fraction(value) for key, value in problem["verified_duals"].items()}
    with (folder / "shadow_prices.csv").open(newline="", encoding="utf-8") as lines:
        rows = {(row["family"], row["contract_id"] or row["warehouse_id"]): row for row in csv.DictReader(lines)}
    for market in problem[markets]:
        row = rows["contract_minimum", market]
        assert Fraction(row["loss_minus_one"]) == -published[market]
        assert Fraction(row["price"]) == -published[market]
    for plant in problem[plants]:
        row = rows["warehouse_stock", plant]
        assert Fraction(row["gain_plus_one"]) == -published[plant]
        assert Fraction(row["price"]) == -published[plant]
