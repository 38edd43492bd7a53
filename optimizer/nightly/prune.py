"""Old plans that count no more: their rows and folders go, the record of how they came about stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from optimizer.errors import OK
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.lock import NightLock
from optimizer.nightly.outbound.shelf import OutboundShelf
from optimizer.nightly.outbound.step import TABLES as OUTBOUND_TABLES
from optimizer.nightly.plan_tables import PLAN_COLUMNS, plan_table
from optimizer.nightly.publish import abandoned
from optimizer.nightly.registry import RECORD, Entry, RunRecord
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.step_pruning import SUPERSEDED
from optimizer.nightly.store import WRITE, Row, Store, execute, insert, utc_now

PRUNABLE = f"""
SELECT p.plan_id, p.scenario, p.business_date, coalesce((SELECT sum(r.row_count) FROM plan_rows AS r
    WHERE r.plan_id = p.plan_id), 0) AS row_count
FROM plans AS p WHERE p.config = :config AND p.business_date < :before
AND p.plan_id NOT IN (SELECT plan_id FROM pruned_plans) AND {SUPERSEDED.format(plan_id="p.plan_id")}
ORDER BY p.number"""


@dataclass(frozen=True)
class Pruned:
    """Plans that were, or would be, removed; ``size`` in bytes of their folders."""

    plans: Sequence[Row]
    size: int


def prune(config_file: Path, keep_days: int, *, dry_run: bool) -> Pruned:
    """Remove plans of business dates more than ``keep_days`` before today's, except those that count or are to come.

    The rows go in one transaction, together with a mark and an event for each plan, and then the folders; what a crash
    leaves of these, the next start of a night or of this removes. Raises `LockedError` while a night is at work.
    """
    config = read_config(config_file)
    today = config.business_date(datetime.now(UTC))
    before = (today - timedelta(days=keep_days)).isoformat()
    store = Store(config.store_url(), config.folder, must_exist=True)
    try:
        if dry_run:
            found = store.rows(PRUNABLE, config=config.name, before=before)
            return Pruned(found, _size(config, found))
        with NightLock(config.publish_folder, datetime.now(UTC)), store.exclusive(config.name):
            return _prune(config, store, today, before, keep_days)
    finally:
        store.close()


def _prune(config: NightlyConfig, store: Store, today: date, before: str, keep_days: int) -> Pruned:
    shelf = Shelf(config.publish_folder)
    shelf.prepare()
    found = store.rows(PRUNABLE, config=config.name, before=before)
    pruned = Pruned(found, _size(config, found))
    if found:
        record = RunRecord(store, config.name, today, {"prune": {"keep_days": keep_days, "before": before}})
        with store.transaction(WRITE) as connection:
            for plan in found:
                key = {"plan_id": plan["plan_id"]}
                insert(connection, "pruned_plans", [{**key, "run_id": record.run_id, "at": utc_now()}])
                for table in map(plan_table, (*PLAN_COLUMNS, *OUTBOUND_TABLES)):
                    execute(connection, f"DELETE FROM {table} WHERE plan_id = :plan_id", **key)
                said = f"plan {plan['plan_id']}: {plan['row_count']:,} rows"
                record.say_within(connection, Entry("prune", "done", said, plan["scenario"]))
            said = f"{len(found):,} plans of business dates before {before}, {pruned.size:,} bytes"
            record.say_within(connection, Entry(RECORD, "pruned", said, exit_code=OK))
    for plan_id in abandoned(store, config.name):
        shelf.remove(plan_id)
        OutboundShelf(shelf).remove(plan_id)
    shelf.clear()
    return pruned


def _size(config: NightlyConfig, found: Sequence[Row]) -> int:
    """Bytes of the folders of plans."""
    folders = [Shelf(config.publish_folder).plan_folder(plan["plan_id"]) for plan in found]
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
