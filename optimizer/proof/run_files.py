"""Reading a run folder the plain way: tables as text columns, JSON with its numbers as they are written."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.tables.tables import Table

ROWS_AT_ONCE = 100_000
GUARD = "'"
"""Text cells that a spreadsheet might calculate have one in front (as has every text that begins with one)."""

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""What makes a spreadsheet calculate a cell that begins with it."""

Columns = dict[str, list[str]]


def read_json(path: Path) -> Any:
    """A JSON file; every number stays the text that is written."""
    try:
        text = path.read_bytes().decode("utf-8")
        return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_refused)
    except FileNotFoundError:
        raise VerificationError(f"{path.name} is missing") from None
    except (OSError, ValueError) as error:
        raise VerificationError(f"{path.name} cannot be read: {error}") from None


class _Number(str):
    """The digits of a JSON number, told apart from text in quotes."""

    __slots__ = ()


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def is_number(value: Any) -> bool:
    """Whether a value read by `read_json` was written as a number."""
    return isinstance(value, _Number)


def table_path(run_dir: Path, name: str) -> Path:
    """Where a table of the run lies: CSV, or Parquet if the run was written so."""
    found = [path for path in (run_dir / f"{name}.csv", run_dir / f"{name}.parquet") if path.is_file()]
    if len(found) != 1:
        raise VerificationError(f"{name}.csv is {'there twice (.parquet)' if found else 'missing'}")
    return found[0]


def read_rows(path: Path) -> Iterator[tuple[int, Columns]]:
    """The table in pieces: the number of the first row (0 is the first below the header) and the columns as text."""
    try:
        yield from _csv_rows(path) if path.suffix == ".csv" else _parquet_rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VerificationError(f"{path.name} cannot be read: {error}") from None


def _csv_rows(path: Path) -> Iterator[tuple[int, Columns]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, None)
        if not header or len(set(header)) != len(header):
            raise VerificationError(f"{path.name}: no header, or a column twice")
        start = 0
        rows: list[list[str]] = []
        for row in reader:
            if len(row) != len(header):
                raise VerificationError(
                    f"{path.name}: row {start + len(rows) + 2} has {len(row)} cells, not {len(header)}"
                )
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                yield start, _columns(header, rows)
                start, rows = start + len(rows), []
        yield start, _columns(header, rows)


def _columns(header: list[str], rows: list[list[str]]) -> Columns:
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {name: list(cells) for name, cells in zip(header, columns, strict=True)}


def _parquet_rows(path: Path) -> Iterator[tuple[int, Columns]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names, start = file.schema_arrow.names, 0
            if not file.metadata.num_rows:
                yield 0, {name: [] for name in names}
            for batch in file.iter_batches(ROWS_AT_ONCE):
                yield start, {name: _texts(batch.column(name)) for name in names}
                start += batch.num_rows
    except pa.ArrowException as error:
        raise VerificationError(f"{path.name} cannot be read: {error}") from None


def _texts(cells: Any) -> list[str]:
    """A Parquet column as the texts that the CSV file would hold."""
    import pyarrow.types as kinds

    values = cells.to_pylist()
    if kinds.is_boolean(cells.type):
        return ["" if value is None else str(value).lower() for value in values]
    if kinds.is_decimal(cells.type):
        return ["" if value is None else plain_decimal(format(value, "f")) for value in values]
    if kinds.is_floating(cells.type):
        raise VerificationError(f"a column of type {cells.type} is not exact")
    return ["" if value is None else str(value) for value in values]


def plain_decimal(text: str) -> str:
    """A decimal without trailing zeros."""
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def expected_texts(table: Table, column: str, part: slice, guarded: bool) -> list[str]:
    """The cells that a column must hold."""
    values = table.columns[column] if column in table.columns else table.extra[column]
    if isinstance(values, Exact):
        texts = values[part].texts()
    elif values.dtype.kind == "M":
        texts = ["" if day == "NaT" else day for day in values[part].astype("datetime64[D]").astype(str).tolist()]
    elif values.dtype.kind == "b":
        texts = ["true" if flag else "false" for flag in values[part].tolist()]
    elif values.dtype.kind == "O":
        texts = guarded_texts(values[part]) if guarded else list(values[part])
    else:
        texts = list(map(str, values[part].tolist()))
    given = table.filled.get(column)
    if given is None:
        return texts
    return [text if present else "" for text, present in zip(texts, given[part].tolist(), strict=True)]


def guard(text: str) -> str:
    """A text cell as CSV holds it."""
    risky = text.startswith((GUARD, *RISKY)) or text.lstrip().startswith(RISKY)
    return GUARD + text if risky else text


def guarded_texts(texts: Iterable[str]) -> list[str]:
    """The cells of a text column; ids repeat, so each distinct one is looked at once."""
    known: dict[str, str] = {}
    return [known[text] if text in known else known.setdefault(text, guard(text)) for text in texts]


def unguard(column: list[str], guarded: bool) -> list[str]:
    """The texts of a column of text cells."""
    return [cell.removeprefix(GUARD) for cell in column] if guarded else column


def file_digests(run_dir: Path) -> dict[str, str]:
    """sha256 of every file of the folder except timing.json, by its path inside."""
    digests = {}
    for path in sorted(run_dir.rglob("*")):
        if path.is_file() and path != run_dir / "timing.json":
            with path.open("rb") as file:
                digests[path.relative_to(run_dir).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def stated_digests(timing: Any) -> Mapping[str, str]:
    """The digests that timing.json lists."""
    files = timing.get("files") if isinstance(timing, Mapping) else None
    if not isinstance(files, Mapping):
        raise VerificationError("timing.json lists no files")
    return files
