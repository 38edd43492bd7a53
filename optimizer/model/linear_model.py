"""A neutral mixed-integer program: arrays, and blocks that remember what each row and column is about.

Knows no business word. Always a maximization: ``max offset + objective @ x`` subject to
``row_lower <= A x <= row_upper``, ``col_lower <= x <= col_upper``, ``x[j]`` whole where ``integral[j]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


MATRIX = (
    "objective", "col_lower", "col_upper", "integral", "granularity",
    "indptr", "indices", "data", "row_lower", "row_upper",
)  # fmt: skip
"""The arrays of a `LinearModel`."""


@dataclass(frozen=True)
class Block:
    """Consecutive rows or columns of one family.

    ``keys`` names each of them by positions in the input tables (``line``, ``lane``, ``warehouse``, ``product``,
    ``order``, ``contract``, ...): arrays of the block's length. ``scale`` (rows only) is what each row was multiplied
    by to make its coefficients whole; a dual times ``scale`` is per unit of the unscaled right-hand side.
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

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The program itself by name, without what its rows and columns are about: what travels to a child."""
        return {name: getattr(self, name) for name in MATRIX}

    def columns(self, family: str) -> Block:
        """The column block of a family; an empty one if the model has none."""
        return next((block for block in self.column_blocks if block.family == family), Block(family, 0, 0, {}))

    def rows(self, family: str) -> Block:
        """The row block of a family; an empty one if the model has none."""
        return next((block for block in self.row_blocks if block.family == family), Block(family, 0, 0, {}))

    def held(self, columns: Flags) -> Ints:
        """How many of these columns each row holds."""
        total = np.concatenate([np.zeros(1, dtype=np.int32), np.cumsum(columns[self.indices], dtype=np.int32)])
        return np.diff(total[self.indptr]).astype(np.int64)

    def part(self, columns: Flags, rows: Flags) -> LinearModel:
        """These columns and rows as a program of its own, without what they are about."""
        entry = columns[self.indices] & np.repeat(rows, np.diff(self.indptr))
        place = np.cumsum(columns, dtype=np.int32) - 1
        return LinearModel(
            objective=self.objective[columns],
            offset=self.offset,
            col_lower=self.col_lower[columns],
            col_upper=self.col_upper[columns],
            integral=self.integral[columns],
            granularity=self.granularity[columns],
            indptr=np.concatenate([[0], np.cumsum(self.held(columns)[rows])]),
            indices=place[self.indices[entry]],
            data=self.data[entry],
            row_lower=self.row_lower[rows],
            row_upper=self.row_upper[rows],
            column_blocks=(),
            row_blocks=(),
        )


@dataclass(frozen=True)
class Columns:
    """One family of columns before assembly; every bound is finite. ``granularity`` as in `LinearModel`."""

    family: str
    keys: Mapping[str, Ints]
    upper: Floats
    integral: bool = True
    granularity: Floats | None = None

    def __len__(self) -> int:
        return len(self.upper)


@dataclass(frozen=True)
class Rows:
    """One family of rows before assembly, compressed by rows: row i holds entries ``indptr[i]:indptr[i+1]``.

    The entries are the parts of ``column`` and ``value`` end to end, taken in ``order`` (None: as they stand); nothing
    is copied before they are written into the matrix. ``dropped`` counts rows left out because they can never bind,
    whatever the other rows say.
    """

    family: str
    keys: Mapping[str, Ints]
    indptr: Ints
    column: Sequence[NDArray[Any]]
    value: Sequence[NDArray[Any]]
    lower: Floats
    upper: Floats
    coupling: bool = False
    redundant: bool = False
    scale: Floats | None = None
    dropped: int = 0
    order: Ints | None = None

    def __len__(self) -> int:
        return len(self.lower)


def assemble(
    columns: Sequence[Columns],
    rows: Iterable[Rows],
    objective: Floats,
    offset: float = 0.0,
    room: tuple[int, int] = (0, 0),
) -> LinearModel:
    """Stack the families, in their order; families without a single row or column leave no block.

    Each family of rows is copied as it comes and not kept, so that the matrix never stands in memory twice.
    ``room``: about how many rows and nonzeros there will be, where that is known.
    """
    columns = [block for block in columns if len(block)]
    upper = _joined([block.upper for block in columns], np.float64)
    n_rows, nonzeros = room
    indptr, lower, top = (Growing(dtype, n_rows) for dtype in (np.int64, np.float64, np.float64))
    indices, data = Growing(np.int32, nonzeros), Growing(np.float64, nonzeros)
    indptr.add(np.zeros(1, dtype=np.int64))
    blocks = []
    for family in rows:
        if not len(family):
            continue
        blocks.append(_row_block(family, len(lower)))
        indptr.add(family.indptr[1:] + len(data))
        indices.add_all(family.column, family.order)
        data.add_all(family.value, family.order)
        lower.add(family.lower)
        top.add(family.upper)
    return LinearModel(
        objective=objective,
        offset=offset,
        col_lower=np.zeros(len(upper)),
        col_upper=upper,
        integral=np.repeat([block.integral for block in columns], [len(block) for block in columns]).astype(bool),
        granularity=_joined([_granularity(block) for block in columns], np.float64),
        indptr=indptr.whole(),
        indices=indices.whole(),
        data=data.whole(),
        row_lower=lower.whole(),
        row_upper=top.whole(),
        column_blocks=_column_blocks(columns),
        row_blocks=tuple(blocks),
    )


class Growing:
    """An array to which parts are added at its end; the system gives no memory to room that nothing was written to."""

    def __init__(self, dtype: type[np.generic] | np.dtype[Any], room: int = 0) -> None:
        self.array: NDArray[Any] = np.empty(room, dtype=dtype)
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def add(self, part: NDArray[Any]) -> None:
        self._room(len(part))[:] = part

    def add_all(self, parts: Sequence[NDArray[Any]], order: Ints | None) -> None:
        """The parts end to end, in that order."""
        if order is None:
            for part in parts:
                self.add(part)
        else:
            np.take(_joined(parts, self.array.dtype), order, out=self._room(len(order)), mode="clip")  # raise: a copy

    def _room(self, count: int) -> NDArray[Any]:
        size = self.size + count
        if size > len(self.array):
            larger = np.empty(max(size, 2 * len(self.array)), dtype=self.array.dtype)
            larger[: self.size] = self.array[: self.size]
            self.array = larger
        self.size = size
        return self.array[size - count : size]

    def whole(self) -> NDArray[Any]:
        """All of it; nothing can be added any more."""
        self.array.resize(self.size, refcheck=False)  # shortens in place
        return self.array


def _granularity(block: Columns) -> Floats:
    return np.full(len(block), float(block.integral)) if block.granularity is None else block.granularity


def _joined(parts: Sequence[NDArray[Any]], dtype: type | np.dtype[Any]) -> NDArray[Any]:
    """One array of that type."""
    if len(parts) == 1:
        return parts[0].astype(dtype, copy=False)
    return np.concatenate([np.zeros(0, dtype=dtype), *parts], dtype=dtype, casting="unsafe")


def _column_blocks(columns: Sequence[Columns]) -> tuple[Block, ...]:
    ends = np.cumsum([len(block) for block in columns]).tolist()
    return tuple(
        Block(block.family, end - len(block), end, block.keys) for block, end in zip(columns, ends, strict=True)
    )


def _row_block(rows: Rows, start: int) -> Block:
    stop = start + len(rows)
    return Block(rows.family, start, stop, rows.keys, rows.coupling, rows.redundant, rows.scale)
