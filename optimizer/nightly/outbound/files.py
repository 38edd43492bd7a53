"""Outbound files: written aside, read again and reconciled, put in place by one rename.

    outbound.json                  what it is of, its totals, its files with their digests
    instructions/WAREHOUSE.csv     a file for each warehouse of the batch, empty ones too
    reservations.csv               what to reserve of which supply
    balances.csv                   stock before and after

As CSV, JSON lines (``.jsonl``) or Parquet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pandas as pd

from optimizer.errors import UsageError, VerificationError
from optimizer.nightly.outbound.count import Counted, Outbound, as_table
from optimizer.nightly.outbound.tables import BALANCES, INSTRUCTIONS, RESERVATIONS
from optimizer.proof.run_files import read_rows, unguard
from optimizer.report import csv_out, jsonl_out, jsonx
from optimizer.report.place import Workspace, make_durable, naming, write_file
from optimizer.report.write import digests
from optimizer.tables.tables import Table

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
ABOUT, FOLDER = "outbound.json", "instructions"
SCHEMA_VERSION = 1
TOLD = 3
"""Differences that an error tells."""
LONGEST_NAME = 200
"""Bytes of a file name without its ending; longer ids end in a digest."""


def file_name(warehouse: str) -> str:
    """A warehouse's id as a file name without ending: anything that a path could misread is percent-encoded."""
    name = quote(warehouse, safe=" ", errors="backslashreplace")
    name = name.replace(".", "%2E", 1) if name.startswith(".") else name
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 17]}-{hashlib.sha256(warehouse.encode('utf-8', 'replace')).hexdigest()[:16]}"


def write_outbound(found: Outbound, folder: Path, fmt: Format) -> None:
    """All files of one plan into an empty folder."""
    place = folder / FOLDER
    with naming("create", place):
        place.mkdir()
    starts = np.searchsorted(found.instructions["warehouse_id"], found.warehouses, side="left")
    ends = np.searchsorted(found.instructions["warehouse_id"], found.warehouses, side="right")
    told = []
    for warehouse, start, end in zip(found.warehouses, starts.tolist(), ends.tolist(), strict=True):
        part = _rows(found.instructions, slice(start, end))
        name = f"{FOLDER}/{file_name(warehouse)}.{fmt}"
        write_file(folder / name, _bytes(part, fmt, found.run_id))
        told.append({"warehouse_id": warehouse, "file": name, "rows": len(part), "units": int(part["qty"].sum())})
    make_durable(place)
    for table in (found.reservations, found.balances):
        write_file(folder / f"{table.name}.{fmt}", _bytes(table, fmt, found.run_id))
    about = {
        "schema_version": SCHEMA_VERSION,
        "kind": "outbound",
        "run_id": found.run_id,
        "scenario": found.scenario,
        "as_of": found.as_of,
        "format": fmt,
        "units": totals(found),
        "warehouses": told,
        "files": digests(folder),
    }
    write_file(folder / ABOUT, [jsonx.to_bytes(about)])


def totals(found: Outbound) -> dict[str, int]:
    """Units of the plan as a whole."""
    names = [name for name in BALANCES if name.endswith("_qty")]
    return {name.removesuffix("_qty"): int(found.balances[name].sum()) for name in names}


def _rows(table: Table, part: slice) -> Table:
    return Table(table.name, {name: column[part] for name, column in table.columns.items()})


def _bytes(table: Table, fmt: Format, run_id: str) -> Iterable[bytes]:
    if fmt == "csv":
        return csv_out.table_bytes(table)
    if fmt == "jsonl":
        return jsonl_out.table_bytes(table)
    from optimizer.report.parquet_out import table_bytes

    return table_bytes(table, run_id)


# -- reading -----------------------------------------------------------------------------------------------------------
def read_outbound(folder: Path) -> Outbound:
    """What files of ours say. Raises `VerificationError` where they are not as they were written."""
    import datetime

    about = read_about(folder)
    if digests(folder) != {**about["files"], ABOUT: digests(folder).get(ABOUT)}:
        raise VerificationError(f"{folder}: files are missing, changed or strange; see files in {ABOUT}")
    fmt, frames = about["format"], []
    for each in about["warehouses"]:
        frame = _frame(folder / each["file"], INSTRUCTIONS)
        if len(frame) != each["rows"] or (frame["warehouse_id"] != each["warehouse_id"]).any():
            raise VerificationError(f"{each['file']} is not what {ABOUT} says of {each['warehouse_id']}")
        frames.append(frame)
    instructions = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(INSTRUCTIONS))
    return Outbound(
        about["run_id"],
        about["scenario"],
        datetime.date.fromisoformat(about["as_of"]),
        [each["warehouse_id"] for each in about["warehouses"]],
        as_table("instructions", INSTRUCTIONS, instructions),
        as_table("reservations", RESERVATIONS, _frame(folder / f"reservations.{fmt}", RESERVATIONS)),
        as_table("balances", BALANCES, _frame(folder / f"balances.{fmt}", BALANCES)),
    )


def read_about(folder: Path) -> Mapping[str, Any]:
    """`outbound.json`, or a refusal."""
    try:
        about = json.loads((folder / ABOUT).read_bytes())
    except (OSError, ValueError):
        raise VerificationError(f"{folder / ABOUT} is missing or unreadable") from None
    if not isinstance(about, dict) or about.get("kind") != "outbound" or about.get("schema_version") != SCHEMA_VERSION:
        raise VerificationError(f"{folder / ABOUT} is not of this version of allot")
    return about


def _frame(path: Path, kinds: Mapping[str, str]) -> pd.DataFrame:
    """A file as text, whole numbers as such."""
    pieces = [_lines(path, kinds)] if path.suffix == ".jsonl" else [
        pd.DataFrame({name: unguard(columns[name], path.suffix == ".csv") for name in kinds}, dtype=object)
        for _, columns in read_rows(path)
    ]  # fmt: skip
    whole = pd.concat(pieces, ignore_index=True)
    return whole.astype({name: np.int64 for name, kind in kinds.items() if kind == "int"})


def _lines(path: Path, kinds: Mapping[str, str]) -> pd.DataFrame:
    with naming("read", path), path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return pd.DataFrame([["" if row[name] is None else row[name] for name in kinds] for row in rows],
                        columns=list(kinds), dtype=object)  # fmt: skip


# -- putting in place --------------------------------------------------------------------------------------------------
def target_of(out: Path) -> Path:
    """The absolute target, or a refusal where something other than older outbound files is in the way."""
    target = out.absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} is not a folder; choose another --out")
    if target.is_dir() and any(target.iterdir()) and not is_ours(target):
        raise UsageError(f"{target} exists and holds other things than outbound files; choose another --out")
    return target


def is_ours(folder: Path) -> bool:
    """Outbound files of one plan, or a folder of such folders, and nothing else."""
    inside = list(folder.iterdir())
    if not (folder / ABOUT).is_file():
        return all(entry.is_dir() and not entry.is_symlink() and is_ours(entry) for entry in inside) and bool(inside)
    try:
        known = set(read_about(folder)["files"]) | {ABOUT}
    except (VerificationError, KeyError, TypeError):
        return False
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} <= known


def write_reconciled(counted: Counted, folder: Path, fmt: Format) -> None:
    """Write into an empty folder and read it again. Raises `VerificationError` if the files do not add up."""
    from optimizer.nightly.outbound.reconcile import failures

    write_outbound(counted.outbound, folder, fmt)
    wrong = failures(read_outbound(folder), counted.plan, counted.tables)
    if wrong:
        raise VerificationError(f"outbound files do not add up, none were published: {'; '.join(wrong[:TOLD])}")
    make_durable(folder)


def place_outbound(parts: Mapping[str, Counted], out: Path, fmt: Format) -> Path:
    """Put reconciled files at ``out`` in one step: of one plan (named ""), or a folder for each name."""
    space = Workspace(target_of(out))
    try:
        for name, counted in parts.items():
            folder = space.folder / name
            with naming("create", folder):
                folder.mkdir(exist_ok=True)
            write_reconciled(counted, folder, fmt)
        space.place(replace=True)
    finally:
        space.remove()
    return space.target
