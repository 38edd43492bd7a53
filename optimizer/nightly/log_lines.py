"""The log as JSON lines: one object for each event, the same keys every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optimizer.errors import AllotError, InputError
from optimizer.nightly.watch import NightStory, Told, scrubbed

KEYS = ("time", "level", "run_id", "config", "business_date", "stage", "scenario", "step", "state", "reason",
        "seconds", "exit_code")  # fmt: skip
LEVELS = {"failed": "error", "kept": "error", "interrupted": "error", "partial": "warning", "warned": "warning"}
"""By state; all others are ``info``."""
END = "end"
"""The stage of the last line, which tells how the command ended, also where nothing could be recorded."""


def line(**known: Any) -> str:
    """One line; keys that are not known are null."""
    stated: dict[str, Any] = dict.fromkeys(KEYS) | {"time": utc_text(datetime.now(UTC)), "level": "info"} | known
    if stated["reason"] is not None:
        stated["reason"] = scrubbed(stated["reason"])
    return json.dumps(stated, ensure_ascii=False)


def utc_text(at: datetime) -> str:
    """To the millisecond, as every log reader understands it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogLines:
    """Writes each line by ``write``."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write, self.ended = write, False

    def hear(self, story: NightStory, told: Told) -> None:
        """An event."""
        entry = told.entry
        self.write(
            line(
                **_of(story),
                time=utc_text(told.at),
                level=LEVELS.get(entry.state, "info"),
                stage=entry.stage,
                scenario=entry.scenario or None,
                step=entry.step or None,
                state=entry.state,
                reason=entry.reason or None,
                seconds=round(told.seconds, 3),
                exit_code=entry.exit_code,
            )
        )

    def end(self, story: NightStory) -> None:
        """The end."""
        self.ended = True
        level = LEVELS.get(story.state, "info")
        self.write(line(**_of(story), level=level, stage=END, state=story.state, reason=story.reason or None,
                        seconds=round(story.seconds, 3), exit_code=story.exit_code))  # fmt: skip


@contextmanager
def told_as_json(config_file: Path, log: LogLines | None) -> Iterator[list[int]]:
    """Errors that no night could tell (a wrong configuration, a lock that is held) as a last line of the log.

    Gives a list that holds the exit code of the error that ended the command, if one did. Without a log errors go their
    usual way.
    """
    failed: list[int] = []
    try:
        yield failed
    except AllotError as error:
        if log is None:
            raise
        issues = error.issues if isinstance(error, InputError) else ()
        reason = "; ".join(issue.text() for issue in issues) or str(error)
        if not log.ended:
            log.write(line(config=_name_of(config_file), level="error", stage=END, state="failed", reason=reason,
                           exit_code=error.exit_code))  # fmt: skip
        failed.append(error.exit_code)


class LogFile(LogLines):
    """Lines added to a file, which rotation may move at any time."""

    def __init__(self, path: Path) -> None:
        super().__init__(self._append)
        self.path = path

    def _append(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def _name_of(config_file: Path) -> str:
    """The name of a configuration; where it cannot be read, that of its file."""
    from optimizer.nightly.config import read_config

    try:
        return read_config(config_file).name
    except InputError:
        return config_file.name


def _of(story: NightStory) -> dict[str, Any]:
    date = story.business_date
    return {"run_id": story.run_id or None, "config": story.config, "business_date": date and date.isoformat()}
