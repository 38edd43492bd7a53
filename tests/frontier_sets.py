"""All trade-offs of a tiny plain batch by exhaustive search, straight from the rows: no code of the product is used.

A KPI that adds up over the orders is what their plans earn in a batch that pays for nothing else. Orders are combined
as in `tests.brute_force`; of the plans that use the same, only those that none dominates need be kept.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.brute_force import Batch, close, limits_of, own_plans, score
from tests.instances import Case

Pair = tuple[Fraction, Fraction]
ONLY = {f"weights.{name}": Decimal(0) for name in ("margin", "service", "shipping", "penalties", "holding")}


def _paying(case: Case, **weights: int) -> Case:
    paid = copy.deepcopy(case)
    paid["scenario"] |= ONLY | {f"weights.{name}": Decimal(weight) for name, weight in weights.items()}
    return paid


def for_margin(case: Case) -> Case:
    return _paying(case, margin=1)


def for_units(case: Case) -> Case:
    paid = _paying(case, margin=1)
    for line in paid["tables"]["order_lines"]:
        line["unit_margin"] = Decimal(1)
    return paid


def for_freight(case: Case) -> Case:
    paid = _paying(case, shipping=1)
    for house in paid["tables"]["warehouses"]:
        house["handling_cost_per_unit"] = Decimal(0)
    return paid


def for_service(case: Case) -> Case:
    paid = _paying(case, service=1)
    paid["scenario"]["service.value"] = Decimal(1)
    return paid


def for_nothing(case: Case) -> Case:
    return _paying(case)


EARNED: dict[str, Callable[[Case], Case]] = {
    "margin": for_margin,
    "units_allocated": for_units,
    "unit_fill_rate": for_units,
    "shipping_cost": for_freight,
    "weighted_service_level": for_service,
    "objective": lambda case: case,
    "contract_shortfall": for_nothing,
}
"""The batch in which an order's plan earns the KPI, a cost below zero; what belongs to no order comes at the end."""
LOWERED = ("shipping_cost", "contract_shortfall")


def frontier_set(case: Case, x: str, y: str) -> set[Pair] | None:
    """(x, y) of all plans that no plan dominates, as the KPIs are told; None if there is no plan."""
    batch, paying = Batch(case), [Batch(EARNED[kpi](case)) for kpi in (x, y)]
    limits = limits_of(batch)
    states: dict[Any, set[Pair]] = {(): {(Fraction(0), Fraction(0))}}
    for order in batch.orders:
        states = _combined(states, _order_pairs(batch, paying, order), limits)
    finals: set[Pair] = set()
    for used, pairs in states.items():
        cost = close(batch, dict(used))
        if cost is not None:
            ends = [_at_the_end(batch, kpi, dict(used), cost) for kpi in (x, y)]
            finals |= {(u + ends[0], v + ends[1]) for u, v in pairs}
    if not finals:
        return None
    signs = [-1 if kpi in LOWERED else 1 for kpi in (x, y)]
    scales = [_scale(batch, kpi) for kpi in (x, y)]
    return {(signs[0] * u / scales[0], signs[1] * v / scales[1]) for u, v in nondominated(finals)}


def nondominated(pairs: Iterable[Pair]) -> set[Pair]:
    """Those that no other is at least as good as in both, more being better."""
    kept, best = set(), None
    for u, v in sorted(set(pairs), reverse=True):
        if best is None or v > best:
            kept.add((u, v))
            best = v
    return kept


def _order_pairs(batch: Batch, paying: list[Batch], order: str) -> dict[Any, set[Pair]]:
    found: dict[Any, set[Pair]] = {}
    for lines, combination, full, shipments in own_plans(batch, order):
        _, used = score(batch, order, lines, combination, full, shipments)
        u, v = (score(each, order, each.lines(order), combination, full, shipments)[0] for each in paying)
        found.setdefault(tuple(sorted(used.items(), key=repr)), set()).add((u, v))
    return {used: nondominated(pairs) for used, pairs in found.items()}


def _combined(states: dict[Any, set[Pair]], plans: dict[Any, set[Pair]], limits: dict[Any, Fraction]) -> Any:
    made: dict[Any, set[Pair]] = {}
    for (used, have), (taken, more) in itertools.product(states.items(), plans.items()):
        total = dict(used)
        for key, amount in taken:
            total[key] = Fraction(1) if key[0] == "open" else total.get(key, Fraction(0)) + amount
        if not any(total[key] > limits[key] for key, _ in taken if key in limits):
            state = tuple(sorted(total.items(), key=repr))
            made.setdefault(state, set()).update((a + c, b + d) for (a, b), (c, d) in itertools.product(have, more))
    return {state: nondominated(pairs) for state, pairs in made.items()}


def _at_the_end(batch: Batch, kpi: str, used: dict[Any, Fraction], cost: Fraction) -> Fraction:
    """What belongs to the batch as a whole: costs of the objective, units below the minimums of contracts."""
    if kpi == "objective":
        return -cost
    if kpi != "contract_shortfall":
        return Fraction(0)
    counting = Batch({"tables": copy.deepcopy(dict(batch.rows)), "scenario": {}})
    counting.rows["warehouses"] = []
    for rule in counting.rows["contracts"]:
        rule["shortfall_penalty"] = 0 if rule.get("shortfall_penalty") is None else 1  # hard ones are kept
    left = close(counting, {key: amount for key, amount in used.items() if key[0] == "contract"})
    assert left is not None
    return -left


def _scale(batch: Batch, kpi: str) -> Fraction:
    if kpi == "unit_fill_rate":
        return Fraction(sum(line["qty"] for line in batch.rows["order_lines"]))
    if kpi != "weighted_service_level":
        return Fraction(1)
    demanded = Fraction(0)
    for order in batch.orders:
        lines = batch.lines(order)
        amounts = {"unit": sum(line["qty"] for line in lines), "line": len(lines), "order": 1}
        demanded += batch.service_weight(order) * amounts[batch.measure]
    return demanded
