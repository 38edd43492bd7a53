"""Tables as CSV: UTF-8, RFC 4180 quoting, line feeds as line ends, exact decimals, ISO dates, blank for missing.

**Spreadsheet safety.** A spreadsheet runs a text cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula. Such
cells of *text* columns (number, date and flag columns cannot hold one) get one apostrophe in front, and so does every
text that already begins with an apostrophe. The rule to read a text cell back is therefore a single one, without
exceptions: **if it begins with an apostrophe, drop that one character.** Ids survive exactly. Copies of *input* tables
are not guarded: they are read back by the reader of inputs, which takes every character as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Column, Table

RISKY_FIRST = frozenset("=+-@\t\r\n\0＝＋－＠")
"""What makes a spreadsheet calculate, in plain and full-width form, and the controls that hide it."""
GUARD = "'"
CHUNK_ROWS = 100_000


def guard(text: str) -> str:
    """``text`` as it stands in a CSV cell: an apostrophe in front where a spreadsheet might run it."""
    first, visible = text[:1], text.lstrip()[:1]
    return GUARD + text if first == GUARD or first in RISKY_FIRST or visible in RISKY_FIRST else text


def unguard(cell: str) -> str:
    """The text that `guard` was given."""
    return cell.removeprefix(GUARD)


def quote(cell: str) -> str:
    """RFC 4180: cells with a comma, a quote or a line break stand in quotes, quotes inside are doubled."""
    if any(mark in cell for mark in ',"\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def table_bytes(table: Table, guarded: bool = True) -> Iterator[bytes]:
    """The CSV file of a table in pieces: the header, then `CHUNK_ROWS` rows at a time."""
    names = [*table.columns, *table.extra]
    yield (",".join(map(quote, names)) + "\n").encode("utf-8")
    for start in range(0, len(table), CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, len(table)))
        cells = [_cells(table, name, part, guarded) for name in names]
        if len(cells) == 1:  # a blank line would be no row at all
            cells = [[cell or '""' for cell in cells[0]]]
        rows = map(",".join, zip(*cells, strict=True))
        yield ("\n".join(rows) + "\n").encode("utf-8", "backslashreplace")


def _cells(table: Table, name: str, part: slice, guarded: bool) -> list[str]:
    values: Column = table.columns[name] if name in table.columns else table.extra[name]
    texts = column_texts(values, part, guarded)
    given = table.filled.get(name)
    if given is None:
        return texts
    return [text if present else "" for text, present in zip(texts, given[part].tolist(), strict=True)]


def column_texts(values: Column, part: slice, guarded: bool = True) -> list[str]:
    """One column's cells as text; text columns are quoted, and guarded if asked for."""
    if isinstance(values, Exact):
        return values[part].texts()
    piece: NDArray[Any] = values[part]
    if piece.dtype.kind == "M":
        return ["" if day == "NaT" else day for day in piece.astype("datetime64[D]").astype(str).tolist()]
    if piece.dtype.kind == "b":
        return ["true" if flag else "false" for flag in piece.tolist()]
    if piece.dtype.kind in "iu":
        return list(map(str, piece.tolist()))
    if piece.dtype.kind == "O":
        texts: list[str] = piece.tolist()
        known = {text: quote(guard(text) if guarded else text) for text in set(texts)}  # ids repeat: each once
        return [known[text] for text in texts]
    raise TypeError(f"a column of dtype {piece.dtype} has no exact text")
