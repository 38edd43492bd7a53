"""From a table of text to a typed one, sorted by key: columns known, cells of their type, values in range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.tables.cells import EXPECTED, Parsed, flags, parse, texts
from optimizer.tables.findings import Findings, Flags, Ints, Place, did_you_mean
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import LATER, MAX_WHOLE, REFUSED, Column, TableSchema, is_refused
from optimizer.tables.tables import Table, blank_column

CARRIED = "x_"
"""Columns whose names begin so are the user's own: carried through to the plan untouched."""


@dataclass(frozen=True)
class TypedTable:
    """A typed table, where its rows stand, and its key columns as codes (ranks among the sorted distinct values)."""

    table: Table
    place: Place
    key_codes: tuple[Ints, ...]
    wrong: Mapping[str, Flags] = field(default_factory=dict)
    complete: bool = True

    def __len__(self) -> int:
        return len(self.table)


def type_table(raw: RawTable, schema: TableSchema, found: Findings) -> TypedTable:
    """The typed table; whatever is wrong with columns, cells and single values goes to ``found``."""
    check_columns(raw, schema, found)
    raw, codes = _sorted(raw, schema)
    place = Place(raw.name, raw.source, raw.rows, raw.changed)
    missing = [column for column in schema.columns if column.required and column.name not in raw.columns]
    columns: dict[str, Any] = {}
    filled: dict[str, Flags] = {}
    wrong: dict[str, Flags] = {}
    for column in schema.columns:
        text = raw.columns.get(column.name)
        parsed = _absent(column, len(raw)) if text is None else parse(column, text)
        if text is not None:
            _report_cells(column, parsed, text, place, found)
            wrong[column.name] = parsed.wrong
        columns[column.name] = _with_default(column, parsed)
        if not column.required:
            filled[column.name] = parsed.given
        parsed.values.setflags(write=False) if isinstance(parsed.values, np.ndarray) else None
    extra = {name: texts(text) for name, text in raw.columns.items() if name.startswith(CARRIED)}
    table = Table(raw.name, columns, filled, extra, raw.rows)
    return TypedTable(table, place, codes, wrong, complete=not missing)


def check_columns(raw: RawTable, schema: TableSchema, found: Findings) -> None:
    """Missing required columns are errors, unknown ones warnings that name the nearest known one."""
    unknown = [name for name in raw.columns if schema.column(name) is None and not name.startswith(CARRIED)]
    for column in schema.columns:
        if column.required and column.name not in raw.columns:
            remedy = did_you_mean(column.name, unknown, f"add the column {column.name!r}")
            found.say(raw.source, f"a column {column.name!r}: {column.meaning}", remedy, "missing_column",
                      row=1, column=column.name, table=raw.name)  # fmt: skip
    for name in unknown:
        cure = did_you_mean(name, schema.names, "remove it, or begin its name with 'x_' to carry it to the plan")
        found.say(raw.source, f"a column of table {raw.name}", cure, "unknown_column", row=1, column=name,
                  value=name, table=raw.name, severity="warning")  # fmt: skip


def rank_codes(text: pa.Array) -> Ints:
    """The rank of each value among the sorted distinct ones (by code point)."""
    coded = text.dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    if len(order) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(rank[coded.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)


def _sorted(raw: RawTable, schema: TableSchema) -> tuple[RawTable, tuple[Ints, ...]]:
    """The rows in the order of their keys; equal keys stay in the order of the source (where an error follows)."""
    columns = dict(raw.columns)
    sorted_by = schema.names if schema.adds_up else schema.keys
    present = [_key_text(schema.column(name), columns.get(name), len(raw)) for name in sorted_by]
    codes = tuple(rank_codes(text) for text in present)
    order = np.lexsort(codes[::-1]).astype(np.int64)
    if np.array_equal(order, np.arange(len(raw))):
        return raw, codes
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    changed = {name: {int(back[row]): words for row, words in cells.items()} for name, cells in raw.changed.items()}
    moved = {name: text.take(pa.array(order)) for name, text in columns.items()}
    return RawTable(raw.name, raw.source, moved, raw.rows[order], changed), tuple(code[order] for code in codes)


def _key_text(column: Column | None, text: pa.Array | None, size: int) -> pa.Array:
    """A key column with its default in the blank cells."""
    default = str(column.default or "") if column is not None else ""
    if text is None:
        return pa.array([default] * size, pa.string())
    if column is not None and column.kind != "text":
        text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), default, text) if default else text


def without_refused(raw: RawTable, found: Findings) -> RawTable:
    """A column that means something this version cannot do is refused, never silently ignored."""
    refused = [name for name in raw.columns if is_refused(f"{raw.name}.{name}")]
    for name in refused:
        text = raw.columns[name]
        filled = flags(pc.not_equal(text, ""))
        if filled.any():
            first = int(np.flatnonzero(filled)[0])
            found.say(raw.source, f"no value: {name} ({REFUSED[f'{raw.name}.{name}']}) is {LATER}",
                      f"leave {name} blank or remove the column ({int(filled.sum()):,} cells have a value)",
                      "not_available", row=int(raw.rows[first]) or None, column=name, value=text[first].as_py(),
                      table=raw.name)  # fmt: skip
    return replace(raw, columns={name: text for name, text in raw.columns.items() if name not in refused})


def _absent(column: Column, size: int) -> Parsed:
    """What a column that is not there reads as: blanks."""
    none = np.zeros(size, dtype=bool)
    return Parsed(blank_column(column.kind, size), none, none)


def _report_cells(column: Column, parsed: Parsed, text: pa.Array, place: Place, found: Findings) -> None:
    """Wrong cells, missing ones and values out of range."""

    def remedy(row: int) -> str:
        return _cell_remedy(column, text[row].as_py())

    expected = EXPECTED.get(column.kind) or "one of " + ", ".join(column.choices)
    if column.kind in ("int", "decimal") and column.range_text:
        expected = f"{expected}, {column.range_text}"
    found.at(place, column.name, parsed.wrong, expected, remedy,
             f"not_{column.kind}", value=text)  # fmt: skip
    if column.required:
        blank = ~parsed.given & ~parsed.wrong
        found.at(place, column.name, blank, expected, "fill in the cell; only optional columns may be blank", "blank")
    if column.kind in ("text", "enum"):
        padded = flags(pc.not_equal(pc.utf8_trim_whitespace(text), text)) if column.kind == "text" else None
        if padded is not None and padded.any():
            found.at(place, column.name, padded, "no space before or after the text",
                     "remove the spaces; they count as part of the value", "surrounding_space", value=text,
                     severity="warning")  # fmt: skip
        return
    outside = parsed.given & _outside(column, parsed.values)
    found.at(place, column.name, outside, expected, "correct the value, or its unit", "out_of_range", value=text)


def _outside(column: Column, values: Any) -> Any:
    low = values < column.minimum if column.minimum is not None else False
    high = values > column.maximum if column.maximum is not None else False
    return low | high


def _cell_remedy(column: Column, value: str) -> str:
    """What to do about one wrong cell."""
    if column.kind in ("int", "decimal") and "," in value:
        return "write a decimal point and no thousands separator: 1200.5, not 1.200,5 or 1,200.5"
    if column.kind == "int" and value.lstrip("-").isdigit():
        return f"give at most {MAX_WHOLE:,}"
    if column.kind == "date":
        return "write year-month-day, such as 2026-11-20"
    if column.kind == "enum":
        return did_you_mean(value, column.choices, f"use one of {', '.join(column.choices)}")
    if column.kind == "text":
        return "remove the tab, line break or other control character"
    return f"give {EXPECTED[column.kind]}"


def _with_default(column: Column, parsed: Parsed) -> Any:
    """Blank and wrong cells hold the default (0, "", NaT where the contract has none)."""
    hole = ~parsed.given
    if not hole.any():
        return parsed.values
    if column.kind in ("text", "enum"):
        return _filled_text(parsed, str(column.default or ""))
    if column.kind == "decimal":
        return parsed.values.where(parsed.given, column.default or 0)
    if column.default is None:
        return parsed.values
    values = parsed.values.copy()
    values[hole] = column.default
    return values


def _filled_text(parsed: Parsed, default: str) -> Any:
    values = parsed.values.copy()
    values[~parsed.given & ~parsed.wrong] = default
    return values
