"""The previous plan: read from a run's folder, whatever it was written as, and found by the rules for paths."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optimizer.errors import InputError
from optimizer.report.csv_out import table_bytes
from tests.builders import make_scenario, make_tables, write_case
from tests.tables.inputs import LAST, NEAR, codes, findings, good, load, policies, write_last

pytestmark = pytest.mark.usefixtures("everything_available")


def case_with(folder, previous="last"):
    return write_case(folder, policies(), {"stability": {"previous_plan": previous, "cost_per_unit": 2}})


def test_rows_are_typed_sorted_and_looked_up(tmp_path):
    rows = [*LAST, {**LAST[0], "order_id": "O1", "line_id": "2", "product_id": "P2", "ship_product_id": "P3",
                    "lot_id": "L1", "ship_date": "2026-11-22", "qty": "4", "ordered_qty_served": "2"}]  # fmt: skip
    write_last(tmp_path, rows)
    tables, warnings = load(case_with(tmp_path))
    previous = tables.previous
    assert not warnings
    assert previous["order_id"].tolist() == ["O1", "O2"]
    assert previous["product_id"].tolist() == ["P3", "P1"]
    assert (previous["qty"].tolist(), previous["shipped_qty"].tolist()) == ([2, 6], [4, 6])
    assert previous["ship_date"].tolist() == [datetime.date(2026, 11, 22), datetime.date(2026, 11, 19)]
    assert previous["lot_id"].tolist() == ["L1", ""]
    assert tables.order_lines["order_id"][tables.previous_line].tolist() == ["O1", "O2"]
    assert tables.lanes["zone_id"][tables.previous_lane].tolist() == ["north", "south"]
    assert tables.products["product_id"][tables.previous_product].tolist() == ["P3", "P1"]
    (source,) = [source for source in tables.sources if source.table == "previous"]
    assert (source.source, source.rows) == ("last/allocations.csv", 2)


def test_csv_parquet_and_the_copy_of_a_bundle_read_the_same(tmp_path):
    guarded = {**LAST[0], "order_id": "'=O2", "line_id": "''1"}
    case = {**policies(), "pins": []}
    for name in ("orders", "order_lines"):
        for row in case[name]:
            row["order_id"] = "=O2" if row["order_id"] == "O2" else row["order_id"]
    case["order_lines"][2]["line_id"] = "'1"
    digests, copy = [], b""
    for form in ("csv", "parquet", "copy"):
        folder = tmp_path / form
        write_last(folder, [guarded])
        if form == "parquet":
            plain = {**LAST[0], "order_id": "=O2", "line_id": "'1"}
            columns = {name: [value] for name, value in plain.items()}
            columns |= {"qty": [6], "ordered_qty_served": [6], "ship_date": [datetime.date(2026, 11, 19)]}
            pq.write_table(pa.table(columns), folder / "last" / "allocations.parquet")
        if form == "copy":
            (folder / "last" / "previous.csv").write_bytes(copy)
        if form != "csv":
            (folder / "last" / "allocations.csv").unlink()
        tables, _ = load(write_case(folder, case, NEAR))
        assert tables.previous["order_id"].tolist() == ["=O2"]
        assert tables.previous["line_id"].tolist() == ["'1"]
        assert tables.previous_line.tolist() != [-1]
        copy = b"".join(table_bytes(tables.previous, guarded=False))
        digests += [source.digest for source in tables.sources if source.table == "previous"]
    assert len(digests) == 3
    assert len(set(digests)) == 1


def test_without_stability_there_are_no_rows(tmp_path):
    tables, _ = load(write_case(tmp_path, good()))
    assert len(tables.previous) == len(tables.previous_line) == len(tables.previous_lane) == 0
    assert "previous" not in {source.table for source in tables.sources}


def test_an_empty_plan_has_no_rows(tmp_path):
    write_last(tmp_path, [])
    tables, _ = load(write_case(tmp_path, good(), NEAR))
    assert len(tables.previous) == 0


@pytest.mark.parametrize(("previous", "code", "words"), [
    ("none", "missing_plan", "earlier run"), ("scenario.toml", "missing_plan", "earlier run"),
    ("empty", "missing_plan", "allocations.csv"), ("../elsewhere", "outside_path", "tree"),
    ("https://x/last", "url", "path"), ("C:\\last", "bad_path", "/"),
])  # fmt: skip
def test_folders_that_will_not_do(tmp_path, previous, code, words):
    root = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "allocations.csv").write_text("order_id\n")
    (root / "empty").mkdir(parents=True)
    errors, _ = findings(case_with(root, previous))
    assert [(e.code, e.file, e.column) for e in errors] == [(code, "scenario.toml", "stability.previous_plan")]
    assert words in errors[0].expected + errors[0].remedy
    assert errors[0].row is not None


def test_a_plan_outside_may_be_allowed(tmp_path):
    write_last(tmp_path)
    path = case_with(tmp_path / "home", "../last")
    assert codes(findings(path)[0]) == {"outside_path"}
    assert findings(path, allow_outside=True) == ([], [])


def test_a_base_names_its_plan_beside_itself(tmp_path):
    write_last(tmp_path / "base")
    write_case(tmp_path / "base", policies(), NEAR)
    (tmp_path / ".allot-root").touch()
    top = tmp_path / "top.toml"
    top.write_text('base = "base/scenario.toml"\n')
    assert len(load(top)[0].previous) == 1


def test_files_that_are_no_allocations(tmp_path):
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "allocations.csv").write_text("order_id,line_id\nO2,1\n")
    errors, _ = findings(case_with(tmp_path))
    assert {(e.code, e.file, e.row) for e in errors} == {("missing_column", "last/allocations.csv", 1)}
    assert "ship_product_id" in {e.column for e in errors}
    (tmp_path / "last" / "allocations.csv").write_bytes(b"\xff\xfe")
    errors, _ = findings(case_with(tmp_path))
    assert [(e.code, e.file) for e in errors] == [("encoding", "last/allocations.csv")]


@pytest.mark.parametrize(("column", "value", "code"), [
    ("ordered_qty_served", "six", "not_int"), ("qty", "-1", "out_of_range"), ("ship_date", "soon", "not_date"),
    ("order_id", "", "blank"),
])  # fmt: skip
def test_cells_are_checked_as_any_other(tmp_path, column, value, code):
    write_last(tmp_path, [{**LAST[0], column: value}])
    errors, _ = findings(write_case(tmp_path, {**policies(), "orders": good()["orders"] + policies()["orders"][2:]},
                                    NEAR))  # fmt: skip
    assert [(e.code, e.file, e.row, e.table) for e in errors] == [(code, "last/allocations.csv", 2, "previous")]


def test_tables_can_be_made_with_a_previous_plan():
    tables = make_tables(
        make_scenario(),
        order_lines=[{"order_id": "O", "product_id": "P", "qty": 4}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
        previous=[{"order_id": "O", "warehouse_id": "W", "product_id": "P", "qty": 3}],
    )
    assert (tables.previous["qty"].tolist(), tables.previous["shipped_qty"].tolist()) == ([3], [3])
    assert (tables.previous_line.tolist(), tables.previous_lane.tolist()) == ([0], [0])
    with pytest.raises(ValueError, match="read-only"):
        tables.previous_line[0] = 1


def test_a_wrong_plan_stops_the_run_with_every_other_fault(tmp_path):
    case = policies()
    case["inbound"][0]["qty"] = "0"
    with pytest.raises(InputError) as caught:
        load(write_case(tmp_path, case, NEAR))
    assert {issue.code for issue in caught.value.issues} == {"missing_plan", "out_of_range"}


def test_dates_of_all_tables_are_days():
    tables = make_tables(
        make_scenario(),
        order_lines=[{"order_id": "O", "product_id": "P", "qty": 4}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5, "lot_id": "B", "expiry_date": "2027-01-01"},
               {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 1, "lot_id": "A"}],
    )  # fmt: skip
    assert tables.stock["lot_id"].tolist() == ["A", "B"]
    assert np.isnat(tables.stock["expiry_date"]).tolist() == [True, False]
    assert tables.stock["expiry_date"].dtype == tables.calendar["date"].dtype == np.dtype("datetime64[D]")
