"""The parts of the pages on data and scenarios that follow the column contracts and what this version refuses.

``python -m optimizer.tables.describe docs/data.md docs/scenarios.md`` brings the pages up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from optimizer.tables.schema import MAX_WHOLE, REFUSED, TABLES, Column, TableSchema, is_refused

BEGIN, END = "<!-- columns: begin (written by optimizer.tables.describe) -->", "<!-- columns: end -->"
REFUSED_BEGIN = "<!-- refused sections: begin (written by optimizer.tables.describe) -->"
REFUSED_END = "<!-- refused sections: end -->"
KINDS = {
    "text": "text",
    "int": "whole number",
    "decimal": "decimal",
    "date": "date",
    "flag": "true/false",
    "enum": "word",
}


def reference() -> str:
    """Every table with its columns: type, unit, default, allowed values, meaning."""
    parts = [_table(schema) for schema in TABLES.values() if not is_refused(schema.name)]
    later = "\n".join(f"- `{name}`: {meaning}" for name, meaning in REFUSED.items() if name in TABLES)
    if later:
        words = "A scenario that names one of these tables is refused:"
        parts.append(f"### Not available in this version\n\n{words}\n\n{later}\n")
    return "\n".join(parts)


def _table(schema: TableSchema) -> str:
    needed = "required" if schema.required else "optional"
    head = f"### `{schema.name}`\n\n{schema.meaning[0].upper()}{schema.meaning[1:]} ({needed}).\n"
    lines = ["| column | type | unit | if blank | meaning |", "|---|---|---|---|---|"]
    refused = [column for column in schema.columns if is_refused(f"{schema.name}.{column.name}")]
    lines += [_row(column) for column in schema.columns if column not in refused]
    later = ", ".join(f"`{column.name}`" for column in refused)
    tail = f"\nNot available in this version, refused where a cell is filled: {later}.\n" if later else ""
    return "\n".join([head, *lines, tail])


def _row(column: Column) -> str:
    name = f"`{column.name}`" + ("\\*" if column.key else "")
    meaning = column.meaning
    if column.reference:
        meaning += f" (an id of `{column.reference}`)"
    if column.choices:
        meaning += "; one of " + ", ".join(f"`{choice}`" for choice in column.choices)
    limits = "" if column.maximum == MAX_WHOLE and column.minimum == 0 else column.range_text
    if limits and column.minimum != 0:
        meaning += f"; {limits.replace(f' to {MAX_WHOLE}', '')}"
    return f"| {name} | {KINDS[column.kind]} | {column.unit} | {_blank(column)} | {meaning} |"


def _blank(column: Column) -> str:
    if column.required:
        return "not allowed"
    if column.default is None:
        return "not stated"
    if isinstance(column.default, bool):
        return "true" if column.default else "false"
    return f"{column.default}"


def refused_sections() -> str:
    """Which sections of a scenario this version refuses."""
    names = [f"`[{name}]`" if name == "[sweep]" else f"`{name}`" for name in REFUSED if name.startswith("[")]
    if not names:
        return "Every section of the format may be used."
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "belongs" if len(names) == 1 else "belong"
    return (
        f"{listed} {verb} to the format and {'is' if len(names) == 1 else 'are'} not available in this version: a "
        "scenario that\nnames such a section is refused, never run without it."
    )


def updated(page: str) -> str:
    """The page with the parts between its markers replaced by the current ones."""
    for begin, end, part in ((BEGIN, END, reference), (REFUSED_BEGIN, REFUSED_END, refused_sections)):
        if begin in page:
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}\n\n{part()}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(updated(Path(name).read_text(encoding="utf-8")), encoding="utf-8")
