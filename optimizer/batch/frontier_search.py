"""Where the frontier runs: the best of one KPI at ever other levels of the other, by the epsilon-constraint method.

Both KPIs are turned so that more is better: u along, v up. A climb to a level asks for the best v of all plans with
u ≥ level, and then for the best u of all plans with that v; so what it finds is dominated by nothing, not even weakly.
Its bound holds from the level on. Between two neighbours L and R nothing is unknown but the box u(L) < u < limit,
v(R) < v: each further climb begins in the middle of the largest box, and either finds a point or halves the box. After
two climbs in vain it begins right beyond L, which finds the next point or closes the box: so a frontier of few points
is found whole, and one of many is cut evenly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import TracebackType

import numpy as np

from optimizer.batch.frontier_axes import Axis
from optimizer.engines.base import SolveServer, choose_engine
from optimizer.engines.result import Progress
from optimizer.errors import EngineError
from optimizer.model.build import build_model
from optimizer.model.goals import OBJECTIVE, StageRow, floor_rows
from optimizer.scenario.schema import Objective, Scenario, Stage
from optimizer.solution.extract import plan_from_values
from optimizer.solution.ledger import Ledger
from optimizer.solution.optimize import options_of
from optimizer.solution.plan import Plan
from optimizer.solution.stages import rounded_down
from optimizer.tables.tables import Tables

WEIGHTED = Axis(OBJECTIVE, OBJECTIVE, "money", Fraction(1), Fraction(1, 100))
CLIMBS_SOLVES = 2
"""Solves of one climb, which share the time limit."""
LEAST_ENDS = 2
VAIN_CLIMBS = 2
"""Climbs into one box that may find nothing before the next one begins right beyond its left end."""


@dataclass(frozen=True)
class Found:
    """A plan and what it reaches, more being better on both axes."""

    u: Fraction
    v: Fraction
    plan: Plan


@dataclass(frozen=True)
class Climb:
    """What a climb proved: no plan with u ≥ ``level`` (None: no plan at all) exceeds ``bound`` in v (None: unknown)."""

    level: Fraction | None
    bound: Fraction | None
    engine: str
    termination: str


@dataclass
class Box:
    """What is unknown between two neighbours: u above that of ``left`` and below ``limit``, v above ``right``'s."""

    left: Found
    right: Found
    limit: Fraction
    vain: int = 0

    @property
    def area(self) -> Fraction:
        return max(self.limit - self.left.u, Fraction(0)) * max(self.left.v - self.right.v, Fraction(0))


@dataclass
class Search:
    """The climbs of one frontier; engines stay in their processes until the search is closed."""

    tables: Tables
    scenario: Scenario
    x: Axis
    y: Axis
    stop: threading.Event
    on_progress: Callable[[Progress], None] | None = None
    climbs: list[Climb] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    most: Fraction | None = None
    """what no plan's u exceeds; None: unknown"""

    def __post_init__(self) -> None:
        stages = tuple(Stage(kpi=axis.kpi, sense=axis.sense) for axis in (self.y, self.x))
        self.floors = floor_rows(self.scenario)
        objective = Objective(mode="lexicographic", stages=stages)
        self.staged = self.scenario.model_copy(update={"objective": objective})
        self._engines = ExitStack()
        self._servers: dict[str, SolveServer] = {}

    def __enter__(self) -> Search:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engines.close()

    # -- the walk -------------------------------------------------------------------------------------------------
    def points(self, most: int) -> Iterator[Found]:
        """Points as they are found, both ends first, at most so many; none if no plan was found at all.

        The best plan by the weighted objective comes before: not a point, but the plan that both ends start from.
        Stopping early leaves the boxes that were not looked into.
        """
        ends = self._ends()
        if len(ends) < LEAST_ENDS:
            yield from ends
            return
        first, last = ends
        yield from ends
        self.boxes.append(Box(first, last, last.u))
        known = len(ends)
        while known < most and self.boxes and not self.stop.is_set():
            box = max(self.boxes, key=lambda each: each.area)
            found = self._look_into(box)
            if found is not None:
                known += 1
                yield found

    def _ends(self) -> list[Found]:
        """The best v and the best u of all plans; one point where one plan is both, none where no plan was found."""
        start, *_ = self._best(WEIGHTED, self.floors, None, share=1)
        first = self._climb(None, start, None)
        if first is None:
            return []
        last = self._far_end([first.plan] if start is None else [start, first.plan])
        if last is not None and last.v > first.v:  # the first was cut short: once more, from there
            first = self._climb(None, last.plan, None) or last
        if last is None or last.u - first.u < self.x.step:
            return [first]
        return [last] if last.v >= first.v else [first, last]

    def _far_end(self, starts: list[Plan]) -> Found | None:
        """The best u of all plans, and of those the best v."""
        start = max(starts, key=lambda plan: self._reached(plan).u)
        plan, most, self.most, _ = self._best(self.x, self.floors, start)
        return None if plan is None else self._climb(most, plan, None)

    def _look_into(self, box: Box) -> Found | None:
        """One climb into a box: the point it found, or None with the box made smaller; a box that is known goes."""
        self.boxes.remove(box)
        beyond = box.left.u + self.x.step / 2
        if box.limit - box.left.u <= self.x.step or not box.area:
            return None
        middle = rounded_down((box.left.u + box.limit) / 2)
        level = beyond if box.vain >= VAIN_CLIMBS else max(middle, beyond)
        found = self._climb(level, box.right.plan, box.right.v)
        if found is None:
            self.boxes.append(Box(box.left, box.right, level, box.vain + 1))
            return None
        self.boxes += [Box(box.left, found, level), Box(found, box.right, box.limit)]
        return found

    # -- one climb ------------------------------------------------------------------------------------------------
    def _climb(self, level: Fraction | None, start: Plan | None, beat: Fraction | None) -> Found | None:
        """The best v from a level of u on, if it beats what is known there, and of its plans the best u."""
        rows = self.floors if level is None else (*self.floors, self.x.row(level))
        plan, v, bound, (engine, ended) = self._best(self.y, rows, start)
        self.climbs.append(Climb(level, bound if bound is None or beat is None else max(bound, beat), engine, ended))
        if plan is None or (beat is not None and v <= beat):
            return None
        further, _, _, _ = self._best(self.x, (*rows, self.y.row(v)), plan)
        points = [self._reached(each) for each in (plan, further) if each is not None]
        best = max((each for each in points if each.v >= v), key=lambda each: (each.u, each.v))
        return best if level is None or best.u * self.x.scale >= rounded_down(level * self.x.scale) else None

    def _reached(self, plan: Plan) -> Found:
        ledger = Ledger(self.tables, self.scenario, plan)
        return Found(self.x.good(ledger), self.y.good(ledger), plan)

    def _best(
        self, axis: Axis, rows: tuple[StageRow, ...], start: Plan | None, share: int = CLIMBS_SOLVES
    ) -> tuple[Plan | None, Fraction, Fraction | None, tuple[str, str]]:
        """The plan that makes a KPI best under the rows, its value, what no plan exceeds, and who says so, and how.

        Within a ``share``-th of the scenario's time limit.
        """
        model = build_model(self.tables, self.staged, 0, rows, (axis.kpi, axis.sense))
        options = options_of(model, start)
        options = replace(options, time_limit_s=options.time_limit_s / share)
        settings = self.scenario.solve
        engine, _ = choose_engine(model.linear, settings.engine, options.time_limit_s, to_the_end=True)
        if engine not in self._servers:
            server = SolveServer(engine, threads=settings.threads, memory_limit_mb=settings.memory_limit_mb)
            self._servers[engine] = self._engines.enter_context(server)
        result = self._servers[engine].solve(model.linear, options, self.on_progress, self.stop)
        ended = result.termination
        if ended.reason in ("ERROR", "UNBOUNDED"):
            raise EngineError(f"{engine} ended a climb with {ended.reason}: {ended.detail}")
        said = engine, ended.reason
        bound = Fraction(repr(float(result.best_bound))) / axis.scale if np.isfinite(result.best_bound) else None
        if result.values is None:
            return None, Fraction(0), bound, said
        plan = plan_from_values(model, result.values)
        value = axis.good(Ledger(self.tables, self.scenario, plan))
        return plan, value, None if bound is None else _settled(bound, value), said

    def bounds(self) -> list[tuple[Fraction | None, Fraction | None]]:
        """From which level of u on no plan exceeds which v."""
        return [(climb.level, climb.bound) for climb in self.climbs]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to look into; that all was proven is another question."""
        return not self.stop.is_set() and all(
            box.limit - box.left.u <= self.x.step or not box.area for box in self.boxes
        )


NOISE = Fraction(1, 10**9)
"""Relative distance of a bound from the value that doubles explain."""


def _settled(bound: Fraction, value: Fraction) -> Fraction:
    """A bound, which is the value itself where only rounding lies between them."""
    return value if bound - value <= NOISE * max(abs(value), Fraction(1)) else bound
