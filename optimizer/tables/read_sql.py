"""A query's result as a table: DuckDB and SQLite files, locked down; any other database through SQLAlchemy.

Embedded databases are opened read-only, without access to other files, and may run one SELECT. Connections may be kept
in an environment variable (``env:NAME``); what they say is never shown.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote
from urllib.parse import unquote

import numpy as np

from optimizer.scenario.load import LoadedScenario
from optimizer.scenario.paths import locate_file
from optimizer.scenario.schema import ENV_REFERENCE, DataRef, redacted
from optimizer.tables.convert import raw_table
from optimizer.tables.findings import Findings, quote
from optimizer.tables.header import MAX_COLUMNS, MAX_ROWS, RefusedError, check_header
from optimizer.tables.raw import RawTable, drop_blank_rows
from optimizer.tables.schema import TableSchema

QUERY_LIMIT_S = 300
MEMORY_LIMIT = "4GB"
BATCH = 100_000
SQLITE_MAGIC = b"SQLite format 3\0"
DUCKDB_MAGIC = b"DUCK"
DUCKDB_SETTINGS: dict[str, Any] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY_LIMIT,
    "lock_configuration": "true",
}
DENIED_FUNCTIONS = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer")

Result = tuple[list[str], list[Any], int]
"""Column names, columns, and the number of rows."""


class QueryError(Exception):
    """The database refused; the message may be shown."""


def read_sql(loaded: LoadedScenario, schema: TableSchema, ref: DataRef, found: Findings) -> RawTable | None:
    """The query's result as text; None (and findings) if it cannot be had."""
    secret = ref.connection.get_secret_value() if ref.connection else ""
    source = f"query on {redacted(secret)}"
    try:
        names, columns, size = _run(loaded, schema.name, ref.sql or "", secret)
        if len(names) > MAX_COLUMNS:
            raise QueryError(f"{len(names)} columns")
        check_header(names, source, schema.name, found)
        return drop_blank_rows(raw_table(schema, source, names, columns, np.arange(1, size + 1), found))
    except RefusedError:
        return None
    except QueryError as error:
        cure = f"correct the query or the connection: {quote(_scrubbed(str(error), secret))}"
        found.say_setting(("data", schema.name), f"a SELECT that runs and returns at most {MAX_ROWS:,} rows", cure,
                          "query_failed", value=redacted(secret), table=schema.name)  # fmt: skip
        return None


def _run(loaded: LoadedScenario, table: str, sql: str, secret: str) -> Result:
    """By the kind of connection."""
    variable = ENV_REFERENCE.match(secret)
    connection = secret
    if variable:
        name = variable[1] or variable[2]
        connection = os.environ.get(name, "")
        if not connection:
            raise QueryError(f"the environment variable {name} is not set")
    scheme, separator, rest = connection.partition("://")
    if separator and scheme.partition("+")[0] not in ("duckdb", "sqlite"):
        return _by_sqlalchemy(connection, sql)
    written = unquote(rest.removeprefix("/").partition("?")[0]) if separator else connection
    setting = ("data", table)
    file, line = loaded.stack.place(setting)
    folder = loaded.stack.layer(setting).folder
    outside = loaded.allow_outside or variable is not None
    column = f"data.{table}.connection"
    path = locate_file(written, folder, loaded.root, outside, file=file, column=column, line=line)
    with path.open("rb") as stream:
        head = stream.read(16)
    if head == SQLITE_MAGIC:
        return _by_sqlite(path, sql)
    if head[8:12] == DUCKDB_MAGIC:
        return _by_duckdb(path, sql)
    raise QueryError("the file is neither a DuckDB nor a SQLite database")


@contextmanager
def _deadline(stop: Any) -> Iterator[None]:
    """Calls ``stop`` if the query runs too long."""
    timer = threading.Timer(QUERY_LIMIT_S, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _by_duckdb(path: Path, sql: str) -> Result:
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True, config=DUCKDB_SETTINGS)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("one SELECT, nothing else")
        with _deadline(connection.interrupt):
            relation = connection.sql(sql)
            reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
            return _collected(reader(BATCH))
    except (duckdb.Error, RuntimeError, OSError) as error:
        raise QueryError(str(error)) from None
    finally:
        connection.close()


def _collected(reader: Any) -> Result:
    import pyarrow as pa

    batches, size = [], 0
    for batch in reader:
        size += batch.num_rows
        if size > MAX_ROWS:
            raise QueryError(f"more than {MAX_ROWS:,} rows")
        batches.append(batch)
    table = pa.Table.from_batches(batches, reader.schema)
    return list(table.column_names), list(table.columns), size


def _by_sqlite(path: Path, sql: str) -> Result:
    import sqlite3

    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}

    def authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action in allowed or (action == sqlite3.SQLITE_FUNCTION and second not in DENIED_FUNCTIONS):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    started = time.monotonic()
    try:
        connection = sqlite3.connect(f"file:{url_quote(str(path))}?mode=ro", uri=True)
        try:
            connection.set_authorizer(authorize)
            connection.set_progress_handler(lambda: time.monotonic() - started > QUERY_LIMIT_S, 100_000)
            cursor = connection.execute(sql)
            return _fetched([str(column[0]) for column in cursor.description or ()], cursor)
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        raise QueryError(str(error) or type(error).__name__) from None


def _fetched(names: list[str], result: Any) -> Result:
    """The rows of a result, turned into columns."""
    if not names:
        raise QueryError("one SELECT, nothing else")
    rows: list[Any] = []
    while batch := result.fetchmany(BATCH):
        rows.extend(batch)
        if len(rows) > MAX_ROWS:
            raise QueryError(f"more than {MAX_ROWS:,} rows")
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return names, columns, len(rows)


def _by_sqlalchemy(url: str, sql: str) -> Result:
    """Other databases: the query alone, never committed; use an account that may only read."""
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise QueryError("install allot[sql] for this kind of connection") from None
    if sql.lstrip().partition(" ")[0].lower() not in ("select", "with") or ";" in sql.rstrip().rstrip(";"):
        raise QueryError("one SELECT, nothing else")
    try:
        engine = sqlalchemy.create_engine(url, hide_parameters=True)
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.exec_driver_sql(sql)
            fetched = _fetched(list(result.keys()) if result.returns_rows else [], result)
            connection.rollback()
        return fetched
    except ModuleNotFoundError as error:
        raise QueryError(f"install the driver {error.name}") from None
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise QueryError(f"{type(error).__name__}: {_scrubbed(str(error), url)}") from None


def _scrubbed(message: str, secret: str) -> str:
    """A message without the connection or any part of its credentials."""
    credentials = secret.partition("://")[2].rpartition("@")[0]
    for part in sorted(
        {secret, credentials, *credentials.split(":", 1), unquote(credentials.partition(":")[2])}, key=len
    ):
        if len(part) > 2 and "://" in secret:
            message = message.replace(part, "***")
    return message
