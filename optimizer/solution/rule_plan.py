"""A plan by rules, for when no engine brings one: orders in their turn, each from where it earns most right now.

Orders are served in classes: by priority, then by due date. Within a class every order asks for the shipment that earns
most from what is left; where two ask for the same, the one of the larger service weight has it, and the other asks
again. Nothing is taken back, nothing is searched, no engine is started, and nothing ships at a loss. Pins and frozen
orders come before all. The plan keeps every limit; minimums that concern several orders (contracts, floors) are met or
not, and `broken_rule` says which is not.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.model.build import Model
from optimizer.model.calendar import SPAN
from optimizer.model.ragged import expand, first_of, ranks_of
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.neighbours import order_of_columns
from optimizer.solution.plan import Plan
from optimizer.solution.rule_rows import SLIP, activity_of, broken_rule, slack_of
from optimizer.solution.survey import GAIN_SLIP, Survey
from optimizer.solution.ways import LIMITS, Ways, service_money
from optimizer.tables.scope import scope_members

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SPLIT = -1
"""Stands for the lane of a shipment that is several: an order that ships complete, each line from its best lane."""


def rule_plan(model: Model, stop: threading.Event, until: float) -> tuple[Plan, str]:
    """The plan, and the first rule that it does not keep, in words (empty: it keeps all).

    Where a minimum is missed, orders that contracts must serve come before all others in a second plan. As much is
    made as fits before ``stop`` is set or the monotonic clock reaches ``until``.
    """
    plan = _Maker(model, stop, until).run()
    broken = broken_rule(model, plan)
    owed = _owed_orders(model)
    if broken and owed.any():
        again = _Maker(model, stop, until, owed).run()
        if not broken_rule(model, again):
            return again, ""
    return plan, broken


class _Shipments(NamedTuple):
    """What orders ask for in one round, a row for each way: ``units`` of it, and the ``order`` that asks."""

    order: Ints
    way: Ints
    units: Ints

    def of(self, orders: Ints) -> _Shipments:
        """Those of some orders."""
        keep = np.isin(self.order, orders)
        return _Shipments(self.order[keep], self.way[keep], self.units[keep])


@dataclass
class _Round:
    """The open lines of a class, their ways, and which arcs of the model each way has."""

    survey: Survey
    first: Ints
    last: Ints


class _Maker:
    """The plan in the making: ``steps`` on each arc of the model."""

    def __init__(self, model: Model, stop: threading.Event, until: float, before: Flags | None = None) -> None:
        self.model, self.stop, self.until = model, stop, until
        self.steps = np.zeros(len(model.arcs), dtype=np.int64)
        self.usable = np.ones(len(model.arcs), dtype=bool)
        needs = model.arcs.needs
        self.usable[needs.arc[needs.option]] = False  # kits whose parts lie in several lots: nobody chooses here
        self.piecemeal = np.zeros(len(model.tables.orders), dtype=bool)
        """Orders whose lines get in each other's way: they ask for one line at a time."""
        self.column_order = order_of_columns(model)
        self.rank, self.order_class = _turns(model, before)

    def run(self) -> Plan:
        """Pins first, then class after class; again as long as that adds something where shares must keep even."""
        self._pinned()
        while True:
            before = int(self.steps.sum())
            for number in range(int(self.order_class.max(initial=-1)) + 1):
                self._serve(self.order_class == number)
            if not len(self.model.tables.fair_share) or self.steps.sum() == before or self._ended():
                return self._plan(self.steps)

    def _ended(self) -> bool:
        return self.stop.is_set() or time.monotonic() >= self.until

    def _plan(self, steps: Ints) -> Plan:
        values = np.zeros(self.model.linear.n_cols)
        block = self.model.linear.columns("ship_qty")
        values[block.start : block.stop] = steps
        return plan_from_values(self.model, values)

    def _pinned(self) -> None:
        """Fill rows of single orders that ask for something: pins, and what frozen orders keep."""
        linear, start = self.model.linear, self.model.linear.columns("ship_qty").start
        missing = linear.row_lower - activity_of(self.model, values_from_plan(self.model, self._plan(self.steps)))
        for row in np.flatnonzero(~self.coupling & (missing > slack_of(self.model))).tolist():
            entries = slice(int(linear.indptr[row]), int(linear.indptr[row + 1]))
            arc, uses = linear.indices[entries].astype(np.int64) - start, linear.data[entries]
            known = (arc >= 0) & (arc < len(self.steps)) & (uses > 0)
            arc, uses = arc[known], uses[known]
            short = linear.row_lower[row] - float(uses @ self.steps[arc])
            for place in np.argsort(-linear.objective[start + arc], kind="stable").tolist():
                wanted = int(np.ceil(max(short, 0.0) / uses[place] - SLIP))
                more = min(wanted, int(self.model.arcs.upper[arc[place]] - self.steps[arc[place]]))
                self.steps[arc[place]] += max(more, 0)
                short -= max(more, 0) * uses[place]

    @cached_property
    def coupling(self) -> Flags:
        """Rows that several orders share."""
        shared = np.zeros(self.model.linear.n_rows, dtype=bool)
        for block in self.model.linear.row_blocks:
            shared[block.start : block.stop] = block.coupling
        return shared

    # -- one class ------------------------------------------------------------------------------------------------
    def _serve(self, members: Flags) -> None:
        """Round after round until no order of the class can have more."""
        while not self._ended():
            found = self._round(members)
            asked = None if found is None else self._asked(found)
            if found is None or asked is None or not len(asked.order):
                return
            before = self.steps.sum(), self.usable.sum(), self.piecemeal.sum()
            self._grant(found, asked)
            if before == (self.steps.sum(), self.usable.sum(), self.piecemeal.sum()):
                self._refuse(found, asked)  # what lots hold is no whole step

    def _round(self, members: Flags) -> _Round | None:
        """The short lines of the class and their ways, beside the plan as it is."""
        model, arcs = self.model, self.model.arcs
        ledger = Ledger(model.tables, model.scenario, self._plan(self.steps))
        held = np.asarray(model.tables.orders["hold"] != "", dtype=bool)
        lines = np.flatnonzero(~ledger.line_full & (members & ~held)[model.tables.line_order])
        if not len(lines):
            return None
        ways = Ways.of(ledger, lines)
        products = len(model.tables.products)
        codes = [
            ((line * len(model.tables.lanes) + lane) * SPAN + day) * products + product
            for line, lane, day, product in (
                (arcs.line, arcs.lane, arcs.day, arcs.product),
                (ways.line, ways.lane, ways.day, ledger.batch.offers.product[ways.offer]),
            )
        ]
        first, last = (np.searchsorted(codes[0], codes[1], side=side) for side in ("left", "right"))
        self._arc_room(ways, first, last)
        return _Round(Survey(ledger, ways, lines), first, last)

    def _arc_room(self, ways: Ways, first: Ints, last: Ints) -> None:
        """No way takes more than the model lets its arcs carry, whatever the reason: a pin, a band of weight, a lot."""
        steps = np.where(self.usable, self.model.arcs.upper - self.steps, 0)
        total = np.concatenate([[0], np.cumsum(steps * self.model.arcs.step)])
        stock, there = ways.rooms[LIMITS.index("warehouse_stock")], last > first
        stock[there] = np.minimum(stock, total[last] - total[first])[there]

    def _asked(self, found: _Round) -> _Shipments:
        """Of each order the shipment that earns most; only where it earns anything."""
        survey, ways = found.survey, found.survey.ways
        counts = np.concatenate([[0], np.cumsum(self.usable)])
        there = counts[found.last] > counts[found.first]
        whole = survey.by_order[survey.place]
        units = np.where(there, survey.units_now, 0)
        units = np.where(whole & (units < ways.short), 0, units)
        usable = np.flatnonzero(units > 0)
        lane = ways.lane * SPAN + ways.day
        groups = [_candidates(survey, units, usable, lane)]
        groups.append(_candidates(survey, units, usable[whole[usable]], np.full(len(ways), SPLIT)))
        order, gain = (np.concatenate([getattr(each, name) for each in groups]) for name in ("order", "gain"))
        best = np.lexsort((-gain, order))
        best = best[(np.diff(order[best], prepend=-1) != 0) & (gain[best] > GAIN_SLIP)]
        rows = [np.zeros(0, dtype=np.int64)]
        for each, base in zip(groups, (0, len(groups[0].order)), strict=True):
            mine = best[(best >= base) & (best < base + len(each.order))] - base
            rows.append(each.way[np.isin(each.group, mine)])
        way = np.concatenate(rows)
        way = way[np.lexsort((-survey.gain_now[way], ways.order[way]))]
        first = np.diff(ways.order[way], prepend=-1) != 0
        way = way[first | ~self.piecemeal[ways.order[way]]]
        return _Shipments(ways.order[way], way, units[way])

    def _grant(self, found: _Round, asked: _Shipments) -> None:
        """Add what fits; where orders are in each other's way, the ones whose turn is first have it.

        An order that does not fit even alone asks for less from then on: for one line, then not this way again.
        """
        now = values_from_plan(self.model, self._plan(self.steps))
        while len(asked.order):
            trial = self.steps + self._added(found, asked)
            late, misfits = self._conflicts(now, values_from_plan(self.model, self._plan(trial)), asked)
            if len(misfits):
                self._refuse(found, asked.of(misfits))
            if not len(late):
                self.steps = trial
                return
            asked = asked.of(np.setdiff1d(asked.order, late))

    def _added(self, found: _Round, asked: _Shipments) -> Ints:
        """Steps on arcs for what is asked; of several lots those that expire first, as far as each still has."""
        arcs, added = self.model.arcs, np.zeros(len(self.steps), dtype=np.int64)
        first, last = found.first[asked.way], found.last[asked.way]
        single = last - first == 1
        np.add.at(added, first[single], asked.units[single] // arcs.step[first[single]])
        several = np.flatnonzero(~single)
        if not len(several):
            return added
        supply, draws = self.model.batch.supply, self.model.arcs.draws
        used = np.bincount(draws.source, draws.units * (self.steps + added)[draws.arc], len(supply)).astype(np.int64)
        for each in several[np.argsort(self.rank[asked.order[several]], kind="stable")].tolist():
            wanted, options = int(asked.units[each]), np.arange(first[each], last[each])
            for arc in options[np.argsort(supply.expiry[arcs.source[options]], kind="stable")].tolist():
                source = arcs.source[arc]
                left = int(supply.own(np.array([source]), np.array([arcs.day[arc]]))[0] - used[source])
                more = max(min(wanted // int(arcs.step[arc]), left // max(int(arcs.units[arc]), 1)), 0)
                added[arc] += more
                used[source] += more * int(arcs.units[arc])
                wanted -= more * int(arcs.step[arc])
        return added

    def _conflicts(self, now: Floats, then: Floats, asked: _Shipments) -> tuple[Ints, Ints]:
        """(orders that must wait, those of them that do not fit even alone) if all that is asked were added."""
        linear, slack = self.model.linear, slack_of(self.model)
        activity, before = activity_of(self.model, then), activity_of(self.model, now)
        short = ~self.coupling & (activity < linear.row_lower - slack) & (activity < before - slack)
        over = activity > linear.row_upper + slack
        bad = np.flatnonzero(over | short)
        if not len(bad):
            return _none(), _none()
        place, entry = expand(linear.indptr[bad], linear.indptr[bad + 1])
        column = linear.indices[entry]
        order = self.column_order[column]
        use = linear.data[entry] * (then - now)[column] * np.where(over[bad], 1.0, -1.0)[place]
        counted = np.flatnonzero((use != 0) & np.isin(order, asked.order))
        pair, size = ranks_of(place[counted], self.rank[order[counted]], order[counted])
        row, who = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        row[pair], who[pair] = place[counted], order[counted]
        used = np.bincount(pair, weights=use[counted], minlength=size)
        room = np.where(over, linear.row_upper - before, before - linear.row_lower)[bad] + slack[bad]
        total = np.cumsum(used)
        starts = np.flatnonzero(np.diff(row, prepend=-1))
        total -= np.repeat((total - used)[starts], np.diff(np.append(starts, size)))
        late = np.unique(who[(used > 0) & (total > room[row])])
        misfits = np.unique(who[(used > 0) & (used > np.maximum(room, 0.0)[row])])
        if not len(late):  # a row that no order can be blamed for: the last of them wait
            by_turn = np.unique(asked.order)[np.argsort(self.rank[np.unique(asked.order)])]
            late = by_turn[len(by_turn) // 2 :]
            misfits = late if len(by_turn) == 1 else _none()
        return late, misfits

    def _refuse(self, found: _Round, asked: _Shipments) -> None:
        """What cannot be had even alone is asked for line by line, and then no more."""
        again = ~self.piecemeal[asked.order] & ~found.survey.by_order[found.survey.place[asked.way]]
        alone = np.bincount(asked.order, minlength=len(self.piecemeal))[asked.order] == 1
        self.piecemeal[asked.order[again & ~alone]] = True
        barred = asked.way[~again | alone]
        _, arc = expand(found.first[barred], found.last[barred])
        self.usable[arc] = False


class _Candidates(NamedTuple):
    """Shipments that orders could ask for: ``order`` and ``gain`` of each; their rows as ``group`` and ``way``."""

    order: Ints
    gain: Floats
    group: Ints
    way: Ints


def _candidates(survey: Survey, units: Ints, usable: Ints, lane: Ints) -> _Candidates:
    """One shipment of each order on each ``lane`` (by way): of each line the offer that gains most there.

    Fixed charges of what is opened are paid once by the shipment, not by each line. Orders that ship complete need all
    their lines in it.
    """
    ways, ledger = survey.ways, survey.ledger
    opening, split = ways.opening(), bool((lane == SPLIT).any())
    gain = survey.gain_now + (0.0 if split else opening)
    by_line = usable[np.lexsort((-gain[usable], ways.line[usable], lane[usable]))]
    by_line = by_line[first_of(*ranks_of(lane[by_line], ways.line[by_line]))]
    by_line = by_line[(gain[by_line] > GAIN_SLIP) | survey.by_order[survey.place[by_line]]]
    group, size = ranks_of(ways.order[by_line], lane[by_line])
    order = np.zeros(size, dtype=np.int64)
    order[group] = ways.order[by_line]
    total: Floats = np.bincount(group, weights=gain[by_line], minlength=size).astype(np.float64)
    if not split:
        once = np.zeros(size)
        np.maximum.at(once, group, opening[by_line])
        total = total - once
    filled = np.bincount(group, weights=units[by_line] >= ways.short[by_line], minlength=size)
    missing = np.bincount(survey.order, minlength=len(ledger.order_lines))[order]
    if survey.ledger.scenario.service.measure == "order":
        total = total + np.where((filled == missing) & (missing > 1), service_money(ledger)[order], 0.0)
    complete = np.asarray(ledger.tables.orders["delivery_policy"] == "order_complete", dtype=bool)[order]
    total = np.where(complete & (filled < missing), -np.inf, total)
    return _Candidates(order, total, group, by_line)


def _turns(model: Model, before: Flags | None) -> tuple[Ints, Ints]:
    """(whose turn is before whose, class) of each order: by priority, due date, service weight, place in the table.

    ``before``: orders that come before all others.
    """
    orders = model.tables.orders
    waits = np.zeros(len(orders), dtype=bool) if before is None else ~before
    keys = waits.astype(np.int64), orders["priority"], model.batch.due_day
    weight = terms.order_weight(model.tables, model.scenario).floats()
    rank = np.empty(len(orders), dtype=np.int64)
    rank[np.lexsort((np.arange(len(orders)), -weight, *keys[::-1]))] = np.arange(len(orders))
    return rank, ranks_of(*keys)[0]


def _owed_orders(model: Model) -> Flags:
    """Orders that a contract without a penalty asks something for."""
    tables = model.tables
    owed = np.zeros(len(tables.orders), dtype=bool)
    rule, line = scope_members(tables, tables.contracts)
    hard = ~tables.contracts.given("shortfall_penalty")
    hard &= tables.contracts.given("min_qty") | tables.contracts.given("min_fill_rate")
    owed[tables.line_order[line[hard[rule]]]] = True
    return owed


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)
