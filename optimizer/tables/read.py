"""From a scenario to its tables: read from wherever they are, changed as it says, typed, linked and validated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optimizer.errors import InputError, Issue
from optimizer.scenario.load import LoadedScenario
from optimizer.scenario.paths import locate_file
from optimizer.scenario.schema import DataRef
from optimizer.tables.assemble import assemble
from optimizer.tables.changes import apply_changes
from optimizer.tables.connections import Snapshots
from optimizer.tables.findings import Findings, did_you_mean
from optimizer.tables.previous import read_previous
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import PREVIOUS, TABLES, TableSchema
from optimizer.tables.tables import Tables
from optimizer.tables.typed import without_refused

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel", ".xlsm": "excel"}


def load_tables(
    loaded: LoadedScenario, queried: Callable[[RawTable], None] = lambda raw: None
) -> tuple[Tables, list[Issue]]:
    """The tables and the warnings; an `InputError` with every finding if anything is wrong.

    ``queried`` is given each table that came out of a database, as it came: a second query might find another one.
    """
    found = Findings(loaded.stack.place)
    found.issues.extend(loaded.warnings)
    raws: dict[str, RawTable] = {}
    unread: list[str] = []
    with Snapshots() as snapshots:
        for name, ref in loaded.scenario.data.items():
            raw = read_table(loaded, name, ref, found, snapshots)
            if raw is None:
                unread.append(name)
            else:
                raws[name] = raw
                if ref.sql is not None:
                    queried(raw)
    changes = apply_changes(raws, loaded.table_changes, found, unread)
    raws = {name: without_refused(raw, found) for name, raw in raws.items()}
    previous = read_previous(loaded, found)
    if loaded.scenario.stability is not None and previous is None:
        unread.append(PREVIOUS.name)
    return assemble(raws, loaded.scenario, found, unread=unread, changes=changes, previous=previous)


def read_table(
    loaded: LoadedScenario, name: str, ref: DataRef, found: Findings, snapshots: Snapshots
) -> RawTable | None:
    """One table as text; None, and findings, if it cannot be read. Tables of one ``snapshots`` fit together."""
    setting = ("data", name)
    file, line = loaded.stack.place(setting)
    try:
        if ref.sql is not None:
            from optimizer.tables.read_sql import read_sql

            return read_sql(loaded, TABLES[name], ref, found, snapshots)
        folder = loaded.stack.layer(setting).folder
        path = locate_file(
            ref.path or "", folder, loaded.root, loaded.allow_outside, file=file, column=f"data.{name}", line=line
        )
    except InputError as error:
        found.issues.extend(error.issues)
        return None
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        cure = did_you_mean(path.suffix.lower(), FORMATS, f"use one of {', '.join(FORMATS)}")
        found.say_setting(setting, "a CSV, Parquet or Excel file", cure, "unknown_format", value=ref.path, table=name)
        return None
    if ref.sheet is not None and kind != "excel":
        found.say_setting((*setting, "sheet"), "a sheet only beside an Excel file", "remove sheet", "bad_setting",
                          value=ref.sheet, table=name)  # fmt: skip
        return None
    return _read_file(path, kind, ref, TABLES[name], found)


def _read_file(path: Path, kind: str, ref: DataRef, schema: TableSchema, found: Findings) -> RawTable | None:
    """A file of a known kind; the ending is a promise that each reader checks."""
    source = ref.path or ""
    try:
        if kind == "csv":
            from optimizer.tables.read_csv import read_csv

            return read_csv(path, schema.name, source, found)
        if kind == "parquet":
            from optimizer.tables.read_parquet import read_parquet

            return read_parquet(path, schema, source, found)
        from optimizer.tables.read_excel import read_excel

        return read_excel(path, schema, ref.sheet, source, found)
    except OSError as error:
        found.say(source, "a readable file", error.strerror or "check its permissions", "unreadable", table=schema.name)
        return None
