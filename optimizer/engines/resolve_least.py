"""What would fill a row that a plan leaves short: the least rise of another row's bound, or of the pay for filling it.

The parent's side. Like every engine it sees a matrix: one row is the target (it counts what the plan gives of
something wanted, up to a total), some rows are kept (they count what others were given and may not lose), and some
bounds might rise. What happens in the child is in ``resolve_least_child.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.idle import HIGHS, dismiss, hire
from optimizer.model.linear_model import LinearModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TASK = "optimizer.engines.resolve_least_child:least_changes"


@dataclass(frozen=True)
class Rises:
    """Bounds that might rise: rise ``of_row[i]`` moves the upper bound of row ``row[i]`` by ``unit[i]`` each step.

    ``most``: the most steps of each rise that are of interest. Of rises of one ``kind`` those with fewest steps are.
    """

    row: Ints
    unit: Floats
    of_row: Ints
    most: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.most)


@dataclass(frozen=True)
class LeastQuestion:
    """One program and what is wanted of it.

    ``values``: a point that keeps all rows. ``target``: the row to be filled up to ``total``; below it the row is at
    most ``rest``. ``value_row``: a row without bounds that holds the objective. ``pay``: what one step of pay adds to
    the objective for each unit of the target row. ``kept``: rows whose lower bounds hold for every answer, except where
    something is outbid. ``brief``: nothing rises and nothing is paid; all that is asked is whether the target can be
    filled, and whether that is worth no less than not filling it.
    """

    values: Floats
    target: int
    value_row: int
    total: float
    rest: float
    pay: float
    kept: Ints
    rises: Rises
    brief: bool = False


@dataclass(frozen=True)
class Filled:
    """How ``rises``, pairs (rise, steps), fill the target. Values are changes of the objective against the plan.

    The steps are the ``fewest`` that make it possible, or else those that make it worth as much as the plan. ``full``:
    the best value with the target filled. ``pay``: the fewest steps of pay that make filling it at least as good as not
    filling it; None if more than pay is in the way (or pay counts for nothing). ``gains``: what kept rows get more in
    the best point that does not fill the target, by their place in ``kept``.
    """

    rises: tuple[tuple[int, int], ...]
    fewest: bool
    full: float
    pay: int | None
    gains: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class LeastAnswer:
    """``base``: the best value with nothing changed and all rows kept; nan if that much is not known, or not asked.

    ``filled``: the ways to fill the target; the first is without rises where no bound has to rise. ``outbid``: the
    fewest steps of pay that fill the target where the kept rows are free to lose; None if not found. ``losers``: what
    they then lose, by their place in ``kept``. ``complete``: every question found its answer within the work.
    """

    base: float
    filled: tuple[Filled, ...]
    outbid: int | None
    losers: tuple[tuple[int, int], ...]
    complete: bool


class LeastSolver:
    """One child process that answers questions one after another, within limits of work and of time.

    ``work`` is counted as in `optimizer.engines.resolve.RowEffort`: what is left of it after each answer; one question
    may use ``each`` of it at most.
    """

    def __init__(
        self, *, work: int, each: int, nodes: int, memory_limit_mb: int | None, stop: threading.Event | None
    ) -> None:
        self.work, self.each, self.nodes, self.stop = work, each, nodes, stop
        self.child = hire(HIGHS, memory_limit_mb=memory_limit_mb)

    def __enter__(self) -> LeastSolver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        dismiss(HIGHS, self.child)

    def ask(self, linear: LinearModel, question: LeastQuestion, wall_limit_s: float) -> LeastAnswer | None:
        """The answer; None if the child was cut short."""
        arrays: dict[str, NDArray[Any]] = {
            **linear.arrays,
            "values": question.values,
            "kept": question.kept,
            "rise_row": question.rises.row,
            "rise_unit": question.rises.unit,
            "rise_of_row": question.rises.of_row,
            "rise_most": question.rises.most,
            "rise_kind": question.rises.kind,
        }
        meta = {name: getattr(question, name) for name in ("target", "value_row", "total", "rest", "pay", "brief")}
        allowed = min(self.work, self.each)
        meta |= {"work": allowed, "nodes": self.nodes}
        outcome = self.child.run(TASK, arrays, meta, wall_limit_s=wall_limit_s, stop=self.stop)
        if outcome.ended != "finished":
            self.work = 0
            return None
        self.work -= allowed - int(outcome.meta["work"])
        return _answer(outcome.meta)


def _answer(meta: Mapping[str, Any]) -> LeastAnswer:
    base = meta["base"]
    return LeastAnswer(
        base=np.nan if base is None else float(base),
        filled=tuple(
            Filled(_pairs(one["rises"]), one["fewest"], one["full"], one["pay"], _pairs(one["gains"]))
            for one in meta["filled"]
        ),
        outbid=meta["outbid"],
        losers=_pairs(meta["losers"]),
        complete=bool(meta["complete"]),
    )


def _pairs(rows: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(place), int(amount)) for place, amount in rows)
