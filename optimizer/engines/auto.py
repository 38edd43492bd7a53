"""Which engine to take when nobody asked for one."""

from __future__ import annotations

from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel

ENGINES = ("highs", "scip", "cpsat", "cbc")
KNOWN = ("auto", *ENGINES, "decompose")


def choose_engine(linear: LinearModel | None, requested: str) -> tuple[str, str]:
    """The engine to use and why, in words for the report. ``linear`` may be None when a name is given."""
    if requested == "decompose":
        raise UsageError("the engine decompose is not available yet; use auto, highs, scip, cpsat or cbc")
    if requested in ENGINES:
        return requested, f"{requested}: as asked"
    if requested != "auto" or linear is None:
        raise UsageError(f"there is no engine {requested!r}; the engines are {', '.join(KNOWN)}")
    return "highs", "highs: the default"
