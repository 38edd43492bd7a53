"""A night ends with a plan that was checked, or with the last one and the reason; the record says which."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from optimizer.nightly.night import NightOutcome, run_night
from tests.nightly.nights import (
    FILE,
    ROOT,
    STORE,
    allot,
    assert_tidy,
    assert_whole,
    command,
    configure,
    environment,
    make,
    published,
    query,
    store_of,
)

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


on_both = pytest.mark.parametrize("first", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="module")
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place where Monday is published."""
    place = tmp_path_factory.mktemp("first")
    with contextlib.ExitStack() as stack:
        store = None
        if getattr(request, "param", "sqlite") == "postgresql":
            store = stack.enter_context(request.getfixturevalue("postgres_server").database())
        done = allot("nightly", make(place, store=store), "--business-date", MONDAY)
        assert done.returncode == 0, done.stderr
        yield place


@pytest.fixture
def place(request: pytest.FixtureRequest, first: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    copy = tmp_path / "place"
    shutil.copytree(first, copy, symlinks=True)
    with contextlib.ExitStack() as stack:
        if store_of(first) != FILE:
            server = request.getfixturevalue("postgres_server")
            (copy / STORE).write_text(stack.enter_context(server.database(template=store_of(first))))
            configure(copy, "")
        yield copy


def tuesday(place: Path, more: str = "") -> NightOutcome:
    return run_night(configure(place, more), TUESDAY)


def last_event(place: Path) -> tuple[str, int]:
    return query(place, "SELECT state, exit_code FROM events WHERE stage = 'record' ORDER BY event_id DESC LIMIT 1")[0]


def assert_kept(place: Path, outcome: NightOutcome, code: int, reason: str) -> None:
    """Monday's plan is what counts, and every record says why."""
    assert outcome.exit_code == code
    assert last_event(place) == ("kept", code)
    assert reason in "\n".join(outcome.summary)
    status = json.loads((place / "night/published/status.json").read_text())
    told = status["scenarios"]["scenario"]
    assert (told["kept"], told["business_date"]) == (True, MONDAY.isoformat())
    assert reason in told["reason"]
    assert len(published(place)) == 1
    assert_whole(place)
    assert_tidy(place)


@on_both
def test_the_store_holds_the_plan_of_the_folder(first: Path) -> None:
    with (first / "night/published/current/scenario/allocations.csv").open() as file:
        rows = [(row["order_id"], int(row["qty"]), row["margin"]) for row in csv.DictReader(file)]
    assert rows == [("O1", 3, "15"), ("O2", 1, "4")]
    assert query(first, "SELECT order_id, qty, margin FROM current_allocations ORDER BY order_id") == rows
    assert_whole(first)
    assert_tidy(first)


@on_both
def test_every_plan_leads_to_its_run_inputs_settings_and_versions(first: Path) -> None:
    shown = json.loads(allot("runs", "show", first / "night.toml", "--json").stdout)
    plan, run = shown["plans"][0], json.loads((first / "night/published/current/scenario/run.json").read_text())
    assert plan["run_id"] == shown["run_id"]
    assert plan["solve_run_id"] == run["run_id"]
    assert {row["table_name"]: row["digest"] for row in shown["inputs"]} == {
        row["table"]: row["digest"] for row in run["inputs"]
    }
    assert shown["scenarios"][0]["settings"]["as_of"] == run["scenario"]["as_of"]
    assert shown["versions"]["allot"] == run["versions"]["allot"]
    stages = [event["stage"] for event in shown["events"]]
    assert stages == ["start", "pull", "check", "solve", "solve", "verify", "publish", "record"]


def test_runs_are_listed(first: Path) -> None:
    done = allot("runs", "list", first / "night.toml")
    assert done.returncode == 0
    assert "published" in done.stdout
    assert MONDAY.isoformat() in done.stdout
    assert allot("runs", "show", first / "night.toml", "nobody").returncode == 2


@on_both
def test_history_cannot_be_changed(place: Path) -> None:
    for table in ("runs", "events", "plans", "plan_allocations"):
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET run_id = 'x'".replace("run_id", "plan_id")
                       if "plan" in table else f"UPDATE {table} SET run_id = 'x'"):  # fmt: skip
            with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match="append-only"):
                query(place, change)


@on_both
def test_the_same_inputs_are_not_planned_again(place: Path) -> None:
    before = (place / "night/published/current/scenario/timing.json").stat().st_mtime_ns
    outcome = run_night(place / "night.toml", MONDAY)
    assert outcome.exit_code == 0
    assert last_event(place) == ("unchanged", 0)
    assert (place / "night/published/current/scenario/timing.json").stat().st_mtime_ns == before
    assert len(published(place)) == 1


@on_both
def test_other_inputs_of_the_same_date_are_planned_and_count(place: Path) -> None:
    (place / "case/stock.csv").write_text((place / "case/stock.csv").read_text().replace(",4", ",5"))
    rule = '[tables.stock]\nmin_rows = 2\nif_broken = "warn"'
    assert run_night(configure(place, rule), MONDAY).exit_code == 0
    assert query(place, "SELECT state FROM events WHERE stage = 'check' ORDER BY event_id")[-1] == ("warned",)
    assert (place / "night/published/current/scenario").resolve().name == published(place)[1]
    assert_whole(place)


@on_both
def test_a_short_table_keeps_the_last_plan(place: Path) -> None:
    assert_kept(place, tuesday(place, "[tables.stock]\nmin_rows = 2"), 2, "stock: 1 rows, at least 2 expected")


def test_a_half_loaded_table_keeps_the_last_plan(place: Path) -> None:
    lines = (place / "case/order_lines.csv").read_text().splitlines()
    (place / "case/order_lines.csv").write_text("\n".join(lines[:2]) + "\n")
    outcome = tuesday(place, "[tables.order_lines]\nmax_drop_percent = 30")
    assert_kept(place, outcome, 2, "order_lines: 1 rows, 2 when it was last published")


@pytest.mark.parametrize(("hours", "words"), [(30, "30.0 hours old"), (-2, "2.0 hours from the future")])
def test_a_file_of_another_time_keeps_the_last_plan(place: Path, hours: int, words: str) -> None:
    then = time.time() - hours * 3600
    os.utime(place / "case/stock.csv", (then, then))
    assert_kept(place, tuesday(place, "[tables.stock]\nmax_file_age_hours = 26"), 2, words)


def test_dates_that_end_too_early_keep_the_last_plan(place: Path) -> None:
    text = (place / "case/orders.csv").read_text().splitlines()
    text = [f"{text[0]},order_date", *(f"{line},2026-11-2{number}" for number, line in enumerate(text[1:]))]
    (place / "case/orders.csv").write_text("\n".join(text) + "\n")
    rule = '[tables.orders]\ndate_column = "order_date"\nmax_age_days = 2'
    assert_kept(place, tuesday(place, rule), 2, "order_date ends at 2026-11-21, expected 2026-11-22 or later")


def test_a_table_that_cannot_be_read_keeps_the_last_plan(place: Path) -> None:
    (place / "case/stock.csv").write_text("warehouse_id,product_id,on_hand_qty\nW,P,many\n")
    assert_kept(place, tuesday(place), 2, "stock.csv:2 [on_hand_qty]")


def test_an_attempt_that_takes_too_long_is_killed_and_the_last_plan_kept(place: Path) -> None:
    outcome = tuesday(place, '[limits]\nwall_limit_s = 0.2\n[failure]\nno_plan = "keep"')
    assert_kept(place, outcome, 5, "killed at the wall limit of 0.2 s")


def kill_the_first_attempt(place: Path) -> None:
    """SIGKILL for the process that plans, as the kernel does where memory runs out."""
    wanted = str(place / "night/published/.work/scenario-full")
    while True:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if wanted in " ".join(process.cmdline()):
                    process.kill()
                    return
        time.sleep(0.01)


def test_after_a_crash_decompose_is_tried(place: Path) -> None:
    threading.Thread(target=kill_the_first_attempt, args=[place], daemon=True).start()
    assert tuesday(place).exit_code == 0
    steps = query(
        place, "SELECT step, state, exit_code FROM events WHERE stage = 'solve' ORDER BY event_id DESC LIMIT 4"
    )
    assert steps == [
        ("decompose", "done", 0),
        ("decompose", "started", None),
        ("full", "failed", 1),
        ("full", "started", None),
    ]
    assert query(place, "SELECT step FROM plans ORDER BY number")[-1] == ("decompose",)
    assert_whole(place)
    assert_tidy(place)


CLASH = "contract_id,product_id,min_qty\nK1,P,3\nK2,P,5\n"


@pytest.mark.parametrize("cure", ["keep", pytest.param("soften", marks=pytest.mark.slow)])
def test_rules_that_cannot_hold(place: Path, cure: str) -> None:
    (place / "case/contracts.csv").write_text(CLASH)
    text = (place / "case/scenario.toml").read_text()
    (place / "case/scenario.toml").write_text(text.replace("[data]", '[data]\ncontracts = "contracts.csv"'))
    outcome = tuesday(place, f'[failure]\ninfeasible = "{cure}"')
    if cure == "keep":
        assert_kept(place, outcome, 3, "the hard rules cannot all hold")
        assert (place / "night/published/failed/scenario/conflict.json").exists()
    else:
        assert outcome.exit_code == 0
        assert query(place, "SELECT step FROM plans ORDER BY number")[-1] == ("softened",)
        assert_whole(place)


def test_of_simultaneous_starts_one_publishes(place: Path) -> None:
    starts = [
        subprocess.Popen(command("nightly", place / "night.toml", "--business-date", TUESDAY), text=True,
                         env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    said = [start.communicate(timeout=200)[1] for start in starts]
    codes = sorted(start.returncode for start in starts)
    assert codes == [0, 75], said
    assert any("another run holds" in words and "process" in words for words in said)
    assert len(published(place)) == 2
    assert_whole(place)
    assert_tidy(place)


def test_an_interrupted_night_publishes_nothing_and_may_be_started_again(place: Path) -> None:
    night = subprocess.Popen(command("nightly", place / "night.toml", "--business-date", TUESDAY), text=True,
                             env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert night.stderr is not None
    assert any(line.startswith("solve") for line in night.stderr)
    night.terminate()
    said, _ = night.communicate(timeout=100)
    assert night.returncode == 143, said
    assert last_event(place) == ("interrupted", 130)
    assert f"kept the plan of {MONDAY}" in said
    assert len(published(place)) == 1
    assert_whole(place)
    assert_tidy(place)


@on_both
def test_a_published_folder_that_is_gone_is_told(place: Path) -> None:
    shutil.rmtree(place / "night/published/plans" / published(place)[0])
    outcome = run_night(place / "night.toml", MONDAY)
    assert outcome.exit_code == 1
    assert "is not at" in outcome.summary[1]
    assert "restore it" in outcome.summary[1]


def test_a_full_disk_is_named_and_the_last_plan_stays(place: Path) -> None:
    """No file may grow beyond 39 KiB: the store fails in the middle of the night, as on a disk that is full."""
    full = ["bash", "-c", 'ulimit -f 39; exec "$@"', "bash"]
    night = [*full, *command("nightly", place / "night.toml", "--business-date", TUESDAY)]
    done = subprocess.run(night, capture_output=True, text=True, timeout=200, env=environment())
    assert done.returncode == 1
    assert "error: store sqlite:///night/allot.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(published(place)) == 1
    assert_whole(place)
    assert run_night(place / "night.toml", MONDAY).exit_code == 0
    assert ("crashed",) in query(place, "SELECT state FROM events WHERE stage = 'record'")
    assert_tidy(place)


def test_one_scenario_fails_the_other_is_planned_and_an_old_date_takes_no_newer_plans_place(place: Path) -> None:
    (place / "case/other.toml").write_text('base = "scenario.toml"\n[data]\nstock = "missing.csv"\n')
    text = configure(place, "").read_text().replace('"case/scenario.toml"', '["case/other.toml", "case/scenario.toml"]')
    (place / "night.toml").write_text(text)
    outcome = run_night(place / "night.toml", date(2026, 11, 20))
    assert outcome.exit_code == 2
    assert last_event(place) == ("partial", 2)
    newer, older = published(place)
    assert outcome.summary[1].startswith("other: there is no plan at all")
    assert outcome.summary[2].startswith(f"scenario: plan {older}, full")
    assert outcome.summary[2].endswith(f"a newer plan goes on to count: {newer}")
    assert [path.resolve().name for path in (place / "night/published/current").iterdir()] == [newer]
    assert_whole(place)


@pytest.mark.slow
def test_a_plan_at_the_limit_is_published_up_to_the_largest_gap(tmp_path: Path) -> None:
    """Our own engine with a gap of 0 asked for: a verified plan whose certified gap is small and not 0."""
    base = ROOT / "scenarios" / "electronics-promotion.toml"
    make(tmp_path)
    (tmp_path / "case/scenario.toml").write_text(
        f'base = "{base}"\nname = "limit"\n[solve]\nengine = "decompose"\ngap = 0\ntime_limit_s = 5\nexplain_rows = 0\n'
    )
    kept = run_night(configure(tmp_path, "allow_outside = true\n[limits]\nmax_gap = 0"), MONDAY)
    assert kept.exit_code == 5
    assert "a verified plan, but a gap of" in kept.summary[1]
    skipped = query(tmp_path, "SELECT reason FROM events WHERE state = 'skipped'")
    assert skipped == [("decompose was the engine already",), ("an engine's plan has a smaller gap",)]
    done = run_night(configure(tmp_path, "allow_outside = true\n[limits]\nmax_gap = 0.05"), MONDAY)
    assert done.exit_code == 4
    assert query(tmp_path, "SELECT step, exit_code FROM plans") == [("limit", 4)]
    assert_whole(tmp_path)
