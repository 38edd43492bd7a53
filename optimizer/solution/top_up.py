"""An engine that stops at a limit may leave a unit behind that could ship at a gain: add it. A proven optimum stays."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.survey import GAIN_SLIP, Survey
from optimizer.solution.ways import Ways
from optimizer.solution.whole_orders import whole_orders
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]

MOST_ROUNDS = 20
"""Each round adds to every warehouse once and surveys anew; what is left after so many stays."""
MANY_WAYS, LITTLE = 200_000, Fraction(1, 10**5)
"""Where short lines have so many ways, a round that raises the value by less than this part of it is the last."""


class Addition(NamedTuple):
    """Units more on each of some ways (positions) that together keep every rule, and the money they would gain."""

    ways: Ints
    units: Ints
    gain: float


def top_up(tables: Tables, scenario: Scenario, plan: Plan) -> Plan:
    """The plan with all that could ship at a gain beside it, best first; the same plan if nothing could.

    The value is compared in exact arithmetic each time, so the result is never worth less.
    """
    batch = Batch.of(tables, scenario)
    if not (batch.supply.single and batch.offers.plain and batch.ship_days.none):
        return plan
    value = objective_value(tables, scenario, plan)
    for _ in range(MOST_ROUNDS):
        ledger = Ledger(tables, scenario, plan)
        survey = Survey(ledger, Ways.of(ledger))
        additions = _apart(survey, _additions(survey))
        for chosen in (additions, additions[:1]):
            better = _with(plan, survey.ways, chosen)
            reached = objective_value(tables, scenario, better)
            if reached > value:
                break
        if reached <= value:
            break
        is_last = len(survey.ways) > MANY_WAYS and reached - value <= LITTLE * abs(value)
        plan, value = better, reached
        if is_last:
            break
    return plan


def _additions(survey: Survey) -> list[Addition]:
    """Single lanes of lines that may go alone, and whole orders that may not; best first."""
    ways = survey.ways
    alone = np.flatnonzero((survey.gain_now > GAIN_SLIP) & ~survey.by_order[survey.place])
    found = [Addition(np.array([way]), survey.units_now[[way]], float(survey.gain_now[way])) for way in alone.tolist()]
    for case in whole_orders(survey, np.flatnonzero(survey.by_order & survey.servable)).values():
        if case.reason == "within_gap":
            found.append(Addition(case.by, ways.need[case.by], case.gain))
    return sorted(found, key=lambda addition: (-addition.gain, addition.ways.tolist()))


def _apart(survey: Survey, additions: list[Addition]) -> list[Addition]:
    """The best ones that cannot get in each other's way: no two of one order, of one warehouse or under a quota."""
    ways, use = survey.ways, survey.ledger.contracts
    capped = np.zeros(len(survey.ledger.ordered), dtype=bool)
    capped[use.line[survey.ledger.tables.contracts.given("max_qty")[use.rule]]] = True
    taken: set[tuple[str, int]] = set()
    chosen = []
    for addition in additions:
        touched = {("warehouse", int(house)) for house in ways.warehouse[addition.ways]}
        touched.add(("order", int(ways.order[addition.ways[0]])))
        if capped[ways.line[addition.ways]].any():
            touched.add(("quota", 0))
        if not touched & taken:
            taken |= touched
            chosen.append(addition)
    return chosen


def _with(plan: Plan, ways: Ways, additions: list[Addition]) -> Plan:
    chosen = np.concatenate([np.zeros(0, dtype=np.int64), *(addition.ways for addition in additions)])
    units = np.concatenate([np.zeros(0, dtype=np.int64), *(addition.units for addition in additions)])
    return Plan.of(
        np.concatenate([plan.line, ways.line[chosen]]),
        np.concatenate([plan.lane, ways.lane[chosen]]),
        np.concatenate([plan.qty, units]),
    )
