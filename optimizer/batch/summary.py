"""The summary of a batch: a row for each run, from the run folders alone. Equal runs give equal bytes.

The terminal, `summary.csv`, `summary.xlsx` and `summary.html` say the same (`optimizer.report.batch_page`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from optimizer.batch.job import Outcome
from optimizer.batch.jobs import Job
from optimizer.errors import (
    BAD_INPUT,
    DEFECT,
    INFEASIBLE,
    INTERRUPTED_INT,
    INTERRUPTED_TERM,
    LIMIT_NO_PLAN,
    LIMIT_WITH_PLAN,
    OK,
    VERIFICATION_FAILED,
)
from optimizer.exact import decimal_text
from optimizer.report.place import write_file

WORST_FIRST = (DEFECT, VERIFICATION_FAILED, BAD_INPUT, INFEASIBLE, LIMIT_NO_PLAN, LIMIT_WITH_PLAN, OK)
STATUS = {
    OK: "within the gap",
    DEFECT: "defect",
    BAD_INPUT: "bad input",
    INFEASIBLE: "infeasible",
    LIMIT_WITH_PLAN: "limit hit",
    LIMIT_NO_PLAN: "no plan",
    VERIFICATION_FAILED: "rejected",
    INTERRUPTED_INT: "interrupted",
    INTERRUPTED_TERM: "interrupted",
}
KPIS = (
    "units_ordered", "units_allocated", "unit_fill_rate", "line_fill_rate", "order_fill_rate", "weighted_service_level",
    "margin", "service_value", "shipping_cost", "handling_cost", "transfer_cost", "penalties", "shipments",
    "split_orders", "backorder_units", "backorder_value",
)  # fmt: skip
"""KPIs of `run.json` that the tables list."""


@dataclass(frozen=True)
class Row:
    """One run. ``difference``: its value less that of the run that it starts from, or of the first that has a plan."""

    name: str
    status: str
    exit_code: int
    folder: str
    words: str = ""
    currency: str = ""
    as_of: str = ""
    baseline: str = ""
    value: Fraction | None = None
    gap: Fraction | None = None
    difference: Fraction | None = None
    kpis: Mapping[str, Fraction] = field(default_factory=dict)
    changes: tuple[str, ...] = ()


def worst(codes: Sequence[int]) -> int:
    """The exit code of a batch; an interruption shows as what the runs came to."""
    return next((code for code in WORST_FIRST if code in codes), OK)


def rows_of(jobs: Sequence[Job], outcomes: Mapping[str, Outcome], out: Path) -> list[Row]:
    """A row for each job in its order; differences against its start, or else the first run with a plan."""
    rows = [_row(job, outcomes.get(job.name), out) for job in jobs]
    values = {row.name: row.value for row in rows if row.value is not None}
    first = next(iter(values), "")
    told = []
    for job, row in zip(jobs, rows, strict=True):
        against = job.start if job.start in values else first
        value = values.get(against or "")
        difference = None if row.value is None or value is None or against == row.name else row.value - value
        told.append(replace(row, difference=difference, baseline=against if difference is not None and against else ""))
    return told


def _row(job: Job, outcome: Outcome | None, out: Path) -> Row:
    if outcome is None:
        return Row(job.name, "not run", INTERRUPTED_INT, "", "the batch was interrupted before its turn")
    code, status = outcome.exit_code, STATUS.get(outcome.exit_code, f"exit {outcome.exit_code}")
    words = outcome.words if code not in (OK, LIMIT_WITH_PLAN) else ""
    run = _read(Path(outcome.folder)) if outcome.folder and code not in (DEFECT, BAD_INPUT) else {}
    folder = _relative(outcome.folder, out)
    if not run:
        return Row(job.name, status, code, "", words)
    told = run["scenario"]
    kpis = {name: Fraction(value) for name, value in run.get("kpis", {}).items() if isinstance(value, int | Decimal)}
    value, gap = run.get("objective_value"), run.get("certified_gap")
    return Row(
        job.name, status, code, folder, words, told["currency"], told["as_of"], "",
        None if value is None else Fraction(value), None if gap is None else Fraction(gap), None, kpis,
        tuple(change_words(change) for change in told["changes"]),
    )  # fmt: skip


def change_words(change: Mapping[str, Any]) -> str:
    """A change as `run.json` logs it, on one line."""
    old, new = (change.get(side) for side in ("old", "new"))
    where = ", ".join(f"{name} {value}" for name, value in (change.get("where") or {}).items())
    rows = f", {change['rows']} rows" if change.get("rows") is not None else ""
    return f"{change['path']} {_blank(old)} → {_blank(new)}" + (f" where {where}" if where else "") + rows


def _blank(value: Any) -> str:
    return "blank" if value in (None, "") else str(value)


def _read(folder: Path) -> dict[str, Any]:
    """`run.json` with exact numbers; empty where there is none that can be read."""
    try:
        return dict(json.loads((folder / "run.json").read_bytes(), parse_float=Decimal))
    except (OSError, ValueError):
        return {}


def _relative(folder: str, out: Path) -> str:
    path = Path(folder)
    return path.relative_to(out.absolute()).as_posix() if path.is_relative_to(out.absolute()) else folder


# -- the same rows as files -------------------------------------------------------------------------------------------
HEADER = ("run", "status", "exit_code", "value", "difference", "against", "certified_gap", *KPIS, "currency", "changes",
          "folder", "message")  # fmt: skip


def cells(row: Row) -> Iterator[str | Fraction | int | None]:
    """The cells of a row below `HEADER`."""
    yield from (row.name, row.status, row.exit_code, row.value, row.difference, row.baseline, row.gap)
    yield from (row.kpis.get(name) for name in KPIS)
    yield from (row.currency, "; ".join(row.changes), row.folder, row.words)


def write_summary(rows: Sequence[Row], out: Path) -> None:
    """`summary.csv`, `summary.xlsx` and `summary.html` in the folder of the batch."""
    from optimizer.report.batch_page import render

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    for row in rows:
        table.writerow([_text(cell) for cell in cells(row)])
    out.mkdir(parents=True, exist_ok=True)
    _put(out / "summary.csv", text.getvalue().encode())
    _put(out / "summary.html", render(rows).encode())
    _put(out / "summary.xlsx", _workbook(rows))


def _put(path: Path, content: bytes) -> None:
    """Whole, or as it was."""
    aside = path.with_name(f".{path.name}.part")
    write_file(aside, [content])
    aside.replace(path)


def _text(cell: str | Fraction | int | None) -> str:
    """A cell of CSV: decimals in full; text that a spreadsheet would take for a formula is marked as text."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
    return decimal_text(Fraction(cell), 12)


def _workbook(rows: Sequence[Row]) -> bytes:
    import datetime

    import xlsxwriter

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"title": "batch", "author": "allot", "created": datetime.datetime(2000, 1, 1)})
    head, share, number = (book.add_format(look) for look in ({"bold": True}, {"num_format": "0.00%"},
                                                              {"num_format": "#,##0.##"}))  # fmt: skip
    sheet = book.add_worksheet("Runs")
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(rows), 1), len(HEADER) - 1)
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, len(HEADER) - 1, 14)
    for at, name in enumerate(HEADER):
        sheet.write_string(0, at, name, head)
    for place, row in enumerate(rows, start=1):
        for at, cell in enumerate(cells(row)):
            if isinstance(cell, str):
                sheet.write_string(place, at, cell)
            elif cell is not None:
                rate = HEADER[at] == "certified_gap" or HEADER[at].endswith(("_rate", "_level"))
                sheet.write_number(place, at, float(cell), share if rate else number)
    book.close()
    return buffer.getvalue()


# -- and for the terminal ---------------------------------------------------------------------------------------------
def table_lines(rows: Sequence[Row]) -> list[str]:
    """The summary in aligned columns, messages of failed runs below their rows."""
    from optimizer.report import words

    head = ("run", "status", "value", "difference", "gap", "fill", "freight")
    body = []
    for row in rows:
        money = [None if cell is None else words.amount(cell, row.currency) for cell in (row.value, row.difference)]
        freight = row.kpis.get("shipping_cost")
        rest = [
            None if row.gap is None else words.gap(row.gap),
            _percent(row.kpis.get("unit_fill_rate")),
            None if freight is None else words.amount(freight, row.currency),
        ]
        body.append([row.name, row.status, *(cell or "–" for cell in (*money, *rest))])
    widths = [max(len(line[at]) for line in [list(head), *body]) for at in range(len(head))]
    lines = [_aligned(head, widths)]
    for row, line in zip(rows, body, strict=True):
        lines.append(_aligned(line, widths))
        lines += [f"    {part}" for part in row.words.splitlines()]
    return lines


def _percent(rate: Fraction | None) -> str | None:
    from optimizer.report import words

    return None if rate is None else words.percent(rate)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    """Text to the left, figures to the right."""
    texts = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
    figures = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
    return "  ".join([*texts, *figures]).rstrip()
