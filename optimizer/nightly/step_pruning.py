"""A step of the store's schema: where the rows of a plan are, and what may be removed of plans that count no more."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.nightly.dialect import Dialect
from optimizer.nightly.plan_tables import PLAN_COLUMNS, plan_table

SUPERSEDED = """EXISTS (SELECT 1 FROM plans AS aged JOIN current_plans AS valid
    ON valid.config = aged.config AND valid.scenario = aged.scenario WHERE aged.plan_id = {plan_id}
    AND (valid.business_date > aged.business_date
        OR (valid.business_date = aged.business_date AND valid.number > aged.number)))"""
"""That a later plan of the same scenario counts: a condition on the plan of an id."""


def rows_and_pruning(dialect: Dialect) -> Iterator[str]:
    """A plan is marked as pruned first, which only one that counts no more can be; then its rows may be deleted."""
    yield f"""CREATE TABLE plan_rows (
        plan_id TEXT NOT NULL REFERENCES plans (plan_id), table_name TEXT NOT NULL, row_count {dialect.whole} NOT NULL,
        place TEXT NOT NULL, PRIMARY KEY (plan_id, table_name))"""
    for name in PLAN_COLUMNS:
        yield f"""INSERT INTO plan_rows SELECT p.plan_id, '{name}',
            (SELECT count(*) FROM {plan_table(name)} AS t WHERE t.plan_id = p.plan_id), 'store' FROM plans AS p"""
    yield """CREATE TABLE pruned_plans (
        plan_id TEXT PRIMARY KEY REFERENCES plans (plan_id), run_id TEXT NOT NULL REFERENCES runs, at TEXT NOT NULL)"""
    yield "CREATE INDEX events_by_run ON events (run_id, event_id)"
    yield from dialect.append_only("plan_rows", "pruned_plans")
    yield from dialect.refuse(
        "pruned_plans_superseded", "INSERT", "pruned_plans", f"NOT {SUPERSEDED.format(plan_id='NEW.plan_id')}",
        "only a plan that a later one has superseded may be pruned",
    )  # fmt: skip
    for table in map(plan_table, PLAN_COLUMNS):
        yield from pruned_only(dialect, table)


def pruned_only(dialect: Dialect, table: str) -> Iterator[str]:
    """Let a table that refuses all deletions lose the rows of plans that are marked as pruned."""
    yield dialect.drop_trigger(f"{table}_no_delete", table)
    yield from dialect.refuse(
        f"{table}_no_delete", "DELETE", table,
        "NOT EXISTS (SELECT 1 FROM pruned_plans WHERE plan_id = OLD.plan_id)", f"{table} is append-only",
    )  # fmt: skip
