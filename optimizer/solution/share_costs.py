"""What each fair share costs: the batch planned once more without it, and the difference in objective and margin."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.model.build import Model, build_model
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_terms
from optimizer.solution.stages import optimize_in_stages
from optimizer.tables.part import rows_of

if TYPE_CHECKING:
    from optimizer.solution.optimize import Answer
    from optimizer.solution.plan import Plan

CLOSER = 10
"""By what the scenario's gap is divided where a small difference of two plans is asked for."""
LEAST_S = 0.5
"""Seconds below which a plan without a share is not looked for."""


def share_costs(model: Model, answer: Answer, stop: threading.Event, time_limit_s: float) -> dict[int, dict[str, Any]]:
    """By row of `fair_share`: ``cost`` and ``margin_cost`` against the best plan found without that row, and the range.

    The weighted objective lost is at least ``at_least`` and, where a bound is known, at most ``at_most``; both follow
    from what the two plans reach and what no plan could beat. Rows for which there was no time are left out.
    """
    assert answer.plan is not None
    groups = np.unique(model.batch.shares.group).tolist()
    found: dict[int, dict[str, Any]] = {}
    share = time_limit_s / max(len(groups), 1)
    for group in groups:
        if share < LEAST_S or stop.is_set():
            break
        other = optimize_in_stages(_without(model, group, share), answer.plan, None, stop)
        if other.plan is not None:
            found[group] = _difference(model, answer, other)
    return found


def _without(model: Model, group: int, time_limit_s: float) -> Model:
    """The batch without one row of `fair_share`."""
    kept = np.flatnonzero(np.arange(len(model.tables.fair_share)) != group)
    tables = model.tables.replace(fair_share=rows_of(model.tables.fair_share, kept))
    settings = model.scenario.solve
    closer = {"time_limit_s": Decimal(f"{time_limit_s:.3f}"), "gap": settings.gap / CLOSER}
    scenario = model.scenario.model_copy(update={"solve": settings.model_copy(update=closer)})
    return build_model(tables, scenario)


def _difference(model: Model, answer: Answer, other: Answer) -> dict[str, Any]:
    """No plan is lost where a rule is: unless stages follow, sharing cannot cost less than nothing."""
    mine, theirs = answer.value or Fraction(0), other.value or Fraction(0)
    least = theirs - _exact(answer.bound, mine)
    margins = [_margin(model, each.plan) for each in (answer, other)]
    return {
        "cost": theirs - mine,
        "margin_cost": margins[1] - margins[0],
        "at_least": least if other.stages else max(least, Fraction(0)),
        "at_most": None if not np.isfinite(other.bound) else _exact(other.bound, theirs) - mine,
    }


def _margin(model: Model, plan: Plan | None) -> Fraction:
    assert plan is not None
    return objective_terms(Ledger(model.tables, model.scenario, plan))["margin"]


def _exact(bound: float, value: Fraction) -> Fraction:
    """A bound as a fraction, never below the plan's own value; without one nothing is known."""
    return max(Fraction(repr(float(bound))), value) if np.isfinite(bound) else value


def told_shares(ledger: Ledger, costs: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Fair shares as `run.json` states them: how many parties, the least and largest fill, and what sharing costs."""
    table, shares = ledger.tables.fair_share, ledger.batch.shares
    told = []
    for group in np.unique(shares.group).tolist():
        fills = shares.fills(group, ledger.allocated)
        told.append({
            "group_id": table["group_id"][group], "rule": table["rule"][group],
            "tolerance": int(table["tolerance"][group]), "parties": len(fills),
            "least_fill": min(fills), "most_fill": max(fills), "cost": costs.get(group),
        })  # fmt: skip
    return {"fair_share": told} if told else {}
