"""Which rows of a model cannot all hold: elastic solves and a deletion filter, on a neutral linear program.

A *demand* is a row that asks for something and that an elastic column of its own may relieve. Everything else in the
model is structural and always kept. Whatever the demands, nothing at all satisfies the structural rows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.linear_model import LinearModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

GIVEN_WAY = 1e-6
"""An elastic column above this gives way."""
LEAST_S = 0.2
"""A probe with less time than this is not worth starting."""


@dataclass(frozen=True)
class Demands:
    """Rules that ask for something, each with an elastic column that relieves its rows.

    In units of the rule: ``weight`` of one unit given way, ``most`` that can be, ``whole`` where only whole ones can.
    Entries: what one unit of ``demand[e]`` given way adds to ``row[e]`` is ``unit[e]``.
    """

    weight: Floats
    most: Floats
    whole: Flags
    demand: Ints
    row: Ints
    unit: Floats

    def __len__(self) -> int:
        return len(self.weight)


def elastic(linear: LinearModel, demands: Demands) -> LinearModel:
    """The model with an elastic column for each demand, free of charge, and a last row: the weighted sum given way."""
    size = len(demands)
    columns = linear.n_cols + np.arange(size)
    added = np.bincount(demands.row + 1, minlength=linear.n_rows + 1)
    indptr = linear.indptr + np.cumsum(added)
    by_row = np.argsort(demands.row, kind="stable")
    ends, entry = linear.indptr[demands.row + 1][by_row], columns[demands.demand][by_row]
    return LinearModel(
        objective=np.concatenate([linear.objective, np.zeros(size)]),
        offset=linear.offset,
        col_lower=np.concatenate([linear.col_lower, np.zeros(size)]),
        col_upper=np.concatenate([linear.col_upper, demands.most]),
        integral=np.concatenate([linear.integral, demands.whole]),
        granularity=np.concatenate([linear.granularity, demands.whole.astype(np.float64)]),
        indptr=np.append(indptr, indptr[-1] + size),
        indices=np.concatenate([np.insert(linear.indices, ends, entry), columns]).astype(np.int32),
        data=np.concatenate([np.insert(linear.data, ends, demands.unit[by_row]), demands.weight]),
        row_lower=np.append(linear.row_lower, -np.inf),
        row_upper=np.append(linear.row_upper, np.inf),
        column_blocks=(),
        row_blocks=(),
    )


class Search:
    """Asks one engine which demands can hold together, until a deadline on the monotonic clock or a stop."""

    def __init__(
        self,
        server: SolveServer,
        linear: LinearModel,
        demands: Demands,
        options: SolveOptions,
        ends: float,
        stop: threading.Event | None = None,
    ) -> None:
        self.server, self.demands, self.options, self.ends, self.stop = server, demands, options, ends, stop
        self.n_cols = linear.n_cols
        self.model = elastic(linear, demands)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def least(
        self,
        kept: Iterable[int] = (),
        among: Iterable[int] | None = None,
        share: float = 1.0,
        start: Floats | None = None,
    ) -> Answered:
        """The point that gives way least while the ``kept`` demands hold; only those ``among`` count.

        ``share`` of the time that is left; ``start`` is a point that keeps the ``kept`` demands.
        """
        counted = np.zeros(len(self.demands), dtype=bool)
        counted[list(range(len(counted)) if among is None else among)] = True
        cost = np.where(counted, -self.demands.weight, 0.0)
        return self._ask(np.concatenate([np.zeros(self.n_cols), cost]), kept, share, start)

    def first(self, share: float) -> Floats | None:
        """A valuable point that heeds no demand, with what each gives way there: where a search may begin."""
        found = self._ask(self.model.objective, (), share)
        return None if found.values is None else self._giving_no_more(found.values)

    def _giving_no_more(self, values: Floats) -> Floats:
        """The point with each elastic column as low as the others allow."""
        demands, model = self.demands, self.model
        rest = np.concatenate([values[: self.n_cols], np.zeros(len(demands))])
        used = np.concatenate([[0.0], np.cumsum(model.data * rest[model.indices])])
        used = (used[model.indptr[1:]] - used[model.indptr[:-1]])[demands.row]
        above = demands.unit > 0
        missing = np.where(above, model.row_lower[demands.row] - used, used - model.row_upper[demands.row])
        way = np.zeros(len(demands))
        np.maximum.at(way, demands.demand, np.maximum(missing, 0.0) / np.maximum(np.abs(demands.unit), GIVEN_WAY))
        way = np.where(demands.whole, np.ceil(way - GIVEN_WAY), way)
        return np.concatenate([values[: self.n_cols], np.minimum(way, demands.most)])

    def best(
        self, start: Floats, kept: Iterable[int] = (), most_given_way: float = np.inf, share: float = 1.0
    ) -> Answered:
        """The most valuable point that keeps these demands and whose weighted sum given way is at most so much.

        ``start`` is such a point; ``share`` of the time that is left.
        """
        upper = self.model.row_upper.copy()
        upper[-1] = most_given_way
        return self._ask(self.model.objective, kept, share, start, sides=(self.model.row_lower, upper))

    def can_hold(self, kept: Iterable[int], lifted: Ints | None = None) -> bool | None:
        """Whether these demands can hold together, the others and the ``lifted`` rows dropped; None if undecided."""
        lower, upper = self.model.row_lower.copy(), self.model.row_upper.copy()
        if lifted is not None:
            lower[lifted], upper[lifted] = -np.inf, np.inf
        return self._ask(np.zeros(self.model.n_cols), kept, sides=(lower, upper)).possible

    def _ask(
        self,
        objective: Floats,
        kept: Iterable[int],
        share: float = 1.0,
        start: Floats | None = None,
        sides: tuple[Floats, Floats] | None = None,
    ) -> Answered:
        if self.left < LEAST_S or (self.stop is not None and self.stop.is_set()):
            return Answered(None, None, False)
        upper = self.model.col_upper.copy()
        upper[self.n_cols + np.array(list(kept), dtype=np.int64)] = 0.0
        lower, most = sides or (self.model.row_lower, self.model.row_upper)
        model = replace(self.model, objective=objective, offset=0.0, col_upper=upper, row_lower=lower, row_upper=most)
        options = replace(self.options, time_limit_s=max(share * self.left, LEAST_S), gap=0.0, start=start)
        result = self.server.solve(model, options, stop=self.stop)
        reason = result.termination.reason
        possible = True if result.values is not None else False if reason == "INFEASIBLE" else None
        return Answered(possible, result.values, reason == "OPTIMAL")

    def given_way(self, values: Floats) -> Floats:
        """How much each demand gives way at a point, 0 where that is noise; whole where only whole units are."""
        given = values[self.n_cols :]
        return np.where(given > GIVEN_WAY, np.where(self.demands.whole, np.rint(given), given), 0.0)


@dataclass(frozen=True)
class Answered:
    """Whether a point exists (None: not decided in time), the point, and whether it is proven to be the best."""

    possible: bool | None
    values: Floats | None
    proven: bool


@dataclass(frozen=True)
class Clash:
    """Demands (positions, sorted) that cannot hold together. ``irreducible``: without any one of them the rest can."""

    members: tuple[int, ...]
    irreducible: bool


def clashes(search: Search, most: int = 20) -> Iterator[Clash]:
    """Clashes that share no demand, until the demands that are left can all hold.

    All demands together are known not to hold: where there was no time to find out more, they are the clash.
    """
    every = left = list(range(len(search.demands)))
    while left and most > 0:
        found = clash_among(search, left)
        if found is None and left is every:
            found = Clash(tuple(every), irreducible=len(every) == 1)
        if found is None:
            return
        yield found
        left = [demand for demand in left if demand not in found.members]
        most -= 1


def clash_among(search: Search, demands: list[int]) -> Clash | None:
    """A clash among these demands; None if they can all hold together, or nobody could tell in time.

    First the elastic filter: whatever gives way at least cost is kept from then on, until the kept ones cannot hold.
    Few are left then, and of these every one is dropped without which the others still cannot hold.
    """
    kept: list[int] = []
    while True:
        found = search.least(kept, demands)
        if found.possible is None:
            return None
        if found.values is None:
            return _reduced(search, kept)
        giving = np.flatnonzero(search.given_way(found.values))
        more = [demand for demand in giving.tolist() if demand in set(demands) - set(kept)]
        if not more:
            return None
        kept += more


def _reduced(search: Search, kept: list[int]) -> Clash:
    """The deletion filter; what the clock leaves undecided stays in the set, which is then marked so."""
    members, decided = sorted(kept), True
    for demand in sorted(kept, reverse=True):
        rest = [member for member in members if member != demand]
        possible = search.can_hold(rest) if rest else True
        decided &= possible is not None
        if possible is False:
            members = rest
    return Clash(tuple(members), decided)
