"""The store's tables, as numbered steps: each is applied once, in one transaction, and stays as it was released."""

from __future__ import annotations

from collections.abc import Iterator

APPEND_ONLY = ("runs", "run_scenarios", "run_inputs", "events", "plans")

PLAN_COLUMNS: dict[str, tuple[str, ...]] = {
    "allocations": (
        "order_id", "line_id", "product_id", "ship_product_id", "warehouse_id", "lot_id", "service_id", "ship_date",
        "arrive_date", "qty", "ordered_qty_served", "margin", "service_value", "variable_cost", "days_late",
    ),
    "shipments": (
        "shipment_id", "order_id", "warehouse_id", "service_id", "ship_date", "lines", "units", "weight_kg",
        "fixed_cost", "variable_cost",
    ),
    "transfers": (
        "from_warehouse_id", "to_warehouse_id", "product_id", "lot_id", "qty", "ship_date", "arrive_date", "cost",
    ),
    "shorts": (
        "order_id", "line_id", "product_id", "ordered_qty", "allocated_qty", "short_qty", "reason", "detail",
    ),
}  # fmt: skip
"""The tables of a plan that are published in the store, and their columns; all others stay in the run folder."""

WHOLE = frozenset(
    {"qty", "ordered_qty_served", "days_late", "lines", "units", "ordered_qty", "allocated_qty", "short_qty"}
)
"""Columns of whole numbers. Money and weights are text: exact decimals, which SQLite has no type for."""


def plan_table(name: str) -> str:
    """The store's name of a table of the plan."""
    return f"plan_{name}"


def _first() -> Iterator[str]:
    yield """CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, config TEXT NOT NULL, business_date TEXT NOT NULL, started_at TEXT NOT NULL,
        host TEXT NOT NULL, pid INTEGER NOT NULL, settings TEXT NOT NULL, versions TEXT NOT NULL)"""
    yield """CREATE TABLE run_scenarios (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        plan_id TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (run_id, scenario))"""
    yield """CREATE TABLE run_inputs (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, table_name TEXT NOT NULL, source TEXT NOT NULL,
        row_count INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (run_id, scenario, table_name))"""
    yield """CREATE TABLE events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs, at TEXT NOT NULL,
        seconds REAL NOT NULL, stage TEXT NOT NULL, state TEXT NOT NULL, scenario TEXT NOT NULL, step TEXT NOT NULL,
        reason TEXT NOT NULL, exit_code INTEGER)"""
    yield """CREATE TABLE plans (
        number INTEGER PRIMARY KEY AUTOINCREMENT, plan_id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL REFERENCES runs,
        config TEXT NOT NULL, business_date TEXT NOT NULL, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        step TEXT NOT NULL, exit_code INTEGER NOT NULL, solve_run_id TEXT NOT NULL, engine TEXT NOT NULL,
        objective_value TEXT NOT NULL, gap TEXT, folder TEXT NOT NULL, published_at TEXT NOT NULL,
        UNIQUE (config, business_date, scenario, input_digest))"""
    for name, columns in PLAN_COLUMNS.items():
        typed = ", ".join(f'"{column}" {"INTEGER" if column in WHOLE else "TEXT"}' for column in columns)
        yield f"CREATE TABLE {plan_table(name)} (plan_id TEXT NOT NULL REFERENCES plans (plan_id), {typed})"
        yield f"CREATE INDEX {plan_table(name)}_by_plan ON {plan_table(name)} (plan_id)"
    yield """CREATE VIEW current_plans AS SELECT * FROM plans AS p WHERE NOT EXISTS (
        SELECT 1 FROM plans AS q WHERE q.config = p.config AND q.scenario = p.scenario
        AND (q.business_date > p.business_date OR (q.business_date = p.business_date AND q.number > p.number)))"""
    for name in PLAN_COLUMNS:
        yield f"""CREATE VIEW current_{name} AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN {plan_table(name)} AS t ON t.plan_id = c.plan_id"""
    for table in (*APPEND_ONLY, *map(plan_table, PLAN_COLUMNS)):
        for action in ("UPDATE", "DELETE"):
            yield f"""CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""


MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("registry and plans", tuple(_first())),)
"""What each step is called, and its statements; the first is number 1."""
