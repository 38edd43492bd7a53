"""Seeded random batches, tiny enough for exhaustive search, that mix every family of the model."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

AS_OF = datetime.date(2026, 11, 20)
Row = dict[str, Any]
Case = dict[str, Any]
"""``{"tables": {name: [row, ...]}, "scenario": {dotted settings}}``: plain rows, as a file would hold them."""


def money(rng: random.Random, low: float, high: float) -> Decimal:
    return Decimal(rng.randint(round(low * 100), round(high * 100))) / 100


def maybe(rng: random.Random, probability: float, value: Any) -> Any:
    return value if rng.random() < probability else None


def compact(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None}


LARGEST_ORDER = 3000
"""Combinations of quantities that one order may have before exhaustive search becomes slow."""


def random_case(seed: int, families: float | Sequence[str] = 0.3) -> Case:
    """One tiny batch; ``families`` is the chance that each optional rule occurs at all, or names policies to lay on it.

    The names are those of `tests.policy_instances.POLICIES`.
    """
    if not isinstance(families, float | int):
        from tests.policy_instances import mixed_case

        return mixed_case(seed, families)
    for attempt in range(1000):
        case = draw(random.Random(seed * 1000 + attempt), families)
        if _combinations(case["tables"]) <= LARGEST_ORDER:
            return case
    raise ValueError(f"no small batch from seed {seed}")


def _combinations(tables: dict[str, list[Row]]) -> int:
    """The most combinations of quantities that any one order has."""
    stock = {(row["warehouse_id"], row["product_id"]): row["on_hand_qty"] for row in tables.get("stock", [])}
    worst = 0
    for order in tables["orders"]:
        choices = 1
        for line in tables["order_lines"]:
            if line["order_id"] == order["order_id"]:
                for lane in tables["lanes"]:
                    if lane["zone_id"] == order["zone_id"]:
                        choices *= 1 + min(line["qty"], stock.get((lane["warehouse_id"], line["product_id"]), 0))
        worst = max(worst, choices)
    return worst


def draw(rng: random.Random, families: float) -> Case:
    """One batch of the plain families, however large its search."""

    def on() -> bool:
        return rng.random() < families

    warehouses = [f"W{i}" for i in range(1, rng.choice([1, 2, 2, 3]) + 1)]
    products = [f"P{i}" for i in range(1, rng.randint(1, 2) + 1)]
    zones = [f"Z{i}" for i in range(1, rng.randint(1, 2) + 1)]
    services = ["standard", "express"] if on() else ["standard"]
    orders = [f"O{i}" for i in range(1, rng.randint(1, 4) + 1)]
    tables: dict[str, list[Row]] = {}
    tables["products"] = _products(rng, products, on)
    tables["customers"] = [
        compact(
            {
                "customer_id": f"C{i}",
                "tier": rng.choice("AB"),
                "segment": rng.choice(["web", "shop"]),
                "service_weight": maybe(rng, 0.3, money(rng, 0.5, 2)),
            }
        )
        for i in (1, 2)
    ]
    tables["warehouses"] = _warehouses(rng, warehouses, on)
    tables["stock"] = [
        {
            "warehouse_id": w,
            "product_id": p,
            "on_hand_qty": rng.randint(0, 6),
            "reserved_qty": rng.choice([0, 0, 1]),
            "safety_stock_qty": rng.choice([0, 0, 0, 1]),
        }
        for w in warehouses
        for p in products
        if rng.random() < 0.85 or (w, p) == ("W1", "P1")
    ]
    tables["lanes"] = _lanes(rng, warehouses, zones, services, on)
    tables["orders"] = _orders(rng, orders, zones, services, on)
    tables["order_lines"] = _lines(rng, orders, products, on)
    held = {row["order_id"] for row in tables["orders"] if row.get("hold")}
    if on():
        tables["eligibility"] = _eligibility(rng, warehouses, products, orders, zones)
    if on():
        tables["contracts"] = _contracts(rng, products, orders, zones)
    if on():
        pins = _pins(rng, tables, held)
        if pins:
            tables["pins"] = pins
    return {"tables": {name: rows for name, rows in tables.items() if rows}, "scenario": _settings(rng, tables, on)}


def _products(rng: random.Random, products: list[str], on: Any) -> list[Row]:
    weighted, packed = on(), on()
    return [
        compact(
            {
                "product_id": p,
                "family": rng.choice(["F", "G"]),
                "unit_cost": money(rng, 1, 4),
                "unit_weight_kg": money(rng, 0, 3) if weighted else None,
                "case_pack": rng.choice([1, 2, 3]) if packed else None,
            }
        )
        for p in products
    ]


def _warehouses(rng: random.Random, warehouses: list[str], on: Any) -> list[Row]:
    units, lines, shipments, kg, handling, opening = on(), on(), on(), on(), on(), on()
    return [
        compact(
            {
                "warehouse_id": w,
                "capacity_units": rng.randint(1, 6) if units else None,
                "capacity_lines": rng.randint(1, 3) if lines else None,
                "capacity_shipments": rng.randint(1, 2) if shipments else None,
                "capacity_kg": money(rng, 1, 12) if kg else None,
                "handling_cost_per_unit": money(rng, 0, 1) if handling else None,
                "fixed_open_cost": money(rng, 0, 6) if opening else None,
                "is_open": maybe(rng, 0.1, "false"),
            }
        )
        for w in warehouses
    ]


def _lanes(rng: random.Random, warehouses: list[str], zones: list[str], services: list[str], on: Any) -> list[Row]:
    fixed, unit, kg, charge = rng.random() < 0.7, on(), on(), on()
    cap_units, cap_kg, cap_shipments = on() and on(), on() and on(), on() and on()
    return [
        compact(
            {
                "warehouse_id": w,
                "zone_id": z,
                "service_id": k,
                "service_level": "fast" if k == "express" else "slow",
                "fixed_cost": money(rng, 0, 5) if fixed else None,
                "cost_per_unit": money(rng, 0, 2) if unit else None,
                "cost_per_kg": money(rng, 0, 1) if kg else None,
                "min_charge": money(rng, 1, 6) if charge else None,
                "transit_days": rng.randint(0, 3),
                "capacity_units": rng.randint(1, 5) if cap_units else None,
                "capacity_kg": money(rng, 1, 9) if cap_kg else None,
                "capacity_shipments": 1 if cap_shipments else None,
            }
        )
        for w in warehouses
        for z in zones
        for k in services
        if rng.random() < 0.85 or (w, z) == ("W1", "Z1")
    ]


def _orders(rng: random.Random, orders: list[str], zones: list[str], services: list[str], on: Any) -> list[Row]:
    policy, splits, service, holds, weights = on(), on(), on(), on(), on()
    return [
        compact(
            {
                "order_id": o,
                "customer_id": rng.choice(["C1", "C2"]),
                "zone_id": rng.choice(zones),
                "channel": rng.choice(["online", "retail"]),
                "due_date": maybe(rng, 0.5, "2026-11-21"),
                "priority": rng.choice([1, 2, 3]) if weights else None,
                "service_weight": maybe(rng, 0.3, money(rng, 0, 3)) if weights else None,
                "delivery_policy": rng.choice(["partial", "line_complete", "order_complete"]) if policy else None,
                "max_shipments": rng.choice([None, 1, 2]) if splits else None,
                "service_id": maybe(rng, 0.3, rng.choice(services)) if service else None,
                "service_level": maybe(rng, 0.3, rng.choice(["fast", "slow"])) if service else None,
                "hold": maybe(rng, 0.25, "credit") if holds else None,
            }
        )
        for o in orders
    ]


def _lines(rng: random.Random, orders: list[str], products: list[str], on: Any) -> list[Row]:
    fill, lots, weight = on(), on(), on()
    rows = []
    for o in orders:
        for number in range(1, rng.choice([1, 1, 2, 2, 3]) + 1):
            qty = rng.randint(1, 4)
            rows.append(
                compact(
                    {
                        "order_id": o,
                        "line_id": str(number),
                        "product_id": rng.choice(products),
                        "qty": qty,
                        "unit_price": money(rng, 5, 12),
                        "unit_margin": money(rng, -1, 9),
                        "min_fill_qty": rng.randint(0, qty) if fill else None,
                        "lot_multiple": rng.choice([1, 2]) if lots else None,
                        "weight_kg": money(rng, 0, 7) if weight else None,
                    }
                )
            )
    return rows


def _scopes(zones: list[str], orders: list[str], products: list[str]) -> list[tuple[str, list[str]]]:
    """The scope columns of a rule, and what may stand in each."""
    return [
        ("customer_id", ["C1", "C2"]),
        ("segment", ["web", "shop"]),
        ("tier", ["A", "B"]),
        ("channel", ["online", "retail"]),
        ("zone_id", zones),
        ("order_id", orders),
        ("product_id", products),
        ("family", ["F", "G"]),
    ]


def _eligibility(
    rng: random.Random, warehouses: list[str], products: list[str], orders: list[str], zones: list[str]
) -> list[Row]:
    choices = _scopes(zones, orders, products)
    rows = []
    for number in range(rng.randint(1, 3)):
        row = {"rule_id": f"R{number}", "warehouse_id": rng.choice(warehouses), "mode": rng.choice(["only", "forbid"])}
        for column, values in rng.sample(choices, rng.choice([1, 1, 2])):
            row[column] = rng.choice(values)
        rows.append(row)
    return rows


def _contracts(rng: random.Random, products: list[str], orders: list[str], zones: list[str]) -> list[Row]:
    choices = [scope for scope in _scopes(zones, orders, products) if scope[0] != "segment"]
    rows = []
    for number in range(rng.randint(1, 2)):
        row: Row = {"contract_id": f"K{number}"}
        for column, values in rng.sample(choices, rng.choice([0, 1, 1, 2])):
            row[column] = rng.choice(values)
        kind = rng.random()
        if kind < 0.4:
            row["min_qty"] = rng.randint(1, 3)
        elif kind < 0.8:
            row["min_fill_rate"] = money(rng, 0.2, 1)
        if kind >= 0.7:
            row["max_qty"] = rng.randint(0, 4)
        if rng.random() < 0.75:
            row["shortfall_penalty"] = money(rng, 0, 6)
        rows.append(row)
    return rows


def _pins(rng: random.Random, tables: dict[str, list[Row]], held: set[str]) -> list[Row]:
    """Pins above 0 only where the input rules allow them: not on held orders, with a lane, within the quantity."""
    orders = {row["order_id"]: row for row in tables["orders"]}
    closed = {row["warehouse_id"] for row in tables["warehouses"] if row.get("is_open") == "false"}
    packs = {row["product_id"]: row.get("case_pack", 1) for row in tables["products"]}
    rows, seen = [], set()
    for line in rng.sample(tables["order_lines"], min(2, len(tables["order_lines"]))):
        order = line["order_id"]
        lanes = [row["warehouse_id"] for row in tables["lanes"] if _may_ship(orders[order], row, closed)]
        if not lanes:
            continue
        mode = rng.choice(["exactly", "at_least", "at_most", "forbid"])
        step = max(packs.get(line["product_id"], 1), line.get("lot_multiple", 1))
        qty = 0 if mode == "forbid" else rng.choice([0, 1, 1, 2])
        if qty > line["qty"] or (mode in ("exactly", "at_least") and (order in held or step > 1)):
            qty = 0
        warehouse = rng.choice(lanes)
        if (order, line["line_id"], warehouse, mode) not in seen:
            seen.add((order, line["line_id"], warehouse, mode))
            rows.append(
                {"order_id": order, "line_id": line["line_id"], "warehouse_id": warehouse, "mode": mode, "qty": qty}
            )
    return rows


def _may_ship(order: Row, lane: Row, closed: set[str]) -> bool:
    asked = [(order.get("service_id"), lane["service_id"]), (order.get("service_level"), lane["service_level"])]
    reached = lane["zone_id"] == order["zone_id"] and lane["warehouse_id"] not in closed
    return reached and all(wanted in (None, offered) for wanted, offered in asked)


def _settings(rng: random.Random, tables: dict[str, list[Row]], on: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "service.measure": rng.choice(["unit", "unit", "line", "order"]),
        "service.value": money(rng, 0, 3),
    }
    if on():
        settings |= {
            "weights.margin": money(rng, 0, 2),
            "weights.service": money(rng, 0, 2),
            "weights.shipping": money(rng, 0, 2),
            "weights.penalties": money(rng, 0, 2),
        }
    if on():
        settings |= {"service.tier_weight": {"A": money(rng, 1, 3)}, "service.priority_weight": {"1": money(rng, 1, 2)}}
    if on() and on():
        channel = rng.choice(tables["orders"])["channel"]
        settings["service.min_level"] = {rng.choice(["overall", f"channel.{channel}"]): money(rng, 0, 0.6)}
    return settings
