"""Days as whole numbers since `as_of`, and on which of them a warehouse ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.model.lookup import by_day, find_sorted
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOREVER = 10**6
"""A day after every other: what never expires, expires then."""
SPAN = 2 * FOREVER
"""Codes of (something, day) are ``something · SPAN + day``."""


def days_since(scenario: Scenario, dates: NDArray[np.datetime64], blank: int) -> Ints:
    """Dates as days since `as_of`, ``blank`` where there is none."""
    missing = np.isnat(dates)
    days = (dates - np.datetime64(scenario.as_of, "D")).astype(np.int64)
    return cast("Ints", np.where(missing, blank, np.minimum(days, FOREVER)))


def date_texts(scenario: Scenario, days: Ints) -> NDArray[np.object_]:
    """ISO dates of days since `as_of`."""
    dates = np.datetime64(scenario.as_of, "D") + days.astype("timedelta64[D]")
    return np.datetime_as_string(dates).astype(object)


@dataclass(frozen=True)
class Calendar:
    """Non-working days as sorted codes, and the rows of the table `calendar` that limit a working day.

    ``row``: position in the table, with its ``warehouse`` and ``day``, sorted by both; only working days from `as_of`
    on that state a capacity.
    """

    closed: Ints
    row: Ints
    warehouse: Ints
    day: Ints

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario) -> Calendar:
        table = tables.calendar
        if not len(table):
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, nothing, nothing, nothing)
        day = days_since(scenario, table["date"], FOREVER)
        works = np.asarray(table["is_working"], dtype=bool)
        closed = np.unique(_code(tables.calendar_warehouse, day)[~works & (day >= 0)])
        limits = [table.given(f"capacity_{unit}") for unit in ("units", "lines", "shipments", "kg")]
        row = np.flatnonzero(works & (day >= 0) & np.logical_or.reduce(limits))
        row = row[np.lexsort((day[row], tables.calendar_warehouse[row]))]
        return cls(closed, row, tables.calendar_warehouse[row], day[row])

    def first_working(self, warehouse: Ints, day: Ints) -> Ints:
        """The first day from ``day`` on, elementwise, on which goods may leave the warehouse."""
        day = day.copy()
        if not len(self.closed):
            return day
        resting = np.arange(len(day))
        while len(resting):
            code = _code(warehouse[resting], day[resting])
            place = np.minimum(np.searchsorted(self.closed, code), len(self.closed) - 1)
            resting = resting[self.closed[place] == code]
            day[resting] += 1
        return day

    def limit_of(self, warehouse: Ints, day: Ints) -> Ints:
        """The row of the table that limits each (warehouse, day), -1 where none does."""
        if not len(self.row):
            return np.full(len(day), -1, dtype=np.int64)
        return by_day(self._find_limit, warehouse, int(warehouse.max(initial=0)) + 1, day)

    def _find_limit(self, warehouse: Ints, day: Ints) -> Ints:
        place = find_sorted(_code(self.warehouse, self.day), _code(warehouse, day))
        return np.where(place < 0, -1, self.row[place])


def _code(warehouse: Ints, day: Ints) -> Any:
    return warehouse * SPAN + day
