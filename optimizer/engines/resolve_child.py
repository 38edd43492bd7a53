"""Inside the child: prices of rows by one linear relaxation, then what one unit more or fewer is worth by re-solving.

Three kinds of re-solve, each exact for the question it asks. The first two search among fewer plans than there are, so
one more unit is worth at least what they say, and one fewer costs at most that:

- fixed switches: every switch stays as in the plan. Nearly always a linear program with whole solutions.
- local: some groups are free, all else stays; a small mixed-integer program, solved to the end.
- global: everything is free; or one of the above meets what the relaxation says is the most it can be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import FIXED, GLOBAL, LOCAL, UNKNOWN, RowEffort, nothing_known
from optimizer.engines.resolve_fixed import FixedSwitches
from optimizer.engines.resolve_matrix import Program
from optimizer.engines.resolve_methods import (
    FEWER,
    IMPOSSIBLE,
    MEETS,
    MORE,
    Asked,
    KnownPrices,
    Neighbourhoods,
    Relaxation,
    Work,
)

if TYPE_CHECKING:
    from optimizer.engines.child import Emit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

WIDER = (1, 2, 4)
"""How many times the usual size a neighbourhood may have: the next is tried where the last gave no answer."""
RELAXATION_SHARE = 0.7
"""Part of the time that the relaxation may take."""


def price_rows(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], emit: Emit
) -> tuple[Arrays, dict[str, Any]]:
    """The task; see `optimizer.engines.resolve` for what goes in and out."""
    begun = time.monotonic()
    effort = RowEffort(**meta)
    problem = Program.of(arrays)
    asked = Asked(*(arrays[name] for name in ("row", "unit", "change", "is_upper", "can_fall")))
    answer, cut = nothing_known(len(asked.row)), ["relaxation", "re-solves"]
    said: dict[str, Any] = {"relaxation": None, "plan_gain": 0.0, "cut": cut}
    limit = min(effort.most_work, effort.work_base + effort.work_per_column * len(problem.columns))
    fixed = FixedSwitches(problem, asked, arrays["switch"], Work(limit, effort.nodes), effort.fixed_columns)
    answer["price"], said["plan_gain"] = fixed.price, fixed.plan_gain
    emit.incumbent(answer, said)
    relaxed: Relaxation | KnownPrices
    if len(arrays["known"]):
        relaxed = KnownPrices(problem, asked, arrays["known"])
    else:
        relaxed = Relaxation(problem, asked, RELAXATION_SHARE * effort.time_limit_s, emit)
    if relaxed.finished:
        cut.remove("relaxation")
        answer["price"], said["relaxation"] = relaxed.price, relaxed.value if np.isfinite(relaxed.value) else None
        answer["low"], answer["high"] = relaxed.ranges(effort.ranging_size)
        emit.incumbent(answer, said)
    work = Work(limit, effort.nodes)
    local = Neighbourhoods(problem, asked, arrays["group"], relaxed.reduced_cost, work, effort.local_columns)
    resolver = Resolver(fixed, local, relaxed, problem)
    top = most_money(asked, answer["price"], fixed)[: effort.top_rows]
    resolver.whole_first = int(np.count_nonzero(problem.integral)) * len(top) <= effort.global_work
    for place in top.tolist():
        if emit.stopped() or time.monotonic() - begun > effort.time_limit_s:
            return answer, said
        gain, loss, basis = resolver.values(place)
        loss = loss if asked.can_fall[place] else np.nan
        answer["gain"][place], answer["loss"][place], answer["basis"][place] = _known(gain), _known(loss), basis
        answer["impossible"][place] = (gain == IMPOSSIBLE) + 2 * (loss == -IMPOSSIBLE)
    said["plan_gain"] = fixed.plan_gain
    cut.remove("re-solves")
    return answer, said


def _known(value: float) -> float:
    return value if np.isfinite(value) else np.nan


def most_money(asked: Asked, price: Floats, fixed: FixedSwitches) -> Ints:
    """Places of the rows by money at stake: price × plausible change, then full rows, then the plan's own price."""
    stake, at_plan = np.abs(price) * asked.change, np.abs(fixed.price) * asked.change
    ranked = np.lexsort((np.arange(len(price)), -at_plan, ~fixed.is_full, -stake))
    return ranked[asked.change[ranked] > 0]


class Resolver:
    """Chooses for each row the re-solve that can answer it."""

    def __init__(
        self, fixed: FixedSwitches, local: Neighbourhoods, relaxed: Relaxation | KnownPrices, problem: Program
    ) -> None:
        self.asked, self.fixed, self.local, self.relaxed = fixed.asked, fixed, local, relaxed
        self.whole_first = False
        self.open = relaxed.value - float(problem.objective @ problem.values) if relaxed.finished else np.inf
        """How much better than the plan any plan could be: relaxation − value."""

    def values(self, place: int) -> tuple[float, float, int]:
        """Gain of one more unit, loss of one fewer, how both were found; nan where unknown, ∓inf where impossible."""
        gain, loss, basis = np.nan, np.nan, FIXED
        if not self.fixed.has_switch[place]:
            gain = self.fixed.value(place, MORE)
            loss = -self.fixed.value(place, FEWER) if self.asked.can_fall[place] else 0.0
        known = not (np.isnan(gain) or np.isnan(loss))
        if self._is_met(place, gain, loss):
            return gain, loss, GLOBAL
        if known and not self.whole_first:
            return gain, loss, FIXED
        for times in WIDER:
            more, fewer, basis = self._by_neighbourhood(place, times)
            if basis != UNKNOWN or known:
                break
        if basis == UNKNOWN:
            return (gain, loss, FIXED) if known else (np.nan, np.nan, UNKNOWN)
        # each search found a plan: the better one is nearer the truth
        return np.fmax(gain, more), np.fmin(loss, fewer), basis

    def _is_met(self, place: int, gain: float, loss: float) -> bool:
        """Whether no plan at all can gain more or lose less: both meet the limits that the relaxation's price sets."""
        price = float(self.relaxed.price[place])
        falls = not self.asked.can_fall[place] or loss <= price - self.open + MEETS
        return gain >= price + self.open - MEETS and falls

    def _by_neighbourhood(self, place: int, times: int) -> tuple[float, float, int]:
        columns, basis = self.local.around(place, times)
        more = self.local.value(place, MORE, columns)
        fewer = self.local.value(place, FEWER, columns) if self.asked.can_fall[place] else 0.0
        looser = more if self.asked.is_upper[place] else fewer
        base = 0.0 if looser == 0.0 else self.local.value(place, 0, columns)  # above 0: the plan could be bettered
        gain, loss = more - base, base - fewer
        if basis == LOCAL:  # what was kept as it is may be all that stands in the way
            gain = gain if gain != IMPOSSIBLE or not self.relaxed.possible(place, MORE) else np.nan
            loss = loss if loss != -IMPOSSIBLE or not self.relaxed.possible(place, FEWER) else np.nan
        return gain, loss, UNKNOWN if np.isnan(gain) or np.isnan(loss) else basis
