"""The list of violations finds what was broken on purpose: otherwise an empty list would say nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.nightly.governed_invariants import undelivered
from tests.nightly.invariants import uncertified, violations
from tests.nightly.nights import RECEIVED, published, site

SHELF = "night/published"


def plan(place: Path) -> Path:
    return place / SHELF / "plans" / published(place)[0]


def outbound(place: Path) -> Path:
    return place / SHELF / "outbound/plans" / published(place)[0]


def change(place: Path, *statements: str) -> None:
    """In the store, past its triggers and keys."""
    with closing(sqlite3.connect(place / "night/allot.db")) as store, store:
        store.execute("PRAGMA foreign_keys=OFF")
        for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            store.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            store.execute(statement)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a torn file": (lambda place: append(plan(place) / "orders.csv", "x"), "differ from their digests"),
    "a folder that is gone": (lambda place: shutil.rmtree(plan(place)), "torn"),
    "a row changed": (lambda place: change(place, "UPDATE plan_allocations SET qty = qty + 1"), "store and folder"),
    "a row gone": (lambda place: change(place, "DELETE FROM plan_shorts"), "shorts differ between store and folder"),
    "rows of nothing": (lambda place: change(place, "UPDATE plan_shipments SET plan_id = 'x'"), "is not published"),
    "no inputs": (lambda place: change(place, "DELETE FROM run_inputs"), "planned from other inputs than recorded"),
    "no run": (lambda place: change(place, "DELETE FROM runs"), "leads to no run"),
    "a stray plan": (lambda place: (place / SHELF / "plans/x").mkdir(), "left over: x"),
    "a work folder": (lambda place: (place / SHELF / ".work").mkdir(), "left over"),
    "a stage": (lambda place: (place / SHELF / "plans/.allot-stage-1").mkdir(), "left over"),
    "no end": (lambda place: change(place, "DELETE FROM events WHERE stage = 'record'"), "left over: night-"),
    "a draft gone": (lambda place: change(place, "DELETE FROM audit_log WHERE state = 'draft'"), "went through"),
    "a transition changed": (
        lambda place: change(place, "UPDATE audit_log SET who = 'x' WHERE seq = 1"),
        "row 1 of the audit log does not follow",
    ),
    "a log cut off": (lambda place: change(place, "DELETE FROM audit_log WHERE seq > 1"), "is not in the audit log"),
    "a way that is not allowed": (
        lambda place: change(place, "UPDATE audit_log SET state = 'rejected' WHERE seq = 1"),
        "went through",
    ),
    "a plan not told": (
        lambda place: change(place, "DELETE FROM hook_outbox WHERE kind = 'published'"),
        "happened and not told",
    ),
    "a release not told": (
        lambda place: change(place, "DELETE FROM hook_outbox WHERE kind = 'released'"),
        "happened and not told",
    ),
    "outbound torn": (lambda place: append(outbound(place) / "balances.csv", "x"), "differ from their digests"),
    "outbound gone": (lambda place: shutil.rmtree(outbound(place)), "left over or lost"),
    "a reservation gone": (lambda place: change(place, "DELETE FROM plan_reservations"), "reservations of"),
    "no outbound link": (
        lambda place: os.unlink(place / SHELF / "outbound/current/scenario"),
        "outbound links",
    ),
    "no link": (lambda place: os.unlink(place / SHELF / "current/scenario"), "differ from the store"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(place: Path, name: str) -> None:
    before = site(place).history()
    assert violations(site(place), settled=True, before=before) == []
    damage, words = BROKEN[name]
    damage(place)
    assert any(words in found for found in violations(site(place), settled=True, before=before))


def test_history_that_is_gone_is_found(place: Path) -> None:
    before = site(place).history()
    change(place, "DELETE FROM events WHERE stage = 'pull'")
    assert "events: 1 rows of the history are gone" in violations(site(place), settled=True, before=before)


def test_what_the_receiver_did_not_get_is_found(place: Path) -> None:
    received = place / RECEIVED
    first, *others = received.read_text().splitlines()
    assert others
    assert undelivered(site(place), received) == []
    for lines, words in (
        ([*others], "was not received"),
        ([*others, first], "in another order"),
        ([first, *others, first.replace("published", "punished")], "never sent"),
    ):
        received.write_text("".join(f"{line}\n" for line in lines))
        assert any(words in found for found in undelivered(site(place), received))


def test_a_process_that_lives_on_is_found(place: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", f"{place / 'night'}/x"], stdin=subprocess.PIPE) as orphan:
        try:
            assert any("process" in found for found in violations(site(place), settled=True))
        finally:
            orphan.kill()


def test_a_plan_of_more_than_there_is_is_not_certified(place: Path) -> None:
    change(place, f"UPDATE plans SET folder = '{plan(place)}'")
    assert uncertified(site(place)) == []
    allocations = plan(place) / "allocations.csv"
    allocations.write_text(allocations.read_text().replace(",3,", ",4,"))
    assert uncertified(site(place)) != []
