"""Policies that follow a plan which some order of the batch could have: frozen orders, and pins to a day or a lot."""

from __future__ import annotations

import random

from tests.instances import Case, Row, compact, maybe
from tests.oracle.book import Book
from tests.oracle.moves import all_moves
from tests.oracle.orders import OrderPlan, order_plans
from tests.policy_rows import iso, previous_row


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


def freeze(rng: random.Random, case: Case) -> bool:
    """One order is frozen to a plan that it could follow alone (others may need the same stock)."""
    found = _alone(rng, case)
    if found is None:
        return False
    book, order, plan = found
    lines = {line["line_id"]: line for line in book.lines(order)}
    rows = [
        previous_row(
            lines[line], book.lanes_all[piece.lane], product, lot, piece.day, 0 if at else piece.ordered, units
        )
        for line, piece in plan.pieces
        for at, ((_, product, lot), units) in enumerate(sorted(piece.draws))
    ]
    before = [row for row in case["tables"].get("previous", []) if row["order_id"] != order]
    case["tables"]["previous"] = before + rows
    case["scenario"].setdefault("stability.previous_plan", "previous")
    next(row for row in case["tables"]["orders"] if row["order_id"] == order)["frozen"] = "true"
    return True


def pin(rng: random.Random, case: Case) -> bool:
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
