"""A folder of tables with a page and a workbook over them: whole or not there, and only ever replacing its own kind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from optimizer.errors import UsageError, naming
from optimizer.report import csv_out, jsonx, words
from optimizer.report.bundle import SCHEMA_VERSION
from optimizer.report.excel import SHEET_ROWS, Formats, top_rows, workbook, write_table
from optimizer.report.place import Workspace, write_file
from optimizer.tables.tables import Table


@dataclass(frozen=True)
class Findings:
    """What such a folder tells. ``kind`` names its files: ``compare`` gives compare.html, compare.xlsx, compare.json.

    ``lines`` open the workbook; ``facts`` are what `KIND.json` says besides its kind; a blank ``page`` is not written.
    """

    kind: str
    title: str
    currency: str
    as_of: date
    lines: Sequence[str]
    facts: Mapping[str, Any]
    tables: Mapping[str, Table]
    page: str


def target_of(out: Path, kind: str) -> Path:
    """The absolute target, or a refusal where something other than an older folder of this kind is in the way."""
    target = out.absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} is not a folder; choose another --out")
    if target.is_dir() and any(target.iterdir()) and not _is_ours(target, kind):
        raise UsageError(f"{target} exists and holds other things than a result of allot {kind}; choose another --out")
    return target


def _is_ours(folder: Path, kind: str) -> bool:
    try:
        told = json.loads((folder / f"{kind}.json").read_bytes())
        files = set(told["files"]) | {f"{kind}.json"}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return told.get("kind") == kind and {entry.name for entry in folder.iterdir()} <= files


def write_findings(found: Findings, out: Path) -> Path:
    """Write everything aside and put it in place in one step; returns the folder."""
    target = target_of(out, found.kind)
    space = Workspace(target)
    try:
        for name, table in found.tables.items():
            write_file(space.folder / f"{name}.csv", csv_out.table_bytes(table))
        if found.page:
            write_file(space.folder / f"{found.kind}.html", [found.page.encode("utf-8", "backslashreplace")])
        book, made = space.folder / f"{found.kind}.xlsx", space.path / "made.xlsx"
        with naming("write", book):
            _write_workbook(found, made)
            made.rename(book)
        files = sorted(entry.name for entry in space.folder.iterdir())
        facts = {"schema_version": SCHEMA_VERSION, "kind": found.kind, **found.facts, "files": files}
        write_file(space.folder / f"{found.kind}.json", [jsonx.to_bytes(facts)])
        space.place(replace=True)
    finally:
        space.remove()
    return target


def _write_workbook(found: Findings, path: Path) -> None:
    """A sheet of words, then one for each table that has rows."""
    with workbook(path, found.title, found.as_of) as book:
        formats = Formats.of(book, found.currency)
        summary = book.add_worksheet("Summary")
        summary.hide_gridlines(2)
        summary.set_column(0, 0, 120)
        summary.write_string(0, 0, found.title, formats.title)
        cut = [
            f"{words.title(name)}: the first {SHEET_ROWS - 1:,} of {len(table):,} rows; all are in {name}.csv"
            for name, table in found.tables.items()
            if len(table) > SHEET_ROWS - 1
        ]
        for row, line in enumerate([*found.lines, *cut], start=1):
            summary.write_string(row, 0, line)
        for name, table in found.tables.items():
            if len(table):
                write_table(book.add_worksheet(words.title(name)[:31]), top_rows(table, SHEET_ROWS - 1), formats)
