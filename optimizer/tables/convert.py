"""Typed cells of other formats as the text a person would have written, so that every source is typed by one parser.

Floats become their shortest decimal, whole floats whole numbers; dates become ISO. What a spreadsheet or a database has
turned into something else (an id that became a date, a code beyond a float's digits) is told, not guessed back.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.tables.cells import flags
from optimizer.tables.findings import Findings, Flags, Place, quote
from optimizer.tables.header import RefusedError
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import TableSchema

SURE_FLOAT = 10**15
"""Whole floats below this are what was typed; above, spreadsheets keep 15 digits and write zeros."""

MAX_TEXT_BYTES = 2**31 - 2**20
"""Most text of one column."""

AS_TEXT = "store the cells of this column as text"


class ColumnError(ValueError):
    """A column that cannot be read at all; the message says what was expected."""


def raw_table(
    schema: TableSchema, source: str, names: Sequence[str], columns: Sequence[Any], rows: Any, found: Findings
) -> RawTable:
    """Columns of any kind (arrow arrays or lists of Python values) as text; refused if one cannot be read."""
    place = Place(schema.name, source, np.asarray(rows, dtype=np.int64))
    texts = {}
    for name, values in zip(names, columns, strict=True):
        column = schema.column(name)
        is_text = column is not None and column.kind == "text"
        try:
            texts[name] = column_text(values, is_text, place, name, found)
        except ColumnError as error:
            found.say(
                source, str(error), "change the type of the column", "column_type", column=name, table=schema.name
            )
    if len(texts) < len(names):
        raise RefusedError
    return RawTable(schema.name, source, texts, place.rows)


def column_text(values: Any, is_text: bool, place: Place, name: str, found: Findings) -> pa.Array:
    """One column as text; ``is_text`` marks columns of ids and words, where a changed type means a changed value."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if isinstance(values, pa.Array):
        _check_whole(values)
        text = _arrow_text(values, is_text)
        if text is not None:
            return text
        values = _python_values(values)
    return _python_text(values, is_text, place, name, found)


# -- arrow columns ----------------------------------------------------------------------------------------------------
def _arrow_text(values: pa.Array, is_text: bool) -> pa.Array | None:
    """The fast ways; None where cells must be looked at one by one."""
    kind = values.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        lengths = pc.binary_length(values.dictionary).to_numpy(zero_copy_only=False).astype(np.int64)
        used = values.indices.drop_null().to_numpy(zero_copy_only=False)
        _check_size(int(lengths[used].sum()) if len(used) else 0)
        return pc.fill_null(values.cast(pa.string()), "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        plain = values.dictionary_decode() if pa.types.is_dictionary(kind) else values
        if pa.types.is_large_string(plain.type):
            _check_size(int(pc.sum(pc.binary_length(plain)).as_py() or 0))
        return pc.fill_null(plain.cast(pa.string()), "") if plain.type in (pa.string(), pa.large_string()) else None
    if pa.types.is_null(kind):
        return pa.array([""] * len(values), pa.string())
    if pa.types.is_integer(kind):
        return pc.fill_null(values.cast(pa.string()), "")
    if pa.types.is_floating(kind):
        return _float_text(values, is_text)
    if is_text or not (pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_boolean(kind)):
        return None
    return pc.fill_null(
        values.cast(pa.date32()).cast(pa.string()) if pa.types.is_date(kind) else values.cast(pa.string()), ""
    )


def _check_whole(values: pa.Array) -> None:
    """Damaged files can hold text that is not UTF-8 and positions that lead nowhere; the format does not notice."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ColumnError(f"whole cells, text in UTF-8 ({quote(error)})") from None


def _check_size(size: int) -> None:
    if size > MAX_TEXT_BYTES:
        raise ColumnError(f"at most {MAX_TEXT_BYTES:,} bytes of text in a column, not {size:,}")


def _float_text(values: pa.Array, is_text: bool) -> pa.Array | None:
    """Shortest decimals; NaN is blank, as the libraries that write such files mean it."""
    numbers = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    whole = flags(pc.fill_null(pc.equal(pc.trunc(numbers), numbers), True))
    small = flags(pc.fill_null(pc.less(pc.abs(numbers.cast(pa.float64())), float(SURE_FLOAT)), True))
    if (whole & small).all():
        return pc.fill_null(numbers.cast(pa.int64()).cast(pa.string()), "")
    return None if is_text else pc.fill_null(numbers.cast(pa.string()), "")


def _python_values(values: pa.Array) -> list[Any]:
    kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise ColumnError(f"text, numbers or dates, not {kind}")
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        return list(values.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        raise ColumnError(f"text, numbers or dates, not {kind}") from None


# -- Python values ----------------------------------------------------------------------------------------------------
def _python_text(values: Sequence[Any], is_text: bool, place: Place, name: str, found: Findings) -> pa.Array:
    wrong = np.zeros(len(values), dtype=bool)
    if all(value is None or type(value) is str for value in values):
        return _text_array(["" if value is None else value for value in values], wrong, place, name, found)
    out: list[str] = []
    reasons: dict[int, str] = {}
    for position, value in enumerate(values):
        text, reason = _cell_text(value, is_text)
        out.append(text)
        if reason:
            wrong[position] = True
            reasons[position] = reason
    found.at(place, name, wrong, "text", lambda row: reasons[row], "not_text", value=out)
    return _text_array(out, wrong, place, name, found)


def _text_array(texts: list[str], wrong: Flags, place: Place, name: str, found: Findings) -> pa.Array:
    """Text as an arrow array; halves of surrogate pairs are not text."""
    try:
        return pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid):
        for position, text in enumerate(texts):
            if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
                wrong[position], texts[position] = True, text.encode("ascii", "replace").decode()
        found.at(place, name, wrong, "text in Unicode", "correct the character", "encoding", value=texts)
        return pa.array(texts, pa.string())


def _cell_text(value: Any, is_text: bool) -> tuple[str, str]:
    """The text of one cell, and what is wrong with it as an id or a word."""
    if value is None:
        return "", ""
    if isinstance(value, str):
        return value, ""
    convert = _CONVERT.get(type(value))
    if convert is None:
        return str(value), f"{AS_TEXT}; this is {type(value).__name__}"
    text, reason = convert(value)
    return text, reason if is_text else ""


def _from_float(value: float) -> tuple[str, str]:
    if math.isnan(value):
        return "", ""
    if math.isinf(value):
        return str(value), AS_TEXT
    if value == int(value) and abs(value) < SURE_FLOAT:
        return str(int(value)), ""
    lost = "a number keeps 15 digits of it" if value == int(value) else "it was read as a number with decimals"
    return format(Decimal(repr(value)), "f").removesuffix(".0"), f"{AS_TEXT}; {lost}"


def _from_decimal(value: Decimal) -> tuple[str, str]:
    if not value.is_finite():
        return ("", "") if value.is_nan() else (str(value), AS_TEXT)
    if abs(value.adjusted()) > 100:
        return str(value), AS_TEXT
    if value == value.to_integral_value():
        return str(int(value)), ""
    return format(value, "f"), f"{AS_TEXT}; it was read as a number with decimals"


def _from_datetime(value: datetime.datetime) -> tuple[str, str]:
    midnight = value.time() == datetime.time() and value.tzinfo is None
    text = value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return text, f"{AS_TEXT}; it was turned into a date"


_CONVERT: dict[type, Callable[[Any], tuple[str, str]]] = {
    int: lambda value: (str(value), ""),
    float: _from_float,
    Decimal: _from_decimal,
    bool: lambda value: ("true" if value else "false", f"{AS_TEXT}; it was turned into a truth value"),
    datetime.date: lambda value: (value.isoformat(), f"{AS_TEXT}; it was turned into a date"),
    datetime.datetime: _from_datetime,
    datetime.time: lambda value: (value.isoformat(), f"{AS_TEXT}; it was turned into a time"),
    datetime.timedelta: lambda value: (str(value), f"{AS_TEXT}; it was turned into a duration"),
}
