"""The truth table: every native status of every engine, with and without a point, and what may be said of it."""

from __future__ import annotations

from typing import Any

import pytest

from optimizer.engines import adapter, cbc, cpsat, highs, scip
from optimizer.engines.adapter import Claim, conclude, look_up
from optimizer.errors import EngineError

PROOFS = {
    "highs": {"kOptimal": "optimal", "kInfeasible": "infeasible", "kUnbounded": "unbounded"},
    "scip": {"OPTIMAL": "optimal", "INFEASIBLE": "infeasible", "UNBOUNDED": "unbounded"},
    "cpsat": {"OPTIMAL": "optimal", "INFEASIBLE": "infeasible"},
    "cbc": {
        "Optimal": "optimal",
        "Infeasible": "infeasible",
        "Integer infeasible": "infeasible",
        "Problem is infeasible - tightenPrimalBounds!": "infeasible",
        "Unbounded": "unbounded",
    },
}
"""The only native statuses that claim a proof; all others are stops or failures."""


def natives() -> list[tuple[str, str, Claim]]:
    """Every status that the installed versions know, from the engines' own lists, and what we make of it."""
    import highspy
    from ortools.math_opt import result_pb2
    from ortools.sat.python import cp_model_helper

    cells = [
        ("highs", name, look_up(highs.TABLE, status, "highs"))
        for name, status in highspy.HighsModelStatus.__members__.items()
        if name not in ("kMin", "kMax")
    ]
    for reason, number in result_pb2.TerminationReasonProto.items():
        for limit, code in result_pb2.LimitProto.items():
            name = reason.removeprefix("TERMINATION_REASON_")
            cells.append(("scip", name if code == 0 else f"{name} {limit}", scip.claim_of(number, code)))
    for name, status in cp_model_helper.CpSolverStatus.__members__.items():
        for late in (False, True):
            for stopped in (False, True):
                cells.append(("cpsat", name, cpsat.claim_of(status, late, stopped)))
    cells += [("cbc", status, look_up(cbc.TABLE, status, "cbc")) for status in cbc.TABLE]
    return cells


@pytest.mark.parametrize(("engine", "native", "claim"), natives(), ids=lambda cell: str(cell))
def test_every_status_means_what_it_says_and_no_more(engine: str, native: str, claim: Claim) -> None:
    proof = PROOFS[engine].get(native.split(" LIMIT_")[0])
    assert (claim.kind if claim.kind in ("optimal", "infeasible", "unbounded") else None) == proof
    assert (claim.limit != "") == (claim.kind == "stopped")
    for has_point in (False, True):
        reason = conclude(claim, has_point).reason
        if reason == "OPTIMAL":
            assert (proof, has_point) == ("optimal", True)
        if reason in ("INFEASIBLE", "UNBOUNDED"):
            assert (proof, has_point) == (reason.lower(), False)
        if claim.kind == "stopped":
            assert reason == ("FEASIBLE" if has_point else "NO_SOLUTION")
        if claim.kind == "failed" or ((proof == "optimal") != has_point and proof):
            assert reason == "ERROR"


def test_limits_keep_their_names() -> None:
    import highspy
    from ortools.math_opt import result_pb2

    status = highspy.HighsModelStatus
    expected = {
        status.kTimeLimit: "time",
        status.kMemoryLimit: "memory",
        status.kInterrupt: "interrupted",
        status.kHighsInterrupt: "interrupted",
        status.kSolutionLimit: "node",
    }
    assert {native: highs.TABLE[native].limit for native in expected} == expected
    stop = result_pb2.TERMINATION_REASON_NO_SOLUTION_FOUND
    assert scip.claim_of(stop, result_pb2.LIMIT_TIME).limit == "time"
    assert scip.claim_of(stop, result_pb2.LIMIT_MEMORY).limit == "memory"
    assert scip.claim_of(stop, result_pb2.LIMIT_INTERRUPTED).limit == "interrupted"
    assert cbc.TABLE["Stopped on time"].limit == "time"


@pytest.mark.parametrize(
    ("table", "engine"), [(highs.TABLE, "highs"), (scip.REASONS, "scip"), (cpsat.TABLE, "cpsat"), (cbc.TABLE, "cbc")]
)
def test_an_unknown_status_is_an_error_in_the_engines_own_words(table: dict[Any, Claim], engine: str) -> None:
    with pytest.raises(EngineError, match=f"{engine}.*Stopped on a whim"):
        look_up(table, "Stopped on a whim", engine)


def test_only_conclude_makes_a_termination() -> None:
    """No adapter decides alone: the word OPTIMAL as a reason appears in no adapter."""
    for module in (highs, scip, cpsat, cbc):
        assert not hasattr(module, "Termination")
    assert adapter.conclude is conclude
