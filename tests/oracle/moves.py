"""Every set of transfers between warehouses: what it costs, and how it changes what each pool and lot may give."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.instances import Row
from tests.oracle.batch import number
from tests.oracle.book import Book, Source


@dataclass(frozen=True)
class Move:
    """So many units of a source that leave by one row of `transfers` on a day."""

    route: int
    source: Source
    day: int
    units: int


@dataclass(frozen=True)
class Moves:
    """A set of moves with its cost (unweighted) and the change of the right-hand sides of stock and lot rows."""

    cost: Fraction
    change: dict[Any, int]
    moves: tuple[Move, ...]


def all_moves(book: Book) -> list[Moves]:
    """Every feasible set of moves, cheapest first; of sets with the same effect only the cheapest."""
    choices = []
    for at, (row, moved, leave) in enumerate(book.routes):
        flows = [(source, day) for source in moved for day in leave if _useful(book, row, source, day)]
        most = row.get("capacity_units")
        caps = [min(book.supply(source, day), FLOOD if most is None else most) for source, day in flows]
        choices.append(
            [
                tuple(Move(at, *flow, units) for flow, units in zip(flows, amounts, strict=True) if units)
                for amounts in itertools.product(*(range(cap + 1) for cap in caps))
                if most is None or sum(amounts) <= most
            ]
        )
    best: dict[Any, Moves] = {}
    for combined in itertools.product(*choices):
        moves = tuple(move for part in combined for move in part)
        if not _allowed(book, moves):
            continue
        made = Moves(_cost(book, moves), _change(book, moves), moves)
        key = frozenset(made.change.items())
        if key not in best or made.cost < best[key].cost:
            best[key] = made
    return sorted(best.values(), key=lambda made: made.cost)


FLOOD = 10**9


def _useful(book: Book, row: Row, source: Source, day: int) -> bool:
    """Good on arrival, and there before nothing changes any more."""
    arrival = day + int(row.get("transit_days") or 0)
    return book.alive(source, arrival) and arrival <= book.horizon


def _allowed(book: Book, moves: tuple[Move, ...]) -> bool:
    """Only a warehouse's own supply moves; transfer budgets hold."""
    for pool in {move.source[:2] for move in moves}:
        for day in range(book.horizon + 1):
            out = sum(
                move.units
                for move in moves
                if move.source[:2] == pool and move.day <= day and book.alive(move.source, day)
            )
            if out > book.atp(pool, day):
                return False
    for (kind, *place), units in _change(book, moves).items():
        if kind == "lot" and book.supply(tuple(place[:3]), place[3]) + units < 0:
            return False
    for budget in book.rows["budgets"]:
        if budget["kind"] == "transfer_cost" and _cost(book, moves, budget) > Fraction(budget["limit"]):
            return False
    return True


def _cost(book: Book, moves: tuple[Move, ...], scope: Row | None = None) -> Fraction:
    """Cost of the moves (of the products in the scope): by unit, by kg, and once for each row and day."""
    cost = Fraction(0)
    paid = set()
    for move in moves:
        row, product = book.routes[move.route][0], move.source[1]
        family = book.products.get(product, {}).get("family", "")
        if scope and (scope.get("product_id") not in (None, product) or scope.get("family") not in (None, family)):
            continue
        cost += number(row, "cost_per_unit") * move.units
        cost += number(row, "cost_per_kg") * book.per_unit(product, "unit_weight_kg") * move.units
        if (move.route, move.day) not in paid:
            paid.add((move.route, move.day))
            cost += number(row, "fixed_cost")
    return cost


def _change(book: Book, moves: tuple[Move, ...]) -> dict[Any, int]:
    """How much more (less) each row of stock and lots allows."""
    change: dict[Any, int] = defaultdict(int)
    for move in moves:
        row = book.routes[move.route][0]
        there = (row["to_warehouse_id"], *move.source[1:])
        arrival = move.day + int(row.get("transit_days") or 0)
        for source, since, sign in ((move.source, move.day, -1), (there, arrival, 1)):
            for day in range(since, book.horizon + 1):
                if book.alive(source, day):
                    change["stock", *source[:2], day] += sign * move.units
                    change["lot", *source, day] += sign * move.units
    return {key: units for key, units in change.items() if units}
