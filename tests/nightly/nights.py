"""A small case, its configuration, and what must hold of a publish folder and its store at any moment."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from optimizer.report.write import digests
from tests.test_cli import tiny

ROOT = Path(__file__).parents[2]
CONFIG = """
name = "night"
scenarios = "case/scenario.toml"
store = "sqlite:///night/allot.db"
publish = "night/published"
time_zone = "Europe/Berlin"
as_of = "scenario"
"""


FILE = "sqlite:///night/allot.db"
"""The store where a place names no other one in `STORE`."""
STORE = "store.txt"


def make(place: Path, more: str = "", store: str | None = None) -> Path:
    """A case in ``place`` and a configuration beside it; the store is a file there or at an address."""
    tiny(place / "case")
    if store:
        (place / STORE).write_text(store)
    return configure(place, more)


def configure(place: Path, more: str) -> Path:
    (place / "night.toml").write_text(CONFIG.replace(FILE, store_of(place)) + more)
    return place / "night.toml"


def store_of(place: Path) -> str:
    return (place / STORE).read_text() if (place / STORE).exists() else FILE


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "optimizer", *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def allot(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=200, env=environment())


def connect(place: Path) -> Any:
    """A connection to the store, through a driver of its own."""
    if store_of(place) == FILE:
        return sqlite3.connect(place / "night" / "allot.db")
    return psycopg.connect(store_of(place))


def query(place: Path, text: str) -> list[tuple[Any, ...]]:
    """What a reader of the store sees."""
    with closing(connect(place)) as connection:
        return list(connection.execute(text).fetchall())


def published(place: Path) -> list[str]:
    """Ids of all published plans, in order; nothing before the store has its tables."""
    if store_of(place) == FILE:
        if not (place / "night" / "allot.db").exists():
            return []
        known = query(place, "SELECT name FROM sqlite_master WHERE name = 'plans'")
    else:
        known = query(place, "SELECT 1 WHERE to_regclass('plans') IS NOT NULL")
    return [row[0] for row in query(place, "SELECT plan_id FROM plans ORDER BY number")] if known else []


def assert_whole(place: Path) -> None:
    """Every plan in the store and in the folder is whole, and the link leads to one that was published."""
    shelf = place / "night" / "published"
    ids = published(place)
    assert len(ids) == len(set(ids))
    for plan_id in ids:
        folder = shelf / "plans" / plan_id
        timing = json.loads((folder / "timing.json").read_text())
        assert digests(folder) == timing["files"]
        for table in ("allocations", "shipments", "transfers", "shorts"):
            with (folder / f"{table}.csv").open() as file:
                rows = list(csv.DictReader(file))
            stored = query(place, f"SELECT count(*) FROM plan_{table} WHERE plan_id = '{plan_id}'")
            assert stored == [(len(rows),)], table
    link = shelf / "current" / "scenario"
    if link.is_symlink():
        assert link.resolve().name in ids


def assert_tidy(place: Path) -> None:
    """Nothing is left of the way there: no work folder, no stage, no plan that was never published."""
    shelf = place / "night" / "published"
    assert sorted(path.name for path in (shelf / "plans").iterdir()) == sorted(published(place))
    assert not (shelf / ".work").exists()
    assert [path for path in (place / "night").rglob("*") if ".allot-stage" in path.name or ".link" in path.name] == []
    store = ["allot.db"] if store_of(place) == FILE else []
    assert sorted(path.name for path in (place / "night").iterdir()) == [*store, "published"]
