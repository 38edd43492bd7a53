"""The steps of a run that work on the model: build it, price the plan, ask what would have changed it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optimizer.engines.auto import OWN, RULES
from optimizer.errors import UsageError
from optimizer.model.build import Model, build_model
from optimizer.model.parted import PartedModel, in_parts
from optimizer.solution.branches import branches
from optimizer.solution.covers import covered
from optimizer.solution.least_change import LeastChange, LeastEffort, least_changes
from optimizer.solution.optimize import Answer
from optimizer.solution.prices import Prices, price_plan
from optimizer.solution.prices_in_parts import MOST_COLUMNS, price_by_clearing, price_in_parts, price_large
from optimizer.solution.share_costs import share_costs

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario
    from optimizer.tables.tables import Tables


def model_of(tables: Tables, scenario: Scenario) -> Model | PartedModel:
    """The model of a batch; in parts where it is too large for one matrix and our own engine may take it."""
    parted = in_parts(tables, scenario) if scenario.solve.engine in ("auto", OWN, RULES) else None
    if parted and scenario.solve.engine == RULES:
        raise UsageError(f"{RULES}: the batch is too large for one matrix; use {OWN}")
    return parted or build_model(tables, scenario)


def prices_of(model: Model | PartedModel, answer: Answer, stop: threading.Event) -> Prices:
    """Prices and the values of one unit more and less, within the time that the scenario gives a solve."""
    assert answer.plan is not None
    if isinstance(model, PartedModel):
        return price_in_parts(model, answer.plan, answer.priced)
    if answer.engine == RULES:
        return price_by_clearing(model, answer.plan)
    covers = covered(model, answer.result)
    # Without covers they would go with `prices`. Those are of a model with one unit more, which may lack a row that the
    # engine has priced: what was branched away at the engine's prices need not be so much at others.
    trees = [] if covers is None else branches(model, answer.result)
    return replace(_priced(model, answer, stop), covers=covers, branches=trees)


def _priced(model: Model, answer: Answer, stop: threading.Event) -> Prices:
    assert answer.plan is not None
    if answer.result.row_prices is not None and model.linear.n_cols > MOST_COLUMNS and not model.stages:
        return price_large(model, answer.plan, answer.result.row_prices)
    settings = model.scenario.solve
    return price_plan(
        model,
        answer.plan,
        time_limit_s=float(settings.time_limit_s),
        top_rows=settings.price_rows,
        threads=settings.threads,
        memory_limit_mb=settings.memory_limit_mb,
        stop=stop,
        row_prices=answer.result.row_prices,
    )


def least_changes_of(
    model: Model | PartedModel, answer: Answer, stop: threading.Event, time_limit_s: float
) -> dict[int, LeastChange]:
    """What would fill the short lines with most money at stake, as far as the time goes.

    Of large batches, and of plans by rules, nothing: it takes engines.
    """
    assert answer.plan is not None
    if (
        answer.engine == RULES
        or isinstance(model, PartedModel)
        or (answer.result.row_prices is not None and model.linear.n_cols > MOST_COLUMNS)
    ):
        return {}
    settings = model.scenario.solve
    effort = LeastEffort(time_limit_s, settings.explain_rows)
    return least_changes(model, answer.plan, effort, memory_limit_mb=settings.memory_limit_mb, stop=stop)


def share_costs_of(model: Model | PartedModel, answer: Answer, stop: threading.Event) -> dict[int, dict[str, Any]]:
    """What each fair share costs, within half of the time that the scenario gives a solve.

    None in parts, and none by rules.
    """
    if isinstance(model, PartedModel) or answer.engine == RULES:
        return {}
    return share_costs(model, answer, stop, float(model.scenario.solve.time_limit_s) / 2)
