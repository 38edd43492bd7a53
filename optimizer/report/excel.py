"""`plan.xlsx`: the plan as a workbook with typed columns, filters and frozen headers; no cell is ever a formula.

Ids are text, numbers are numbers (a spreadsheet keeps 15 digits; the tables of the run folder keep all), dates are
dates. The bytes depend on the plan alone: the creation date is the scenario's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.report import words
from optimizer.report.bundle import RunBundle
from optimizer.report.goal_rows import goal_rows
from optimizer.tables.part import rows_of
from optimizer.tables.tables import Column, Table

FORMAT_ROWS = 1_048_576
"""Rows that a sheet of the format can have, the header among them."""
SHEET_ROWS = 10_001
"""Rows that we write at most, the header among them: more take minutes to write and to open."""
TOP_BY = {
    "orders": "margin_short", "allocations": "margin", "shipments": "units", "shorts": "short_qty",
    "shadow_prices": "price", "replenishment": "margin_at_stake",
}  # fmt: skip
"""Whose largest values choose the rows of a table that is longer; of others it is the first rows."""
CELL_CHARACTERS = 32_767
SAMPLE_ROWS = 500
NARROWEST, WIDEST = 8, 60

SHEETS = (
    ("Exceptions", "exceptions"),
    ("Orders", "orders"),
    ("Allocations", "allocations"),
    ("Shipments", "shipments"),
    ("Transfers", "transfers"),
    ("Short lines", "shorts"),
    ("Contracts", "contracts"),
    ("Fair shares", "fair_share"),
    ("Prices", "shadow_prices"),
    ("Warehouses", "warehouses"),
    ("Replenishment", "replenishment"),
)
IF_ANY = frozenset(["exceptions", "orders", "transfers", "fair_share", "replenishment"])
"""Tables that have a sheet only if they have rows."""
MONEY_COLUMNS = (
    "margin", "service_value", "variable_cost", "fixed_cost", "handling_cost", "opening_cost",
    "shadow_price", "price", "gain_plus_one", "loss_minus_one", "shipping_cost", "lateness_cost", "substitution_cost",
    "holding_value", "margin_short", "cost", "money_at_stake", "margin_at_stake", "unit_worth",
)  # fmt: skip


RATES = ("weighted_service_level", "warehouse_utilization", "inventory_to_working_capital")
"""Figures that are rates without the word in their names."""


def sheets(bundle: RunBundle) -> list[tuple[str, str]]:
    """``(title, table)`` of the sheets after Summary."""
    return [(title, name) for title, name in SHEETS if name not in IF_ANY or len(bundle.tables.get(name, ()))]


@dataclass(frozen=True)
class Formats:
    """The few cell formats of the workbook."""

    header: Any
    title: Any
    bold: Any
    wrap: Any
    whole: Any
    decimal: Any
    money: Any
    rate: Any
    date: Any

    @classmethod
    def of(cls, book: Any, currency: str) -> Formats:
        places = words.MINOR_UNITS.get(currency, 2)
        return cls(
            header=book.add_format({"bold": True, "bottom": 1, "bg_color": "#E7F1F0", "valign": "top"}),
            title=book.add_format({"bold": True, "font_size": 16}),
            bold=book.add_format({"bold": True}),
            wrap=book.add_format({"text_wrap": True, "valign": "top"}),
            whole=book.add_format({"num_format": "#,##0"}),
            decimal=book.add_format({"num_format": "#,##0.###"}),
            money=book.add_format({"num_format": "#,##0" + ("." + "0" * places if places else "")}),
            rate=book.add_format({"num_format": "0.0%"}),
            date=book.add_format({"num_format": "yyyy-mm-dd"}),
        )


def write_workbook(bundle: RunBundle, path: Path, sheet_rows: int = SHEET_ROWS) -> None:
    """Write the workbook of a run with a plan; half-written sheets lie beside ``path`` until it is done.

    ``sheet_rows`` caps each sheet; Summary says which rows of a longer table are there.
    """
    if sheet_rows > FORMAT_ROWS:
        raise ValueError(f"a sheet has at most {FORMAT_ROWS:,} rows")
    with workbook(path, bundle.scenario.name, bundle.scenario.as_of) as book:
        formats = Formats.of(book, bundle.scenario.currency)
        _summary(book.add_worksheet("Summary"), bundle, formats, sheet_rows)
        for title, name in sheets(bundle):
            write_table(book.add_worksheet(title), top_rows(bundle.tables[name], sheet_rows - 1), formats)


@contextmanager
def workbook(path: Path, title: str, made: date) -> Iterator[Any]:
    """A workbook whose cells are never formulas or links, written at the end of the block, dated ``made``."""
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(path.parent),
    }
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"title": title, "author": "allot", "created": datetime.combine(made, time.min)})
    yield book
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(*error.args[0].args) from error  # one family of failures for whoever writes


def _summary(sheet: Any, bundle: RunBundle, formats: Formats, sheet_rows: int) -> None:
    """The plan in words, its figures, and what the workbook leaves out."""
    scenario, run = bundle.scenario, bundle.run
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 22)
    sheet.set_column(2, 2, 60)
    level, badge, banner = words.status(run, bundle.has_plan, bundle.verification)
    goals = [f"{goal.name}: {goal.kept}; this plan {goal.reached}" for goal in goal_rows(run)]
    lines = [text for text in (*words.headline(run, scenario.currency), banner, *goals) if text]
    row = 0
    sheet.write_string(row, 0, _text(scenario.name), formats.title)
    for text in lines:
        row += 1
        sheet.write_string(row, 0, _text(text), formats.bold if level != "good" and text == banner else None)
    row += 2
    for key, value in (
        ("Run", str(run.get("run_id", ""))),
        ("As of", scenario.as_of.isoformat()),
        ("Currency", scenario.currency),
        ("Status", badge),
    ):
        sheet.write_string(row, 0, key)
        sheet.write_string(row, 1, _text(value))
        row += 1
    row = _kpi_rows(sheet, run.get("kpis") or {}, formats, row + 1)
    for title, name in sheets(bundle):
        if len(bundle.tables[name]) > sheet_rows - 1:
            chosen = f"with the largest {TOP_BY[name]}" if name in TOP_BY else "that come first"
            part = f"{sheet_rows - 1:,} of {len(bundle.tables[name]):,} rows, those {chosen}"
            note = f"{title}: {part}; all are in the table {name} beside this file."
            row += 1
            sheet.write_string(row, 0, note, formats.bold)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _kpi_rows(sheet: Any, kpis: Any, formats: Formats, row: int) -> int:
    """Every KPI as a number with its own format."""
    sheet.write_string(row, 0, "Figure", formats.header)
    sheet.write_string(row, 1, "Value", formats.header)
    for name, value in kpis.items():
        row += 1
        sheet.write_string(row, 0, words.title(name))
        exact = words.number(value)
        if exact is None:
            sheet.write_string(row, 1, "–")
            continue
        is_rate = name.endswith("_rate") or name.startswith(RATES)
        form = formats.rate if is_rate else formats.whole if isinstance(value, int) else formats.money
        sheet.write_number(row, 1, float(exact), form)
    return row + 1


def top_rows(table: Table, most: int) -> Table:
    """At most so many rows of a table, in its order: those with the largest value of the column in `TOP_BY`."""
    if len(table) <= most:
        return table
    rows = np.arange(most)
    if table.name in TOP_BY:
        values = table[TOP_BY[table.name]]
        amount = values.floats() if isinstance(values, Exact) else values
        rows = np.sort(np.argsort(-np.abs(amount), kind="stable")[:most])
    return rows_of(table, rows)


def write_table(sheet: Any, table: Table, formats: Formats) -> None:
    """One table: header, filter, frozen first row, typed cells."""
    columns, count = {**table.columns, **table.extra}, len(table)
    for at, (name, values) in enumerate(columns.items()):
        sheet.set_column(at, at, _width(name, values), None)
        sheet.write_string(0, at, _text(name), formats.header)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    writers = [
        _writer(sheet, at, name, values, table.given(name), formats)
        for at, (name, values) in enumerate(columns.items())
    ]
    for start in range(0, count, 10_000):  # by pieces, so that the cells of a long table are never all in memory
        stop = min(start + 10_000, count)
        for row, cells in enumerate(zip(*(writer(start, stop) for writer in writers), strict=True), start + 1):
            for write in cells:
                if write is not None:
                    write[0](row, *write[1:])


Cell = tuple[Any, ...] | None


def _writer(
    sheet: Any, at: int, name: str, values: Column, given: NDArray[np.bool_], formats: Formats
) -> Callable[[int, int], Iterator[Cell]]:
    """A column as calls: for rows start..stop, what to write into each cell (None: leave it blank)."""
    kind = "exact" if isinstance(values, Exact) else values.dtype.kind
    number_format = formats.money if name in MONEY_COLUMNS else formats.decimal if kind == "exact" else formats.whole

    def cells(start: int, stop: int) -> Iterator[Cell]:
        piece: Any = values[start:stop]
        present = given[start:stop].tolist()
        if kind == "exact":
            items = piece.floats().tolist()
        elif kind == "M":
            items = piece.astype("datetime64[D]").tolist()
            present = [there and item is not None for there, item in zip(present, items, strict=True)]
        else:
            items = piece.tolist()
        for there, item in zip(present, items, strict=True):
            if not there or item == "":
                yield None
            elif kind == "O":
                yield sheet.write_string, at, _text(item)
            elif kind == "b":
                yield sheet.write_boolean, at, item
            elif kind == "M":
                yield (sheet.write_datetime, at, item, formats.date) if item.year >= 1900 else None
            else:
                yield sheet.write_number, at, item, number_format

    return cells


def _text(text: str) -> str:
    """Text that a cell can hold."""
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"


def _width(name: str, values: Column) -> int:
    """A column's width from its header and its first rows."""
    if isinstance(values, Exact):
        longest = max((len(f"{value:,.2f}") for value in values[:SAMPLE_ROWS].floats()), default=0)
    else:
        longest = max((len(str(value)) for value in values[:SAMPLE_ROWS]), default=0)
    return min(max(longest, len(name) + 3, NARROWEST), WIDEST)
