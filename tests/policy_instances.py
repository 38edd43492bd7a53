"""Seeded random batches, tiny enough for exhaustive search, with a few of the policies beyond the plain families each.

A small plain batch is drawn first (`tests.instances`), then a few policies are laid over it, tight enough to bind.
"""

from __future__ import annotations

import datetime
import math
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from tests.instances import AS_OF, Case, Row, compact, draw, maybe, money
from tests.oracle.book import Book
from tests.oracle.lines import LineBook
from tests.oracle.moves import all_moves
from tests.oracle.orders import OrderPlan, order_plans

PATIENCE = 500
"""Batches that may turn out too large to search before other policies are tried: else small ones would prevail."""
MOST_CHOICES = 250
"""Ways to spread one line's units that exhaustive search still goes through quickly."""
MOST_COMBINED = 3000
"""The same for all lines of one order together."""


def mixed_case(seed: int, policies: Sequence[str] | None = None) -> Case:
    """One tiny batch with the policies named, or with one to four of all."""
    for attempt in range(4 * PATIENCE):
        rng = random.Random(f"mixed {seed} {attempt}")
        luck = random.Random(f"policies {seed} {attempt // PATIENCE}")
        case = _small(draw(rng, 0.15))
        chosen = sorted(policies) if policies is not None else luck.sample(sorted(POLICIES), luck.randint(1, 4))
        for name in sorted(chosen, key=list(POLICIES).index):
            if not POLICIES[name](rng, case["tables"], case["scenario"]):
                break
        else:
            case["tables"] = {name: rows for name, rows in case["tables"].items() if rows}
            if _searchable(case) and all(LAST[name](rng, case) for name in LAST if name in chosen):
                return case
    raise ValueError(f"no small batch from seed {seed} with {policies}")


def iso(day: int) -> str:
    """The date so many days after the snapshot."""
    return (AS_OF + datetime.timedelta(days=day)).isoformat()


def _small(case: Case) -> Case:
    """Two lines an order at most, three units a line, no rules that a dropped line would leave behind."""
    tables = case["tables"]
    seen: dict[str, int] = {}
    kept = []
    for line in tables["order_lines"]:
        seen[line["order_id"]] = seen.get(line["order_id"], 0) + 1
        if seen[line["order_id"]] <= 2:
            line["qty"] = min(line["qty"], 3)
            line["min_fill_qty"] = min(line.get("min_fill_qty") or 0, line["qty"])
            kept.append(line)
    tables["order_lines"] = kept
    for row in tables["stock"]:
        row["on_hand_qty"] = min(row["on_hand_qty"], 4)
    tables.pop("pins", None)
    return case


def _searchable(case: Case) -> bool:
    """Whether exhaustive search gets through it quickly."""
    book = Book(case)
    if math.prod(len(moved) * len(leave) * 3 for _, moved, leave in book.routes) > 400 or book.horizon > 14:
        return False
    for order in book.orders:
        combined = 1
        for line in book.lines(order):
            plan = LineBook(book, line, dict.fromkeys(book.pools(), 9))
            places = sum(len(way.lanes) for way in plan.ways)
            parts = max((len(book.recipe(way.product)) for way in plan.ways), default=1)
            choices = math.comb(places + line["qty"], line["qty"]) * (3 if parts > 1 else 1)
            combined *= choices
            if choices > MOST_CHOICES:
                return False
        if combined > MOST_COMBINED:
            return False
    return True


def _inbound(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _calendar(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _cancel(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for order in tables["orders"]:
        if rng.random() < 0.7:
            order["cancel_date"] = iso(rng.randint(0, 4))
    return True


def _lateness(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for order in tables["orders"]:
        if rng.random() < 0.8:
            order["due_date"] = iso(rng.randint(-1, 3))
    for line in tables["order_lines"]:
        line["late_penalty_per_unit_day"] = maybe(rng, 0.8, money(rng, 0, 3))
    return True


def _lots(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _life(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for row in tables["customers"]:
        row["min_remaining_life_days"] = rng.randint(0, 3)
    return any("expiry_date" in row for row in tables["stock"]) or _lots(rng, tables, settings)


def _holding(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _substitution(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _kits(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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
    if rng.random() < 0.3:
        tables.setdefault("substitutions", []).append(
            {
                "product_id": tables["order_lines"][0]["product_id"],
                "substitute_id": "K1",
                "penalty_per_unit": money(rng, 0, 2),
            }
        )
    for line in rng.sample(tables["order_lines"], rng.randint(1, min(2, len(tables["order_lines"])))):
        line["product_id"] = "K1"
    for row in tables["stock"]:
        row["on_hand_qty"] = max(row["on_hand_qty"], rng.randint(1, 4))
    return True


def _transfers(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _reserves(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _credit(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    for row in tables["customers"]:
        if rng.random() < 0.8:
            row["credit_limit"] = money(rng, 0, 40)
    return True


def _budgets(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _tariffs(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
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


def _stability(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    zones = {row["order_id"]: row["zone_id"] for row in tables["orders"]}
    rows = []
    for line in tables["order_lines"]:
        lanes = [lane for lane in tables["lanes"] if lane["zone_id"] == zones[line["order_id"]]]
        if lanes and rng.random() < 0.8:
            lane = rng.choice(lanes)
            rows.append(_previous(line, lane, line["product_id"], "", 0, rng.randint(1, line["qty"])))
    tables["previous"] = rows
    settings |= {"stability.previous_plan": "previous", "stability.cost_per_unit": money(rng, 0, 4)}
    return bool(rows)


def _previous(line: Row, lane: Row, product: str, lot: str, day: int, qty: int, shipped: int | None = None) -> Row:
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


def _alone(rng: random.Random, case: Case) -> tuple[Book, str, OrderPlan] | None:
    """A plan that some order could follow if it were alone; None if luck finds none."""
    book = Book(case)
    moves = all_moves(book)[:1]
    orders = [order for order, row in book.orders.items() if not row.get("hold")]
    if not orders:
        return None
    order = rng.choice(orders)
    supply = {pool: book.atp(pool, 0) for pool in book.pools()}
    plans = [plan for plan in order_plans(book, order, supply) if plan.pieces]
    return (book, order, rng.choice(plans)) if plans and moves else None


def _freeze(rng: random.Random, case: Case) -> bool:
    """One order is frozen to a plan that it could follow alone (others may need the same stock)."""
    found = _alone(rng, case)
    if found is None:
        return False
    book, order, plan = found
    lines = {line["line_id"]: line for line in book.lines(order)}
    rows = [
        _previous(lines[line], book.lanes_all[piece.lane], product, lot, piece.day, 0 if at else piece.ordered, units)
        for line, piece in plan.pieces
        for at, ((_, product, lot), units) in enumerate(sorted(piece.draws))
    ]
    before = [row for row in case["tables"].get("previous", []) if row["order_id"] != order]
    case["tables"]["previous"] = before + rows
    case["scenario"].setdefault("stability.previous_plan", "previous")
    next(row for row in case["tables"]["orders"] if row["order_id"] == order)["frozen"] = "true"
    return True


def _pin(rng: random.Random, case: Case) -> bool:
    """One or two pins that name a day or a lot, after what an order could follow alone."""
    found = _alone(rng, case)
    if found is None:
        return False
    book, order, plan = found
    if book.orders[order].get("frozen"):
        return False
    rows: list[Row] = []
    for line, piece in rng.sample(plan.pieces, min(len(plan.pieces), 2)):
        lane = book.lanes_all[piece.lane]
        mode = rng.choice(["exactly", "at_least", "at_most", "forbid"])
        if any((row["line_id"], row["mode"]) == (line, mode) for row in rows):
            continue
        by_day = rng.random() < 0.6
        pin = {
            "order_id": order,
            "line_id": line,
            "warehouse_id": lane["warehouse_id"],
            "mode": mode,
            "qty": piece.ordered if mode != "forbid" else 0,
            "service_id": maybe(rng, 0.3, lane["service_id"]),
            "ship_date": iso(piece.day) if by_day else None,
            "lot_id": piece.lot if piece.lot and (not by_day or rng.random() < 0.3) else None,
        }
        rows.append(compact(pin))
    case["tables"]["pins"] = rows
    return True


Policy = Callable[[random.Random, dict[str, list[Row]], Any], bool]


def _later(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    return True


POLICIES: dict[str, Policy] = {
    "lots": _lots,
    "inbound": _inbound,
    "calendar": _calendar,
    "cancel": _cancel,
    "lateness": _lateness,
    "life": _life,
    "holding": _holding,
    "substitution": _substitution,
    "kits": _kits,
    "transfers": _transfers,
    "reserves": _reserves,
    "credit": _credit,
    "budgets": _budgets,
    "tariffs": _tariffs,
    "stability": _stability,
    "frozen": _later,
    "pins": _later,
}
"""Name → what lays the policy over a batch (False where that batch cannot have it)."""
LAST: dict[str, Callable[[random.Random, Case], bool]] = {"frozen": _freeze, "pins": _pin}
"""Policies that follow a plan of the batch, and so come after all others."""
