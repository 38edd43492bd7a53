"""The store: one SQLite database with the registry of runs and the published plans; readers never wait for a writer."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import OutputError, UsageError
from optimizer.nightly.dialect import SQLITE, Dialect
from optimizer.nightly.migrations import MIGRATIONS
from optimizer.scenario.schema import redacted

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_TIMEOUT_S = 30
"""How long a writer waits for another one."""
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
"""A writer says so at the beginning: taking the lock in mid-transaction may fail without waiting."""


class StoreError(OutputError):
    """The store could not be opened, read or written; the message names it without what must stay secret."""


def database_path(url: str, folder: Path) -> Path:
    """The file that an address of a store means; refused if it is anything else than a database on disk."""
    scheme, separator, rest = url.partition(":///")
    if scheme != "sqlite" or not separator or not rest or "?" in rest or rest == ":memory:":
        shown = redacted(url) if "://" in url else "something else"
        raise UsageError(f"store: found {shown}, expected sqlite:///PATH; other databases are not supported yet")
    return folder / rest


class Row(dict[str, Any]):
    """A row by column name."""


class Store:
    """Transactions on the store at ``url``; paths in it are relative to ``folder``. Opening it applies migrations."""

    def __init__(self, url: str, folder: Path, *, must_exist: bool = False) -> None:
        path, self.shown = database_path(url, folder), redacted(url)
        self.dialect: Dialect = SQLITE
        if must_exist and not path.is_file():
            raise UsageError(f"the store {self.shown} does not exist yet; allot nightly makes it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot create {path.parent}: {error.strerror}") from None
        self._engine = _engine(path)
        self._migrate()

    @contextmanager
    def transaction(self, kind: str = READ) -> Iterator[Connection]:
        """All or nothing; every failure of the database becomes a `StoreError`."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            with self._engine.connect().execution_options(allot_begin=kind) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise StoreError(f"store {self.shown}: {error.orig}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.shown}: {type(error).__name__}") from error

    def rows(self, query: str, **values: Any) -> list[Row]:
        """The rows of one SELECT, in a transaction of its own."""
        with self.transaction() as connection:
            return select(connection, query, **values)

    def close(self) -> None:
        """Close all connections; the last one folds the write-ahead log into the database."""
        self._engine.dispose()

    def _migrate(self) -> None:
        with self.transaction(WRITE) as connection:
            connection.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS schema_migrations "
                "(version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)"
            )
            known = connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM schema_migrations").scalar_one()
            if known > len(MIGRATIONS):
                raise UsageError(
                    f"the store {self.shown} has schema {known}, this allot knows {len(MIGRATIONS)}: use a newer allot"
                )
            for version, step in enumerate(MIGRATIONS[known:], start=known + 1):
                for statement in (*(self.dialect.prepare() if version == 1 else ()), *step.statements(self.dialect)):
                    connection.exec_driver_sql(statement)
                done = {"version": version, "name": step.name, "applied_at": utc_now()}
                insert(connection, "schema_migrations", [done])


def select(connection: Connection, query: str, **values: Any) -> list[Row]:
    """The rows of a SELECT with ``:name`` placeholders."""
    from sqlalchemy import text

    return [Row(row) for row in connection.execute(text(query), values).mappings()]


def insert(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows of the same columns to a table of ours."""
    from sqlalchemy import text

    if rows:
        names = list(rows[0])
        columns, places = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), list(rows))


def utc_now() -> str:
    """The time as it is stored: UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _engine(path: Path) -> Engine:
    """Explicit transactions (the driver's own begin too late), a write-ahead log, and every commit on the disk."""
    try:
        from sqlalchemy import URL, create_engine, event
    except ModuleNotFoundError:
        raise UsageError("the nightly run needs the extra allot[nightly]: pip install 'allot[nightly]'") from None
    logging.getLogger("sqlalchemy").setLevel(logging.ERROR)
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, record: Any) -> None:
        raw.isolation_level = None
        for setting in (f"busy_timeout={BUSY_TIMEOUT_S * 1000}", "journal_mode=WAL", "synchronous=FULL",
                        "foreign_keys=ON"):  # fmt: skip
            raw.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(str(connection.get_execution_options().get("allot_begin", READ)))

    return engine
