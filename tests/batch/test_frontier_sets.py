"""Frontiers against exhaustive search: every point that none dominates, and no other."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from fractions import Fraction

import pytest

from optimizer.batch.frontier_axes import axes_of
from optimizer.batch.frontier_search import Search
from tests.builders import make_scenario, make_tables
from tests.frontier_sets import frontier_set
from tests.instances import Case, money
from tests.typed_cases import nested, random_cases

PAIRS = (
    ("shipping_cost", "margin"),
    ("weighted_service_level", "shipping_cost"),
    ("shipping_cost", "units_allocated"),
    ("unit_fill_rate", "objective"),
    ("margin", "weighted_service_level"),
    ("contract_shortfall", "shipping_cost"),
    ("units_allocated", "margin"),
    ("objective", "shipping_cost"),
)


def in_tension(seed: int) -> Case | None:
    """A random batch in which every shipment costs something and every unit earns something; None if it is no input."""
    rng = random.Random(seed)
    for _, case in random_cases(1, families=0.25, first=seed):
        for lane in case["tables"]["lanes"]:
            lane["cost_per_unit"] = money(rng, 0.1, 3)
        for line in case["tables"]["order_lines"]:
            line["unit_margin"] = money(rng, 0.5, 6)
        return case
    return None


def drawn(case: Case, x: str, y: str) -> tuple[list[tuple[Fraction, Fraction]], Fraction]:
    """(x, y) of all points that the search finds, and the least difference of x that counts; all of it proven."""
    settings = nested(case["scenario"]) | {"solve": {"gap": 0, "engine": "highs"}}
    scenario = make_scenario(**settings)
    tables = make_tables(scenario, **case["tables"])
    axes = axes_of(x, y, tables, scenario)
    with Search(tables, scenario, *axes, threading.Event()) as search:
        found = list(search.points(10_000))
        assert search.complete
    for point in found:
        known = [climb.bound for climb in search.climbs if climb.level is None or climb.level <= point.u]
        assert min(bound for bound in known if bound is not None) == point.v
    return [(axes[0].sign * point.u, axes[1].sign * point.v) for point in found], axes[0].step


def compare(seeds: Iterable[int], fewest: int, most: int) -> tuple[int, int]:
    """Frontiers of at least so many points that coincide, at most so many, and points of them in all."""
    frontiers = points = 0
    for seed in seeds:
        case, (x, y) = in_tension(seed), PAIRS[seed % len(PAIRS)]
        known = None if case is None else frontier_set(case, x, y)
        if case is None or known is None or len(known) < fewest:
            continue
        found, step = drawn(case, x, y)
        assert len(set(found)) == len(found), seed
        assert set(found) <= known, seed
        missing = known - set(found)
        assert all(min(abs(x - other) for other, _ in found) < step for x, _ in missing), seed
        frontiers += not missing
        points += len(found)
        if frontiers == most:
            break
    return frontiers, points


def test_the_frontier_is_the_set_that_nothing_dominates() -> None:
    frontiers, points = compare(range(60), 3, 4)
    assert frontiers == 4
    assert points >= 12


def test_of_batches_with_one_best_plan_or_none() -> None:
    """What has no trade-off has one point, and what has no plan has none."""
    seen = {}
    for seed in range(30):
        case, (x, y) = in_tension(seed), PAIRS[seed % len(PAIRS)]
        known = None if case is None else frontier_set(case, x, y)
        if case is not None and (known is None or len(known) == 1) and (known is None) not in seen:
            seen[known is None] = seed
            assert set(drawn(case, x, y)[0]) == (known or set()), seed
    assert len(seen) == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_frontiers_are_the_sets_that_nothing_dominates() -> None:
    frontiers, points = compare(range(100, 600), 2, 100)
    assert frontiers == 100
    assert points >= 300
