"""One way to solve for all engines: a child process, a claim, a check, a result that says no more than was shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines import check
from optimizer.engines.adapter import Claim, conclude, pack
from optimizer.engines.auto import ENGINES, OWN, choose_engine
from optimizer.engines.check import lint
from optimizer.engines.decompose import is_compiled
from optimizer.engines.idle import dismiss, hire
from optimizer.engines.result import TIGHTER, Progress, SolveOptions, SolveResult, Termination
from optimizer.engines.worker import Child, ChildOutcome
from optimizer.errors import EngineError, UsageError
from optimizer.model.linear_model import LinearModel

__all__ = ["ENGINES", "OWN", "SolveServer", "choose_engine", "confirm_infeasible", "lint", "solve"]

OnProgress = Callable[[Progress], None]
Floats = NDArray[np.float64]
_TASK = "optimizer.engines.adapter:run"
_COMPILE = "optimizer.engines.decompose:compile_engine"
_COMPILE_S = 600.0
"""Far more than compiling takes (30 to 60 s of CPU)."""
_LEAST_S = 0.05
_HAND_OVER_S = 1.0
"""How long after the engine's own limit the parent waits before it asks, and then kills."""
_SLACK = 1e-6
"""How far a claimed bound may fall below the plan's own value (relative) by rounding alone."""
_FAILURES: dict[str, Claim] = {
    "timeout": Claim("stopped", "time"),
    "memory": Claim("stopped", "memory"),
    "stopped": Claim("stopped", "interrupted"),
}


def solve(
    linear: LinearModel,
    engine: str,
    options: SolveOptions,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
) -> SolveResult:
    """The best point of ``linear`` that ``engine`` finds within ``options``, in a child process of its own.

    ``stop`` ends it early with what it has. The point is checked against the matrix before anything is said about it;
    a status of the engine that contradicts it, or that nobody knows, is an error, never a result. An INFEASIBLE is the
    engine's claim: ask ``confirm_infeasible`` before believing it.
    """
    with SolveServer(engine, threads=options.threads, memory_limit_mb=options.memory_limit_mb) as server:
        return server.solve(linear, options, on_progress, stop)


class SolveServer:
    """One process of one engine that serves solves one after another, for many small models. Use it in one thread."""

    def __init__(self, engine: str, *, threads: int = 1, memory_limit_mb: int | None = None) -> None:
        self.engine, _ = choose_engine(None, engine)
        self._child = hire(self.engine, threads=threads, memory_limit_mb=memory_limit_mb)

    def __enter__(self) -> SolveServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        dismiss(self.engine, self._child)

    def solve(
        self,
        linear: LinearModel,
        options: SolveOptions,
        on_progress: OnProgress | None = None,
        stop: threading.Event | None = None,
        *,
        presolve: bool = True,
    ) -> SolveResult:
        """As ``solve``. ``presolve=False`` asks the engine to do without, where it has been wrong (second opinions)."""
        check.refuse(linear)
        self._prepare()
        begun = time.monotonic()
        if not linear.n_cols:
            return self._empty(linear)
        trace: list[Progress] = []

        def note(message: dict[str, Any]) -> None:
            trace.append(Progress(time.monotonic() - begun, _known(message["value"]), _known(message["bound"])))
            if on_progress is not None:
                on_progress(trace[-1])

        result, wrong = self._attempt(linear, options, begun, note, stop, presolve=presolve, tight=False)
        left = options.time_limit_s - (time.monotonic() - begun)
        if wrong and left > _LEAST_S and not (stop is not None and stop.is_set()):
            result, _ = self._attempt(linear, options, begun, note, stop, presolve=presolve, tight=True)
        return replace(result, seconds=time.monotonic() - begun, trace=tuple(trace))

    def _prepare(self) -> None:
        if self.engine == OWN:
            compile_own(self._child)

    def _attempt(
        self,
        linear: LinearModel,
        options: SolveOptions,
        begun: float,
        note: Callable[[dict[str, Any]], None],
        stop: threading.Event | None,
        *,
        presolve: bool,
        tight: bool,
    ) -> tuple[SolveResult, bool]:
        """One run of the engine, and whether the point that it returned was found wrong."""
        left = max(options.time_limit_s - (time.monotonic() - begun), _LEAST_S)
        words = {"engine": self.engine, "deadline": time.monotonic() + left, "presolve": presolve, "tight": tight}
        arrays, meta = pack(linear, words, options)
        outcome = self._child.run(_TASK, arrays, meta, wall_limit_s=left + _HAND_OVER_S, on_message=note, stop=stop)
        claim, said = claim_of(outcome)
        if claim.limit == "interrupted" and not (stop is not None and stop.is_set()):
            claim = Claim("stopped", "time")  # it was the clock that interrupted
        values = outcome.arrays.get("values")
        wrong = check.fault(linear, values) if values is not None else ""
        detail = said.pop("detail", "")
        if wrong:
            # A stop without a usable point is a stop all the same; a proof that rests on a wrong point is an error.
            values = None
            detail = f"{self.engine} returned a point that is none: {wrong}; {detail}".removesuffix("; ")
            claim = claim if claim.kind == "stopped" else Claim("failed")
        result = _result(linear, options, self.engine, conclude(claim, values is not None, detail), values, said)
        covers = {name: outcome.arrays[name] for name in TIGHTER if name in outcome.arrays}
        return replace(result, row_prices=outcome.arrays.get("row_prices"), covers=covers), bool(wrong)

    def _empty(self, linear: LinearModel) -> SolveResult:
        """No columns, nothing to decide: the empty point if the rows allow it."""
        possible = not ((linear.row_lower > 0) | (linear.row_upper < 0)).any()
        values = np.zeros(0) if possible else None
        ended = Termination("OPTIMAL" if possible else "INFEASIBLE", detail="there is nothing to decide")
        said = {"native": "", "version": "", "bound": linear.offset, "log_tail": "", "stats": {}}
        return _result(linear, SolveOptions(), self.engine, ended, values, said)


def compile_own(child: Child) -> None:
    """Compile our own engine once for each installation; that time is not the solve's."""
    if not is_compiled():
        child.run(_COMPILE, {}, {}, wall_limit_s=_COMPILE_S)


def claim_of(outcome: ChildOutcome) -> tuple[Claim, dict[str, Any]]:
    """What the child said, or what its end says for it; a child that failed on purpose fails here in the same words."""
    if outcome.ended == "finished":
        meta = outcome.meta
        words = {name: meta[name] for name in ("native", "version", "bound", "log_tail", "stats", "detail")}
        return Claim(meta["kind"], meta["limit"]), words
    raise_on_purpose(outcome)
    log = (outcome.stdout_tail + outcome.stderr_tail)[-8_000:]
    detail = outcome.detail or f"the engine had to be ended ({outcome.ended})"
    if outcome.error:
        detail = f"{outcome.error}: {detail}"
    claim = _FAILURES.get(outcome.ended, Claim("stopped", "other") if outcome.arrays else Claim("failed"))
    bound = outcome.meta.get("bound", np.inf)  # of an engine that said which prices it follows from
    words = {"native": outcome.ended, "version": "", "bound": bound, "log_tail": log, "stats": {}, "detail": detail}
    return claim, words


def raise_on_purpose(outcome: ChildOutcome) -> None:
    """Fail in the same words where the child failed on purpose."""
    if outcome.error == "UsageError":
        raise UsageError(outcome.detail)
    if outcome.error == "EngineError":
        raise EngineError(outcome.detail)


def _result(
    linear: LinearModel,
    options: SolveOptions,
    engine: str,
    ended: Termination,
    values: Floats | None,
    said: dict[str, Any],
) -> SolveResult:
    """The result with its value recomputed; a claim of optimality that its own bound does not bear is withdrawn."""
    point = None if values is None or ended.reason not in ("OPTIMAL", "FEASIBLE") else check.settle(linear, values)
    value, bound = np.nan, float(said["bound"])
    if point is not None:
        value = check.objective(linear, point)
        slack = _SLACK * max(1.0, abs(value))
        allowed = max(options.abs_gap, options.gap * abs(value)) + slack
        if bound < value - slack:
            ended = Termination("FEASIBLE", ended.limit or "other", f"the engine's bound {bound!r} lies below its plan")
            bound = np.inf
        elif ended.reason == "OPTIMAL" and bound > value + allowed:
            ended = Termination("FEASIBLE", "other", f"it claims optimal with a bound of {bound!r} for {value!r}")
        bound = max(bound, value)
    return SolveResult(
        termination=ended,
        values=point,
        objective=value,
        best_bound=bound,
        engine=engine,
        version=said["version"],
        seconds=0.0,
        native_status=said["native"],
        log_tail=said["log_tail"],
        stats=said["stats"],
    )


def _known(number: float) -> float:
    return number if np.isfinite(number) else np.nan


def confirm_infeasible(linear: LinearModel, engine: str, options: SolveOptions) -> bool | None:
    """A second opinion on the claim of ``engine`` that no point exists: True, False, or None if nobody can tell.

    Another engine without presolve, the other with it, then the first without: whoever decides first. A point that
    passes the check refutes the claim; a claim of another engine or of other code confirms it.
    """
    other = "scip" if engine == "highs" else "highs"
    question = replace(linear, objective=np.zeros(linear.n_cols), offset=0.0)
    share = replace(options, time_limit_s=options.time_limit_s / 3, start=None)
    for name, presolve in ((other, False), (other, True), (engine, False)):
        with SolveServer(name, threads=options.threads, memory_limit_mb=options.memory_limit_mb) as server:
            reason = server.solve(question, share, presolve=presolve).termination.reason
        if reason in ("OPTIMAL", "FEASIBLE", "UNBOUNDED"):
            return False
        if reason == "INFEASIBLE":
            return True
    return None
