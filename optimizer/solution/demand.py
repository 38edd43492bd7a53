"""What demand is usual: past periods of each product or zone, and the batch beside them (`docs/exceptions.md`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LEAST_PERIODS = 8
FAR = 3.5
"""Spreads above the usual level from which demand is far above it."""
TIMES = 1.5
"""Times the usual level that it must reach besides."""
MAD_TO_SIGMA = 1.4826
"""The median distance from the median times this is the standard deviation, where demand is normal."""
YEAR = 365
CELLS = 1 << 22
"""Cells of a table of sums (subject × date) that is held at once."""


@dataclass(frozen=True)
class Past:
    """The dates of the history table, and how long its periods and the batch are, in days."""

    dates: NDArray[np.datetime64]
    period_days: Fraction
    batch_days: int

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario) -> Past:
        dates = np.unique(tables.history["date"])
        gaps = np.diff(dates).astype(np.int64)
        period = Fraction(float(np.median(gaps))) if len(gaps) else Fraction(1)
        return cls(dates, period, batch_days(tables, scenario))

    @property
    def periods_of_batch(self) -> Fraction:
        return max(Fraction(1), self.batch_days / self.period_days)

    @property
    def days(self) -> Fraction:
        """Days that the whole history covers."""
        if len(self.dates) == 0:
            return Fraction(0)
        return int((self.dates[-1] - self.dates[0]).astype(np.int64)) + self.period_days


def batch_days(tables: Tables, scenario: Scenario) -> int:
    """Days from the first to the last order date of the batch, both counted; a blank date is `as_of`."""
    placed = tables.orders["order_date"][tables.line_order]
    placed = np.where(np.isnat(placed), np.datetime64(scenario.as_of, "D"), placed)
    return int((placed.max() - placed.min()).astype(np.int64)) + 1 if len(placed) else 1


@dataclass(frozen=True)
class Peak:
    """Demand far above its usual level: of ``subject``, units a period now and usually, and units above in all."""

    subject: int
    now: Fraction
    usual: Fraction
    above: Fraction


def peaks(tables: Tables, scenario: Scenario, past_code: Ints, code: Ints, size: int) -> list[Peak]:
    """Subjects 0..size-1 whose demand in the batch is far above usual.

    ``past_code``: subject of each row of history; ``code``: of each order line (-1: none).
    """
    past = Past.of(tables, scenario)
    if len(past.dates) < LEAST_PERIODS:
        return []
    ordered = np.bincount(code[code >= 0], tables.order_lines["qty"][code >= 0], minlength=size).astype(np.int64)
    found = []
    share = past.periods_of_batch
    known = np.bincount(past_code[past_code >= 0], minlength=size)
    asked = np.flatnonzero((ordered > 0) & (known > 0))
    for subjects, sums in _sums(tables, past, past_code, asked):
        usual = np.median(sums, axis=1)
        mad = np.median(np.abs(sums - usual[:, None]), axis=1)
        spread = np.maximum(np.maximum(MAD_TO_SIGMA * mad, np.sqrt(usual)), 1.0)
        now = ordered[subjects] / float(share)
        far = ((now - usual) / spread > FAR) & (now >= TIMES * usual)
        for at in np.flatnonzero(far).tolist():
            units, level = int(ordered[subjects[at]]), Fraction(float(usual[at]))
            found.append(Peak(int(subjects[at]), units / share, level, units - level * share))
    return found


def _sums(tables: Tables, past: Past, past_code: Ints, subjects: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Past demand of the subjects by date (rows of some subjects at a time); no row on a date counts 0."""
    by_code = np.argsort(past_code, kind="stable")
    codes = past_code[by_code]
    date = np.searchsorted(past.dates, tables.history["date"][by_code])
    qty = tables.history["qty"][by_code].astype(np.float64)
    width = len(past.dates)
    for part in np.array_split(subjects, len(subjects) * width // CELLS + 1):
        place = np.searchsorted(part, codes)
        known = (place < len(part)) & np.isin(codes, part)
        cell = place[known] * width + date[known]
        sums = np.bincount(cell, qty[known], minlength=len(part) * width)
        yield part, sums.astype(np.float64).reshape(len(part), width)
