"""What of a matrix is not (yet) known to be odd: fewer columns and rows each time that a block turns out to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.engines.adapter import OWN, SHARED
from optimizer.engines.decompose.problem import Flags, Ints, Problem
from optimizer.model.linear_model import LinearModel


@dataclass(frozen=True)
class Rest:
    """Some columns of a matrix as one of its own, with the rows that hold only these, and all shared rows.

    ``role`` and ``label`` (the block, by one of its columns) are in its own terms; ``columns`` and ``rows`` say where
    they stand in the whole matrix.
    """

    linear: LinearModel
    role: Ints
    label: Ints
    columns: Ints
    rows: Ints

    @classmethod
    def whole(cls, linear: LinearModel, role: Ints, label: Ints) -> Rest:
        return cls(linear, role, label, np.arange(linear.n_cols), np.arange(linear.n_rows))

    def without_blocks_of(self, columns: Ints) -> Rest:
        """The same without the whole blocks that some of its columns belong to."""
        linear, is_odd = self.linear, np.zeros(self.linear.n_cols, dtype=bool)
        is_odd[self.label[columns]] = True
        kept = ~is_odd[self.label]
        rows = (self.role == SHARED) | ((self.role == OWN) & (linear.held(kept) == np.diff(linear.indptr)))
        place = np.cumsum(kept) - 1
        label = place[self.label[kept]]
        return Rest(linear.part(kept, rows), self.role[rows], label, self.columns[kept], self.rows[rows])

    def placed(self, problem: Problem) -> Problem:
        """A problem that was read off this matrix, in terms of the whole one."""
        columns = np.append(self.columns, -1)
        return problem._replace(
            **{name: columns[getattr(problem, name)] for name in OF_COLUMNS},
            shared=problem.shared._replace(row=self.rows[problem.shared.row]),
        )

    def is_left_out(self, columns: int) -> Flags:
        """Which columns of the whole matrix are not in it."""
        flags = np.ones(columns, dtype=bool)
        flags[self.columns] = False
        return flags


OF_COLUMNS = ("arc_column", "open_column", "line_full", "line_used", "block_full", "soft_column")
"""Parts of a `Problem` that name columns of the matrix, −1 for none."""
