"""Several objectives: floors on some KPIs, or stages one after the other, and the weighted objective always last.

Each stage is solved for its KPI alone; while later ones are optimized the KPI may give way by the stage's tolerance,
and never by less than the gap that was left unproven: no better plan is cut off by a stage that was not finished.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer import __version__
from optimizer.engines.auto import RULES
from optimizer.engines.base import choose_engine, solve
from optimizer.engines.result import KnownPrices, Limit, Progress, SolveOptions, SolveResult, Termination
from optimizer.errors import EngineError
from optimizer.exact import decimal_text
from optimizer.model.batch import Batch
from optimizer.model.build import Model, build_model
from optimizer.model.goals import OBJECTIVE, StageRow, floor_rows
from optimizer.model.parted import PartedModel
from optimizer.model.shares import levels
from optimizer.scenario.schema import kpi_words, share_kpi, share_level
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.kpi_values import kpi_value
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_value
from optimizer.solution.optimize import PROVEN, Answer, explain_infeasible, optimize, options_of, settle
from optimizer.solution.plan import Plan
from optimizer.solution.rule_plan import rule_plan

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

PLACES = 12
"""Decimals of what a stage keeps; rounded to the side that keeps less."""
NOISE = Fraction(1, 10**6)
"""Relative distance below what is kept that doubles explain."""

LEAST_S = 0.1
"""Seconds that a stage has at least."""


@dataclass(frozen=True)
class Goal:
    """One stage: a KPI, its sense, and by how much it may give way later, in its own unit."""

    kpi: str
    sense: str
    tolerance: Fraction

    @property
    def sign(self) -> int:
        return 1 if self.sense == "max" else -1


@dataclass(frozen=True)
class StageResult:
    """How a stage ended. ``value`` is its plan's KPI, ``bound`` what no plan can beat (None: nothing was proven)."""

    goal: Goal
    value: Fraction
    bound: Fraction | None
    engine: str
    termination: str

    @property
    def gap(self) -> Fraction | None:
        """Unproven distance to the best possible, in the unit of the KPI; 0 where only rounding is left of it."""
        if self.bound is None:
            return None
        gap = self.goal.sign * (self.bound - self.value)
        return gap if gap > Fraction(PROVEN) * max(abs(self.value), Fraction(1)) else Fraction(0)

    def row(self) -> StageRow | None:
        """What later stages keep; None where nothing was proven and so nothing can be asked."""
        if self.gap is None:
            return None
        slack, sign = max(self.goal.tolerance, self.gap), self.goal.sign
        return StageRow(self.goal.kpi, self.goal.sense, sign * rounded_down(sign * self.value - slack))


def rounded_down(value: Fraction) -> Fraction:
    """The largest decimal of `PLACES` places that is not above a value: what a file can state to the digit."""
    scaled = value * 10**PLACES
    return Fraction(scaled.numerator // scaled.denominator, 10**PLACES)


def stage_goals(scenario: Scenario) -> tuple[Goal, ...]:
    """The stages before the weighted objective, which comes last whether or not it is named."""
    objective = scenario.objective
    goals = [Goal(stage.kpi, stage.sense, Fraction(stage.tolerance)) for stage in objective.stages]
    goals += [
        Goal(kpi, sense, Fraction(0))
        for kpi, sense in ((objective.maximize, "max"), (objective.minimize, "min"))
        if kpi is not None
    ]
    return tuple(goals[:-1] if goals and goals[-1].kpi == OBJECTIVE else goals)


def share_goals(batch: Batch) -> tuple[Goal, ...]:
    """The levels of every max_min group, each within what its tolerance in units is to the party that ordered most."""
    table, shares, goals = batch.tables.fair_share, batch.shares, list[Goal]()
    for group in np.unique(shares.group[(table["rule"] == "max_min")[shares.group]]).tolist():
        ordered = shares.ordered[shares.of_group(group)]
        tolerance = Fraction(int(table["tolerance"][group]), int(ordered.max()))
        goals += [Goal(share_kpi(level, table["group_id"][group]), "max", tolerance) for level in levels(len(ordered))]
    return tuple(goals)


def nothing_to_raise(goal: Goal, before: StageResult) -> bool:
    """Whether a goal is a further level of a group in which everybody was served in full already."""
    share, last = share_level(goal.kpi), share_level(before.goal.kpi)
    return share is not None and last is not None and share[1] == last[1] and before.value == last[0]


def optimize_in_stages(
    model: Model | PartedModel,
    start: Plan | None,
    on_progress: Callable[[Progress], None] | None,
    stop: threading.Event,
    prices: KnownPrices | None = None,
) -> Answer:
    """The answer for a scenario of any mode; ``Answer.model`` is the model of its last stage.

    ``prices``: of an earlier run, to begin from where there are no stages.

    ``model`` holds the floors. The time limit is for all stages together, each gets an equal share of what is left.
    """
    if isinstance(model, PartedModel):
        from optimizer.solution.in_parts import optimize_in_parts  # loads the compiler

        return optimize_in_parts(model, on_progress, stop)
    if model.scenario.solve.engine == RULES:
        return plan_by_rules(model, stop)
    goals = share_goals(model.batch) + stage_goals(model.scenario)
    if not goals:
        answer = optimize(model, start, on_progress, stop, prices=prices)
        return replace(answer, model=model, stages=_told(model, (), answer))
    ends = time.monotonic() + float(model.scenario.solve.time_limit_s)
    rows, results, plan = model.stages, list[StageResult](), start
    for number, goal in enumerate(goals):
        if results and nothing_to_raise(goal, results[-1]):
            continue
        share = max((ends - time.monotonic()) / (len(goals) + 1 - number), LEAST_S)
        stage = build_model(model.tables, model.scenario, 0, rows, (goal.kpi, goal.sense))
        options = replace(_options(stage, plan, goal), time_limit_s=share)
        engine, why = choose_engine(stage.linear, model.scenario.solve.engine, share, to_the_end=True)
        result = solve(stage.linear, engine, options, on_progress, stop)
        if result.values is None and not results:
            return _without_plan(model, Answer(result, engine, why), options, stop)
        found, plan = _result(stage, goal, result, plan if results else None)
        results.append(found)
        row = found.row()
        rows = rows if row is None else (*rows, row)
    last = build_model(model.tables, model.scenario, 0, rows)
    assert plan is not None
    begin = _better_start(last, start, plan)
    answer = optimize(last, begin, on_progress, stop, time_limit_s=max(ends - time.monotonic(), LEAST_S))
    return _reached(last, tuple(results), last_stage(last, plan, answer))


def plan_by_rules(model: Model, stop: threading.Event) -> Answer:
    """The answer without any engine: a plan by rules that claims no bound, or the rule that it could not keep."""
    begun = time.monotonic()
    plan, broken = rule_plan(model, stop, begun + float(model.scenario.solve.time_limit_s))
    seconds = time.monotonic() - begun
    limit: Limit = "interrupted" if stop.is_set() else "other"
    why = "orders in their turn, without any engine"
    if broken:
        ended = Termination("NO_SOLUTION", limit, f"a plan by rules does not keep {broken}")
        return Answer(SolveResult(ended, None, np.nan, np.inf, RULES, __version__, seconds), RULES, why, model=model)
    ended = Termination("FEASIBLE", limit, "by rules: nothing was searched, the bound is that of the certificate")
    value = float(objective_value(model.tables, model.scenario, plan))
    result = SolveResult(ended, values_from_plan(model, plan), value, np.inf, RULES, __version__, seconds)
    ledger = Ledger(model.tables, model.scenario, plan)
    reached = tuple(
        StageResult(goal, kpi_value(ledger, goal.kpi), None, RULES, ended.reason)
        for goal in share_goals(model.batch) + stage_goals(model.scenario)
    )
    answer = settle(model, Answer(result, RULES, why), plan)
    return replace(answer, model=model, stages=_told(model, reached, answer))


def _better_start(last: Model, start: Plan | None, plan: Plan) -> Plan:
    """The plan of the last stage, or the one that everything began with where it keeps the stages too and is better.

    Only for an engine to begin from: it may be a plan of other inputs, and nobody has checked it against the rules.
    """
    if start is None:
        return plan
    ledgers = [Ledger(last.tables, last.scenario, each) for each in (start, plan)]
    keeps = all(row.sign * (kpi_value(ledgers[0], row.kpi) - row.kept) >= 0 for row in last.stages)
    values = [kpi_value(ledger, OBJECTIVE) for ledger in ledgers]
    return start if keeps and values[0] > values[1] else plan


def _options(stage: Model, plan: Plan | None, goal: Goal) -> SolveOptions:
    """To the proven optimum of the stage, or as near as its tolerance; a share always to its optimum."""
    near = 0.0 if share_level(goal.kpi) else float(goal.tolerance)
    return replace(options_of(stage, plan), gap=0.0, abs_gap=near)


def _without_plan(model: Model, answer: Answer, options: SolveOptions, stop: threading.Event) -> Answer:
    """A first stage without a plan: proven infeasible and explained, or cut short."""
    if answer.termination.reason in ("ERROR", "UNBOUNDED"):
        ended = answer.termination
        raise EngineError(f"{answer.engine} ended a stage with {ended.reason}: {ended.detail}")
    if answer.termination.reason == "INFEASIBLE":
        return explain_infeasible(model, answer, options, stop)
    return answer


def _result(stage: Model, goal: Goal, result: SolveResult, before: Plan | None) -> tuple[StageResult, Plan]:
    """The stage's plan, or the one of the stage before it where that is better or the only one; valued exactly."""
    found = None if result.values is None else plan_from_values(stage, result.values)
    plans = [plan for plan in (found, before) if plan is not None]
    values = [kpi_value(Ledger(stage.tables, stage.scenario, plan), goal.kpi) for plan in plans]
    best = max(range(len(plans)), key=lambda place: goal.sign * values[place])
    claimed = goal.sign * result.best_bound
    bound = Fraction(repr(claimed)) if np.isfinite(claimed) else None
    if bound is not None and goal.sign * (bound - values[best]) < 0:
        bound = values[best]
    return StageResult(goal, values[best], bound, result.engine, result.termination.reason), plans[best]


def last_stage(last: Model, plan: Plan, answer: Answer) -> Answer:
    """Where the last stage found nothing in its time, the plan of the stage before it stands."""
    if answer.plan is not None:
        return answer
    ended = Termination("FEASIBLE", answer.termination.limit or "other", answer.termination.detail)
    result = replace(answer.result, termination=ended, values=values_from_plan(last, plan))
    return settle(last, replace(answer, result=result, conflict=None), plan)


def _reached(last: Model, results: tuple[StageResult, ...], answer: Answer) -> Answer:
    """The answer with its stages; what is kept is never more than what the plan reaches, to the last digit."""
    if answer.plan is None:
        return replace(answer, model=last, stages=_told(last, results, answer))
    ledger, rows = Ledger(last.tables, last.scenario, answer.plan), []
    floors = len(floor_rows(last.scenario))
    for place, row in enumerate(last.stages):
        reached = kpi_value(ledger, row.kpi)
        missing = row.sign * (row.kept - reached)
        if missing > NOISE * max(abs(row.kept), Fraction(1)):
            raise EngineError(f"{answer.engine} gave up {row.kpi}: {float(reached)} of {float(row.kept)} to be kept")
        lowered = replace(row, kept=row.sign * rounded_down(row.sign * reached))
        rows.append(lowered if missing > 0 and place >= floors else row)
    if tuple(rows) != last.stages:
        last = build_model(last.tables, last.scenario, 0, tuple(rows))
    return replace(answer, model=last, stages=_told(last, results, answer))


def _told(last: Model, results: tuple[StageResult, ...], answer: Answer) -> tuple[dict[str, Any], ...]:
    """Floors and stages as `run.json` states them."""
    ledger = None if answer.plan is None else Ledger(last.tables, last.scenario, answer.plan)
    floors, rows = len(floor_rows(last.scenario)), list(last.stages)
    told: list[dict[str, Any]] = []
    for row in rows[:floors]:
        told.append({"kind": "floor", "kpi": row.kpi, "sense": row.sense, "kept": row.kept})
    kept = iter(rows[floors:])
    for result in results:
        stays = None if result.row() is None else next(kept)
        told.append(
            {
                "kind": "stage", "kpi": result.goal.kpi, "sense": result.goal.sense, "tolerance": result.goal.tolerance,
                "value": result.value, "bound": result.bound, "gap": result.gap,
                "kept": None if stays is None else stays.kept,
                "engine": result.engine, "termination": result.termination,
            }
        )  # fmt: skip
    number = 0
    for entry in told:
        number += entry["kept"] is not None
        entry["row"] = number if entry["kept"] is not None else None
        entry["reached"] = None if ledger is None else kpi_value(ledger, entry["kpi"])
        entry["words"] = _words(entry)
    return tuple(told)


def _words(entry: dict[str, Any]) -> str:
    """A floor or stage in a sentence."""
    side, name = "at least" if entry["sense"] == "max" else "at most", kpi_words(entry["kpi"])
    reached = "" if entry["reached"] is None else f"; this plan: {decimal_text(entry['reached'], 6)}"
    if entry["kind"] == "floor":
        return f"floor: {name} {side} {decimal_text(entry['kept'], 6)}{reached}"
    if entry["kept"] is None:
        return f"stage: {name} {decimal_text(entry['value'], 6)}, nothing proven and so not kept{reached}"
    value, kept = decimal_text(entry["value"], 6), decimal_text(entry["kept"], 6)
    return f"stage: {name} {value}, kept {side} {kept}{reached}"
