"""What lays one policy over a tiny batch: rows drawn tight enough to bind."""

from __future__ import annotations

import datetime
import random
from decimal import Decimal
from typing import Any

from tests.instances import AS_OF, Row, compact, maybe, money


def iso(day: int) -> str:
    """The date so many days after the snapshot."""
    return (AS_OF + datetime.timedelta(days=day)).isoformat()


def inbound(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    tables["inbound"] = [
        {
            "receipt_id": f"I{number}",
            "warehouse_id": rng.choice(tables["warehouses"])["warehouse_id"],
            "product_id": rng.choice(tables["order_lines"])["product_id"],
            "qty": rng.randint(1, 3),
            "available_date": iso(rng.choice([-1, 0, 1, 1, 2, 3])),
        }
        for number in range(rng.randint(1, 2))
    ]
    for row in tables["stock"]:
        row["on_hand_qty"] = min(row["on_hand_qty"], rng.randint(0, 3))
    return True


def calendar(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    rows = []
    for house in tables["warehouses"]:
        for day in rng.sample([0, 0, 1, 2], rng.randint(0 if rows else 1, 2)):
            row: Row = {"warehouse_id": house["warehouse_id"], "date": iso(day)}
            kind = rng.choice(["off", "off", "capacity_units", "capacity_lines", "capacity_shipments", "capacity_kg"])
            if kind == "off":
                row["is_working"] = "false"
            else:
                row[kind] = money(rng, 0, 5) if kind == "capacity_kg" else rng.randint(0, 2)
            if all((other["warehouse_id"], other["date"]) != (row["warehouse_id"], row["date"]) for other in rows):
                rows.append(row)
    tables["calendar"] = rows
    for order in tables["orders"]:  # who may wait for ever does not mind a day off
        order["cancel_date"] = maybe(rng, 0.6, iso(rng.randint(0, 4)))
    return bool(rows)


def cancel(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for order in tables["orders"]:
        if rng.random() < 0.7:
            order["cancel_date"] = iso(rng.randint(0, 4))
    return True


def lateness(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for order in tables["orders"]:
        if rng.random() < 0.8:
            order["due_date"] = iso(rng.randint(-1, 3))
    for line in tables["order_lines"]:
        line["late_penalty_per_unit_day"] = maybe(rng, 0.8, money(rng, 0, 3))
    return True


def lots(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    rows = []
    for row in tables["stock"]:
        if rng.random() < 0.7:
            names = rng.sample(["", "L1", "L2"], rng.choice([1, 2, 2]))
            for name in names:
                rows.append(
                    compact(
                        row
                        | {
                            "lot_id": name,
                            "on_hand_qty": rng.randint(0, 3),
                            "expiry_date": maybe(rng, 0.7, iso(rng.choice([-1, 0, 1, 2, 3, 5]))),
                        }
                    )
                )
        else:
            rows.append(row)
    tables["stock"] = rows
    return True


def life(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for row in tables["customers"]:
        row["min_remaining_life_days"] = rng.randint(0, 3)
    return any("expiry_date" in row for row in tables["stock"]) or lots(rng, tables, settings)


def holding(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for row in tables["stock"]:
        row["holding_value_per_unit"] = money(rng, 0, 4)
    if rng.random() < 0.5:
        settings["weights.holding"] = money(rng, 0, 2)
    return True


def _second_product(rng: random.Random, tables: dict[str, list[Row]]) -> str:
    """Another product than the one that the first line asks for, with some stock."""
    ordered = tables["order_lines"][0]["product_id"]
    others = [row["product_id"] for row in tables["products"] if row["product_id"] not in (ordered, "K1")]
    if others:
        return str(rng.choice(others))
    tables["products"].append({"product_id": "P9", "family": "F", "unit_cost": money(rng, 1, 4), "unit_weight_kg": 1})
    tables["stock"].append({"warehouse_id": "W1", "product_id": "P9", "on_hand_qty": rng.randint(1, 4)})
    return "P9"


def substitution(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    other = _second_product(rng, tables)
    ordered = rng.choice([line["product_id"] for line in tables["order_lines"] if line["product_id"] != other])
    tables["substitutions"] = [
        compact(
            {
                "product_id": ordered,
                "substitute_id": other,
                "ratio": rng.choice([None, 1, 2, Decimal("0.5"), Decimal("1.5")]),
                "penalty_per_unit": maybe(rng, 0.7, money(rng, 0, 3)),
                "customer_id": maybe(rng, 0.2, rng.choice(["C1", "C2"])),
            }
        )
    ]
    for row in tables["stock"]:
        if row["product_id"] == ordered:
            row["on_hand_qty"] = min(row["on_hand_qty"], 2)
    return True


def kits(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    names = sorted({row["product_id"] for row in tables["stock"]})
    parts = rng.sample(names, min(len(names), rng.choice([1, 2, 2])))
    tables["products"].append(
        compact(
            {
                "product_id": "K1",
                "family": rng.choice(["F", "G"]),
                "unit_cost": money(rng, 2, 5),
                "unit_weight_kg": maybe(rng, 0.4, money(rng, 0, 3)),
                "unit_volume_m3": maybe(rng, 0.3, money(rng, 0, 2)),
                "case_pack": maybe(rng, 0.2, 2),
            }
        )
    )
    tables["kits"] = [{"product_id": "K1", "component_id": part, "qty": rng.choice([1, 1, 2])} for part in parts]
    ordered = tables["order_lines"][0]["product_id"]
    same = [(row["component_id"], row["qty"]) for row in tables["kits"]] == [(ordered, 1)]
    if rng.random() < 0.3 and not same:  # nobody could tell a kit of one P from a P
        tables.setdefault("substitutions", []).append(
            {
                "product_id": ordered,
                "substitute_id": "K1",
                "penalty_per_unit": money(rng, 0, 2),
            }
        )
    for line in rng.sample(tables["order_lines"], rng.randint(1, min(2, len(tables["order_lines"])))):
        line["product_id"] = "K1"
    for row in tables["stock"]:
        row["on_hand_qty"] = max(row["on_hand_qty"], rng.randint(1, 4))
    return True


def transfers(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    houses = [row["warehouse_id"] for row in tables["warehouses"]]
    if len(houses) < 2:
        return False
    rows: list[Row] = []
    for _ in range(rng.choice([1, 1, 2])):
        start, end = rng.sample(houses, 2)
        row = {
            "from_warehouse_id": start,
            "to_warehouse_id": end,
            "product_id": maybe(rng, 0.6, rng.choice([row["product_id"] for row in tables["stock"]])),
            "cost_per_unit": maybe(rng, 0.6, money(rng, 0, 1)),
            "cost_per_kg": maybe(rng, 0.3, money(rng, 0, 1)),
            "fixed_cost": maybe(rng, 0.5, money(rng, 0, 2)),
            "transit_days": rng.choice([None, 0, 1, 2]),
            "capacity_units": maybe(rng, 0.5, rng.randint(1, 3)),
        }
        keys = [(other["from_warehouse_id"], other["to_warehouse_id"], other.get("product_id")) for other in rows]
        if (start, end, row["product_id"]) not in keys:
            rows.append(compact(row))
    tables["transfers"] = rows
    poor = rows[0]["to_warehouse_id"]
    for row in tables["stock"]:
        rich = row["warehouse_id"] == rows[0]["from_warehouse_id"]
        row["on_hand_qty"] = max(row["on_hand_qty"], 2) if rich else row["on_hand_qty"] * (row["warehouse_id"] != poor)
    return True


def reserves(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    who: list[tuple[str, list[str]]] = [
        ("channel", ["online", "retail"]),
        ("segment", ["web", "shop"]),
        ("tier", ["A", "B"]),
        ("customer_id", ["C1", "C2"]),
    ]
    rows = []
    for number in range(rng.choice([1, 1, 2, 2, 3])):
        column, values = rng.choice(who)
        stocked = rng.choice(tables["stock"])
        rows.append(
            compact(
                {
                    "reserve_id": f"V{number}",
                    column: rng.choice(values),
                    "warehouse_id": maybe(rng, 0.5, stocked["warehouse_id"]),
                    "product_id": maybe(rng, 0.5, stocked["product_id"]),
                    "family": maybe(rng, 0.2, rng.choice(["F", "G"])),
                    "qty": rng.randint(1, 4),
                    "rank": maybe(rng, 0.7, rng.randint(1, 3)),
                }
            )
        )
    tables["reserves"] = rows
    return True


def credit(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for row in tables["customers"]:
        if rng.random() < 0.8:
            row["credit_limit"] = money(rng, 0, 40)
    return True


def budgets(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    rows = []
    fixed = any(row.get("fixed_cost") for row in tables.get("transfers", []))
    kinds = ["shipping_cost", "stock_value"] + ["transfer_cost"] * 2 * ("transfers" in tables)
    orders = [row["order_id"] for row in tables["orders"]]
    products = [row["product_id"] for row in tables["products"]]
    for number in range(rng.randint(1, 2)):
        kind = rng.choice(kinds)
        who = [
            ("customer_id", ["C1", "C2"]),
            ("tier", ["A", "B"]),
            ("channel", ["online", "retail"]),
            ("order_id", orders),
        ]
        what = [("product_id", products), ("family", ["F", "G"])]
        columns = {"shipping_cost": who, "stock_value": who + what, "transfer_cost": [] if fixed else what}[kind]
        row: Row = {"budget_id": f"B{number}", "kind": kind}
        if columns and rng.random() < 0.5:
            column, values = rng.choice(columns)
            row[column] = rng.choice(values)
        rows.append(row | {"limit": money(rng, 0, 3 if kind == "transfer_cost" else 9)})
    tables["budgets"] = rows
    return True


def tariffs(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    rows: list[Row] = []
    for product in tables["products"]:
        product["unit_weight_kg"] = money(rng, 0, 3)
        product["unit_volume_m3"] = maybe(rng, 0.5, money(rng, 0, 2))
    by_volume = rng.random() < 0.5
    for lane in tables["lanes"]:
        if by_volume:
            lane["kg_per_m3"] = maybe(rng, 0.7, money(rng, 0, 3))
        if rng.random() < 0.3:
            continue
        for name in ("fixed_cost", "cost_per_unit", "cost_per_kg", "min_charge"):
            lane.pop(name, None)
        starts = sorted(rng.sample([0, 0, 1, 2, 3, 5], rng.randint(1, 3)))
        for number, start in enumerate(starts):
            rows.append(
                compact(
                    {
                        "warehouse_id": lane["warehouse_id"],
                        "zone_id": lane["zone_id"],
                        "service_id": lane["service_id"],
                        "rate_id": f"R{number}",
                        "from_kg": start,
                        "to_kg": maybe(rng, 0.4, start + rng.randint(0, 4)),
                        "flat_cost": maybe(rng, 0.7, money(rng, 0, 5)),
                        "cost_per_kg": maybe(rng, 0.7, money(rng, 0, 2)),
                        "min_charge": maybe(rng, 0.3, money(rng, 0, 6)),
                    }
                )
            )
    tables["rate_bands"] = rows
    return bool(rows)


def stability(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    zones = {row["order_id"]: row["zone_id"] for row in tables["orders"]}
    rows = []
    for line in tables["order_lines"]:
        lanes = [lane for lane in tables["lanes"] if lane["zone_id"] == zones[line["order_id"]]]
        if lanes and rng.random() < 0.8:
            lane = rng.choice(lanes)
            rows.append(previous_row(line, lane, line["product_id"], "", 0, rng.randint(1, line["qty"])))
    tables["previous"] = rows
    settings |= {"stability.previous_plan": "previous", "stability.cost_per_unit": money(rng, 0, 4)}
    return bool(rows)


def fair_share(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    """A group or two between parties that there are, and too little for all of them."""
    lines, ordering = tables["order_lines"], {line["order_id"] for line in tables["order_lines"]}
    orders = [order for order in tables["orders"] if order["order_id"] in ordering]
    for order in orders:
        order["channel"] = order.get("channel") or rng.choice(["online", "retail"])
    tiers = {row["customer_id"]: row["tier"] for row in tables["customers"]}
    parties = {name: {order[f"{name}_id"] for order in orders} for name in ("customer", "order", "zone")}
    parties |= {"channel": {order["channel"] for order in orders}}
    parties |= {"tier": {tiers[order["customer_id"]] for order in orders}}
    several = [name for name, found in parties.items() if len(found) > 1]
    scopes = [("product_id", [line["product_id"] for line in lines]), ("family", ["F", "G"]), ("tier", ["A", "B"]),
              ("channel", ["online", "retail"]), ("zone_id", [order["zone_id"] for order in orders])]  # fmt: skip
    tables["fair_share"] = []
    for number in range(rng.choice([1, 1, 1, 2]) if several else 0):
        row = {
            "group_id": f"G{number}",
            "between": rng.choice(several),
            "rule": rng.choice(["max_min", "proportional"]),
            "tolerance": rng.choice([None, 0, 0, 1, 2]),
        }
        column, values = rng.choice(scopes)
        tables["fair_share"].append(compact(row | {column: maybe(rng, 0.25, rng.choice(values))}))
    for stock in tables["stock"]:
        stock["on_hand_qty"] = min(stock["on_hand_qty"], 3)
    return bool(several)


def previous_row(line: Row, lane: Row, product: str, lot: str, day: int, qty: int, shipped: int | None = None) -> Row:
    return {
        "order_id": line["order_id"],
        "line_id": line["line_id"],
        "warehouse_id": lane["warehouse_id"],
        "service_id": lane["service_id"],
        "ship_date": iso(day),
        "product_id": product,
        "lot_id": lot,
        "qty": qty,
        "shipped_qty": qty if shipped is None else shipped,
    }
