"""The cheapest repair of rules that cannot all hold: which minimum is lowered by how much, and what is left to gain.

First the least amount given way (see `conflict_rules` for its measure), then, of the repairs that give way no more, the
one whose plan is worth most. What each rule is lowered to is read from that plan in exact arithmetic; the rules so
lowered are put back into the tables, the model is built anew, and another engine must find a plan.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.exact import decimal_text
from optimizer.model.build import Model, build_model
from optimizer.solution.conflict_rules import DemandingRules
from optimizer.solution.conflict_search import Search
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.kpi_values import kpi_value
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.prices_rows import limit_of
from optimizer.tables.soften import soften

Floats = NDArray[np.float64]

SLACK = 1e-9
"""Relative room for the rounding of the least amount, when the best plan within it is sought."""


def cheapest_repair(
    search: Search, rules: DemandingRules, stated: Model, options: SolveOptions, verifier: str
) -> dict[str, Any] | None:
    """The repair as `conflict.json` states it; None where no point was found in time.

    ``stated`` is the model whose rules cannot hold; ``verifier`` an engine other than the one that the search asks.
    """
    least = search.least(share=0.6, start=search.first(share=0.2))
    if least.values is None:
        return None
    amount = float(rules.demands.weight @ search.given_way(least.values))
    best = search.best(least.values, most_given_way=amount * (1 + SLACK) + SLACK, share=0.6)
    values = least.values if best.values is None else best.values
    lowered = lowered_rules(rules, values[: search.n_cols], search.given_way(values))
    proven = least.proven and (best.values is None or bool(best.proven))
    others = [rule for rule in range(len(rules)) if rule not in {each["number"] for each in lowered}]
    without = _value(rules.model, search.best(values, kept=others))
    found = _verified(stated, lowered, plan_from_values(rules.model, values[: search.n_cols]), options, verifier)
    value = found["objective_value"]
    return {
        "measure": rules.measure,
        "amount": sum((each["amount"] for each in lowered), Fraction(0)),
        "least_proven": proven,
        "rules": [{key: value for key, value in each.items() if key != "number"} for each in lowered],
        **found,
        "value_without_these_rules": without,
        "value_change": None if value is None or without is None else value - without,
    }


def lowered_rules(rules: DemandingRules, point: Floats, given: Floats) -> list[dict[str, Any]]:
    """What each rule that gives way is lowered to, so that the plan of the point keeps it; sorted as the rules are."""
    plan = plan_from_values(rules.model, point)
    ledger = Ledger(rules.model.tables, rules.model.scenario, plan)
    return [entry for rule in np.flatnonzero(given > 0).tolist() if (entry := _lowered(rules, ledger, rule, given))]


def _lowered(rules: DemandingRules, ledger: Ledger, rule: int, given: Floats) -> dict[str, Any] | None:
    start, end, way = _change(rules, ledger, rule, float(given[rule]))
    if start == end:
        return None
    verb = "lower" if end < start else "raise"
    words = f"{verb} {rules.name(rule)} from {decimal_text(start)} to {decimal_text(end)}"
    if rules.family[rule] == "frozen":
        words = f"let go of {rules.name(rule)}"
    return {
        "number": rule, "rule": str(rules.family[rule]), "id": rules.identity(rule), "keys": rules.keys(rule),
        "from": _plain(start), "to": _plain(end), "given_way": way, "unit": rules.counts(rule),
        "amount": way * rules.worth.item(rule), "words": words,
    }  # fmt: skip


def _change(rules: DemandingRules, ledger: Ledger, rule: int, given: float) -> tuple[Fraction, Fraction, Fraction]:
    """From what, to what, and how much of its own unit a rule gives way, so that the plan keeps it."""
    asks, counted = rules.asks.item(rule), rules.counted.item(rule)
    if rules.whole[rule]:
        way = Fraction(round(given))
        return asks, max(asks - way, Fraction(0)), way
    if rules.family[rule] == "service_floor":
        block, start = rules.model.linear.rows("service_floor"), Fraction(rules.level(rule))
        served = limit_of(ledger, block).used.item(int(rules.row[rule]) - block.start)
        end = min(_down(served / counted, 6), start) if counted else start
        return start, end, max(asks - end * counted, Fraction(0))
    stage = rules.model.stages[int(rules.place[rule])]
    end = stage.sign * min(_down(stage.sign * kpi_value(ledger, stage.kpi), 9), asks)
    return stage.kept, end, asks - stage.sign * end


def _down(value: Fraction, places: int) -> Fraction:
    """The next lower number of so many decimals."""
    return Fraction(value.numerator * 10**places // value.denominator, 10**places)


def _plain(value: Fraction) -> Decimal:
    """A level or a count, as it is written and read again."""
    return Decimal(decimal_text(value))


def _value(model: Model, found: Any) -> Fraction | None:
    if found.values is None:
        return None
    return objective_value(model.tables, model.scenario, plan_from_values(model, found.values[: model.linear.n_cols]))


def _verified(
    model: Model, lowered: list[dict[str, Any]], plan: Plan, options: SolveOptions, verifier: str
) -> dict[str, Any]:
    """Whether the lowered rules can hold, by a model built anew and another engine; what its plan is worth.

    The engine may start from the ``plan`` that the repair was read from, and so judges at least that one.
    """
    repaired = build_model(*soften(model.tables, model.scenario, lowered))
    options = replace(options, start=_columns(repaired, plan))
    with SolveServer(verifier, threads=options.threads, memory_limit_mb=options.memory_limit_mb) as server:
        result = server.solve(repaired.linear, options)
    if result.values is None:
        return {"verified": False, "verified_by": verifier, "objective_value": None, "best_bound": None}
    plan = plan_from_values(repaired, result.values)
    bound = float(result.best_bound)
    return {
        "verified": True,
        "verified_by": verifier,
        "objective_value": objective_value(repaired.tables, repaired.scenario, plan),
        "best_bound": Decimal(repr(bound)) if np.isfinite(bound) else None,
    }


def _columns(repaired: Model, plan: Plan) -> Floats | None:
    """The plan in the columns of the repaired model; None where that model leaves no way for it."""
    try:
        return values_from_plan(repaired, plan)
    except ValueError:
        return None
