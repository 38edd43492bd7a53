"""The optimum over all orders and transfers: orders are added one by one, states that another one beats are dropped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.instances import Case
from tests.oracle.book import Book
from tests.oracle.moves import Moves, all_moves
from tests.oracle.orders import OrderPlan, order_plans
from tests.oracle.rules import ends_of, limits_of
from tests.oracle.shares import best_shared

State = tuple[int, ...]


@dataclass(frozen=True)
class Best:
    """The optimum with one plan that attains it."""

    value: Fraction
    orders: dict[str, OrderPlan]
    moves: Moves


@dataclass
class Grid:
    """The rows that can matter, in whole numbers: an amount is stored times ``scale``.

    ``limit``: never above it (None: no limit). ``enough``: more than this counts no more (None: every unit counts).
    ``good``: +1 where more is better in the end, −1 where less is, 0 where it depends on what others get.
    """

    keys: list[Any]
    scale: list[int]
    limit: list[int | None]
    enough: list[int | None]
    good: list[int]
    apart: list[int]
    """where ``good`` is 0"""

    def shares(self, state: State) -> State:
        """The amounts that make a state neither better nor worse than another one, only different."""
        return tuple([state[at] for at in self.apart])


def best_plan(case: Case) -> Best | None:
    """The exact optimum; None if no plan keeps the hard rules."""
    book = Book(case)
    moves = all_moves(book)
    supply = {
        pool: max(
            max(book.atp(pool, day) + made.change.get(("stock", *pool, day), 0) for made in moves)
            for day in range(book.horizon + 1)
        )
        for pool in book.pools()
    }
    plans = {order: order_plans(book, order, supply) for order in book.orders}
    if not all(plans.values()):
        return None
    grid = _grid(book, plans, moves)
    states: dict[State, tuple[Fraction, tuple[OrderPlan, ...]]] = {(0,) * len(grid.keys): (Fraction(0), ())}
    for order in book.orders:
        states = _combined(states, plans[order], grid)
    apart: dict[State, dict[State, Any]] = {}
    for state, found in states.items():
        apart.setdefault(grid.shares(state), {})[state] = found
    parties = [grid.keys[at][1:] for at in grid.apart]
    closed = [(dict(zip(parties, key, strict=True)), _closed(book, part, grid, moves)) for key, part in apart.items()]
    best: Best | None = best_shared(book, [(given, plan) for given, plan in closed if plan is not None])
    return best


def _grid(book: Book, plans: dict[str, list[OrderPlan]], moves: list[Moves]) -> Grid:
    """The rows that some plans together can break or that are asked about in the end."""
    limits, ends = limits_of(book), ends_of(book)
    grid = Grid([], [], [], [], [], [])
    columns: dict[Any, int] = {}
    for key in sorted({key for some in plans.values() for plan in some for key in plan.used}, key=repr):
        amounts = [[plan.used.get(key, 0) for plan in some] for some in plans.values()]
        most = sum(max(column) for column in amounts)
        raised = max(made.change.get(key, 0) for made in moves)
        lowered = min(made.change.get(key, 0) for made in moves)
        if key[0] == "party":
            limit, enough, good = None, None, 0
            grid.apart.append(len(grid.keys))
        elif key in ends:
            limit, enough, good = None, ends[key][0], ends[key][1]
        elif key in limits and most > limits[key] + lowered:
            limit, enough, good = limits[key] + raised, None, -1
        else:
            continue
        numbers = [amount for column in amounts for amount in column] + [limit or 0, enough or 0]
        scale = math.lcm(*(Fraction(amount).denominator for amount in numbers))
        whole = None if limit is None else int(limit * scale)
        pattern = (good, raised, lowered, tuple(tuple(int(amount * scale) for amount in column) for column in amounts))
        if good < 0 and limit is not None and raised == lowered == 0:
            if pattern in columns:  # the same uses under two limits: the tighter one says it all
                at = columns[pattern]
                grid.limit[at] = min(grid.limit[at], whole)  # type: ignore[type-var]
                continue
            columns[pattern] = len(grid.keys)
        grid.keys.append(key)
        grid.scale.append(scale)
        grid.limit.append(whole)
        grid.enough.append(None if enough is None else int(enough * scale))
        grid.good.append(good)
    return grid


def _combined(states: Any, plans: list[OrderPlan], grid: Grid) -> Any:
    """Every state with every plan of one more order, the limits kept."""
    added = [
        (plan, tuple(int(plan.used.get(key, 0) * scale) for key, scale in zip(grid.keys, grid.scale, strict=True)))
        for plan in plans
    ]
    added = [(plan, amounts) for amounts, plan in _undominated(((amounts, plan) for plan, amounts in added), grid)]
    result: dict[State, tuple[Fraction, tuple[OrderPlan, ...]]] = {}
    capped = [(at, most) for at, most in enumerate(grid.limit) if most is not None]
    clipped = [(at, enough) for at, enough in enumerate(grid.enough) if enough is not None]
    for before, (money, chosen) in states.items():
        for plan, amounts in added:
            total = [a + b for a, b in zip(before, amounts, strict=True)]
            if any(total[at] > most for at, most in capped):
                continue
            for at, enough in clipped:
                total[at] = min(total[at], enough)
            state, gain = tuple(total), money + plan.money
            if state not in result or result[state][0] < gain:
                result[state] = gain, (*chosen, plan)
    kept = _undominated(result.items(), grid)
    return dict(kept)


COMPARED = 60
"""How many of the best states each other one is compared with: dropping fewer is slower, never wrong."""


def _undominated(entries: Iterable[tuple[State, Any]], grid: Grid) -> list[tuple[State, Any]]:
    """The entries that none of the best ones beats in money and in every row, those with other shares aside."""

    def money(value: Any) -> Fraction:
        return value.money if isinstance(value, OrderPlan) else value[0]

    signs = grid.good
    kept: list[tuple[State, Any]] = []
    compared: dict[State, list[tuple[int, ...]]] = {}
    for state, value in sorted(entries, key=lambda entry: -money(entry[1])):
        signed = tuple(sign * amount for sign, amount in zip(signs, state, strict=True))
        others = compared.setdefault(grid.shares(state), [])
        if any(all(a >= b for a, b in zip(other, signed, strict=True)) for other in others):
            continue
        kept.append((state, value))
        if len(others) < COMPARED:
            others.append(signed)
    return kept


def _closed(book: Book, states: Any, grid: Grid, moves: list[Moves]) -> Best | None:
    """The best state with its cheapest transfers and what the shared rules cost in the end."""
    ends, limits = ends_of(book), limits_of(book)
    best: Best | None = None
    shipping = book.weight["shipping"]
    for state, (money, chosen) in sorted(states.items(), key=lambda entry: -entry[1][0]):
        used = {key: Fraction(amount, scale) for key, amount, scale in zip(grid.keys, state, grid.scale, strict=True)}
        closing = Fraction(0)
        broken = False
        for key, (_, _, cost) in ends.items():
            paid = cost(used.get(key, Fraction(0)))
            broken |= paid is None
            closing += paid or 0
        if broken:
            continue
        for made in moves:
            value = money - closing - shipping * made.cost
            if best is not None and value <= best.value:
                break
            if all(used[key] <= limits[key] + made.change.get(key, 0) for key in used if key in limits):
                best = Best(value, dict(zip(book.orders, chosen, strict=True)), made)
                break
    return best
