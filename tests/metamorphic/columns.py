"""Which columns hold money, units or ids: what the scaling and renaming relations change."""

from __future__ import annotations

MONEY: dict[str, tuple[str, ...]] = {
    "products": ("unit_cost",),
    "customers": ("credit_limit",),
    "warehouses": ("handling_cost_per_unit", "fixed_open_cost"),
    "stock": ("holding_value_per_unit",),
    "lanes": ("fixed_cost", "cost_per_unit", "cost_per_kg", "min_charge"),
    "order_lines": ("unit_price", "unit_margin", "late_penalty_per_unit_day"),
    "contracts": ("shortfall_penalty",),
    "rate_bands": ("flat_cost", "cost_per_kg", "min_charge"),
    "substitutions": ("penalty_per_unit",),
    "transfers": ("cost_per_unit", "cost_per_kg", "fixed_cost"),
    "budgets": ("limit",),
}
MONEY_SETTINGS = ("service.value", "stability.cost_per_unit")

UNITS: dict[str, tuple[str, ...]] = {
    "products": ("case_pack",),
    "warehouses": ("capacity_units",),
    "stock": ("on_hand_qty", "reserved_qty", "safety_stock_qty"),
    "inbound": ("qty",),
    "lanes": ("capacity_units",),
    "order_lines": ("qty", "min_fill_qty", "lot_multiple"),
    "contracts": ("min_qty", "max_qty"),
    "pins": ("qty",),
    "reserves": ("qty",),
    "calendar": ("capacity_units",),
    "transfers": ("capacity_units",),
    "previous": ("qty", "shipped_qty"),
}
PER_UNIT: dict[str, tuple[str, ...]] = {
    "products": ("unit_cost", "unit_weight_kg", "unit_volume_m3"),
    "warehouses": ("handling_cost_per_unit",),
    "stock": ("holding_value_per_unit",),
    "lanes": ("cost_per_unit",),
    "order_lines": ("unit_price", "unit_margin", "late_penalty_per_unit_day"),
    "contracts": ("shortfall_penalty",),
    "substitutions": ("penalty_per_unit",),
    "transfers": ("cost_per_unit",),
}
PER_UNIT_SETTINGS = ("stability.cost_per_unit",)

IDS: dict[str, str] = {
    "order_id": "order",
    "line_id": "line",
    "customer_id": "customer",
    "product_id": "product",
    "component_id": "product",
    "substitute_id": "product",
    "warehouse_id": "warehouse",
    "from_warehouse_id": "warehouse",
    "to_warehouse_id": "warehouse",
    "zone_id": "zone",
    "service_id": "service",
    "contract_id": "contract",
    "rule_id": "rule",
    "reserve_id": "reserve",
    "budget_id": "budget",
    "receipt_id": "receipt",
    "rate_id": "rate",
    "lot_id": "lot",
}
"""Id column → what it names: one thing has one new name in every table."""
