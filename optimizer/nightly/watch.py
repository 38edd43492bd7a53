"""Who hears of a night while it runs: its log, its metrics, its trace. None of them can stop it.

A listener that fails is told of once and asked no more: a full disk under the metrics is no reason to keep yesterday's
plan.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from optimizer.errors import DEFECT, LIMIT_WITH_PLAN, OK, AllotError

if TYPE_CHECKING:
    from optimizer.nightly.config import NightlyConfig
    from optimizer.nightly.pull import Pulled
    from optimizer.nightly.registry import Entry

PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
"""What stands between user and host of an address."""


@dataclass(frozen=True)
class Told:
    """One event: when, how many seconds after the start of the night, after the event before it, and what."""

    at: datetime
    seconds: float
    since_last: float
    entry: Entry


@dataclass
class NightStory:
    """What is known of a night so far. Figures of plans and tables are there once the night has come to them."""

    config: str
    started: datetime
    run_id: str = ""
    business_date: date | None = None
    events: list[Told] = field(default_factory=list)
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """by scenario the plan that counts: ``gap``, ``objective``, ``published``, ``business_date``, ``lines_short``"""
    tables: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """by (scenario, table): ``rows``, and ``changed`` (of its file, where it is one)"""
    state: str = "failed"
    exit_code: int = DEFECT
    reason: str = ""
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the plan of the date is published, by this night or before it."""
        return self.exit_code in (OK, LIMIT_WITH_PLAN)

    def stage_seconds(self) -> dict[str, float]:
        """How long each stage took: each event ends what was done since the one before it."""
        total: dict[str, float] = {}
        for told in self.events:
            total[told.entry.stage] = total.get(told.entry.stage, 0.0) + told.since_last
        return total


class Listener(Protocol):
    """Hears every event, and the end."""

    def hear(self, story: NightStory, told: Told) -> None:
        """Something happened."""

    def end(self, story: NightStory) -> None:
        """The night is over, one way or another."""


class Watch:
    """Passes on what the night says."""

    def __init__(self, config: str, listeners: Sequence[Listener], warn: Callable[[str], None], now: datetime) -> None:
        self.story, self.listeners, self.warn = NightStory(config, now), list(listeners), warn
        self._start = self._last = time.monotonic()

    def begin(self, run_id: str, business_date: date) -> None:
        """The night has a name."""
        self.story.run_id, self.story.business_date = run_id, business_date

    def hear(self, entry: Entry) -> None:
        """Pass on an event."""
        now = time.monotonic()
        at = self.story.started + timedelta(seconds=now - self._start)
        told = Told(at, now - self._start, now - self._last, entry)
        self._last = now
        self.story.events.append(told)
        self._each(lambda listener: listener.hear(self.story, told))

    def pulled(self, pulled: Pulled) -> None:
        """Note the tables of a scenario."""
        for source in pulled.tables:
            changed = pulled.changed.get(source.table)
            self.story.tables[pulled.name, source.table] = {"rows": source.rows, "changed": changed}

    def concluded(self, state: str, exit_code: int, reason: str, current: Mapping[str, Mapping[str, Any]]) -> None:
        """What it came to, and the plans that count now, as rows of the store."""
        self.story.state, self.story.exit_code, self.story.reason = state, exit_code, reason
        self.story.plans = {scenario: _figures(row) for scenario, row in current.items()}

    def end(self) -> None:
        """Pass on that it is over."""
        self.story.seconds = time.monotonic() - self._start
        self._each(lambda listener: listener.end(self.story))

    def _each(self, tell: Callable[[Listener], None]) -> None:
        for listener in list(self.listeners):
            try:
                tell(listener)
            except Exception as error:  # whatever it is, the night goes on
                self.listeners.remove(listener)
                self.warn(f"{type(listener).__name__} failed and is left out: {type(error).__name__}: {error}")


@contextlib.contextmanager
def watching(
    config: NightlyConfig, listeners: Sequence[Listener], warn: Callable[[str], None], now: datetime
) -> Iterator[Watch]:
    """A watch over a night; what ends the night, an error too, is passed on."""
    watch = Watch(config.name, [*listeners, *configured(config)], warn, now)
    try:
        yield watch
    except BaseException as error:
        watch.story.exit_code = error.exit_code if isinstance(error, AllotError) else DEFECT
        watch.story.reason = f"{type(error).__name__}: {error}"
        raise
    finally:
        watch.end()


def configured(config: NightlyConfig) -> list[Listener]:
    """The listeners that the configuration, or the environment, asks for. Raises `UsageError` for a missing extra."""
    found: list[Listener] = []
    if config.log.file is not None:
        from optimizer.nightly.log_lines import LogFile

        found.append(LogFile(config.folder / config.log.file))
    if config.metrics.textfile is not None:
        from optimizer.nightly.metrics import MetricsFile

        found.append(MetricsFile(config.folder / config.metrics.textfile))
    if endpoint := config.trace.address():
        from optimizer.nightly.trace import Trace

        found.append(Trace.to(endpoint))
    return found


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a plan."""
    from optimizer.proof.run_files import read_rows, table_path

    short = None
    with contextlib.suppress(OSError, AllotError):  # a folder that was lost or harmed is told of elsewhere
        file = table_path(Path(row["folder"]), "shorts")
        short = sum(len(columns["line_id"]) for _, columns in read_rows(file))
    return {
        "gap": row["gap"],
        "objective": row["objective_value"],
        "published": utc(row["published_at"]),
        "business_date": row["business_date"],
        "lines_short": short,
    }


def scrubbed(text: str) -> str:
    """Text without passwords of addresses; errors hold none, this holds for those of others."""
    return PASSWORD.sub(r"\1***@", text)


def utc(text: str) -> datetime:
    """A time as the store has it."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
