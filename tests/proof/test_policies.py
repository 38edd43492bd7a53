"""Every policy: plans found by exhaustive search keep the rules, are worth what it says, and stay below every bound."""

from __future__ import annotations

import random

import numpy as np
import pytest

from optimizer.proof.attribution import attribute
from optimizer.proof.bound import bound_of
from optimizer.proof.prices import read_prices
from optimizer.proof.rules import check_rules
from optimizer.proof.tally import Tally
from optimizer.proof.worth import order_values, priced_use
from tests.oracle.book import Book
from tests.oracle.orders import order_plans
from tests.oracle.search import best_plan
from tests.proof.policy_cases import POLICIES, as_rows, mixed, random_certificate


def compare_optima(count: int, first: int, policies: list[str] | None = None) -> int:
    """Value, rules, bounds at random prices and the parts of the gap, for the optimum of each batch."""
    solved = 0
    for seed, case, facts in mixed(count, first, policies):
        best = best_plan(case)
        if best is None:
            continue
        tally = Tally(facts, as_rows(facts, Book(case), best.orders, best.moves.moves))
        assert [found.words() for found in check_rules(tally) if not found.passed] == [], seed
        assert tally.objective == best.value, seed
        for density in (0, 0.3, 0.8):
            certificate = random_certificate(facts, random.Random(seed), density)
            bound = bound_of(facts, read_prices(facts, certificate))
            assert bound.value is not None, (seed, density)
            assert bound.value >= best.value, (seed, density)
            parts = attribute(tally, bound)
            assert parts.total == bound.value - best.value, (seed, density)
            assert parts.least >= 0, (seed, density)
        solved += 1
    return solved


def test_optima_of_mixed_batches() -> None:
    assert compare_optima(40, 0) > 25


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_optima_of_each_policy(policy: str) -> None:
    assert compare_optima(4, 5000, [policy]) > 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_optima() -> None:
    assert compare_optima(1000, 10_000) > 800


def compare_blocks(count: int, first: int) -> tuple[int, int]:
    """Each plan that an order could follow alone is worth no more than its block; how many blocks are attained."""
    attained = blocks = 0
    for seed, case, facts in mixed(count, first):
        rng, book = random.Random(seed), Book(case)
        prices = read_prices(facts, random_certificate(facts, rng, 0.4))
        bound = bound_of(facts, prices)
        supply = dict.fromkeys(book.pools(), 6)
        for at, order in enumerate(facts.tables.orders["order_id"]):
            plans = order_plans(book, order, supply)
            chosen = rng.sample(plans, min(len(plans), 25))
            worth = [worth_of(facts, prices, book, order, plan, at) for plan in chosen]
            if not worth:
                continue
            blocks += 1
            assert max(worth) <= bound.orders.item(at), (seed, order)
            attained += max(worth) == bound.orders.item(at)
    return attained, blocks


def worth_of(facts, prices, book, order, plan, at):  # type: ignore[no-untyped-def]
    """What one order's plan is worth at the prices."""
    tally = Tally(facts, as_rows(facts, book, {order: plan}))
    if any(not found.passed for found in check_rules(tally) if found.rule in ("warehouse_stock", "lot_stock")):
        return min(order_values(tally, prices.rates).fractions()) - 10**6  # more than the warehouse could ever give
    return (order_values(tally, prices.rates) - priced_use(tally, prices)).item(at)


def test_order_blocks_are_never_below_a_plan() -> None:
    attained, blocks = compare_blocks(40, 700)
    assert blocks > 50
    assert attained > blocks / 3


def test_search_and_judge_name_the_same_days() -> None:
    """Event days of every order and warehouse, in batches with receipts, calendars and transfers."""
    compared = 0
    for policies in (["inbound"], ["calendar"], ["inbound", "calendar"], ["transfers", "inbound"]):
        for seed, case, facts in mixed(15, 300, policies):
            book, slots = Book(case), facts.events.slots
            owner, slot = slots.of_orders(np.arange(facts.n_orders))
            for at, order in enumerate(facts.tables.orders["order_id"]):
                mine = slot[owner == at]
                for lane in np.unique(slots.lane[mine]).tolist():
                    house = facts.tables.lanes["warehouse_id"][lane]
                    days = sorted(slots.day[mine[slots.lane[mine] == lane]].tolist())
                    cancel = facts.events.cancel[at] - facts.tables.lanes["transit_days"][lane]
                    assert days == [day for day in book.ship_days(order, house) if day <= cancel], (seed, order, house)
                    compared += len(days) > 1
    assert compared > 20
