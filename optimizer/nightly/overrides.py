"""Overrides: pins of planners, on record with a reason, that every night keeps until they are withdrawn.

A night with overrides plans an overlay of the scenario: a file of its own in the publish folder, which names the
scenario as its base and appends the pins by a ``[[change]]``. So the run folder lists them like any other change, and
`allot certify` reads what was planned.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import UsageError
from optimizer.nightly.audit import OVERRIDE, Transition, append, canonical
from optimizer.nightly.config import NightlyConfig
from optimizer.nightly.store import WRITE, Row, Store, insert, select, utc_now
from optimizer.report.place import replace_file
from optimizer.scenario.load import LoadedScenario, load_scenario
from optimizer.tables.read import load_tables
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

MADE, WITHDRAWN = "made", "withdrawn"
FOLDER = "overrides"
"""Where overlays lie in the publish folder; each is named by its content and never changed."""
PIN = ("order_id", "line_id", "warehouse_id", "mode", "qty", "reason")
"""The columns of an override that become a row of `pins`."""


@dataclass(frozen=True)
class Override:
    """A planner's decision about one order line at one warehouse; ``qty`` is None for ``forbid``."""

    scenario: str
    order_id: str
    line_id: str
    warehouse_id: str
    mode: str
    qty: int | None
    reason: str
    who: str


@dataclass(frozen=True)
class Overlaid:
    """A scenario with the overrides that apply to it. ``idle``: those whose order line is not in the tables."""

    loaded: LoadedScenario
    tables: Tables
    applied: tuple[Row, ...] = ()
    idle: tuple[Row, ...] = ()


# -- on record ---------------------------------------------------------------------------------------------------------
def make(store: Store, config: NightlyConfig, override: Override) -> list[str]:
    """Put an override on record, once it was held against the scenario as it is now.

    Raises `UsageError` or `InputError` (exit 2) if it names what is not there, or contradicts another one.
    """
    if override.scenario not in config.scenario_paths():
        known = ", ".join(config.scenario_paths())
        raise UsageError(f"{override.scenario} is no scenario of {config.name}; there is {known}")
    if not override.reason.strip():
        raise UsageError("an override needs a reason: --reason TEXT")
    made_at = utc_now()
    key = hashlib.sha256(canonical([config.name, vars(override), made_at]).encode()).hexdigest()[:10]
    row = Row({"override_id": f"O-{key}", "config": config.name, **vars(override), "made_at": made_at})
    with store.transaction() as connection:
        known_rows = active(connection, config.name, override.scenario)
    settings = config.attempt_settings(config.business_date(datetime.now(UTC)))
    loaded = load_scenario(config.scenario_paths()[override.scenario], settings, allow_outside=config.allow_outside)
    with tempfile.TemporaryDirectory(prefix="allot-override-") as aside:
        found = overlay(Path(aside), loaded, load_tables(loaded)[0], settings, [*known_rows, row])
    if row in found.idle:
        raise UsageError(f"order {override.order_id} has no line {override.line_id} in {override.scenario}")
    with store.transaction(WRITE) as connection:
        insert(connection, "overrides", [row])
        details = {name: row[name] for name in ("scenario", *PIN)}
        append(connection, Transition(config.name, OVERRIDE, row["override_id"], MADE, override.who, override.reason,
                                      details))  # fmt: skip
    return [f"override {row['override_id']}: kept by every night until it is withdrawn"]


def withdraw(store: Store, config: str, ids: Sequence[str], who: str, reason: str) -> list[str]:
    """End overrides: the next night plans without them."""
    with store.transaction(WRITE) as connection:
        known = {row["override_id"] for row in active(connection, config)}
        unknown = [key for key in ids if key not in known]
        if unknown:
            raise UsageError(f"no override {unknown[0]} of {config} is kept; allot override list names them")
        append(connection, *(Transition(config, OVERRIDE, key, WITHDRAWN, who, reason) for key in ids))
    return [f"override {key}: withdrawn" for key in ids]


def active(connection: Connection, config: str, scenario: str | None = None) -> list[Row]:
    """The overrides that are kept, in the order in which they were made."""
    found = select(
        connection,
        "SELECT o.* FROM overrides AS o WHERE o.config = :config AND NOT EXISTS (SELECT 1 FROM audit_log AS a WHERE "
        "a.kind = 'override' AND a.subject = o.override_id AND a.state = 'withdrawn') "
        "ORDER BY o.made_at, o.override_id",
        config=config,
    )
    return [row for row in found if scenario in (None, row["scenario"])]


def of_scenario(store: Store, config: str, scenario: str) -> list[Row]:
    """The overrides of a scenario that are kept now."""
    with store.transaction() as connection:
        return active(connection, config, scenario)


# -- applied -----------------------------------------------------------------------------------------------------------
def overlay(
    folder: Path, loaded: LoadedScenario, tables: Tables, settings: Sequence[str], rows: Sequence[Row]
) -> Overlaid:
    """A scenario that was read, as it is planned: with the overrides whose order line is in its tables.

    It was read by the configuration's rule about paths; the overlay in ``folder`` lies outside of its tree and adds
    nothing but pins, so it is read without that rule. Raises `InputError` with every finding.
    """
    if not rows:
        return Overlaid(loaded, tables)
    order, line = tables.order_lines["order_id"], tables.order_lines["line_id"]
    near = np.flatnonzero(np.isin(order, [row["order_id"] for row in rows]))
    lines = set(zip(order[near].tolist(), line[near].tolist(), strict=True))
    applied = tuple(row for row in rows if (row["order_id"], row["line_id"]) in lines)
    idle = tuple(row for row in rows if row not in applied)
    if not applied:
        return Overlaid(loaded, tables, idle=idle)
    file = _write(folder, loaded.path.resolve(), loaded.scenario.name, applied)
    overlaid = load_scenario(file, settings, allow_outside=True)
    tables, _ = load_tables(overlaid)
    return Overlaid(overlaid, tables, applied, idle)


def _write(folder: Path, base: Path, name: str, rows: Sequence[Row]) -> Path:
    """The overlay of a scenario; equal overrides make the same file."""
    text = "\n".join(
        (
            "# Made by allot nightly from the overrides on record; a published plan was made from it.",
            f"name = {_toml(name)}",
            f"base = {_toml(os.path.relpath(base, folder.resolve()))}",
            "",
            "[[change]]",
            'table = "pins"',
            "append = [",
            *(f"  {{ {', '.join(f'{key} = {_toml(value)}' for key, value in _pin(row).items())} }}," for row in rows),
            "]",
            "",
        )
    )
    path = folder / f"{base.stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    if not path.is_file():
        replace_file(path, text.encode())
    return path


def _pin(row: Mapping[str, Any]) -> dict[str, Any]:
    told = f"{row['reason']} ({row['who']}, {row['override_id']})"
    return {name: row[name] for name in PIN if row[name] is not None} | {"reason": told}


def _toml(value: str | int) -> str:
    """Text in quotes as TOML reads it, where JSON and TOML write it alike; or a number."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
