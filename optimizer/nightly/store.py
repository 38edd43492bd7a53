"""The store: one database with the registry of runs and the published plans; readers see whole nights only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import OutputError, UsageError
from optimizer.nightly.databases import READ, WRITE, find_database, missing
from optimizer.nightly.migrations import MIGRATIONS
from optimizer.tables.connections import words_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["READ", "WRITE", "Row", "Store", "StoreError", "execute", "insert", "select", "utc_now"]


class StoreError(OutputError):
    """The store could not be opened, read or written; the message names it without what must stay secret."""


class Row(dict[str, Any]):
    """A row by column name."""


class Store:
    """Transactions on the store at ``url``; paths in it are relative to ``folder``. Opening it applies migrations."""

    def __init__(self, url: str, folder: Path, *, must_exist: bool = False) -> None:
        self._secret, self._database = url, find_database(url, folder)
        self.shown, self.dialect = self._database.shown, self._database.dialect
        try:
            self._engine = self._database.engine(must_exist=must_exist)
        except OSError as error:
            raise StoreError(f"cannot create {error.filename}: {error.strerror}") from None
        try:
            self._migrate(must_exist)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, kind: str = READ) -> Iterator[Connection]:
        """All or nothing; every failure of the database becomes a `StoreError`.

        `READ` sees one moment of the store throughout. `WRITE` begins when the writer before it is through, and is
        alone until it ends: what it reads first is still so when it writes.
        """
        with self._told(), self._engine.connect().execution_options(allot_begin=kind) as connection, connection.begin():
            yield connection

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Nobody else gets ``name`` meanwhile, on any host that shares a server; `LockedError` if somebody has it."""
        with self._told(), self._database.exclusive(self._engine, name):
            yield

    def rows(self, query: str, **values: Any) -> list[Row]:
        """The rows of one SELECT, in a transaction of its own."""
        with self.transaction() as connection:
            return select(connection, query, **values)

    def close(self) -> None:
        """Close all connections; the last one folds the write-ahead log of a file into the database."""
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures of the database in one line, without the address they may quote."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"store {self.shown}: {words_of(error.orig, self._secret)}") from None
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.shown}: {type(error).__name__}") from None

    def _migrate(self, must_exist: bool) -> None:
        """Bring the schema up to date. A store that is so already is only read: an account that may no more will do."""
        with self.transaction() as connection:
            known = _version(connection)
        if known is None and must_exist:
            raise missing(self.shown)
        if known is not None and known > len(MIGRATIONS):
            raise UsageError(
                f"the store {self.shown} has schema {known}, this allot knows {len(MIGRATIONS)}: use a newer allot"
            )
        if known == len(MIGRATIONS):
            return
        with self.transaction(WRITE) as connection:
            known = _version(connection)  # another start may have been quicker
            if known is None:
                connection.exec_driver_sql(
                    "CREATE TABLE schema_migrations "
                    "(version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)"
                )
                for statement in self.dialect.prepare():
                    connection.exec_driver_sql(statement)
            for version, step in enumerate(MIGRATIONS[known or 0 :], start=(known or 0) + 1):
                for statement in step.statements(self.dialect):
                    connection.exec_driver_sql(statement)
                done = {"version": version, "name": step.name, "applied_at": utc_now()}
                insert(connection, "schema_migrations", [done])


def _version(connection: Connection) -> int | None:
    """The number of the last step that was applied; None where there is no store."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table("schema_migrations"):
        return None
    return int(connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM schema_migrations").scalar_one())


def select(connection: Connection, query: str, **values: Any) -> list[Row]:
    """The rows of a SELECT with ``:name`` placeholders."""
    from sqlalchemy import text

    return [Row(row) for row in connection.execute(text(query), values).mappings()]


def execute(connection: Connection, statement: str, **values: Any) -> None:
    """A statement with ``:name`` placeholders that returns nothing."""
    from sqlalchemy import text

    connection.execute(text(statement), values)


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
