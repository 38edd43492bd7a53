"""The step of the store's schema for governance: the audit log, what exceptions each night saw, figures of nights."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.nightly.dialect import Dialect
from optimizer.nightly.plan_tables import PLAN_COLUMNS, plan_table

APPEND_ONLY = ("audit_log", "exception_sightings", "overrides", "plan_figures", "night_figures")


def governance(dialect: Dialect) -> Iterator[str]:
    """Tables, the states of plans, and the plans that count by them.

    A plan of before this step has no row in the log: it counts as released, and the last of them goes on to count
    until another is released.
    """
    yield f"""CREATE TABLE audit_log (
        seq {dialect.whole} NOT NULL PRIMARY KEY, at TEXT NOT NULL, config TEXT NOT NULL, kind TEXT NOT NULL,
        subject TEXT NOT NULL, state TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, details TEXT NOT NULL,
        previous TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE)"""
    yield "CREATE INDEX audit_log_by_subject ON audit_log (kind, subject, seq)"
    yield """CREATE TABLE exception_sightings (
        exception_id TEXT NOT NULL, plan_id TEXT NOT NULL REFERENCES plans (plan_id), config TEXT NOT NULL,
        scenario TEXT NOT NULL, business_date TEXT NOT NULL, code TEXT NOT NULL, severity TEXT NOT NULL,
        subject TEXT NOT NULL, explanation TEXT NOT NULL, suggested_action TEXT NOT NULL, money_at_stake TEXT NOT NULL,
        PRIMARY KEY (plan_id, exception_id))"""
    yield "CREATE INDEX exception_sightings_by_id ON exception_sightings (exception_id)"
    yield f"""CREATE TABLE overrides (
        override_id TEXT NOT NULL PRIMARY KEY, config TEXT NOT NULL, scenario TEXT NOT NULL, order_id TEXT NOT NULL,
        line_id TEXT NOT NULL, warehouse_id TEXT NOT NULL, mode TEXT NOT NULL, qty {dialect.whole},
        reason TEXT NOT NULL, who TEXT NOT NULL, made_at TEXT NOT NULL)"""
    yield """CREATE TABLE plan_figures (
        plan_id TEXT NOT NULL REFERENCES plans (plan_id), name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (plan_id, name))"""
    yield """CREATE TABLE night_figures (
        run_id TEXT NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name))"""
    yield """CREATE VIEW plan_states AS
        SELECT p.plan_id, p.config, p.scenario, p.business_date, p.number, coalesce(a.state, 'released') AS state,
            coalesce(a.seq, 0) AS seq, coalesce(a.at, p.published_at) AS at, coalesce(a.who, '') AS who,
            coalesce(a.reason, '') AS reason
        FROM plans AS p LEFT JOIN audit_log AS a ON a.kind = 'plan' AND a.subject = p.plan_id AND a.seq =
            (SELECT max(b.seq) FROM audit_log AS b WHERE b.kind = 'plan' AND b.subject = p.plan_id)"""
    yield """CREATE VIEW exception_states AS SELECT a.* FROM audit_log AS a WHERE a.kind = 'exception' AND a.seq =
        (SELECT max(b.seq) FROM audit_log AS b WHERE b.kind = 'exception' AND b.subject = a.subject)"""
    for name in PLAN_COLUMNS:
        yield f"DROP VIEW current_{name}"
    yield "DROP VIEW current_plans"
    yield """CREATE VIEW current_plans AS SELECT p.* FROM plans AS p JOIN
        (SELECT plan_id, row_number() OVER (PARTITION BY config, scenario
            ORDER BY seq DESC, business_date DESC, number DESC) AS place FROM plan_states WHERE state = 'released') AS s
        ON s.plan_id = p.plan_id WHERE s.place = 1"""
    for name in PLAN_COLUMNS:
        yield f"""CREATE VIEW current_{name} AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN {plan_table(name)} AS t ON t.plan_id = c.plan_id"""
    yield from dialect.append_only(*APPEND_ONLY)
