"""What-if changes of the tables: rows found by ``where``, cells set, scaled or added to, rows dropped or appended.

They work on the text of a table, before typing, so that a changed cell passes the same checks as any other, and they
are exact: 13 × 0.8 in a whole-number column is 10.4, which rounds half-even to 10.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from optimizer.exact import Exact, decimal_text, round_half_even
from optimizer.scenario.load import PlacedChange
from optimizer.scenario.schema import Change
from optimizer.tables.cells import flags, parse, texts
from optimizer.tables.findings import Findings, Flags, cached_nearest, did_you_mean
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import MAX_DIGITS, TABLES, Column, TableSchema
from optimizer.tables.typed import CARRIED

Ints = NDArray[np.int64]

NOBODY = -1
LOGGED_CELLS = 20
"""Cells of a change that the log lists one by one; the rest is counted."""


FITS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "enum": (str,),
    "int": (int, Decimal),
    "decimal": (int, Decimal),
    "date": (datetime.date,),
    "flag": (bool,),
}
"""The types of TOML that a column takes."""


@dataclass
class ChangeLog:
    """What the changes did, and which change of each level has set which cell: its place in ``placed``, -1 for none."""

    entries: list[Mapping[str, Any]] = field(default_factory=list)
    placed: list[PlacedChange] = field(default_factory=list)
    already_set: dict[tuple[str, str, str], Ints] = field(default_factory=dict)


def apply_changes(
    raws: dict[str, RawTable], changes: Iterable[PlacedChange], found: Findings, unread: Iterable[str] = ()
) -> tuple[Mapping[str, Any], ...]:
    """Apply the changes in order to ``raws`` (in place, table by table) and return the log, old -> new."""
    log = ChangeLog()
    for placed in changes:
        log.placed.append(placed)
        name = placed.change.table
        if name in unread:
            continue
        if name not in raws and not placed.change.append:
            _complain(
                placed, "table", name, "a table that the scenario names in [data]", f"add {name} to [data]", found
            )
            continue
        raw = raws.get(name) or RawTable(name, placed.file, {}, np.zeros(0, dtype=np.int64))
        raws[name] = _applied(raw, placed, log, found)
    return tuple(log.entries)


def _applied(raw: RawTable, placed: PlacedChange, log: ChangeLog, found: Findings) -> RawTable:
    change, schema = placed.change, TABLES[raw.name]
    named = {*change.where, *change.set, *change.scale, *change.add, *(key for row in change.append for key in row)}
    unknown = [key for key in sorted(named) if schema.column(key) is None and not key.startswith(CARRIED)]
    for key in unknown:
        cure = did_you_mean(key, schema.names, f"columns of {raw.name}: {', '.join(schema.names)}")
        _complain(placed, key, key, f"a column of table {raw.name}", cure, found)
    numeric = {column.name for column in schema.columns if column.kind in ("int", "decimal")}
    for key in [key for key in (*change.scale, *change.add) if key not in numeric and key not in unknown]:
        _complain(placed, key, key, "a column of numbers beside scale and add", "use set", found)
        unknown.append(key)
    if unknown:
        return raw
    if change.append:
        return _appended(raw, placed, log, found)
    rows = _matching(raw, placed, found)
    if rows is None:
        return raw
    if not rows.any():
        _warn_untouched(raw, placed, found)
        return raw
    if change.drop:
        log.entries.append(_entry(placed, None, int(rows.sum()), f"{int(rows.sum())} rows", "dropped"))
        return _kept(raw, ~rows, log)
    return _edited(raw, placed, rows, log, found)


# -- which rows -------------------------------------------------------------------------------------------------------
def _matching(raw: RawTable, placed: PlacedChange, found: Findings) -> Flags | None:
    """Rows whose cells equal the filter's values (any of a list); None if the filter makes no sense."""
    rows = np.ones(len(raw), dtype=bool)
    for name, wanted in placed.change.where.items():
        column = _column(TABLES[raw.name], name)
        words = [_text(column, value) for value in (wanted if isinstance(wanted, list) else [wanted])]
        if None in words:
            _complain(placed, f"where.{name}", wanted, _expected(column), _quoting(column), found)
            return None
        text = _column_text(raw, name, column)
        rows &= _equal_to_any(column, text, [word for word in words if word is not None])
    return rows


def _equal_to_any(column: Column, text: pa.Array, words: list[str]) -> Flags:
    """By value, so that 3 finds ``3.0``; blank finds blank."""
    if column.kind in ("text", "enum"):
        return flags(pc.is_in(text, value_set=pa.array(words, pa.string())))
    cells, wanted = parse(column, text), parse(column, pa.array(words, pa.string()))
    match = np.zeros(len(text), dtype=bool)
    for at, word in enumerate(words):
        if word == "":
            match |= flags(pc.equal(text, ""))
        elif wanted.given[at]:
            one = wanted.values.item(at) if isinstance(wanted.values, Exact) else wanted.values[at]
            same = cells.values.equals(one) if isinstance(cells.values, Exact) else cells.values == one
            match |= cells.given & same
    return match


def _warn_untouched(raw: RawTable, placed: PlacedChange, found: Findings) -> None:
    """A change without any row is legal and probably a slip."""
    remedy = "check the filter"
    for name, wanted in placed.change.where.items():
        text = _column_text(raw, name, _column(TABLES[raw.name], name))
        if isinstance(wanted, str) and not flags(pc.equal(text, wanted)).any():
            remedy = cached_nearest(pc.unique(text).to_pylist())(wanted, remedy)
    found.say(placed.file, f"at least one row of {raw.name} that matches where", remedy, "change_without_rows",
              row=placed.line, column="change.where", value=placed.change.where, table=raw.name,
              severity="warning")  # fmt: skip


# -- what is done to them ---------------------------------------------------------------------------------------------
def _edited(raw: RawTable, placed: PlacedChange, rows: Flags, log: ChangeLog, found: Findings) -> RawTable:
    """Set, then scale, then add."""
    change = placed.change
    for name, value in change.set.items():
        column = _column(TABLES[raw.name], name)
        word = _text(column, value)
        if word is None:
            _complain(placed, f"set.{name}", value, _expected(column), _quoting(column), found)
            continue
        _refuse_second_set(raw, name, rows, log, found)
        raw = _written(raw, placed, column, rows, [word] * int(rows.sum()), "set", log)
    for action, steps in (("scale", change.scale), ("add", change.add)):
        for name, amount in steps.items():
            column = _column(TABLES[raw.name], name)
            old = _column_text(raw, name, column).filter(pa.array(rows))
            raw = _written(raw, placed, column, rows, _computed(column, old, action, amount), f"{action} {amount}", log)
    return raw


def _computed(column: Column, old: pa.Array, action: str, amount: Decimal) -> list[str]:
    """The new text of numeric cells. Blank cells count as their default; where there is none they stay blank.

    Cells that are no numbers stay as they are, to be told of when the table is typed.
    """
    parsed = parse(column, old)
    values = parsed.values.fractions() if isinstance(parsed.values, Exact) else parsed.values.tolist()
    by = Fraction(amount)
    out = []
    for word, value, given in zip(old.to_pylist(), values, parsed.given.tolist(), strict=True):
        if not given and (word.strip() or column.default is None):
            out.append(word)
            continue
        number = Fraction(value) if given else Fraction(column.default)
        number = number * by if action == "scale" else number + by
        out.append(str(round_half_even(number)) if column.kind == "int" else decimal_text(number, MAX_DIGITS))
    return out


def _written(
    raw: RawTable, placed: PlacedChange, column: Column, rows: Flags, words: list[str], action: str, log: ChangeLog
) -> RawTable:
    """The table with new text in the cells, logged."""
    cells = texts(_column_text(raw, column.name, column))
    positions = np.flatnonzero(rows)
    old = cells[positions].tolist()
    cells[positions] = words
    touched = {int(row): placed.words for row, a, b in zip(positions, old, words, strict=True) if a != b}
    changed = {**raw.changed, column.name: {**raw.changed.get(column.name, {}), **touched}}
    keys = _keys(raw, positions[:LOGGED_CELLS])
    uniform = len(set(old)) == 1 and len(set(words)) == 1
    entry = _entry(
        placed, column.name, len(words), old[0] if uniform else _summary(old), words[0] if uniform else _summary(words)
    )
    shown = zip(keys, old, words, strict=False)
    log.entries.append({**entry, "action": action, "cells": [{"row": k, "old": a, "new": b} for k, a, b in shown]})
    return replace(raw, columns={**raw.columns, column.name: pa.array(cells, pa.string())}, changed=changed)


def _appended(raw: RawTable, placed: PlacedChange, log: ChangeLog, found: Findings) -> RawTable:
    records = []
    for record in placed.change.append:
        row = {name: _text(_column(TABLES[raw.name], name), value) for name, value in record.items()}
        for name in [name for name, word in row.items() if word is None]:
            column = _column(TABLES[raw.name], name)
            _complain(placed, f"append.{name}", record[name], _expected(column), _quoting(column), found)
        records.append({name: word or "" for name, word in row.items()})
    size = len(raw)
    names = list(dict.fromkeys([*raw.columns, *(name for record in records for name in record)]))
    columns = {}
    for name in names:
        more = pa.array([record.get(name, "") for record in records], pa.string())
        columns[name] = pa.concat_arrays([_column_text(raw, name, _column(TABLES[raw.name], name)), more])
    rows = np.concatenate((raw.rows, np.zeros(len(records), dtype=np.int64)))
    changed = {
        name: {**raw.changed.get(name, {}), **{size + n: placed.words for n in range(len(records))}} for name in names
    }
    for key, mask in log.already_set.items():
        if key[1] == raw.name:
            log.already_set[key] = np.concatenate((mask, np.full(len(records), NOBODY)))
    log.entries.append(_entry(placed, None, len(records), None, f"{len(records)} rows appended"))
    return RawTable(raw.name, raw.source, columns, rows, changed)


def _kept(raw: RawTable, keep: Flags, log: ChangeLog) -> RawTable:
    mask, at = pa.array(keep), np.cumsum(keep) - 1
    changed = {
        n: {int(at[row]): words for row, words in cells.items() if keep[row]} for n, cells in raw.changed.items()
    }
    for key, already in log.already_set.items():
        if key[1] == raw.name:
            log.already_set[key] = already[keep]
    columns = {name: text.filter(mask) for name, text in raw.columns.items()}
    return RawTable(raw.name, raw.source, columns, raw.rows[keep], changed)


def _refuse_second_set(raw: RawTable, name: str, rows: Flags, log: ChangeLog, found: Findings) -> None:
    """Two `set` of one cell on one level contradict each other; a file may override its bases and bundles."""
    placed, number = log.placed[-1], len(log.placed) - 1
    key = (placed.level, raw.name, name)
    setter = log.already_set.get(key, np.full(len(raw), NOBODY))
    twice = np.flatnonzero(rows & (setter != NOBODY))
    if len(twice):
        other = log.placed[int(setter[twice[0]])]
        one_file = other.file == placed.file
        expected = f"each cell set once in {placed.file}" if one_file else "each cell set by one of both files"
        cure = "narrow one of the filters" if one_file else "set them in a scenario that names both, which decides"
        cells = f"{len(twice)} cells of {raw.name} are set by {other.words} ({other.place}) too"
        first = f"the first at {_keys(raw, twice[:1])[0]}"
        _complain(placed, f"set.{name}", name, expected, f"{cells}, {first}; {cure}", found)
    log.already_set[key] = np.where(rows, number, setter)


# -- words ------------------------------------------------------------------------------------------------------------
def _column(schema: TableSchema, name: str) -> Column:
    return schema.column(name) or Column(name, "text", "carried")


def _column_text(raw: RawTable, name: str, column: Column) -> pa.Array:
    text = raw.columns.get(name)
    return pa.array([""] * len(raw), pa.string()) if text is None else text


def _text(column: Column, value: Any) -> str | None:
    """A TOML value as the cell's text; None where its type does not fit the column."""
    if value == "" and isinstance(value, str):
        return ""
    if not isinstance(value, FITS[column.kind]) or isinstance(value, datetime.datetime):
        return None
    if isinstance(value, bool):
        return ("true" if value else "false") if column.kind == "flag" else None
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _expected(column: Column) -> str:
    kinds = {"text": "text in quotes", "enum": "text in quotes", "int": "a number", "decimal": "a number",
             "date": "a date without quotes", "flag": "true or false"}  # fmt: skip
    return f"{kinds[column.kind]} for {column.name}"


def _quoting(column: Column) -> str:
    return "ids are text: write them in quotes" if column.kind in ("text", "enum") else "correct the value"


def _complain(placed: PlacedChange, key: str, value: Any, expected: str, remedy: str, found: Findings) -> None:
    found.say(placed.file, expected, remedy, "bad_change", row=placed.line, column=f"change.{key}", value=value,
              table=placed.change.table)  # fmt: skip


def _entry(placed: PlacedChange, column: str | None, rows: int, old: str | None, new: str) -> dict[str, Any]:
    change: Change = placed.change
    where = {name: str(value) for name, value in change.where.items()}
    path = change.table + (f".{column}" if column else "")
    return {"path": path, "table": change.table, "column": column, "where": where, "old": old, "new": new, "rows": rows,
            "from": placed.words}  # fmt: skip


def _summary(words: list[str]) -> str:
    kinds = len(set(words))
    return f"{kinds} different values" if kinds > 1 else words[0]


def _keys(raw: RawTable, positions: Any) -> list[str]:
    parts = [raw.columns[key] for key in TABLES[raw.name].keys if key in raw.columns]
    return [", ".join(part[int(row)].as_py() for part in parts) for row in positions]
