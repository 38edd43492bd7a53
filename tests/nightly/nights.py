"""A small case, its configuration, and ways to run it and to look at what it published."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg

from optimizer.nightly.config import read_config
from optimizer.nightly.lock import NightLock
from optimizer.nightly.recovery import recover
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.store import Store
from tests.nightly.invariants import Rows, Site, violations
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


KEEP = '[failure]\nno_plan = "keep"\n'
"""No second attempt: what the first one meets is what the night says."""
RECEIVED, DOWN = "received.jsonl", "receiver.down"
"""What the receiver of events has written, and the file that makes it refuse."""
EVERYTHING = f"""
[release]
max_value_change_percent = 15
approvers = ["anna", "ben"]
four_eyes = true
overrides_wait = true
keep_inputs = true

[outbound]
format = "csv"

[[hook]]
name = "all"
on = ["published", "kept", "failed", "crashed", "approved", "released", "rejected", "exceptions"]
command = ["sh", "-c", 'test ! -e {DOWN} || exit 1; body=$(cat); printf "%s\\n" "$body" >> {RECEIVED}']
attempts = 1
"""
"""Everything that a night may do beside its plan: a policy by which some plans wait, outbound files, events."""
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
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


def _has_tables(place: Path) -> bool:
    if store_of(place) != FILE:
        return bool(query(place, "SELECT 1 WHERE to_regclass('plans') IS NOT NULL"))
    known = "SELECT name FROM sqlite_master WHERE name = 'plans'"
    return (place / "night" / "allot.db").exists() and bool(query(place, known))


def published(place: Path) -> list[str]:
    """Ids of all published plans, in order; nothing before the store has its tables."""
    return site(place).plans()


def site(place: Path) -> Site:
    """The publish folder and the store of a place, for whoever looks for violations."""
    ready = False

    def read(text: str) -> Rows:
        nonlocal ready
        ready = ready or _has_tables(place)
        return query(place, text) if ready else []

    return Site(place / "night", read)


def recover_now(place: Path) -> None:
    """What every start does before anything else, and nothing more."""
    config = read_config(place / "night.toml")
    with NightLock(config.publish_folder, datetime.now(UTC)):
        store, shelf = Store(config.store_url(), config.folder), Shelf(config.publish_folder)
        try:
            recover(config, store, shelf)
            shelf.clear()
        finally:
            store.close()


def assert_whole(place: Path) -> None:
    """Every plan in the store and in the folder is whole, and the link leads to one that was published."""
    found = violations(site(place), settled=False)
    assert found == [], found


def assert_tidy(place: Path) -> None:
    """Besides, the link is that of the store, and nothing is left of the way there: no temporary file, no process."""
    found = violations(site(place), settled=True)
    assert found == [], found
