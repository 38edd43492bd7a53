"""What must hold of a publish folder and its store at any moment, and once a start has put everything right.

Each function returns the violations in words; none is what every suite asserts. The store is read through a driver of
its own, never through the code under test.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from optimizer.nightly.plan_tables import PLAN_COLUMNS
from optimizer.proof import certify
from optimizer.report.csv_out import unguard
from optimizer.report.write import digests
from tests.nightly.governed_invariants import governed_violations

Rows = list[tuple[Any, ...]]
Read = Callable[[str], Rows]
"""Runs a SELECT on the store; no rows as long as the store has no tables."""

ROWS = tuple(f"plan_{name}" for name in PLAN_COLUMNS)
LOGS = ("audit_log", "hook_outbox", "hook_attempts", "plan_figures", "night_figures", "exception_sightings")
HISTORY = ("runs", "run_scenarios", "run_inputs", "events", "plans", "pruned_plans", *LOGS, *ROWS)
ENDED = "SELECT run_id FROM events WHERE stage = 'record'"


@dataclass(frozen=True)
class Site:
    """A publish folder and how to read its store. ``home`` is the folder that holds everything a night writes, maybe
    but for the store; ``config`` is what the store calls the configuration."""

    home: Path
    read: Read
    config: str = "night"

    @property
    def shelf(self) -> Path:
        return self.home / "published"

    def plans(self) -> list[str]:
        """Ids of all published plans in order."""
        ours = f"SELECT plan_id FROM plans WHERE config = '{self.config}' ORDER BY number"
        return [plan for (plan,) in self.read(ours)]

    def kept(self) -> list[str]:
        """Those that were not pruned since."""
        pruned = {plan for (plan,) in self.read("SELECT plan_id FROM pruned_plans")}
        return [plan for plan in self.plans() if plan not in pruned]

    def history(self) -> dict[str, set[tuple[Any, ...]]]:
        """All rows of the tables that only grow."""
        return {table: set(self.read(f"SELECT * FROM {table}")) for table in HISTORY}


def violations(site: Site, *, settled: bool, before: Mapping[str, set[tuple[Any, ...]]] | None = None) -> list[str]:
    """Everything that is wrong. ``settled``: a start has come to its end since the last fault; ``before``: the history
    as it was then, of which nothing may be missing."""
    found = [*_one_plan_per_key(site), *_every_plan_whole(site), *_every_row_traced(site), *_links(site, settled)]
    found += governed_violations(site, settled=settled)
    if before is not None:
        now = site.history()
        found += [f"{table}: {len(rows - now[table])} rows of the history are gone"
                  for table, rows in before.items() if rows - now[table]]  # fmt: skip
    return found + (leftovers(site) if settled else [])


def uncertified(site: Site) -> list[str]:
    """Plans that count and that the independent judge rejects; without copies of inputs, only while these stay."""
    found = []
    for (folder,) in site.read(f"SELECT folder FROM current_plans WHERE config = '{site.config}'"):
        copies = Path(folder) / "inputs"
        found += [
            f"{folder}: {words}" for words in certify(Path(folder), copies if copies.is_dir() else None).all_failures
        ]
    return found


def leftovers(site: Site) -> list[str]:
    """Temporary files, folders nobody published, runs without an end, processes that still work for this site."""
    entries = {path.name for path in site.home.iterdir()} - {"published", "allot.db", "allot.db-wal", "allot.db-shm"}
    stages = [str(path) for mark in (".allot-stage*", "*.link*") for path in site.home.rglob(mark)]
    plans = {path.name for path in (site.shelf / "plans").iterdir()} ^ set(site.kept())
    work = [str(site.shelf / ".work")] if (site.shelf / ".work").exists() else []
    ours = f"SELECT run_id FROM runs WHERE config = '{site.config}' AND run_id NOT IN ({ENDED})"
    open_ends = [run for (run,) in site.read(ours)]
    orphans = [f"process {process.pid} {' '.join(process.cmdline())[:200]}" for process in processes_of(site.home)]
    return [f"left over: {each}" for each in (*sorted(entries), *stages, *sorted(plans), *work, *open_ends, *orphans)]


def processes_of(home: Path) -> list[psutil.Process]:
    """Whatever runs on behalf of a site: planning processes by their words, engines by their temporary folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words, temporary = " ".join(process.cmdline()), process.environ().get("TMPDIR", "")
            if f"{home}/" in words or f"{home}/" in f"{temporary}/":
                found.append(process)
        except psutil.Error:
            continue
    return found


def _one_plan_per_key(site: Site) -> list[str]:
    keys = "config, business_date, scenario, input_digest"
    doubled = site.read(f"SELECT {keys} FROM plans GROUP BY {keys} HAVING count(*) > 1")
    several = site.read("SELECT config, scenario FROM current_plans GROUP BY config, scenario HAVING count(*) > 1")
    ended = site.read("SELECT run_id FROM events WHERE stage = 'record' GROUP BY run_id HAVING count(*) > 1")
    ids = site.plans()
    return [
        *(f"two plans of {key}" for key in doubled),
        *(f"two plans count for {key}" for key in several),
        *(f"{run} ended twice" for (run,) in ended),
        *(f"plan {plan} is there twice" for plan in sorted({each for each in ids if ids.count(each) > 1})),
    ]


def _every_plan_whole(site: Site) -> list[str]:
    """Each published folder is as it was written, and the store holds its rows, cell by cell."""
    found, stored = [], {table: _stored(site, table) for table in PLAN_COLUMNS}
    for plan_id in site.kept():
        folder = site.shelf / "plans" / plan_id
        try:
            if digests(folder) != json.loads((folder / "timing.json").read_text())["files"]:
                found.append(f"{plan_id}: files differ from their digests")
            if json.loads((folder / "verification.json").read_text())["passed"] is not True:
                found.append(f"{plan_id}: published unverified")
            found += [f"{plan_id}: {table} differ between store and folder" for table in PLAN_COLUMNS
                      if stored[table][plan_id] != _written(folder, table)]  # fmt: skip
        except (OSError, ValueError, KeyError) as error:
            found.append(f"{plan_id}: torn: {error}")
    return found


def _stored(site: Site, table: str) -> dict[str, list[tuple[str, ...]]]:
    """The rows of each plan as text, sorted."""
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for plan_id, *cells in site.read(f"SELECT plan_id, {', '.join(PLAN_COLUMNS[table])} FROM plan_{table}"):
        found[plan_id].append(tuple("" if cell is None else str(cell) for cell in cells))
    return defaultdict(list, {plan_id: sorted(rows) for plan_id, rows in found.items()})


def _written(folder: Path, table: str) -> list[tuple[str, ...]]:
    with (folder / f"{table}.csv").open(newline="") as file:
        return sorted(tuple(unguard(row[name]) for name in PLAN_COLUMNS[table]) for row in csv.DictReader(file))


def _every_row_traced(site: Site) -> list[str]:
    """From each published row to its run, its inputs, its settings and its versions."""
    found = []
    for table in PLAN_COLUMNS:
        lost = site.read(f"SELECT DISTINCT plan_id FROM plan_{table} WHERE plan_id NOT IN (SELECT plan_id FROM plans)")
        found += [f"plan_{table} has rows of {plan_id}, which is not published" for (plan_id,) in lost]
    traced = site.read(
        "SELECT p.plan_id, p.run_id, p.scenario, p.solve_run_id FROM plans AS p JOIN runs AS r ON r.run_id = p.run_id "
        "JOIN run_scenarios AS s ON s.run_id = p.run_id AND s.scenario = p.scenario AND s.plan_id = p.plan_id "
        "AND s.input_digest = p.input_digest WHERE r.settings <> '' AND r.versions <> '' AND s.settings <> '' "
        f"AND p.config = '{site.config}'"
    )
    found += [f"{plan} leads to no run with its inputs" for plan in set(site.plans()) - {row[0] for row in traced}]
    read: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for run_id, scenario, table, digest in site.read("SELECT run_id, scenario, table_name, digest FROM run_inputs"):
        read[run_id, scenario][table] = digest
    for plan_id, run_id, scenario, solve_run_id in traced:
        try:
            run = json.loads((site.shelf / "plans" / plan_id / "run.json").read_text())
        except (OSError, ValueError):
            continue  # told as torn
        if read[run_id, scenario] != {entry["table"]: entry["digest"] for entry in run["inputs"]}:
            found.append(f"{plan_id}: planned from other inputs than recorded")
        if run["run_id"] != solve_run_id:
            found.append(f"{plan_id}: the folder is of another run")
    return found


def _links(site: Site, settled: bool) -> list[str]:
    """A link leads to a published plan; once settled, to the one that counts in the store."""
    folder = site.shelf / "current"
    links = {link.name: link.resolve().name for link in folder.iterdir()} if folder.is_dir() else {}
    known = set(site.plans())
    found = [f"current/{name} leads to {plan}, which is not published" for name, plan in links.items()
             if plan not in known]  # fmt: skip
    counts = dict(site.read(f"SELECT scenario, plan_id FROM current_plans WHERE config = '{site.config}'"))
    if settled and links != counts:
        found.append(f"links {links} differ from the store {counts}")
    return found
