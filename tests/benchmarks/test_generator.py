"""Generated instances hold what their names say, and their files give the same model as the tables in memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from benchmarks.generator import INSTANCES, figures, instance, write_folder
from benchmarks.instances import Size, make_batch
from optimizer.model.build import build_model
from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables

ALL = Size(400, warehouses=3, products=60, zones=5, charge=1.0, contract_share=0.5, capacity=0.8)


@pytest.mark.parametrize("name", [name for name in INSTANCES if not name.startswith("1m")])
def test_stock_is_as_deep_as_the_name_says(name: str) -> None:
    found = figures(instance(name, seed=1)[0])
    assert found["lines"] == INSTANCES[name].lines
    assert math.isclose(found["scarcity"], 0.85, abs_tol=0.02)
    if name.endswith("deeper"):  # every row of every product
        assert found["least_units_per_row"] >= 40
        assert math.isclose(found["units_per_row"], 40 * found["units_per_line"], rel_tol=0.1)
    else:
        assert found["units_per_row"] >= 40 if name.endswith("deep") else 3.5 <= found["units_per_row"] <= 4.5


def test_properties_are_as_asked() -> None:
    found = figures(make_batch(Size(20_000, charge=3.0, contract_share=0.4, lines_per_order=4.0, scarcity=1.2))[0])
    assert math.isclose(found["charge_over_margin"], 3.0, rel_tol=0.25)
    assert math.isclose(found["contract_share"], 0.4, abs_tol=0.05)
    assert math.isclose(found["lines"] / found["orders"], 4.0, rel_tol=0.05)
    assert math.isclose(found["scarcity"], 1.2, abs_tol=0.02)


def test_a_limit_changes_nothing_else() -> None:
    free, bound = make_batch(Size(400))[0], make_batch(Size(400, contract_share=0.5, capacity=0.8))[0]
    assert (free.stock["on_hand_qty"] == bound.stock["on_hand_qty"]).all()
    assert free.order_lines["unit_margin"].equals(bound.order_lines["unit_margin"]).all()
    assert not len(free.contracts)
    assert len(bound.contracts)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_give_the_same_model(form: Literal["csv", "parquet"], tmp_path: Path) -> None:
    tables, scenario = make_batch(ALL, seed=3)
    loaded = load_scenario(write_folder(tables, scenario, tmp_path, form, time_limit_s=5, engine="highs"))
    read, warnings = load_tables(loaded)
    ours, theirs = build_model(tables, scenario), build_model(read, loaded.scenario)
    assert not warnings
    assert loaded.scenario.solve.engine == "highs"
    assert {"warehouse_capacity_units", "contract_minimum"} <= set(ours.describe()["rows_by_family"])
    assert ours.describe() == theirs.describe()
    for name, array in ours.linear.arrays.items():
        assert np.array_equal(array, theirs.linear.arrays[name]), name
