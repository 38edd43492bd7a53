"""The column contracts: what each table holds, its keys, types, defaults, ranges and references.

The one place that knows the columns; readers, checks and ``docs/data.md`` all follow it.
"""

from __future__ import annotations

from optimizer.tables.columns import MAX_DIGITS, MAX_WHOLE, SCOPE_COLUMNS, Column, Kind, TableSchema
from optimizer.tables.schema_batch import BATCH
from optimizer.tables.schema_policies import POLICIES, PREVIOUS

__all__ = [
    "LATER",
    "MAX_DIGITS",
    "MAX_WHOLE",
    "PREVIOUS",
    "REFUSED",
    "SCOPE_COLUMNS",
    "TABLES",
    "Column",
    "Kind",
    "TableSchema",
    "is_refused",
]

TABLES: dict[str, TableSchema] = {table.name: table for table in (*BATCH, *POLICIES)}

LATER = "not available in this version"

REFUSED: dict[str, str] = {}
"""What the format has and files may not use yet: a table, ``table.column`` (where a cell is filled) or ``[section]``.

Each with its meaning in words. Tables made directly, without files, may use all of it.
"""


def is_refused(name: str) -> bool:
    """Whether a table, column or section is one of `REFUSED`."""
    return name in REFUSED
