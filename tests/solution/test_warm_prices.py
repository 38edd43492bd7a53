"""Prices of an earlier run, found again among the rows of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch
from optimizer.engines.result import SolveResult, Termination
from optimizer.model.build import build_model
from optimizer.run import run
from optimizer.scenario.load import load_scenario
from optimizer.solution.covers import covered
from optimizer.solution.extract import values_from_plan
from optimizer.solution.prices import price_plan
from optimizer.tables.read import load_tables
from optimizer.warm_prices import read_prices
from optimizer.warm_start import read_plan
from tests.batch.cases import TABLES
from tests.builders import write_case

QUICK = ["solve.explain_rows=0", "solve.price_rows=0"]


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
    assert np.count_nonzero(prices.rows) > 0
    assert not prices.covers
    plan = read_plan(model, folder)
    again = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=prices.rows).certificate_json()
    stated = (folder / "certificate.json").read_text()
    for family, rows in again["prices"].items():
        for *keys, price in rows["rows"]:
            assert f'"{price}"' in stated, (family, keys)
    values = values_from_plan(model, plan)
    assert float(model.linear.objective @ values + model.linear.offset) > 0


@pytest.mark.parametrize(("receipts", "gap"), [(0.0, 0.0065), (0.3, 0.012)])
def test_covers_of_a_run_are_those_of_its_certificate_and_help_the_next_one(
    tmp_path: Path, receipts: float, gap: float
) -> None:
    """Read back they say the same by ids; a what-if that begins from them is proven to the same gap."""
    batch = make_batch(Size(400, warehouses=4, products=80, receipts=receipts), 3)
    path = write_folder(*batch, tmp_path / "case", "csv", gap=gap, time_limit_s=30, engine="decompose")
    first = run(path, out=tmp_path / "run", settings=QUICK)
    assert first.exit_code == 0
    loaded = load_scenario(path)
    model = build_model(load_tables(loaded)[0], loaded.scenario)
    stated = json.loads((first.folder / "certificate.json").read_text())["covers"]
    assert len(stated["rows"]) > 20
    prices = read_prices(model, first.folder)
    assert prices is not None
    nothing = SolveResult(Termination("NO_SOLUTION", "time"), None, 0.0, 0.0, "decompose", "", 0.0)
    again = covered(model, replace(nothing, covers=prices.covers))
    assert again is not None
    assert [in_any_order(row.as_json()) for row in again.rows] == [in_any_order(row) for row in stated["rows"]]
    what_if = tmp_path / "what-if.toml"
    (tmp_path / ".allot-root").touch()
    row = stated["rows"][0]
    short = f'warehouse_id = "{row["warehouse_id"]}", product_id = "{row["product_id"]}"'
    what_if.write_text(
        f'name = "more"\nbase = "case/scenario.toml"\n[[change]]\ntable = "order_lines"\n'
        f'where = {{ order_id = "{row["cover"][0][0]}" }}\nscale = {{ qty = 3 }}\n[[change]]\ntable = "stock"\n'
        f"where = {{ {short} }}\nset = {{ on_hand_qty = 1 }}\n"
    )
    warm = run(what_if, out=tmp_path / "warm", warm_start=first.folder, settings=QUICK)
    assert warm.exit_code == 0
    found = json.loads((warm.folder / "run.json").read_text())
    assert 0 <= float(found["certified_gap"]) <= gap + 1e-9
    log = json.loads((warm.folder / "timing.json").read_text())["solve"]
    assert "begun from an earlier run" in log["log_tail"]


def in_any_order(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "price": float(row["price"]), "cover": sorted(row["cover"]), "lifted": sorted(row["lifted"])}


def test_a_folder_without_certificate_has_no_prices(tmp_path: Path) -> None:
    path = write_case(tmp_path / "case", TABLES)
    loaded = load_scenario(path)
    assert read_prices(build_model(load_tables(loaded)[0], loaded.scenario), tmp_path) is None


def test_a_certificate_that_cannot_be_read_is_no_hint(tmp_path: Path) -> None:
    path = write_case(tmp_path / "case", TABLES)
    loaded = load_scenario(path)
    model = build_model(load_tables(loaded)[0], loaded.scenario)
    row = {"warehouse_id": "W1", "product_id": "P0", "price": "1", "cover": [["O0", "1", "standard"]], "lifted": []}
    good = {"prices": {}, "covers": {"prices": {}, "rows": [row]}}
    for broken in ([["O0"]], "O0", None, [["O0", "1"], ["O1"]]):
        for changed in ({**row, "cover": broken}, {**row, "price": broken}):
            stated = {**good, "covers": {"prices": {}, "rows": [changed]}}
            (tmp_path / "certificate.json").write_text(json.dumps(stated))
            assert read_prices(model, tmp_path) is None
    (tmp_path / "certificate.json").write_text(json.dumps(good))
    found = read_prices(model, tmp_path)
    assert found is not None
    assert not found.rows.any()
    assert found.covers
    dated = {**row, "date": "2026-11-20", "cover": [["O0", "1", "standard", "2026-11-20"]]}
    (tmp_path / "certificate.json").write_text(json.dumps({**good, "covers": {"prices": {}, "rows": [dated]}}))
    found = read_prices(model, tmp_path)
    assert found is not None  # today nothing has dates: its rows may help, its covers are others
    assert not found.covers
