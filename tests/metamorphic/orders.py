"""Transforms of whole orders: one split into several, two equal ones merged, the optimal plan pinned."""

from __future__ import annotations

import copy
import math
import random

from optimizer.solution.plan import Plan
from optimizer.tables.tables import Tables
from tests.instances import Case, Row

TWIN = " twin"


def without_order_costs(case: Case) -> Case:
    """The batch without anything that is paid, limited, promised or counted by order or by shipment."""
    tables, settings = case["tables"], case["scenario"]
    for lane in tables["lanes"]:
        for name in ("fixed_cost", "min_charge", "capacity_shipments"):
            lane.pop(name, None)
    for row in (*tables["warehouses"], *tables.get("calendar", [])):
        row.pop("capacity_shipments", None)
    for order in tables["orders"]:
        order.pop("max_shipments", None)
        order.pop("frozen", None)
        if order.get("delivery_policy") == "order_complete":
            order["delivery_policy"] = "line_complete"
    tables.pop("rate_bands", None)
    tables.pop("reserves", None)  # ship days of an order are those of all its lines: a reserve may need another's
    for name in ("contracts", "eligibility", "budgets"):
        tables[name] = [row for row in tables.get(name, []) if "order_id" not in row]
    if settings.get("service.measure") == "order":
        settings["service.measure"] = "unit"
    case["tables"] = {name: rows for name, rows in tables.items() if rows}
    return case


def split_order(case: Case, rng: random.Random) -> Case | None:
    """Every line of one order becomes an order of its own."""
    tables = case["tables"]
    counts = {row["order_id"]: 0 for row in tables["orders"]}
    for line in tables["order_lines"]:
        counts[line["order_id"]] += 1
    several = [order for order, lines in counts.items() if lines > 1]
    if not several:
        return None
    chosen = rng.choice(several)
    row = next(row for row in tables["orders"] if row["order_id"] == chosen)
    lines = [line["line_id"] for line in tables["order_lines"] if line["order_id"] == chosen]
    tables["orders"].remove(row)
    tables["orders"] += [row | {"order_id": f"{chosen}/{line}"} for line in lines]
    for name in ("order_lines", "pins", "previous"):
        for row in tables.get(name, []):
            if row["order_id"] == chosen:
                row["order_id"] = f"{chosen}/{row['line_id']}"
    return case


def twin_orders(case: Case, rng: random.Random) -> Case | None:
    """The batch with one of its orders standing there twice, in whole multiples and without minimum or pins."""
    tables = case["tables"]
    row = rng.choice(tables["orders"])
    lines = [line for line in tables["order_lines"] if line["order_id"] == row["order_id"]]
    if row.get("delivery_policy", "partial") != "partial":
        row["delivery_policy"] = "partial"
    for name in ("pins", "previous"):
        tables[name] = [pin for pin in tables.get(name, []) if pin["order_id"] != row["order_id"]]
    goods = {line["product_id"] for line in lines}  # a substitute may have larger steps than half of the merged line
    tables["substitutions"] = [row for row in tables.get("substitutions", []) if row["product_id"] not in goods]
    for house in (*tables["warehouses"], *tables.get("calendar", [])):
        house.pop("capacity_lines", None)
    packs = {product["product_id"]: product.get("case_pack", 1) for product in tables["products"]}
    for line in lines:
        line.pop("min_fill_qty", None)
        line["qty"] = math.lcm(packs[line["product_id"]], line.get("lot_multiple", 1))
    tables["orders"].append(row | {"order_id": f"{row['order_id']}{TWIN}"})
    tables["order_lines"] += [line | {"order_id": f"{row['order_id']}{TWIN}"} for line in copy.deepcopy(lines)]
    case["scenario"]["service.measure"] = "unit"
    case["tables"] = {name: rows for name, rows in tables.items() if rows}
    return case


def merge_twins(case: Case) -> Case:
    """The two equal orders of `twin_orders` as one, each of its lines twice as large."""
    tables = case["tables"]
    twin = next(row for row in tables["orders"] if row["order_id"].endswith(TWIN))
    tables["orders"].remove(twin)
    tables["order_lines"] = [line for line in tables["order_lines"] if line["order_id"] != twin["order_id"]]
    for line in tables["order_lines"]:
        if line["order_id"] + TWIN == twin["order_id"]:
            line["qty"] *= 2
            if line.get("weight_kg") is not None:
                line["weight_kg"] *= 2
    return case


def pin_plan(case: Case, tables: Tables, plan: Plan) -> Case | None:
    """Every quantity of a plan as a pin, exactly so much of the line from the warehouse, in place of such pins.

    Pins on one service, day or lot stay: they say more. None where one of them is itself an `exactly` of the same key.
    """
    lines, lanes = tables.order_lines, tables.lanes
    shipped: dict[tuple[str, str, str], int] = {}
    for line, lane, qty in zip(plan.line, plan.lane, plan.qty, strict=True):
        key = (lines["order_id"][line], lines["line_id"][line], lanes["warehouse_id"][lane])
        shipped[key] = shipped.get(key, 0) + int(qty)

    def narrow(pin: Row) -> bool:
        return any(pin.get(name) for name in ("service_id", "ship_date", "lot_id"))

    def replaced(pin: Row) -> bool:
        return not narrow(pin) and (pin["order_id"], pin["line_id"], pin["warehouse_id"]) in shipped

    pins = [pin for pin in case["tables"].get("pins", []) if not replaced(pin)]
    if any(
        (pin["order_id"], pin["line_id"], pin["warehouse_id"]) in shipped for pin in pins if pin["mode"] == "exactly"
    ):
        return None
    pins += [
        {"order_id": order, "line_id": line, "warehouse_id": house, "mode": "exactly", "qty": qty}
        for (order, line, house), qty in shipped.items()
    ]
    case["tables"]["pins"] = pins
    return case
