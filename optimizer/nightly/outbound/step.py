"""The step of the store's schema that brings reservations and balances, and instructions as a view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optimizer.nightly.dialect import Dialect
from optimizer.nightly.outbound.tables import BALANCES, RESERVATIONS
from optimizer.nightly.plan_tables import plan_table
from optimizer.nightly.step_pruning import pruned_only

TABLES: Mapping[str, Mapping[str, str]] = {"reservations": RESERVATIONS, "balances": BALANCES}
"""What is stored beside the rows of a plan, and the kinds of its columns; dates are text as everywhere in the store."""

INSTRUCTIONS = """CREATE VIEW plan_instructions AS
    SELECT a.plan_id, a.warehouse_id, 'order' AS kind, a.ship_date, a.service_id, a.ship_product_id, a.lot_id, a.qty,
        s.shipment_id, a.order_id, a.line_id, a.product_id, NULL AS to_warehouse_id, a.arrive_date
    FROM plan_allocations AS a JOIN plan_shipments AS s ON s.plan_id = a.plan_id AND s.order_id = a.order_id
        AND s.warehouse_id = a.warehouse_id AND s.service_id = a.service_id AND s.ship_date = a.ship_date
    UNION ALL
    SELECT plan_id, from_warehouse_id, 'transfer', ship_date, NULL, product_id, lot_id, qty, NULL, NULL, NULL,
        product_id, to_warehouse_id, arrive_date
    FROM plan_transfers"""
"""As `instructions/` of the outbound files, of every plan whose rows are in the store."""


def outbound_tables(dialect: Dialect) -> Iterator[str]:
    """Two tables that only grow until a plan is pruned; views of what is to be picked, and of the plans that count."""
    for name, kinds in TABLES.items():
        typed = ", ".join(f'"{column}" {dialect.whole if kind == "int" else "TEXT"}' for column, kind in kinds.items())
        yield f"CREATE TABLE {plan_table(name)} (plan_id TEXT NOT NULL REFERENCES plans (plan_id), {typed})"
        yield f"CREATE INDEX {plan_table(name)}_by_plan ON {plan_table(name)} (plan_id)"
    yield INSTRUCTIONS
    for name in (*TABLES, "instructions"):
        yield f"""CREATE VIEW current_{name} AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN {plan_table(name)} AS t ON t.plan_id = c.plan_id"""
    for table in map(plan_table, TABLES):
        yield from dialect.append_only(table)
        yield from pruned_only(dialect, table)
