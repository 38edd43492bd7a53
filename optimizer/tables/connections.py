"""Databases that tables are read from: DuckDB and SQLite files, locked down; any other through SQLAlchemy.

All queries of one scenario on one connection see one moment of the database, whatever others commit meanwhile: they
share a transaction that reads a snapshot. Embedded databases are opened read-only, without access to other files, and
may run one SELECT at a time. What a connection says, and with it its password, is in no message.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote
from urllib.parse import quote as url_quote

from optimizer.tables.header import MAX_ROWS

QUERY_LIMIT_S = 300
MEMORY_LIMIT = "4GB"
BATCH = 100_000
CONNECT_LIMIT_S = 10
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
SNAPSHOT_LEVELS = {
    "postgresql": "REPEATABLE READ",
    "mysql": "REPEATABLE READ",
    "mariadb": "REPEATABLE READ",
    "oracle": "SERIALIZABLE",
    "mssql": "SNAPSHOT",
}
"""The isolation level at which a transaction reads one moment, by SQLAlchemy's name of the database."""
SECRET_OPTIONS = ("pass", "pwd", "secret", "token", "key")
"""Options of an address whose names contain these are secret."""
HIDDEN = "***"

Result = tuple[list[str], list[Any], int]
"""Column names, columns, and the number of rows."""


class QueryError(Exception):
    """The database refused; the message may be shown."""


class Snapshots:
    """The connections that one scenario reads from, by address; within ``with``, each stays open after its first query.

    A connection on which a query failed is closed, and the next query opens a new one: the tables are lost anyway, and
    what is found beside that stands for itself. Nothing is tried twice: a second moment is not the first.
    """

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def __enter__(self) -> Snapshots:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._open.values():
            session.close()
        self._open.clear()

    def in_file(self, path: Path, sql: str) -> Result:
        """The result of one SELECT on a DuckDB or SQLite file. Raises `QueryError` or `OSError`."""
        return self._query(str(path), lambda: _open_file(path), sql)

    def on_server(self, url: str, sql: str) -> Result:
        """The result of one SELECT through SQLAlchemy. Raises `QueryError`."""
        return self._query(url, lambda: Server(url), sql)

    def _query(self, address: str, open_session: Callable[[], Session], sql: str) -> Result:
        if address not in self._open:
            self._open[address] = open_session()
        try:
            return self._open[address].query(sql)
        except BaseException:
            self._open.pop(address).close()
            raise


class Session(ABC):
    """An open connection and its transaction, which is never committed."""

    @abstractmethod
    def query(self, sql: str) -> Result:
        """The result of one SELECT. Raises `QueryError`."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back; never fails."""


class DuckDB(Session):
    """A DuckDB file. While it is open, no other process can write to it."""

    def __init__(self, path: Path) -> None:
        import duckdb

        try:
            self._connection = duckdb.connect(str(path), read_only=True, config=DUCKDB_SETTINGS)
            self._connection.begin()
        except duckdb.Error as error:
            raise QueryError(str(error)) from None

    def query(self, sql: str) -> Result:
        import duckdb

        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise QueryError("one SELECT, nothing else")
            with _deadline(self._connection.interrupt):
                relation = self._connection.sql(sql)
                reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
                return _collected(reader(BATCH))
        except (duckdb.Error, RuntimeError, OSError) as error:
            raise QueryError(str(error)) from None

    def close(self) -> None:
        self._connection.close()


class SQLite(Session):
    """An SQLite file. A writer's commit waits for us, or goes to its write-ahead log, and we do not see it."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}

        def authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
            if action in allowed or (action == sqlite3.SQLITE_FUNCTION and second not in DENIED_FUNCTIONS):
                return sqlite3.SQLITE_OK
            return sqlite3.SQLITE_DENY

        self._started = 0.0
        try:
            self._connection = sqlite3.connect(f"file:{url_quote(str(path))}?mode=ro", uri=True, isolation_level=None)
            self._connection.execute("BEGIN")
            self._connection.set_authorizer(authorize)
            self._connection.set_progress_handler(lambda: time.monotonic() - self._started > QUERY_LIMIT_S, 100_000)
        except sqlite3.Error as error:
            raise QueryError(str(error)) from None

    def query(self, sql: str) -> Result:
        import sqlite3

        self._started = time.monotonic()
        try:
            cursor = self._connection.execute(sql)
            return _fetched([str(column[0]) for column in cursor.description or ()], cursor)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
            raise QueryError(str(error) or type(error).__name__) from None

    def close(self) -> None:
        self._connection.close()


class Server(Session):
    """A database through SQLAlchemy; use an account that may only read. PostgreSQL is told that nothing is written."""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            import sqlalchemy
        except ModuleNotFoundError:
            raise QueryError("install allot[sql] for this kind of connection") from None
        with self._told():
            self._engine = sqlalchemy.create_engine(driver_url(url), hide_parameters=True)
            self._connection = self._engine.connect().execution_options(**self._options())
            self._connection.begin()
            if self._engine.dialect.name == "postgresql":
                self._connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(QUERY_LIMIT_S * 1000)}")

    def query(self, sql: str) -> Result:
        if sql.lstrip().partition(" ")[0].lower() not in ("select", "with") or ";" in sql.rstrip().rstrip(";"):
            raise QueryError("one SELECT, nothing else")
        with self._told():
            result = self._connection.execution_options(stream_results=True).exec_driver_sql(sql)
            return _fetched(list(result.keys()) if result.returns_rows else [], result)

    def close(self) -> None:
        with suppress(Exception):  # a connection that is gone cannot be given back in good order
            self._connection.close()
        self._engine.dispose()

    def _options(self) -> dict[str, Any]:
        level = SNAPSHOT_LEVELS.get(self._engine.dialect.name)
        options: dict[str, Any] = {"isolation_level": level} if level else {}
        if self._engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        return options

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures in words that quote nothing secret."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            yield
        except ModuleNotFoundError as error:
            cure = "install allot[postgres]" if error.name == "psycopg" else f"install the driver {error.name}"
            raise QueryError(cure) from None
        except DBAPIError as error:
            lost = "the connection was lost: " if error.connection_invalidated else ""
            raise QueryError(lost + words_of(error.orig, self._url)) from None
        except (SQLAlchemyError, ValueError, OSError) as error:
            raise QueryError(f"{type(error).__name__}: {scrubbed(str(error), self._url)}") from None


def driver_url(url: str) -> str:
    """An address with the driver that comes with allot where it names none."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgres", "postgresql") else url


def words_of(error: Any, address: str) -> str:
    """What a driver's error says in one line, without secrets; of a server's answer the message itself."""
    told = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return scrubbed(" ".join(told.split()), address)


def scrubbed(message: str, address: str) -> str:
    """A message without the address, or anything of it that must stay secret."""
    credentials = address.partition("://")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    options = parse_qsl(address.partition("?")[2], keep_blank_values=True)
    hidden = [value for key, value in options if any(part in key.lower() for part in SECRET_OPTIONS)]
    for part in sorted({address, credentials, password, unquote(password), *hidden}, key=len, reverse=True):
        if len(part) > 2 and "://" in address:
            message = message.replace(part, HIDDEN)
    return message


def _open_file(path: Path) -> Session:
    """By what the file says that it is."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if head == SQLITE_MAGIC:
        return SQLite(path)
    if head[8:12] == DUCKDB_MAGIC:
        return DuckDB(path)
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
