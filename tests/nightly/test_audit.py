"""The audit log tells of whoever changes it behind the triggers' back, and is one chain whoever writes to it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from optimizer.nightly.audit import START, Transition, append, examine, head, seal
from optimizer.nightly.store import WRITE, Store, StoreError, insert

URL = "sqlite:///allot.db"


def filled(place: Path, many: int = 5, url: str = URL) -> Store:
    store = Store(url, place)
    for number in range(many):
        with store.transaction(WRITE) as connection:
            append(connection, Transition("night", "exception", f"E-{number}", "open", "nightly", "für", {"n": number}))
    return store


def behind(place: Path, *statements: str) -> None:
    """What somebody with the database's file can do: the triggers are gone first."""
    with closing(sqlite3.connect(place / "allot.db")) as connection:
        for action in ("update", "delete"):
            connection.execute(f"DROP TRIGGER audit_log_no_{action}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_log_that_nobody_touched_is_whole(tmp_path: Path) -> None:
    store = filled(tmp_path)
    found = examine(store)
    assert (found["rows"], found["broken"]) == (5, [])
    rows = store.rows("SELECT * FROM audit_log ORDER BY seq")
    assert [row["previous"] for row in rows] == [START, *(row["hash"] for row in rows[:-1])]
    assert found["hash"] == rows[-1]["hash"]
    for row in rows:  # as docs/governance.md has it
        names = ("seq", "at", "config", "kind", "subject", "state", "who", "reason", "details")
        listed = json.dumps([row[name] for name in names], ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256((row["previous"] + listed).encode("utf-8")).hexdigest() == row["hash"]
    assert examine(store, known_hash=rows[2]["hash"])["broken"] == []
    with pytest.raises(StoreError, match="append-only"), store.transaction(WRITE) as connection:
        connection.exec_driver_sql("DELETE FROM audit_log")
    store.close()


@pytest.mark.parametrize(
    ("crime", "words"),
    [
        ("UPDATE audit_log SET who = 'nobody' WHERE seq = 3", "row 3 (exception E-2: open by nobody"),
        ("UPDATE audit_log SET details = '{\"n\":9}' WHERE seq = 2", "row 2 (exception E-1: open by nightly"),
        ("UPDATE audit_log SET at = '2020-01-01' WHERE seq = 5", "row 5 (exception E-4"),
        ("DELETE FROM audit_log WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit_log WHERE seq = 4", "row 4 is missing: row 5"),
        ("UPDATE audit_log SET seq = -7 WHERE seq = 5", "row 1 is missing: row -7 (exception E-4"),
        ("UPDATE audit_log SET hash = 'abc' WHERE seq = 2", "row 2 (exception E-1"),
    ],
)
def test_the_first_broken_link_is_named(tmp_path: Path, crime: str, words: str) -> None:
    store = filled(tmp_path)
    behind(tmp_path, crime)
    assert words in examine(store)["broken"][0]
    store.close()


def test_a_row_that_was_sealed_anew_breaks_the_next_one(tmp_path: Path) -> None:
    """Who knows how rows are sealed can forge one, and must forge all that follow."""
    store = filled(tmp_path)
    row = store.rows("SELECT * FROM audit_log WHERE seq = 3")[0]
    row["who"] = "nobody"
    behind(tmp_path, f"UPDATE audit_log SET who = 'nobody', hash = '{seal(row)}' WHERE seq = 3")
    assert "does not follow row 3" in examine(store)["broken"][0]
    store.close()


def test_an_end_that_was_cut_off_or_written_anew_is_found_by_a_hash_that_was_noted(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with store.transaction() as connection:
        noted = head(connection)
    behind(tmp_path, "DELETE FROM audit_log WHERE seq >= 4")
    assert examine(store)["broken"] == []
    assert "row 5, whose hash was noted, is not there" in examine(store, noted)["broken"][0]
    assert "no row has the hash" in examine(store, known_hash=noted["hash"])["broken"][0]
    with store.transaction(WRITE) as connection:
        append(connection, *(Transition("night", "exception", "E-9", state, "x") for state in ("open", "closed")))
    assert "row 5 is not the row whose hash was noted" in examine(store, noted)["broken"][0]
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_transitions_at_once_make_one_chain(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = URL if kind == "sqlite" else request.getfixturevalue("postgres")
    filled(tmp_path, 1, url).close()
    failed: list[BaseException] = []

    def write(number: int) -> None:
        store = Store(url, tmp_path)
        try:
            for turn in range(8):
                with store.transaction(WRITE) as connection:
                    append(connection, *(Transition("night", "plan", f"{number}-{turn}", s, "x") for s in ("a", "b")))
        except BaseException as error:
            failed.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    store = Store(url, tmp_path)
    assert (examine(store)["rows"], examine(store)["broken"]) == (65, [])
    store.close()


def test_the_store_itself_refuses_a_fork(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    row = store.rows("SELECT * FROM audit_log WHERE seq = 2")[0]
    with pytest.raises(StoreError, match="UNIQUE"), store.transaction(WRITE) as connection:
        insert(connection, "audit_log", [row | {"seq": 4, "hash": "other"}])
    store.close()


def test_a_plan_that_was_changed_among_the_plans_is_named(tmp_path: Path) -> None:
    from tests.nightly.nights import allot, make

    done = allot("nightly", make(tmp_path), "--business-date", "2026-11-23")
    assert done.returncode == 0, done.stderr
    checked = allot("runs", "audit", tmp_path / "night.toml")
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "audit     whole, 2 rows")
    with closing(sqlite3.connect(tmp_path / "night/allot.db")) as connection:
        connection.execute("DROP TRIGGER plans_no_update")
        connection.execute("UPDATE plans SET objective_value = '1000'")
        connection.commit()
    checked = allot("runs", "audit", tmp_path / "night.toml")
    assert checked.returncode == 6
    assert "was changed among the plans after it was published (row 1)" in checked.stdout
