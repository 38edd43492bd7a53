"""The reference of tables and columns in ``docs/data.md``, written from the column contracts.

``python -m optimizer.tables.describe docs/data.md`` brings the page up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from optimizer.tables.schema import MAX_WHOLE, REFUSED, TABLES, Column, TableSchema, is_refused

BEGIN, END = "<!-- columns: begin (written by optimizer.tables.describe) -->", "<!-- columns: end -->"
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


def updated(page: str) -> str:
    """The page with its reference replaced by the current one."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(updated(Path(name).read_text(encoding="utf-8")), encoding="utf-8")
