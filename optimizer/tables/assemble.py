"""From raw tables to the frozen, validated input of a batch: the one way in, whatever the tables came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from optimizer.errors import InputError, Issue
from optimizer.scenario.schema import Scenario
from optimizer.tables.digest import table_digest
from optimizer.tables.findings import Findings
from optimizer.tables.raw import RawTable
from optimizer.tables.resolve import Draft, draft_tables
from optimizer.tables.schema import PREVIOUS, TABLES
from optimizer.tables.tables import Source, Tables
from optimizer.tables.typed import type_table
from optimizer.tables.validate import validate


def assemble(
    raws: Mapping[str, RawTable],
    scenario: Scenario,
    found: Findings | None = None,
    *,
    unread: Iterable[str] = (),
    changes: Iterable[Mapping[str, Any]] = (),
    previous: RawTable | None = None,
) -> tuple[Tables, list[Issue]]:
    """Type, sort, link and validate; all errors at once as `InputError`, otherwise the tables and the warnings.

    ``unread`` names tables that were given and could not be read: what depends on them is not checked, because its
    findings would only be echoes. ``previous`` holds the allocations of the plan to stay near to.
    """
    found = found or Findings()
    typed = {name: type_table(raw, TABLES[name], found) for name, raw in raws.items() if name in TABLES}
    kept = type_table(previous, PREVIOUS, found) if previous is not None else None
    draft = draft_tables(typed, unread, kept)
    validate(draft, scenario, found)
    if found.errors:
        raise InputError(found.errors, found.warnings)
    given = dict(raws) if previous is None else {**raws, PREVIOUS.name: previous}
    return _frozen(draft, given, tuple(changes)), found.warnings


def _frozen(draft: Draft, raws: Mapping[str, RawTable], changes: tuple[Mapping[str, Any], ...]) -> Tables:
    tables = draft.tables()
    read = [getattr(tables, name) for name in (*TABLES, PREVIOUS.name) if name in raws]
    for positions in draft.links.values():
        positions.setflags(write=False)
    sources = tuple(Source(table.name, raws[table.name].source, len(table), table_digest(table)) for table in read)
    return tables.replace(sources=sources, changes=changes)
