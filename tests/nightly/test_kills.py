"""Killed at any moment, the night leaves the old plan or the new one, and the next start puts everything right.

By hand: ``python -m tests.nightly.test_kills [ROUNDS [SEED [postgresql]]]`` prints what was found.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests import postgresql
from tests.nightly.governed_invariants import undelivered
from tests.nightly.invariants import processes_of, uncertified, violations
from tests.nightly.nights import EVERYTHING, RECEIVED, allot, command, environment, make, recover_now, site

FIRST = date(2026, 1, 5)
WINDOW_S = 0.08
"""From the word that the plan is verified to the end of the process, on an idle machine."""
FULL_EVERY = 10
"""After so many kills one restart runs to its end; the others recover, and are killed in their turn."""
DEATH_S = 5.0
"""How long processes of a killed night may take to die: the kernel kills them, one after the other."""


@dataclass
class Kills:
    """One date after another: a night is killed, looked at, recovered from, looked at, until its date is published."""

    place: Path
    dice: random.Random
    store: str | None = None
    when: date = FIRST
    night_s: float = 60.0
    violations: list[str] = field(default_factory=list)
    moments: Counter[str] = field(default_factory=Counter)
    recovered_s: list[float] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        make(self.place, EVERYTHING, self.store)
        self.site = site(self.place)
        self._whole_night()
        for number in range(rounds):
            before = self.site.history()
            self._kill(in_window=number % 2 == 0)
            self._look(settled=False, before=before)
            self._recover()
            self._look(settled=True, before=before)
            if number % FULL_EVERY == FULL_EVERY - 1 or number == rounds - 1:
                self._whole_night()
            self._next_date_if_published()

    def _kill(self, in_window: bool) -> None:
        """SIGKILL at a random moment: of the whole night, or of the time in which it publishes."""
        words = command("nightly", self.place / "night.toml", "--business-date", self.when)
        night = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if in_window:
            self._wait_for_window(night)
        else:
            time.sleep(self.dice.uniform(0, self.night_s))
        night.send_signal(signal.SIGKILL)
        survived = night.wait() == 0
        assert night.stderr is not None
        night.stderr.close()
        state = self.site.read("SELECT stage FROM events ORDER BY event_id DESC LIMIT 1")
        self.moments["too late" if survived else f"in or after {state[0][0] if state else 'nothing'}"] += 1

    def _wait_for_window(self, night: subprocess.Popen[str]) -> None:
        """Until the plan is verified; then a random while, or until its folder is in place, or until its rows are."""
        shelf = self.site.shelf / "plans"
        folders, plans = set(shelf.glob("*")), self.site.plans()
        assert night.stderr is not None
        for line in night.stderr:
            if line.startswith(("verify  scenario full done", "record")):
                break
        aim = self.dice.choice(("moment", "folder", "rows"))
        if aim == "moment":
            time.sleep(self.dice.uniform(0, WINDOW_S))
        while aim == "folder" and night.poll() is None and set(shelf.glob("*")) == folders:
            time.sleep(0)
        while aim == "rows" and night.poll() is None and self.site.plans() == plans:
            time.sleep(0)

    def _recover(self) -> None:
        """What every start does before anything else; timed. Nothing that the killed night started lives by then."""
        until = time.monotonic() + DEATH_S
        while (living := processes_of(self.site.home)) and time.monotonic() < until:
            time.sleep(0.02)
        self.violations += [f"still at work: {process}" for process in living]
        start = time.monotonic()
        recover_now(self.place)
        self.recovered_s.append(time.monotonic() - start)

    def _whole_night(self) -> None:
        """A start that nobody kills publishes the date, or finds it published."""
        start, before = time.monotonic(), self.site.plans()
        done = allot("nightly", self.place / "night.toml", "--business-date", self.when)
        if done.returncode:
            self.violations.append(f"{self.when}: exit {done.returncode}: {done.stderr}")
        plans, status = self.site.plans(), json.loads((self.site.shelf / "status.json").read_text())
        if plans != before:
            self.night_s = min(self.night_s, time.monotonic() - start)
        if not plans or not plans[-1].startswith(str(self.when)) or status["business_date"] != str(self.when):
            self.violations.append(f"{self.when}: the last plans are {plans[-2:]}, the status says {status}")
        self._look(settled=True)
        self.violations += uncertified(self.site) + undelivered(self.site, self.place / RECEIVED)

    def _look(self, settled: bool, before: dict[str, set[tuple[object, ...]]] | None = None) -> None:
        found = violations(self.site, settled=settled, before=before)
        self.violations += [f"{self.when}, {'recovered' if settled else 'killed'}: {each}" for each in found]

    def _next_date_if_published(self) -> None:
        if any(plan.startswith(str(self.when)) for plan in self.site.plans()):
            self.when += timedelta(days=1)


def kill(place: Path, rounds: int, seed: int, store: str | None = None) -> Kills:
    """``rounds`` kills, every second one in the publish window; the store is a file or at an address."""
    kills = Kills(place, random.Random(seed), store)
    kills.run(rounds)
    return kills


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> str | None:
    """The address of the store; None: a file in the place."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def test_two_kills(tmp_path: Path, store: str | None) -> None:
    assert kill(tmp_path, 2, time.time_ns() % 2**32, store).violations == []


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_three_hundred_kills(tmp_path: Path, store: str | None) -> None:
    assert kill(tmp_path, 300, 1, store).violations == []


def main(rounds: str = "300", seed: str = "1", database: str = "sqlite") -> int:
    """The figures of a run by hand."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(postgresql.running()) if database == "postgresql" else None
        store = stack.enter_context(server.database()) if server else None
        found = kill(Path(folder), int(rounds), int(seed), store)
        plans = len(found.site.plans())
    times = sorted(found.recovered_s)
    print(f"{rounds} kills {dict(found.moments)}: {plans} plans, {len(found.violations)} violations; "
          f"recovery: median {times[len(times) // 2]:.3f} s, longest {times[-1]:.3f} s")  # fmt: skip
    print("\n".join(found.violations))
    return int(bool(found.violations))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
