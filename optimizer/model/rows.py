"""Helpers of the row families: entries in any order to compressed rows, and decimal rows to whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import distinct_codes, sorting
from optimizer.model.terms import Ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WHOLE_LIMIT = 10_000_000
"""Rows are multiplied up to whole numbers as long as no coefficient exceeds this: an integer solution then violates a
row by a whole number or not at all, beyond the tolerance of every engine."""

DUST = 1e-12
"""Relative rounding error of a product of doubles."""


def make_rows(
    family: str,
    keys: Mapping[str, Ints],
    entries: Sequence[tuple[Ints, Ints, NDArray[np.generic]]],
    lower: Floats,
    upper: Floats,
    *,
    coupling: bool = False,
    redundant: bool = False,
    scale: Floats | None = None,
    dropped: int = 0,
) -> Rows:
    """Rows from parts of entries ``(row, column, coefficient)``; within a row, entries keep the order of the parts.

    Entries that are 0 are left out.
    """
    row = entries[0][0] if len(entries) == 1 else np.concatenate([entry[0] for entry in entries])
    column = _joined([entry[1] for entry in entries], np.int32)  # as the matrix keeps them: half the memory to move
    value = _joined([entry[2] for entry in entries], np.float64)
    if not value.all():
        stated = np.flatnonzero(value)
        row, column, value = row[stated], column[stated], value[stated]
    counts = np.bincount(row, minlength=len(lower))
    by_row = sorting(row)
    if by_row is not None:
        column, value = column[by_row], value[by_row]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return Rows(family, keys, indptr, column, value, lower, upper, coupling, redundant, scale, dropped)


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """One array of that type; each part is written where it belongs, and nowhere before."""
    if len(parts) == 1:
        return parts[0].astype(dtype, copy=False)
    return np.concatenate(parts, dtype=dtype, casting="unsafe")


def no_rows(family: str) -> Rows:
    """A family that has nothing to say."""
    nothing = np.zeros(0, dtype=np.int64)
    return make_rows(family, {}, [(nothing, nothing, nothing)], np.zeros(0), np.zeros(0))


def whole_scale(row: Ints, coefficient: Ratio, n_rows: int) -> Ints:
    """The least whole factor of each row that makes its coefficients whole and at most `WHOLE_LIMIT`, else 0."""
    num, den = reduced(coefficient)
    clipped = np.minimum(den, WHOLE_LIMIT + 1).astype(np.int64)
    pairs = distinct_codes(clipped * n_rows + row)
    divisors, rows = pairs // n_rows, pairs % n_rows
    scale = np.ones(n_rows, dtype=np.int64)
    for part in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(divisors)) + 1):  # one pass a distinct divisor
        joint = np.lcm(scale[rows[part]], divisors[part])
        scale[rows[part]] = np.where(joint > WHOLE_LIMIT, 0, joint)  # lcm(0, n) is 0: once given up, given up
    size = np.zeros(n_rows)
    np.maximum.at(size, row, np.abs(num.astype(np.float64)) * (scale[row] / den.astype(np.float64)))
    return np.where(size > WHOLE_LIMIT, 0, scale)


def reduced(ratio: Ratio) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Numerators and denominators in lowest terms; Python integers where machine integers might not do."""
    num, unit = ratio.top.num, 10**ratio.top.scale
    wide = num.dtype != np.int64 or int(ratio.bottom.max(initial=1)) * unit >= INT64_SAFE
    den = ratio.bottom.astype(object) * unit if wide else ratio.bottom * unit
    num = num.astype(object) if wide else num
    shared = np.gcd(num, den)
    return num // shared, den // shared


def scaled(
    row: Ints, coefficient: Ratio, rhs: Exact, sense: str, grid: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Coefficients, right-hand sides and factors of rows made whole where possible.

    A right-hand side of whole rows is rounded to the side that loses no integer point: down for ``<=``, up for ``>=``.
    ``grid``: by entry of what its column is a multiple (0: of nothing) where not all are whole; a row that counts parts
    of a unit is not rounded.
    """
    factor = whole_scale(row, coefficient, len(rhs))
    whole = factor > 0
    factor = np.where(whole, factor, 1)
    value = coefficient.times(factor[row]).floats()
    if grid is not None:
        counted = value * grid
        whole[row[(grid == 0) | (np.abs(counted - np.rint(counted)) > DUST * np.abs(counted))]] = False
    lifted = rhs * factor
    exact = Ratio(lifted, np.ones(len(rhs), dtype=np.int64)).floats()
    unit = 10**lifted.scale
    rounded = lifted.num // unit if sense == "<=" else -(-lifted.num // unit)
    return value, np.where(whole, rounded.astype(np.float64), exact), factor.astype(np.float64)
