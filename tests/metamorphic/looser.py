"""One rule made looser, or one made tighter: the value can only go the way of the change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.instances import Case, Row

Step = Callable[[], Any]
LIMITS: dict[str, tuple[str, ...]] = {
    "warehouses": ("capacity_units", "capacity_lines", "capacity_shipments", "capacity_kg"),
    "lanes": ("capacity_units", "capacity_shipments", "capacity_kg"),
    "contracts": ("max_qty",),
    "stock": ("on_hand_qty",),
    "inbound": ("qty",),
    "orders": ("max_shipments",),
    "customers": ("credit_limit",),
    "budgets": ("limit",),
    "transfers": ("capacity_units",),
}
"""More of these allows more."""
DEMANDS: dict[str, tuple[str, ...]] = {
    "contracts": ("min_qty",),
    "reserves": ("qty",),
    "customers": ("min_remaining_life_days",),
    "order_lines": ("min_fill_qty",),
    "stock": ("safety_stock_qty", "reserved_qty"),
    "products": ("case_pack",),
}
"""Less of these allows more."""


def relax(case: Case, rng: random.Random) -> Case | None:
    """One limit raised or one rule dropped."""
    return _one(case, rng, [*_moves(case, up=True, rng=rng), *_dropped(case, rng)])


def tighten(case: Case, rng: random.Random) -> Case | None:
    """One limit lowered or one rule added."""
    return _one(case, rng, [*_moves(case, up=False, rng=rng), *_added(case, rng)])


def _one(case: Case, rng: random.Random, steps: list[Step]) -> Case | None:
    if not steps:
        return None
    rng.choice(steps)()
    case["tables"] = {name: rows for name, rows in case["tables"].items() if rows}
    return case


def _moves(case: Case, up: bool, rng: random.Random) -> Iterator[Step]:
    """Every limit raised (lowered) by one to three; every demand lowered (raised)."""
    for column, row in _cells(case, LIMITS):
        least = 1 if column == "max_shipments" else 0
        new = row[column] + rng.randint(1, 3) if up else max(least, row[column] - rng.randint(1, 3))
        if new != row[column]:
            yield lambda row=row, column=column, new=new: row.update({column: new})
    for column, row in _cells(case, DEMANDS):
        if up and row[column] > (1 if column == "case_pack" else 0):
            least = 1 if column == "case_pack" else 0
            new = least if column in ("case_pack", "min_fill_qty") else max(least, row[column] - rng.randint(1, 3))
            yield lambda row=row, column=column, new=new: row.update({column: new})
        elif not up and column in ("qty", "min_remaining_life_days", "safety_stock_qty", "min_qty"):
            yield lambda row=row, column=column: row.update({column: row[column] + rng.randint(1, 3)})
        elif not up and column == "min_fill_qty":
            yield lambda row=row: row.update({"min_fill_qty": row["qty"]})


def _cells(case: Case, columns: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Row]]:
    for table, names in columns.items():
        for row in case["tables"].get(table, []):
            for column in names:
                if row.get(column) is not None:
                    yield column, row


def _dropped(case: Case, rng: random.Random) -> Iterator[Step]:
    """A whole rule gone: a pin, a ban, a floor, a policy, a hold, a cancel date, a reserve."""
    tables = case["tables"]
    for pin in tables.get("pins", []):
        yield lambda pin=pin: tables["pins"].remove(pin)
    for rule in tables.get("eligibility", []):
        if rule["mode"] == "forbid":
            yield lambda rule=rule: tables["eligibility"].remove(rule)
    for name in ("reserves", "budgets"):
        for rule in tables.get(name, []):
            yield lambda rule=rule, name=name: tables[name].remove(rule)
    for order in tables["orders"]:
        for column in ("delivery_policy", "hold", "cancel_date", "service_level", "service_id"):
            if order.get(column) is not None:
                yield lambda order=order, column=column: order.pop(column)
    floors = case["scenario"].get("service.min_level", {})
    for scope in floors:
        yield lambda scope=scope: floors.pop(scope)


def _added(case: Case, rng: random.Random) -> Iterator[Step]:
    """A new rule: a ban, a quota, a whole-line policy, one shipment only."""
    tables = case["tables"]
    house = rng.choice(tables["warehouses"])["warehouse_id"]
    line, order = rng.choice(tables["order_lines"]), rng.choice(tables["orders"])
    ban = {"rule_id": "R new", "warehouse_id": house, "mode": "forbid", "product_id": line["product_id"]}
    pinned = {pin["order_id"] for pin in tables.get("pins", [])}
    if not pinned:
        yield lambda: tables.setdefault("eligibility", []).append(ban)
    yield lambda: tables.setdefault("contracts", []).append({"contract_id": "K new", "max_qty": rng.randint(0, 2)})
    yield lambda: order.update({"max_shipments": 1})
    if order.get("delivery_policy", "partial") == "partial":
        yield lambda: order.update({"delivery_policy": "line_complete"})
    if order["order_id"] not in pinned and not order.get("frozen"):
        yield lambda: order.update({"hold": "credit"})
