"""Tables as JSON lines: one object a row, UTF-8, numbers with all digits, ISO dates, null for what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.report.csv_out import CHUNK_ROWS
from optimizer.tables.tables import Column, Table


def table_bytes(table: Table) -> Iterator[bytes]:
    """The file in pieces of `CHUNK_ROWS` rows. Decimals are numbers with all their digits."""
    columns = {**table.columns, **table.extra}
    pattern = "{" + ", ".join(json.dumps(name).replace("%", "%%") + ": %s" for name in columns) + "}\n"
    for start in range(0, len(table), CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, len(table)))
        cells = [_cells(table, name, values, part) for name, values in columns.items()]
        yield "".join(pattern % row for row in zip(*cells, strict=True)).encode("utf-8", "backslashreplace")


def _cells(table: Table, name: str, values: Column, part: slice) -> list[str]:
    texts = _texts(values, part)
    given = table.filled.get(name)
    if given is None:
        return texts
    return [text if present else "null" for text, present in zip(texts, given[part].tolist(), strict=True)]


def _texts(values: Column, part: slice) -> list[str]:
    """One column's cells as JSON."""
    if isinstance(values, Exact):
        return values[part].texts()
    piece: NDArray[Any] = values[part]
    if piece.dtype.kind == "M":
        return ["null" if day == "NaT" else f'"{day}"' for day in piece.astype("datetime64[D]").astype(str).tolist()]
    if piece.dtype.kind == "b":
        return ["true" if flag else "false" for flag in piece.tolist()]
    if piece.dtype.kind in "iu":
        return list(map(str, piece.tolist()))
    if piece.dtype.kind == "O":
        texts: list[str] = piece.tolist()
        known = {text: json.dumps(text, ensure_ascii=False) for text in set(texts)}
        return [known[text] for text in texts]
    raise TypeError(f"a column of dtype {piece.dtype} has no exact text")
