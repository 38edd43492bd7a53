"""The rows that orders share: hard limits, and what is asked of totals in the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.batch import number
from tests.oracle.book import CAPACITIES, Book

Cost = Callable[[Fraction], "Fraction | None"]


def limits_of(book: Book) -> dict[Any, Fraction]:
    """How much of each shared row there is, before transfers."""
    limits: dict[Any, Fraction] = {}
    for pool in book.pools():
        for day in range(book.horizon + 1):
            limits["stock", *pool, day] = Fraction(book.atp(pool, day))
            for lot in book.sources[pool]:
                limits["lot", *pool, lot, day] = Fraction(book.supply((*pool, lot), day))
    for name, rows, keys in (
        ("warehouse", book.rows["warehouses"], ("warehouse_id",)),
        ("lane", book.rows["lanes"], ("warehouse_id", "zone_id", "service_id")),
    ):
        for row in rows:
            for capacity in CAPACITIES:
                if row.get(capacity) is not None:
                    limits[(name, *(row[key] for key in keys), capacity)] = Fraction(row[capacity])
    for (house, date), row in book.calendar.items():
        for capacity in CAPACITIES:
            if row.get(capacity) is not None:
                limits["day", house, date, capacity] = Fraction(row[capacity])
    for rule in book.rows["contracts"]:
        if rule.get("max_qty") is not None:
            limits["quota", rule["contract_id"]] = Fraction(rule["max_qty"])
    for row in book.rows["customers"]:
        if row.get("credit_limit") is not None:
            limits["credit", row["customer_id"]] = Fraction(row["credit_limit"])
    for row in book.rows["budgets"]:
        limits["budget", row["budget_id"]] = Fraction(row["limit"])
    for reserve in book.rows["reserves"]:
        pools = [pool for pool in book.pools() if book.holds_back(reserve, pool)]
        for day in range(book.horizon + 1):
            total = sum(book.atp(pool, day) for pool in pools)
            limits["reserve", reserve["reserve_id"], day] = Fraction(max(0, total - reserve["qty"]))
    return limits


def ends_of(book: Book) -> dict[Any, tuple[Fraction, int, Cost]]:
    """Totals that are judged in the end: (more than this counts no more, whether more is better, cost of a total)."""
    ends: dict[Any, tuple[Fraction, int, Cost]] = {}
    for row in book.rows["warehouses"]:
        paid = book.weight["shipping"] * number(row, "fixed_open_cost")
        ends["open", row["warehouse_id"]] = Fraction(1), -1, lambda total, paid=paid: paid if total else Fraction(0)
    for rule in book.rows["contracts"]:
        if rule.get("min_qty") is None and rule.get("min_fill_rate") is None:
            continue
        ordered = sum(line["qty"] for line in book.rows["order_lines"] if book.in_scope(rule, line))
        owed = min(max(rule.get("min_qty") or 0, math.ceil(number(rule, "min_fill_rate") * ordered)), ordered)
        ends["owed", rule["contract_id"]] = Fraction(owed), 1, _shortfall(book, rule, owed)
    for scope, level in book.settings.get("service.min_level", {}).items():
        needed = Fraction(level) * sum(
            (_demanded(book, order) for order in book.orders if book.in_floor(scope, order)), Fraction(0)
        )
        ends["floor", scope] = needed, 1, lambda total, needed=needed: None if total < needed else Fraction(0)
    return ends


def _shortfall(book: Book, rule: Any, owed: int) -> Cost:
    def cost(total: Fraction) -> Fraction | None:
        missing = max(Fraction(0), owed - total)
        if missing and rule.get("shortfall_penalty") is None:
            return None
        return book.weight["penalties"] * number(rule, "shortfall_penalty") * missing

    return cost


def _demanded(book: Book, order: str) -> Fraction:
    """Weighted units (lines, orders) that an order asks for."""
    lines = book.lines(order)
    asked = {"unit": sum(line["qty"] for line in lines), "line": len(lines), "order": 1}[book.measure]
    return book.service_weight(order) * asked
