"""Which engine to take when nobody asked for one."""

from __future__ import annotations

from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel

ENGINES = ("highs", "scip", "cpsat", "cbc", "decompose")
KNOWN = ("auto", *ENGINES)
SMALL = 10_000
"""Up to so many whole columns HiGHS finds and proves most (measured: docs/engines.md)."""
SCIP_PER_SECOND = 500
"""Above that SCIP finds better plans, but only if it gets through its first relaxation: whole columns a second."""


def choose_engine(linear: LinearModel | None, requested: str = "auto", time_limit_s: float = 60.0) -> tuple[str, str]:
    """The engine to use and why, in words for the report. ``linear`` may be None when an engine is named."""
    if requested in ENGINES:
        return requested, f"{requested}: as asked"
    if requested != "auto" or linear is None:
        raise UsageError(f"there is no engine {requested!r}; the engines are {', '.join(KNOWN)}")
    whole = int(linear.integral.sum())
    size = f"{linear.n_rows:,} rows, {whole:,} integers"
    if not whole:
        return "highs", f"highs: {size}: a linear program"
    if whole <= SMALL:
        return "highs", f"highs: {size}: at most {SMALL:,}, where it finds and proves most"
    most = int(SCIP_PER_SECOND * time_limit_s)
    if whole <= most:
        return "scip", f"scip: {size}: above {SMALL:,}, where it finds better plans"
    return "highs", f"highs: {size}: above {most:,}, too many for scip within {time_limit_s:g} s"
