"""The optimum of a tiny batch by exhaustive search, straight from the rows: no code of the product is used.

`optimum` knows every rule; batches with dates, lots, substitutes, kits, transfers, reserves, budgets, tariffs or a
previous plan go to `tests.oracle`, which shares only the reading of rows with what stands here.

Every plan that an order could follow alone is listed with its money and what it takes from shared resources; the orders
are then combined one after the other, keeping the best money for each total of resources used.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tests.instances import Case, Row
from tests.oracle.batch import Batch, is_plain, number
from tests.oracle.search import best_plan

__all__ = [
    "Batch",
    "close",
    "combine",
    "is_plain",
    "limits_of",
    "line_plans",
    "number",
    "optimum",
    "order_plans",
    "own_plans",
    "plain_optimum",
    "score",
]


def line_plans(batch: Batch, line: Row) -> list[dict[tuple[str, str], int]]:
    """Every allowed quantity by (warehouse, service) of one line, its own rules respected."""
    lanes = batch.lanes(line)
    keys = [(lane["warehouse_id"], lane["service_id"]) for lane in lanes]
    caps = [min(line["qty"], batch.stock.get((w, line["product_id"]), 0)) for w, _ in keys]
    step = math.lcm(batch.products.get(line["product_id"], {}).get("case_pack", 1), line.get("lot_multiple", 1))
    policy = batch.orders[line["order_id"]].get("delivery_policy", "partial")
    plans = []
    for amounts in itertools.product(*(range(cap + 1) for cap in caps)):
        total = sum(amounts)
        if total > line["qty"] or (total and total < line.get("min_fill_qty", 0)):
            continue
        if policy != "partial" and total not in (0, line["qty"]):
            continue
        by_warehouse: dict[str, int] = defaultdict(int)
        for (warehouse, _), amount in zip(keys, amounts, strict=True):
            by_warehouse[warehouse] += amount
        if any(amount % step for amount in by_warehouse.values()) or not pins_hold(batch, line, by_warehouse):
            continue
        plans.append({key: amount for key, amount in zip(keys, amounts, strict=True) if amount})
    return plans


def pins_hold(batch: Batch, line: Row, shipped: dict[str, int]) -> bool:
    for pin in batch.rows["pins"]:
        if (pin["order_id"], pin["line_id"]) != (line["order_id"], line["line_id"]):
            continue
        amount, mode, qty = shipped.get(pin["warehouse_id"], 0), pin["mode"], pin.get("qty", 0)
        if (mode == "exactly" and amount != qty) or (mode == "at_least" and amount < qty):
            return False
        if (mode == "at_most" and amount > qty) or (mode == "forbid" and amount):
            return False
    return True


def own_plans(batch: Batch, order: str) -> Iterator[tuple[list[Row], Any, list[bool], set[Any]]]:
    """Every plan the order could follow on its own: (lines, quantities of each, which are full, its shipments)."""
    row, lines = batch.orders[order], batch.lines(order)
    for combination in itertools.product(*(line_plans(batch, line) for line in lines)):
        full = [sum(plan.values()) == line["qty"] for plan, line in zip(combination, lines, strict=True)]
        if row.get("delivery_policy") == "order_complete" and any(combination) and not all(full):
            continue
        shipments = {key for plan in combination for key in plan}
        if row.get("max_shipments") is None or len(shipments) <= row["max_shipments"]:
            yield lines, combination, full, shipments


def order_plans(batch: Batch, order: str) -> list[tuple[Fraction, tuple[tuple[Any, Fraction], ...]]]:
    """(money, resources used) of every plan the order could follow on its own."""
    best: dict[tuple[tuple[Any, Fraction], ...], Fraction] = {}
    for lines, combination, full, shipments in own_plans(batch, order):
        money, used = score(batch, order, lines, combination, full, shipments)
        key = tuple(sorted(used.items(), key=repr))
        if key not in best or best[key] < money:
            best[key] = money
    return [(money, key) for key, money in best.items()]


def score(batch: Batch, order: str, lines: list[Row], combination: Any, full: list[bool], shipments: set[Any]) -> Any:
    """Money of one order's plan, and what it takes from each shared resource."""
    used: dict[Any, Fraction] = defaultdict(Fraction)
    freight_of: dict[Any, Fraction] = defaultdict(Fraction)
    money, zone = Fraction(0), batch.orders[order]["zone_id"]
    lane_of = {
        (lane["warehouse_id"], lane["service_id"]): lane for lane in batch.rows["lanes"] if lane["zone_id"] == zone
    }
    for line, plan in zip(lines, combination, strict=True):
        product, kg = batch.products.get(line["product_id"], {}), batch.kg(line)
        margin = (
            line["unit_margin"] if line.get("unit_margin") is not None else line["unit_price"] - product["unit_cost"]
        )
        for (warehouse, service), amount in plan.items():
            lane, house = lane_of[warehouse, service], batch.warehouses[warehouse]
            money += batch.weight["margin"] * Fraction(margin) * amount
            money -= batch.weight["shipping"] * number(house, "handling_cost_per_unit") * amount
            freight_of[warehouse, service] += (
                number(lane, "cost_per_unit") * amount + number(lane, "cost_per_kg") * kg * amount
            )
            used["stock", warehouse, line["product_id"]] += amount
            for place, owner in ((("warehouse", warehouse), house), (("lane", warehouse, zone, service), lane)):
                for resource, amount_used in (
                    ("capacity_units", amount),
                    ("capacity_kg", kg * amount),
                    ("capacity_lines", 1),
                ):
                    if owner.get(resource) is not None:
                        used[(*place, resource)] += amount_used
        for rule in batch.rows["contracts"]:
            if batch.in_scope(rule, line):
                used["contract", rule["contract_id"]] += sum(plan.values())
    for warehouse, service in shipments:
        lane, house = lane_of[warehouse, service], batch.warehouses[warehouse]
        freight = max(number(lane, "min_charge"), number(lane, "fixed_cost") + freight_of[warehouse, service])
        money -= batch.weight["shipping"] * freight
        for place, owner in ((("warehouse", warehouse), house), (("lane", warehouse, zone, service), lane)):
            if owner.get("capacity_shipments") is not None:
                used[(*place, "capacity_shipments")] += 1
        if number(house, "fixed_open_cost"):
            used["open", warehouse] = Fraction(1)
    served = {"unit": sum(sum(plan.values()) for plan in combination), "line": sum(full), "order": int(all(full))}[
        batch.measure
    ]
    money += batch.weight["service"] * batch.value * batch.service_weight(order) * served
    for scope in batch.settings.get("service.min_level", {}):
        if scope == "overall" or scope == f"channel.{batch.orders[order].get('channel')}":
            used["floor", scope] += batch.service_weight(order) * served
    return money, used


def limits_of(batch: Batch) -> dict[Any, Fraction]:
    """How much of each shared resource there is."""
    limits = {("stock", *key): Fraction(value) for key, value in batch.stock.items()}
    for name, rows, keys in (
        ("warehouse", batch.rows["warehouses"], ("warehouse_id",)),
        ("lane", batch.rows["lanes"], ("warehouse_id", "zone_id", "service_id")),
    ):
        for row in rows:
            for resource in ("capacity_units", "capacity_kg", "capacity_lines", "capacity_shipments"):
                if row.get(resource) is not None:
                    limits[(name, *(row[key] for key in keys), resource)] = Fraction(row[resource])
    for rule in batch.rows["contracts"]:
        if rule.get("max_qty") is not None:
            limits["contract", rule["contract_id"]] = Fraction(rule["max_qty"])
    return limits


def optimum(case: Case) -> Fraction | None:
    """The exact optimum; None if no plan satisfies the hard rules."""
    if not is_plain(case):
        best = best_plan(case)
        return None if best is None else best.value
    return plain_optimum(case)


def plain_optimum(case: Case) -> Fraction | None:
    """The same for a batch in which everything leaves today, from one lot, as it was ordered."""
    batch = Batch(case)
    limits = limits_of(batch)
    states: dict[Any, Fraction] = {(): Fraction(0)}
    for order in batch.orders:
        states = combine(states, order_plans(batch, order), limits)
    values = [money - closing for used, money in states.items() if (closing := close(batch, dict(used))) is not None]
    return max(values, default=None)


def combine(states: dict[Any, Fraction], plans: Any, limits: dict[Any, Fraction]) -> dict[Any, Fraction]:
    result: dict[Any, Fraction] = {}
    for used, money in states.items():
        for gain, taken in plans:
            total = dict(used)
            for key, amount in taken:
                total[key] = Fraction(1) if key[0] == "open" else total.get(key, Fraction(0)) + amount
            if any(total[key] > limits[key] for key, _ in taken if key in limits):
                continue
            state = tuple(sorted(total.items(), key=repr))
            if state not in result or result[state] < money + gain:
                result[state] = money + gain
    return result


def close(batch: Batch, used: dict[Any, Fraction]) -> Fraction | None:
    """What the shared rules cost at the end; None if a hard one is broken."""
    cost = sum(
        (
            batch.weight["shipping"] * number(batch.warehouses[key[1]], "fixed_open_cost")
            for key in used
            if key[0] == "open"
        ),
        Fraction(0),
    )
    for rule in batch.rows["contracts"]:
        if rule.get("min_qty") is None and rule.get("min_fill_rate") is None:
            continue
        ordered = sum(line["qty"] for line in batch.rows["order_lines"] if batch.in_scope(rule, line))
        owed = min(max(rule.get("min_qty") or 0, math.ceil(number(rule, "min_fill_rate") * ordered)), ordered)
        shortfall = max(Fraction(0), owed - used.get(("contract", rule["contract_id"]), Fraction(0)))
        if shortfall and rule.get("shortfall_penalty") is None:
            return None
        cost += batch.weight["penalties"] * number(rule, "shortfall_penalty") * shortfall
    for scope, level in batch.settings.get("service.min_level", {}).items():
        demanded = sum(
            (
                batch.service_weight(order)
                * {
                    "unit": sum(line["qty"] for line in batch.lines(order)),
                    "line": len(batch.lines(order)),
                    "order": 1,
                }[batch.measure]
                for order, row in batch.orders.items()
                if scope in ("overall", f"channel.{row.get('channel')}")
            ),
            Fraction(0),
        )
        if used.get(("floor", scope), Fraction(0)) < Fraction(level) * demanded:
            return None
    return cost
