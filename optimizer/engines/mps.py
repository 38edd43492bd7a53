"""A model as free MPS text for an engine that reads files: minimization, short unique names, every bound said.

Names are positions (``c17``, ``r4``), so that no id of anybody's data can clash or be cut. A row with two sides becomes
two rows: a range's width, computed in floating point, would move one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from optimizer.model.linear_model import LinearModel


def write(linear: LinearModel, path: Path) -> int:
    """Write ``minimize −objective`` (the offset is left out); the number of rows written."""
    lower, upper = np.isfinite(linear.row_lower), np.isfinite(linear.row_upper)
    equal = lower & upper & (linear.row_lower == linear.row_upper)
    kinds = (
        ("E", equal, linear.row_upper),
        ("G", lower & ~equal, linear.row_lower),
        ("L", upper & ~equal, linear.row_upper),
    )
    with open(path, "w", encoding="ascii") as file:
        file.write("NAME model FREE\nROWS\n N cost\n")
        for kind, rows, _ in kinds:
            file.writelines(f" {kind} {kind}{row}\n" for row in np.flatnonzero(rows).tolist())
        file.write("COLUMNS\n")
        _columns(linear, [(kind, rows) for kind, rows, _ in kinds], file)
        file.write("RHS\n")
        for kind, rows, side in kinds:
            used = np.flatnonzero(rows)
            file.writelines(f" rhs {kind}{row} {value!r}\n" for row, value in _pairs(used, side[used]))
        file.write("BOUNDS\n")
        _bounds(linear, file)
        file.write("ENDATA\n")
    return sum(int(rows.sum()) for _, rows, _ in kinds)


def _pairs(positions: NDArray[Any], values: NDArray[Any]) -> Iterator[tuple[int, float]]:
    return zip(positions.tolist(), values.tolist(), strict=True)


def _columns(linear: LinearModel, kinds: list[tuple[str, NDArray[Any]]], file: TextIO) -> None:
    """Column after column: its cost, then its entries in each kind of row; runs of whole columns between markers."""
    row_of = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    order = np.argsort(linear.indices, kind="stable")
    starts = np.searchsorted(linear.indices[order], np.arange(linear.n_cols + 1)).tolist()
    rows, values = row_of[order].tolist(), linear.data[order].tolist()
    names = [[kind if flag else "" for flag in flags.tolist()] for kind, flags in kinds]
    costs, whole = (-linear.objective).tolist(), linear.integral.tolist()
    inside = False
    for column in range(linear.n_cols):
        if whole[column] != inside:
            inside = whole[column]
            file.write(f" M{column} 'MARKER' '{'INTORG' if inside else 'INTEND'}'\n")
        file.write(f" c{column} cost {costs[column]!r}\n")
        for entry in range(starts[column], starts[column + 1]):
            for kind in names:
                if kind[rows[entry]]:
                    file.write(f" c{column} {kind[rows[entry]]}{rows[entry]} {values[entry]!r}\n")
    if inside:
        file.write(" MEND 'MARKER' 'INTEND'\n")


def _bounds(linear: LinearModel, file: TextIO) -> None:
    """Both sides of every column: readers disagree on what silence means."""
    low, high = linear.col_lower.tolist(), linear.col_upper.tolist()
    for column in range(linear.n_cols):
        if low[column] == high[column]:
            file.write(f" FX b c{column} {low[column]!r}\n")
            continue
        file.write(f" LO b c{column} {low[column]!r}\n" if low[column] > -np.inf else f" MI b c{column}\n")
        file.write(f" UP b c{column} {high[column]!r}\n" if high[column] < np.inf else f" PL b c{column}\n")
