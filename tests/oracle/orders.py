"""Every plan that one order could follow alone: its lines' plans together, by shipment."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.instances import Row
from tests.oracle.batch import number
from tests.oracle.book import Book
from tests.oracle.lines import LineBook, LinePlan, Piece, Used

Load = dict[tuple[int, int], tuple[Fraction, Fraction]]


@dataclass(frozen=True)
class OrderPlan:
    """Money of one order's plan, what it takes from shared rows, and its pieces by line."""

    money: Fraction
    used: Used
    pieces: tuple[tuple[str, Piece], ...]


@dataclass
class _Partial:
    """The first lines of an order."""

    money: Fraction
    used: Used
    load: Load
    full: tuple[bool, ...]
    units: int
    pieces: tuple[tuple[str, Piece], ...]


def order_plans(book: Book, order: str, supply: dict[tuple[str, str], int]) -> list[OrderPlan]:
    """The plans of an order; of equal uses the one that earns most, none that another one beats in every way."""
    partial = [_Partial(Fraction(0), {}, {}, (), 0, ())]
    for line in book.lines(order):
        plans = LineBook(book, line, supply).plans()
        partial = _merged(_joined(so_far, line, plan) for so_far in partial for plan in plans)
    best: dict[Any, OrderPlan] = {}
    for candidate in partial:
        plan = _finished(book, order, candidate)
        if plan is not None:
            key = frozenset(plan.used.items())
            if key not in best or best[key].money < plan.money:
                best[key] = plan
    return list(best.values())


def _joined(so_far: _Partial, line: Row, plan: LinePlan) -> _Partial:
    used = dict(so_far.used)
    for key, amount in plan.used.items():
        used[key] = used.get(key, 0) + amount
    load = dict(so_far.load)
    for parcel, (linear, kg) in plan.load.items():
        before = load.get(parcel, (Fraction(0), Fraction(0)))
        load[parcel] = before[0] + linear, before[1] + kg
    pieces = so_far.pieces + tuple((line["line_id"], piece) for piece in plan.pieces)
    full = (*so_far.full, plan.total == line["qty"])
    return _Partial(so_far.money + plan.money, used, load, full, so_far.units + plan.total, pieces)


def _merged(plans: Any) -> list[_Partial]:
    best: dict[Any, _Partial] = {}
    for plan in plans:
        key = frozenset(plan.used.items()), frozenset(plan.load.items()), plan.full, plan.units
        if key not in best or best[key].money < plan.money:
            best[key] = plan
    return list(best.values())


def _finished(book: Book, order: str, plan: _Partial) -> OrderPlan | None:
    """The plan with freight, service and the rows that count shipments; None if the order's own rules forbid it."""
    row = book.orders[order]
    if row.get("delivery_policy") == "order_complete" and plan.load and not all(plan.full):
        return None
    if row.get("max_shipments") is not None and len(plan.load) > row["max_shipments"]:
        return None
    used: Used = defaultdict(int, plan.used)
    freight = Fraction(0)
    for (lane, day), (linear, kg) in plan.load.items():
        cost = book.freight(book.lanes_all[lane], linear, kg)
        if cost is None:
            return None
        freight += cost
        for key in book.limited(lane, day, "capacity_shipments"):
            used[key] += 1
        house = book.lanes_all[lane]["warehouse_id"]
        if number(book.warehouses[house], "fixed_open_cost"):
            used["open", house] = 1
    for budget in book.rows["budgets"]:
        if budget["kind"] == "shipping_cost" and book.order_in_scope(budget, order):
            used["budget", budget["budget_id"]] += freight
    served = {"unit": plan.units, "line": sum(plan.full), "order": int(all(plan.full))}[book.measure]
    weighted = book.service_weight(order) * served
    for scope in book.settings.get("service.min_level", {}):
        if book.in_floor(scope, order):
            used["floor", scope] += weighted
    money = plan.money - book.weight["shipping"] * freight + book.weight["service"] * book.value * weighted
    return OrderPlan(money, {key: amount for key, amount in used.items() if amount}, plan.pieces)
