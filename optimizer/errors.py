"""One family of errors, and one shape for everything found wrong with an input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OK, DEFECT, BAD_INPUT, INFEASIBLE, LIMIT_WITH_PLAN, LIMIT_NO_PLAN, VERIFICATION_FAILED, GATE_FAILED = range(8)
LOCKED = 75
INTERRUPTED_INT, INTERRUPTED_TERM = 130, 143


@dataclass(frozen=True, order=True)
class Issue:
    """One finding about the input, in the words of the person who must repair it.

    ``row`` is the line as the person's editor or spreadsheet counts it (the header is row 1), None where the finding
    is about a whole table or a setting.
    """

    file: str
    row: int | None
    column: str | None
    value: str
    expected: str
    remedy: str
    code: str
    severity: Literal["error", "warning"] = "error"
    table: str = ""

    def text(self) -> str:
        place = self.file + (f":{self.row}" if self.row is not None else "")
        column = f" [{self.column}]" if self.column else ""
        found = f" found {self.value!r}," if self.value else ""
        return f"{self.severity}: {place}{column}:{found} expected {self.expected}; {self.remedy} ({self.code})"


class AllotError(Exception):
    """The root of everything this package raises on purpose."""

    exit_code = DEFECT


class InputError(AllotError):
    """The scenario or its tables are wrong; carries every finding, not only the first."""

    exit_code = BAD_INPUT

    def __init__(self, issues: Sequence[Issue], warnings: Sequence[Issue] = ()) -> None:
        self.issues = list(issues)
        self.warnings = list(warnings)
        super().__init__("\n".join(issue.text() for issue in self.issues[:50]))


class UsageError(AllotError):
    """The command or the call makes no sense."""

    exit_code = BAD_INPUT


class OutputError(AllotError):
    """Something could not be written or put in place; the message names the path."""


class EngineError(AllotError):
    """An engine crashed, was killed, or said something outside its own table of statuses."""


class VerificationError(AllotError):
    """The independent checker rejected a plan: nothing is published."""

    exit_code = VERIFICATION_FAILED


def system_words(error: Exception) -> str:
    """A failure of the system that nobody gave words to, in one line; empty if it is a defect of ours."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, ImportError) and "failed to map segment" in str(error):
        return f"out of memory: {error}"
    return str(error) if isinstance(error, OSError) else ""


@contextmanager
def naming(action: str, path: Path) -> Iterator[None]:
    """Turn a failure of the operating system into an error that names the path and the cure."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot {action} {path}: {error.strerror or error}") from error
