"""A batch planned in parts: the same files as always, a plan that the checker passes, a bound that is true."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions
from optimizer.errors import UsageError
from optimizer.model import parted
from optimizer.model.build import build_model
from optimizer.run import run
from optimizer.solution import reasons
from optimizer.solution.extract import plan_from_values
from optimizer.solution.in_parts import optimize_in_parts, plan_of_parts
from optimizer.solution.prices import price_plan
from optimizer.solution.prices_in_parts import price_large
from optimizer.solution.reasons import shorts

SIZE = Size(100, warehouses=4, products=10, zones=6, contract_share=0.4, capacity=0.8)
SETTINGS = ["solve.engine=decompose", "solve.time_limit_s=2", "solve.gap=0.05"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in parts."""
    where = tmp_path_factory.mktemp("parts")
    scenario = write_folder(*make_batch(SIZE, 4), where / "in")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parted, "MOST_PAIRS", 120)
        outcome = run(scenario, out=where / "run", settings=SETTINGS, fmt="parquet")
        with pytest.raises(UsageError, match="leave --warm-start out"):
            run(scenario, out=where / "again", settings=SETTINGS, warm_start=outcome.folder)
    assert outcome.exit_code in (0, 4)
    return outcome.folder


def test_the_plan_passes_the_checker_and_the_bound_is_true(folder: Path) -> None:
    told, verdict = (json.loads((folder / name).read_text()) for name in ("run.json", "verification.json"))
    assert verdict["passed"]
    assert told["model"]["parts"] > 2
    best = solve(build_model(*make_batch(SIZE, 4)).linear, "highs", SolveOptions(time_limit_s=20, gap=0.01))
    value, bound = float(told["objective_value"]), float(told["certified_bound"])
    assert 0.93 * best.objective < value <= best.best_bound + 1e-6
    assert best.objective <= bound + 1e-6
    assert float(Fraction(told["best_bound"])) == pytest.approx(bound, rel=1e-4)


def test_its_tables_are_whole(folder: Path) -> None:
    lines = pyarrow.parquet.read_table(folder / "allocations.parquet")
    prices = pyarrow.parquet.read_table(folder / "shadow_prices.parquet").to_pydict()
    assert lines.num_rows > 40
    assert {"warehouse_stock", "contract_minimum", "warehouse_capacity_units"} <= set(prices["family"])
    assert set(prices["price_basis"]) == {"lagrangian"}
    assert set(prices["verified"]) == {"no"}
    assert "was planned in parts" in json.loads((folder / "timing.json").read_text())["price_notes"][0]


def test_columns_of_parts_mean_what_those_of_the_whole_mean() -> None:
    tables, scenario = make_batch(replace(SIZE, contract_share=0.0, capacity=None), 7)
    model, whole = parted.in_parts(tables, scenario, 120), build_model(tables, scenario)
    assert model is not None
    steps = np.random.default_rng(0).integers(0, 2, len(whole.arcs))
    values = np.zeros(whole.linear.n_cols)
    values[: len(steps)] = steps
    sizes = [len(part.arcs) for _, part in model.columns()]
    part = np.repeat(np.arange(len(sizes)), sizes)
    column = np.concatenate([np.arange(size) for size in sizes])
    used = np.flatnonzero(steps)
    found = plan_of_parts(model, {"part": part[used], "column": column[used], "steps": steps[used]})
    expected = plan_from_values(whole, values)
    for name in ("line", "lane", "qty", "day", "product"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for mine, theirs in zip(found.draws.__dict__.values(), expected.draws.__dict__.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_stop_while_parts_are_built_ends_without_a_plan() -> None:
    model, stop = parted.in_parts(*make_batch(SIZE, 1), 120), threading.Event()
    assert model is not None
    stop.set()
    answer = optimize_in_parts(model, None, stop)
    assert answer.plan is None
    assert answer.termination.limit == "interrupted"


def test_prices_of_a_large_model_are_those_of_any_model_but_for_what_is_re_solved() -> None:
    model = build_model(*make_batch(SIZE, 11))
    found = solve(model.linear, "decompose", SolveOptions(time_limit_s=2, gap=0.0, threads=2))
    assert found.values is not None
    assert found.row_prices is not None
    plan = plan_from_values(model, found.values)
    expected = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=found.row_prices)
    large = price_large(model, plan, found.row_prices)
    assert large.certificate_json() == expected.certificate_json()
    assert len(large.shadow_prices) > 20


def test_reasons_are_the_same_however_many_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(*make_batch(SIZE, 9))
    found = solve(model.linear, "highs", SolveOptions(time_limit_s=10, gap=0.05))
    assert found.values is not None
    plan = plan_from_values(model, found.values)
    expected = shorts(model, plan)
    monkeypatch.setattr(reasons, "WAYS_AT_ONCE", 12)
    pieces = shorts(model, plan)
    assert len(expected) > 8
    for name in expected.columns:
        np.testing.assert_array_equal(pieces[name], expected[name])
