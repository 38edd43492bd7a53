"""Exact JSON: every number is written as the decimal it is, never through a float.

Fractions whose digits end are written in full, the others half-even to 12 decimals (`decimal_text`). Keys keep the
order in which they were put, so whoever builds the dictionary decides the layout; sets and unknown types are refused
because their order or meaning could change between runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.exact import Exact, decimal_text

INDENT = "  "


def dumps(value: Any) -> str:
    """``value`` as indented JSON text with a final newline; short lists of plain values stay on one line."""
    return "".join(_lines(value, "", "$")) + "\n"


def to_bytes(value: Any) -> bytes:
    """UTF-8 bytes of `dumps`; a byte of a file name that is not UTF-8 becomes the JSON escape of its surrogate."""
    return dumps(value).encode("utf-8", "backslashreplace")


def scalar(value: Any, where: str = "$") -> str | None:
    """The JSON text of a single value, None for a container."""
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, Fraction | Decimal):
        if isinstance(value, Decimal) and not value.is_finite():
            raise ValueError(f"{where}: {value} is not a number that JSON can hold")
        return decimal_text(Fraction(value))
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not a number that JSON can hold")
        return repr(float(value))
    if isinstance(value, np.datetime64):
        return "null" if np.isnat(value) else json.dumps(str(value.astype("datetime64[D]")))
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    return None


def _lines(value: Any, indent: str, where: str) -> Iterator[str]:
    plain = scalar(value, where)
    if plain is not None:
        yield plain
    elif isinstance(value, Mapping):
        yield from _mapping(value, indent, where)
    elif isinstance(value, list | tuple | np.ndarray | Exact):
        yield from _sequence(value.fractions() if isinstance(value, Exact) else list(value), indent, where)
    else:
        raise TypeError(f"{where}: {type(value).__name__} has no exact JSON form")


def _mapping(value: Mapping[Any, Any], indent: str, where: str) -> Iterator[str]:
    if not value:
        yield "{}"
        return
    deeper = indent + INDENT
    lead = "{\n"
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{where}: the key {key!r} is not text")
        yield f"{lead}{deeper}{json.dumps(key, ensure_ascii=False)}: "
        yield from _lines(item, deeper, f"{where}.{key}")
        lead = ",\n"
    yield f"\n{indent}}}"


def _sequence(items: list[Any], indent: str, where: str) -> Iterator[str]:
    plain = [scalar(item, f"{where}[{position}]") for position, item in enumerate(items)]
    if all(text is not None for text in plain):
        yield "[" + ", ".join(text for text in plain if text is not None) + "]"
        return
    deeper = indent + INDENT
    lead = "[\n"
    for position, item in enumerate(items):
        yield lead + deeper
        yield from _lines(item, deeper, f"{where}[{position}]")
        lead = ",\n"
    yield f"\n{indent}]"
