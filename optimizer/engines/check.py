"""Whether a point that an engine returned is one: rounded where it must be whole, held against the matrix.

Not the proof (that is exact and knows the tables), but what keeps a wrong status from being believed for a moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel

Floats = NDArray[np.float64]
TOLERANCE = 1e-6
"""A row or bound may be off by this much of its largest term (at least of 1); a whole number by ten times this."""
_ROUNDING = 1e-11
"""Rows of whole columns alone have no such excuse once those are rounded: only the sum's own rounding, of its size."""
REFUSED_RANGE, WARNED_RANGE = 1e9, 1e6
_LARGE = 1e9


def settle(linear: LinearModel, values: Floats) -> Floats:
    """The point with whole columns rounded, and columns that overstep a bound by rounding error put back on it."""
    point = np.where(linear.integral, np.rint(values) + 0.0, values)  # + 0.0: never -0.0
    slack = TOLERANCE * np.maximum(1.0, np.abs(point))
    point = np.where((point < linear.col_lower) & (point >= linear.col_lower - slack), linear.col_lower, point)
    return np.where((point > linear.col_upper) & (point <= linear.col_upper + slack), linear.col_upper, point)


def fault(linear: LinearModel, values: Floats) -> str:
    """What is wrong with a point as the engine returned it; empty if nothing is."""
    if values.shape != (linear.n_cols,) or not np.isfinite(values).all():
        return "the point is not a finite number for each column"
    point = settle(linear, values)
    off = np.abs(point - values)[linear.integral]
    if (worst := off.max(initial=0.0)) > 10 * TOLERANCE:
        return f"a whole column is {worst:.3g} off"
    beyond = np.maximum(linear.col_lower - point, point - linear.col_upper)
    if (worst := beyond.max(initial=0.0)) > 0:
        return f"a bound is broken by {worst:.3g}"
    terms = linear.data * point[linear.indices]
    row_of = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    activity = np.bincount(row_of, weights=terms, minlength=linear.n_rows)
    total = np.bincount(row_of, weights=np.abs(terms), minlength=linear.n_rows)
    loose = np.bincount(row_of, weights=~linear.integral[linear.indices], minlength=linear.n_rows) > 0
    largest = np.ones(linear.n_rows)
    np.maximum.at(largest, row_of, np.abs(terms))
    allowed = np.where(loose, TOLERANCE * largest, _ROUNDING * total + 1e-9)
    excess = np.maximum(linear.row_lower - activity, activity - linear.row_upper)
    if (excess > allowed).any():
        row = int((excess - allowed).argmax())
        return f"row {row} is broken by {excess[row]:.3g}, its largest term being {largest[row]:.3g}"
    return ""


def objective(linear: LinearModel, values: Floats) -> float:
    """The value of a point, from the point; never the engine's own figure."""
    return float(linear.offset + linear.objective @ values)


def lint(linear: LinearModel) -> list[str]:
    """Numbers that make engines err, in words: what is risky, and what ``refuse`` will not let pass."""
    findings = []
    for block in linear.row_blocks or (None,):
        first, last = (0, linear.n_rows) if block is None else (block.start, block.stop)
        family = "the model" if block is None else block.family
        spread = _spread(linear, first, last)
        if spread > WARNED_RANGE:
            word = "refused" if spread > REFUSED_RANGE else "risky"
            findings.append(f"{family}: coefficients of one row differ by a factor of {spread:.1e} ({word})")
    sides = np.concatenate([linear.row_lower, linear.row_upper, linear.col_lower, linear.col_upper])
    largest = np.abs(sides[np.isfinite(sides)]).max(initial=0.0)
    if largest > _LARGE:
        findings.append(f"the model: a bound of {largest:.1e}; engines are reliable below {_LARGE:.0e} (risky)")
    return findings


def refuse(linear: LinearModel) -> None:
    """No engine answers such a model reliably: an input at fault, not a limit."""
    numbers = (linear.objective, linear.data, np.array([linear.offset]))
    sides = (linear.row_lower, linear.row_upper, linear.col_lower, linear.col_upper)
    if not all(np.isfinite(array).all() for array in numbers) or any(np.isnan(array).any() for array in sides):
        raise UsageError("the model holds a number that is none (nan, or an infinite coefficient)")
    if (spread := _spread(linear, 0, linear.n_rows)) > REFUSED_RANGE:
        raise UsageError(
            f"the coefficients of one row differ by a factor of {spread:.1e}, more than {REFUSED_RANGE:.0e}: "
            "no engine is reliable there; check the units of quantities, weights and capacities"
        )


def _spread(linear: LinearModel, first: int, last: int) -> float:
    """The largest factor between two coefficients of one row; between rows it means nothing, they may be scaled."""
    start, stop = int(linear.indptr[first]), int(linear.indptr[last])
    row_of = np.repeat(np.arange(first, last), np.diff(linear.indptr[first : last + 1])) - first
    size = np.abs(linear.data[start:stop])
    row_of, size = row_of[size > 0], size[size > 0]
    if not len(size):
        return 1.0
    top, bottom = np.zeros(last - first), np.full(last - first, np.inf)
    np.maximum.at(top, row_of, size)
    np.minimum.at(bottom, row_of, size)
    return float((top / bottom).max())
