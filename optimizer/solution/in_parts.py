"""Solving a batch in parts: what `optimize` does, without a matrix of the whole batch anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import Claim, conclude
from optimizer.engines.auto import OWN
from optimizer.engines.base import claim_of, compile_own, raise_on_purpose
from optimizer.engines.result import Progress, SolveOptions, SolveResult, Termination
from optimizer.engines.worker import Child
from optimizer.errors import EngineError
from optimizer.model.parted import PartedModel
from optimizer.solution.extract import plan_from_values
from optimizer.solution.optimize import Answer, settle
from optimizer.solution.parted_child import packed
from optimizer.solution.plan import Draws, Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OnProgress = Callable[[Progress], None]

_GATHER, _SOLVE = "optimizer.solution.parted_child:gather", "optimizer.solution.parted_child:solve"
_GATHER_S = 24 * 3600.0
"""Building has no limit but a stop."""
_HAND_OVER_S = 20.0
"""How long after the engine's own limit the parent waits: a large answer takes seconds to write."""


def optimize_in_parts(model: PartedModel, on_progress: OnProgress | None, stop: threading.Event) -> Answer:
    """The plan that our own engine finds for a batch in parts, valued exactly; `Answer.model` knows its size."""
    settings = model.scenario.solve
    options = SolveOptions(
        time_limit_s=float(settings.time_limit_s),
        gap=float(settings.gap),
        threads=settings.threads,
        seed=settings.seed,
        memory_limit_mb=settings.memory_limit_mb,
    )
    asked = "as asked" if settings.engine == OWN else "more pairs of lines and lanes than one matrix can hold"
    why = f"{OWN}: {asked}, in {len(model.parts):,} parts"
    with Child(threads=options.threads, memory_limit_mb=options.memory_limit_mb) as child:
        compile_own(child)
        size = _gathered(child, model, stop)
        if stop.is_set():
            return Answer(_interrupted(), OWN, why, model=model)
        result, arrays = _solved(child, options, on_progress or (lambda step: None), stop)
    model = replace(model, size=size)
    answer = Answer(result, OWN, why, model=model, priced=arrays)
    if result.termination.reason in ("ERROR", "UNBOUNDED", "INFEASIBLE"):
        raise EngineError(f"{OWN} ended with {result.native_status}: {result.termination.detail}")
    if result.values is None:
        return answer
    return settle(model, answer, plan_of_parts(model, arrays))


def _gathered(child: Child, model: PartedModel, stop: threading.Event) -> Mapping[str, Any]:
    """The size of the batch, once the child holds its blocks."""
    pairs = {"pairs": model.pairs}
    outcome = child.run(_GATHER, packed(model), pairs, wall_limit_s=_GATHER_S, stop=stop)
    raise_on_purpose(outcome)
    if outcome.ended != "finished" and not stop.is_set():
        raise EngineError(f"the batch could not be built in parts: {outcome.ended} {outcome.detail}".rstrip())
    size: Mapping[str, Any] = outcome.meta.get("size", {})
    return size


def _interrupted() -> SolveResult:
    """Somebody stopped it before the engine began."""
    ended = Termination("NO_SOLUTION", "interrupted", "stopped while the batch was built")
    return SolveResult(ended, None, np.nan, np.inf, OWN, "", 0.0)


def _solved(
    child: Child, options: SolveOptions, on_progress: OnProgress, stop: threading.Event
) -> tuple[SolveResult, dict[str, NDArray[Any]]]:
    """What the engine claims, and the arrays of its answer."""
    begun, trace = time.monotonic(), list[Progress]()

    def note(message: dict[str, Any]) -> None:
        value, bound = (number if np.isfinite(number) else np.nan for number in (message["value"], message["bound"]))
        trace.append(Progress(time.monotonic() - begun, value, bound))
        on_progress(trace[-1])

    words = {"options": asdict(replace(options, start=None))}
    limit = options.time_limit_s + _HAND_OVER_S
    outcome = child.run(_SOLVE, {}, words, wall_limit_s=limit, grace_s=_HAND_OVER_S, on_message=note, stop=stop)
    claim, said = claim_of(outcome)
    if claim.limit == "interrupted" and not stop.is_set():
        claim = Claim("stopped", "time")  # it was the clock that interrupted
    steps = outcome.arrays.get("steps")
    bound = said["bound"]
    result = SolveResult(
        termination=conclude(claim, steps is not None, said.pop("detail", "")),
        values=None if steps is None else steps.astype(np.float64),
        objective=outcome.meta.get("value", np.nan),
        best_bound=bound,
        engine=OWN,
        version=said["version"],
        seconds=time.monotonic() - begun,
        native_status=said["native"],
        trace=tuple(trace),
        log_tail=said["log_tail"],
        stats=said["stats"],
    )
    return result, outcome.arrays


def plan_of_parts(model: PartedModel, arrays: Mapping[str, Ints]) -> Plan:
    """The plan that arrays of (part, column, steps) stand for; the columns of each part are made anew for it."""
    plans: list[Plan] = []
    cuts = np.searchsorted(arrays["part"], np.arange(len(model.parts) + 1))
    for number, (lines, part) in enumerate(model.columns()):
        mine = slice(int(cuts[number]), int(cuts[number + 1]))
        values = np.zeros(part.linear.n_cols)
        values[part.linear.columns("ship_qty").start + arrays["column"][mine]] = arrays["steps"][mine]
        plan = plan_from_values(part, values)
        plans.append(replace(plan, line=lines[plan.line]))
    return joined_plans(plans)


def joined_plans(plans: list[Plan]) -> Plan:
    """Plans of parts whose lines ascend, as one."""
    rows = np.cumsum([0, *(len(plan) for plan in plans)])
    draws = Draws(
        np.concatenate([plan.draws.row + start for plan, start in zip(plans, rows[:-1], strict=True)]),
        np.concatenate([plan.draws.source for plan in plans]),
        np.concatenate([plan.draws.units for plan in plans]),
    )
    line, lane, qty, day, product = (np.concatenate([getattr(plan, name) for plan in plans]) for name in PLAN_COLUMNS)
    return Plan(line, lane, qty, day, product, draws=draws)


PLAN_COLUMNS = ("line", "lane", "qty", "day", "product")
