"""Floors and stages: plans keep them as stated, and their prices give bounds for the plans that do."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from optimizer.errors import VerificationError
from optimizer.exact import decimal_text
from optimizer.proof.attribution import attribute
from optimizer.proof.bound import bound_of
from optimizer.proof.check_files import check_stages
from optimizer.proof.facts import Facts
from optimizer.proof.failures import Findings
from optimizer.proof.prices import read_prices
from optimizer.proof.stages import kpi_of
from optimizer.proof.tally import Tally
from optimizer.scenario.schema import KPIS, Objective
from tests.oracle.book import Book
from tests.oracle.search import best_plan
from tests.proof.policy_cases import as_rows, mixed, random_certificate

Floors = list[dict[str, Any]]


def floors_of(tally: Tally, rng: random.Random) -> Floors:
    """Some KPIs that the plan keeps, a few of them exactly."""
    names = [name for name in KPIS if name != "orders_served_in_full" or tally.facts.measure == "order"]
    found = []
    for kpi in rng.sample([*names, "weighted_service_level[overall]"], 4):
        side, sign = ("min", 1) if KPIS.get(kpi, "max") == "max" else ("max", -1)
        slack = rng.choice([0, 0, Fraction(1, 2), 3])
        kept = math.floor((sign * kpi_of(tally, kpi) - slack) * 10**12)
        found.append({"kpi": kpi, side: Decimal(sign * kept).scaleb(-12)})
    return found


def with_floors(facts: Facts, floors: Floors) -> Facts:
    objective = Objective(mode="floor", floors=floors)
    return Facts(facts.tables, facts.scenario.model_copy(update={"objective": objective}))


def stated(floors: Floors) -> list[dict[str, str]]:
    return [
        {"stage": str(number), "kpi": floor["kpi"], "sense": "max" if "min" in floor else "min",
         "kept": decimal_text(Fraction(floor.get("min", floor.get("max"))))}
        for number, floor in enumerate(floors, start=1)
    ]  # fmt: skip


def priced(floors: Floors, rng: random.Random) -> dict[str, Any]:
    prices = [[str(number), f"-{rng.choice(['0.5', '2', '0.125'])}"] for number in range(1, len(floors) + 1)]
    return {"objective_stage": {"keys": ["stage"], "rows": prices}}


def test_bounds_of_plans_that_keep_their_floors() -> None:
    """The optimum keeps floors stated by what it reaches; so it stays below every bound at prices of those floors."""
    compared, kpis = 0, set()
    for seed, case, plain in mixed(40, 4000):
        best, rng = best_plan(case), random.Random(seed)
        if best is None:
            continue
        rows = as_rows(plain, Book(case), best.orders, best.moves.moves)
        floors = floors_of(Tally(plain, rows), rng)
        facts = with_floors(plain, floors)
        tally, certificate = Tally(facts, rows), random_certificate(facts, rng, 0.3)
        certificate["prices"] |= priced(floors, rng)
        certificate["stages"] = stated(floors)
        bound = bound_of(facts, read_prices(facts, certificate))
        assert bound.value is not None
        assert bound.value >= best.value, seed
        parts = attribute(tally, bound)
        assert parts.total == bound.value - best.value, seed
        assert parts.least >= 0, seed
        told = [{**entry, "reached": decimal_text(kpi_of(tally, entry["kpi"]))} for entry in stated(floors)]
        assert all(found.passed for found in check_stages(tally, bound, {"stages": told}, Findings())), seed
        assert not all(found.passed for found in check_stages(tally, bound, {"stages": told[1:]}, Findings()))
        compared += 1
        kpis |= {floor["kpi"] for floor in floors}
    assert compared > 25
    assert kpis >= set(KPIS) - {"orders_served_in_full"}


def test_a_plan_below_a_floor_is_rejected() -> None:
    _, case, plain = next(mixed(1, 4000))
    best = best_plan(case)
    assert best is not None
    rows = as_rows(plain, Book(case), best.orders, best.moves.moves)
    reached = kpi_of(Tally(plain, rows), "units_allocated")
    floors = [{"kpi": "units_allocated", "min": Decimal(int(reached) + 2)}]
    facts = with_floors(plain, floors)
    bound = bound_of(facts, read_prices(facts, {"prices": {}, "stages": stated(floors)}))
    found = check_stages(Tally(facts, rows), bound, {}, Findings())[0]
    assert not found.passed
    assert found.worst == 2


@pytest.mark.parametrize(
    "stages",
    [
        [],
        [{"stage": "1", "kpi": "margin", "sense": "max", "kept": "4"}],
        [{"stage": "2", "kpi": "margin", "sense": "max", "kept": "5"}],
        [{"stage": "1", "kpi": "margin", "sense": "min", "kept": "5"}],
        [{"stage": "1", "kpi": "margin", "sense": "max", "kept": "NaN"}],
        [{"stage": "1", "kpi": "margin", "sense": "max", "kept": "5"},
         {"stage": "2", "kpi": "margin", "sense": "max", "kept": "9"}],
        "none",
    ],
)  # fmt: skip
def test_rows_that_the_scenario_does_not_state_are_refused(stages: Any) -> None:
    _, _, plain = next(mixed(1, 4000))
    facts = with_floors(plain, [{"kpi": "margin", "min": Decimal(5)}])
    right = [{"stage": "1", "kpi": "margin", "sense": "max", "kept": "5"}]
    assert read_prices(facts, {"prices": {}, "stages": right}).stages[0].kept == 5
    with pytest.raises(VerificationError):
        read_prices(facts, {"prices": {}, "stages": stages})
