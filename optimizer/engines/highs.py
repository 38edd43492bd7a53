"""HiGHS, by its native arrays."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
from highspy import HighsModelStatus as Status

from optimizer.engines.adapter import (
    FAILED,
    INFEASIBLE,
    INTERRUPTED,
    MEMORY,
    NODE,
    OPTIMAL,
    OTHER,
    TIME,
    UNBOUNDED,
    Answer,
    Quiet,
    Reporter,
    Request,
    look_up,
    tail,
)
from optimizer.errors import EngineError
from optimizer.model.linear_model import LinearModel

TABLE = {
    Status.kOptimal: OPTIMAL,
    Status.kInfeasible: INFEASIBLE,
    Status.kUnbounded: UNBOUNDED,
    Status.kUnboundedOrInfeasible: OTHER,  # it does not know which
    Status.kTimeLimit: TIME,
    Status.kMemoryLimit: MEMORY,
    Status.kSolutionLimit: NODE,
    Status.kIterationLimit: OTHER,
    Status.kObjectiveBound: OTHER,
    Status.kObjectiveTarget: OTHER,
    Status.kInterrupt: INTERRUPTED,
    Status.kHighsInterrupt: INTERRUPTED,
    Status.kUnknown: OTHER,
    Status.kNotset: FAILED,
    Status.kLoadError: FAILED,
    Status.kModelError: FAILED,
    Status.kModelEmpty: FAILED,
    Status.kPresolveError: FAILED,
    Status.kSolveError: FAILED,
    Status.kPostsolveError: FAILED,
}
_ROWWISE, _MINIMIZE, _FEASIBLE = 2, 1, 2


def solve(linear: LinearModel, request: Request, reporter: Reporter | Quiet, **settings: object) -> Answer:
    """Minimize the negated objective; report in our sense. ``settings``: options of HiGHS besides those requested."""
    highspy.Highs.resetGlobalScheduler(True)  # else other threads than last time are refused
    highs = highspy.Highs()
    log = request.folder / "highs.log"
    load_matrix(highs, linear)
    for name, value in {**_settings(request, str(log)), **settings}.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise EngineError(f"highs refused the option {name} = {value!r}")
    if request.options.start is not None:
        start = highspy.HighsSolution()
        start.col_value = request.options.start.tolist()
        highs.setSolution(start)
    _listen(highs, linear, reporter)
    highs.run()
    if highs.getModelStatus() == Status.kUnboundedOrInfeasible:  # presolve cannot tell which; the simplex can
        highs.setOptionValue("presolve", "off")
        highs.run()
    if request.options.start is not None and _took_the_start(highs):
        highs.clearSolver()
        highs.run()
    status = highs.getModelStatus()
    claim = look_up(TABLE, status, "highs")
    info = highs.getInfo()
    values = np.array(highs.getSolution().col_value) if info.primal_solution_status == _FEASIBLE else None
    bound = -info.mip_dual_bound if linear.integral.any() else np.inf
    if claim == OPTIMAL and not linear.integral.any():
        bound = -info.objective_function_value
    stats = {"nodes": float(info.mip_node_count), "simplex_iterations": float(info.simplex_iteration_count)}
    keep = claim.kind in ("optimal", "stopped")
    return Answer(
        native=highs.modelStatusToString(status),
        claim=claim,
        version=f"highspy {highs.version()}",
        values=values if keep else None,
        bound=bound if keep and np.isfinite(bound) else np.inf,
        log_tail=tail(log),
        stats=stats,
    )


def _took_the_start(highs: highspy.Highs) -> bool:
    """Whether it says that nothing is better than the start without having solved a single linear program.

    Version 1.13.1 does so, wrongly, where its presolve decides everything that has a cost (tests/regression); asked
    once more without the start it is as quick, and right.
    """
    return bool(highs.getModelStatus() == Status.kOptimal and highs.getInfo().simplex_iteration_count == 0)


def _settings(request: Request, log: str) -> dict[str, Any]:
    options = request.options
    settings: dict[str, Any] = {
        "output_flag": True,  # off would also silence the progress callback
        "log_to_console": False,
        "log_file": log,
        "time_limit": request.left_s,
        "threads": options.threads,
        "random_seed": options.seed % 2**31,
        "mip_rel_gap": options.gap,
        "mip_abs_gap": max(options.abs_gap, 1e-9),
        "presolve": "choose" if request.presolve else "off",
    }
    if request.tight:
        settings |= dict.fromkeys(("mip_feasibility_tolerance", "primal_feasibility_tolerance"), 1e-09)
    return settings


def load_matrix(highs: highspy.Highs, linear: LinearModel) -> None:
    """Hand the arrays over, as a minimization."""
    status = highs.passModel(
        linear.n_cols,
        linear.n_rows,
        linear.n_nonzeros,
        _ROWWISE,
        _MINIMIZE,
        -linear.offset,
        -linear.objective,
        linear.col_lower,
        linear.col_upper,
        linear.row_lower,
        linear.row_upper,
        linear.indptr.astype(np.int32),
        linear.indices.astype(np.int32, copy=False),
        linear.data,
        linear.integral.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:
        raise EngineError("highs refused the model")


def _listen(highs: highspy.Highs, linear: LinearModel, reporter: Reporter | Quiet) -> None:
    """Stream incumbents and bounds; stop when asked."""

    def interrupt(event: Any) -> None:
        if reporter.stopped():
            event.interrupt()

    def improve(event: Any) -> None:
        reporter.incumbent(np.array(event.data_out.mip_solution), -event.data_out.mip_dual_bound)

    def log(event: Any) -> None:
        reporter.progress(-event.data_out.mip_primal_bound, -event.data_out.mip_dual_bound)

    for hook in (highs.cbMipInterrupt, highs.cbSimplexInterrupt, highs.cbIpmInterrupt):
        hook += interrupt
    if linear.integral.any():
        highs.cbMipImprovingSolution += improve
        highs.cbMipLogging += log
