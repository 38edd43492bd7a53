"""CP-SAT, for models in whole numbers: scaled exactly, its bound corrected for what rounding the objective may hide."""

from __future__ import annotations

import threading
import time
from importlib.metadata import version

import numpy as np
from ortools.sat.python import cp_model

from optimizer.engines.adapter import (
    FAILED,
    INFEASIBLE,
    INTERRUPTED,
    OPTIMAL,
    OTHER,
    TIME,
    Answer,
    Claim,
    Reporter,
    Request,
    look_up,
)
from optimizer.engines.integer_form import UNBOUNDED, Floats, IntegerForm, integer_form
from optimizer.model.linear_model import LinearModel

VERSION = f"CP-SAT in ortools {version('ortools')}"
STOPPED = Claim("stopped", "other")
TABLE = {
    cp_model.OPTIMAL: OPTIMAL,
    cp_model.FEASIBLE: STOPPED,
    cp_model.UNKNOWN: STOPPED,
    cp_model.INFEASIBLE: INFEASIBLE,
    cp_model.MODEL_INVALID: FAILED,
}
_LOG_LINES = 80
_CLOCK_S = 0.1


def claim_of(status: object, out_of_time: bool, stopped: bool) -> Claim:
    """CP-SAT does not say which limit it hit; the clock and our own request do."""
    claim = look_up(TABLE, status, "cpsat")
    if claim is not STOPPED:
        return claim
    return INTERRUPTED if stopped else TIME if out_of_time else OTHER


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """Minimize the negated objective in whole numbers; report in our sense and units."""
    form = integer_form(linear)
    if (form.lower > form.upper).any() or (form.row_lower > form.row_upper).any():
        detail = "in whole numbers, a row or a column has its lower bound above its upper one"
        return Answer("INFEASIBLE", INFEASIBLE, VERSION, detail=detail)
    model = _model(linear, form, request.options.start)
    solver = cp_model.CpSolver()
    _set(solver, request)
    log: list[str] = []
    bounds: list[float] = []
    solver.log_callback = log.append

    def note(bound: float) -> None:
        bounds.append(_bound(bound, form))
        reporter.progress(-np.inf, bounds[-1])

    solver.best_bound_callback = note
    done = _stop_when_asked(solver, reporter)
    status = solver.solve(model, _Incumbents(form, reporter))
    done.set()
    claim = claim_of(status, time.monotonic() >= request.deadline - _CLOCK_S, reporter.stopped())
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    is_bound = claim.kind in ("optimal", "stopped") and (found or bounds)  # stopped early it answers 0: it has none yet
    return Answer(
        native=solver.status_name(status),
        claim=claim,
        version=VERSION,
        values=np.array(solver.response_proto.solution, dtype=np.float64) * form.step if found else None,
        bound=_bound(solver.best_objective_bound, form) if is_bound else np.inf,
        log_tail="\n".join(log[-_LOG_LINES:]),
        stats={"branches": float(solver.num_branches), "deterministic_time": solver.response_proto.deterministic_time},
    )


def _set(solver: cp_model.CpSolver, request: Request) -> None:
    options, parameters = request.options, solver.parameters
    parameters.max_time_in_seconds = request.left_s
    parameters.num_workers = options.threads
    parameters.interleave_search = options.threads > 1  # the only parallel search that repeats itself
    parameters.random_seed = options.seed % 2**31
    parameters.relative_gap_limit = options.gap
    parameters.absolute_gap_limit = options.abs_gap
    parameters.cp_model_presolve = request.presolve
    parameters.log_search_progress = True
    parameters.log_to_stdout = False
    if options.memory_limit_mb:
        parameters.max_memory_in_mb = options.memory_limit_mb


def _stop_when_asked(solver: cp_model.CpSolver, reporter: Reporter) -> threading.Event:
    """A stop that arrives before the search has begun would be lost: repeat it until the event returned is set."""
    done = threading.Event()

    def insist() -> None:
        while not done.wait(_CLOCK_S):
            solver.stop_search()

    reporter.on_stop(threading.Thread(target=insist, daemon=True).start)
    return done


def _bound(bound: float, form: IntegerForm) -> float:
    """Our upper bound from the engine's lower one, outward by every rounding on the way."""
    return -bound + form.cost_error + abs(bound) * 2.0**-50


def _model(linear: LinearModel, form: IntegerForm, start: Floats | None) -> cp_model.CpModel:
    model = cp_model.CpModel()
    proto = model.proto
    for low, high in zip(form.lower.tolist(), form.upper.tolist(), strict=True):
        proto.variables.add().domain.extend([low, high])
    ends, columns, coefficients = form.indptr.tolist(), form.indices.tolist(), form.coefficients.tolist()
    low, high = form.row_lower.tolist(), form.row_upper.tolist()
    for row in range(len(low)):
        if low[row] == -UNBOUNDED and high[row] == UNBOUNDED:
            continue
        linear_row = proto.constraints.add().linear
        linear_row.vars.extend(columns[ends[row] : ends[row + 1]])
        linear_row.coeffs.extend(coefficients[ends[row] : ends[row + 1]])
        linear_row.domain.extend([low[row], high[row]])
    used = np.flatnonzero(form.cost)
    proto.objective.vars.extend(used.tolist())
    proto.objective.coeffs.extend(form.cost[used].tolist())
    proto.objective.scaling_factor = 1 / form.cost_scale
    proto.objective.offset = -linear.offset * form.cost_scale
    if start is not None:
        hint = np.clip(np.rint(start / form.step), form.lower, form.upper).astype(np.int64)
        proto.solution_hint.vars.extend(range(len(hint)))
        proto.solution_hint.values.extend(hint.tolist())
    return model


class _Incumbents(cp_model.CpSolverSolutionCallback):
    """Hands every new plan to the reporter."""

    def __init__(self, form: IntegerForm, reporter: Reporter) -> None:
        super().__init__()
        self._form, self._reporter = form, reporter

    def on_solution_callback(self) -> None:
        values = np.array(self.response_proto.solution, dtype=np.float64) * self._form.step
        self._reporter.incumbent(values, _bound(self.best_objective_bound, self._form))
