"""Old plans: questions to them in SQL, whatever their rows are kept in, and how they are removed."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from optimizer.errors import UsageError
from optimizer.nightly.config import read_config
from optimizer.nightly.night import run_night
from optimizer.nightly.prune import prune
from optimizer.nightly.query import Answer
from optimizer.nightly.store import WRITE, Store, StoreError, insert, utc_now
from tests.nightly.nights import FILE, STORE, allot, configure, connect, make, published, query, store_of

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Monday was published with its rows in the store, Tuesday as Parquet files; an order's id looks like a formula."""
    place = tmp_path_factory.mktemp("old")
    with ExitStack() as stack:
        on_server = request.param == "postgresql"
        store = stack.enter_context(request.getfixturevalue("postgres_server").database()) if on_server else None
        make(place, store=store)
        for name in ("orders", "order_lines"):
            file = place / f"case/{name}.csv"
            file.write_text(file.read_text().replace("O1", "-O1"))
        assert run_night(place / "night.toml", MONDAY).exit_code == 0
        assert run_night(configure(place, "[rows]\nstore_at_most = 1"), TUESDAY).exit_code == 0
        yield place


@pytest.fixture
def place(request: pytest.FixtureRequest, first: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy."""
    copy = tmp_path / "place"
    shutil.copytree(first, copy, symlinks=True)
    with ExitStack() as stack:
        if store_of(first) != FILE:
            server = request.getfixturevalue("postgres_server")
            (copy / STORE).write_text(stack.enter_context(server.database(template=store_of(first))))
        configure(copy, "")
        yield copy


def ask(place: Path, sql: str) -> list[dict[str, Any]]:
    config = read_config(place / "night.toml")
    with closing(Store(config.store_url(), config.folder)) as store, closing(Answer(config, store, sql)) as answer:
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows()]


def folders(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "night/published/plans").iterdir())


# -- rows --------------------------------------------------------------------------------------------------------------
def test_rows_are_in_the_store_or_in_files_and_the_store_says_where(first: Path) -> None:
    monday, tuesday = published(first)
    found = query(first, "SELECT plan_id, table_name, row_count, place FROM plan_rows ORDER BY plan_id, table_name")
    assert found == [
        (plan_id, table, size, place)
        for plan_id, place in ((monday, "store"), (tuesday, "files"))
        for table, size in (("allocations", 2), ("shipments", 2), ("shorts", 1), ("transfers", 0))
    ]
    assert query(first, "SELECT plan_id, count(*) FROM plan_allocations GROUP BY 1") == [(monday, 2)]
    assert (first / "night/published/plans" / tuesday / "allocations.parquet").is_file()


def test_a_query_is_answered_alike_from_both(first: Path) -> None:
    """The same rows and types, as the store holds them where it does: ids without guards, exact money, blanks."""
    monday, tuesday = published(first)
    rows = ask(first, "SELECT * FROM all_allocations ORDER BY plan_id, order_id")
    assert [row.pop("plan_id") for row in rows] == [monday, monday, tuesday, tuesday]
    assert [row.pop("business_date") for row in rows] == [MONDAY, MONDAY, TUESDAY, TUESDAY]
    assert rows[:2] == rows[2:]
    stored = query(first, "SELECT order_id, qty, margin, ship_product_id FROM plan_allocations ORDER BY order_id")
    assert stored == [(row["order_id"], row["qty"], f"{row['margin'].normalize():f}", row["ship_product_id"])
                      for row in rows[:2]]  # fmt: skip
    assert [row["order_id"] for row in rows[:2]] == ["-O1", "O2"]
    assert ask(first, "SELECT sum(margin) AS margin FROM allocations") == [{"margin": 19}]
    assert ask(first, "SELECT scenario, sum(short_qty) AS short FROM shorts GROUP BY 1") == [
        {"scenario": "scenario", "short": 1}
    ]
    assert ask(first, "SELECT plan_id FROM plans WHERE counts") == [{"plan_id": tuesday}]
    assert ask(first, "SELECT * FROM transfers") == []


def test_where_nothing_is_published_a_query_is_answered_too(tmp_path: Path) -> None:
    make(tmp_path)
    found = ask(tmp_path, "SELECT sum(qty) AS units, sum(cost) AS cost, max(arrive_date) AS last FROM transfers")
    assert found == [{"units": None, "cost": None, "last": None}]


def test_a_query_on_the_command_line(first: Path) -> None:
    words = ("runs", "query", first / "night.toml", "SELECT order_id, qty FROM allocations ORDER BY qty")
    assert list(csv.reader(io.StringIO(allot(*words).stdout))) == [["order_id", "qty"], ["O2", "1"], ["-O1", "3"]]
    assert json.loads(allot(*words, "--json").stdout.splitlines()[1]) == {"order_id": "-O1", "qty": 3}


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_text('{place}/night.toml')", "COPY plans TO '{place}/night/published/plans/x.csv'",
    "SELECT 1; SELECT 2", "SET threads = 1", "DROP TABLE plans", "SELECT nothing FROM plans", "",
    "SELECT CAST(plan_id AS INTEGER) FROM plans", "ATTACH '{place}/night/published/plans/x.db'",
])  # fmt: skip
def test_a_query_reads_plans_and_does_nothing_else(first: Path, sql: str) -> None:
    before = folders(first)
    with pytest.raises(UsageError, match="query"):
        ask(first, sql.format(place=first))
    assert folders(first) == before


# -- pruning -----------------------------------------------------------------------------------------------------------
def test_plans_are_pruned_once_a_later_one_counts(place: Path) -> None:
    """Monday's plan goes with all its rows and its folder; every record of it stays, and it is not planned again."""
    config = place / "night.toml"
    monday, tuesday = published(place)
    plans = query(place, "SELECT * FROM plans")
    age = (read_config(config).business_date(datetime.now(UTC)) - TUESDAY).days
    assert prune(config, age + 1, dry_run=False).plans == []
    told = allot("runs", "prune", config, "--keep-days", age, "--dry-run")
    assert told.stdout.startswith(f"would remove {monday}: 5 rows\nwould remove 1 plans, "), told.stderr
    assert folders(place) == [monday, tuesday]
    assert query(place, "SELECT count(*) FROM plan_allocations") == [(2,)]
    pruned = prune(config, 0, dry_run=False)
    assert [plan["plan_id"] for plan in pruned.plans] == [monday]
    assert folders(place) == [tuesday]
    assert (place / "night/published/current/scenario").resolve().name == tuesday
    for table in ("allocations", "shipments", "shorts", "transfers"):
        assert query(place, f"SELECT count(*) FROM plan_{table}") == [(0,)]
    events = query(place, "SELECT stage, state, reason FROM events ORDER BY event_id DESC LIMIT 2")
    assert events[1] == ("prune", "done", f"plan {monday}: 5 rows")
    assert events[0][:2] == ("record", "pruned")
    assert query(place, "SELECT * FROM plans") == plans
    assert query(place, "SELECT count(*) FROM run_inputs") == [(10,)]
    again = run_night(config, MONDAY)
    assert again.exit_code == 0
    assert "published before from the same inputs" in again.summary[1]
    assert published(place) == [monday, tuesday]
    assert ask(place, "SELECT DISTINCT plan_id FROM all_allocations") == [{"plan_id": tuesday}]


def test_the_database_refuses_to_prune_what_counts(first: Path) -> None:
    monday, tuesday = published(first)
    store = Store(store_of(first), first)
    mark = {"plan_id": tuesday, "run_id": query(first, "SELECT run_id FROM runs")[0][0], "at": utc_now()}
    only = "only a plan that a later one has superseded"
    with pytest.raises(StoreError, match=only), store.transaction(WRITE) as connection:
        insert(connection, "pruned_plans", [mark])
    store.close()
    refused = (sqlite3.IntegrityError, psycopg.IntegrityError)
    for change in (f"DELETE FROM plan_allocations WHERE plan_id = '{monday}'", "UPDATE plan_allocations SET qty = 0",
                   "DELETE FROM plan_rows"):  # fmt: skip
        with pytest.raises(refused, match="append-only"), closing(connect(first)) as raw:
            raw.execute(change)


def test_what_a_crash_left_of_a_pruned_plan_goes_with_the_next_start(place: Path) -> None:
    """The mark was committed, and the folder is still there."""
    monday, tuesday = published(place)
    store = Store(store_of(place), place)
    with store.transaction(WRITE) as connection:
        run_id = connection.exec_driver_sql("SELECT run_id FROM runs").scalar()
        insert(connection, "pruned_plans", [{"plan_id": monday, "run_id": run_id, "at": utc_now()}])
    store.close()
    assert run_night(place / "night.toml", TUESDAY).exit_code == 0
    assert folders(place) == [tuesday]
