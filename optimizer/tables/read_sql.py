"""A query's result as a table. Connections may be kept in an environment variable (``env:NAME``)."""

from __future__ import annotations

import os
from urllib.parse import unquote

import numpy as np

from optimizer.scenario.load import LoadedScenario
from optimizer.scenario.paths import locate_file
from optimizer.scenario.schema import ENV_REFERENCE, DataRef, redacted
from optimizer.tables.connections import QueryError, Result, Snapshots, scrubbed
from optimizer.tables.convert import raw_table
from optimizer.tables.findings import Findings, quote
from optimizer.tables.header import MAX_COLUMNS, MAX_ROWS, RefusedError, check_header
from optimizer.tables.raw import RawTable, drop_blank_rows
from optimizer.tables.schema import TableSchema

WORDS = 300
"""Characters of what a database says that are shown."""


def read_sql(
    loaded: LoadedScenario, schema: TableSchema, ref: DataRef, found: Findings, snapshots: Snapshots
) -> RawTable | None:
    """The query's result as text; None (and findings) if it cannot be had."""
    secret = ref.connection.get_secret_value() if ref.connection else ""
    source = f"query on {redacted(secret)}"
    try:
        names, columns, size = _run(loaded, schema.name, ref.sql or "", secret, snapshots)
        if len(names) > MAX_COLUMNS:
            raise QueryError(f"{len(names)} columns")
        check_header(names, source, schema.name, found)
        return drop_blank_rows(raw_table(schema, source, names, columns, np.arange(1, size + 1), found))
    except RefusedError:
        return None
    except QueryError as error:
        cure = f"correct the query or the connection: {quote(scrubbed(str(error), secret), WORDS)}"
        found.say_setting(("data", schema.name), f"a SELECT that runs and returns at most {MAX_ROWS:,} rows", cure,
                          "query_failed", value=redacted(secret), table=schema.name)  # fmt: skip
        return None


def _run(loaded: LoadedScenario, table: str, sql: str, secret: str, snapshots: Snapshots) -> Result:
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
        return snapshots.on_server(connection, sql)
    written = unquote(rest.removeprefix("/").partition("?")[0]) if separator else connection
    setting = ("data", table)
    file, line = loaded.stack.place(setting)
    folder = loaded.stack.layer(setting).folder
    outside = loaded.allow_outside or variable is not None
    column = f"data.{table}.connection"
    path = locate_file(written, folder, loaded.root, outside, file=file, column=column, line=line)
    return snapshots.in_file(path, sql)
