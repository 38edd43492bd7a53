"""The batch with every policy is sound: each family of rows stands, and it has a plan that the judge accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from benchmarks.every_policy import TextBatch, kept_stages, make_batch_of_all
from benchmarks.instances import Size
from optimizer.model.build import build_model
from optimizer.model.constraints import FAMILIES
from optimizer.run import run
from tests.builders import toml_text

SMALL = Size(lines=200, warehouses=4, products=40, zones=6)
TINY = Size(lines=30, warehouses=4, products=20, zones=4)


def test_every_family_stands() -> None:
    tables, scenario = make_batch_of_all(SMALL).read()
    found = build_model(tables, scenario, stages=kept_stages(scenario)).describe()["rows_by_family"]
    assert set(found) == set(FAMILIES)


def test_the_judge_accepts_its_plan(tmp_path: Path) -> None:
    path = write_files(make_batch_of_all(TINY), tmp_path)
    outcome = run(path, out=tmp_path / "run", settings=["solve.time_limit_s=60", "solve.gap=0.05"])
    verification = json.loads((outcome.folder / "verification.json").read_text())
    assert outcome.exit_code == 0
    assert verification["passed"], verification["failures"]


def write_files(batch: TextBatch, folder: Path) -> Path:
    """The batch as files, and the path of its scenario."""
    (folder / batch.settings["stability"]["previous_plan"]).mkdir()
    data = {name: f"{name}.csv" for name in batch.raws}
    for name, file in data.items():
        csv.write_csv(pa.table(dict(batch.raws[name].columns)), folder / file)
    csv.write_csv(pa.table(dict(batch.previous.columns)), folder / "before" / "previous.csv")
    path = folder / "scenario.toml"
    path.write_text(toml_text({**batch.settings, "data": data}), encoding="utf-8")
    return path
