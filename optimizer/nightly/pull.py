"""Read a scenario and its tables once, name them by their digest, and judge whether they are fresh and whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer import __version__
from optimizer.errors import InputError, Issue
from optimizer.nightly.config import NightlyConfig, TableRule
from optimizer.nightly.overrides import FOLDER, overlay
from optimizer.nightly.store import Row
from optimizer.report.place import naming
from optimizer.scenario.load import LoadedScenario, load_scenario
from optimizer.scenario.paths import locate_file
from optimizer.tables.read import load_tables
from optimizer.tables.schema import TABLES
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.tables.raw import RawTable
    from optimizer.tables.tables import Source

FUTURE = timedelta(minutes=5)
"""A file may be this much younger than now: clocks of two machines differ."""


@dataclass(frozen=True)
class Finding:
    """A table that is not as fresh or as long as the configuration asks."""

    words: str
    stops: bool


@dataclass(frozen=True)
class Pulled:
    """A scenario as it was read: what identifies its inputs, and what the rules say of them.

    ``digest`` covers the typed tables, the settings and the version; ``plan_id`` is the plan that they lead to.
    ``frozen`` are settings by which a scenario reads the tables that came out of databases as they were found.
    ``path`` is the scenario's file, or that of an overlay where planners' ``overrides`` are kept.
    """

    name: str
    path: Path
    digest: str
    plan_id: str
    settings: Mapping[str, Any]
    tables: tuple[Source, ...]
    findings: tuple[Finding, ...] = field(default=())
    frozen: tuple[str, ...] = ()
    overrides: tuple[Row, ...] = ()
    changed: Mapping[str, datetime] = field(default_factory=dict)
    """when the file of a table was last changed, of tables that come from files"""

    def table_digests(self) -> dict[str, str]:
        return {source.table: source.digest for source in self.tables}

    def rows(self, table: str) -> int:
        """Rows of a table that was read; 0 if it was not."""
        return sum(source.rows for source in self.tables if source.table == table)


def pull(
    config: NightlyConfig,
    name: str,
    business_date: date,
    now: datetime,
    last_rows: Mapping[str, int],
    work: Path,
    overrides: Sequence[Row] = (),
) -> Pulled:
    """Read one scenario. Raises `InputError` with every finding about the files or about the rules.

    ``last_rows``: rows of each table when this scenario was last published; empty if it never was. What databases
    answered is kept in a folder in ``work``: a database goes on to change while the night plans. ``overrides``: those
    that are kept; one whose order line is not there any more is told.
    """
    path, given = config.scenario_paths()[name], config.attempt_settings(business_date)
    loaded = load_scenario(path, given, allow_outside=config.allow_outside)
    judge = Freshness(config, loaded, business_date, now, last_rows)
    ages = list(judge.file_ages())  # before the tables are read: a file that arrives while we read is not fresh
    frozen: list[str] = []
    tables, _ = load_tables(loaded, lambda raw: frozen.append(_freeze(raw, work / "inputs" / name)))
    planned = overlay(config.publish_folder / FOLDER, loaded, tables, (*given, *frozen), overrides)
    tables = planned.tables
    gone = [
        Finding(f"override {row['override_id']}: order {row['order_id']} line {row['line_id']} is not there", False)
        for row in planned.idle
    ]
    settings = json.loads(loaded.scenario.model_dump_json(exclude={"data"}))
    sources = {source.table: source.digest for source in tables.sources}
    digest = hashlib.sha256(json.dumps([settings, sources, __version__], sort_keys=True).encode()).hexdigest()
    key = hashlib.sha256(json.dumps([config.name, digest]).encode()).hexdigest()[:12]
    return Pulled(
        name,
        planned.loaded.path,
        digest,
        f"{business_date.isoformat()}-{name}-{key}",
        settings,
        tuple(tables.sources),
        (*ages, *judge.contents(tables), *gone),
        tuple(frozen),
        planned.applied,
        dict(judge.changes()),
    )


def _freeze(raw: RawTable, folder: Path) -> str:
    """Write a table as it was found; the setting by which a scenario reads it from there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{raw.name}.parquet"
    with naming("write", path):
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(raw.columns)), path)
    return f"data.{raw.name}={json.dumps(str(path))}"


class Freshness:
    """The rules of the configuration, held against one scenario."""

    def __init__(
        self,
        config: NightlyConfig,
        loaded: LoadedScenario,
        business_date: date,
        now: datetime,
        last_rows: Mapping[str, int],
    ) -> None:
        self.config, self.loaded, self.business_date, self.now = config, loaded, business_date, now
        self.last_rows = last_rows
        self.rules = {name: rule for name, rule in config.tables.items() if name in loaded.scenario.data}
        self._refuse_misfits()

    def _refuse_misfits(self) -> None:
        """Rules that cannot be held against this scenario at all."""
        issues = []
        for table, rule in self.config.tables.items():
            if table not in self.loaded.scenario.data:
                issues.append(self._issue(table, "", f"a table that {self.loaded.path.name} reads", "remove it"))
            elif rule.max_file_age_hours is not None and self.loaded.scenario.data[table].path is None:
                issues.append(
                    self._issue(table, "max_file_age_hours", "a table from a file", "use date_column instead")
                )
            dates = [column.name for column in TABLES[table].columns if column.kind == "date"]
            if rule.date_column is not None and rule.date_column not in dates:
                cure = f"use one of {', '.join(dates)}" if dates else "remove it"
                issues.append(self._issue(table, "date_column", f"a date column of {table}", cure))
        if issues:
            raise InputError(issues)

    def _issue(self, table: str, key: str, expected: str, remedy: str) -> Issue:
        column = f"tables.{table}" + (f".{key}" if key else "")
        return Issue("the nightly configuration", None, column, "", expected, remedy, "bad_rule", table=table)

    def changed(self, table: str) -> datetime:
        """When the file of a table was last changed."""
        setting, written = ("data", table), self.loaded.scenario.data[table].path or ""
        file, line = self.loaded.stack.place(setting)
        folder = self.loaded.stack.layer(setting).folder
        path = locate_file(written, folder, self.loaded.root, self.config.allow_outside, file=file,
                           column=f"data.{table}", line=line)  # fmt: skip
        return datetime.fromtimestamp(path.stat().st_mtime, tz=self.now.tzinfo)

    def changes(self) -> Iterator[tuple[str, datetime]]:
        """The same for every table out of a file that is still there; of tables that could be read."""
        for table, source in self.loaded.scenario.data.items():
            if source.path:
                with contextlib.suppress(OSError, InputError):
                    yield table, self.changed(table)

    def file_ages(self) -> Iterator[Finding]:
        """Files that are too old, or from the future, by their time of change."""
        for table, rule in self.rules.items():
            if rule.max_file_age_hours is None:
                continue
            written, age = self.loaded.scenario.data[table].path, self.now - self.changed(table)
            hours = age / timedelta(hours=1)
            if hours > rule.max_file_age_hours:
                yield _finding(rule, f"{table}: {written} is {hours:.1f} hours old, at most "
                                     f"{rule.max_file_age_hours:f} allowed")  # fmt: skip
            elif age < -FUTURE:
                yield _finding(rule, f"{table}: {written} is {-hours:.1f} hours from the future; check the clocks")

    def contents(self, tables: Tables) -> Iterator[Finding]:
        """Tables that are too short, shrank too much, or hold no date as late as they should."""
        sizes = {source.table: source.rows for source in tables.sources}
        for table, rule in self.rules.items():
            size, before = sizes.get(table, 0), self.last_rows.get(table, 0)
            if rule.min_rows is not None and size < rule.min_rows:
                yield _finding(rule, f"{table}: {size:,} rows, at least {rule.min_rows:,} expected")
            if rule.max_drop_percent is not None and size < before * (1 - rule.max_drop_percent / 100):
                yield _finding(rule, f"{table}: {size:,} rows, {before:,} when it was last published; may fall by "
                                     f"{rule.max_drop_percent:f} %")  # fmt: skip
            if rule.date_column is not None and rule.max_age_days is not None:
                dates = getattr(tables, table)[rule.date_column]
                known = dates[~np.isnat(dates)]
                oldest = self.business_date - timedelta(days=rule.max_age_days)
                if not len(known) or known.max() < np.datetime64(oldest):
                    latest = known.max() if len(known) else "nothing"
                    yield _finding(rule, f"{table}: {rule.date_column} ends at {latest}, expected {oldest} or later")


def _finding(rule: TableRule, words: str) -> Finding:
    return Finding(words, rule.if_broken == "stop")
