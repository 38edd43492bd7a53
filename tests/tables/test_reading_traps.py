"""What default readers silently break: each such input keeps its value here, or is refused with its row and column."""

from __future__ import annotations

import datetime
from fractions import Fraction

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import make_tables, write_case
from tests.tables.inputs import codes, findings, good, load, with_file

STOCK = {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 1}


def lines(*ids: str, **more: str) -> list[dict[str, str]]:
    return [{"order_id": "O", "line_id": key, "product_id": key, "qty": "1", **more} for key in ids]


def test_leading_zeros_keep_ids_apart(tmp_path):
    tables, _ = load(write_case(tmp_path, {"order_lines": lines("00123", "0123", "123"), "stock": [STOCK]}))
    assert tables.order_lines["product_id"].tolist() == ["00123", "0123", "123"]
    assert len(set(tables.line_product.tolist())) == 3


def test_words_for_missing_are_ids_and_join_only_with_themselves(tmp_path):
    words = ["NA", "N/A", "None", "nan", "null", "NaN", "NULL", "#N/A"]
    orders = [{"order_id": f"O{word}", "customer_id": word, "zone_id": word, "channel": word} for word in words]
    case = {
        "orders": orders,
        "order_lines": [{"order_id": f"O{word}", "product_id": word, "qty": 1} for word in words],
        "customers": [{"customer_id": word, "tier": word} for word in words],
        "stock": [STOCK],
    }
    tables, warnings = load(write_case(tmp_path, case))
    assert sorted(tables.orders["customer_id"].tolist()) == sorted(words)
    assert tables.customers["tier"][tables.order_customer].tolist() == tables.orders["customer_id"].tolist()
    assert tables.orders["channel"].tolist() == tables.orders["customer_id"].tolist()
    assert not warnings


def test_long_numbers_beside_a_blank_keep_every_digit(tmp_path):
    rows = [{"order_id": "9007199254740993", "line_id": "1", "product_id": "P", "qty": "1",
             "unit_margin": "9007199254740993.01"},
            {"order_id": "O", "line_id": "1", "product_id": "P", "qty": "1", "unit_price": "1",
                "unit_margin": ""}]  # fmt: skip
    products = [{"product_id": "P", "unit_cost": "1"}]
    tables, _ = load(write_case(tmp_path, {"order_lines": rows, "products": products, "stock": [STOCK]}))
    assert tables.order_lines["order_id"][0] == "9007199254740993"
    assert tables.order_lines["unit_margin"].item(0) == Fraction("9007199254740993.01")
    assert tables.order_lines.given("unit_margin").tolist() == [True, False]


def test_a_quantity_beyond_exact_sums_is_refused_not_rounded(tmp_path):
    errors, _ = findings(
        write_case(tmp_path, {"order_lines": lines("1"), "stock": [STOCK | {"on_hand_qty": 9007199254740993}]})
    )
    assert [(e.code, e.row, e.column, e.value) for e in errors] == [
        ("out_of_range", 2, "on_hand_qty", "9007199254740993")
    ]


def test_codes_that_look_like_powers_of_ten_stay_codes(tmp_path):
    tables, _ = load(write_case(tmp_path, {"order_lines": lines("1E5", "2E3", "100000"), "stock": [STOCK]}))
    assert tables.order_lines["product_id"].tolist() == ["100000", "1E5", "2E3"]


@pytest.mark.parametrize(
    "text", ["1,200", "1,5", "1 200", "1.200,50", "1'200", "12 kg", "€5", "١٢", "½", "0x1F", "1_000", "--1"]
)
def test_numbers_in_other_notations_are_refused_with_row_and_column(tmp_path, text):
    errors, _ = findings(write_case(tmp_path, {"order_lines": lines("1", unit_margin=text), "stock": [STOCK]}))
    assert [(e.file, e.row, e.column, e.value, e.code) for e in errors] == [
        ("order_lines.csv", 2, "unit_margin", text, "not_decimal")
    ]


def test_a_semicolon_file_is_named_as_such(tmp_path):
    issues = with_file(tmp_path, "stock", b"warehouse_id;product_id;on_hand_qty\nW1;P1;1,5\n")
    assert [(i.code, i.row) for i in issues if i.severity == "error"] == [("separator", 1)]


def test_an_extra_field_names_the_row_and_shifts_nothing(tmp_path):
    issues = with_file(tmp_path, "stock", b"warehouse_id,product_id,on_hand_qty\nW1,P1,5\nW2,P2,1,200\nW2,P1\n")
    assert [(i.code, i.row, i.value) for i in issues if i.severity == "error"] == [
        ("field_count", 3, "4 fields"),
        ("field_count", 4, "2 fields"),
    ]


def test_an_unclosed_quote_names_the_line_that_opens_it(tmp_path):
    issues = with_file(tmp_path, "stock", b'warehouse_id,product_id,on_hand_qty\nW1,P1,5\nW2,"P2,1\nW2,P1,1\n')
    assert [(i.code, i.row) for i in issues if i.severity == "error"] == [("unclosed_quote", 3)]


def test_a_repeated_header_is_refused(tmp_path):
    issues = with_file(tmp_path, "stock", b"warehouse_id,product_id,on_hand_qty,on_hand_qty\nW1,P1,5,6\n")
    assert [(i.code, i.column) for i in issues if i.severity == "error"] == [("duplicate_header", "on_hand_qty")]


def workbook(folder, rows, table="stock"):
    """The good case with one table in a workbook."""
    path = write_case(folder, good(), {"data": {table: "book.xlsx"}})
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / "book.xlsx")
    return path


def test_excel_text_00123_and_number_123_stay_two_products(tmp_path):
    case = good()
    case.pop("products")
    case["order_lines"] = lines("00123", "123", unit_margin="1")
    case["orders"] = [{"order_id": "O", "customer_id": "C1", "zone_id": "north"}]
    case["pins"] = case["contracts"] = case["eligibility"] = []
    path = write_case(tmp_path, case, {"data": {"stock": "book.xlsx"}})
    book = openpyxl.Workbook()
    for row in (["warehouse_id", "product_id", "on_hand_qty"], ["W1", "00123", 5], ["W1", 123, 7.0], ["W2", 123.0, 1]):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    tables, _ = load(path)
    assert tables.products["product_id"].tolist() == ["00123", "123"]
    stock = zip(tables.stock["product_id"].tolist(), tables.stock["on_hand_qty"].tolist(), strict=True)
    assert sorted(stock) == [("00123", 5), ("123", 1), ("123", 7)]


def test_excel_formulas_without_a_value_and_error_cells_are_refused(tmp_path):
    path = workbook(tmp_path, [["warehouse_id", "product_id", "on_hand_qty"], ["W1", "P1", "=1+1"], ["W2", "#N/A", 3]])
    errors, _ = findings(path)
    places = {(e.code, e.row, e.column, e.value) for e in errors}
    assert ("uncomputed_formula", 2, "C", "=1+1") in places
    assert ("error_cell", 3, "B", "#N/A") in places


def test_excel_dates_mixed_with_text_and_serial_numbers(tmp_path):
    head = ["order_id", "customer_id", "zone_id", "order_date"]
    day = datetime.date(2023, 3, 15)
    rows = [["O1", "C1", "north", day], ["O2", "C2", "south", "2023-03-15"]]
    tables, _ = load(workbook(tmp_path / "a", [head, *rows], "orders"))
    assert tables.orders["order_date"].tolist() == [day, day]
    rows += [["O3", "C1", "north", 45000], ["O4", "C1", "north", datetime.datetime(2023, 3, 15, 6, 30)]]
    errors, _ = findings(workbook(tmp_path / "b", [head, *rows], "orders"))
    assert [(e.code, e.row, e.column, e.value) for e in errors] == [
        ("not_date", 4, "order_date", "45000"),
        ("not_date", 5, "order_date", "2023-03-15 06:30:00"),
    ]


@pytest.mark.parametrize(("value", "words"), [
    (datetime.date(2026, 9, 2), "turned into a date"), (True, "truth value"), (1.5, "number with decimals"),
    (12345678901234567890, "15 digits"),
])  # fmt: skip
def test_excel_ids_that_the_spreadsheet_changed_are_told(tmp_path, value, words):
    errors, _ = findings(workbook(tmp_path, [["warehouse_id", "product_id", "on_hand_qty"], ["W1", value, 3]]))
    told = [e for e in errors if e.code == "not_text"]
    assert [(e.row, e.column) for e in told] == [(2, "product_id")]
    assert words in told[0].remedy


@pytest.mark.parametrize("text", ["45000", "03/04/2026", "04.03.2026", "2026-3-4", "20260304", "2026-02-29",
    "2026-13-01",
                                  "2026-03-04T00:00:00Z", "2026-03-29 02:30", "yesterday", "0000-01-01"])  # fmt: skip
def test_only_iso_days_are_dates(tmp_path, text):
    case = good()
    case["orders"][1]["due_date"] = text
    errors, _ = findings(write_case(tmp_path, case))
    assert [(e.code, e.row, e.column, e.value) for e in errors] == [("not_date", 3, "due_date", text)]


def test_days_are_calendar_days_across_clock_changes():
    orders = [{"order_id": "O", "order_date": "2026-03-28", "due_date": "2026-03-30"}]
    tables = make_tables(orders=orders, order_lines=[{"order_id": "O", "product_id": "P", "qty": 1}], stock=[STOCK])
    assert (tables.orders["due_date"] - tables.orders["order_date"]).astype(int).tolist() == [2]
    assert tables.orders["due_date"].dtype == np.dtype("datetime64[D]")


def test_a_moment_with_a_time_zone_is_no_day(tmp_path):
    path = write_case(tmp_path, good(), {"data": {"orders": "orders.parquet"}})
    moment = datetime.datetime(2026, 3, 29, 2, 30, tzinfo=datetime.UTC)
    pq.write_table(pa.table({"order_id": ["O1", "O2"], "customer_id": ["C1", "C2"], "zone_id": ["north", "south"],
                             "due_date": [moment, None]}), tmp_path / "orders.parquet")  # fmt: skip
    errors, _ = findings(path)
    assert [(e.code, e.row, e.column) for e in errors] == [("not_date", 1, "due_date")]


HEAD = "warehouse_id,product_id,on_hand_qty,x_note\nW1,P1,5,"


@pytest.mark.parametrize(("content", "offset", "row"), [
    ((HEAD + "Café\n").encode("cp1252"), len(HEAD) + 3, 2),
    (HEAD.encode("utf-16"), 0, 1),
    (HEAD.encode("utf-16-le"), 1, 1),
    (HEAD.encode("utf-16-be"), 0, 1),
    (b"warehouse_id,product_id,on_hand_qty\nW1,P1\0,5\n", 41, 2),
])  # fmt: skip
def test_other_encodings_are_named_with_file_and_byte(tmp_path, content, offset, row):
    errors = [i for i in with_file(tmp_path, "stock", content) if i.severity == "error"]
    assert [(e.code, e.file, e.row) for e in errors] == [("encoding", "stock.csv", row)]
    assert f"byte {offset}" in errors[0].expected


def test_utf8_with_and_without_mark_is_read(tmp_path):
    text = "warehouse_id,product_id,on_hand_qty,x_note\r\nW1,P1,5,Café 漢字\r\n"
    path = write_case(tmp_path, good())
    read = []
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "stock.csv").write_bytes(text.encode(encoding))
        tables, _ = load(path)
        assert tables.stock.extra["x_note"].tolist() == ["Café 漢字"]
        read.append(tables.sources)
    assert read[0] == read[1]


def test_duplicate_keys_are_errors_on_both_sides_of_a_join(tmp_path):
    case = good()
    case["products"].append(dict(case["products"][0]))
    case["order_lines"].append(dict(case["order_lines"][0]))
    errors, _ = findings(write_case(tmp_path, case))
    assert [(e.code, e.file, e.row) for e in errors] == [
        ("duplicate_key", "order_lines.csv", 5),
        ("duplicate_key", "products.csv", 4),
    ]
    assert "row 2" in errors[0].remedy


def test_money_is_exact(tmp_path):
    margins = [str(n) for n in range(10)]
    tables, _ = load(write_case(tmp_path, {"order_lines": lines(*margins, unit_margin="0.1"), "stock": [STOCK]}))
    assert tables.order_lines["unit_margin"].sum() == 1
    tables = make_tables(order_lines=lines("1", unit_margin="19.99"), stock=[STOCK])
    assert (tables.order_lines["unit_margin"] * 100).item(0) == 1999
    tables = make_tables(order_lines=lines("1", unit_margin="2.675"), stock=[STOCK])
    assert tables.order_lines["unit_margin"].item(0) == Fraction(2675, 1000)


@pytest.mark.parametrize(("value", "kept"), [('"NO"', "NO"), ('"on"', "on"), ('"0123"', "0123"), ('"12:30:45"',
    "12:30:45"),
                                         ('"1e3"', "1e3")])  # fmt: skip
def test_scenario_text_keeps_its_type(tmp_path, value, kept):
    path = write_case(tmp_path, good())
    change = f'\n[[change]]\ntable = "orders"\nset = {{ channel = {value} }}\n'
    path.write_text(path.read_text() + change)
    tables, _ = load(path)
    assert set(tables.orders["channel"].tolist()) == {kept}


@pytest.mark.parametrize(("value", "code"), [("NO", "bad_toml"), ("0123", "bad_toml"), ("123", "bad_change"),
    ("12:30:45", "bad_change"),
                                         ("1e3", "bad_change"), ("true", "bad_change")])  # fmt: skip
def test_scenario_ids_are_never_guessed(tmp_path, value, code):
    path = write_case(tmp_path, good())
    path.write_text(path.read_text() + f'\n[[change]]\ntable = "orders"\nset = {{ channel = {value} }}\n')
    errors, _ = findings(path)
    assert codes(errors) == {code}
    assert errors[0].row is not None


def test_a_setting_given_twice_is_an_error(tmp_path):
    path = write_case(tmp_path, good())
    path.write_text('name = "again"\n' + path.read_text())
    errors, _ = findings(path)
    assert [(e.code, e.row) for e in errors] == [("bad_toml", 2)]
