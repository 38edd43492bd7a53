import io
import zipfile
from datetime import datetime
from fractions import Fraction

import numpy as np
import openpyxl
import pytest

from optimizer.report import excel
from optimizer.report.excel import write_workbook
from tests.report.sample import sample
from tests.report.test_tables_out import FORMULAS

SHEETS = [
    "Summary", "Exceptions", "Orders", "Allocations", "Shipments", "Short lines", "Contracts", "Prices", "Warehouses",
    "Replenishment",
]  # fmt: skip


def book_of(bundle, tmp_path, **options):
    write_workbook(bundle, tmp_path / "plan.xlsx", **options)
    return openpyxl.load_workbook(tmp_path / "plan.xlsx")


def test_sheets_have_headers_that_stay_and_filters(tmp_path) -> None:
    bundle = sample(40)
    book = book_of(bundle, tmp_path)
    assert book.sheetnames == SHEETS
    for title, name in excel.sheets(bundle):
        sheet, table = book[title], bundle.tables[name]
        assert [cell.value for cell in sheet[1]] == list(table.columns)
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref.startswith("A1:")
        assert sheet.auto_filter.ref.endswith(str(len(table) + 1))
        assert sheet.max_row == len(table) + 1
        assert all(8 <= sheet.column_dimensions[cell.column_letter].width <= 61 for cell in sheet[1])


def test_cells_have_the_types_of_their_columns(tmp_path) -> None:
    bundle = sample(40)
    book, table = book_of(bundle, tmp_path), bundle.tables["allocations"]
    cells = [[cell.value for cell in row] for row in book["Allocations"].iter_rows(2)]
    rows = [dict(zip(table.columns, values, strict=True)) for values in cells]
    assert [row["order_id"] for row in rows] == table["order_id"].tolist()
    assert [row["qty"] for row in rows] == table["qty"].tolist()
    assert [Fraction(str(row["margin"])) for row in rows] == table["margin"].fractions()
    assert {type(row["ship_date"]) for row in rows} == {datetime}
    assert rows[0]["arrive_date"].date() == table["arrive_date"][0].item()
    assert {row["lot_id"] for row in rows} == {None}
    assert {type(row[1].value) for row in book["Warehouses"].iter_rows(2)} == {bool}


def test_a_missing_number_is_a_blank_cell(tmp_path) -> None:
    bundle = sample(10)
    sheet = book_of(bundle, tmp_path)["Warehouses"]
    header = [cell.value for cell in sheet[1]]
    blank = ~bundle.tables["warehouses"].given("capacity_units")
    assert [row[header.index("capacity_units")].value is None for row in sheet.iter_rows(2)] == blank.tolist()
    assert blank.any()


def test_the_summary_tells_value_bound_and_every_figure(tmp_path) -> None:
    bundle = sample(40)
    sheet = book_of(bundle, tmp_path)["Summary"]
    texts = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert texts[0] == "Regional demand spike"
    assert texts[1].startswith("This plan is worth ")
    assert texts[2].startswith("No plan can be worth more than ")
    figures = {row[0].value: row[1] for row in sheet.iter_rows() if row[0].value}
    assert figures["Unit fill rate"].value == pytest.approx(float(bundle.run["kpis"]["unit_fill_rate"]))
    assert figures["Unit fill rate"].number_format == "0.0%"
    assert figures["Shipments"].value == bundle.run["kpis"]["shipments"]
    assert figures["Margin"].number_format == "#,##0.00"


LINKS = ("http://example.com/x", "mailto:a@b", "internal:Sheet!A1")


@pytest.mark.parametrize("payload", [*FORMULAS, *LINKS, "12", "00123", "1E5"])
def test_no_data_becomes_a_formula_a_link_or_a_number(tmp_path, payload) -> None:
    prefix = payload if payload.isprintable() else "id"  # an id with control characters never gets past the input
    bundle = sample(8, prefix=prefix, name="n", short_text=payload)
    write_workbook(bundle, tmp_path / "plan.xlsx")
    with zipfile.ZipFile(tmp_path / "plan.xlsx") as package:
        sheets = [package.read(name) for name in package.namelist() if name.startswith("xl/worksheets/sheet")]
        assert not any("rels" in name and "worksheets" in name for name in package.namelist())
    assert len(sheets) == 1 + len(excel.sheets(bundle)) > 7
    for xml in sheets:
        assert b"<f>" not in xml
        assert b"<hyperlink" not in xml
    cells = openpyxl.load_workbook(tmp_path / "plan.xlsx")["Allocations"]["A"]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells[1:]] == bundle.tables["allocations"]["order_id"].tolist()


def test_a_text_too_long_for_a_cell_is_cut_visibly(tmp_path) -> None:
    sheet = book_of(sample(4, short_text="x" * 40_000), tmp_path)["Short lines"]
    header = [cell.value for cell in sheet[1]]
    detail = sheet.cell(2, header.index("detail") + 1).value
    assert len(detail) == excel.CELL_CHARACTERS
    assert detail.endswith("…")


def test_more_rows_than_a_sheet_holds_are_said_on_the_summary(tmp_path) -> None:
    bundle = sample(40)
    total = len(bundle.tables["allocations"])
    book = book_of(bundle, tmp_path, sheet_rows=11)
    assert book["Allocations"].max_row == 11
    notes = [row[0].value for row in book["Summary"].iter_rows() if row[0].value and "10 of" in row[0].value]
    chosen = f"10 of {total:,} rows, those with the largest margin"
    assert f"Allocations: {chosen}; all are in the table allocations beside this file." in notes
    header = [cell.value for cell in book["Allocations"][1]]
    shown = [row[header.index("margin")] for row in book["Allocations"].iter_rows(min_row=2, values_only=True)]
    largest = np.sort(bundle.tables["allocations"]["margin"].floats())[::-1][:10]
    assert sorted(shown, reverse=True) == pytest.approx(largest)
    with pytest.raises(ValueError, match="1,048,576"):
        write_workbook(bundle, tmp_path / "x.xlsx", sheet_rows=excel.FORMAT_ROWS + 1)


def test_same_plan_same_bytes(tmp_path) -> None:
    found = []
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(sample(20), tmp_path / name)
        found.append((tmp_path / name).read_bytes())
    assert found[0] == found[1]
    with zipfile.ZipFile(io.BytesIO(found[0])) as package:
        assert b"2026-11-20T00:00:00Z" in package.read("docProps/core.xml")
