"""How much of the change in each KPI is due to each change of the input: Shapley values by re-solving combinations.

A change's share is what it adds to a KPI, averaged over the orders in which the changes could have been made. Up to
`EXACT_CHANGES` changes all orders are taken; beyond, seeded random orders, each together with its reverse, and the
standard error of the average is stated. Every order runs from the published plan of the baseline to that of the run,
so the shares add up to the published difference exactly, however many orders are taken.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from math import sqrt
from pathlib import Path

from optimizer.batch.attribution_mixture import Mixture
from optimizer.batch.compare_run import VALUE, RunFolder
from optimizer.errors import AllotError, UsageError
from optimizer.model.build import build_model
from optimizer.proof.verdict import loaded_inputs
from optimizer.report.compare import Attribution, Share
from optimizer.report.compare_words import apportioned
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis_of
from optimizer.solution.stages import optimize_in_stages
from optimizer.warm_start import read_plan

EXACT_CHANGES = 4
"""Most changes of which every combination is solved: 14 solves beside the two published plans."""

PLACES = 12
"""Decimals of a share; published figures have no more, so that shares add up to them to the last digit."""

Choice = frozenset[int]
Figures = Mapping[str, Fraction | None]


@dataclass(frozen=True)
class Effort:
    """``orders``: random orders beyond `EXACT_CHANGES` changes (rounded up to pairs), drawn by ``seed``.

    ``time_limit_s``: seconds for each solve in place of the run's own limit; None keeps that.
    """

    orders: int = 20
    seed: int = 0
    time_limit_s: float | None = None
    inputs: Path | None = None
    observe: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Solved:
    """The figures of one combination, and the money by which a better plan of it might exceed this one."""

    figures: Figures
    gap: Fraction | None
    canonical: bool


def attribute(baseline: RunFolder, run: RunFolder, effort: Effort) -> Attribution:
    """The shares of every change between two published runs, or why there are none."""
    try:
        mixture = _mixture(baseline, run, effort)
        if not mixture.pieces:
            return Attribution(run.label, refused="nothing that was asked differs; what differs is how it was solved")
        combinations = _Combinations(mixture, baseline, run, effort)
        orders = orders_of(len(mixture.pieces), effort)
        combinations.solve(orders)
    except AllotError as error:
        return Attribution(run.label, refused=str(error).splitlines()[0])
    changes = tuple(piece.words for piece in mixture.pieces)
    known = [name for name, value in baseline.kpis.items() if value is not None]
    shares = {
        kpi: shares_of(kpi, changes, orders, combinations.known)
        for kpi in known
        if all(solved.figures.get(kpi) is not None for solved in combinations.known.values())
    }
    return Attribution(run.label, changes, shares, _basis(len(changes), len(orders), combinations))


def _mixture(baseline: RunFolder, run: RunFolder, effort: Effort) -> Mixture:
    """What lies between the inputs of two runs, which must still be those of the runs."""
    loaded = []
    for each in (baseline, run):
        if not each.has_plan:
            raise UsageError(f"{each.label} holds no plan")
        if each.run.get("softened"):
            raise UsageError(f"{each.label} was planned with hard rules lowered, which is no change of its scenario")
        loaded.append(loaded_inputs(each.path, effort.inputs)[1])
    return Mixture(*loaded)


def orders_of(size: int, effort: Effort) -> list[tuple[int, ...]]:
    """The orders in which the changes are made: all of them, or random ones in pairs of opposites."""
    if size <= EXACT_CHANGES:
        return list(permutations(range(size)))
    source = random.Random(effort.seed)
    pairs = [tuple(source.sample(range(size), size)) for _ in range(max((effort.orders + 1) // 2, 2))]
    return [order for pair in pairs for order in (pair, pair[::-1])]


class _Combinations:
    """What each combination of the changes comes to, solved once; the first and the last are the published plans."""

    def __init__(self, mixture: Mixture, baseline: RunFolder, run: RunFolder, effort: Effort) -> None:
        self._mixture, self._effort, self._folders = mixture, effort, (baseline.path, run.path)
        self._all = frozenset(range(len(mixture.pieces)))
        self.known: dict[Choice, Solved] = {
            choice: Solved(each.kpis, each.open_gap, each.run.get("tie_break") == "canonical")
            for choice, each in ((frozenset[int](), baseline), (self._all, run))
        }

    def solve(self, orders: Sequence[tuple[int, ...]]) -> None:
        """Every combination that the orders pass through."""
        wanted = {frozenset(order[:stop]) for order in orders for stop in range(1, len(order))}
        todo = sorted(wanted - self.known.keys(), key=lambda choice: (len(choice), sorted(choice)))
        for number, choice in enumerate(todo, start=1):
            self._effort.observe(f"combination {number} of {len(todo)}: {self._mixture.words(choice)}")
            self.known[choice] = self._solved(choice)

    def _solved(self, choice: Choice) -> Solved:
        tables, scenario = self._mixture.build(choice)
        if self._effort.time_limit_s is not None:
            limit = {"time_limit_s": self._effort.time_limit_s}
            scenario = scenario.model_copy(update={"solve": scenario.solve.model_copy(update=limit)})
        model = build_model(tables, scenario)
        nearer = self._folders[2 * len(choice) > len(self._all)]
        answer = optimize_in_stages(model, read_plan(model, nearer), None, threading.Event())
        if answer.plan is None or answer.value is None:
            infeasible = answer.termination.reason == "INFEASIBLE"
            why = "the hard rules cannot all hold" if infeasible else "none was found in time: raise --time-limit"
            raise UsageError(f"there is no plan with {self._mixture.words(choice)} alone ({why}), so nothing to share")
        figures = {VALUE: answer.value, **kpis_of(Ledger(tables, scenario, answer.plan))}
        exact = {name: None if value is None else Fraction(value) for name, value in figures.items()}
        bound = Fraction(repr(answer.bound)) if answer.bound < float("inf") else None
        gap = None if bound is None else max(bound - answer.value, Fraction(0))
        return Solved(exact, gap, answer.tie_break == "canonical")


def shares_of(
    kpi: str, changes: Sequence[str], orders: Sequence[tuple[int, ...]], known: Mapping[Choice, Solved]
) -> tuple[Share, ...]:
    """The average step of each change, with what the gaps and the choice of orders leave open."""
    steps: list[list[Fraction]] = [[] for _ in changes]
    lows: list[list[Fraction]] = [[] for _ in changes]
    highs: list[list[Fraction]] = [[] for _ in changes]
    bounded = kpi == VALUE and all(solved.gap is not None for solved in known.values())
    for order in orders:
        for stop, change in enumerate(order):
            before, after = known[frozenset(order[:stop])], known[frozenset(order[: stop + 1])]
            start, end = before.figures[kpi], after.figures[kpi]
            assert start is not None
            assert end is not None
            steps[change].append(end - start)
            if bounded:
                lows[change].append(end - start - (before.gap or 0))
                highs[change].append(end - start + (after.gap or 0))
    exact = all(solved.canonical and solved.gap is not None and solved.gap < TINY for solved in known.values())
    means = apportioned([_mean(each) for each in steps], PLACES)
    sampled = len(changes) > EXACT_CHANGES
    return tuple(
        Share(
            change=words,
            amount=means[at],
            error=_standard_error(steps[at]) if sampled else Fraction(0),
            low=_mean(lows[at]) if bounded else means[at] if exact else None,
            high=_mean(highs[at]) if bounded else means[at] if exact else None,
        )
        for at, words in enumerate(changes)
    )


TINY = Fraction(1, 10**6)
"""A gap in money below which a combination is solved to its optimum, as far as an engine's doubles can say."""


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _standard_error(steps: Sequence[Fraction]) -> Fraction:
    """Of the mean of independent pairs, each an order and its reverse."""
    pairs = [(first + second) / 2 for first, second in zip(steps[::2], steps[1::2], strict=True)]
    middle = _mean(pairs)
    variance = sum((pair - middle) ** 2 for pair in pairs) / (len(pairs) - 1)
    return Fraction(round(sqrt(variance / len(pairs)) * 10**6), 10**6)


def _basis(changes: int, orders: int, combinations: _Combinations) -> str:
    """How the shares are known, for a reader."""
    solved = len(combinations.known) - 2
    how = (
        "one change, so all of the difference is its own"
        if changes == 1
        else f"exact Shapley values: all {2**changes} combinations of {changes} changes ({solved} solved anew)"
        if changes <= EXACT_CHANGES
        else f"Shapley values of {changes} changes from {orders} random orders ({solved} combinations solved)"
    )
    gaps = [each.gap for each in combinations.known.values()]
    worst = None if any(gap is None for gap in gaps) else max(gap for gap in gaps if gap is not None)
    if worst is None:
        return f"{how}; one of them has no bound"
    if worst < TINY and all(each.canonical for each in combinations.known.values()):
        return f"{how}; every one proven optimal"
    return f"{how}; each within {float(worst):,.2f} of the best that its inputs allow"
