"""From text to values, a column at a time and exactly: no float ever stands in between.

Every parser returns the values (a placeholder where a cell is blank or wrong), where a cell was filled in correctly,
and where it was wrong.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.tables.schema import MAX_DIGITS, Column

Flags = NDArray[np.bool_]

WHOLE = r"^-?[0-9]{1,18}(\.0*)?$"
PLAIN = rf"^-?([0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{0,{MAX_DIGITS}}})?|\.[0-9]{{1,{MAX_DIGITS}}})$"
SCIENTIFIC = re.compile(r"^-?[0-9]{1,30}(\.[0-9]{0,30})?[eE][+-]?[0-9]{1,3}$")
ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
CONTROL = r"[\x00-\x1f\x7f]"
FLAG_WORDS = {"true": True, "1": True, "false": False, "0": False}


class Parsed(NamedTuple):
    """A typed column: values, where they were given, and where the text was wrong."""

    values: Any
    given: Flags
    wrong: Flags


EXPECTED = {
    "int": "a whole number",
    "decimal": "a decimal number such as 1234.56",
    "date": "a date as YYYY-MM-DD",
    "flag": "true or false",
    "text": "text without control characters",
}


def parse(column: Column, text: pa.Array) -> Parsed:
    """The column's values by its kind."""
    if column.kind == "text":
        return parse_text(text)
    trimmed = pc.utf8_trim_whitespace(text)
    if column.kind == "enum":
        return parse_enum(trimmed, column.choices)
    return {"int": parse_int, "decimal": parse_decimal, "date": parse_date, "flag": parse_flag}[column.kind](trimmed)


def flags(mask: Any) -> Flags:
    """An arrow mask as a numpy one."""
    return cast("Flags", np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool))


def texts(column: pa.Array) -> NDArray[np.object_]:
    """Text as an object array of str, equal values sharing one string."""
    coded = column.dictionary_encode()
    words = np.asarray(coded.dictionary.to_numpy(zero_copy_only=False), dtype=object)
    if len(words) == 0:
        return np.zeros(0, dtype=object)
    return cast("NDArray[np.object_]", words[coded.indices.to_numpy(zero_copy_only=False)])


def parse_text(text: pa.Array) -> Parsed:
    """Ids and words, kept to the letter; control characters (which no report, log or model could show) are wrong."""
    return Parsed(texts(text), flags(pc.not_equal(text, "")), flags(pc.match_substring_regex(text, CONTROL)))


def parse_enum(text: pa.Array, choices: tuple[str, ...]) -> Parsed:
    """One of a few words."""
    known = flags(pc.is_in(text, value_set=pa.array(choices, pa.string())))
    filled = flags(pc.not_equal(text, ""))
    return Parsed(texts(text), known, filled & ~known)


def parse_int(text: pa.Array) -> Parsed:
    """Whole numbers; ``5.0`` is 5, ``5.5`` and anything else is wrong."""
    matched = pc.match_substring_regex(text, WHOLE)
    safe = pc.if_else(matched, text, "0")
    if pc.any(pc.match_substring(safe, ".")).as_py():
        safe = pc.replace_substring_regex(safe, r"\.0*$", "")
    given = flags(matched)
    values = pc.cast(safe, pa.int64()).to_numpy(zero_copy_only=False)
    return Parsed(np.array(values, dtype=np.int64), given, flags(pc.not_equal(text, "")) & ~given)


def parse_decimal(text: pa.Array) -> Parsed:
    """Exact decimals of any length up to `MAX_DIGITS` on each side of the point; ``1e-05`` is read as what it says."""
    filled = flags(pc.not_equal(text, ""))
    given = flags(pc.match_substring_regex(text, PLAIN))
    if (filled & ~given).any():
        text, given = _without_exponents(text, filled & ~given, given)
    safe = pc.if_else(pa.array(given), text, "0")
    if pc.any(pc.match_substring(safe, ".")).as_py():
        trimmed = pc.utf8_rtrim(pc.utf8_rtrim(safe, "0"), ".")
        safe = pc.if_else(pc.match_substring(safe, "."), trimmed, safe)
        safe = pc.if_else(pc.is_in(safe, value_set=pa.array(["", "-"])), "0", safe)
    return Parsed(_exact(safe), given, filled & ~given)


def _without_exponents(text: pa.Array, doubtful: Flags, given: Flags) -> tuple[pa.Array, Flags]:
    """Numbers in scientific notation (other programs write small floats so) as plain decimals."""
    words = text.to_pylist()
    given = given.copy()
    for position in np.flatnonzero(doubtful).tolist():
        if SCIENTIFIC.match(words[position]):
            try:
                plain = format(Decimal(words[position]), "f")
            except InvalidOperation:  # pragma: no cover - the pattern leaves nothing that Decimal refuses
                continue
            whole, _, fraction = plain.lstrip("-").partition(".")
            fraction = fraction.rstrip("0")
            if len(whole) <= MAX_DIGITS and len(fraction) <= MAX_DIGITS:
                words[position] = ("-" if plain.startswith("-") else "") + whole + ("." + fraction if fraction else "")
                given[position] = True
    return pa.array(words, pa.string()), given


def _exact(text: pa.Array) -> Exact:
    """Plain decimals without trailing zeros as one exact vector."""
    point = pc.find_substring(text, ".").to_numpy(zero_copy_only=False)
    length = pc.utf8_length(text).to_numpy(zero_copy_only=False)
    places = np.where(point >= 0, length - point - 1, 0)
    whole = np.where(point >= 0, point, length)
    scale = int(places.max(initial=0))
    if int(whole.max(initial=0)) + scale <= 37:
        decimals = pc.cast(text, pa.decimal128(38, scale))
        words = np.frombuffer(decimals.buffers()[1], dtype="<i8").reshape(-1, 2)
        words = words[decimals.offset : decimals.offset + len(decimals)]
        low, high = words[:, 0], words[:, 1]
        if bool(np.all((high == low >> 63) & (np.abs(low) < INT64_SAFE))):
            return Exact(np.array(low, dtype=np.int64), scale)
    return Exact.of(Decimal(word) for word in text.to_pylist())


def parse_date(text: pa.Array) -> Parsed:
    """Calendar days as YYYY-MM-DD; 2026-02-30 is wrong."""
    shaped = pc.match_substring_regex(text, ISO_DATE)
    safe = pc.if_else(shaped, text, "2000-01-01")
    year, month, day = (
        pc.cast(pc.utf8_slice_codeunits(safe, start, stop), pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)
        for start, stop in ((0, 4), (5, 7), (8, 10))
    )
    month_ok = (month >= 1) & (month <= 12) & (year >= 1)
    first = np.datetime64("0000-01", "M") + (np.where(month_ok, year, 2000) * 12 + np.where(month_ok, month, 1) - 1)
    days = (first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")
    real = month_ok & (day >= 1) & (day <= days.astype(np.int64))
    given = flags(shaped) & real
    values = first.astype("datetime64[D]") + np.where(real, day - 1, 0)
    values[~given] = np.datetime64("NaT")
    return Parsed(values, given, flags(pc.not_equal(text, "")) & ~given)


def parse_flag(text: pa.Array) -> Parsed:
    """Truth values: true or false (any case), 1 or 0."""
    lower = pc.utf8_lower(text)
    given = flags(pc.is_in(lower, value_set=pa.array(list(FLAG_WORDS))))
    true = flags(pc.is_in(lower, value_set=pa.array([word for word, value in FLAG_WORDS.items() if value])))
    return Parsed(true, given, flags(pc.not_equal(text, "")) & ~given)
