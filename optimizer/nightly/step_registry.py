"""The first step of the store's schema: runs and what they did, plans and their rows. Released: it stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.nightly.dialect import Dialect
from optimizer.nightly.plan_tables import PLAN_COLUMNS, WHOLE, plan_table

APPEND_ONLY = ("runs", "run_scenarios", "run_inputs", "events", "plans")


def registry_and_plans(dialect: Dialect) -> Iterator[str]:
    """Tables, views of the plans that count, and triggers."""
    serial, whole, real = dialect.serial, dialect.whole, dialect.real
    yield f"""CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, config TEXT NOT NULL, business_date TEXT NOT NULL, started_at TEXT NOT NULL,
        host TEXT NOT NULL, pid {whole} NOT NULL, settings TEXT NOT NULL, versions TEXT NOT NULL)"""
    yield """CREATE TABLE run_scenarios (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        plan_id TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (run_id, scenario))"""
    yield f"""CREATE TABLE run_inputs (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, table_name TEXT NOT NULL, source TEXT NOT NULL,
        row_count {whole} NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (run_id, scenario, table_name))"""
    yield f"""CREATE TABLE events (
        event_id {serial}, run_id TEXT NOT NULL REFERENCES runs, at TEXT NOT NULL,
        seconds {real} NOT NULL, stage TEXT NOT NULL, state TEXT NOT NULL, scenario TEXT NOT NULL, step TEXT NOT NULL,
        reason TEXT NOT NULL, exit_code {whole})"""
    yield f"""CREATE TABLE plans (
        number {serial}, plan_id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL REFERENCES runs,
        config TEXT NOT NULL, business_date TEXT NOT NULL, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        step TEXT NOT NULL, exit_code {whole} NOT NULL, solve_run_id TEXT NOT NULL, engine TEXT NOT NULL,
        objective_value TEXT NOT NULL, gap TEXT, folder TEXT NOT NULL, published_at TEXT NOT NULL,
        UNIQUE (config, business_date, scenario, input_digest))"""
    for name, columns in PLAN_COLUMNS.items():
        typed = ", ".join(f'"{column}" {whole if column in WHOLE else "TEXT"}' for column in columns)
        yield f"CREATE TABLE {plan_table(name)} (plan_id TEXT NOT NULL REFERENCES plans (plan_id), {typed})"
        yield f"CREATE INDEX {plan_table(name)}_by_plan ON {plan_table(name)} (plan_id)"
    yield """CREATE VIEW current_plans AS SELECT * FROM plans AS p WHERE NOT EXISTS (
        SELECT 1 FROM plans AS q WHERE q.config = p.config AND q.scenario = p.scenario
        AND (q.business_date > p.business_date OR (q.business_date = p.business_date AND q.number > p.number)))"""
    for name in PLAN_COLUMNS:
        yield f"""CREATE VIEW current_{name} AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN {plan_table(name)} AS t ON t.plan_id = c.plan_id"""
    yield from dialect.append_only(*APPEND_ONLY, *map(plan_table, PLAN_COLUMNS))
