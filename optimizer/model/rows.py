"""Helpers of the row families: entries in any order to compressed rows, and decimal rows to whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import distinct_codes, joined, sorting, starts_of
from optimizer.model.terms import FLOAT_EXACT, Ratio, below

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WHOLE_LIMIT = 10_000_000
"""Rows are multiplied up to whole numbers as long as no coefficient exceeds this: an integer solution then violates a
row by a whole number or not at all, beyond the tolerance of every engine."""

SAMPLE = 16
"""Of so many coefficients one is asked first which factor makes it whole."""

DUST = 1e-12
"""Relative rounding error of a product of doubles."""


def make_rows(
    family: str,
    keys: Mapping[str, Ints],
    entries: Sequence[tuple[Ints, Ints | NDArray[np.int32], NDArray[np.generic]]],
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
    if not all(value.all() for _, _, value in entries):
        entries = [_stated(*entry) for entry in entries]
    row = joined([entry[0] for entry in entries])
    order = sorting(row)
    starts, column, value = starts_of(row, len(lower)), [entry[1] for entry in entries], [entry[2] for entry in entries]
    return Rows(family, keys, starts, column, value, lower, upper, coupling, redundant, scale, dropped, order)


def _stated(row: Ints, column: NDArray[Any], value: NDArray[Any]) -> tuple[Ints, NDArray[Any], NDArray[Any]]:
    stated = np.flatnonzero(value)
    return row[stated], column[stated], value[stated]


def no_rows(family: str) -> Rows:
    """A family that has nothing to say."""
    nothing = np.zeros(0, dtype=np.int64)
    return make_rows(family, {}, [(nothing, nothing, nothing)], np.zeros(0), np.zeros(0))


def made_whole(row: Ints, coefficient: Ratio, n_rows: int) -> tuple[Ints, NDArray[Any]]:
    """The least whole factor of each row that makes its coefficients whole, and the coefficients times those.

    Factor and products are 0 where one would exceed `WHOLE_LIMIT`: the row is given up.

    Most coefficients need no other factor than those around them: some are asked first, then whoever is not whole yet.
    """
    num, den = _parts(coefficient)
    scale = np.ones(n_rows, dtype=np.int64)
    _join(scale, row[::SAMPLE], num[::SAMPLE], den[::SAMPLE])
    quotient, left = _divided((Exact(num) * scale.take(row)).num, den)
    if len(left):
        _join(scale, row[left], num[left], den[left])
        quotient, _ = _divided((Exact(num) * scale.take(row)).num, den)
    if len(row) and max(quotient.max(), -quotient.min()) > WHOLE_LIMIT:
        large = np.flatnonzero(np.abs(quotient) > WHOLE_LIMIT)
        scale[row[large]] = 0
        quotient[scale[row] == 0] = 0
    return scale, quotient


def _divided(num: NDArray[Any], den: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """Quotients, exact where they are whole, and the positions where they are not.

    Doubles hold whole numbers below 2^53, and divide many times as fast as machine integers.
    """
    if num.dtype == np.int64 and below(num, FLOAT_EXACT) and below(den, FLOAT_EXACT):
        quotient = np.rint(num / den)
    else:
        quotient = num // den
    return quotient, np.flatnonzero(quotient * den != num)


def _join(scale: Ints, row: Ints, num: NDArray[Any], den: NDArray[Any]) -> None:
    """Raise the factor of each row until these coefficients are whole; 0 once it exceeds `WHOLE_LIMIT`."""
    n_rows = len(scale)
    clipped = np.minimum(den // np.gcd(num, den), WHOLE_LIMIT + 1).astype(np.int64)
    divisors = distinct_codes(clipped)
    pairs = distinct_codes(np.searchsorted(divisors, clipped) * n_rows + row)
    which, rows = pairs // n_rows, pairs % n_rows
    ends = np.searchsorted(which, np.arange(len(divisors) + 1))
    for divisor, start, stop in zip(divisors.tolist(), ends[:-1], ends[1:], strict=True):
        part = rows[start:stop]
        joint = np.lcm(scale[part], divisor)
        scale[part] = np.where(joint > WHOLE_LIMIT, 0, joint)  # lcm(0, n) is 0: once given up, given up


def _parts(ratio: Ratio) -> tuple[NDArray[Any], NDArray[Any]]:
    """Numerators and denominators; Python integers where machine integers might not do."""
    num, unit = ratio.top.num, 10**ratio.top.scale
    wide = num.dtype != np.int64 or int(ratio.bottom.max(initial=1)) * unit >= INT64_SAFE
    return (num.astype(object), ratio.bottom.astype(object) * unit) if wide else (num, ratio.bottom * unit)


def reduced(ratio: Ratio) -> tuple[NDArray[Any], NDArray[Any]]:
    """Numerators and denominators in lowest terms; Python integers where machine integers might not do."""
    num, den = _parts(ratio)
    shared = np.gcd(num, den)
    return num // shared, den // shared


def scaled(
    row: Ints,
    coefficient: Ratio,
    rhs: Exact,
    sense: str,
    grid: Floats | None = None,
    made: tuple[Ints, NDArray[Any]] | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Coefficients, right-hand sides and factors of rows made whole where possible.

    A right-hand side of whole rows is rounded to the side that loses no integer point: down for ``<=``, up for ``>=``.
    ``grid``: by entry of what its column is a multiple (0: of nothing) where not all are whole; a row that counts parts
    of a unit is not rounded. ``made``: what `made_whole` says of these rows, where that is known already.
    """
    factor, times = made_whole(row, coefficient, len(rhs)) if made is None else made
    whole, value = factor > 0, times.astype(np.float64)
    if not whole.all():
        given_up = np.flatnonzero(~whole[row])
        value[given_up] = coefficient.take(given_up).floats()
        factor = np.where(whole, factor, 1)
    if grid is not None:
        counted = value * grid
        whole[row[(grid == 0) | (np.abs(counted - np.rint(counted)) > DUST * np.abs(counted))]] = False
    lifted = rhs * factor
    exact = Ratio(lifted, np.ones(len(rhs), dtype=np.int64)).floats()
    unit = 10**lifted.scale
    rounded = lifted.num // unit if sense == "<=" else -(-lifted.num // unit)
    return value, np.where(whole, rounded.astype(np.float64), exact), factor.astype(np.float64)
