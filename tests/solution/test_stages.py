"""Stages and floors against exhaustive search: what is lexicographic here is one sum there, with weights far apart."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.engines.base import ENGINES
from optimizer.engines.result import Termination
from optimizer.errors import UsageError
from optimizer.model.build import build_model
from optimizer.solution.kpi_values import kpi_value
from optimizer.solution.ledger import Ledger
from optimizer.solution.optimize import Answer
from optimizer.solution.stages import Goal, StageResult, last_stage, optimize_in_stages
from tests.brute_force import optimum
from tests.builders import make_scenario, make_tables
from tests.instances import Case, random_case
from tests.typed_cases import nested, typed

FAR = 10**7
"""More than any two plans of these batches differ in what comes later."""


def plain(seed: int) -> Case:
    """A random batch without rules that can be infeasible, weights of 1, and freight as the only cost of shipping."""
    case = copy.deepcopy(random_case(seed, families=0.25))
    tables, settings = case["tables"], case["scenario"]
    for row in tables.get("contracts", []):
        row.setdefault("shortfall_penalty", Decimal(1))
    tables.pop("pins", None)
    for row in tables["warehouses"]:
        row["handling_cost_per_unit"] = Decimal(0)
        row.pop("fixed_open_cost", None)
    case["scenario"] = {key: value for key, value in settings.items() if not key.startswith("weights.")}
    case["scenario"].pop("service.min_level", None)
    return case


def more_margin(case: Case, far: int) -> None:
    case["scenario"]["weights.margin"] = Decimal(far + 1)


def more_units(case: Case, far: int) -> None:
    costs = {row["product_id"]: row.get("unit_cost", 0) for row in case["tables"].get("products", [])}
    for line in case["tables"]["order_lines"]:
        stated = line.get("unit_margin")
        margin = line["unit_price"] - costs[line["product_id"]] if stated is None else stated
        line["unit_margin"] = margin + far


def less_freight(case: Case, far: int) -> None:
    case["scenario"]["weights.shipping"] = Decimal(far + 1)


def less_shortfall(case: Case, far: int) -> None:
    for row in case["tables"].get("contracts", []):
        row["shortfall_penalty"] += far


SHIFTS: dict[str, Callable[[Case, int], None]] = {
    "margin": more_margin,
    "units_allocated": more_units,
    "shipping_cost": less_freight,
    "contract_shortfall": less_shortfall,
}
"""How a KPI becomes part of one sum with a weight far above the rest."""
CHAINS = (("contract_shortfall",), ("units_allocated",), ("shipping_cost",), ("units_allocated", "shipping_cost"),
          ("contract_shortfall", "units_allocated"), ("margin",))  # fmt: skip


def answered(case: Case, objective: dict[str, Any], engine: str) -> Answer:
    settings = nested(case["scenario"]) | {"objective": objective, "solve": {"engine": engine, "gap": 0}}
    scenario = make_scenario(**settings)
    model = build_model(make_tables(scenario, **case["tables"]), scenario)
    return optimize_in_stages(model, None, None, threading.Event())


def in_one_sum(case: Case, chain: tuple[str, ...]) -> Fraction | None:
    """The optimum of the sum in which each KPI of the chain weighs far more than all that follows."""
    case = copy.deepcopy(case)
    for place, kpi in enumerate(reversed(chain), start=1):
        SHIFTS[kpi](case, FAR**place)
    return optimum(case)


def staged_sum(answer: Answer, chain: tuple[str, ...]) -> Fraction:
    """The same sum of a plan that was made in stages."""
    model = answer.model
    assert model is not None
    assert answer.plan is not None
    assert answer.value is not None
    ledger, total = Ledger(model.tables, model.scenario, answer.plan), answer.value
    for place, kpi in enumerate(reversed(chain), start=1):
        sign = -1 if kpi in ("shipping_cost", "contract_shortfall") else 1
        total += sign * FAR**place * kpi_value(ledger, kpi)
    return total


@pytest.mark.parametrize(
    "engine", ["highs", *(pytest.param(each, marks=pytest.mark.slow) for each in ENGINES if each != "highs")]
)
def test_stages_are_lexicographic(engine: str) -> None:
    check_stages(engine, range(12))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ENGINES)
def test_stages_are_lexicographic_on_many(engine: str) -> None:
    check_stages(engine, range(100, 300))


def check_stages(engine: str, seeds: range) -> None:
    refused, wrong = 0, []
    for seed in seeds:
        case, chain = plain(seed), CHAINS[seed % len(CHAINS)]
        objective = {"mode": "lexicographic", "stages": [{"kpi": kpi} for kpi in (*chain, "objective")]}
        try:
            answer = answered(case, objective, engine)
        except UsageError:
            refused += 1
            continue
        if staged_sum(answer, chain) != in_one_sum(case, chain):
            wrong.append((seed, chain, staged_sum(answer, chain), in_one_sum(case, chain)))
    assert wrong == []
    assert refused <= (len(seeds) // 6 if engine == "cpsat" else 0)


def test_a_floor_under_service_is_a_service_floor() -> None:
    """The same level said in [objective] and in [service], in every measure."""
    told = 0
    for seed in range(8):
        case = plain(seed)
        level = Fraction(1 + seed % 4, 5)
        known = copy.deepcopy(case)
        known["scenario"]["service.min_level"] = {"overall": Decimal(str(float(level)))}
        truth = optimum(known)
        floors = [{"kpi": "weighted_service_level", "min": Decimal(str(float(level)))}]
        answer = answered(case, {"mode": "floor", "floors": floors}, "highs")
        assert answer.value == truth, seed
        if truth is None:
            told += 1
            assert answer.conflict is not None
            assert [rule["family"] for rule in answer.conflict["rules"]] == ["objective_stage"]
    assert 1 <= told <= 11


def test_a_tolerance_is_used_and_not_more() -> None:
    """After a stage for service with a tolerance, the best plan is that under a floor lowered by the tolerance."""
    for seed in range(8):
        case = plain(seed)
        tolerance = Decimal("0.125")
        stages = [{"kpi": "weighted_service_level", "tolerance": tolerance}, {"kpi": "objective"}]
        answer = answered(case, {"mode": "lexicographic", "stages": stages}, "highs")
        best = answer.stages[0]["value"]
        assert answer.stages[0]["gap"] == 0
        floor = best - Fraction(tolerance)
        known = copy.deepcopy(case)
        if floor > 0:
            known["scenario"]["service.min_level"] = {"overall": Decimal(floor.numerator) / Decimal(floor.denominator)}
        assert answer.value == optimum(known), seed
        assert answer.stages[0]["reached"] >= floor


BEST_UNITS = {
    "order_lines": [
        {"order_id": "A", "product_id": "P", "qty": 8, "unit_margin": 1},
        {"order_id": "B", "product_id": "P", "qty": 8, "unit_margin": 3},
    ],
    "customers": [{"customer_id": "CA", "tier": "A"}, {"customer_id": "CB", "tier": "B"}],
    "orders": [{"order_id": "A", "customer_id": "CA"}, {"order_id": "B", "customer_id": "CB"}],
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10}],
}


def test_a_scope_comes_first() -> None:
    """Tier A in full but for a quarter, then everything else by margin."""
    stages = [{"kpi": "weighted_service_level[tier.A]", "tolerance": 0.25}, {"kpi": "objective"}]
    answer = answered({"tables": BEST_UNITS, "scenario": {}}, {"mode": "lexicographic", "stages": stages}, "highs")
    assert answer.plan is not None
    assert answer.plan.qty.tolist() == [6, 4]
    assert (answer.stages[0]["value"], answer.stages[0]["kept"]) == (1, Fraction(3, 4))


def test_the_weighted_objective_is_last_even_unnamed() -> None:
    stages = [{"kpi": "units_allocated"}]
    answer = answered({"tables": BEST_UNITS, "scenario": {}}, {"mode": "lexicographic", "stages": stages}, "highs")
    assert (answer.value, answer.bound) == (8 * 3 + 2, 26)


def test_the_best_of_one_kpi_under_a_floor_of_another() -> None:
    """Margin of at least 20, and of those plans the best service of tier A."""
    objective = {
        "mode": "floor",
        "floors": [{"kpi": "margin", "min": 20}],
        "maximize": "weighted_service_level[tier.A]",
    }
    answer = answered({"tables": BEST_UNITS, "scenario": {}}, objective, "highs")
    assert answer.plan is not None
    assert answer.plan.qty.tolist() == [5, 5]
    assert [stage["kind"] for stage in answer.stages] == ["floor", "stage"]


def test_a_floor_that_cannot_be_reached_is_a_conflict_with_a_repair() -> None:
    objective = {"mode": "floor", "floors": [{"kpi": "margin", "min": 30}]}
    answer = answered({"tables": BEST_UNITS, "scenario": {}}, objective, "highs")
    assert answer.plan is None
    assert answer.conflict is not None
    (lowered,) = answer.conflict["repair"]["rules"]
    assert (lowered["rule"], lowered["from"], lowered["to"]) == ("objective_stage", 30, 26)
    assert answer.conflict["repair"]["objective_value"] == 26


def test_kpis_count_at_weight_0() -> None:
    """Freight is minimized in a stage of its own though its weight is 0: the dear lane is left."""
    tables = BEST_UNITS | {
        "stock": [
            {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 16},
            {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 16},
        ],
        "lanes": [{"warehouse_id": "V", "fixed_cost": 9}, {"warehouse_id": "W", "fixed_cost": 2, "min_charge": 5}],
    }
    stages = [{"kpi": "units_allocated"}, {"kpi": "shipping_cost"}]
    case = {"tables": tables, "scenario": {"weights.shipping": Decimal(0)}}
    answer = answered(case, {"mode": "lexicographic", "stages": stages}, "highs")
    assert [stage["value"] for stage in answer.stages] == [16, 10]
    typed_tables, scenario = typed(case)
    assert kpi_value(Ledger(typed_tables, scenario, answer.plan), "shipping_cost") == 10


@pytest.mark.parametrize(
    ("sense", "tolerance", "value", "bound", "kept"),
    [
        ("max", 0, 10, 10, 10),
        ("max", 1, 10, 13, 7),
        ("max", 5, 10, 13, 5),
        ("min", 0, 10, 8, 12),
        ("min", "0.5", 10, 10, "10.5"),
        ("max", 0, 10, "10.0000000001", 10),
        ("max", 0, Fraction(1, 3), Fraction(1, 3), "0.333333333333"),
        ("min", 0, Fraction(1, 3), Fraction(1, 3), "0.333333333334"),
    ],
)
def test_what_a_stage_keeps(sense: str, tolerance: Any, value: Any, bound: Any, kept: Any) -> None:
    """The value less the larger of tolerance and unproven gap; rounding of the engine is no gap; digits keep less."""
    result = StageResult(
        Goal("margin", sense, Fraction(tolerance)), Fraction(value), Fraction(bound), "highs", "OPTIMAL"
    )
    row = result.row()
    assert row is not None
    assert (row.kpi, row.sense, row.kept) == ("margin", sense, Fraction(kept))


def test_a_stage_of_which_nothing_is_proven_keeps_nothing() -> None:
    assert StageResult(Goal("margin", "max", Fraction(0)), Fraction(5), None, "highs", "FEASIBLE").row() is None


def test_without_a_plan_of_its_own_the_last_stage_takes_the_one_before() -> None:
    """As when the clock ends before the last stage has found anything."""
    stages = [{"kpi": "weighted_service_level[tier.A]"}, {"kpi": "objective"}]
    answer = answered({"tables": BEST_UNITS, "scenario": {}}, {"mode": "lexicographic", "stages": stages}, "highs")
    assert answer.plan is not None
    assert answer.model is not None
    ended = Termination("NO_SOLUTION", "time")
    nothing = replace(answer.result, termination=ended, values=None, best_bound=np.inf)
    found = last_stage(answer.model, answer.plan, Answer(nothing, "highs", "as asked"))
    assert found.termination == Termination("FEASIBLE", "time")
    assert (found.plan, found.value, found.bound) == (answer.plan, answer.value, np.inf)
