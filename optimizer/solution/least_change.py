"""The least change that would have filled a short line, found and proved by re-solving the orders around it.

What counts: of all plans in which every other line gets at least what it gets now, one that fills the line is worth no
less than any that does not. A change is a rise of one shared limit (stock at a warehouse, a capacity, a quota), a rule
not kept for once, a higher unit margin, or one with the other. `docs/explain.md` says it in full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_least import Filled, LeastAnswer, LeastQuestion, LeastSolver
from optimizer.exact import decimal_text
from optimizer.model.build import Model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.edits import Edit, apply
from optimizer.solution.least_rises import Rise, rises_of, with_empty_stock
from optimizer.solution.least_rules import Rule, Rules
from optimizer.solution.ledger import Ledger
from optimizer.solution.neighbours import Neighbours
from optimizer.solution.part import Part, can_be_parted
from optimizer.solution.plan import Plan
from optimizer.solution.survey import Survey
from optimizer.solution.ways import Ways, unit_earning

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINOR = 100
"""Steps of pay in one unit of money: prices are found to the minor unit."""


MOST_RULES = 4
"""Rules of a line that are tried."""


@dataclass(frozen=True)
class LeastEffort:
    """Limits. Only ``time_limit_s`` is a clock; the rest are counts, so that answers repeat.

    ``top_lines`` are looked at, by money at stake. A part has about ``columns`` whole-number columns, and a program
    branches at most ``nodes`` times. Work is counted as simplex iterations + columns of the programs solved:
    ``most_each`` for one question, ``most_work`` for all.
    """

    time_limit_s: float
    top_lines: int = 200
    columns: int = 40
    nodes: int = 200
    most_each: int = 2_500
    most_work: int = 100_000


@dataclass(frozen=True)
class Change:
    """One change that fills a line, proved. ``edits`` are the input cells that say it, ``words`` say it to a person.

    It drops ``rule`` ("" for none), raises ``limits`` by so many steps, and lifts the line's unit margin by ``pay``
    minor units; ``pay`` is 0 where the rest is enough. ``worth``: money by which the best plan with the line filled is
    above the best without the change, ``pay`` not counted. ``rivals``: order lines, with units, that would rather have
    what the change frees, where pay is needed to win it.
    """

    words: str
    edits: tuple[Edit, ...]
    rule: str
    limits: Mapping[str, int]
    pay: int
    worth: float
    rivals: tuple[tuple[str, int], ...] = ()

    def covers(self, other: Change) -> bool:
        """Whether the other asks for all that this one asks for, or more."""
        less = all(steps <= other.limits.get(limit, 0) for limit, steps in self.limits.items())
        return less and self.rule in ("", other.rule) and self.pay <= other.pay


@dataclass(frozen=True)
class LeastChange:
    """What is known of one short line: ``changes``, the best first. ``everything``: no order of the batch was kept out.

    ``outbid``: minor units of money that a unit of the line must earn more to win what it lacks from ``losers``; -1
    where no margin does, or where that is not known. ``complete``: all that was asked was answered.
    """

    line: int
    changes: tuple[Change, ...]
    outbid: int
    losers: tuple[tuple[str, int], ...]
    everything: bool
    complete: bool


def least_changes(
    model: Model,
    plan: Plan,
    effort: LeastEffort,
    *,
    only: Ints | None = None,
    memory_limit_mb: int | None = None,
    stop: threading.Event | None = None,
) -> dict[int, LeastChange]:
    """By short line (position in order_lines) what would fill it; lines that were not reached are missing.

    ``only``: short lines to look at, in place of those with most money at stake.
    """
    deadline = time.monotonic() + effort.time_limit_s
    ledger = Ledger(model.tables, model.scenario, plan)
    lines = most_at_stake(ledger)[: effort.top_lines] if only is None else only
    found: dict[int, LeastChange] = {}
    if not len(lines) or model.linear.n_cols == 0 or model.stages or not can_be_parted(model.linear):
        return found
    seeker = _Seeker(model, ledger, lines, effort)
    limits = {"work": effort.most_work, "each": effort.most_each, "nodes": effort.nodes}
    with LeastSolver(**limits, memory_limit_mb=memory_limit_mb, stop=stop) as solver:
        for line in lines.tolist():
            answers = []
            for case in seeker.cases(line):
                left = deadline - time.monotonic()
                if left <= 0 or solver.work <= 0 or (stop is not None and stop.is_set()):
                    return found
                answers.append((case, solver.ask(case.linear, case.question, left)))
            if any(answer is None for _, answer in answers):
                return found
            found[line] = seeker.told(line, [(case, answer) for case, answer in answers if answer is not None])
    return found


def most_at_stake(ledger: Ledger) -> Ints:
    """Short lines, those with most money at stake first: units short × what a unit earns before costs."""
    short = np.flatnonzero(~ledger.line_full)
    stake = (ledger.ordered - ledger.allocated)[short] * unit_earning(ledger, short)
    return np.asarray(short[np.lexsort((short, -stake))], dtype=np.int64)


@dataclass(frozen=True)
class _Case:
    """One program: the part of the batch around a line, maybe with a rule dropped, and what is asked of it.

    ``others``: the lines of the kept rows, as positions in the batch.
    """

    part: Part
    linear: LinearModel
    question: LeastQuestion
    rises: tuple[Rise, ...]
    others: Ints
    rule: Rule | None


class _Seeker:
    """Makes the questions of one line after another, and reads the answers."""

    def __init__(self, model: Model, ledger: Ledger, lines: Ints, effort: LeastEffort) -> None:
        self.survey = Survey(ledger, Ways.of(ledger))
        self.rules = Rules(self.survey)
        self.ledger = with_empty_stock(ledger, lines)
        self.neighbours = Neighbours(model, ledger.plan, effort.columns)
        self.pay = float(model.scenario.weights.margin) / MINOR

    def cases(self, line: int) -> Iterator[_Case]:
        """The line as it is, then with each rule around it dropped."""
        place = int(np.searchsorted(self.survey.lines, line))
        orders = self.neighbours.of(line)
        held = bool(self.survey.held[place])
        for rule in (*(() if held else (None,)), *self.rules.around(place)[:MOST_RULES]):
            case = self._case(line, orders, rule)
            if case is not None:
                yield case

    def _case(self, line: int, orders: Ints, rule: Rule | None) -> _Case | None:
        """The program; None where the line has no arc in it at all, so that nothing could fill it."""
        needed = self._headroom(line)
        change = None if rule is None else lambda tables: apply(tables, rule.edits)
        part = Part.of(self.ledger, orders, needed, change)
        mine = int(np.searchsorted(part.lines, line))
        arcs = part.model.arcs
        if not (arcs.line == mine).any():
            return None
        fills = _with_fills(part, mine)
        rises = rises_of(part, fills.linear, mine, needed)
        total = int(self.ledger.ordered[line])
        question = LeastQuestion(
            values=part.values,
            target=fills.target,
            value_row=fills.value_row,
            total=float(total),
            rest=float(total - 1),
            pay=self.pay,
            kept=fills.kept,
            rises=rises.asked,
        )
        return _Case(part, fills.linear, question, rises.named, fills.others, rule)

    def _headroom(self, line: int) -> int:
        """Units, or kilograms, by which any one limit might have to rise to fill the line."""
        offers = self.ledger.batch.offers
        mine = slice(int(offers.start[line]), int(offers.start[line + 1]))
        shipped = offers.top[mine] * offers.units[mine] / offers.bottom[mine]
        most = max(1.0, float(shipped.max()), float(offers.kg.floats()[mine].max()))
        return int(np.ceil(float(self.ledger.ordered[line]) * most)) + 1

    def told(self, line: int, answers: Sequence[tuple[_Case, LeastAnswer]]) -> LeastChange:
        """What the answers say of the line: the changes that are enough first, then those worth most."""
        base = next((answer.base for case, answer in answers if case.rule is None), 0.0)
        changes: list[Change] = []
        outbid, losers = -1, tuple[tuple[str, int], ...]()
        tried: set[str] = set()
        for case, answer in answers:
            for one in answer.filled:
                if one.pay is not None and _is_least(case, one, tried):
                    changes.append(self._change(case, one, base, line))
            if case.rule is None:
                tried = {case.rises[rise].words for one in answer.filled for rise, _ in one.rises}
            if case.rule is None and answer.outbid is not None:
                outbid, losers = answer.outbid, self._names(case, answer.losers)
        least = [one for at, one in enumerate(changes) if not any(_beaten(one, at, changes))]
        return LeastChange(
            line=line,
            changes=tuple(sorted(least, key=lambda one: (one.pay > 0, -one.worth, one.words))),
            outbid=outbid,
            losers=losers,
            everything=self.neighbours.is_small,
            complete=all(answer.complete for _, answer in answers),
        )

    def _change(self, case: _Case, one: Filled, base: float, line: int) -> Change:
        words, edits = ([case.rule.words], list(case.rule.edits)) if case.rule else ([], [])
        for rise, steps in one.rises:
            said, edit = case.rises[rise].by(steps)
            words.append(said)
            edits.append(edit)
        pay = one.pay or 0
        if pay:
            words.append(f"a unit margin higher by {decimal_text(Fraction(pay, MINOR))}")
            edits.append(self._margin(line, pay))
        return Change(
            words=" and ".join(words),
            edits=tuple(edits),
            rule=case.rule.words if case.rule else "",
            limits={case.rises[rise].words: steps for rise, steps in one.rises},
            pay=pay,
            worth=one.full - base,
            rivals=self._names(case, one.gains) if pay else (),
        )

    def _margin(self, line: int, pay: int) -> Edit:
        lines = self.ledger.tables.order_lines
        key = {name: str(lines[name][line]) for name in ("order_id", "line_id")}
        return Edit("order_lines", key, "add", "unit_margin", decimal_text(Fraction(pay, MINOR)))

    def _names(self, case: _Case, amounts: Iterable[tuple[int, int]]) -> tuple[tuple[str, int], ...]:
        """Order lines as order_id/line_id with units, most units first."""
        lines, others = self.ledger.tables.order_lines, case.others
        named = [(f"{lines['order_id'][others[at]]}/{lines['line_id'][others[at]]}", units) for at, units in amounts]
        return tuple(sorted(named, key=lambda one: (-one[1], one[0])))


def _is_least(case: _Case, one: Filled, tried: set[str]) -> bool:
    """Whether nothing less than all of it may do: one thing, or two of which neither does anything alone.

    ``tried``: limits whose rise fills the line with all rules kept.
    """
    if not one.rises:
        return True
    if case.rule is None:
        return one.pay == 0 or one.fewest
    return one.pay == 0 and not any(case.rises[rise].words in tried for rise, _ in one.rises)


def _beaten(one: Change, at: int, changes: Sequence[Change]) -> Iterator[bool]:
    """For every other change whether it is the lesser one; of two that ask for the same the first stays."""
    for place, other in enumerate(changes):
        yield place != at and other.covers(one) and not (one.covers(other) and at < place)


class _Fills(NamedTuple):
    """A program with a row for what each line gets, and one for the objective; ``others``: lines of the kept rows."""

    linear: LinearModel
    target: int
    value_row: int
    kept: Ints
    others: Ints


def _with_fills(part: Part, line: int) -> _Fills:
    """The part's program with rows for what its lines get: ``line`` anything, the others no less than in the plan.

    Lines without an arc have no row.
    """
    linear, arcs = part.linear, part.model.arcs
    known, of_arc = np.unique(arcs.line, return_inverse=True)
    by_line, paid = np.argsort(of_arc, kind="stable"), np.flatnonzero(linear.objective)
    least = part.ledger.allocated[known].astype(np.float64)
    target = int(np.searchsorted(known, line))
    least[target] = -np.inf
    rows = linear.n_rows + np.arange(len(known))
    counts = np.append(np.bincount(of_arc, minlength=len(known)), len(paid))
    endless = np.full(len(known) + 1, np.inf)
    grown = replace(
        linear,
        indptr=np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum(counts)]),
        indices=np.concatenate([linear.indices, by_line, paid]).astype(np.int32),
        data=np.concatenate([linear.data, arcs.step[by_line], linear.objective[paid]]).astype(np.float64),
        row_lower=np.concatenate([linear.row_lower, least, [-np.inf]]),
        row_upper=np.concatenate([linear.row_upper, endless]),
    )
    others = np.delete(np.arange(len(known)), target)
    return _Fills(grown, int(rows[target]), linear.n_rows + len(known), rows[others], part.lines[known[others]])
