"""A change of the input tables as data: one cell set, or one row left out; to be said, written down and tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Edit:
    """``table``: rows whose ``key`` columns hold these texts. ``action``: `set` the column to ``value`` (None: blank),
    `add` the amount to it, or `drop` the rows.
    """

    table: str
    key: Mapping[str, str]
    action: str
    column: str = ""
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """As run data state it; what does not apply is left out."""
        said = {"table": self.table, "key": dict(self.key), "action": self.action}
        return said if self.action == "drop" else said | {"column": self.column, "value": self.value}


def apply(tables: Tables, edits: Iterable[Edit]) -> Tables:
    """The tables after `set` and `drop` edits, one after the other. Ids and references are never set."""
    for edit in edits:
        table: Table = getattr(tables, edit.table)
        rows = rows_with(table, edit.key)
        if edit.action == "drop":
            tables = without(tables, edit.table, rows)
        else:
            tables = tables.replace(**{edit.table: with_cells(table, rows, edit.column, edit.value)})
    return tables


def rows_with(table: Table, key: Mapping[str, str]) -> Ints:
    """Rows whose cells hold these texts."""
    mask = np.ones(len(table), dtype=bool)
    for column, wanted in key.items():
        values = table[column]
        mask &= np.asarray((values if values.dtype == object else values.astype(str)) == wanted, dtype=bool)
    return np.flatnonzero(mask)


def with_cells(table: Table, rows: Ints, column: str, value: Any) -> Table:
    """The table with one value (None: blank) in these cells."""
    from dataclasses import replace

    values, filled = table.columns[column], dict(table.filled)
    mask = np.zeros(len(table), dtype=bool)
    mask[rows] = True
    if isinstance(values, Exact):
        changed: Any = values.where(~mask, 0 if value is None else value)
    else:
        changed = values.copy()
        changed[rows] = _blank(changed) if value is None else value  # dates may be given as text
    if column in filled:
        filled[column] = np.where(mask, value is not None, filled[column])
    return replace(table, columns={**table.columns, column: changed}, filled=filled)


def _blank(values: NDArray[Any]) -> Any:
    return {"O": "", "M": np.datetime64("NaT"), "b": False}.get(values.dtype.kind, 0)


def without(tables: Tables, name: str, rows: Ints) -> Tables:
    """The tables without some rows of a table that no other table refers to."""
    from optimizer.solution.part import rows_of

    table: Table = getattr(tables, name)
    keep = np.setdiff1d(np.arange(len(table)), rows)
    changed: dict[str, Any] = {name: rows_of(table, keep)}
    stem = {"pins": "pin_", "eligibility": "eligibility_", "reserves": "reserve_"}[name]
    for field in fields(tables):
        if field.name.startswith(stem):
            changed[field.name] = getattr(tables, field.name)[keep]
    return tables.replace(**changed)
