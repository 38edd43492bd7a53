"""Fair shares of the exhaustive search against every combination of every order's plans, and by what the rules mean."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tests.instances import Case, Row
from tests.oracle.book import Book
from tests.oracle.moves import all_moves
from tests.oracle.orders import order_plans
from tests.oracle.rules import ends_of, limits_of
from tests.oracle.search import best_plan
from tests.oracle.shares import in_proportion, stage_levels
from tests.policy_instances import mixed_case

MOST = 20_000
"""Combinations that are gone through one by one."""

Worth = tuple[Fraction, dict[Any, Any]]


def every_plan(book: Book) -> Iterator[Worth] | None:
    """Value and uses of each plan that keeps all rules but the shares; None if there are too many to ask."""
    supply = dict.fromkeys(book.pools(), 9)
    plans = [order_plans(book, order, supply) for order in book.orders]
    if math.prod(len(some) for some in plans) > MOST or book.routes:
        return None
    return _kept(book, itertools.product(*plans))


def _kept(book: Book, combined: Any) -> Iterator[Worth]:
    limits, ends, (stay,) = limits_of(book), ends_of(book), all_moves(book)
    assert not stay.moves
    for plans in combined:
        used: dict[Any, Any] = defaultdict(int)
        for plan in plans:
            for key, amount in plan.used.items():
                used[key] += amount
        costs = [cost(used[key]) for key, (_, _, cost) in ends.items()]
        if None not in costs and all(used[key] <= limit for key, limit in limits.items()):
            yield sum((plan.money for plan in plans), Fraction(0)) - sum(costs), used


def shares(book: Book, row: Row, used: dict[Any, Any]) -> list[Fraction]:
    """The fills of the parties of a group, the least first."""
    parties = book.parties(row)
    return sorted(Fraction(used["party", row["group_id"], party], ordered) for party, ordered in parties.items())


def even(book: Book, row: Row, used: dict[Any, Any]) -> bool:
    """No fill allowed to one party lies above all that are allowed to another."""
    parties, most = book.parties(row), row.get("tolerance", 1)
    got = {party: used["party", row["group_id"], party] for party in parties}
    return all((got[a] - most) * parties[b] <= (got[b] + most) * parties[a] for a in parties for b in parties)


def drawn(count: int, first: int) -> Iterator[tuple[int, Case, Book, list[Worth]]]:
    for seed in range(first, first + count):
        case = mixed_case(seed, ["fair_share"])
        book = Book(case)
        plans = every_plan(book)
        if plans is not None:
            yield seed, case, book, list(plans)


def test_the_search_loses_no_plan_that_shares() -> None:
    """Without tolerance max-min is the best list of fills, the least first, group by group; then money decides."""
    bound = compared = 0
    for seed, case, book, plans in drawn(120, 0):
        rows = sorted(book.rows["fair_share"], key=lambda row: row["group_id"])
        free = max((value for value, _ in plans), default=None)
        for row in rows:
            if row["rule"] == "proportional":
                plans = [(value, used) for value, used in plans if even(book, row, used)]
        lifted = [row for row in rows if row["rule"] == "max_min" and book.parties(row)]
        if any(row.get("tolerance", 1) for row in lifted):
            continue
        for row in lifted:
            best = max((shares(book, row, used) for _, used in plans), default=[])
            plans = [(value, used) for value, used in plans if shares(book, row, used) == best]
        truth, found = max((value for value, _ in plans), default=None), best_plan(case)
        assert (None if found is None else found.value) == truth, seed
        compared += 1
        bound += truth != free
    assert compared > 60
    assert bound > 20


def test_a_tolerance_gives_up_no_more_than_it_says() -> None:
    """With one group: each stage of the optimum is near the best that the earlier ones leave."""
    compared = 0
    for seed, case, book, plans in drawn(120, 500):
        row, found = book.rows["fair_share"][0], best_plan(case)
        parties = book.parties(row)
        if len(book.rows["fair_share"]) > 1 or row["rule"] != "max_min" or found is None or not parties:
            continue
        near = Fraction(row.get("tolerance", 1), max(parties.values()))
        for level in range(1, len(parties) + 1):
            most = max(sum(shares(book, row, used)[:level]) for _, used in plans)
            plans = [(v, used) for v, used in plans if sum(shares(book, row, used)[:level]) + near + TINY >= most]
            if most == level:
                break
        assert found.value == max(value for value, _ in plans), seed
        compared += 1
    assert compared > 20


TINY = Fraction(1, 10**11)
"""More than what is kept may be rounded by, less than the fills of two tiny plans can differ by."""


def test_in_proportion_is_what_each_pair_allows() -> None:
    for got in itertools.product(range(5), range(4), range(7)):
        for most in (0, 1, 2):
            row = {"group_id": "G", "rule": "proportional", "tolerance": most}
            parties, given = (
                {"a": 4, "b": 3, "c": 6},
                {("G", name): units for name, units in zip("abc", got, strict=True)},
            )
            pairs = itertools.product(zip(got, parties.values(), strict=True), repeat=2)
            want = all((a - most) * right <= (b + most) * left for (a, left), (b, right) in pairs)
            assert in_proportion(row, parties, given) == want, (got, most)


def test_the_levels_of_many_parties() -> None:
    assert stage_levels(2) == [1, 2]
    assert stage_levels(24) == list(range(1, 25))
    assert stage_levels(100) == [*range(1, 25), 36, 54, 81, 100]
    assert stage_levels(122) == [*range(1, 25), 36, 54, 81, 122]
