"""What a check found wrong: which file, row and column, what stands there and what should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_KEPT = 100
"""Findings kept in full; further ones are counted."""


@dataclass(frozen=True)
class Failure:
    """One finding. ``row`` counts as an editor does: the header is row 1."""

    file: str
    row: int | None
    column: str
    found: str
    expected: str

    def words(self) -> str:
        place = (
            self.file
            + (f" row {self.row}" if self.row is not None else "")
            + (f" {self.column}" if self.column else "")
        )
        return f"{place}: found {self.found!r}, expected {self.expected!r}"


@dataclass
class Findings:
    """The findings of a verification, in the order in which they were made."""

    kept: list[Failure] = field(default_factory=list)
    count: int = 0

    def add(self, file: str, row: int | None, column: str, found: str, expected: str) -> None:
        """One more finding."""
        self.count += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Failure(file, row, column, found[:200], expected[:200]))

    def compare(self, file: str, start: int, column: str, found: Sequence[str], expected: Sequence[str]) -> int:
        """Cells of one column from row ``start`` (0: the first below the header) on; returns how many differ."""
        if found == expected:
            return 0
        wrong = [at for at, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other]
        for at in wrong:
            self.add(file, start + at + 2, column, found[at], expected[at])
        return len(wrong)
