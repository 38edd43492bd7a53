"""A resolved scenario in words, for `allot check`: its files, its settings, what changes from base to scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimizer.scenario.load import LoadedScenario
from optimizer.scenario.sweeps import combinations

SHOWN_CELLS = 5
"""Changed cells that are listed one by one."""
SHOWN_COMBINATIONS = 20


def resolved(loaded: LoadedScenario, table_changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Line by line: files from base to scenario, settings in force, each change old -> new with the rows it touched."""
    files = [layer.file for layer in loaded.stack.layers]
    yield f"scenario: {loaded.scenario.name}" + (f", {' + '.join(files)}" if len(files) > 1 else "")
    for path, value in _settings(json.loads(loaded.scenario.model_dump_json(exclude={"name", "data"}))):
        yield f"setting: {path} = {value}"
    for change in loaded.changes:
        yield f"change: {change['path']}: {_cell(change['old'])} -> {_cell(change['new'])} ({change['from']})"
    for change in table_changes:
        yield from table_change(change)
    yield from _runs(loaded)


def table_change(change: Mapping[str, Any]) -> Iterator[str]:
    """One change of a table, and its first cells where they do not all say the same."""
    where = ", ".join(f"{name} = {value}" for name, value in change["where"].items())
    rows = f"{change['rows']:,} row{'' if change['rows'] == 1 else 's'}" + (f" where {where}" if where else "")
    action = f" ({change['action']})" if change.get("action", "set") != "set" else ""
    yield (
        f"change: {change['path']}{action}: {_cell(change['old'])} -> {_cell(change['new'])}, {rows} ({change['from']})"
    )
    cells = change.get("cells", [])
    for cell in cells[:SHOWN_CELLS]:
        yield f"  {cell['row']}: {_cell(cell['old'])} -> {_cell(cell['new'])}"
    if change["rows"] > SHOWN_CELLS and cells:
        yield f"  and {change['rows'] - SHOWN_CELLS:,} more"


def _runs(loaded: LoadedScenario) -> Iterator[str]:
    """The combinations of a scenario with sweeps."""
    if not loaded.sweeps:
        return
    runs = combinations(loaded.sweeps)
    swept = " × ".join(f"{len(sweep.texts)} values of {sweep.parameter}" for sweep in loaded.sweeps)
    yield f"sweep: {swept}: {len(runs):,} runs"
    for run in runs[:SHOWN_COMBINATIONS]:
        yield f"run: {run.label}"
    if len(runs) > SHOWN_COMBINATIONS:
        yield f"  and {len(runs) - SHOWN_COMBINATIONS:,} more"


def _settings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each setting that has a value, by its dotted path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _settings(inner, f"{path}.{key}" if path else key)
    elif value not in (None, [], ()):
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: Any) -> str:
    return "blank" if value in (None, "") else str(value)
