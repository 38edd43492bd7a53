"""Parquet, Excel and SQL: sizes checked first, changed types told, databases locked down, secrets kept."""

from __future__ import annotations

import datetime
import io
import sqlite3
import zipfile
from decimal import Decimal

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optimizer.tables import connections, read_excel, read_parquet
from tests.builders import write_case
from tests.tables.inputs import codes, findings, good, load

STOCK = {"warehouse_id": ["W1", "W2"], "product_id": ["P1", "P2"], "on_hand_qty": [20, 9]}


def parquet_case(folder, columns, table="stock"):
    path = write_case(folder, good(), {"data": {table: f"{table}.parquet"}})
    pq.write_table(pa.table(columns), folder / f"{table}.parquet")
    return path


def sql_case(folder, sql, connection, table="stock"):
    return write_case(folder, good(), {"data": {table: {"sql": sql, "connection": connection}}})


def stock_sqlite(path):
    with sqlite3.connect(path) as db:
        db.execute("create table stock (warehouse_id, product_id, on_hand_qty)")
        db.executemany("insert into stock values (?, ?, ?)", list(zip(*STOCK.values(), strict=True)))
    db.close()


def stock_duckdb(path):
    with duckdb.connect(str(path)) as db:
        db.execute("create table stock (warehouse_id varchar, product_id varchar, on_hand_qty bigint)")
        db.executemany("insert into stock values (?, ?, ?)", list(zip(*STOCK.values(), strict=True)))


# -- Parquet ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("values", [
    pa.array([20, 9], pa.int8()), pa.array([20.0, 9.0], pa.float64()), pa.array([20, 9], pa.float32()),
    pa.array(["20", "9"]), pa.array(["20", "9"]).dictionary_encode(), pa.array([Decimal("20.00"), Decimal(9)]),
    pa.array(["20", "9"], pa.large_string()),
])  # fmt: skip
def test_parquet_quantities_of_any_type(tmp_path, values):
    tables, _ = load(parquet_case(tmp_path, STOCK | {"on_hand_qty": values}))
    assert tables.stock["on_hand_qty"].tolist() == [20, 9]


def test_parquet_floats_are_their_shortest_decimals(tmp_path):
    rates = [0.1, 1e-7, 123456789.25, None, float("nan"), 2.0]
    lanes = {"warehouse_id": ["W1"] * 6, "zone_id": ["north", "south", "a", "b", "c", "d"], "cost_per_unit": rates}
    case = good()
    case["pins"] = []
    path = write_case(tmp_path, case, {"data": {"lanes": "lanes.parquet"}})
    pq.write_table(pa.table(lanes), tmp_path / "lanes.parquet")
    tables, _ = load(path)
    by_zone = dict(zip(tables.lanes["zone_id"].tolist(), tables.lanes["cost_per_unit"].texts(), strict=True))
    assert by_zone == {"north": "0.1", "south": "0.0000001", "a": "123456789.25", "b": "0", "c": "0", "d": "2"}
    given = dict(zip(tables.lanes["zone_id"].tolist(), tables.lanes.given("cost_per_unit").tolist(), strict=True))
    assert not given["b"]
    assert not given["c"]


@pytest.mark.parametrize(("values", "code"), [
    (pa.array([[1], [2]]), "column_type"), (pa.array([b"P1", b"P2"]), "column_type"), (pa.array([1.5, 2.0]),
     "not_text"),
    (pa.array([True, False]), "not_text"), (pa.array([datetime.date(2026, 1, 1)] * 2), "not_text"),
    (pa.array([2.0**60, 1.0]), "not_text"), (pa.array([{"a": 1}, {"a": 2}]), "column_type"),
])  # fmt: skip
def test_parquet_ids_of_other_types_are_told(tmp_path, values, code):
    errors, _ = findings(parquet_case(tmp_path, STOCK | {"product_id": values}))
    assert code in codes(errors)
    assert {e.column for e in errors if e.code == code} == {"product_id"}


@pytest.mark.parametrize("dictionary", [False, True])
def test_parquet_text_that_is_no_utf8_is_told(tmp_path, dictionary):
    offsets = pa.py_buffer(np.array([0, 2, 4], dtype=np.int32).tobytes())
    bad = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"\xff1P2"))
    bad = pa.DictionaryArray.from_arrays(np.array([0, 1], dtype=np.int32), bad) if dictionary else bad
    errors, _ = findings(parquet_case(tmp_path, STOCK | {"product_id": bad}))
    assert ("column_type", "product_id") in {(e.code, e.column) for e in errors}


def test_parquet_whole_number_ids_become_their_digits(tmp_path):
    case = good()
    case.pop("products")
    for row in case["order_lines"]:
        row["unit_margin"] = "1"
    case["eligibility"] = []
    path = write_case(tmp_path, case, {"data": {"stock": "stock.parquet"}})
    for ids in (pa.array([123, 7]), pa.array([123.0, 7.0]), pa.array([Decimal("123.0"), Decimal(7)])):
        pq.write_table(pa.table(STOCK | {"product_id": ids}), tmp_path / "stock.parquet")
        tables, _ = load(path)
        assert sorted(tables.stock["product_id"].tolist()) == ["123", "7"]


def test_parquet_timestamps_at_midnight_are_days(tmp_path):
    orders = {"order_id": ["O1", "O2"], "customer_id": ["C1", "C2"], "zone_id": ["north", "south"]}
    due = pa.array([datetime.datetime(2026, 12, 1), None], pa.timestamp("ns"))
    tables, _ = load(parquet_case(tmp_path, orders | {"due_date": due}, "orders"))
    assert tables.orders["due_date"].tolist() == [datetime.date(2026, 12, 1), None]


def test_parquet_bombs_are_refused_by_the_footer(tmp_path, monkeypatch):
    path = parquet_case(tmp_path, {name: values * 50 for name, values in STOCK.items()})
    monkeypatch.setattr(read_parquet, "MAX_ROWS", 99)
    monkeypatch.setattr(read_parquet.pq, "read_table", None)  # nothing is unpacked
    errors, _ = findings(path)
    assert [(e.code, e.file, e.value) for e in errors] == [("too_large", "stock.parquet", "100")]
    monkeypatch.undo()
    monkeypatch.setattr(read_parquet, "MAX_LOGICAL_BYTES", 50)
    assert [e.code for e in findings(path)[0]] == ["too_large"]


def test_parquet_text_that_explodes_is_not_expanded(tmp_path):
    text = pa.array(["x" * 1_000_000]).dictionary_encode()
    bomb = pa.DictionaryArray.from_arrays(np.zeros(5000, dtype=np.int32), text.dictionary)
    columns = {"warehouse_id": ["W1"] * 5000, "product_id": [f"P{n}" for n in range(5000)], "on_hand_qty": [1] * 5000}
    path = parquet_case(tmp_path, columns | {"x_note": bomb})
    assert (tmp_path / "stock.parquet").stat().st_size < 2_000_000
    errors, _ = findings(path)
    assert ("column_type", "x_note") in {(e.code, e.column) for e in errors}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"order_id,x\n1,2\n"])
def test_files_that_are_no_parquet_are_told(tmp_path, content):
    path = parquet_case(tmp_path, STOCK)
    (tmp_path / "stock.parquet").write_bytes(content)
    errors, _ = findings(path)
    assert [(e.code, e.file) for e in errors] == [("malformed", "stock.parquet")]


# -- Excel ------------------------------------------------------------------------------------------------------------
def excel_case(folder, sheets, ref="book.xlsx"):
    path = write_case(folder, good(), {"data": {"stock": ref}})
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(folder / "book.xlsx")
    return path


ROWS = [list(STOCK), *[list(row) for row in zip(*STOCK.values(), strict=True)]]


def test_excel_sheets_are_chosen_by_name_by_table_or_alone(tmp_path):
    other = [["a"], ["b"]]
    for case, ref in [
        ({"Other": other, "My stock": ROWS}, {"path": "book.xlsx", "sheet": "My stock"}),
        ({"Other": other, "stock": ROWS}, "book.xlsx"),
        ({"Anything": ROWS}, "book.xlsx"),
    ]:
        tables, _ = load(excel_case(tmp_path, case, ref))
        assert tables.stock["on_hand_qty"].tolist() == [20, 9]
    errors, _ = findings(excel_case(tmp_path, {"Other": other, "My stock": ROWS}))
    assert [e.code for e in errors] == ["unknown_sheet"]
    assert "My stock" in errors[0].remedy
    errors, _ = findings(excel_case(tmp_path, {"Stock": ROWS}, {"path": "book.xlsx", "sheet": "Stok"}))
    assert "'Stock'" in errors[0].remedy


def test_excel_rows_are_numbered_as_the_sheet_shows_them(tmp_path):
    rows = [ROWS[0], ROWS[1], [None, None, None], ["W2", "P2", -4]]
    errors, _ = findings(excel_case(tmp_path, {"S": rows}))
    assert [(e.file, e.row, e.column, e.value) for e in errors] == [("book.xlsx [S]", 4, "on_hand_qty", "-4")]


def test_excel_empty_sheet_and_blank_header(tmp_path):
    assert codes(findings(excel_case(tmp_path, {"S": []}))[0]) == {"empty_file"}
    rows = [["warehouse_id", None, "on_hand_qty"], ["W1", "P1", 3]]
    assert codes(findings(excel_case(tmp_path, {"S": rows}))[0]) == {"blank_header"}


def test_excel_stray_cells_far_away_are_refused_before_they_are_unpacked(tmp_path):
    path = excel_case(tmp_path, {"S": ROWS})
    book = openpyxl.load_workbook(tmp_path / "book.xlsx")
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "book.xlsx")
    errors, _ = findings(path)
    assert [(e.code, e.value) for e in errors] == [("too_large", "1,048,576 rows, 16,384 columns")]


def test_excel_bombs_are_refused_by_the_directory(tmp_path):
    path = excel_case(tmp_path, {"S": ROWS})
    with zipfile.ZipFile(tmp_path / "book.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/extra.xml", b"<x>" + b" " * 20_000_000 + b"</x>")
    errors, _ = findings(path)
    assert [e.code for e in errors] == ["too_large"]
    assert "bomb" in errors[0].remedy


def test_excel_directory_that_lies_about_sizes_is_found_out(tmp_path):
    path = excel_case(tmp_path, {"S": ROWS})
    content = bytearray((tmp_path / "book.xlsx").read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    content = bytes(content).replace(size.to_bytes(4, "little"), (size // 2).to_bytes(4, "little"))
    (tmp_path / "book.xlsx").write_bytes(content)
    assert codes(findings(path)[0]) == {"malformed"}


def test_excel_entities_are_not_expanded(tmp_path):
    path = excel_case(tmp_path, {"S": ROWS})
    source = zipfile.ZipFile(tmp_path / "book.xlsx")
    parts = {name: source.read(name) for name in source.namelist()}
    source.close()
    doctype = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    parts["xl/workbook.xml"] = doctype + parts["xl/workbook.xml"].partition(b"?>")[2] or parts["xl/workbook.xml"]
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    errors, _ = findings(path)
    assert codes(errors) == {"malformed"}
    assert "root:" not in errors[0].text()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"order_id,qty\n", b"PK\x05\x06" + b"\0" * 18])
def test_files_that_are_no_workbook_are_told(tmp_path, content):
    path = excel_case(tmp_path, {"S": ROWS})
    (tmp_path / "book.xlsx").write_bytes(content)
    errors, _ = findings(path)
    assert [(e.code, e.file) for e in errors] == [("malformed", "book.xlsx")]


def test_excel_text_formulas_with_an_empty_value_are_blank(tmp_path):
    import xlsxwriter

    path = excel_case(tmp_path, {"S": ROWS})
    book = xlsxwriter.Workbook(tmp_path / "book.xlsx")
    sheet = book.add_worksheet("S")
    for at, row in enumerate(ROWS):
        sheet.write_row(at, 0, row)
    sheet.write_formula(2, 2, "=4+5", None, 9)
    book.close()
    tables, _ = load(path)
    assert tables.stock["on_hand_qty"].tolist() == [20, 9]
    assert read_excel.MAX_RATIO == 200


# -- SQL --------------------------------------------------------------------------------------------------------------
DATABASES = {"duckdb": stock_duckdb, "sqlite": stock_sqlite}


@pytest.mark.parametrize("kind", DATABASES)
def test_embedded_databases_by_path_url_and_environment(tmp_path, kind, monkeypatch):
    DATABASES[kind](tmp_path / "book.db")
    monkeypatch.setenv("ALLOT_TEST_DB", str(tmp_path / "book.db"))
    sql = "select warehouse_id, product_id, sum(on_hand_qty) as on_hand_qty from stock group by 1, 2"
    for connection in ("book.db", f"{kind}:///book.db", "env:ALLOT_TEST_DB", "$ALLOT_TEST_DB", "${ALLOT_TEST_DB}"):
        tables, _ = load(sql_case(tmp_path, sql, connection))
        assert tables.stock["on_hand_qty"].tolist() == [20, 9]


ATTACKS = {
    "duckdb": ["copy stock to '{out}'", "attach '{out}' as x", "select * from read_csv('{secret}')",
    "select * from '{secret}'",
               "drop table stock", "select 1; drop table stock", "install httpfs", "set threads = 1",
               "insert into stock values (1,2,3)",
               "select * from read_text('{secret}')", "select * from glob('/*')", "create table x (a int)",
               "pragma threads=1",
               "select * from raws", "", "select", "export database '{out}'", "call pragma_version(); select 1"],
    "sqlite": ["attach '{out}' as x", "drop table stock", "select 1; drop table stock",
    "insert into stock values (1,2,3)",
               "pragma journal_mode=delete", "vacuum into '{out}'", "create table x (a)",
               "select load_extension('{secret}')",
               "select writefile('{out}', 'x')", "", "select", "begin", "delete from stock",
               "create temp table x as select * from stock"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "attack"), [(kind, attack) for kind, attacks in ATTACKS.items() for attack in attacks]
)
def test_queries_can_only_select_from_their_database(tmp_path, kind, attack):
    DATABASES[kind](tmp_path / "book.db")
    before = (tmp_path / "book.db").read_bytes()
    (tmp_path / "secret.csv").write_text("warehouse_id,product_id,on_hand_qty\nW1,P1,77\n")
    out = tmp_path / "out.db"
    sql = attack.format(out=out, secret=tmp_path / "secret.csv")
    errors, _ = findings(sql_case(tmp_path, sql, "book.db"))
    assert [(e.code, e.file, e.column) for e in errors] == [("query_failed", "scenario.toml", "data.stock")]
    assert errors[0].row is not None
    assert not out.exists()
    assert (tmp_path / "book.db").read_bytes() == before


@pytest.mark.parametrize(("kind", "sql"), [
    ("sqlite", "with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n"),
    ("duckdb", "with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n"),
])  # fmt: skip
def test_endless_queries_are_stopped(tmp_path, kind, sql, monkeypatch):
    monkeypatch.setattr(connections, "QUERY_LIMIT_S", 0.5)
    DATABASES[kind](tmp_path / "book.db")
    assert codes(findings(sql_case(tmp_path, sql, "book.db"))[0]) == {"query_failed"}


@pytest.mark.parametrize("kind", DATABASES)
def test_results_beyond_the_row_limit_are_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(connections, "MAX_ROWS", 1)
    DATABASES[kind](tmp_path / "book.db")
    errors, _ = findings(sql_case(tmp_path, "select * from stock", "book.db"))
    assert codes(errors) == {"query_failed"}
    assert "more than 1 rows" in errors[0].remedy


def test_sqlite_cells_of_mixed_types(tmp_path):
    with sqlite3.connect(tmp_path / "book.db") as db:
        db.execute("create table stock (warehouse_id, product_id, on_hand_qty)")
        db.executemany(
            "insert into stock values (?, ?, ?)", [("W1", "P1", 20.0), ("W2", "P2", "9"), ("W2", "P1", None)]
        )
    db.close()
    errors, _ = findings(sql_case(tmp_path, "select * from stock", "book.db"))
    assert [(e.code, e.row, e.column) for e in errors] == [("blank", 3, "on_hand_qty")]


def test_databases_are_looked_for_like_files(tmp_path, monkeypatch):
    monkeypatch.delenv("ALLOT_TEST_DB", raising=False)
    stock_sqlite(tmp_path / "book.db")
    cases = {"../book.db": "outside_path", "env:ALLOT_TEST_DB": "query_failed", "nothing.db": "missing_file",
             "orders.csv": "query_failed"}  # fmt: skip
    for connection, code in cases.items():
        path = sql_case(tmp_path / "case", "select * from stock", connection)
        assert codes(findings(path)[0]) == {code}, connection
    tables, _ = load(sql_case(tmp_path / "case", "select * from stock", "../book.db"), allow_outside=True)
    assert len(tables.stock) == 2


CANARY = "s3cr3tCanary"


@pytest.mark.parametrize("url", [
    f"postgresql://planner:{CANARY}@localhost:1/erp?sslmode=require", f"mysql+pymysql://planner:{CANARY}@127.0.0.1:1/erp",
    f"nosuch://planner:{CANARY}@db/erp", f"postgresql+psycopg://planner:{CANARY}@[bad/erp",
])  # fmt: skip
@pytest.mark.parametrize("how", ["inline", "environment"])
def test_secrets_of_connections_are_never_shown(tmp_path, url, how, monkeypatch, capfd):
    monkeypatch.setenv("ALLOT_TEST_DB", url)
    path = sql_case(tmp_path, "select 1 as a", url if how == "inline" else "env:ALLOT_TEST_DB")
    errors, warnings = findings(path)
    assert codes(errors) == {"query_failed"}
    from optimizer.scenario.load import load_scenario

    loaded = load_scenario(path)
    shown = [
        repr(errors),
        repr(warnings),
        repr(loaded),
        str(loaded.scenario.model_dump()),
        loaded.scenario.model_dump_json(),
    ]
    assert CANARY not in "".join([*shown, *capfd.readouterr()])
    assert codes(warnings) == ({"secret_in_file"} if how == "inline" else set())


def test_a_database_through_sqlalchemy(tmp_path, monkeypatch):
    """Any dialect will do; SQLite under another name stands in for a server."""
    from sqlalchemy.dialects import registry

    registry.register("otherdb", "sqlalchemy.dialects.sqlite.pysqlite", "SQLiteDialect_pysqlite")
    stock_sqlite(tmp_path / "book.db")
    url = f"otherdb:///{tmp_path / 'book.db'}"
    tables, _ = load(sql_case(tmp_path, "select * from stock where on_hand_qty > 1", url))
    assert tables.stock["on_hand_qty"].tolist() == [20, 9]
    for sql in ("delete from stock", "select 1; delete from stock", "select nothing from stock"):
        assert codes(findings(sql_case(tmp_path, sql, url))[0]) == {"query_failed"}
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    errors, _ = findings(sql_case(tmp_path, "select * from stock", url))
    assert "allot[sql]" in errors[0].remedy
