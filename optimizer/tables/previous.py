"""The plan to stay near to: the allocations of an earlier run, read from its folder.

A folder that `solve --bundle` made of the inputs of a run has them as ``previous.csv``, in the columns of `PREVIOUS`.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from optimizer.errors import InputError
from optimizer.scenario.load import LoadedScenario
from optimizer.scenario.paths import locate_file
from optimizer.tables.findings import Findings
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import PREVIOUS

SETTING = ("stability", "previous_plan")
FILES = ("allocations.csv", "allocations.parquet", "previous.csv")

FROM_RUN = {
    "order_id": "order_id",
    "line_id": "line_id",
    "warehouse_id": "warehouse_id",
    "service_id": "service_id",
    "ship_date": "ship_date",
    "product_id": "ship_product_id",
    "lot_id": "lot_id",
    "qty": "ordered_qty_served",
    "shipped_qty": "qty",
}
"""Columns of `PREVIOUS` -> those of a run's allocations."""

GUARD = "'"
"""What a run's CSV file puts before text that a spreadsheet might calculate."""


def read_previous(loaded: LoadedScenario, found: Findings) -> RawTable | None:
    """The rows of the previous plan as text; None, and findings, if there is a plan named that cannot be read."""
    stability = loaded.scenario.stability
    if stability is None:
        return None
    path = _locate(loaded, stability.previous_plan, found)
    if path is None:
        return None
    source = f"{stability.previous_plan.rstrip('/')}/{path.name}"
    try:
        raw = _read(path, source, found)
    except OSError as error:
        found.say_setting(SETTING, "a readable run folder", error.strerror or "check its permissions", "unreadable",
                          value=stability.previous_plan)  # fmt: skip
        return None
    return None if raw is None else _as_previous(raw, path, found)


def _locate(loaded: LoadedScenario, written: str, found: Findings) -> Path | None:
    """The file of the folder that holds the allocations; the rules for paths are those of data."""
    file, line = loaded.stack.place(SETTING)
    folder = loaded.stack.layer(SETTING).folder
    column = ".".join(SETTING)
    for name in FILES:
        try:
            return locate_file(
                f"{written}/{name}", folder, loaded.root, loaded.allow_outside, file=file, column=column, line=line
            )
        except InputError as error:
            if any(issue.code != "missing_file" for issue in error.issues):
                found.issues.extend(error.issues)
                return None
    found.say_setting(SETTING, f"a run folder with a plan: {' or '.join(FILES[:2])}",
                      "name the folder of an earlier run that wrote a plan", "missing_plan", value=written)  # fmt: skip
    return None


def _read(path: Path, source: str, found: Findings) -> RawTable | None:
    if path.suffix == ".csv":
        from optimizer.tables.read_csv import read_csv

        return read_csv(path, PREVIOUS.name, source, found)
    from optimizer.tables.read_parquet import read_parquet

    return read_parquet(path, PREVIOUS, source, found)


def _as_previous(raw: RawTable, path: Path, found: Findings) -> RawTable | None:
    """The columns that count, under their names in `PREVIOUS`."""
    if path.name == FILES[2]:
        return raw
    missing = [name for name in FROM_RUN.values() if name not in raw.columns]
    for name in missing:
        found.say(raw.source, f"a column {name!r}, as a run writes it", "name the folder of an earlier run",
                  "missing_column", row=1, column=name, table=PREVIOUS.name)  # fmt: skip
    if missing:
        return None
    columns = {name: _plain(raw.columns[written], path.suffix) for name, written in FROM_RUN.items()}
    return RawTable(raw.name, raw.source, columns, raw.rows)


def _plain(text: pa.Array, suffix: str) -> pa.Array:
    """Text without the apostrophe that guards it in a run's CSV files."""
    if suffix != ".csv":
        return text
    return pc.if_else(pc.starts_with(text, GUARD), pc.utf8_slice_codeunits(text, 1), text)
