"""From a model to a plan: choose an engine, solve, doubt, and say how it ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.base import choose_engine, confirm_infeasible, solve
from optimizer.engines.result import KnownPrices, Progress, SolveOptions, SolveResult, Termination
from optimizer.errors import EngineError, UsageError
from optimizer.model.build import Model
from optimizer.model.goals import goals
from optimizer.model.parted import PartedModel
from optimizer.solution.canonical import canonical_plan
from optimizer.solution.conflict import find_conflict
from optimizer.solution.covers import has_single_lots
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.fefo import first_expired_first_out
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.top_up import top_up

Floats = NDArray[np.float64]

PROVEN = 1e-9
"""Relative gap at which an engine has left nothing open."""

BOUND_NOISE = 1e-6
"""Relative error of an engine's bound that double precision explains; more means that the engine is wrong."""


@dataclass(frozen=True)
class Answer:
    """What a solve came to: a plan with its exact value, or none and why. No plan exceeds ``bound``.

    Of a scenario with stages or floors: the ``model`` of the last stage, and what became of each (`solution.stages`).
    """

    result: SolveResult
    engine: str
    why: str
    plan: Plan | None = None
    value: Fraction | None = None
    bound: float = np.inf
    conflict: dict[str, Any] | None = None
    tie_break: str = "engine"
    model: Model | PartedModel | None = None
    stages: tuple[dict[str, Any], ...] = ()
    priced: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """of a batch in parts: the arrays of the engine's answer, in which its prices stand"""

    @property
    def termination(self) -> Termination:
        return self.result.termination

    @property
    def gap(self) -> float:
        """(bound - value) / max(|value|, 1e-9), as the engine proved it."""
        if self.value is None:
            return np.inf
        return float((self.bound - float(self.value)) / max(abs(float(self.value)), 1e-9))


def options_of(model: Model, start: Plan | None, prices: KnownPrices | None = None) -> SolveOptions:
    """The scenario's solve settings as engine options; the plan and the prices to begin from."""
    settings = model.scenario.solve
    return SolveOptions(
        time_limit_s=float(settings.time_limit_s),
        gap=float(settings.gap),
        abs_gap=0.0,
        threads=settings.threads,
        seed=settings.seed,
        memory_limit_mb=settings.memory_limit_mb,
        start=None if start is None else values_from_plan(model, start),
        row_prices=None if prices is None else prices.rows,
        covers={} if prices is None else prices.covers,
        tighten=has_single_lots(model) and not model.stages,
    )


def optimize(
    model: Model,
    start: Plan | None,
    on_progress: Callable[[Progress], None] | None,
    stop: threading.Event,
    time_limit_s: float | None = None,
    prices: KnownPrices | None = None,
) -> Answer:
    """Solve one model by the engine that the scenario asks for, within its time limit or the one given.

    ``start`` and ``prices``: the plan and the prices to begin from, where they are of use.

    "Infeasible" is believed only with a second opinion and comes with the rules that cannot hold. Raises `EngineError`
    where an engine fails or its bound contradicts a verified value.
    """
    options = options_of(model, start, prices)
    options = options if time_limit_s is None else replace(options, time_limit_s=time_limit_s)
    result, engine, why = _solve(model, options, on_progress, stop)
    if result.termination.reason == "INFEASIBLE":
        return explain_infeasible(model, Answer(result, engine, why), options, stop)
    if result.termination.reason in ("ERROR", "UNBOUNDED"):
        raise EngineError(
            f"{engine} ended with {result.native_status or result.termination.reason}: {result.termination.detail}"
        )
    if result.values is None:
        return Answer(result, engine, why)
    plan = plan_from_values(model, result.values)
    left_open = result.termination.reason != "OPTIMAL" or result.best_bound > result.objective
    if left_open and not model.stages:  # what is kept of other KPIs is no rule that topping up would know
        plan = top_up(model.tables, model.scenario, plan)
    answer = settle(model, Answer(result, engine, why), plan)
    answer = _first_of_equals(model, answer, stop)
    assert answer.plan is not None
    return replace(answer, plan=first_expired_first_out(model, answer.plan))


def _solve(
    model: Model, options: SolveOptions, on_progress: Callable[[Progress], None] | None, stop: threading.Event
) -> tuple[SolveResult, str, str]:
    """What the engine found, which it was, and why; one that `auto` chose and that refuses the batch is replaced."""
    asked, staged = model.scenario.solve.engine, bool(goals(model.scenario))
    engine, why = choose_engine(model.linear, asked, options.time_limit_s, to_the_end=staged)
    try:
        return solve(model.linear, engine, options, on_progress, stop), engine, why
    except UsageError as refused:
        if asked == engine:
            raise
        engine, why = choose_engine(model.linear, asked, options.time_limit_s, to_the_end=True)
        return solve(model.linear, engine, options, on_progress, stop), engine, f"{why}; {refused}"


def settle(model: Model | PartedModel, answer: Answer, plan: Plan) -> Answer:
    """The answer with its plan, valued exactly; the engine's bound may not lie below that value."""
    value = objective_value(model.tables, model.scenario, plan)
    bound, floor = answer.result.best_bound, float(value)
    if bound < floor - BOUND_NOISE * max(abs(floor), 1.0):
        raise EngineError(f"{answer.engine} claims that no plan exceeds {bound}, but its own plan is worth {floor}")
    return replace(answer, plan=plan, value=value, bound=max(bound, floor))


def _first_of_equals(model: Model, answer: Answer, stop: threading.Event) -> Answer:
    """Where the plan is proven optimal, the canonical one of the optimal plans, if it can be found."""
    assert answer.plan is not None
    if answer.gap > PROVEN or answer.termination.reason != "OPTIMAL" or stop.is_set():
        return answer
    first = canonical_plan(model, answer.plan, stop)
    return answer if first is None else replace(answer, plan=first, tie_break="canonical")


def explain_infeasible(model: Model, answer: Answer, options: SolveOptions, stop: threading.Event) -> Answer:
    """A claim of infeasibility, confirmed by another engine and explained; otherwise it is no answer."""
    confirmed = confirm_infeasible(model.linear, answer.engine, options)
    if confirmed:
        return replace(answer, conflict=find_conflict(model, answer.engine, options, stop))
    undecided = Termination(
        "NO_SOLUTION", "other", f"{answer.engine} says infeasible, a second engine does not confirm it"
    )
    return replace(answer, result=replace(answer.result, termination=undecided))
