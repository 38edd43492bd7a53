"""Nights start when the cron line says, once each, whatever daylight saving and the clock do; signals reach them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest

from optimizer.errors import UsageError
from optimizer.nightly import schedule
from optimizer.nightly.schedule import Schedule, next_start, schedule_nights, starts
from tests.nightly.nights import allot, assert_whole, environment, make, query

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(("weekday", "name"), [("0", 6), ("7", 6), ("1", 0), ("sun", 6), ("6", 5)])
def test_weekdays_are_those_of_cron(weekday: str, name: int) -> None:
    found = list(islice(starts(f"0 2 * * {weekday}", BERLIN, at("2026-11-23T12:00")), 60))
    assert {start.weekday() for start in found} == {name}
    assert len({start.date() for start in found}) == 60


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        (BERLIN, "30 2 * * *", "2026-03-28T01:00", "28T02:30+01:00 29T03:00+02:00 30T02:30+02:00"),
        (BERLIN, "30 2 * * *", "2026-10-24T01:00", "24T02:30+02:00 25T02:30+02:00 26T02:30+01:00"),
        (NEW_YORK, "30 2 * * *", "2026-03-07T01:00", "07T02:30-05:00 08T03:00-04:00 09T02:30-04:00"),
        (NEW_YORK, "30 1 * * *", "2026-10-31T01:00", "31T01:30-04:00 01T01:30-04:00 02T01:30-05:00"),
    ],
)
def test_daylight_saving(zone: ZoneInfo, cron: str, after: str, expected: str) -> None:
    """A time that spring leaves out is the end of the gap; one that autumn has twice is the first of the two."""
    found = [start.isoformat(timespec="minutes")[8:] for start in islice(starts(cron, zone, at(after, zone)), 3)]
    assert found == expected.split()


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("cron", ["0 2 * * *", "30 2 * * *", "30 1 * * *", "59 23 * * *"])
def test_every_date_has_one_night(zone: ZoneInfo, cron: str) -> None:
    found = list(islice(starts(cron, zone, at("2025-12-31T23:59", zone)), 365))
    assert [start.date() for start in found] == [date(2026, 1, 1) + timedelta(days=day) for day in range(365)]
    apart = {(after.astimezone(UTC) - before.astimezone(UTC)) for before, after in pairwise(found)}
    assert timedelta(hours=23) <= min(apart) <= timedelta(hours=23.5)
    assert max(apart) == timedelta(hours=25)


@pytest.mark.parametrize("line", ["", "0 2 * *", "61 2 * * *", "0 2 30 2 *", "0 2 * * * *", "often"])
def test_a_line_that_names_no_time_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="--cron"):
        next_start(line, BERLIN, at("2026-11-23T12:00"))


class Hands:
    """A clock that only the test moves; ``jumps`` are set, in turn, at the times that they name."""

    def __init__(self, begin: datetime, until: str, jumps: dict[str, str] | None = None) -> None:
        self.time, self.until = begin.astimezone(UTC), at(until)
        self.jumps = {at(when): at(then).astimezone(UTC) for when, then in (jumps or {}).items()}

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        for when in [when for when in self.jumps if self.time >= when]:
            self.time = self.jumps.pop(when)
        return self.time >= self.until


def nights(hands: Hands, cron: str = "30 2 * * *", last: datetime | None = None) -> tuple[list[str], list[str]]:
    """(when each night began, with its business date; what was told)."""
    begun: list[str] = []
    said: list[str] = []

    def night(business_date: date) -> int:
        begun.append(f"{hands.now().astimezone(BERLIN):%m-%d %H:%M} {business_date:%m-%d}")
        hands.time += timedelta(minutes=20)
        return 0

    Schedule(cron, BERLIN, hands, night, said.append, last).run()
    return begun, said


@pytest.fixture(autouse=True)
def _look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LOOK_S", 900.0)


def test_nights_over_both_changes_of_the_clock() -> None:
    spring, _ = nights(Hands(at("2026-03-28T00:00"), "2026-03-30T12:00"))
    assert spring == ["03-28 02:30 03-28", "03-29 03:00 03-29", "03-30 02:30 03-30"]
    autumn, _ = nights(Hands(at("2026-10-24T00:00"), "2026-10-26T12:00"))
    assert autumn == ["10-24 02:30 10-24", "10-25 02:30 10-25", "10-26 02:30 10-26"]


def test_of_missed_starts_one_is_caught_up() -> None:
    asleep = Hands(at("2026-11-20T00:00"), "2026-11-24T12:00", {"2026-11-20T12:00": "2026-11-23T09:00"})
    begun, said = nights(asleep)
    assert begun == ["11-20 02:30 11-20", "11-23 09:00 11-23", "11-24 02:30 11-24"]
    assert "the start of 2026-11-23 02:30 CET was missed: caught up now" in said


def test_what_was_missed_while_nothing_ran_is_caught_up() -> None:
    """The record knows the last night; without one nothing was missed."""
    begun, _ = nights(Hands(at("2026-11-24T01:00"), "2026-11-24T02:00"), "0 23 * * *", at("2026-11-22T23:00:02"))
    assert begun == ["11-24 01:00 11-23"]
    begun, _ = nights(Hands(at("2026-11-24T01:00"), "2026-11-24T02:00"), "0 23 * * *")
    assert begun == []


def test_stopped_between_nights_it_ends_well_whatever_the_last_one_did() -> None:
    hands = Hands(at("2026-11-23T00:00"), "2026-11-23T12:00")
    assert Schedule("30 2 * * *", BERLIN, hands, lambda date: 2, lambda line: None).run() == 0
    hands = Hands(at("2026-11-23T00:00"), "2026-11-23T12:00")
    assert Schedule("30 2 * * *", BERLIN, hands, lambda date: 2, lambda line: None).run(once=True) == 2


def test_a_clock_set_back_starts_no_night_twice() -> None:
    back = Hands(at("2026-11-23T00:00"), "2026-11-24T12:00", {"2026-11-23T03:30": "2026-11-23T01:00"})
    assert nights(back)[0] == ["11-23 02:30 11-23", "11-24 02:30 11-24"]


def test_a_clock_that_was_wrong_by_years_stops_nothing() -> None:
    wrong = Hands(at("2030-01-01T00:00"), "2030-01-02T00:00", {"2030-01-01T05:00": "2026-11-23T01:00"})
    wrong.until = at("2040-01-01T00:00")
    begun: list[date] = []

    def night(business_date: date) -> int:
        begun.append(business_date)
        if len(begun) == 3:
            wrong.until = wrong.time
        return 0

    said: list[str] = []
    Schedule("30 2 * * *", BERLIN, wrong, night, said.append).run()
    assert begun == [date(2030, 1, 1), date(2026, 11, 23), date(2026, 11, 24)]
    assert any(line.startswith("the clock was set back to 2026-11-23") for line in said)


class Shifted:
    """The clock of the machine, but for a constant."""

    def __init__(self, now: datetime, stop: threading.Event) -> None:
        self.shift, self.stop = now - datetime.now(UTC), stop

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def wait(self, seconds: float) -> bool:
        return self.stop.wait(seconds)


def test_a_night_is_run_for_real(tmp_path: Path) -> None:
    """Half a second before 2 o'clock: the night is published under the date of its start."""
    config, stop, said = make(tmp_path), threading.Event(), list[str]()
    clock = Shifted(at("2026-11-23T01:59:59.500"), stop)
    assert schedule_nights(config, "0 2 * * *", stop, said.append, ("--quiet",), once=True, clock=clock) == 0
    assert said == ["next start 2026-11-23 02:00 CET", "night of 2026-11-23 ended with exit 0"]
    assert query(tmp_path, "SELECT business_date FROM plans") == [("2026-11-23",)]
    assert_whole(tmp_path)


SCHEDULED = """
import sys, threading
from pathlib import Path
from optimizer.nightly.schedule import schedule_nights
from tests.nightly.test_schedule import Shifted, at
stop = threading.Event()
say = lambda line: print(line, file=sys.stderr, flush=True)
clock = Shifted(at("2026-11-23T01:59:59.500"), stop)
sys.exit(schedule_nights(Path(sys.argv[1]), "0 2 * * *", stop, say, (), clock=clock))
"""


def test_a_signal_ends_the_night_that_is_at_work_and_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCHEDULED, str(make(tmp_path))]
    running = subprocess.Popen(command, text=True, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stderr is not None
    assert any(line.startswith("solve") for line in running.stderr)
    children = psutil.Process(running.pid).children(recursive=True)
    running.terminate()
    said, _ = running.communicate(timeout=100)
    assert running.returncode == 143, said
    assert query(tmp_path, "SELECT state FROM events WHERE stage = 'record'") == [("interrupted",)]
    assert children
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_a_signal_while_it_waits_ends_it_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "optimizer", "schedule", str(make(tmp_path)), "--cron", "0 2 1 1 *",
               "--log-format", "json"]  # fmt: skip
    running = subprocess.Popen(command, text=True, env=environment(), stderr=subprocess.PIPE)
    assert running.stderr is not None
    told = json.loads(running.stderr.readline())
    assert (told["config"], told["stage"], told["reason"][:10]) == ("night", "schedule", "next start")
    running.terminate()
    assert running.wait(timeout=60) == 0
    assert not (tmp_path / "night").exists()


def test_the_next_starts_are_printed(tmp_path: Path) -> None:
    done = allot("schedule", make(tmp_path), "--cron", "0 2 * * 7", "--dry-run", 3)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("Sun ") and " 02:00 +" in line and "business date" in line for line in lines)
    refused = allot("schedule", tmp_path / "night.toml", "--cron", "99 * * * *", "--dry-run", 1)
    assert refused.returncode == 2
    assert "--cron: found '99 * * * *'" in refused.stderr
