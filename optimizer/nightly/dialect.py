"""What the two databases of the store write differently: a handful of types, and how a table refuses changes.

A migration step is a function of the dialect that yields statements. Everything else in them is SQL that both read:
TEXT for money, dates and words, quoted names where a word is reserved, no INSERT OR REPLACE. A table that only grows
is handed to `Dialect.append_only` once it is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator


class Dialect(ABC):
    """The words of one database; ``name`` is SQLAlchemy's."""

    name: str
    serial: str
    """The type of a primary key that counts upwards by itself, and of nothing else."""
    whole: str
    """Whole numbers of 64 bits."""
    real: str
    """Floating point numbers of 64 bits; for durations, never for money."""

    def prepare(self) -> Iterator[str]:
        """Statements that precede the first step."""
        yield from ()

    @abstractmethod
    def append_only(self, *tables: str) -> Iterator[str]:
        """Triggers by which the tables take new rows, and refuse to change or lose any: an integrity error."""

    @abstractmethod
    def refuse(self, name: str, action: str, table: str, condition: str, message: str) -> Iterator[str]:
        """A trigger that refuses to INSERT, UPDATE or DELETE rows of which the condition on NEW or OLD holds."""

    @abstractmethod
    def drop_trigger(self, name: str, table: str) -> str:
        """The end of a trigger."""


class SQLite(Dialect):
    """The store in a file. Its trigger names and texts were released: they stay as they are."""

    name, serial, whole, real = "sqlite", "INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGER", "REAL"

    def append_only(self, *tables: str) -> Iterator[str]:
        for table in tables:
            for action in ("UPDATE", "DELETE"):
                yield f"""CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""

    def refuse(self, name: str, action: str, table: str, condition: str, message: str) -> Iterator[str]:
        yield f"""CREATE TRIGGER {name} BEFORE {action} ON {table} WHEN {condition}
            BEGIN SELECT RAISE(ABORT, '{message}'); END"""

    def drop_trigger(self, name: str, table: str) -> str:
        return f"DROP TRIGGER {name}"


class PostgreSQL(Dialect):
    """The store on a server. Emptying a table at one stroke (TRUNCATE) is refused as well."""

    name, real = "postgresql", "DOUBLE PRECISION"
    serial, whole = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BIGINT"

    def prepare(self) -> Iterator[str]:
        yield """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only', ERRCODE = 'restrict_violation';
            END $$"""

    def append_only(self, *tables: str) -> Iterator[str]:
        for table in tables:
            for action in ("UPDATE", "DELETE", "TRUNCATE"):
                yield f"""CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""

    def refuse(self, name: str, action: str, table: str, condition: str, message: str) -> Iterator[str]:
        row = "OLD" if action == "DELETE" else "NEW"
        yield f"""CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {condition} THEN RAISE EXCEPTION USING MESSAGE = '{message}', ERRCODE = 'restrict_violation'; END IF;
            RETURN {row}; END $$"""
        yield f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"

    def drop_trigger(self, name: str, table: str) -> str:
        return f"DROP TRIGGER {name} ON {table}"


SQLITE, POSTGRESQL = SQLite(), PostgreSQL()
Statements = Callable[[Dialect], Iterable[str]]
"""A migration step: what is to be executed, one statement a text, without ``%`` or ``:name``."""
