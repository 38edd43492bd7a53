"""What each of the blocks' own rows says, by its pattern, and so what each column is. Everything on whole arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.engines.decompose.problem import NEVER, Flags, Floats, Ints, UnfitError
from optimizer.model.linear_model import LinearModel

LINK, DEMAND, MOST, FULL, FILLED, LEAST = range(6)
"""Kinds of a block's own rows: x <= u·y · Σ x <= q · Σ y <= n · Σ x = q·f · Σ x >= q·f · Σ x >= m·used."""


@dataclass(frozen=True)
class Entries:
    """Nonzeros of some rows, by row; ``row`` counts from the first of these rows."""

    row: Ints
    column: Ints
    value: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, linear: LinearModel, keep: Flags) -> Entries:
        """The flagged rows."""
        count = np.diff(linear.indptr)
        chosen = np.repeat(keep, count)
        row = np.repeat(np.arange(int(keep.sum())), count[keep])
        column = linear.indices[chosen].astype(np.int64)
        return cls(row, column, linear.data[chosen], linear.row_lower[keep], linear.row_upper[keep])

    def count(self, which: Flags) -> Ints:
        return np.bincount(self.row[which], minlength=len(self.lower))

    def columns_of(self, rows: Flags) -> Ints:
        """The columns of the flagged rows."""
        return self.column[rows[self.row]]


class Shape:
    """Which of the own rows says what, and so what each column is."""

    def __init__(self, linear: LinearModel, own: Entries) -> None:
        self.linear, self.own = linear, own
        binary = linear.integral & (linear.col_upper == 1)
        negative = own.value < 0
        at_most = np.isneginf(own.lower) & (own.upper == 0)
        at_least = (own.lower == 0) & np.isposinf(own.upper)
        equal = (own.lower == 0) & (own.upper == 0)
        one_negative = own.count(negative) == 1
        switch = np.full(len(own.lower), -1, dtype=np.int64)
        switch[own.row[negative]] = own.column[negative]
        big = np.zeros(len(own.lower))
        big[own.row[negative]] = -own.value[negative]
        self.switch, self.big = switch, big
        fits = one_negative & binary[switch]
        up = np.zeros(linear.n_cols, dtype=bool)
        up[switch[fits & at_most]] = True
        down = np.zeros(linear.n_cols, dtype=bool)
        down[switch[fits & (at_least | equal)]] = True
        self.is_opener = up & ~down
        self.kind = np.full(len(own.lower), -1)
        self.kind[fits & at_most & self.is_opener[switch]] = LINK
        self.kind[fits & equal] = FULL
        self.kind[fits & at_least & ~up[switch]] = FILLED
        self.kind[fits & at_least & up[switch]] = LEAST
        self.kind[fits & at_most & ~self.is_opener[switch]] = DEMAND  # of a line that is used or not: as without it
        plain = (own.count(negative) == 0) & np.isneginf(own.lower)
        self.kind[plain] = DEMAND
        most = plain & self._counts_openings(plain, binary)
        self.kind[most] = MOST
        self.is_switch = self.is_opener | down
        self.kind[plain & ~most & (own.count(self.is_switch[own.column]) > 0)] = -1
        if (self.kind < 0).any():
            raise UnfitError("rows that are neither links nor fills nor limits", own.columns_of(self.kind < 0))
        self.is_quantity = ~self.is_switch
        self.opens_itself = np.zeros(linear.n_cols, dtype=bool)
        """quantities of one step that limits on openings count: each is its own opener"""
        self.opens_itself[own.column[(self.kind == MOST)[own.row]]] = True
        self.opens_itself &= self.is_quantity

    def _counts_openings(self, plain: Flags, binary: Flags) -> Flags:
        """Rows that limit how many shipments open: of openers, or of quantities of one step across lines."""
        own, rows = self.own, len(self.own.lower)
        size = np.bincount(own.row, minlength=rows)
        ones = own.count((own.value == 1) & binary[own.column]) == size
        least = np.full(self.linear.n_cols, NEVER, dtype=np.int64)
        about = plain[own.row]
        np.minimum.at(least, own.column[about], size[own.row[about]])
        across = np.zeros(rows, dtype=bool)
        across[own.row[about & (least[own.column] < size[own.row])]] = True
        counted = np.zeros(self.linear.n_cols, dtype=bool)  # quantities that another row counts in units
        counted[own.column[about & (own.value != 1)]] = True
        across[own.row[about & counted[own.column]]] = True
        most: Flags = ones & (across | (own.count(self.is_opener[own.column]) > 0))
        return most

    def most_units(self) -> tuple[Ints, Floats]:
        """(rows that limit a line, its most units), with the switch on where it is used or not, or full or not."""
        limits = np.flatnonzero((self.kind == DEMAND) | (self.kind == FULL))
        return limits, np.where(self.switch >= 0, self.big, self.own.upper)[limits]
