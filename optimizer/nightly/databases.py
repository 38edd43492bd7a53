"""The databases that can hold the store, and what each needs to keep the same promises.

A reader sees one moment of the store for as long as its transaction lasts. Writers follow one another: a transaction
that writes waits for the one before it, and nothing changes under its eyes.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import UsageError
from optimizer.nightly.dialect import POSTGRESQL, SQLITE, Dialect
from optimizer.nightly.lock import LockedError
from optimizer.scenario.schema import redacted
from optimizer.tables.connections import driver_url

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

READ, WRITE, ALONE = "read", "write", "alone"
"""Kinds of transactions; ``alone`` is none at all: each statement stands for itself."""
BUSY_TIMEOUT_S = 30
"""How long a writer waits for another one."""
LET_GO_S = 3.0
"""How long a server may take to notice that the last owner of a lock was killed."""
SERVER_SCHEMES = ("postgresql", "postgresql+psycopg", "postgres")
WRITER = "'the writer'"
"""The lock of whoever writes; no configuration can be called so."""
NETWORK = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
           "tcp_user_timeout": 30_000}  # fmt: skip
"""A connection that is gone is noticed within a minute; what the address says itself goes before."""


class Database(ABC):
    """Where a store is. ``shown`` is its address without what must stay secret."""

    dialect: Dialect

    def __init__(self, shown: str) -> None:
        self.shown = shown

    @abstractmethod
    def engine(self, *, must_exist: bool) -> Engine:
        """Connections to it. With ``must_exist``, `UsageError` if it is clear without a connection that there is none.

        Raises `OSError` where the folder of a file cannot be made.
        """

    @contextmanager
    def exclusive(self, engine: Engine, name: str) -> Iterator[None]:
        """While this lasts nobody else gets ``name``, on any host; at once `LockedError` if somebody has it."""
        yield


class File(Database):
    """An SQLite file with a write-ahead log: readers never wait, and every commit is on the disk.

    It is on one host, where the lock of the publish folder already holds.
    """

    dialect = SQLITE

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(redacted(url))
        self.path = path

    def engine(self, *, must_exist: bool) -> Engine:
        if must_exist and not self.path.is_file():
            raise missing(self.shown)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        sqlalchemy = _sqlalchemy()
        engine: Engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(self.path)), hide_parameters=True
        )

        def prepare(raw: Any, record: Any) -> None:
            raw.isolation_level = None  # the driver's own transactions begin too late
            for setting in (f"busy_timeout={BUSY_TIMEOUT_S * 1000}", "journal_mode=WAL", "synchronous=FULL",
                            "foreign_keys=ON"):  # fmt: skip
                raw.execute(f"PRAGMA {setting}")

        def begin(connection: Connection) -> None:
            """A writer says so at the beginning: taking the lock in mid-transaction may fail without waiting."""
            connection.exec_driver_sql("BEGIN IMMEDIATE" if _kind(connection) == WRITE else "BEGIN")

        sqlalchemy.event.listen(engine, "connect", prepare)
        sqlalchemy.event.listen(engine, "begin", begin)
        return engine


class Server(Database):
    """A PostgreSQL database. Readers have one snapshot a transaction; writers take turns by an advisory lock."""

    dialect = POSTGRESQL

    def __init__(self, url: str) -> None:
        super().__init__(redacted(url))
        sqlalchemy = _sqlalchemy()
        try:
            address = sqlalchemy.make_url(driver_url(url))
            settings = {key: value for key, value in NETWORK.items() if key not in address.query}
            told = {"application_name": f"allot on {platform.node()}, process {os.getpid()}"}
            self._engine: Engine = sqlalchemy.create_engine(address, hide_parameters=True, pool_pre_ping=True,
                                                    connect_args={**settings, **told})  # fmt: skip
        except ModuleNotFoundError:
            raise UsageError(
                "a store on PostgreSQL needs the extra allot[postgres]: pip install 'allot[postgres]'"
            ) from None
        except (sqlalchemy.exc.ArgumentError, ValueError):
            raise _refused("an address that cannot be read") from None

    def engine(self, *, must_exist: bool) -> Engine:
        def begin(connection: Connection) -> None:
            if _kind(connection) == READ:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            elif _kind(connection) == WRITE:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_key(WRITER)})")

        _sqlalchemy().event.listen(self._engine, "begin", begin)
        return self._engine

    @contextmanager
    def exclusive(self, engine: Engine, name: str) -> Iterator[None]:
        """By an advisory lock of a connection of its own: the server takes it back, however its owner ends."""
        options = {"isolation_level": "AUTOCOMMIT", "allot_begin": ALONE}
        with engine.connect().execution_options(**options) as connection:
            connection.detach()  # closed at the end, not handed to the next one together with the lock
            _stay_awake(connection)
            text, words = _sqlalchemy().text, {"name": name}
            until = time.monotonic() + LET_GO_S
            while not connection.execute(text(f"SELECT pg_try_advisory_lock({_key(':name')})"), words).scalar_one():
                if time.monotonic() > until:
                    owner = connection.execute(text(OWNER), words).scalar()
                    by = f" ({owner})" if owner else ""
                    raise LockedError(f"another run of {name} holds the lock of {self.shown}{by}; nothing was done")
                time.sleep(0.05)
            yield


def find_database(url: str, folder: Path) -> Database:
    """What an address of a store means; paths are relative to ``folder``. Refused if it can hold no store."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in SERVER_SCHEMES:
        return Server(url)
    path = rest.removeprefix("/")
    if scheme != "sqlite" or not rest.startswith("/") or not path or "?" in path or path == ":memory:":
        raise _refused(redacted(url) if separator else "something else")
    return File(url, folder / path)


def missing(shown: str) -> UsageError:
    """There is no store at an address."""
    return UsageError(f"the store {shown} does not exist yet; allot nightly makes it")


def _refused(shown: str) -> UsageError:
    return UsageError(f"store: found {shown}, expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")


def _kind(connection: Connection) -> str:
    return str(connection.get_execution_options().get("allot_begin", READ))


def _key(name: str) -> str:
    """The advisory lock of a name (a literal or a placeholder) in the schema of this store."""
    return f"hashtextextended('allot ' || coalesce(current_schema(), '') || ' ' || {name}, 0)"


OWNER = f"""
SELECT a.application_name || to_char(a.backend_start AT TIME ZONE 'UTC', '", since "YYYY-MM-DD HH24:MI:SS" UTC"')
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
AND ((l.classid::bigint << 32) | l.objid::bigint) = {_key(":name")}"""
"""Who holds a lock, in the words that `Server.engine` gave the server."""


def _stay_awake(connection: Connection) -> None:
    """An idle connection is not ended for being idle, and a dead one is noticed by the server too."""
    for setting in ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3"):
        connection.exec_driver_sql(f"SET {setting}")
    if (connection.dialect.server_version_info or ()) >= (14,):
        connection.exec_driver_sql("SET idle_session_timeout = 0")


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise UsageError("the nightly run needs the extra allot[nightly]: pip install 'allot[nightly]'") from None
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)  # what goes wrong is told by our own errors
    return sqlalchemy
