"""The column contracts: what each table holds, its keys, types, defaults, ranges and references.

The one place that knows the columns; readers, checks and ``docs/data.md`` all follow it.
"""

from __future__ import annotations

from optimizer.tables.columns import MAX_DIGITS, MAX_WHOLE, SCOPE_COLUMNS, Column, Kind, TableSchema
from optimizer.tables.schema_batch import BATCH
from optimizer.tables.schema_policies import POLICIES, PREVIOUS

__all__ = [
    "LATER",
    "MAX_DIGITS",
    "MAX_WHOLE",
    "PREVIOUS",
    "REFUSED",
    "SCOPE_COLUMNS",
    "TABLES",
    "Column",
    "Kind",
    "TableSchema",
    "is_refused",
]

TABLES: dict[str, TableSchema] = {table.name: table for table in (*BATCH, *POLICIES)}

LATER = "not available in this version"

REFUSED: dict[str, str] = {
    "inbound": "expected receipts",
    "rate_bands": "weight-break tariffs",
    "reserves": "stock held back for some",
    "calendar": "working days and capacities by day",
    "substitutions": "products that may replace others",
    "kits": "products made of components",
    "transfers": "moves between warehouses",
    "budgets": "limits on spending",
    "fair_share": "equal fill among parties",
    "history": "past demand",
    "orders.cancel_date": "a last day of arrival",
    "orders.frozen": "keeping an order as it was planned",
    "order_lines.late_penalty_per_unit_day": "the cost of lateness",
    "products.order_cost": "quantities to buy",
    "products.holding_cost_per_unit_year": "quantities to buy",
    "customers.credit_limit": "credit limits",
    "customers.min_remaining_life_days": "the remaining life of goods",
    "stock.lot_id": "stock by lot",
    "stock.expiry_date": "the expiry of lots",
    "stock.holding_value_per_unit": "the value of moving old stock",
    "lanes.kg_per_m3": "freight by volume",
    "pins.ship_date": "pins to a day",
    "pins.lot_id": "pins to a lot",
    "[objective]": "stages and other objectives",
    "[stability]": "keeping near a previous plan",
    "[finance]": "figures of working capital",
    "[sweep]": "running many values at once",
}
"""What the format has and files may not use yet: a table, ``table.column`` (where a cell is filled) or ``[section]``.

Each with its meaning in words. Tables made directly, without files, may use all of it.
"""


def is_refused(name: str) -> bool:
    """Whether a table, column or section is one of `REFUSED`."""
    return name in REFUSED
