"""Transforms that must not change the value (or must scale it by a known factor)."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.instances import Case, Row
from tests.metamorphic.columns import IDS, MONEY, MONEY_SETTINGS, PER_UNIT, PER_UNIT_SETTINGS, UNITS

MONEY_FACTOR, UNIT_FACTOR = 100, 1000


def scale_money(case: Case, rng: random.Random) -> Case:
    """Every price, cost, penalty and budget × 100: the value × 100."""
    _multiply(case["tables"], MONEY, Decimal(MONEY_FACTOR))
    for name in MONEY_SETTINGS:
        if name in case["scenario"]:
            case["scenario"][name] *= MONEY_FACTOR
    return case


def _multiply(tables: dict[str, list[Row]], columns: dict[str, tuple[str, ...]], factor: Any) -> None:
    for table, names in columns.items():
        for row in tables.get(table, []):
            for name in names:
                if row.get(name) is not None:
                    row[name] *= factor


def scale_units(case: Case, rng: random.Random) -> Case | None:
    """Every unit becomes 1,000 smaller ones that go together: the same value.

    A fill rate is first written as the units that it requires, since 1,000 small units would round it less. With
    transfers and kits the small units are free to part: nothing is said about those.
    """
    tables, settings = case["tables"], case["scenario"]
    if "transfers" in tables or "kits" in tables:
        return None
    for rule in tables.get("contracts", []):
        if rule.get("min_fill_rate") is not None:
            rule["min_qty"] = max(
                rule.get("min_qty", 0), math.ceil(Fraction(rule.pop("min_fill_rate")) * ordered(case, rule))
            )
    for product in tables["products"]:
        product.setdefault("case_pack", 1)
    for line in tables["order_lines"]:
        line.setdefault("lot_multiple", 1)
    _multiply(tables, UNITS, UNIT_FACTOR)
    _multiply(tables, PER_UNIT, Decimal(1) / UNIT_FACTOR)
    for name in (*PER_UNIT_SETTINGS, *(("service.value",) if settings.get("service.measure") == "unit" else ())):
        if name in settings:
            settings[name] /= Decimal(UNIT_FACTOR)
    return case


def ordered(case: Case, rule: Row) -> int:
    """Units ordered in the scope of a contract."""
    tables = case["tables"]
    orders = {row["order_id"]: row for row in tables["orders"]}
    customers = {row["customer_id"]: row for row in tables["customers"]}
    products = {row["product_id"]: row for row in tables["products"]}
    total = 0
    for line in tables["order_lines"]:
        order = orders[line["order_id"]]
        facts = customers[order["customer_id"]] | products[line["product_id"]] | order | line
        scope = {name: value for name, value in rule.items() if name in SCOPE}
        total += line["qty"] if all(facts.get(name) == value for name, value in scope.items()) else 0
    return total


SCOPE = ("customer_id", "segment", "tier", "channel", "zone_id", "order_id", "product_id", "family")


def permute(case: Case, rng: random.Random) -> Case:
    """Rows, columns and tables in another order."""
    tables = {
        name: [_shuffled(row, rng) for row in rng.sample(rows, len(rows))] for name, rows in case["tables"].items()
    }
    return {"tables": _shuffled(tables, rng), "scenario": case["scenario"]}


def _shuffled(mapping: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return dict(rng.sample(sorted(mapping.items()), len(mapping)))


def rename(case: Case, rng: random.Random) -> Case:
    """Every id gets another name, one that sorts elsewhere."""
    names: dict[tuple[str, str], str] = {}

    def renamed(column: str, value: Any) -> Any:
        if column not in IDS or value in (None, ""):
            return value
        key = (IDS[column], value)
        names.setdefault(key, f"{rng.choice('qzaMX07')}{rng.randrange(10**6)}-{len(names)}")
        return names[key]

    case["tables"] = {
        table: [{column: renamed(column, value) for column, value in row.items()} for row in rows]
        for table, rows in case["tables"].items()
    }
    return case


def add_irrelevant(case: Case, rng: random.Random) -> Case | None:
    """Stock that nobody asked for, a warehouse that reaches nobody, a lane to nowhere, a customer without orders.

    A reserve may be kept by idle stock, so that it is not irrelevant there.
    """
    tables = case["tables"]
    if "reserves" in tables:
        return None
    house = rng.choice(tables["warehouses"])["warehouse_id"]
    tables["products"].append({"product_id": "P0 idle", "family": "F", "unit_cost": 1, "unit_weight_kg": 1})
    tables["stock"] += [
        {"warehouse_id": house, "product_id": "P0 idle", "on_hand_qty": 9},
        {"warehouse_id": "W0 idle", "product_id": tables["products"][0]["product_id"], "on_hand_qty": 9},
    ]
    tables["warehouses"].append({"warehouse_id": "W0 idle", "capacity_units": 5, "handling_cost_per_unit": 0})
    tables["lanes"].append({"warehouse_id": house, "zone_id": "Z0 idle", "service_id": "standard"})
    tables["customers"].append({"customer_id": "C0 idle", "tier": "A"})
    return case


def duplicate_warehouse(case: Case, rng: random.Random) -> Case:
    """A twin of a warehouse that has everything but stock."""
    tables = case["tables"]
    house = rng.choice(tables["warehouses"])["warehouse_id"]
    for name in ("warehouses", "lanes", "rate_bands", "calendar", "eligibility"):
        for row in [row for row in tables.get(name, []) if row["warehouse_id"] == house]:
            twin = row | {"warehouse_id": f"{house} twin"}
            if "rule_id" in twin:
                twin["rule_id"] = f"{row['rule_id']} twin"
            tables[name].append(twin)
    return case
