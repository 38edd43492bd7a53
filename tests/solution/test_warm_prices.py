"""Prices of an earlier run, found again among the rows of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from optimizer.model.build import build_model
from optimizer.run import run
from optimizer.scenario.load import load_scenario
from optimizer.solution.extract import values_from_plan
from optimizer.solution.prices import price_plan
from optimizer.tables.read import load_tables
from optimizer.warm_start import read_plan, read_prices
from tests.batch.cases import TABLES
from tests.builders import write_case


def test_prices_and_plan_of_a_run_are_those_of_its_certificate(tmp_path: Path) -> None:
    contract = {"contract_id": "K", "min_fill_rate": "0.9", "shortfall_penalty": 3}
    houses = [{"warehouse_id": house, "capacity_units": 11, "capacity_kg": 100} for house in ("W1", "W2")]
    path = write_case(
        tmp_path / "case", {**TABLES, "contracts": [contract], "warehouses": houses}, {"solve": {"gap": 0}}
    )
    folder = run(path, out=tmp_path / "run").folder
    loaded = load_scenario(path)
    model = build_model(load_tables(loaded)[0], loaded.scenario)
    prices = read_prices(model, folder)
    assert prices is not None
    assert np.count_nonzero(prices) > 0
    plan = read_plan(model, folder)
    again = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=prices).certificate_json()
    stated = (folder / "certificate.json").read_text()
    for family, rows in again["prices"].items():
        for *keys, price in rows["rows"]:
            assert f'"{price}"' in stated, (family, keys)
    values = values_from_plan(model, plan)
    assert float(model.linear.objective @ values + model.linear.offset) > 0


def test_a_folder_without_certificate_has_no_prices(tmp_path: Path) -> None:
    path = write_case(tmp_path / "case", TABLES)
    loaded = load_scenario(path)
    assert read_prices(build_model(load_tables(loaded)[0], loaded.scenario), tmp_path) is None
