"""The bound is never below the truth, and attained wherever it claims to be exact."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from optimizer.proof.bound import bound
from tests.brute_force import Batch, optimum, order_plans
from tests.instances import Case
from tests.proof.cases import price_of_use, random_prices
from tests.typed_cases import random_cases, typed

SEEDS = 50


def best_by_search(case: Case, certificate: dict, order: str) -> tuple[Fraction, Fraction] | None:
    """The best of one order at the prices: among plans that the stock allows it alone, and among all its plans.

    Both are maxima of the block for a bound; they differ where two services of a warehouse could ship more than it has.
    """
    names, batch = price_of_use(certificate, order), Batch(case)
    valued = [
        (money - sum(names.get(key, 0) * amount for key, amount in used),
         all(amount <= batch.stock[key[1:]] for key, amount in used if key[0] == "stock"))
        for money, used in order_plans(batch, order)
    ]  # fmt: skip
    stocked = [value for value, within in valued if within]
    return (max(stocked), max(value for value, _ in valued)) if stocked else None


def is_exact(case: Case, certificate: dict) -> bool:
    """Cases in which every order block is maximised exactly: nothing in them is counted only from above."""
    tables, batch = case["tables"], Batch(case)
    priced_lines = "warehouse_capacity_lines" in certificate["prices"]
    minimum = batch.weight["shipping"] and any(lane.get("min_charge") is not None for lane in tables["lanes"])
    pinned_services = "pins" in tables and len({lane["service_id"] for lane in tables["lanes"]}) > 1
    endless = any(line.get("weight_kg") is not None for line in tables["order_lines"])
    return not (priced_lines or minimum or pinned_services or endless)


def compare_blocks(families: float, seeds: int) -> None:
    exact = met = loose = 0
    for seed, case in random_cases(seeds, families):
        certificate = random_prices(case, random.Random(seed))
        found = bound(*typed(case), certificate)
        for position, order in enumerate(sorted(row["order_id"] for row in case["tables"]["orders"])):
            truth = best_by_search(case, certificate, order)
            if truth is None:
                continue  # its pins allow nothing
            value, (least, most) = found.orders.item(position), truth
            assert value >= least, (seed, order)
            if is_exact(case, certificate):
                assert value <= most, (seed, order)
                exact += 1
            met += value <= most
            loose += value > most
    assert exact > seeds / 4
    assert met > 10 * loose


@pytest.mark.parametrize("families", [0.15, 0.4])
def test_order_blocks_against_exhaustive_search(families: float) -> None:
    compare_blocks(families, SEEDS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("families", [0.1, 0.3, 0.5])
def test_thousands_of_order_blocks(families: float) -> None:
    compare_blocks(families, 1500)


def test_bound_is_at_least_the_optimum() -> None:
    solved = 0
    for seed, case in random_cases(SEEDS, 0.3):
        best = optimum(case)
        if best is None:
            continue
        for density in (0, 0.3, 0.8):
            value = bound(*typed(case), random_prices(case, random.Random(seed), density)).value
            assert value is not None, seed
            assert value >= best, (seed, density)
        solved += 1
    assert solved > SEEDS / 2
