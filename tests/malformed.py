"""Damage to valid inputs, as files suffer it: what was done, to which file, and where the finding is expected.

Each ``…_damage`` draws one mutation with a seeded generator. ``must_fail`` says that no reader may accept the result;
``row`` and ``column`` say where the finding has to be, where the damage has a place.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import xlsxwriter

NO_NUMBERS = ("many", "1,5", "1 000", "1_000", "--5", "0x10", "½", "٣", "1e400", "NaN", "inf", "-inf", "1e", "12/4",
              "1.2.3", "9" * 400, "$5", "5 kg", "#REF!", "=1+1", "true", "\u200b7", "None")  # fmt: skip
NO_DATES = ("2026-02-30", "2026-13-01", "03/04/2026", "45000", "2026-11-31", "tomorrow", "20261120", "2026-11-20T25:00",
            "0000-00-00", "2026-11", "99999-01-01", "26-11-20", "2026-11-20 +1", "２０２６-11-20")  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """New content of one file, and what is known of the finding it must lead to."""

    words: str
    content: bytes
    must_fail: bool = True
    row: int | None = None
    column: str | None = None


Rows = list[list[str]]


def rows_of(text: str) -> Rows:
    return list(csv.reader(io.StringIO(text)))


def _csv(rows: Rows, **form: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **form).writerows(rows)
    return out.getvalue().encode()


CSV_KINDS = ("short row", "long row", "missing column", "header twice", "row twice", "semicolons", "tabs", "quote",
             "NUL", "bytes", "blank key")  # fmt: skip


# -- tables ------------------------------------------------------------------------------------------------------------
def cell_damage(rows: Rows, kinds: dict[str, str], dice: random.Random) -> tuple[Rows, str, int, str] | None:
    """One number or date that is none. ``kinds``: the kind of each column. None if the table has no such column."""
    typed = [number for number, name in enumerate(rows[0]) if kinds.get(name) in ("number", "date")]
    if not typed:
        return None
    column, row = dice.choice(typed), dice.randrange(1, len(rows))
    value = dice.choice(NO_NUMBERS if kinds[rows[0][column]] == "number" else NO_DATES)
    copy = [list(each) for each in rows]
    copy[row][column] = value
    return copy, value, row + 1, rows[0][column]


def csv_damage(content: bytes, kinds: dict[str, str], required: set[str], dice: random.Random) -> Damage:
    """A CSV file that is damaged in one of its cells, its rows, its header or its bytes."""
    rows = rows_of(content.decode())
    row, line = dice.randrange(1, len(rows)), content.split(b"\n")
    at = dice.randrange(len(content))
    needed = [name for name in rows[0] if name in required]
    without = rows[0].index(dice.choice(needed)) if needed else 0
    damaged = cell_damage(rows, kinds, dice)
    if damaged and dice.random() < 0.4:
        changed, value, place, name = damaged
        return Damage(f"{value[:30]!r} in {name}", _csv(changed), True, place, name)
    kind = dice.choice((*BYTES, *CSV_KINDS))
    if kind in BYTES:
        return BYTES[kind](content, at, dice)
    changed = [list(each) for each in rows]
    made = {
        "short row": lambda: _csv([*rows[:row], rows[row][:-1], *rows[row + 1 :]]),
        "long row": lambda: _csv([*rows[:row], [*rows[row], "x"], *rows[row + 1 :]]),
        "missing column": lambda: _csv([[cell for n, cell in enumerate(each) if n != without] for each in changed]),
        "header twice": lambda: _csv([[*each, each[0]] for each in changed]),
        "row twice": lambda: _csv([*changed, changed[row]]),
        "semicolons": lambda: _csv(rows, delimiter=";"),
        "tabs": lambda: _csv(rows, delimiter="\t"),
        "quote": lambda: b"\n".join([*line[:row], b'"' + line[row], *line[row + 1 :]]),
        "NUL": lambda: b"\n".join([*line[:row], line[row] + b"\0", *line[row + 1 :]]),
        "bytes": lambda: b"\n".join([*line[:row], line[row] + b"\xff\xfe", *line[row + 1 :]]),
        "blank key": lambda: _csv([*rows[:row], ["", *rows[row][1:]], *rows[row + 1 :]]),
    }[kind]()
    placed = row + 1 if kind in ("short row", "long row", "NUL", "bytes") else None
    column = rows[0][without] if kind == "missing column" and needed else None
    sure = kind not in ("missing column", "row twice", "blank key", "quote") or column is not None
    if kind in ("short row", "semicolons", "tabs") and len(rows[0]) == 1:
        sure = False
    return Damage(f"{kind}, row {row + 1}", made, sure, placed, column)


def _flip(content: bytes, at: int, dice: random.Random) -> Damage:
    flipped = bytes([content[at] ^ (1 << dice.randrange(8))])
    return Damage(f"a bit of byte {at}", content[:at] + flipped + content[at + 1 :], False)


def _noise(content: bytes, at: int, dice: random.Random) -> Damage:
    return Damage(f"noise from byte {at}", content[:at] + dice.randbytes(20) + content[at + 20 :], False)


BYTES: dict[str, Callable[[bytes, int, random.Random], Damage]] = {
    "empty": lambda content, at, dice: Damage("empty", b""),
    "cut": lambda content, at, dice: Damage(f"cut at byte {at}", content[:at], False),
    "UTF-16": lambda content, at, dice: Damage("UTF-16", content.decode("latin-1").encode("utf-16")),
    "zeros": lambda content, at, dice: Damage("zeros, as after a crash", b"\0" * len(content)),
    "noise": _noise,
    "bit": _flip,
}
"""What may befall any file."""


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    return bytes(sink.getvalue())


ODD_ARRAYS: dict[str, Callable[[int], pa.Array]] = {
    "lists": lambda size: pa.array([[1]] * size),
    "structs": lambda size: pa.array([{"a": 1}] * size),
    "bytes": lambda size: pa.array([b"\xff\xfe"] * size),
    "NaN": lambda size: pa.array([float("nan")] * size),
    "infinity": lambda size: pa.array([float("inf")] * size),
    "times": lambda size: pa.array([datetime.timedelta(seconds=5)] * size),
    "nulls": lambda size: pa.nulls(size),
    "flags": lambda size: pa.array([True] * size),
    "maps": lambda size: pa.array([[("a", 1)]] * size, pa.map_(pa.string(), pa.int64())),
}


def parquet_damage(rows: Rows, kinds: dict[str, str], required: set[str], dice: random.Random) -> Damage:
    """The table as Parquet, with a wrong cell, a column of a strange type, a column twice, or damaged bytes."""
    table = pa.table({name: [row[n] or None for row in rows[1:]] for n, name in enumerate(rows[0])})
    damaged, kind = cell_damage(rows, kinds, dice), dice.choice(("cell", "array", "array", "twice", "CSV", *BYTES))
    if kind == "cell" and damaged:
        changed, value, place, name = damaged
        column = pa.array([row[rows[0].index(name)] or None for row in changed[1:]])
        content = parquet_bytes(table.set_column(rows[0].index(name), name, column))
        return Damage(f"{value[:30]!r} in {name}", content, True, place - 1, name)  # no header row here
    if kind in ("cell", "array"):
        number, odd = dice.randrange(len(rows[0])), dice.choice(sorted(ODD_ARRAYS))
        name = rows[0][number]
        content = parquet_bytes(table.set_column(number, name, ODD_ARRAYS[odd](len(table))))
        sure = odd in ("lists", "structs", "maps", "bytes") and name in kinds
        return Damage(f"{odd} in {name}", content, sure, None, name if sure else None)
    if kind == "twice":
        return Damage("a column twice", parquet_bytes(table.append_column(rows[0][0], table.column(0))))
    if kind == "CSV":
        return Damage("CSV by the name of Parquet", _csv(rows))
    content = parquet_bytes(table)
    return BYTES[kind](content, dice.randrange(len(content)), dice)


def excel_bytes(rows: Rows, odd: Callable[[Any, Any], None] | None = None) -> bytes:
    """A workbook with one sheet of text; ``odd(book, sheet)`` adds what is wrong."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("table")
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, cell)
        if odd:
            odd(book, sheet)
    return out.getvalue()


def excel_damage(rows: Rows, kinds: dict[str, str], required: set[str], dice: random.Random) -> Damage:
    """The table as a workbook, with a wrong cell, an error value, a second sheet, or damaged bytes."""
    damaged, row, place = cell_damage(rows, kinds, dice), dice.randrange(1, len(rows)), dice.randrange(len(rows[0]))
    kind = dice.choice(("cell", "cell", "formula", "sheets", "header", "CSV", "stray", *BYTES))
    if kind == "cell" and damaged:
        changed, value, line, name = damaged
        return Damage(f"{value[:30]!r} in {name}", excel_bytes(changed), True, line, name)
    if kind in ("cell", "formula"):
        content = excel_bytes(rows, lambda book, sheet: sheet.write_formula(row, place, "=1/0", None, "#DIV/0!"))
        known = rows[0][place] in kinds
        return Damage("an error value", content, known, row + 1 if known else None)  # the column by its letter
    if kind == "sheets":
        content = excel_bytes(rows, lambda book, sheet: book.add_worksheet("b").write(0, 0, 1))
        return Damage("two sheets", content, False)
    if kind == "header":
        return Damage("a header twice", excel_bytes([[*each, each[0]] for each in rows]))
    if kind == "stray":
        content = excel_bytes(rows, lambda book, sheet: sheet.write_string(row, len(rows[0]) + 2, "note"))
        return Damage("a cell beside the table", content, False)
    if kind == "CSV":
        return Damage("CSV by the name of Excel", _csv(rows))
    content = excel_bytes(rows)
    return BYTES[kind](content, dice.randrange(len(content)), dice)


# -- settings ----------------------------------------------------------------------------------------------------------
ODD_VALUES = ("[]", "{}", '""', "true", "nan", "-inf", "1e999999999", "-1", "2026-11-20", "12:00:00", "[[]]",
              "{a = {}}", '"\\u0000"', "99999999999999999999999999", '"nowhere"', "[1, [2, [3]]]", '"=1+1"', "0", "0.5",
              '"../../.."', "1979-05-27T07:32:00Z", '"ａ"', '"a\\nb"', "{path = 5}", '{sql = "SELECT 1"}',
              '"/etc/passwd"')  # fmt: skip
"""Values that TOML allows and that few settings do."""
TORN = ("[", "]", "=", '"', "'''", "[[", "\\", "#", "}", "\0", "\x07", ",", "\n", "ä", "= =", "[a.b", "\ufeff")


def toml_damage(content: bytes, dice: random.Random) -> Damage:
    """A configuration with a strange value, a key or section twice, an unknown key, or torn text."""
    text = content.decode()
    lines = text.splitlines()
    keyed = [number for number, line in enumerate(lines) if re.match(r"^[A-Za-z_.]+ = [^\[{]*$", line)]
    number, at = dice.choice(keyed), dice.randrange(len(text))
    key = lines[number].split(" = ")[0]
    kind = dice.choice(("value", "value", "value", "twice", "unknown", "torn", "torn", "section", "deep", *BYTES))
    if kind in BYTES:
        return BYTES[kind](content, dice.randrange(len(content)), dice)
    if kind == "value":
        value = dice.choice(ODD_VALUES)
        changed = [*lines[:number], f"{key} = {value}", *lines[number + 1 :]]
        return Damage(f"{key} = {value}", "\n".join(changed).encode(), False)
    if kind == "twice":
        return Damage(f"{key} twice", "\n".join([*lines[: number + 1], *lines[number:]]).encode())
    if kind == "unknown":
        changed = [*lines[:number], f"{key}x = 1", *lines[number:]]
        sure = not lines[number].startswith("x_")
        return Damage(f"{key}x", "\n".join(changed).encode(), sure and key not in ("A", "B"), None)
    if kind == "section":
        return Damage("an unknown section", content + b"\n[nonsense]\nkey = 1\n")
    if kind == "deep":
        return Damage("depth", content + b"\nx = " + b"[" * 5000 + b"]" * 5000)
    torn = dice.choice(TORN)
    return Damage(f"{torn!r} at {at}", (text[:at] + torn + text[at:]).encode(), False)
