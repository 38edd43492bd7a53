"""A neutral mixed-integer program: arrays, and blocks that remember what each row and column is about.

Knows no business word. Always a maximization: ``max offset + objective @ x`` subject to
``row_lower <= A x <= row_upper``, ``col_lower <= x <= col_upper``, ``x[j]`` whole where ``integral[j]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Consecutive rows or columns of one family.

    ``keys`` names each of them by positions in the input tables (``line``, ``lane``, ``warehouse``, ``product``,
    ``order``, ``contract``, ...): arrays of the block's length. ``scale`` (rows only) is what each row was multiplied by
    to make its coefficients whole; a dual times ``scale`` is per unit of the unscaled right-hand side.
    """

    family: str
    start: int
    stop: int
    keys: Mapping[str, NDArray[np.int64]]
    coupling: bool = False
    redundant: bool = False
    scale: Floats | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def positions(self) -> Ints:
        return np.arange(self.start, self.stop, dtype=np.int64)


@dataclass(frozen=True)
class LinearModel:
    """See the module. The matrix is compressed by rows: row i holds ``indices[indptr[i]:indptr[i+1]]``.

    ``granularity[j]`` is 0 for a continuous column of any value, and g > 0 where some optimal solution has x[j] at a
    multiple of g (integral columns: 1), so that all-integer engines may scale it.
    """

    objective: Floats
    offset: float
    col_lower: Floats
    col_upper: Floats
    integral: NDArray[np.bool_]
    granularity: Floats
    indptr: Ints
    indices: NDArray[np.int32]
    data: Floats
    row_lower: Floats
    row_upper: Floats
    column_blocks: tuple[Block, ...]
    row_blocks: tuple[Block, ...]

    @property
    def n_cols(self) -> int:
        return len(self.objective)

    @property
    def n_rows(self) -> int:
        return len(self.row_lower)

    @property
    def n_nonzeros(self) -> int:
        return len(self.data)

    def columns(self, family: str) -> Block:
        """The column block of a family; an empty one if the model has none."""
        return next((block for block in self.column_blocks if block.family == family), Block(family, 0, 0, {}))

    def rows(self, family: str) -> Block:
        """The row block of a family; an empty one if the model has none."""
        return next((block for block in self.row_blocks if block.family == family), Block(family, 0, 0, {}))
