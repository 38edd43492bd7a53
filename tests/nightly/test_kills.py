"""Killed at any moment, the night leaves the old plan or the new one, and the next start puts everything right."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest

from tests.nightly.nights import allot, assert_tidy, assert_whole, command, environment, make, published, query

FIRST = date(2026, 1, 5)
LONGEST_S = 4.0
"""A whole night takes about this long."""
WINDOW_S = 0.08
"""From the word that the plan is verified to the end of the process."""


def processes_of(place: Path) -> list[psutil.Process]:
    """Whatever runs on behalf of this place: planning processes, and engines by their temporary folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(place) in " ".join(process.cmdline()) or str(place) in process.environ().get("TMPDIR", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for_window(place: Path, night: subprocess.Popen[str], dice: random.Random) -> None:
    """Until the plan is verified; then a random while, or until its folder is in place, or until its rows are."""
    folders, plans = set((place / "night").glob("published/plans/*")), published(place)
    assert night.stderr is not None
    for line in night.stderr:
        if line.startswith(("verify  scenario full done", "record")):
            break
    aim = dice.choice(("moment", "folder", "rows"))
    if aim == "moment":
        time.sleep(dice.uniform(0, WINDOW_S))
    while aim == "folder" and night.poll() is None and set((place / "night").glob("published/plans/*")) == folders:
        pass
    while aim == "rows" and night.poll() is None and published(place) == plans:
        pass


def start_and_kill(place: Path, when: date, dice: random.Random, in_window: bool) -> None:
    """SIGKILL at a random moment: of the whole night, or of the time in which it publishes."""
    night = subprocess.Popen(command("nightly", place / "night.toml", "--business-date", when), env=environment(),
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    if in_window:
        wait_for_window(place, night, dice)
    else:
        time.sleep(dice.uniform(0, LONGEST_S))
    night.send_signal(signal.SIGKILL)
    night.wait()
    assert night.stderr is not None
    night.stderr.close()


def kill_and_recover(place: Path, rounds: int, seed: int, store: str | None = None) -> None:
    """Each round is a business date: killed, looked at, started again, looked at."""
    dice = random.Random(seed)
    make(place, store=store)
    for number in range(rounds):
        when, before = FIRST + timedelta(days=number), published(place)
        start_and_kill(place, when, dice, in_window=number % 2 == 0)
        assert_whole(place)
        assert len(published(place)) - len(before) in (0, 1)
        done = allot("nightly", place / "night.toml", "--business-date", when)
        assert done.returncode == 0, done.stderr
        assert processes_of(place) == []
        after = published(place)
        assert len(after) == len(before) + 1
        assert after[-1].startswith(when.isoformat())
        assert (place / "night/published/current/scenario").resolve().name == after[-1]
        assert json.loads((place / "night/published/status.json").read_text())["business_date"] == when.isoformat()
        assert_whole(place)
        assert_tidy(place)
    assert query(place, "SELECT count(*) FROM runs WHERE run_id NOT IN "
                        "(SELECT run_id FROM events WHERE stage = 'record')") == [(0,)]  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str | None:
    """The address of the store; None: a file in the place."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def test_two_kills(tmp_path: Path, store: str | None) -> None:
    kill_and_recover(tmp_path, 2, time.time_ns() % 2**32, store)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_three_hundred_kills(tmp_path: Path, store: str | None) -> None:
    kill_and_recover(tmp_path, 300, 1, store)
