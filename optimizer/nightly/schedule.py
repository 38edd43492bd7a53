"""A night at each time that a cron line names, in the time zone of the configuration, each in a process of its own.

The wall clock decides, looked at every few seconds: it may be set, and the machine may sleep. A start that was missed
is caught up once, however many were missed; one that was made is not made again when the clock goes back.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from optimizer.errors import LOCKED, OK, UsageError

if TYPE_CHECKING:
    from optimizer.nightly.config import NightlyConfig

LOOK_S = 5.0
"""Seconds between two looks at the clock."""
SET_BACK = timedelta(days=1)
"""A clock that is further behind the last start was wrong then: what it named is forgotten."""
LATE = timedelta(minutes=1)
"""A start later than this is told as caught up."""

Say = Callable[[str], None]
Nightly = Callable[[date], int]
"""Plans a business date; returns the exit code."""


class Clock(Protocol):
    """What time it is, and a way to let some of it pass."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; True as soon as somebody asked to stop."""


@dataclass(frozen=True)
class WallClock:
    """The clock of the machine."""

    stop: threading.Event

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float) -> bool:
        return self.stop.wait(seconds)


def starts(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The times that a cron line of five fields names after a moment, in the zone.

    Weekdays 0 and 7 are Sunday. A time that the spring gap leaves out is its end; one that autumn has twice is its
    first. Raises `UsageError` for a line that names no time.
    """
    try:
        from cronsim import CronSim, CronSimError
    except ModuleNotFoundError:
        raise UsageError("allot schedule needs the extra allot[ops]: pip install 'allot[ops]'") from None
    if len(cron.split()) != 5:
        raise UsageError(f"--cron: found {cron!r}, expected five fields: minute hour day month weekday")
    try:
        found = CronSim(cron, after.astimezone(zone))
    except CronSimError as error:
        raise UsageError(f"--cron: found {cron!r}: {error}; expected such as '0 2 * * *'") from None
    return iter(found)


def next_start(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first of `starts`."""
    try:
        return next(starts(cron, zone, after))
    except StopIteration:
        raise UsageError(f"--cron: {cron!r} names no time to come") from None


class Schedule:
    """Waits for each start and makes it. ``last`` is when a night was last begun, if one ever was."""

    def __init__(
        self, cron: str, zone: ZoneInfo, clock: Clock, nightly: Nightly, say: Say, last: datetime | None = None
    ) -> None:
        self.cron, self.zone, self.clock, self.nightly, self.say = cron, zone, clock, nightly, say
        self.after = last or clock.now()
        """Starts up to here were made, or are no concern of ours."""

    def run(self, *, once: bool = False) -> int:
        """Night after night until somebody asks to stop; with ``once`` the next one alone.

        The exit code of the night that was at work then, 0 if none was.
        """
        while (due := self._next()) is not None:
            code = self.nightly(due.date())
            self.say(f"night of {due.date()} ended with exit {code}{_MEANING.get(code, '')}")
            if once or self.clock.wait(0):
                return code
        return OK

    def _next(self) -> datetime | None:
        """Waits until a start is due; None if somebody asked to stop first."""
        told = None
        while True:
            now = self.clock.now()
            if now < self.after - SET_BACK:
                self.say(
                    f"the clock was set back to {now.astimezone(self.zone):%Y-%m-%d %H:%M %Z}: counting from there"
                )
                self.after = now
            due = next_start(self.cron, self.zone, self.after)
            if due <= now:
                return self._take(due, now)
            if due != told:
                self.say(f"next start {due:%Y-%m-%d %H:%M %Z}")
                told = due
            if self.clock.wait(min(LOOK_S, (due - now).total_seconds())):
                return None

    def _take(self, due: datetime, now: datetime) -> datetime:
        """The latest of the starts that are due; those before it are not made any more."""
        for later in starts(self.cron, self.zone, due):
            if later > now:
                break
            due = later
        if now - due > LATE:
            self.say(f"the start of {due:%Y-%m-%d %H:%M %Z} was missed: caught up now")
        self.after = due
        return due


_MEANING = {LOCKED: ": another run was at work, nothing was done"}


@dataclass
class NightProcess:
    """Runs each night as `allot nightly`, and passes signals on to it."""

    config: Path
    options: tuple[str, ...] = ()
    child: subprocess.Popen[bytes] | None = None
    asked: int | None = None

    def __call__(self, business_date: date) -> int:
        """Start it and wait for its end, which a signal only hastens."""
        command = [sys.executable, "-m", "optimizer", "nightly", str(self.config),
                   "--business-date", business_date.isoformat(), *self.options]  # fmt: skip
        if self.asked is not None:
            return 128 + self.asked
        # In a session of its own, Ctrl-C reaches it once, from here.
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        if self.asked is not None:
            self.pass_on(self.asked)
        code = self.child.wait()
        self.child = None
        return code if code >= 0 else 128 - code

    def pass_on(self, number: int) -> None:
        """Tell the night that is at work, if one is, and the one that is just being started."""
        self.asked = number
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)


def last_begun(config: NightlyConfig) -> datetime | None:
    """When a night was last begun by the record; None if there is none, or no store yet."""
    from optimizer.nightly.registry import runs
    from optimizer.nightly.store import Store

    try:
        store = Store(config.store_url(), config.folder, must_exist=True)
    except UsageError:
        return None
    try:
        found = runs(store, config.name, 1)
    finally:
        store.close()
    return datetime.fromisoformat(found[0]["started_at"]) if found else None


def schedule_nights(config_file: Path, cron: str, stop: threading.Event, say: Say, options: tuple[str, ...], *,
                    once: bool = False, clock: Clock | None = None) -> int:  # fmt: skip
    """Run the nights of a configuration until a signal comes. Call from the main thread: it handles signals."""
    from optimizer.nightly.config import read_config

    config = read_config(config_file)
    zone, night = ZoneInfo(config.time_zone), NightProcess(config_file, options)
    clock = clock or WallClock(stop)
    schedule = Schedule(cron, zone, clock, night, say, last_begun(config))

    def passed_on(number: int, frame: object) -> None:
        stop.set()
        night.pass_on(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, passed_on) for number in numbers}
    try:
        return schedule.run(once=once)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
