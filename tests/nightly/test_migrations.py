"""A store that an earlier allot made opens, keeps what it holds, and becomes what a new one is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from optimizer.nightly.dialect import SQLITE
from optimizer.nightly.migrations import MIGRATIONS
from optimizer.nightly.registry import runs, story
from optimizer.nightly.store import Store

RELEASED = sorted((Path(__file__).parent / "released").glob("store-*.sql"))
"""Stores with two published nights, dumped; the number is that of their schema."""
SCHEMA = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"


def read(path: Path, text: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(text).fetchall()


def restore(dump: Path, place: Path) -> Store:
    with closing(sqlite3.connect(place / "allot.db")) as connection:
        connection.executescript(dump.read_text())
    return Store("sqlite:///allot.db", place)


@pytest.mark.parametrize("dump", RELEASED, ids=lambda path: path.stem)
def test_a_released_store_opens_and_becomes_like_a_new_one(tmp_path: Path, dump: Path) -> None:
    store = restore(dump, tmp_path)
    found = runs(store, "night", 10)
    assert [row["run_id"] for row in found] == ["night-2026-11-24-8508a902", "night-2026-11-23-d04fbf47"]
    assert {row["state"] for row in found} == {"published"}
    told = story(store, "night", found[1]["run_id"])
    assert told is not None
    assert [plan["plan_id"] for plan in told["plans"]] == ["2026-11-23-scenario-5eedfb609fe4"]
    store.close()
    (tmp_path / "new").mkdir()
    Store("sqlite:///allot.db", tmp_path / "new").close()
    assert read(tmp_path / "allot.db", SCHEMA) == read(tmp_path / "new/allot.db", SCHEMA)
    versions = read(tmp_path / "allot.db", "SELECT version, name FROM schema_migrations ORDER BY version")
    assert versions == [(number, step.name) for number, step in enumerate(MIGRATIONS, start=1)]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        read(tmp_path / "allot.db", "UPDATE plans SET step = 'x'")


def test_the_first_step_is_written_as_it_was_released(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "first.db")) as connection:
        for statement in MIGRATIONS[0].statements(SQLITE):
            connection.execute(statement)
        connection.commit()
    with closing(sqlite3.connect(tmp_path / "released.db")) as connection:
        connection.executescript((Path(__file__).parent / "released/store-1.sql").read_text())
    released = [row for row in read(tmp_path / "released.db", SCHEMA) if row[1] != "schema_migrations"]
    assert read(tmp_path / "first.db", SCHEMA) == released
