"""Days counted from `as_of`, and on which of them a warehouse works."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOREVER = 2**31
"""A day that never comes."""

DAYS = np.int64(2**32)
"""Factor that puts a position and a day (below it) into one number."""


NO_DAY = -(2**40)
"""What a text that is no date stands for."""

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def day_numbers(dates: Any, as_of: datetime.date, blank: int) -> Ints:
    """Days from `as_of` to each date (negative before it), ``blank`` where there is none."""
    none = np.isnat(dates)
    days = (np.where(none, np.datetime64(as_of, "D"), dates) - np.datetime64(as_of, "D")).astype(np.int64)
    return np.where(none, np.int64(blank), days)


class DayTexts:
    """Texts of dates as days since `as_of`; each distinct text is worked out once."""

    def __init__(self, as_of: datetime.date) -> None:
        self.as_of = np.datetime64(as_of, "D")
        self.known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """The day that a text names, `NO_DAY` if it names none."""
        day = self.known.get(text)
        if day is None:
            day = self.known[text] = self._day(text)
        return day

    def _day(self, text: str) -> int:
        if not DATE.fullmatch(text):
            return NO_DAY
        try:
            return int((np.datetime64(text, "D") - self.as_of).astype(np.int64))
        except ValueError:
            return NO_DAY


class Calendar:
    """Working days and the days that carry capacities. Every day that the table does not name is a working day."""

    def __init__(self, tables: Tables, as_of: datetime.date) -> None:
        table = tables.calendar
        self.table = table
        self.warehouse: Ints = tables.calendar_warehouse
        self.day = day_numbers(table["date"], as_of, 0)
        working: Flags = np.asarray(table["is_working"], dtype=bool)
        self.working = working
        key = self.warehouse * DAYS + np.maximum(self.day, 0)
        coming = self.day >= 0
        self._closed = np.sort(key[coming & ~working])
        rows = np.flatnonzero(coming)
        by_key = rows[np.argsort(key[rows], kind="stable")]
        self._keys, self._rows = key[by_key], by_key

    def works(self, warehouse: Ints, day: Ints) -> Flags:
        """Whether each warehouse works on each day."""
        if not len(self._closed):
            return np.ones(np.broadcast(warehouse, day).shape, dtype=bool)
        return ~np.isin(warehouse * DAYS + day, self._closed)

    def first_working(self, warehouse: Ints, day: Ints) -> Ints:
        """The first working day of each warehouse that is not before ``day``."""
        day = np.array(day, dtype=np.int64)
        while True:
            idle = ~self.works(warehouse, day)
            if not idle.any():
                return day
            day[idle] += 1

    def row(self, warehouse: Ints, day: Ints) -> Ints:
        """The calendar row of each (warehouse, day), −1 where there is none."""
        if not len(self._keys):
            return np.full(np.broadcast(warehouse, day).shape, -1, dtype=np.int64)
        wanted = warehouse * DAYS + day
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, self._rows[place], -1)

    def limited(self, unit: str) -> Flags:
        """Rows that state a capacity of this unit, for a day to come."""
        return np.asarray(self.table.given(f"capacity_{unit}") & (self.day >= 0), dtype=bool)
