"""The header of a table, whatever its format: names that are there and differ."""

from __future__ import annotations

from optimizer.tables.findings import Findings, quote

MAX_COLUMNS = 1000
MAX_ROWS = 5_000_000
"""Rows of a table from any source: several times the largest batch this is built for."""


class RefusedError(Exception):
    """A file that is not what it should be; what is wrong has been said in `Findings`."""


def check_header(names: list[str], source: str, table: str, found: Findings) -> None:
    """Column names must be there and differ."""
    for number, name in enumerate(names, start=1):
        if not name:
            found.say(
                source,
                f"a name for column {number}",
                "name the column or delete it",
                "blank_header",
                row=1,
                table=table,
            )
        elif any(not char.isprintable() for char in name):
            found.say(source, "column names without control characters", "rename the column", "bad_header", row=1,
                      column=quote(name), table=table)  # fmt: skip
        elif name in names[: number - 1]:
            found.say(source, "each column once", f"rename or delete the second {name!r}", "duplicate_header", row=1,
                      column=name, value=name, table=table)  # fmt: skip
    if len(set(names)) < len(names) or any(not name for name in names):
        raise RefusedError
