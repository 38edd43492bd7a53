"""The tables of a plan that are published in the store: their names and columns, as they were released."""

from __future__ import annotations

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

DAYS = frozenset({"ship_date", "arrive_date"})
MONEY = frozenset({"margin", "service_value", "variable_cost", "weight_kg", "fixed_cost", "cost"})
"""Columns of exact decimals: money and weights."""


def plan_table(name: str) -> str:
    """The store's name of a table of the plan."""
    return f"plan_{name}"
