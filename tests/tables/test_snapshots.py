"""All tables of a connection are of one moment, whoever commits between two reads; what fails names its table."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from optimizer.tables.connections import QueryError, Snapshots
from tests.builders import write_case
from tests.postgresql import Server
from tests.tables.inputs import codes, findings, good, load

STOCK = "SELECT warehouse_id, product_id, on_hand_qty FROM stock"
TABLES = ("CREATE TABLE stock (warehouse_id VARCHAR(9), product_id VARCHAR(9), on_hand_qty INTEGER)",
          "INSERT INTO stock VALUES ('W1', 'P1', 20), ('W2', 'P2', 9)",
          "CREATE TABLE arrived (product_id VARCHAR(9), qty INTEGER)")  # fmt: skip
MOVE = (
    "UPDATE stock SET on_hand_qty = on_hand_qty - 5 WHERE product_id = 'P1'",
    "INSERT INTO arrived VALUES ('P1', 5)",
)


def execute(url: str, *statements: str) -> None:
    """All in one transaction."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def units(columns: list[object]) -> int:
    return sum(int(str(value)) for value in columns[-1])  # type: ignore[attr-defined]


def assert_one_moment(
    read: Callable[[Snapshots, str], tuple[list[str], list[object], int]], write: Callable[[], None]
) -> None:
    """Units that move from one table to the other are counted once, not twice and not never."""
    with Snapshots() as snapshots:
        before = units(read(snapshots, "SELECT on_hand_qty FROM stock")[1])
        write()
        assert units(read(snapshots, "SELECT qty FROM arrived")[1]) == 0
    with Snapshots() as snapshots:
        assert units(read(snapshots, "SELECT qty FROM arrived")[1]) == 5
        assert units(read(snapshots, "SELECT on_hand_qty FROM stock")[1]) == before - 5


def test_one_moment_of_postgresql(postgres: str) -> None:
    execute(postgres, *TABLES)
    assert_one_moment(lambda snapshots, sql: snapshots.on_server(postgres, sql), lambda: execute(postgres, *MOVE))


def test_one_moment_of_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "book.db"

    def write(*statements: str) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    write(*TABLES)
    assert_one_moment(lambda snapshots, sql: snapshots.in_file(file, sql), lambda: write(*MOVE))


def test_nobody_writes_to_a_duckdb_file_between_two_reads(tmp_path: Path) -> None:
    file = tmp_path / "book.duckdb"
    with duckdb.connect(str(file)) as connection:
        for statement in TABLES:
            connection.execute(statement)
    writer = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(file)!r}).execute({MOVE[0]!r})"]
    with Snapshots() as snapshots:
        assert units(snapshots.in_file(file, "SELECT on_hand_qty FROM stock")[1]) == 29
        refused = subprocess.run(writer, capture_output=True, text=True, timeout=60, check=False)
        assert "lock" in refused.stderr
        assert units(snapshots.in_file(file, "SELECT on_hand_qty FROM stock")[1]) == 29
    subprocess.run(writer, check=True, timeout=60)


def case(folder: Path, connection: str, **queries: str) -> Path:
    return write_case(folder, good(), {"data": {name: {"sql": sql, "connection": connection}
                                                for name, sql in queries.items()}})  # fmt: skip


def test_a_scenario_reads_all_tables_of_a_server_in_one_transaction(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    execute(postgres, *TABLES)
    moment = "pg_backend_pid() || ' ' || pg_current_snapshot()::text || now() AS x_moment"
    tables, _ = load(case(
        tmp_path, "env:ERP_URL",
        stock=STOCK.replace(" FROM", f", {moment} FROM"),
        products=f"SELECT product_id, 'all' AS family, 1.10 AS unit_cost, {moment} FROM stock",
    ))  # fmt: skip
    assert tables.stock["on_hand_qty"].tolist() == [20, 9]
    assert [str(cost) for cost in tables.products["unit_cost"].fractions()] == ["11/10", "11/10"]
    assert len({*tables.stock.extra["x_moment"], *tables.products.extra["x_moment"]}) == 1


FAILURES = {
    "a table that is not there": ("SELECT * FROM nothing", 'relation "nothing" does not exist'),
    "a write": ("WITH gone AS (DELETE FROM stock RETURNING 1) SELECT * FROM gone", "data-modifying"),
    "a write by a function": ("SELECT lo_create(0)", "read-only transaction"),
    "two statements": ("SELECT 1; DELETE FROM stock", "one SELECT, nothing else"),
    "a connection that is lost": ("SELECT pg_terminate_backend(pg_backend_pid())", "the connection was lost"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_on_a_server_is_told_for_its_table_alone(postgres: str, tmp_path: Path, failure: str) -> None:
    execute(postgres, *TABLES)
    sql, words = FAILURES[failure]
    errors, _ = findings(case(tmp_path, postgres, products=sql, stock=STOCK))
    assert [(error.code, error.column) for error in errors] == [("query_failed", "data.products")]
    assert words in errors[0].remedy
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM stock").fetchall() == [(2,)]


def test_endless_queries_on_a_server_are_stopped(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.tables.connections.QUERY_LIMIT_S", 0.3)
    errors, _ = findings(case(tmp_path, postgres, stock="SELECT pg_sleep(60)"))
    assert "statement timeout" in errors[0].remedy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("pw-", "canary-pw-"), "password authentication failed"),
        (("/test_", "/no_test_"), "does not exist"),
        (("postgresql://", "postgresql+pg8000://"), "install the driver pg8000"),
        (("127.0.0.1:", "127.0.0.1:canary"), "canary"),
    ],
)
def test_no_finding_tells_a_password(
    postgres: str, postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str], words: str,
) -> None:  # fmt: skip
    for connection in (postgres.replace(*change), "env:ERP_URL"):
        monkeypatch.setenv("ERP_URL", postgres.replace(*change))
        errors, warnings = findings(case(tmp_path, connection, stock=STOCK))
        assert codes(errors) == {"query_failed"}
        assert words in errors[0].remedy
        told = "".join(f"{issue!r} {issue.text()}" for issue in (*errors, *warnings))
        assert postgres_server.password not in told


def test_a_snapshot_is_not_taken_twice(postgres: str) -> None:
    """After a failure the next query stands for itself, on a connection of its own."""
    execute(postgres, *TABLES)
    with Snapshots() as snapshots:
        pid = snapshots.on_server(postgres, "SELECT pg_backend_pid()")[1]
        assert snapshots.on_server(postgres, "SELECT pg_backend_pid()")[1] == pid
        with pytest.raises(QueryError):
            snapshots.on_server(postgres, "SELECT 1 / 0")
        assert snapshots.on_server(postgres, "SELECT pg_backend_pid()")[1] != pid
