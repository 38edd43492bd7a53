"""Written models: other solvers read them back to the same optimum, and names lead back to the ids."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest

from optimizer.engines.cbc import program
from optimizer.model.build import Model, build_model
from optimizer.model.export import write_lp, write_mps
from optimizer.model.names import LONGEST, name_model
from tests.builders import make_scenario, make_tables
from tests.instances import random_case
from tests.model.cases import CASES, line, stock
from tests.model.settings import case_model
from tests.model.solving import optimum
from tests.typed_cases import typed

WRITERS: dict[str, Callable[[Model, Path], Path]] = {"mps": write_mps, "lp": write_lp}
NUMBER = r"(-?[0-9.]+(?:e[+-]?[0-9]+)?)"
SCIP = """
import sys
from ortools.linear_solver.python import model_builder
model = model_builder.Model()
assert (model.import_from_mps_file if sys.argv[1].endswith("mps") else model.import_from_lp_file)(sys.argv[1])
solver = model_builder.Solver("SCIP")
status = solver.solve(model)
print(status.name, repr(solver.objective_value) if status.name == "OPTIMAL" else "")
"""


def by_highs(path: Path) -> float | None:
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("mip_rel_gap", 0.0)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return None
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return -float(highs.getInfo().objective_function_value)


def by_cbc(path: Path) -> float | None:
    words = [program(), str(path), "-ratioGap", "0", "-solve", "-quit"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    assert " errors on input" not in said, said
    if re.search(r"proven infeasible|Problem is infeasible|PrimalInfeasible", said):
        return None
    found = re.search(rf"Objective value:\s+{NUMBER}", said) or re.search(rf"Optimal objective\s+{NUMBER}", said)
    assert found, said
    return -float(found[1])


def by_scip(path: Path) -> float | None:
    run = subprocess.run(
        [sys.executable, "-c", SCIP, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    status, _, value = run.stdout.strip().partition(" ")
    return None if status == "INFEASIBLE" else -float(value)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("form", WRITERS)
def test_highs_reads_back_the_same_optimum(form: str, seed: int, tmp_path: Path) -> None:
    model = case_model(random_case(seed + 110_000, 0.4))
    if model is None:
        return
    WRITERS[form](model, tmp_path / f"model.{form}")
    want = optimum(model.linear)
    assert by_highs(tmp_path / f"model.{form}") == (None if want is None else pytest.approx(want, abs=1e-6))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("form", WRITERS)
def test_names_with_days_lots_and_substitutes_read_back_too(form: str, seed: int, tmp_path: Path) -> None:
    model = build_model(*typed(random_case(seed + 500, ["lots", "inbound", "substitution", "kits", "calendar"])))
    WRITERS[form](model, tmp_path / f"model.{form}")
    want = optimum(model.linear)
    for read in (by_highs, by_cbc):
        assert read(tmp_path / f"model.{form}") == (None if want is None else pytest.approx(want, abs=1e-6))


@pytest.mark.parametrize("family", [*CASES])
@pytest.mark.parametrize("form", WRITERS)
def test_cbc_reads_back_the_same_optimum(form: str, family: str, tmp_path: Path) -> None:
    model = CASES[family].model()
    WRITERS[form](model, tmp_path / f"model.{form}")
    assert by_cbc(tmp_path / f"model.{form}") == pytest.approx(optimum(model.linear), abs=1e-6)


@pytest.mark.parametrize("family", ["minimum_charge", "pins", "service_floor"])
def test_scip_reads_back_the_same_optimum(family: str, tmp_path: Path) -> None:
    model = CASES[family].model()
    write_mps(model, tmp_path / "model.mps")
    assert by_scip(tmp_path / "model.mps") == pytest.approx(optimum(model.linear), abs=1e-6)


@pytest.mark.parametrize("form", WRITERS)
def test_an_offset_a_range_and_a_free_row_survive(form: str, tmp_path: Path) -> None:
    model = CASES["line_demand"].model()
    linear = replace(model.linear, offset=12.5, row_lower=np.full(model.linear.n_rows, 1.0))
    WRITERS[form](replace(model, linear=linear), tmp_path / f"model.{form}")
    for read in (by_highs, by_cbc):
        assert read(tmp_path / f"model.{form}") == pytest.approx(optimum(linear), abs=1e-6)
    assert optimum(linear) == pytest.approx(12.5 + 15)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("on_hand", [0, 2])
def test_a_row_without_entries_stays_infeasible(form: str, on_hand: int, tmp_path: Path) -> None:
    tables: dict[str, Any] = {
        "order_lines": [line("A", 3), line("B", 1, product="Q")],
        "stock": [stock("W1", 0), stock("W1", on_hand, "Q")],
        "contracts": [{"contract_id": "K", "product_id": "P", "min_qty": 2}],
    }
    scenario = make_scenario()
    model = build_model(make_tables(scenario, **tables), scenario)
    WRITERS[form](model, tmp_path / f"model.{form}")
    assert by_highs(tmp_path / f"model.{form}") is None
    assert by_cbc(tmp_path / f"model.{form}") is None


AWKWARD = ["inf", "free", "e1", "A B", "A-B", "A_B", "A_B__2", "ünï", "1E5", "=1+1", "x" * 300, 'a,b"c"']


def awkward_model() -> Model:
    scenario = make_scenario()
    lines = [line(order, 2, "st") for order in AWKWARD]
    lanes = [{"warehouse_id": "free", "fixed_cost": 1}]
    return build_model(make_tables(scenario, order_lines=lines, stock=[stock("free", 5)], lanes=lanes), scenario)


@pytest.mark.parametrize("form", WRITERS)
def test_awkward_ids_make_readable_distinct_names(form: str, tmp_path: Path) -> None:
    model = awkward_model()
    names = name_model(model)
    for texts in (names.columns, names.rows):
        assert len(set(texts)) == len(texts)
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", text) and len(text) < LONGEST + 10 for text in texts)
    WRITERS[form](model, tmp_path / "m.out")
    path = (tmp_path / "m.out").rename(tmp_path / f"m.{form}")
    assert by_highs(path) == pytest.approx(optimum(model.linear))
    assert by_cbc(path) == pytest.approx(optimum(model.linear))


def test_names_lead_back_to_the_ids(tmp_path: Path) -> None:
    model = awkward_model()
    with write_mps(model, tmp_path / "m.mps").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ships = [row for row in rows if row["family"] == "ship_qty"]
    assert sorted(row["order_id"] for row in ships) == sorted(AWKWARD)
    assert [row["name"] for row in rows] == [*name_model(model).columns, *name_model(model).rows]
    assert {row["kind"] for row in rows} == {"column", "row"}


def test_names_say_what_they_are(tmp_path: Path) -> None:
    assert name_model(CASES["lane_capacity_units"].model()).rows[-1] == "lane_capacity_units__W1__Z__standard"
    assert name_model(CASES["shipment_link"].model()).columns[0] == "ship_qty__A_1__W1__standard"
    assert name_model(CASES["min_fill"].model()).rows[0] == "min_fill__A_1__min"
    assert name_model(CASES["pins"].model()).rows[-4] == "pins__A_1__W2__exactly"


def test_same_model_same_bytes(tmp_path: Path) -> None:
    for form, write in WRITERS.items():
        for number in (1, 2):
            write(CASES["minimum_charge"].model(), tmp_path / f"{number}.{form}")
        assert (tmp_path / f"1.{form}").read_bytes() == (tmp_path / f"2.{form}").read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(plain: Any) -> Any:
        yield "half"
        raise OSError("disk full")

    monkeypatch.setattr("optimizer.model.export._mps", torn)
    with pytest.raises(OSError, match="disk full"):
        write_mps(CASES["pins"].model(), tmp_path / "m.mps")
    assert [path.name for path in tmp_path.iterdir()] == ["m.mps.names.csv"]
