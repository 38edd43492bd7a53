"""Programs and parts of them, loaded into HiGHS; how its answers are made exact again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import highspy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Positions = NDArray[np.signedinteger[Any]]
"""Positions of entries, one for each nonzero: four bytes do, and a large matrix has more than a hundred million."""

WHOLE = 1e-6
"""How far from a whole number an engine's answer may be and still mean it."""
FEASIBLE = 1e-6
"""How far a row of whole coefficients may be off after rounding: only by the noise of summing doubles."""


@dataclass(frozen=True)
class Program:
    """``max objective @ x`` under rows and bounds, compressed by columns, with a point ``values`` that satisfies it.

    ``columns`` and ``rows`` are positions in the program that it was taken from, in ascending order.
    """

    columns: Ints
    rows: Ints
    objective: Floats
    lower: Floats
    upper: Floats
    integral: Flags
    start: Ints
    row: Positions
    value: Floats
    row_lower: Floats
    row_upper: Floats
    values: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Program:
        """The whole program from the arrays of a `LinearModel` and its point."""
        indptr, indices = arrays["indptr"], arrays["indices"]
        size = len(arrays["objective"])
        row = np.repeat(np.arange(len(arrays["row_lower"]), dtype=np.int32), np.diff(indptr))
        by_column = np.argsort(indices, kind="stable")
        return cls(
            columns=np.arange(size),
            rows=np.arange(len(arrays["row_lower"])),
            objective=arrays["objective"],
            lower=arrays["col_lower"],
            upper=arrays["col_upper"],
            integral=arrays["integral"],
            start=np.concatenate([[0], np.cumsum(np.bincount(indices, minlength=size))]),
            row=row[by_column],
            value=arrays["data"][by_column],
            row_lower=arrays["row_lower"],
            row_upper=arrays["row_upper"],
            values=arrays["values"],
        )

    def part(
        self, columns: Ints, at: Floats | None = None, keep: Flags | None = None, used: Floats | None = None
    ) -> Program:
        """Some columns, all others fixed at ``at`` (or the point); of the rows they touch those flagged (or all).

        ``used``: what that point uses of each row, where it is known.
        """
        entry = slices(self.start[columns], self.start[columns + 1])
        count = self.start[columns + 1] - self.start[columns]
        column, row = np.repeat(np.arange(len(columns)), count), self.row[entry]
        if keep is not None:
            kept = keep[row]
            entry, column, row = entry[kept], column[kept], row[kept]
            count = np.bincount(column, minlength=len(columns))
        rows, place = np.unique(row, return_inverse=True)
        values = self.values if at is None else at
        if used is None:
            used = self.used if at is None else self.activity(at)
        own = _sums(place, self.value[entry] * values[columns][column], len(rows))
        rest = used[rows] - own
        return Program(
            columns=self.columns[columns],
            rows=self.rows[rows],
            objective=self.objective[columns],
            lower=self.lower[columns],
            upper=self.upper[columns],
            integral=self.integral[columns],
            start=np.concatenate([[0], np.cumsum(count)]),
            row=place,
            value=self.value[entry],
            row_lower=self.row_lower[rows] - rest,
            row_upper=self.row_upper[rows] - rest,
            values=values[columns],
        )

    def add_use(self, used: Floats, columns: Ints, change: Floats) -> None:
        """Add to what is used of each row a change of some columns, in place."""
        entry = slices(self.start[columns], self.start[columns + 1])
        count = self.start[columns + 1] - self.start[columns]
        np.add.at(used, self.row[entry], self.value[entry] * np.repeat(change, count))

    @cached_property
    def used(self) -> Floats:
        """What the point uses of each row."""
        return self.activity(self.values)

    @cached_property
    def _by_row(self) -> tuple[Positions, Ints]:
        """Column of every entry, row after row, and where each row begins."""
        order = np.argsort(self.row, kind="stable")
        count = np.bincount(self.row, minlength=len(self.rows))
        return self.entry_column[order], np.concatenate([[0], np.cumsum(count)])

    def columns_of(self, rows: Ints) -> Positions:
        """Column of every entry of the rows, one row after the other."""
        column, start = self._by_row
        return column[slices(start[rows], start[rows + 1])]

    def rows_of(self, columns: Ints) -> Positions:
        """Row of every entry of the columns, one column after the other."""
        return self.row[slices(self.start[columns], self.start[columns + 1])]

    def touched(self, columns: Flags) -> Flags:
        """Rows that hold any of the columns."""
        flags = np.zeros(len(self.rows), dtype=bool)
        flags[self.row[columns[self.entry_column]]] = True
        return flags

    def room(self, rows: Ints, is_upper: Flags, used: Floats) -> Floats:
        """What is left of the rows up to their upper (or down to their lower) bounds."""
        return np.where(is_upper, self.row_upper[rows] - used[rows], used[rows] - self.row_lower[rows])

    @cached_property
    def entry_column(self) -> Positions:
        return np.repeat(np.arange(len(self.columns), dtype=np.int32), np.diff(self.start))

    def activity(self, values: Floats) -> Floats:
        return _sums(self.row, self.value * values[self.entry_column], len(self.rows))

    def exact(self, values: Floats, lower: Floats | None = None, upper: Floats | None = None) -> Floats:
        """Whole numbers made whole; each continuous column that only costs as low as its rows then let it be.

        ``lower``, ``upper``: bounds of the rows in place of their own.
        """
        lower = self.row_lower if lower is None else lower
        upper = self.row_upper if upper is None else upper
        values = np.where(self.integral, np.rint(values), values)
        loose = ~self.integral & (self.objective <= 0)
        entry = np.flatnonzero(loose[self.entry_column])
        if len(entry) == 0 or np.bincount(self.row[entry]).max() > 1:
            return values
        column, row, value = self.entry_column[entry], self.row[entry], self.value[entry]
        rest = self.activity(values)[row] - value * values[column]
        bound = np.where(value > 0, lower[row], upper[row])
        least = np.where(loose, self.lower, values)
        np.maximum.at(least, column, (bound - rest) / value)
        return least

    def holds(self, values: Floats, lower: Floats, upper: Floats) -> bool:
        """Whether the point satisfies the rows, with these bounds, and the columns."""
        in_columns = (values <= self.upper + FEASIBLE) & (values >= self.lower - FEASIBLE)
        return bool(in_columns.all() and not self.broken(values, lower, upper).any())

    def broken(self, values: Floats, lower: Floats, upper: Floats) -> Flags:
        """The rows, with these bounds, that the point does not satisfy."""
        return is_broken(self.activity(values), lower, upper)

    def difference(self, values: Floats, base: Floats) -> float:
        """Change of the objective from ``base`` to ``values``, summed exactly over the columns that differ."""
        moved = np.flatnonzero(values != base)
        return math.fsum((self.objective[moved] * (values[moved] - base[moved])).tolist())

    def components(self, binding: Flags) -> Ints:
        """For each column a number shared by all columns that hang together through the rows marked ``binding``."""
        entries = binding[self.row]
        column, row = self.entry_column[entries], len(self.columns) + self.row[entries]
        label = np.arange(len(self.columns) + len(self.rows))
        while True:
            left, right = label[column], label[row]
            if (left == right).all():
                return label[: len(self.columns)]
            least = np.minimum(left, right)
            np.minimum.at(label, left, least)
            np.minimum.at(label, right, least)
            while (label[label] != label).any():
                label = label[label]

    def highs(self, *, mixed: bool, **options: object) -> highspy.Highs:
        """The program in HiGHS, as a minimization of the negated objective: one place where signs turn.

        ``mixed`` keeps whole numbers whole; else it is the linear relaxation. Duals are then minus the change of the
        value per unit of a row's bound.
        """
        import highspy

        engine = highspy.Highs()
        for name, value in {"output_flag": False, "threads": 1, "parallel": "off", **options}.items():
            engine.setOptionValue(name, value)
        endless = highspy.kHighsInf
        engine.passModel(
            len(self.columns),
            len(self.rows),
            len(self.value),
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMinimize),
            0.0,
            -self.objective,
            np.maximum(self.lower, -endless),
            np.minimum(self.upper, endless),
            np.maximum(self.row_lower, -endless),
            np.minimum(self.row_upper, endless),
            self.start.astype(np.int32),
            self.row.astype(np.int32),
            self.value,
            (self.integral & mixed).astype(np.int32),
        )
        return engine


def is_broken(activity: Floats, lower: Floats, upper: Floats) -> Flags:
    """Rows whose activity lies beyond their bounds by more than rounding explains."""
    slack = FEASIBLE * np.maximum(1.0, np.abs(activity))
    return np.asarray((activity > upper + slack) | (activity < lower - slack), dtype=bool)


def _sums(place: Positions, amount: Floats, size: int) -> Floats:
    return np.bincount(place, amount, minlength=size).astype(
        np.float64
    )  # without any entry bincount counts in integers


def slices(start: Ints, stop: Ints) -> Ints:
    """start[0], …, stop[0] − 1, start[1], …: all positions of several runs."""
    count = stop - start
    first = np.cumsum(count) - count
    positions: Ints = np.arange(int(count.sum())) + np.repeat(start - first, count)
    return positions
