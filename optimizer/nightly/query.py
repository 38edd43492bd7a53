"""Questions to published plans in SQL: DuckDB in memory, over the folders of the plans, CSV and Parquet alike.

Whether the rows of a plan were copied into the store or stay in files makes no difference here. A query sees the plans
that were published when it began, and nothing else: no other file, no extension, no setting.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from optimizer.errors import UsageError, VerificationError
from optimizer.nightly.config import NightlyConfig
from optimizer.nightly.plan_tables import DAYS, MONEY, PLAN_COLUMNS, WHOLE
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.store import Row, Store
from optimizer.proof.run_files import table_path
from optimizer.tables.connections import DUCKDB_SETTINGS

PLANS = """
SELECT p.plan_id, p.scenario, p.business_date, p.run_id, p.step, p.objective_value, p.gap, p.published_at,
    CASE WHEN c.plan_id IS NULL THEN 0 ELSE 1 END AS counts
FROM plans AS p LEFT JOIN current_plans AS c ON c.plan_id = p.plan_id
WHERE p.config = :config AND p.plan_id NOT IN (SELECT plan_id FROM pruned_plans) ORDER BY p.number"""
NUMBER = "DECIMAL(38, 12)"
"""Money and weights: 26 digits before the point, 12 behind it."""
ROWS_AT_ONCE = 10_000


class Answer:
    """The rows of a query as they come; ``columns`` are their names. Close it."""

    def __init__(self, config: NightlyConfig, store: Store, sql: str) -> None:
        """Raises `UsageError` for anything but one SELECT that runs."""
        import duckdb

        plans = store.rows(PLANS, config=config.name)
        self._connection = duckdb.connect(config=DUCKDB_SETTINGS | {
            "lock_configuration": "false", "enable_external_access": "true",
        })  # fmt: skip
        _define(self._connection, Shelf(config.publish_folder), plans, sql.lower())
        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError("a query is one SELECT, nothing else")
            self._result = self._connection.execute(sql)
        except duckdb.Error as error:
            raise _failed(error) from None
        self.columns = [str(column[0]) for column in self._result.description or ()]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Each row once. Raises `UsageError` where a value turns out not to fit what the query makes of it."""
        import duckdb

        try:
            while batch := self._result.fetchmany(ROWS_AT_ONCE):
                yield from batch
        except duckdb.Error as error:
            raise _failed(error) from None

    def close(self) -> None:
        self._connection.close()


def _failed(error: Exception) -> UsageError:
    """What DuckDB says, without the picture of the query that follows."""
    return UsageError(f"the query failed: {str(error).partition(chr(10))[0]}")


def _define(connection: Any, shelf: Shelf, plans: Sequence[Row], sql: str) -> None:
    """`plans`, and a view for each table: of the plans that count, and as ``all_...`` of every plan that is kept.

    Each says of its rows which plan they are of. Only those that the query names are made: a view opens every file it
    is of. Afterwards the connection sees the folders of the plans alone.
    """
    connection.execute(
        "CREATE TABLE plans (plan_id VARCHAR, scenario VARCHAR, business_date DATE, run_id VARCHAR, step VARCHAR, "
        f"objective_value {NUMBER}, gap {NUMBER}, published_at TIMESTAMPTZ, counts BOOLEAN)"
    )
    if plans:
        connection.executemany(
            f"INSERT INTO plans VALUES ({', '.join('?' * len(plans[0]))})", [list(plan.values()) for plan in plans]
        )
    _lock(connection, shelf)
    current = [plan for plan in plans if plan["counts"]]
    views = [(table, table, current) for table in PLAN_COLUMNS] + [
        (f"all_{table}", table, plans) for table in PLAN_COLUMNS
    ]
    for view, table, wanted in views:
        if view in sql:
            sources = [_source(shelf.plan_folder(plan["plan_id"]), table, plan["plan_id"]) for plan in wanted]
            connection.execute(
                f"CREATE VIEW {view} AS SELECT p.scenario, p.business_date, t.* FROM plans AS p JOIN "
                f"({' UNION ALL '.join(sources or [_nothing(table)])}) AS t ON t.plan_id = p.plan_id"
            )


def _lock(connection: Any, shelf: Shelf) -> None:
    """From here on it reads the plans, and no setting of it can be changed."""
    folder = str(shelf.plan_folder("")).rstrip("/") + "/"
    connection.execute(f"SET allowed_directories = [{_text(folder)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _source(folder: Path, table: str, plan_id: str) -> str:
    """The rows of a table of a run folder, typed."""
    try:
        path = table_path(folder, table)
    except VerificationError as error:
        raise UsageError(f"plan {plan_id}: {error}; restore {folder}") from None
    columns = ", ".join(f'{_typed(name, path.suffix == ".csv")} AS "{name}"' for name in PLAN_COLUMNS[table])
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        names = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in header)
        source = (
            f"read_csv({_text(str(path))}, auto_detect = false, header = true, delim = ',', quote = '\"', "
            f"escape = '\"', columns = {{{names}}})"
        )
    else:
        source = f"read_parquet({_text(str(path))})"
    return f"SELECT {_text(plan_id)} AS plan_id, {columns} FROM {source}"


def _kind(name: str) -> str:
    return "BIGINT" if name in WHOLE else "DATE" if name in DAYS else NUMBER if name in MONEY else "VARCHAR"


def _typed(name: str, from_csv: bool) -> str:
    """A column in its type. Text without the apostrophe that guards a CSV file from spreadsheets; blank is NULL."""
    if _kind(name) != "VARCHAR":
        return f'CAST("{name}" AS {_kind(name)})'
    return f"""regexp_replace("{name}", {_text("^'")}, '')""" if from_csv else f"""nullif("{name}", '')"""


def _nothing(table: str) -> str:
    """A table without rows."""
    columns = ", ".join(f'CAST(NULL AS {_kind(name)}) AS "{name}"' for name in PLAN_COLUMNS[table])
    return f"SELECT CAST(NULL AS VARCHAR) AS plan_id, {columns} WHERE false"


def _text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"
