"""The rows of a batch, looked up."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from tests.instances import Case, Row


def number(row: Row, column: str, default: Any = 0) -> Fraction:
    value = row.get(column)
    return Fraction(default if value is None else value)


PLAIN_TABLES = {"products", "customers", "warehouses", "stock", "lanes", "orders", "order_lines", "eligibility",
                "contracts", "pins"}  # fmt: skip
LATER_COLUMNS = {
    "orders": ("cancel_date", "frozen"),
    "order_lines": ("late_penalty_per_unit_day",),
    "customers": ("credit_limit", "min_remaining_life_days"),
    "stock": ("lot_id", "expiry_date", "holding_value_per_unit"),
    "lanes": ("kg_per_m3",),
    "pins": ("ship_date", "lot_id", "service_id"),
}


def is_plain(case: Case) -> bool:
    """Whether a batch has no dates, lots, substitutes, kits, transfers, reserves, budgets, tariffs or previous plan."""
    tables = {name: rows for name, rows in case["tables"].items() if rows}
    if tables.keys() - PLAIN_TABLES or any(name.startswith("stability") for name in case["scenario"]):
        return False
    return all(
        row.get(column) is None
        for table, columns in LATER_COLUMNS.items()
        for row in tables.get(table, [])
        for column in columns
    )


class Batch:
    """The rows, looked up."""

    def __init__(self, case: Case) -> None:
        tables, settings = case["tables"], case["scenario"]
        self.rows = defaultdict(list, tables)
        self.settings = settings
        self.customers = {row["customer_id"]: row for row in self.rows["customers"]}
        self.products = {row["product_id"]: row for row in self.rows["products"]}
        self.warehouses = {row["warehouse_id"]: row for row in self.rows["warehouses"]}
        self.orders = {row["order_id"]: row for row in self.rows["orders"]}
        self.stock: dict[tuple[str, str], int] = {}
        for row in self.rows["stock"]:
            atp = row["on_hand_qty"] - row.get("reserved_qty", 0) - row.get("safety_stock_qty", 0)
            self.stock[row["warehouse_id"], row["product_id"]] = max(0, atp)
        self.weight = {
            name: Fraction(settings.get(f"weights.{name}", 1))
            for name in ("margin", "service", "shipping", "penalties", "holding")
        }
        self.measure = settings.get("service.measure", "unit")
        self.value = Fraction(settings.get("service.value", 0))

    def lines(self, order: str) -> list[Row]:
        return [row for row in self.rows["order_lines"] if row["order_id"] == order]

    def attributes(self, line: Row) -> dict[str, str]:
        """Every scope column of one order line."""
        order = self.orders[line["order_id"]]
        customer = self.customers.get(order["customer_id"], {})
        product = self.products.get(line["product_id"], {})
        return {
            "customer_id": order["customer_id"],
            "segment": customer.get("segment", ""),
            "tier": customer.get("tier", ""),
            "channel": order.get("channel", ""),
            "zone_id": order["zone_id"],
            "order_id": order["order_id"],
            "product_id": line["product_id"],
            "family": product.get("family", ""),
        }

    def in_scope(self, rule: Row, line: Row) -> bool:
        attributes = self.attributes(line)
        return all(attributes[column] == rule[column] for column in attributes if column in rule)

    def service_weight(self, order: str) -> Fraction:
        row = self.orders[order]
        if row.get("service_weight") is not None:
            return Fraction(row["service_weight"])
        customer = self.customers.get(row["customer_id"], {})
        tier = self.settings.get("service.tier_weight", {}).get(customer.get("tier"), 1)
        priority = self.settings.get("service.priority_weight", {}).get(str(row.get("priority", 3)), 1)
        return number(customer, "service_weight", 1) * Fraction(tier) * Fraction(priority)

    def kg(self, line: Row) -> Fraction:
        if line.get("weight_kg") is not None:
            return Fraction(line["weight_kg"]) / line["qty"]
        return number(self.products.get(line["product_id"], {}), "unit_weight_kg")

    def eligible(self, line: Row, warehouse: str) -> bool:
        rules = [row for row in self.rows["eligibility"] if row["warehouse_id"] == warehouse]
        if any(row["mode"] == "forbid" and self.in_scope(row, line) for row in rules):
            return False
        sets: dict[frozenset[str], bool] = defaultdict(bool)
        for row in rules:
            if row["mode"] == "only":
                columns = frozenset(row) - {"rule_id", "warehouse_id", "mode"}
                sets[columns] |= self.in_scope(row, line)
        return all(sets.values())

    def lanes(self, line: Row) -> list[Row]:
        order = self.orders[line["order_id"]]
        if order.get("hold"):
            return []
        return [
            lane
            for lane in self.rows["lanes"]
            if lane["zone_id"] == order["zone_id"]
            and self.warehouses[lane["warehouse_id"]].get("is_open") != "false"
            and order.get("service_id") in (None, lane["service_id"])
            and order.get("service_level") in (None, lane["service_level"])
            and self.eligible(line, lane["warehouse_id"])
        ]
