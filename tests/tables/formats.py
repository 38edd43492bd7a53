"""The same table in every format that can be read, each written by an ordinary library."""

from __future__ import annotations

import csv
import datetime
import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from optimizer.tables.schema import TABLES
from tests.builders import cell

FORMATS = ("csv", "parquet", "xlsx", "duckdb", "sqlite")
Row = Mapping[str, Any]

ARROW = {
    "text": pa.string(),
    "enum": pa.string(),
    "int": pa.int64(),
    "decimal": pa.decimal128(30, 9),
    "date": pa.date32(),
    "flag": pa.bool_(),
}
SQL = {
    "text": "VARCHAR",
    "enum": "VARCHAR",
    "int": "BIGINT",
    "decimal": "DECIMAL(30, 9)",
    "date": "DATE",
    "flag": "BOOLEAN",
}


def columns_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def kind_of(table: str, name: str) -> str:
    column = TABLES[table].column(name)
    return column.kind if column else "text"


def write_table(folder: Path, table: str, rows: Sequence[Row], form: str) -> Any:
    """Writes typed Python values natively; returns what to put into [data]."""
    names = columns_of(rows)
    values = {name: [row.get(name) for row in rows] for name in names}
    path = folder / f"{table}.{form}"
    places = ", ".join("?" * len(names))
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([[cell(row.get(name)) for name in names] for row in rows])
    elif form == "parquet":
        pq.write_table(pa.table({n: pa.array(values[n], ARROW[kind_of(table, n)]) for n in names}), path)
    elif form == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Data"
        sheet.append(names)
        for row in rows:
            sheet.append([excel_value(row.get(name)) for name in names])
            for at, name in enumerate(names, start=1):
                if isinstance(row.get(name), str):  # '=1+1' is text here, not a formula
                    sheet.cell(sheet.max_row, at).data_type = "s"
        book.save(path)
        return {"path": path.name, "sheet": "Data"}
    elif form == "duckdb":
        with duckdb.connect(str(path)) as db:
            typed = ", ".join(f'"{name}" {SQL[kind_of(table, name)]}' for name in names)
            db.execute(f"create table t ({typed})")
            db.executemany(f"insert into t values ({places})", [[row.get(name) for name in names] for row in rows])
        return {"sql": "select * from t", "connection": path.name}
    elif form == "sqlite":
        with sqlite3.connect(path) as db:
            db.execute("create table t ({})".format(", ".join(f'"{name}"' for name in names)))
            cells = [[sqlite_value(row.get(name)) for name in names] for row in rows]
            db.executemany(f"insert into t values ({places})", cells)
        db.close()
        return {"sql": "select * from t", "connection": path.name}
    return path.name


def excel_value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def sqlite_value(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
