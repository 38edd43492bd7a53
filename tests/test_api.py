"""From Python: the same run as by the command, from files or from tables in memory; what is wrong is named."""

from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import optimizer
from optimizer.errors import InputError, UsageError
from optimizer.frames import DATES, DECIMAL, FLAGS, WHOLE
from optimizer.proof import certify
from optimizer.run import run as run_files
from tests.test_cli import ROOT, tiny

SETTINGS = {"name": "memory", "as_of": datetime.date(2026, 11, 20)}


def frames() -> dict[str, Any]:
    """The case of `tiny` as an order system and a warehouse system would hold it."""
    return {
        "orders": pd.DataFrame({"order_id": ["O1", "O2"], "customer_id": "C", "zone_id": "Z"}),
        "order_lines": pd.DataFrame(
            {"order_id": ["O1", "O2"], "line_id": "1", "product_id": "P", "qty": [3, 2], "unit_margin": [5.0, 4.0]}
        ),
        "warehouses": pd.DataFrame({"warehouse_id": ["W"], "handling_cost_per_unit": [0]}),
        "stock": pa.table({"warehouse_id": ["W"], "product_id": ["P"], "on_hand_qty": [4]}),
        "lanes": pd.DataFrame({"warehouse_id": ["W"], "zone_id": ["Z"]}),
    }


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> optimizer.Result:
    return optimizer.run(SETTINGS, frames(), out=tmp_path_factory.mktemp("planned") / "run")


def test_tables_in_memory(planned: optimizer.Result) -> None:
    assert planned.exit_code == 0
    assert planned.has_plan
    assert planned.kpis["margin"] == 19
    assert planned.allocations[["order_id", "qty"]].values.tolist() == [["O1", 3], ["O2", 1]]
    assert planned.allocations["ship_date"].tolist() == [pd.Timestamp(2026, 11, 20)] * 2
    assert planned.allocations["qty"].dtype == "int64"
    assert planned.allocations["margin"].tolist() == [15.0, 4.0]
    assert planned.table("allocations", exact=True)["margin"].tolist() == [Decimal(15), Decimal(4)]
    assert planned.shorts["short_qty"].tolist() == [1]
    assert planned.allocations["days_late"].isna().all()


def test_the_folder_can_be_checked_anywhere(planned: optimizer.Result) -> None:
    verdict = certify(planned.folder)
    assert verdict.passed, verdict.all_failures


def test_a_file_and_a_file_with_tables_in_its_place(tmp_path: Path) -> None:
    case = tiny(tmp_path / "case")
    whole = optimizer.run(case, out=tmp_path / "file")
    assert whole.kpis["margin"] == 19
    assert run_files(case, out=tmp_path / "same").summary[:3] == whole.summary[:3]
    more = optimizer.run(
        case, {"stock": frames()["stock"].set_column(2, "on_hand_qty", pa.array([5]))}, out=tmp_path / "more"
    )
    assert more.kpis["margin"] == 23
    assert more.shorts.empty


def test_a_run_without_a_plan_is_no_error(tmp_path: Path) -> None:
    contracts = pd.DataFrame({"contract_id": ["K1", "K2"], "product_id": "P", "min_qty": [3, 5]})
    found = optimizer.run(SETTINGS, {**frames(), "contracts": contracts}, out=tmp_path / "run")
    assert found.exit_code == 3
    assert not found.has_plan
    assert found.kpis == {}
    with pytest.raises(UsageError, match="has no table allocations"):
        _ = found.allocations


def findings(scenario: Any, tables: Any) -> list[tuple[str, int | None, str | None, str]]:
    with pytest.raises(InputError) as caught:
        optimizer.run(scenario, tables)
    return [(issue.file, issue.row, issue.column, issue.code) for issue in caught.value.issues]


def test_what_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stock = pd.DataFrame({"warehouse_id": ["W", "W"], "product_id": ["P", "Q"], "on_hand_qty": [4, 1.5]})
    assert findings(SETTINGS, {**frames(), "stock": stock})[0][:3] == ("tables['stock']", 2, "on_hand_qty")
    assert findings(SETTINGS, {**frames(), "stok": stock}) == [("tables['stok']", None, None, "unknown_table")]
    mixed = pd.DataFrame({"warehouse_id": ["W", 1], "product_id": "P", "on_hand_qty": 1})
    assert findings(SETTINGS, {**frames(), "stock": mixed}) == [("tables['stock']", None, None, "column_type")]
    assert findings(SETTINGS, {**frames(), "stock": [1]}) == [("tables['stock']", None, None, "column_type")]
    assert findings({**SETTINGS, "weigths": {}}, frames())[0][::2] == ("scenario", "weigths")
    with pytest.raises(UsageError, match="given twice"):
        optimizer.run({**SETTINGS, "data": {"stock": "stock.csv"}}, frames())
    with pytest.raises(UsageError, match="not object"):
        optimizer.run({**SETTINGS, "weights": object()}, frames())
    assert list(tmp_path.iterdir()) == []


def test_a_file_reads_no_further_than_by_itself(tmp_path: Path) -> None:
    case = tiny(tmp_path / "case")
    (tmp_path / "case/orders.csv").rename(tmp_path / "orders.csv")
    case.write_text(case.read_text().replace('"orders.csv"', '"../orders.csv"'))
    with pytest.raises(InputError, match="outside_path"):
        optimizer.run(case, {"stock": frames()["stock"]}, out=tmp_path / "run")
    found = optimizer.run(case, {"stock": frames()["stock"]}, out=tmp_path / "run", allow_outside=True)
    assert found.exit_code == 0


def test_every_column_is_known_by_its_kind(tmp_path: Path) -> None:
    """What Parquet says of each column is what frames are made of."""
    shared = pd.DataFrame({"group_id": ["G"], "product_id": "P", "between": "order", "rule": "max_min"})
    found = optimizer.run(SETTINGS, {**frames(), "fair_share": shared}, out=tmp_path / "run", fmt="parquet")
    assert found.table("fair_share")["fill"].dtype == "float64"
    kinds = {"int64": WHOLE, "decimal128": DECIMAL, "date32[day]": DATES, "bool": FLAGS}
    for path in found.folder.glob("*.parquet"):
        for field in pq.read_schema(path):
            kind = kinds.get(str(field.type).split("(")[0], frozenset())
            assert field.name in kind or not kind, (path.name, field)
            assert kind or field.name not in WHOLE | DECIMAL | DATES | FLAGS, (path.name, field)


LAZY = """
import sys, optimizer
costly = {"numpy", "pandas", "pyarrow", "pydantic", "optimizer.api"}
assert not {*costly, "optimizer.run", "dataclasses"} & sys.modules.keys()
assert callable(optimizer.run)
assert optimizer.run.run.__module__ == "optimizer.run"
assert not costly & sys.modules.keys()
from optimizer import run
assert run is optimizer.run
assert issubclass(optimizer.errors.InputError, optimizer.errors.AllotError)
"""


def test_importing_it_costs_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
