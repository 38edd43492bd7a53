"""Which engine to take when nobody asked for one."""

from __future__ import annotations

from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel

ENGINES = ("highs", "scip", "cpsat", "cbc")
"""Engines that take any mixed-integer program."""
OWN = "decompose"
"""Ours: for programs in which many orders share few rows."""
RULES = "rules"
"""No engine at all: orders in their turn (`optimizer.solution.rule_plan`). Only ever taken when asked for."""
KNOWN = ("auto", *ENGINES, OWN)
SMALL, LARGE = 1_500, 10_000
"""Up to so many whole columns HiGHS finds and proves most: of models that suit our own engine, and of any."""
SCIP_PER_SECOND = 500
"""Above that SCIP finds better plans, but only if it gets through its first relaxation: whole columns a second."""


COLUMNS = frozenset(
    {"ship_qty", "open_shipment", "charge_topup", "line_full", "order_full", "line_used", "contract_shortfall"}
)
"""Families of columns that our own engine is good at; others it refuses, or has no moves for."""
ROWS = frozenset(
    {
        "line_demand", "shipment_link", "line_link", "delivery_policy", "min_fill", "max_shipments", "service_full",
        "minimum_charge",
    }
)  # fmt: skip
"""Families of an order's own rows that its orders can hold."""


UNSUITED = frozenset(
    {"objective_stage", "service_floor", "fair_share", "fair_level", "warehouse_opening", "transfer_source"}
)
"""Families of shared rows for which its search has no moves, or that ask for more than a small gap."""


def ships(linear: LinearModel) -> bool:
    """Whether this is a model of orders, and not any program."""
    return len(linear.columns("ship_qty")) > 0


def decomposes(linear: LinearModel) -> bool:
    """Whether our own engine takes this program and is good at it, as its families say."""
    shared = {block.family for block in linear.row_blocks if block.coupling}
    if shared & UNSUITED or len(linear.rows("contract_minimum")) > len(linear.columns("contract_shortfall")):
        return False
    own = {block.family for block in linear.row_blocks if not block.coupling and not block.redundant}
    columns = {block.family for block in linear.column_blocks}
    return ships(linear) and columns <= COLUMNS and own <= ROWS


def choose_engine(
    linear: LinearModel | None, requested: str = "auto", time_limit_s: float = 60.0, *, to_the_end: bool = False
) -> tuple[str, str]:
    """The engine to use and why, in words for the report. ``linear`` may be None when an engine is named.

    ``to_the_end``: later solves rest on this one's optimum, so an engine is wanted that can prove it by branching.
    """
    if requested in (*ENGINES, OWN):
        return requested, f"{requested}: as asked"
    if requested != "auto" or linear is None:
        raise UsageError(f"there is no engine {requested!r}; the engines are {', '.join(KNOWN)}")
    whole = int(linear.integral.sum())
    size = f"{linear.n_rows:,} rows, {whole:,} integers"
    if not to_the_end and whole > SMALL and decomposes(linear):
        return OWN, f"{OWN}: {size}: above {SMALL:,}, in orders that share few rows"
    if not to_the_end and whole > LARGE and ships(linear):
        return OWN, f"{OWN}: {size}: above {LARGE:,}, where it finds better plans whatever the rules"
    if not whole:
        return "highs", f"highs: {size}: a linear program"
    if whole <= LARGE:
        return "highs", f"highs: {size}: at most {LARGE:,}, where it finds and proves most"
    most = int(SCIP_PER_SECOND * time_limit_s)
    if whole <= most:
        return "scip", f"scip: {size}: above {LARGE:,}, where it finds better plans"
    return "highs", f"highs: {size}: above {most:,}, too many for scip within {time_limit_s:g} s"
