"""The least change that would have filled a short line, found and proved by re-solving the orders around it.

What counts: of all plans in which every other line gets at least what it gets now, one that fills the line is worth no
less than any that does not. A change is a rise of one shared limit (stock at a warehouse, a capacity, a quota), a rule
not kept for once, a higher unit margin, or one with the other; or a date that moves. `docs/explain.md` says it in full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_least import Filled, LeastAnswer, LeastQuestion, LeastSolver
from optimizer.exact import decimal_text
from optimizer.model.build import Model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.days_left import on_days_left
from optimizer.solution.edits import Edit, apply
from optimizer.solution.least_dates import DateMove, Dates, fewest
from optimizer.solution.least_rises import RisesOf, rises_of, with_empty_stock
from optimizer.solution.least_rules import Rule, Rules
from optimizer.solution.ledger import Ledger
from optimizer.solution.neighbours import Neighbours
from optimizer.solution.part import Part, can_be_parted, with_fills
from optimizer.solution.plan import Plan
from optimizer.solution.survey import Survey
from optimizer.solution.ways import Ways, unit_earning

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINOR = 100
"""Steps of pay in one unit of money: prices are found to the minor unit."""


MOST_RULES = 4
"""Rules of a line that are tried."""
CANCEL = "cancel_date"
WIDER = 4
"""By how much the part is larger in which a change is tried again: others may want what it brings."""


@dataclass(frozen=True)
class LeastEffort:
    """Limits. Only ``time_limit_s`` is a clock; the rest are counts, so that answers repeat.

    ``top_lines`` are looked at, by money at stake; of each at most ``changes`` are told, the best first. A part has
    about ``columns`` whole-number columns, the one in which changes are tried again `WIDER` times as many; a program
    branches at most ``nodes`` times. Work is counted as simplex iterations + columns of the programs solved:
    ``most_each`` for one question, ``most_work`` for all.
    """

    time_limit_s: float
    top_lines: int = 200
    changes: int = 3
    columns: int = 40
    nodes: int = 200
    most_each: int = 2_500
    most_work: int = 70_000


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
    where no margin does, or where that is not known. ``complete``: all that was asked was answered, and every change
    that was tried again, because it fills the line among the nearest orders, does so among more.
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
    if not len(lines) or model.stages or not can_be_parted(model.linear):
        return {}
    asked: dict[int, Answers] = {}
    found: dict[int, LeastChange] = {}
    seeker = _Seeker(model, ledger, lines, effort)
    limits = {"work": effort.most_work, "each": effort.most_each, "nodes": effort.nodes}
    with LeastSolver(**limits, memory_limit_mb=memory_limit_mb, stop=stop) as solver:

        def ask(case: _Case) -> tuple[_About, LeastAnswer]:
            left = deadline - time.monotonic()
            stopped = left <= 0 or solver.work <= 0 or (stop is not None and stop.is_set())
            answer = None if stopped else solver.ask(case.linear, case.question, left)
            if answer is None:
                raise _NoMoreEffortError
            return case.about, answer

        with suppress(_NoMoreEffortError):
            for line in lines.tolist():
                asked[line] = [ask(case) for case in seeker.cases(line)]
                found[line] = seeker.upheld(seeker.told(line, asked[line], done=False), ask)
            for line in lines.tolist():  # dates take most tries, and help fewest lines
                asked[line].extend(seeker.dated(line, asked[line], ask))
                found[line] = seeker.upheld(seeker.told(line, asked[line], done=True), ask)
    return found


class _NoMoreEffortError(Exception):
    """The time or the work that may be spent is spent, or the run is stopped."""


def most_at_stake(ledger: Ledger) -> Ints:
    """Short lines, those with most money at stake first: units short × what a unit earns before costs."""
    short = np.flatnonzero(~ledger.line_full)
    stake = (ledger.ordered - ledger.allocated)[short] * unit_earning(ledger, short)
    return np.asarray(short[np.lexsort((short, -stake))], dtype=np.int64)


class _About(NamedTuple):
    """What is known of a question without its program: the rule that is dropped in it, and what its answer names.

    ``others``: the lines of the kept rows, as positions in the batch. ``value``: objective of the part's plan.
    """

    rises: RisesOf
    others: Ints
    rule: Rule | None
    value: float


class _Case(NamedTuple):
    """One program: the part of the batch around a line, maybe with a rule dropped, and what is asked of it."""

    linear: LinearModel
    question: LeastQuestion
    about: _About


Answers = list[tuple[_About, LeastAnswer]]
Ask = Callable[[_Case], tuple[_About, LeastAnswer]]


class _Seeker:
    """Makes the questions of one line after another, and reads the answers."""

    def __init__(self, model: Model, ledger: Ledger, lines: Ints, effort: LeastEffort) -> None:
        self.survey = Survey(ledger, Ways.of(ledger))
        self.rules, self.dates = Rules(self.survey), Dates(self.survey)
        self.ledger = with_empty_stock(ledger, lines)
        self.neighbours = Neighbours(model, ledger.plan, effort.columns)
        self.pay = float(model.scenario.weights.margin) / MINOR
        self.moved = len(model.tables.transfers) > 0
        self.wide, self.told_of_each = effort.columns * WIDER, effort.changes
        self.held: dict[tuple[int, str], bool] = {}

    def cases(self, line: int) -> Iterator[_Case]:
        """The line as it is, then with each rule around it dropped; of a cancel date the first later one that tells."""
        place = int(np.searchsorted(self.survey.lines, line))
        orders = self.neighbours.of(line)
        sooner = [move.by(move.days[0]) for move in self.dates.around(place) if move.edit.column == CANCEL]
        rules = [*sooner, *self.rules.around(place)][:MOST_RULES]
        for rule in rules if self.survey.held[place] else (None, *rules):
            case = self._case(self.ledger, line, orders, rule)
            if case is not None:
                yield case

    def dated(self, line: int, answers: Answers, ask: Ask) -> Answers:
        """The answers about dates that move; none where the line is filled, or may be, without a change."""
        if any(about.rule is None and (_is_enough(answer) or not answer.complete) for about, answer in answers):
            return []
        orders, moves = self.neighbours.of(line), self.dates.around(int(np.searchsorted(self.survey.lines, line)))
        return [answer for move in moves for answer in self._moved(move, line, orders, ask)]

    def _moved(self, move: DateMove, line: int, orders: Ints, ask: Ask) -> Answers:
        """The fewest days by which a date must move, with the answer that proves it; nothing where no move fills.

        Also nothing but the answers that are not complete, if there are such: then the fewest are not known.
        """
        tried: dict[int, tuple[_About, LeastAnswer]] = {}

        def fills(days: int) -> bool:
            case = self._edited(move.by(days), line, orders)
            if case is not None:
                tried[days] = ask(case)
            return days in tried and _is_enough(tried[days][1])

        days = fewest(move.days, fills)
        unknown = [one for one in tried.values() if not one[1].complete]
        return unknown if unknown or days is None else [tried[days]]

    def _edited(self, rule: Rule, line: int, orders: Ints) -> _Case | None:
        """The program after some edits, of which no more is asked than whether they fill the line."""
        shared = [edit for edit in rule.edits if edit.action == "add" or edit.table == "inbound"]
        whole: Ledger | None = self.ledger
        if shared:  # what there is for all, and when goods arrive, concerns the plan of all orders
            changed = apply(self.ledger.tables, shared)
            whole = on_days_left(Ledger(changed, self.ledger.scenario, self.ledger.plan))
        own = rule._replace(edits=tuple(edit for edit in rule.edits if edit not in shared))
        case = None if whole is None else self._case(whole, line, orders, own)
        case = None if case is None else case._replace(about=case.about._replace(rule=rule))
        return None if case is None else case._replace(question=replace(case.question, brief=True))

    def _case(self, whole: Ledger, line: int, orders: Ints, rule: Rule | None) -> _Case | None:
        """The program; None where the line has no arc in it at all, so that nothing could fill it."""
        needed = self._headroom(line)
        change = None if rule is None else lambda tables: apply(tables, rule.edits)
        part = Part.of(whole, orders, needed, change)
        mine = int(np.searchsorted(part.lines, line))
        arcs = part.model.arcs
        if not (arcs.line == mine).any():
            return None
        fills = with_fills(part, mine)
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
        value = float(part.linear.objective @ part.values)
        return _Case(fills.linear, question, _About(rises, fills.others, rule, value))

    def upheld(self, found: LeastChange, ask: Ask) -> LeastChange:
        """The best changes that also fill the line once more orders are free to want what they bring."""
        if found.everything:
            return replace(found, changes=found.changes[: self.told_of_each])
        orders = self.neighbours.of(found.line, self.wide)
        kept: list[Change] = []
        tried = 0
        for change in found.changes:
            if len(kept) == self.told_of_each:
                break
            tried += 1
            kept += [change] * self._holds(change, found.line, orders, ask)
        return replace(found, changes=tuple(kept), complete=found.complete and len(kept) == tried)

    def _holds(self, change: Change, line: int, orders: Ints, ask: Ask) -> bool:
        """Whether a change fills the line among these orders, built anew with its edits made."""
        key = line, change.words
        if key not in self.held:
            case = self._edited(Rule(change.words, change.edits), line, orders)
            self.held[key] = case is not None and _is_enough(ask(case)[1])
        return self.held[key]

    def _headroom(self, line: int) -> int:
        """Units, or kilograms, by which any one limit might have to rise to fill the line."""
        offers = self.ledger.batch.offers
        mine = slice(int(offers.start[line]), int(offers.start[line + 1]))
        shipped = offers.top[mine] * offers.units[mine] / offers.bottom[mine]
        most = max(1.0, float(shipped.max()), float(offers.kg.floats()[mine].max()))
        return int(np.ceil(float(self.ledger.ordered[line]) * most)) + 1

    def told(self, line: int, answers: Answers, *, done: bool) -> LeastChange:
        """What the answers say of the line: the changes that are enough first, then those worth most."""
        base = next((answer.base + about.value for about, answer in answers if about.rule is None), None)
        changes: list[Change] = []
        outbid, losers = -1, tuple[tuple[str, int], ...]()
        tried: set[str] = set()
        for about, answer in answers:
            for one in answer.filled:
                unknown = self.moved and about.rule and one.rises  # stock that is moved here may do without the rule
                if one.pay is not None and not unknown and _is_least(about, one, tried):
                    changes.append(self._change(about, one, base, line))
            if about.rule is None:
                tried = {about.rises.named[rise].words for one in answer.filled for rise, _ in one.rises}
            if about.rule is None and answer.outbid is not None:
                outbid, losers = answer.outbid, self._names(about, answer.losers)
        least = [one for at, one in enumerate(changes) if not any(_beaten(one, at, changes))]
        return LeastChange(
            line=line,
            changes=tuple(sorted(least, key=lambda one: (one.pay > 0, -one.worth, one.words))),
            outbid=outbid,
            losers=losers,
            everything=self.neighbours.is_small,
            complete=done and all(answer.complete and about.rises.known for about, answer in answers),
        )

    def _change(self, about: _About, one: Filled, base: float | None, line: int) -> Change:
        words, edits = ([about.rule.words], list(about.rule.edits)) if about.rule else ([], [])
        for rise, steps in one.rises:
            said, edit = about.rises.named[rise].by(steps)
            words.append(said)
            edits.append(edit)
        pay = one.pay or 0
        if pay:
            words.append(f"a unit margin higher by {decimal_text(Fraction(pay, MINOR))}")
            edits.append(self._margin(line, pay))
        return Change(
            words=" and ".join(words),
            edits=tuple(edits),
            rule=about.rule.words if about.rule else "",
            limits={about.rises.named[rise].words: steps for rise, steps in one.rises},
            pay=pay,
            worth=one.full + (0.0 if base is None else about.value - base),
            rivals=self._names(about, one.gains) if pay else (),
        )

    def _margin(self, line: int, pay: int) -> Edit:
        lines = self.ledger.tables.order_lines
        key = {name: str(lines[name][line]) for name in ("order_id", "line_id")}
        return Edit("order_lines", key, "add", "unit_margin", decimal_text(Fraction(pay, MINOR)))

    def _names(self, about: _About, amounts: Iterable[tuple[int, int]]) -> tuple[tuple[str, int], ...]:
        """Order lines as order_id/line_id with units, most units first."""
        lines, others = self.ledger.tables.order_lines, about.others
        named = [(f"{lines['order_id'][others[at]]}/{lines['line_id'][others[at]]}", units) for at, units in amounts]
        return tuple(sorted(named, key=lambda one: (-one[1], one[0])))


def _is_enough(answer: LeastAnswer) -> bool:
    """Whether the line is filled without anything more."""
    return any(one.pay == 0 and not one.rises for one in answer.filled)


def _is_least(about: _About, one: Filled, tried: set[str]) -> bool:
    """Whether nothing less than all of it may do: one thing, or two of which neither does anything alone.

    ``tried``: limits whose rise fills the line with all rules kept.
    """
    if not one.rises:
        return True
    if about.rule is None:
        return one.pay == 0 or one.fewest
    return one.pay == 0 and not any(about.rises.named[rise].words in tried for rise, _ in one.rises)


def _beaten(one: Change, at: int, changes: Sequence[Change]) -> Iterator[bool]:
    """For every other change whether it is the lesser one; of two that ask for the same the first stays."""
    for place, other in enumerate(changes):
        yield place != at and other.covers(one) and not (one.covers(other) and at < place)
