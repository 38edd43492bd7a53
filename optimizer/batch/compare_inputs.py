"""What went into two runs and differs: settings, what their scenarios change, tables by digest, and their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.batch.compare_run import RunFolder
from optimizer.errors import AllotError
from optimizer.report.compare import table_of
from optimizer.report.csv_out import column_texts
from optimizer.report.sections import flat
from optimizer.report.words import plural
from optimizer.tables.schema import PREVIOUS, TABLES
from optimizer.tables.tables import Table, Tables

COLUMNS = {"kind": "text", "what": "text", "row": "text", "column": "text", "old": "text", "new": "text"}
Found = tuple[str, str, str, str, str, str]
MOST_CELLS = 100_000
"""Changed cells of one table that are listed; more are counted."""


class Inputs:
    """The input tables of runs, read when they are first asked for; None where they can no longer be read."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._known, self.notes = folder, dict[Path, Tables | None](), list[str]()

    def of(self, run: RunFolder) -> Tables | None:
        """The tables that a run was made from; a note says why where they are not there any more."""
        from optimizer.proof.verdict import read_inputs

        if run.path not in self._known:
            try:
                self._known[run.path] = read_inputs(run.path, self._folder)[1]
            except AllotError as error:
                first = str(error).splitlines()[0]
                self.notes.append(f"{run.label}: its inputs cannot be read, so changed rows are not listed ({first})")
                self._known[run.path] = None
        return self._known[run.path]


def inputs(baseline: RunFolder, run: RunFolder, known: Inputs) -> Table:
    """A row for each setting, change, table and cell that differs, old -> new."""
    found = [*_settings(baseline, run), *_changes(baseline, run), *_tables(baseline, run, known)]
    return table_of("inputs", COLUMNS, found)


def _settings(baseline: RunFolder, run: RunFolder) -> Iterator[Found]:
    """Resolved settings; where the data lie is no setting, what they hold is compared by digest."""
    old, new = (
        dict(
            flat(
                {
                    key: value
                    for key, value in (each.scenario.get("resolved") or {}).items()
                    if key not in ("name", "data")
                }
            )
        )
        for each in (baseline, run)
    )
    for key in dict.fromkeys([*old, *new]):
        if old.get(key, "") != new.get(key, ""):
            yield "setting", key, "", "", old.get(key, ""), new.get(key, "")


def _changes(baseline: RunFolder, run: RunFolder) -> Iterator[Found]:
    """What one of the two scenarios changes in the tables and the other does not."""
    old, new = ([entry for entry in each.scenario.get("changes") or () if "table" in entry] for each in (baseline, run))
    for kind, entries, others in (("change", new, old), ("change of the baseline only", old, new)):
        known = {_same(other) for other in others}
        for entry in entries:
            if _same(entry) not in known:
                where = ", ".join(f"{key} {value}" for key, value in (entry.get("where") or {}).items())
                rows = f"{where or 'all'}, {plural(int(entry.get('rows') or 0), 'row')}"
                action = str(entry.get("action") or "")
                yield kind, str(entry["path"]), rows, action, str(entry.get("old") or ""), str(entry.get("new") or "")


def _same(entry: Mapping[str, Any]) -> str:
    """What makes two entries of the log the same change, wherever they are written."""
    return json.dumps({key: value for key, value in entry.items() if key != "from"}, sort_keys=True, default=str)


def _tables(baseline: RunFolder, run: RunFolder, known: Inputs) -> Iterator[Found]:
    """Tables whose digest differs, and then, where both can still be read, the rows and cells."""
    old, new = ({str(entry["table"]): entry for entry in each.run.get("inputs") or ()} for each in (baseline, run))
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name, {}), new.get(name, {})
        if before.get("digest") == after.get("digest"):
            continue
        yield "table", name, "", "", _size(before), _size(after)
        sides = known.of(baseline), known.of(run)
        if sides[0] is not None and sides[1] is not None:
            yield from _cells(getattr(sides[0], name), getattr(sides[1], name))


def _size(entry: Mapping[str, Any]) -> str:
    return f"{entry['rows']} rows, {str(entry['digest'])[:15]}" if entry else "none"


def _cells(old: Table, new: Table) -> Iterator[Found]:
    """Rows that only one side has, and cells that differ in rows that both have."""
    name = old.name
    schema = TABLES.get(name, PREVIOUS)
    sides = [_frame(table, schema.keys) for table in (old, new)]
    gone, came = (left.index.difference(right.index) for left, right in (sides, sides[::-1]))
    for kind, rows in (("row dropped", gone), ("row added", came)):
        for key in rows:
            yield kind, name, _key(key), "", "", ""
    both = sides[0].index.intersection(sides[1].index)
    listed = 0
    for column in dict.fromkeys([*sides[0].columns, *sides[1].columns]):
        before, after = (
            side[column].loc[both].to_numpy(object) if column in side else np.full(len(both), "", dtype=object)
            for side in sides
        )
        differ = np.flatnonzero(before != after)
        for at in differ[: max(MOST_CELLS - listed, 0)]:
            yield "cell", name, _key(both[at]), column, str(before[at]), str(after[at])
        listed += len(differ)
    if listed > MOST_CELLS:
        yield "cells", name, f"{listed - MOST_CELLS} more cells differ", "", "", ""


def _frame(table: Table, keys: tuple[str, ...]) -> pd.DataFrame:
    """The table as text under its keys; rows with equal keys are numbered."""
    cells = {}
    for column, values in {**table.columns, **table.extra}.items():
        texts = np.array(column_texts(values, slice(0, len(table)), guarded=False), dtype=object)
        cells[column] = texts if column in keys else np.where(table.given(column), texts, "")
    frame = pd.DataFrame(cells, dtype=object)
    index = [frame[key] for key in keys]
    times = frame.groupby(list(keys)).cumcount() if len(frame) else pd.Series(np.zeros(0, dtype=np.int64))
    return frame.drop(columns=list(keys)).set_index([*index, times])


def _key(key: Any) -> str:
    *names, number = key if isinstance(key, tuple) else (key,)
    return ", ".join(filter(None, names)) + (f" #{number + 1}" if number else "")
