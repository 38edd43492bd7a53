"""SCIP, as OR-Tools ships it, through MathOpt's flat messages (no object for a variable or a row)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from ortools.math_opt import callback_pb2, model_parameters_pb2, model_pb2, parameters_pb2, result_pb2
from ortools.math_opt.core.python import solver
from ortools.util.python import solve_interrupter

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
    Claim,
    Reporter,
    Request,
    look_up,
)
from optimizer.model.linear_model import LinearModel

_STOPPED = Claim("stopped", "other")
REASONS = {
    result_pb2.TERMINATION_REASON_OPTIMAL: OPTIMAL,
    result_pb2.TERMINATION_REASON_INFEASIBLE: INFEASIBLE,
    result_pb2.TERMINATION_REASON_UNBOUNDED: UNBOUNDED,
    result_pb2.TERMINATION_REASON_INFEASIBLE_OR_UNBOUNDED: OTHER,  # it does not know which
    result_pb2.TERMINATION_REASON_IMPRECISE: OTHER,
    result_pb2.TERMINATION_REASON_FEASIBLE: _STOPPED,
    result_pb2.TERMINATION_REASON_NO_SOLUTION_FOUND: _STOPPED,
    result_pb2.TERMINATION_REASON_NUMERICAL_ERROR: FAILED,
    result_pb2.TERMINATION_REASON_OTHER_ERROR: FAILED,
    result_pb2.TERMINATION_REASON_UNSPECIFIED: FAILED,
}
LIMITS = {
    result_pb2.LIMIT_TIME: TIME,
    result_pb2.LIMIT_MEMORY: MEMORY,
    result_pb2.LIMIT_NODE: NODE,
    result_pb2.LIMIT_INTERRUPTED: INTERRUPTED,
    result_pb2.LIMIT_UNSPECIFIED: OTHER,
    result_pb2.LIMIT_UNDETERMINED: OTHER,
    result_pb2.LIMIT_ITERATION: OTHER,
    result_pb2.LIMIT_SOLUTION: OTHER,
    result_pb2.LIMIT_OBJECTIVE: OTHER,
    result_pb2.LIMIT_CUTOFF: OTHER,
    result_pb2.LIMIT_NORM: OTHER,
    result_pb2.LIMIT_SLOW_PROGRESS: OTHER,
    result_pb2.LIMIT_OTHER: OTHER,
}
VERSION = f"SCIP in ortools {version('ortools')}"


def claim_of(reason: int, limit: int) -> Claim:
    """Two words make MathOpt's status: why, and for a stop which limit."""
    claim = look_up(REASONS, reason, "scip")
    return look_up(LIMITS, limit, "scip") if claim is _STOPPED else claim


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """Minimize the negated objective; report in our sense."""
    log: list[str] = []
    interrupter = solve_interrupter.SolveInterrupter()
    reporter.on_stop(interrupter.interrupt)
    try:
        result = solver.solve(
            _model(linear),
            parameters_pb2.SOLVER_TYPE_GSCIP,
            parameters_pb2.SolverInitializerProto(),
            _parameters(request),
            _hint(request),
            log.extend,
            callback_pb2.CallbackRegistrationProto(request_registration=[callback_pb2.CALLBACK_EVENT_MIP_SOLUTION]),
            _callback(linear, reporter),
            interrupter.pybind_interrupter,
        )
    except MemoryError:
        raise
    except Exception as error:  # MathOpt raises no common type, and masks its own texts
        return Answer(
            f"{type(error).__name__}: {error}", FAILED, VERSION, detail=str(error), log_tail="\n".join(log[-80:])
        )
    why = result.termination
    claim = claim_of(why.reason, why.limit)
    values = None
    for solution in result.solutions[:1]:
        if claim.kind in ("optimal", "stopped"):
            values = _values(solution.primal_solution.variable_values, linear.n_cols)
    bound = -why.objective_bounds.dual_bound
    return Answer(
        native=f"{result_pb2.TerminationReasonProto.Name(why.reason)} {result_pb2.LimitProto.Name(why.limit)}",
        claim=claim,
        version=VERSION,
        values=values,
        bound=bound if claim.kind in ("optimal", "stopped") and abs(bound) < 1e20 else np.inf,
        detail=why.detail,
        log_tail="\n".join(log[-80:]),
        stats={"nodes": float(result.solve_stats.node_count)},
    )


def _model(linear: LinearModel) -> model_pb2.ModelProto:
    model = model_pb2.ModelProto()
    model.variables.ids.extend(range(linear.n_cols))
    model.variables.lower_bounds.extend(linear.col_lower)
    model.variables.upper_bounds.extend(linear.col_upper)
    model.variables.integers.extend(linear.integral)
    model.objective.offset = -linear.offset
    used = np.flatnonzero(linear.objective)
    model.objective.linear_coefficients.ids.extend(used)
    model.objective.linear_coefficients.values.extend(-linear.objective[used])
    model.linear_constraints.ids.extend(range(linear.n_rows))
    model.linear_constraints.lower_bounds.extend(linear.row_lower)
    model.linear_constraints.upper_bounds.extend(linear.row_upper)
    # MathOpt wants the entries of a row by rising column.
    row = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    order = np.lexsort((linear.indices, row))
    model.linear_constraint_matrix.row_ids.extend(row)
    model.linear_constraint_matrix.column_ids.extend(linear.indices[order])
    model.linear_constraint_matrix.coefficients.extend(linear.data[order])
    return model


def _parameters(request: Request) -> parameters_pb2.SolveParametersProto:
    options = request.options
    parameters = parameters_pb2.SolveParametersProto(
        threads=1,
        random_seed=options.seed % 2**31,
        relative_gap_tolerance=options.gap,
        absolute_gap_tolerance=options.abs_gap,
        presolve=parameters_pb2.EMPHASIS_UNSPECIFIED if request.presolve else parameters_pb2.EMPHASIS_OFF,
    )
    parameters.time_limit.FromMicroseconds(int(request.left_s * 1e6))
    parameters.gscip.real_params["numerics/feastol"] = request.tolerance
    if options.memory_limit_mb:
        parameters.gscip.real_params["limits/memory"] = options.memory_limit_mb
    return parameters


def _hint(request: Request) -> model_parameters_pb2.ModelSolveParametersProto:
    parameters = model_parameters_pb2.ModelSolveParametersProto()
    if request.options.start is not None:
        hint = parameters.solution_hints.add()
        hint.variable_values.ids.extend(range(len(request.options.start)))
        hint.variable_values.values.extend(request.options.start)
    return parameters


def _callback(linear: LinearModel, reporter: Reporter) -> Any:
    def on_solution(data: callback_pb2.CallbackDataProto) -> callback_pb2.CallbackResultProto:
        bound = -data.mip_stats.dual_bound
        reporter.incumbent(_values(data.primal_solution_vector, linear.n_cols), bound if bound < 1e20 else np.inf)
        return callback_pb2.CallbackResultProto()

    return on_solution


def _values(sparse: Any, n_cols: int) -> Any:
    values = np.zeros(n_cols)
    values[np.fromiter(sparse.ids, np.int64, len(sparse.ids))] = sparse.values
    return values
