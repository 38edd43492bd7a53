"""What a row's right-hand side is worth: one linear relaxation and many small re-solves, in one child process.

The parent's side. Like every engine it sees a matrix: columns belong to groups (in the product: orders), some of them
are switches that a plan has set, and some rows are to be priced. What happens in the child is in ``resolve_child.py``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.idle import HIGHS, child_of
from optimizer.engines.worker import ChildOutcome
from optimizer.model.linear_model import LinearModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNKNOWN, FIXED, LOCAL, GLOBAL = range(4)
"""How a row's values were obtained: not at all; all switches as in the plan; some groups free; everything free."""

TASK = "optimizer.engines.resolve_child:price_rows"


@dataclass(frozen=True)
class RowQuestion:
    """Which rows are to be priced, and how.

    ``row``: its position, ascending. ``unit``: what one more business unit adds to the row's bound. ``change``: how
    many units might plausibly be added, for ranking; 0 asks for the price alone. ``is_upper``: whether its upper bound
    is the right-hand side (else its lower one). ``can_fall``: whether one unit less makes sense. ``switch``: columns
    that a re-solve at fixed switches keeps. ``group``: of each column, -1 for none. ``values``: a plan that keeps all
    rows. ``known``: prices per unit that an engine has found already, in place of the relaxation; empty if none.
    """

    row: Ints
    unit: Floats
    change: Floats
    is_upper: Flags
    can_fall: Flags
    switch: Flags
    group: Ints
    values: Floats
    known: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class RowEffort:
    """Limits. Only ``time_limit_s`` is a clock; the rest are counts, so that answers repeat.

    ``top_rows`` are re-solved. Mixed-integer re-solves have at most ``fixed_columns`` columns at fixed switches,
    ``local_columns`` whole-number columns elsewhere, and branch at most ``nodes`` times. Each of the two kinds may
    spend work, counted as simplex iterations + columns of its programs, up to ``work_base + work_per_column · columns``
    of the model, at most ``most_work``. Models with at most ``global_work`` = whole-number columns × rows are re-solved
    whole. ``ranging_size``: rows + columns up to which ranges are computed.
    """

    time_limit_s: float
    top_rows: int = 200
    fixed_columns: int = 2_000
    local_columns: int = 80
    nodes: int = 100
    work_base: int = 3_000
    work_per_column: int = 16
    most_work: int = 120_000
    global_work: int = 1_000
    ranging_size: int = 400_000


@dataclass(frozen=True)
class RowValues:
    """Per row asked: ``price`` (change of the relaxation's value per unit), where it holds (``low`` to ``high``, in
    units), ``gain`` and ``loss`` (value of one more, cost of one fewer; nan if unknown), ``basis`` and ``impossible``
    (bit 1: no plan with one more is possible, bit 2: with one fewer).

    ``relaxation`` bounds the value from above, +inf if it was not finished; then ``price`` is that of fixed switches.
    ``plan_gain``: how much better the plan could be at its own switches. ``cut`` names what the clock cut short.
    """

    price: Floats
    low: Floats
    high: Floats
    gain: Floats
    loss: Floats
    basis: Ints
    impossible: Ints
    relaxation: float
    plan_gain: float
    ended: str
    cut: tuple[str, ...]
    known: bool = False

    @property
    def price_basis(self) -> str:
        """Where the prices are from: the relaxation, an engine's own (`known`), or the plan's own switches alone."""
        if self.known:
            return "lagrangian"
        return "lp_relaxation" if np.isfinite(self.relaxation) else "incomplete"


def price_rows(
    linear: LinearModel,
    question: RowQuestion,
    effort: RowEffort,
    *,
    threads: int = 1,
    memory_limit_mb: int | None = None,
    stop: threading.Event | None = None,
) -> RowValues:
    """Ask the child; whatever becomes of it, there is an answer (prices 0 and nothing known, at worst)."""
    if linear.n_cols == 0:  # nothing to decide, nothing to ask
        return _answer(ChildOutcome("finished", meta={"relaxation": 0.0, "cut": []}), len(question.row), linear.offset)
    arrays: dict[str, NDArray[Any]] = {
        **linear.arrays,
        **{name: getattr(question, name) for name in RowQuestion.__dataclass_fields__},
    }
    meta = {name: getattr(effort, name) for name in RowEffort.__dataclass_fields__}
    with child_of(HIGHS, threads=threads, memory_limit_mb=memory_limit_mb) as child:
        outcome = child.run(TASK, arrays, meta, wall_limit_s=effort.time_limit_s, stop=stop)
    answer = _answer(outcome, len(question.row), linear.offset, len(question.known) > 0)
    return replace(answer, price=question.known) if answer.known else answer  # they do not hang on the child


def _answer(outcome: ChildOutcome, size: int, offset: float, is_known: bool = False) -> RowValues:
    known = outcome.arrays or nothing_known(size)
    meta = outcome.meta
    relaxation = meta.get("relaxation")
    return RowValues(
        price=known["price"],
        low=known["low"],
        high=known["high"],
        gain=known["gain"],
        loss=known["loss"],
        basis=known["basis"],
        impossible=known["impossible"],
        relaxation=np.inf if relaxation is None else float(relaxation) + offset,
        plan_gain=float(meta.get("plan_gain", 0.0)),
        ended=outcome.ended,
        cut=tuple(meta.get("cut", ("relaxation", "re-solves"))),
        known=is_known,
    )


def nothing_known(size: int) -> dict[str, NDArray[Any]]:
    """The answer before anything was asked: prices 0, everything else unknown."""
    unknown = dict.fromkeys(("low", "high", "gain", "loss"))
    return {
        "price": np.zeros(size),
        **{name: np.full(size, np.nan) for name in unknown},
        "basis": np.full(size, UNKNOWN, dtype=np.int64),
        "impossible": np.zeros(size, dtype=np.int64),
    }
