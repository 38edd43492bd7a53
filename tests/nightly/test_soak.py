"""A hundred simulated nights with drifting demand and random faults, of a caller that lives through all of them.

Everything is on: plans that wait for people, overrides, outbound files, events, removal of old plans.

By hand: ``python -m tests.nightly.test_soak [sqlite | postgresql [NIGHTS [SEED]]]`` prints what was found.
"""

from __future__ import annotations

import contextlib
import errno
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from optimizer.errors import DEFECT, LIMIT_NO_PLAN, LOCKED, OK, VERIFICATION_FAILED
from optimizer.nightly.config import read_config
from optimizer.nightly.lock import LockedError, NightLock
from optimizer.nightly.night import run_night
from tests import postgresql
from tests.nightly.faulty_calls import COMPILER, Fault, FaultyCalls
from tests.nightly.governed_invariants import undelivered
from tests.nightly.invariants import Site, processes_of, uncertified, violations
from tests.nightly.nights import CONFIG, EVERYTHING, FILE, RECEIVED, STORE, command, environment, site, store_of
from tests.nightly.soak_feed import DAMAGES, RULES, Feed
from tests.nightly.soak_people import People, die

FIRST = date(2026, 3, 2)
OLD = date(2026, 2, 27)
"""As of a clock that was set back, or a date that somebody plans again: never what counts from then on."""
WARM_NIGHTS = 20
"""By then everything that is loaded once is loaded."""
GROWTH = 0.10
"""So much may the memory of the caller grow from there to the end."""
FAULTS = ("none",) * 6 + ("kill", "kill", "call", "call", "locked", "wall", "old date") + tuple(DAMAGES)
CALLS = (("write", 250), ("sync", 40), ("rename", 12), ("open", 250))
"""Kinds of system calls, and about how many of each a night makes below its folder."""


@dataclass
class Soak:
    """One business date after another. What goes wrong in the evening is put right in the morning, or is not."""

    place: Path
    dice: random.Random
    store: str | None = None
    site: Site = field(init=False)
    violations: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    settled: bool = True
    """Whether a start came to its end since the last fault."""

    def run(self, nights: int) -> None:
        if self.store:
            (self.place / STORE).write_text(self.store)
        self.site = site(self.place)
        self.feed = Feed(self.place / "case", self.dice)
        self.calls = FaultyCalls(self.place) if COMPILER else None
        self._configure("")
        self.people = People(self.config, self.site, self.dice)
        for number in range(nights):
            fault = self.dice.choice(FAULTS) if 0 < number < nights - 1 else "none"
            if number:
                self._day(number, FIRST + timedelta(days=number), last=number == nights - 1)
            self._date(number, FIRST + timedelta(days=number), fault)
            self.memory_mb.append(psutil.Process().memory_info().rss / 2**20)
            self.descriptors.append(psutil.Process().num_fds())
        self.violations += undelivered(self.site, self.place / RECEIVED)
        if nights > WARM_NIGHTS:
            self._judge_growth()

    def _configure(self, more: str) -> None:
        self.config = self.place / "night.toml"
        text = CONFIG.replace('as_of = "scenario"\n', "").replace(FILE, store_of(self.place))
        self.config.write_text(text + RULES + more + EVERYTHING)

    def _date(self, number: int, when: date, fault: str) -> None:
        """An evening, and unless it went well, in two of three cases the morning after."""
        self.faults[fault] += 1
        self.feed.arrive(when)
        if number and self.settled:
            self.people.pin(when)
        plans, before, counts = self.site.plans(), self.site.history(), self._counts()
        if fault in DAMAGES:
            self.feed.damage(fault, when)
        code = self._evening(when, fault)
        self.exits[code] += 1
        self.settled = fault not in ("kill", "call")
        found = violations(self.site, settled=self.settled, before=before)
        found += [f"still at work: {process}" for process in processes_of(self.site.home)]
        more = len(self.site.plans()) - len(plans)
        if code not in self._expected(fault):
            found.append(f"exit {code}, expected {self._expected(fault)}")
        if more > 1 or (code == OK and more != 1) or (fault in DAMAGES and more):
            found.append(f"exit {code} and {more} plans more")
        if (fault == "old date" or not more) and self._counts() != counts:
            found.append(f"{self._counts()} counts in place of {counts}")
        if more and not found:
            found += uncertified(self.site)
        if not more and self.dice.random() < 2 / 3:
            found += self._morning(when)
        self.violations += [f"{when} {fault}: {each}" for each in found]

    def _day(self, number: int, when: date, *, last: bool) -> None:
        """People decide about what waits."""
        self.people.day(number, when, last=last)
        found = violations(self.site, settled=False)
        self.violations += [f"{when} by day: {each}" for each in found]

    def _morning(self, when: date) -> list[str]:
        """The cause is put right, and the night started once more."""
        self.feed.arrive(when)
        self._configure("")
        outcome = run_night(self.config, when)
        plans, self.settled = self.site.plans(), True
        found = violations(self.site, settled=True) + uncertified(self.site)
        if outcome.exit_code != OK or not plans[-1].startswith(str(when)):
            found.append(f"in the morning exit {outcome.exit_code}: {outcome.summary}")
        return [f"in the morning: {each}" for each in found]

    def _evening(self, when: date, fault: str) -> int:
        """One start with its fault; the exit code, negative for the signal that ended it."""
        if fault == "kill":
            words = command("nightly", self.config, "--business-date", when)
            night = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.dice.uniform(0.3, 5))
            return die(night, self.site.home)
        if fault == "call" and self.calls:
            kind, most = self.dice.choice(CALLS)
            chosen = Fault(kind, self.dice.choice((errno.EIO, errno.ENOSPC, errno.EACCES)), self.dice.randint(1, most))
            ended = self.calls.run(chosen, self.site.home, "nightly", self.config, "--business-date", when)
            return ended.exit_code if "Traceback" not in ended.words else -DEFECT
        if fault == "locked":
            with NightLock(read_config(self.config).publish_folder, datetime.now(UTC)):
                try:
                    return run_night(self.config, when).exit_code
                except LockedError as error:
                    return error.exit_code
        if fault == "wall":
            self._configure('[limits]\nwall_limit_s = 0.1\n[failure]\nno_plan = "keep"\n')
        code = run_night(self.config, OLD if fault == "old date" else when).exit_code
        self._configure("")
        return code

    def _expected(self, fault: str) -> tuple[int, ...]:
        """Exit codes that a fault may lead to."""
        failed = (DEFECT, LIMIT_NO_PLAN, VERIFICATION_FAILED)
        known = {"none": (OK,), "old date": (OK,), "locked": (LOCKED,), "wall": (LIMIT_NO_PLAN,),
                 "kill": (OK, -signal.SIGKILL), "call": (OK, *failed), **DAMAGES}  # fmt: skip
        return known[fault]

    def _counts(self) -> list[tuple[object, ...]]:
        return self.site.read("SELECT plan_id FROM current_plans ORDER BY scenario")

    def _judge_growth(self) -> None:
        """Memory and descriptors of the caller from the warm nights on."""
        if self.memory_mb[-1] > self.memory_mb[WARM_NIGHTS] * (1 + GROWTH):
            self.violations.append(f"memory grew from {self.memory_mb[WARM_NIGHTS]:.0f} to {self.memory_mb[-1]:.0f} MB")
        if self.descriptors[-1] > self.descriptors[WARM_NIGHTS]:
            self.violations.append(f"descriptors: {self.descriptors[WARM_NIGHTS]}, then {self.descriptors[-1]}")

    def figures(self) -> str:
        warm = min(WARM_NIGHTS, len(self.memory_mb) - 1)
        return (f"{len(self.memory_mb)} nights, faults {dict(self.faults)}, exit codes {dict(self.exits)}, "
                f"people {dict(self.people.done)}, "
                f"{len(self.site.plans())} plans: {len(self.violations)} violations; "
                f"memory {self.memory_mb[warm]:.0f} MB at night {warm + 1}, {self.memory_mb[-1]:.0f} MB at the end; "
                f"descriptors {self.descriptors[warm]}, then {self.descriptors[-1]}")  # fmt: skip


def soak(place: Path, nights: int, seed: int, store: str | None = None) -> Soak:
    """So many nights; the store is a file or at an address."""
    made = Soak(place, random.Random(seed), store)
    made.run(nights)
    return made


def test_two_nights(tmp_path: Path) -> None:
    assert soak(tmp_path, 2, time.time_ns() % 2**32).violations == []


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_a_hundred_nights(tmp_path: Path) -> None:
    assert soak(tmp_path, 100, 1).violations == []


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_a_hundred_nights_on_a_server(tmp_path: Path, postgres: str) -> None:
    assert soak(tmp_path, 100, 2, postgres).violations == []


def main(database: str = "sqlite", nights: int = 100, seed: int = 1) -> int:
    """The figures of a run by hand."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(postgresql.running()) if database == "postgresql" else None
        made = soak(Path(folder), nights, seed, stack.enter_context(server.database()) if server else None)
        print(made.figures())
    print("\n".join(made.violations))
    return int(bool(made.violations))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2], *map(int, sys.argv[2:])))
