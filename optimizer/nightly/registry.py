"""The history of runs: rows are added, never changed. The state of a run is what its last event says."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from optimizer import __version__
from optimizer.nightly.store import WRITE, Row, Store, StoreError, insert, select, utc_now

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.pull import Pulled

RECORD = "record"
"""The stage whose event ends a run."""
CRASHED = "crashed"

OVERVIEW = """
SELECT r.run_id, r.config, r.business_date, r.started_at, r.host, r.pid,
    coalesce(e.state, 'unfinished') AS state, e.reason, e.exit_code, e.at AS ended_at, e.seconds,
    coalesce((SELECT stage FROM events WHERE run_id = r.run_id AND stage <> 'record' ORDER BY event_id DESC LIMIT 1),
             '') AS stage_reached
FROM runs AS r LEFT JOIN events AS e ON e.run_id = r.run_id AND e.stage = 'record'
WHERE r.config = :config"""
"""One row for each run. ``unfinished``: at work, or ended without a word and not yet noticed by the next start."""

NEWEST_FIRST = """
ORDER BY coalesce((SELECT min(event_id) FROM events WHERE run_id = r.run_id), 9223372036854775807) DESC,
    r.started_at DESC"""
"""By the order of their first events: clocks may be set back. A run without any has only begun."""


@dataclass(frozen=True)
class Entry:
    """Something to be recorded; ``step`` is the rung of the ladder, where the stage has one."""

    stage: str
    state: str
    reason: str = ""
    scenario: str = ""
    step: str = ""
    exit_code: int | None = None


class RunRecord:
    """What one run writes about itself. Made only while the lock of its publish folder is held."""

    def __init__(self, store: Store, config: str, business_date: date, settings: Mapping[str, Any]) -> None:
        self.store, self._start = store, time.monotonic()
        self.run_id = f"{config}-{business_date.isoformat()}-{secrets.token_hex(4)}"
        row = {
            "run_id": self.run_id,
            "config": config,
            "business_date": business_date.isoformat(),
            "started_at": utc_now(),
            "host": platform.node(),
            "pid": os.getpid(),
            "settings": json.dumps(settings, sort_keys=True),
            "versions": json.dumps({"allot": __version__, "python": platform.python_version()}),
        }
        with store.transaction(WRITE) as connection:
            insert(connection, "runs", [row])

    @property
    def seconds(self) -> float:
        """Since the run began, by a clock that is never set back."""
        return time.monotonic() - self._start

    def say(self, entry: Entry) -> None:
        """Record an event in a transaction of its own."""
        with self.store.transaction(WRITE) as connection:
            self.say_within(connection, entry)

    def say_within(self, connection: Connection, entry: Entry) -> None:
        """Record an event together with whatever else the transaction does, if this run may still do anything.

        A run whose lock was lost with its connection may have been taken for dead: `StoreError`, and nothing is done.
        """
        ended = "SELECT reason FROM events WHERE run_id = :run_id AND stage = :stage"
        for row in select(connection, ended, run_id=self.run_id, stage=RECORD):
            raise StoreError(f"the run {self.run_id} has ended on record ({row['reason']}); nothing more is done")
        add_event(connection, self.run_id, entry, self.seconds)

    def inputs(self, pulled: Pulled) -> None:
        """Record what a scenario was read from, before anything is made of it."""
        key = {"run_id": self.run_id, "scenario": pulled.name}
        settings = json.dumps(pulled.settings, sort_keys=True)
        scenario = {**key, "input_digest": pulled.digest, "plan_id": pulled.plan_id, "settings": settings}
        tables = [
            {**key, "table_name": each.table, "source": each.source, "row_count": each.rows, "digest": each.digest}
            for each in pulled.tables
        ]
        with self.store.transaction(WRITE) as connection:
            insert(connection, "run_scenarios", [scenario])
            insert(connection, "run_inputs", tables)


def add_event(connection: Connection, run_id: str, entry: Entry, seconds: float) -> None:
    """One row of `events`; ``seconds`` since the run began, by a clock that is never set back."""
    row = {"run_id": run_id, "at": utc_now(), "seconds": round(seconds, 3), **vars(entry)}
    insert(connection, "events", [row | {"reason": storable(entry.reason)}])


def storable(text: str) -> str:
    """Text that every database takes: what is no character (bytes of a file name, NUL) becomes a question mark."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def close_crashed(store: Store, config: str, also: Callable[[Connection, str], None]) -> list[str]:
    """Say of runs that ended without a word that they did. Only for who holds the lock: then none of them lives.

    ``also``: what goes with it in the same transaction, for each run id.
    """
    with store.transaction(WRITE) as connection:
        found = [row for row in select(connection, OVERVIEW, config=config) if row["state"] == "unfinished"]
        for row in found:
            reason = f"ended without a word in stage {row['stage_reached'] or 'start'}; noticed by the next start"
            add_event(connection, row["run_id"], Entry(RECORD, CRASHED, reason), 0.0)
            also(connection, row["run_id"])
    return [row["run_id"] for row in found]


def runs(store: Store, config: str, last: int) -> list[Row]:
    """The last runs, newest first."""
    return store.rows(f"{OVERVIEW}{NEWEST_FIRST} LIMIT :last", config=config, last=last)


def story(store: Store, config: str, run_id: str | None) -> dict[str, Any] | None:
    """Everything that is known of a run (None: the latest), or None if there is no such run."""
    with store.transaction() as connection:
        query = f"{OVERVIEW} AND (:run_id = r.run_id OR :run_id = ''){NEWEST_FIRST} LIMIT 1"
        wanted = select(connection, query, config=config, run_id=run_id or "")
        if not wanted:
            return None
        found: dict[str, Any] = dict(wanted[0])
        key = {"run_id": found["run_id"]}
        told = select(connection, "SELECT settings, versions FROM runs WHERE run_id = :run_id", **key)[0]
        found |= {name: json.loads(told[name]) for name in ("settings", "versions")}
        for name, order in (("run_scenarios", "scenario"), ("run_inputs", "scenario, table_name"),
                            ("events", "event_id"), ("plans", "number")):  # fmt: skip
            query = f"SELECT * FROM {name} WHERE run_id = :run_id ORDER BY {order}"
            found[name.removeprefix("run_")] = [dict(row) for row in select(connection, query, **key)]
        for plan in found["plans"]:
            query = "SELECT state FROM plan_states WHERE plan_id = :plan_id"
            plan["state"] = select(connection, query, plan_id=plan["plan_id"])[0]["state"]
        for scenario in found["scenarios"]:
            scenario["settings"] = json.loads(scenario["settings"])
    return found
