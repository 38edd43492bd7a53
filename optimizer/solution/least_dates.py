"""Dates that keep a line short and might move: an earlier receipt, a later cancel date, a later due date.

How far one has to move is found by trying: `fewest` days that fill the line, while one day fewer does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model.calendar import FOREVER, days_since
from optimizer.solution.edits import Edit
from optimizer.solution.least_rules import Rule
from optimizer.solution.ways import BARRIERS

if TYPE_CHECKING:
    from optimizer.solution.survey import Survey

Ints = NDArray[np.int64]

MOST_RECEIPTS = 3
"""Receipts of a line that are tried, the soonest first."""


class DateMove(NamedTuple):
    """A date that might move. ``days``: by how many it is of interest, ascending; between them nothing changes.

    ``edit`` sets the cell, which now holds ``date``; ``sign`` is -1 where it would be earlier.
    """

    words: str
    edit: Edit
    date: np.datetime64
    sign: int
    days: Sequence[int]

    def by(self, days: int) -> Rule:
        """The date moved by so many days, in words and as an edit."""
        date = str(self.date + self.sign * days)
        direction = "later" if self.sign > 0 else "earlier"
        many = f"{days} day{'' if days == 1 else 's'} {direction} ({date})"
        return Rule(f"{self.words} {many}", (replace(self.edit, value=date),))


def fewest(days: Sequence[int], fills: Callable[[int], bool]) -> int | None:
    """Of some numbers of days one that fills while the one before it does not; None if the last does not.

    No move at all is known not to fill.
    """
    if not fills(days[-1]):
        return None
    low, high = -1, len(days) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fills(days[middle]) else (middle, high)
    return days[high]


class Dates:
    """Finds the dates around one short line; what concerns all of them is looked up once."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.ledger = survey, survey.ledger
        self.batch, self.tables = survey.ledger.batch, survey.ledger.tables
        paid = float(self.ledger.scenario.weights.penalties)
        self.penalty = paid * self.tables.order_lines["late_penalty_per_unit_day"].floats()
        self.day = days_since(self.ledger.scenario, self.tables.inbound["available_date"], 0)

    def around(self, place: int) -> list[DateMove]:
        """Dates to try for short line ``place`` of the survey; none where the order gets nothing whatever the date."""
        order, line = int(self.survey.order[place]), int(self.survey.lines[place])
        if self.survey.held[place] or self.tables.orders["frozen"][order]:
            return []
        ways = self.survey.ways
        mine = np.arange(*np.searchsorted(ways.line, [line, line + 1]))
        return [*self._receipts(order, line), *self._cancel(order, mine), *self._due(order, mine)]

    def _receipts(self, order: int, line: int) -> list[DateMove]:
        """Goods still to come that the line could use, but that would reach its order late or too late."""
        tables, offers = self.tables, self.batch.offers
        _, parts, _ = offers.recipes.parts(offers.product[np.arange(offers.start[line], offers.start[line + 1])])
        paid = self.penalty[line] > 0
        last = min(self.batch.cancel_day[order], self.batch.due_day[order] if paid else FOREVER)
        late = self.day + self._most_transit(order)[tables.inbound_warehouse] > last
        row = np.flatnonzero(np.isin(tables.inbound_product, parts) & (self.day > 0) & late)
        return [self._receipt(each) for each in row[np.lexsort((row, self.day[row]))][:MOST_RECEIPTS].tolist()]

    def _most_transit(self, order: int) -> Ints:
        """The longest that goods take from each warehouse to an order, straight or through another; below 0: no way."""
        tables, none = self.tables, -FOREVER * 2
        lane = np.flatnonzero(tables.lane_zone == tables.order_zone[order])
        straight = np.full(len(tables.warehouses), none, dtype=np.int64)
        np.maximum.at(straight, tables.lane_warehouse[lane], tables.lanes["transit_days"][lane])
        most = straight.copy()
        np.maximum.at(most, tables.transfer_from, straight[tables.transfer_to] + tables.transfers["transit_days"])
        return most

    def _receipt(self, row: int) -> DateMove:
        inbound = self.tables.inbound
        receipt, house, product = (str(inbound[f"{name}_id"][row]) for name in ("receipt", "warehouse", "product"))
        edit = Edit("inbound", {"receipt_id": receipt}, "set", "available_date")
        words = f"receipt {receipt} of {product} at {house}"
        return DateMove(words, edit, inbound["available_date"][row], -1, range(1, int(self.day[row]) + 1))

    def _cancel(self, order: int, mine: Ints) -> list[DateMove]:
        """Later dates at which another way of the order opens, where there is stock that would come too late."""
        ways = self.survey.ways
        late = mine[(ways.barrier[mine] == BARRIERS.index("cancel_date")) & (ways.stock[mine] >= 0)]
        if not (self.batch.supply.pool_room(ways.stock[late], ways.day[late]) > 0).any():
            return []
        return [self._of_order(order, "cancel_date", self._later_arrivals(order).tolist())]

    def _later_arrivals(self, order: int) -> Ints:
        """Days after the cancel date on which something could arrive, for any line of the order; ascending."""
        lane = np.flatnonzero(self.tables.lane_zone == self.tables.order_zone[order])
        of, day = self.batch.ship_days.expand(np.full(len(lane), order), self.tables.lane_warehouse[lane])
        after = np.unique(self.batch.arrival(lane[of], day)) - self.batch.cancel_day[order]
        return np.asarray(after[after > 0], dtype=np.int64)

    def _due(self, order: int, mine: Ints) -> list[DateMove]:
        """Due dates up to the one at which no way that is open to the line is late, where lateness costs anything."""
        ways = self.survey.ways
        mine = mine[ways.usable[mine] & (self.penalty[ways.line[mine]] > 0)]
        late = self.batch.days_late(ways.order[mine], ways.lane[mine], ways.day[mine])
        most = int(late.max(initial=0))
        return [self._of_order(order, "due_date", range(1, most + 1))] if most else []

    def _of_order(self, order: int, column: str, days: Sequence[int]) -> DateMove:
        orders = self.tables.orders
        edit = Edit("orders", {"order_id": str(orders["order_id"][order])}, "set", column)
        return DateMove(f"a {column}", edit, orders[column][order], 1, days)
