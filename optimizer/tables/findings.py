"""The list of everything found wrong with an input, in the words of the person who must repair it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import Issue
from optimizer.exact import Exact, decimal_text

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SettingPath = tuple[str | int, ...]

MAX_FINDINGS_PER_CHECK = 10_000
"""A wrong column of a million rows is told ten thousand times and then counted."""

SHOWN_CELL = 80
"""Characters of a wrong value that a finding quotes."""


def quote(value: Any, longest: int = SHOWN_CELL) -> str:
    """A value as a finding shows it: one line, no control characters, not endless."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value)[: longest + 1])
    return text if len(text) <= longest else text[:longest] + "…"


def nearest(wanted: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name that looks most like ``wanted``; None if none does. Looks at a few thousand candidates at most."""
    names = [name for name in known if name]
    if len(names) > 2000:
        edge = {wanted[:2].lower(), wanted[-2:].lower()}
        names = [n for n in names if abs(len(n) - len(wanted)) <= 2 and {n[:2].lower(), n[-2:].lower()} & edge][:2000]
    folded = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(wanted.casefold(), folded, n=1, cutoff=likeness)
    return folded[close[0]] if close else None


def did_you_mean(wanted: str, known: Iterable[str], otherwise: str, likeness: float = 0.6) -> str:
    """A remedy that names the nearest known name, or says something else."""
    near = nearest(wanted, known, likeness)
    return f"did you mean {near!r}?" if near else otherwise


class Findings:
    """Collects issues; errors stop the run once everything has been looked at."""

    def __init__(self, place_of: Callable[[SettingPath], tuple[str, int | None]] | None = None) -> None:
        self.issues: list[Issue] = []
        self._place_of = place_of

    @property
    def errors(self) -> list[Issue]:
        return sorted({issue for issue in self.issues if issue.severity == "error"}, key=_reading_order)

    @property
    def warnings(self) -> list[Issue]:
        return sorted({issue for issue in self.issues if issue.severity == "warning"}, key=_reading_order)

    def say(
        self,
        file: str,
        expected: str,
        remedy: str,
        code: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: Any = "",
        table: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """One finding."""
        self.issues.append(Issue(file, row, column, quote(value), expected, remedy, code, severity, table))

    def say_setting(
        self,
        path: SettingPath,
        expected: str,
        remedy: str,
        code: str,
        *,
        value: Any = "",
        table: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """One finding about a setting of the scenario, at the file and line where it stands."""
        file, line = self._place_of(path) if self._place_of else ("scenario", None)
        column = ".".join(str(part) for part in path)
        self.say(file, expected, remedy, code, row=line, column=column, value=value, table=table, severity=severity)

    def at(
        self,
        place: Place,
        column: str | None,
        wrong: Flags,
        expected: str,
        remedy: str | Callable[[int], str],
        code: str,
        *,
        value: Any = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """One finding for each row where ``wrong`` holds; far too many are counted instead of listed.

        ``value`` is the column (anything that can be indexed by row) whose cell is quoted.
        """
        positions = np.flatnonzero(wrong)
        for position in positions[:MAX_FINDINGS_PER_CHECK].tolist():
            cure = remedy if isinstance(remedy, str) else remedy(position)
            origin = place.changed.get(column or "", {}).get(position)
            row = int(place.rows[position]) or None
            self.say(
                place.source,
                expected,
                f"{cure} (the value was set by {origin})" if origin else cure,
                code,
                row=row,
                column=column,
                value=_cell(value, position),
                table=place.name,
                severity=severity,
            )
        rest = len(positions) - MAX_FINDINGS_PER_CHECK
        if rest > 0:
            words = f"{expected} (and {rest:,} more rows like these)"
            self.say(place.source, words, "repair the column", code, column=column, table=place.name, severity=severity)


@dataclass(frozen=True)
class Place:
    """Where the rows of a table stand in their source."""

    name: str
    source: str
    rows: Ints
    changed: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def _cell(values: Any, position: int) -> Any:
    """The value of one row, exact numbers as plain decimals."""
    if values is None:
        return ""
    return decimal_text(values.item(position)) if isinstance(values, Exact) else values[position]


def _reading_order(issue: Issue) -> tuple[str, int, str, str, str, str]:
    return (issue.file, issue.row or 0, issue.column or "", issue.code, issue.value, issue.expected)


def cached_nearest(known: Iterable[str], limit: int = 50) -> Callable[[str, str], str]:
    """A remedy for unknown ids that looks up each distinct one once, and no more than ``limit`` of them."""
    names = list(known)
    seen: dict[str, str] = {}

    def remedy(wanted: str, otherwise: str) -> str:
        if wanted not in seen:
            seen[wanted] = did_you_mean(wanted, names, otherwise, 0.5) if len(seen) < limit else otherwise
        return seen[wanted]

    return remedy
