"""CSV: comma separated, UTF-8, one header line, quotes doubled inside quotes (RFC 4180).

The structure is proved before anything is split: every byte is UTF-8, every quote opens or closes a whole field, every
record has as many fields as the header. Only then a fast parser does the splitting, every cell as text; its rows must
agree with the proof. A file that breaks a rule is refused with the line, never repaired by guessing.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from optimizer.tables.findings import Findings, Ints, quote
from optimizer.tables.header import MAX_COLUMNS, MAX_ROWS, RefusedError, check_header
from optimizer.tables.raw import RawTable, drop_blank_rows

MAX_BYTES = 2**30
MAX_CELL_BYTES = 2**20
MAX_TOLD = 1000
BLOCK = 1 << 22

QUOTE, COMMA, LF, CR, NUL = b'",\n\r\0'
UTF16 = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass
class Structure:
    """Where the records of a file are: line number and number of fields of each, blank lines left out."""

    lines: Ints
    fields: Ints
    quoted_breaks: bool


@dataclass
class Scan:
    """The state that is carried from block to block."""

    found: Findings
    source: str
    table: str
    inside: bool = False
    last: int = LF
    line: int = 1
    cell: int = 0
    marks: list[NDArray[np.int64]] = field(default_factory=list)
    kinds: list[NDArray[np.uint8]] = field(default_factory=list)

    def refuse(self, expected: str, remedy: str, code: str, row: int | None = None, value: str = "") -> RefusedError:
        self.found.say(self.source, expected, remedy, code, row=row, value=value, table=self.table)
        return RefusedError()


def read_csv(path: Path, name: str, source: str, found: Findings) -> RawTable | None:
    """The table as text; None (and findings) if the file is not sound."""
    scan = Scan(found, source, name)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise scan.refuse(f"a file of at most {MAX_BYTES:,} bytes", "split it, or use Parquet", "too_large")
        if size == 0:
            raise scan.refuse("a header line", "export the table again; the file is empty", "empty_file")
        data = np.memmap(path, dtype=np.uint8, mode="r")
        structure = _structure(data, scan)
        if len(structure.lines) > MAX_ROWS:
            value = f"{len(structure.lines):,}"
            raise scan.refuse(f"at most {MAX_ROWS:,} rows", "select what the batch needs", "too_large", value=value)
        header = _header(data, structure, scan)
        _field_counts(structure, header, scan)
        return _split(path, name, source, header, structure, scan)
    except RefusedError:
        return None


# -- proving the structure --------------------------------------------------------------------------------------------
def _structure(data: NDArray[np.uint8], scan: Scan) -> Structure:
    """Lines and fields of every record, from the positions of quotes, commas and line breaks outside quotes."""
    head = bytes(data[:4])
    for mark, words in UTF16.items():
        if head.startswith(mark):
            raise scan.refuse(f"UTF-8 text, not {words} (byte 0)", "save the file as UTF-8", "encoding", row=1)
    start = 3 if head.startswith(codecs.BOM_UTF8) else 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(start, len(data), BLOCK):
        block = data[at : at + BLOCK]
        _check_text(block, at, decoder, scan, final=at + BLOCK >= len(data))
        _marks(block, at, scan)
    if scan.inside:
        raise scan.refuse("a closing quote", f"close the quote that opens in line {_opening(scan)}", "unclosed_quote",
                          row=_opening(scan))  # fmt: skip
    return _records(data, start, scan)


def _check_text(
    block: NDArray[np.uint8], at: int, decoder: codecs.IncrementalDecoder, scan: Scan, *, final: bool
) -> None:
    """Bytes that are not UTF-8, or NUL, are named by their offset in the file."""
    raw = block.tobytes()
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(raw, final)
    except UnicodeDecodeError as error:
        offset = at - pending + error.start
        row = scan.line + _breaks(raw[: max(error.start - pending, 0)])
        value = f"0x{error.object[error.start]:02x}"
        remedy = "save the file as UTF-8 (it looks like Windows-1252 or another one-byte code)"
        raise scan.refuse(f"UTF-8 text at byte {offset}", remedy, "encoding", row=row, value=value) from None
    nul = raw.find(b"\0")
    if nul >= 0:
        remedy = "save the file as UTF-8 text (it may be UTF-16)"
        raise scan.refuse(f"text at byte {at + nul}, not NUL", remedy, "encoding", row=scan.line + _breaks(raw[:nul]))


def _breaks(raw: bytes) -> int:
    return raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")


def _marks(block: NDArray[np.uint8], at: int, scan: Scan) -> None:
    """Adds the block's quotes, commas and line breaks to the scan; follows quotes and the length of cells."""
    where = np.flatnonzero((block == QUOTE) | (block == COMMA) | (block == LF) | (block == CR))
    kind = np.asarray(block[where])
    edges = np.concatenate(([-scan.cell - 1], where[kind != QUOTE] if not scan.inside else where, [len(block)]))
    lengths = np.diff(edges)
    if int(lengths.max()) > MAX_CELL_BYTES:
        start = max(int(edges[int(lengths.argmax())]), 0)
        raise _huge_cell(scan, scan.line + _breaks(block[: start + 1].tobytes()))
    scan.cell = int(len(block) - 1 - edges[-2]) if len(edges) > 2 else scan.cell + len(block)
    scan.inside ^= bool(np.count_nonzero(kind == QUOTE) % 2)
    pairs = np.count_nonzero((block[1:] == LF) & (block[:-1] == CR)) + int(scan.last == CR and block[0] == LF)
    scan.line += int(np.count_nonzero((kind == LF) | (kind == CR)) - pairs)
    scan.last = int(block[-1])
    scan.marks.append(where.astype(np.int64) + at)
    scan.kinds.append(kind)


def _huge_cell(scan: Scan, row: int) -> RefusedError:
    remedy = "check for a missing closing quote, or cut the text"
    return scan.refuse(f"cells of at most {MAX_CELL_BYTES:,} bytes", remedy, "huge_cell", row=row)


def _opening(scan: Scan) -> int:
    """The line in which the last quote opens."""
    kind, where = np.concatenate(scan.kinds), np.concatenate(scan.marks)
    last = int(np.flatnonzero(kind == QUOTE)[-1])
    return 1 + int(_line_breaks(kind, where)[:last].sum())


def _line_breaks(kind: NDArray[np.uint8], where: Ints) -> NDArray[np.bool_]:
    """Marks that end a line; of CR LF only the LF does."""
    followed = np.zeros(len(kind), dtype=bool)
    followed[:-1] = (kind[1:] == LF) & (where[1:] == where[:-1] + 1)
    return np.asarray((kind == LF) | ((kind == CR) & ~followed), dtype=bool)


def _records(data: NDArray[np.uint8], start: int, scan: Scan) -> Structure:
    kind, where = np.concatenate(scan.kinds), np.concatenate(scan.marks)
    quotes = kind == QUOTE
    outside = np.cumsum(quotes) % 2 == 0
    breaks = _line_breaks(kind, where)
    _stray_quotes(data, where[quotes], start, breaks, quotes, scan)
    ends = breaks & outside
    separators = where[(ends | (kind == COMMA)) & outside]
    lengths = np.diff(np.concatenate(([start - 1], separators, [len(data)])))
    if int(lengths.max()) > MAX_CELL_BYTES:
        at = int(np.concatenate(([start - 1], separators))[int(lengths.argmax())])
        raise _huge_cell(scan, 1 + int(np.count_nonzero(breaks[where <= at])))
    line_of_mark = np.cumsum(breaks)
    end_at, end_line = where[ends], line_of_mark[ends]
    commas = np.cumsum((kind == COMMA) & outside)[ends]
    if len(data) > start and (len(end_at) == 0 or end_at[-1] != len(data) - 1):
        total = int(np.count_nonzero((kind == COMMA) & outside))
        end_at, commas = np.append(end_at, len(data)), np.append(commas, total)
        end_line = np.append(end_line, int(breaks.sum()) + 1)
    begin = np.concatenate(([start], end_at[:-1] + 1))
    first_line = np.concatenate(([1], end_line[:-1] + 1)).astype(np.int64)
    crlf = (end_at > 0) & (end_at < len(data)) & (data[np.maximum(end_at - 1, 0)] == CR) & (end_at > begin)
    crlf &= data[np.minimum(end_at, len(data) - 1)] == LF
    filled = end_at - crlf > begin
    counts = np.diff(np.concatenate(([0], commas))) + 1
    return Structure(first_line[filled], counts[filled].astype(np.int64), bool((breaks & ~outside).any()))


def _stray_quotes(
    data: NDArray[np.uint8], at: Ints, start: int, breaks: NDArray[np.bool_], quotes: NDArray[np.bool_], scan: Scan
) -> None:
    """An opening quote begins its field, a closing one ends it (or is the first of two that stand for one)."""
    opening, closing = at[0::2], at[1::2]
    before = data[np.maximum(opening - 1, 0)]
    again = np.zeros(len(opening), dtype=bool)
    again[1:] = opening[1:] == closing[: len(opening) - 1] + 1
    begins = (opening == start) | np.isin(before, (COMMA, LF, CR)) | again
    after = data[np.minimum(closing + 1, len(data) - 1)]
    ends = (closing == len(data) - 1) | np.isin(after, (COMMA, LF, CR, QUOTE))
    bad = np.sort(np.concatenate((opening[~begins], closing[~ends])))
    if len(bad):
        line = 1 + int(np.cumsum(breaks)[quotes][np.searchsorted(at, bad[0])])
        raise scan.refuse(
            "quotes around a whole field, doubled inside it", 'write 5" as "5"""', "stray_quote", row=line
        )


# -- header and counts ------------------------------------------------------------------------------------------------
def _header(data: NDArray[np.uint8], structure: Structure, scan: Scan) -> list[str]:
    """The column names, which are in line 1, distinct and not blank."""
    if len(structure.lines) == 0 or structure.lines[0] != 1:
        raise scan.refuse("the column names in line 1", "remove the blank lines above the header", "no_header", row=1)
    text = bytes(data[: MAX_CELL_BYTES * 2]).decode("utf-8-sig", errors="ignore")
    names = [name.strip() for name in next(csv.reader(io.StringIO(text, newline="")))]
    if len(names) > MAX_COLUMNS:
        raise scan.refuse(f"at most {MAX_COLUMNS} columns", "check the separator", "too_many_columns", row=1)
    separators = [mark for mark in (";", "\t", "|") if mark in names[0]]
    if len(names) == 1 and separators:
        raise scan.refuse("columns separated by commas", "export with a comma as separator", "separator", row=1,
                          value=names[0])  # fmt: skip
    check_header(names, scan.source, scan.table, scan.found)
    return names


def _field_counts(structure: Structure, header: list[str], scan: Scan) -> None:
    """Every record has as many fields as the header."""
    wrong = np.flatnonzero(structure.fields != len(header))
    for record in wrong[:MAX_TOLD].tolist():
        count = int(structure.fields[record])
        cause = "put quotes around text that holds a comma" if count > len(header) else "add the missing commas"
        scan.found.say(scan.source, f"{len(header)} fields, as in the header", cause, "field_count",
                       row=int(structure.lines[record]), value=f"{count} fields", table=scan.table)  # fmt: skip
    if len(wrong) > MAX_TOLD:
        remedy = f"repair {len(wrong) - MAX_TOLD:,} more rows like these"
        scan.found.say(scan.source, f"{len(header)} fields in every row", remedy, "field_count", table=scan.table)
    if len(wrong):
        raise RefusedError


# -- splitting --------------------------------------------------------------------------------------------------------
def _split(path: Path, name: str, source: str, header: list[str], structure: Structure, scan: Scan) -> RawTable:
    """The cells as text. The parser's own column names are numbers, so that no name can confuse it."""
    numbers = [str(number) for number in range(len(header))]
    try:
        table = _parsed(path, numbers, structure.quoted_breaks)
    except pa.ArrowInvalid as error:
        raise scan.refuse("a sound CSV file", f"export the table again: {quote(error)}", "malformed") from None
    if table.num_rows != len(structure.lines):  # pragma: no cover - two readers of one file must agree
        raise scan.refuse("a sound CSV file", "export the table again", "malformed")
    columns = {column: table.column(at).combine_chunks()[1:] for at, column in enumerate(header)}
    return drop_blank_rows(RawTable(name, source, columns, structure.lines[1:]))


def _parsed(path: Path, numbers: list[str], quoted_breaks: bool) -> pa.Table:
    pa.enable_signal_handlers(False)  # else a signal that comes while it reads is its own error, not our interrupt
    return pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(column_names=numbers, block_size=_block_size(path)),
        parse_options=pa.csv.ParseOptions(newlines_in_values=quoted_breaks),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(numbers, pa.string()),
            null_values=[],
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )


def _block_size(path: Path) -> int:
    """Blocks that no record straddles twice."""
    return max(MAX_CELL_BYTES * 8, min(path.stat().st_size, MAX_CELL_BYTES * 64))
