"""Parts of a matrix with the rest of the columns fixed, loaded into HiGHS; how its answers are made exact again."""

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

WHOLE = 1e-6
"""How far from a whole number an engine's answer may be and still mean it."""
FEASIBLE = 1e-6
"""How far a row of whole coefficients may be off after rounding: only by the noise of summing doubles."""


class Problem:
    """The whole matrix, a point in it that satisfies every row, and what the rows use there."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.objective: Floats = arrays["objective"]
        self.lower: Floats = arrays["col_lower"]
        self.upper: Floats = arrays["col_upper"]
        self.integral: Flags = arrays["integral"]
        self.row_lower: Floats = arrays["row_lower"]
        self.row_upper: Floats = arrays["row_upper"]
        self.indptr: Ints = arrays["indptr"]
        self.indices: Ints = arrays["indices"].astype(np.int64)
        self.data: Floats = arrays["data"]
        self.values: Floats = arrays["values"]
        row = np.repeat(np.arange(len(self.row_lower)), np.diff(self.indptr))
        self.activity = _sums(row, self.data * self.values[self.indices], len(self.row_lower))
        by_column = np.argsort(self.indices, kind="stable")
        self.entry_row: Ints = row[by_column]
        self.entry_value: Floats = self.data[by_column]
        count = np.bincount(self.indices, minlength=len(self.objective))
        self.start: Ints = np.concatenate([[0], np.cumsum(count)])

    def columns_of(self, rows: Ints) -> Ints:
        """Column of every entry of the rows, one row after the other."""
        return self.indices[_slices(self.indptr[rows], self.indptr[rows + 1])]

    def rows_of(self, columns: Ints) -> Ints:
        """Row of every entry of the columns, one column after the other."""
        return self.entry_row[_slices(self.start[columns], self.start[columns + 1])]

    def part(self, columns: Ints, lower: Floats | None = None, upper: Floats | None = None) -> Part:
        """The problem in these columns alone, all others kept at the point; bounds given are for all columns."""
        lower = self.lower if lower is None else lower
        upper = self.upper if upper is None else upper
        entry = _slices(self.start[columns], self.start[columns + 1])
        count = self.start[columns + 1] - self.start[columns]
        rows, row = np.unique(self.entry_row[entry], return_inverse=True)
        value = self.entry_value[entry]
        own = np.bincount(row, value * np.repeat(self.values[columns], count), minlength=len(rows))
        rest = self.activity[rows] - own
        return Part(
            columns=columns,
            rows=rows,
            objective=self.objective[columns],
            lower=lower[columns],
            upper=upper[columns],
            integral=self.integral[columns],
            start=np.concatenate([[0], np.cumsum(count)]),
            row=row,
            value=value,
            row_lower=self.row_lower[rows] - rest,
            row_upper=self.row_upper[rows] - rest,
            values=self.values[columns],
        )


@dataclass(frozen=True)
class Part:
    """A smaller problem: positions of its columns and rows in the whole, and the matrix compressed by columns."""

    columns: Ints
    rows: Ints
    objective: Floats
    lower: Floats
    upper: Floats
    integral: Flags
    start: Ints
    row: Ints
    value: Floats
    row_lower: Floats
    row_upper: Floats
    values: Floats

    @cached_property
    def entry_column(self) -> Ints:
        return np.repeat(np.arange(len(self.columns)), np.diff(self.start))

    def activity(self, values: Floats) -> Floats:
        return _sums(self.row, self.value * values[self.entry_column], len(self.rows))

    def keep_rows(self, keep: Flags) -> Part:
        """The same columns with some rows left out."""
        entries = keep[self.row]
        place = np.cumsum(keep) - 1
        count = np.bincount(self.entry_column[entries], minlength=len(self.columns))
        return Part(
            columns=self.columns,
            rows=self.rows[keep],
            objective=self.objective,
            lower=self.lower,
            upper=self.upper,
            integral=self.integral,
            start=np.concatenate([[0], np.cumsum(count)]),
            row=place[self.row[entries]],
            value=self.value[entries],
            row_lower=self.row_lower[keep],
            row_upper=self.row_upper[keep],
            values=self.values,
        )

    def exact(self, values: Floats) -> Floats:
        """Whole numbers made whole; each continuous column that only costs as low as its rows then let it be."""
        values = np.where(self.integral, np.rint(values), values)
        loose = ~self.integral & (self.objective <= 0)
        entry = np.flatnonzero(loose[self.entry_column])
        if len(entry) == 0 or np.bincount(self.row[entry]).max() > 1:
            return values
        column, row, value = self.entry_column[entry], self.row[entry], self.value[entry]
        rest = self.activity(values)[row] - value * values[column]
        bound = np.where(value > 0, self.row_lower[row], self.row_upper[row])
        least = np.where(loose, self.lower, values)
        np.maximum.at(least, column, (bound - rest) / value)
        return least

    def holds(self, values: Floats, lower: Floats, upper: Floats) -> bool:
        """Whether the point satisfies the rows, with these bounds, and the columns."""
        activity = self.activity(values)
        slack = FEASIBLE * np.maximum(1.0, np.abs(activity))
        in_rows = ((activity <= upper + slack) & (activity >= lower - slack)).all()
        return bool(in_rows and ((values <= self.upper + FEASIBLE) & (values >= self.lower - FEASIBLE)).all())

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
        """The part in HiGHS, as a minimization of the negated objective: one place where signs turn.

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


def _sums(place: Ints, amount: Floats, size: int) -> Floats:
    return np.bincount(place, amount, minlength=size).astype(
        np.float64
    )  # without any entry bincount counts in integers


def _slices(start: Ints, stop: Ints) -> Ints:
    """start[0], …, stop[0] − 1, start[1], …: all positions of several runs."""
    count = stop - start
    first = np.cumsum(count) - count
    positions: Ints = np.arange(int(count.sum())) + np.repeat(start - first, count)
    return positions
