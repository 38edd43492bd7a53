"""A model in whole numbers only, for engines that know nothing else.

Every coefficient is a decimal that somebody wrote, so a power of ten makes a row whole, exactly. Where that cannot be
done (a column of any real value, a bound that is missing, numbers beyond 62 bits) the model is refused in plain words.
Only the objective may be rounded; what that may cost is known, and added to every bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import UsageError
from optimizer.model.linear_model import Ints, LinearModel

Floats = NDArray[np.float64]
LIMIT = 2.0**61
"""Sums stay below this, so that the engine's own arithmetic in 64 bits cannot overflow."""
UNBOUNDED = 2**63 - 1
_MOST_PLACES = 12
_EXACT_FLOAT = 2.0**53
_DUST = 1e-12
"""A rounding error, relative: sums of doubles leave such ends behind."""


@dataclass(frozen=True)
class IntegerForm:
    """Minimize ``cost @ n`` over whole ``n`` in ``[lower, upper]``, ``row_lower <= A n <= row_upper``; x = step · n.

    Our objective is ``offset − (cost @ n) / cost_scale``, give or take ``cost_error`` at any point within the bounds.
    """

    step: Floats
    lower: Ints
    upper: Ints
    indptr: Ints
    indices: NDArray[np.int32]
    coefficients: Ints
    row_lower: Ints
    row_upper: Ints
    cost: Ints
    cost_scale: float
    cost_error: float


def integer_form(linear: LinearModel) -> IntegerForm:
    """Rows scaled exactly, each by a power of ten and its common divisor; the objective as well as it goes."""
    step = np.where(linear.integral, 1.0, linear.granularity)
    if (step <= 0).any():
        raise UsageError(
            f"cpsat needs whole numbers: {int((step <= 0).sum())} columns may take any value; use highs or scip"
        )
    step_number, step_places = _decimals(step, "a column's unit")
    lower, upper = _column_bounds(linear, step_number, step_places)
    reach = np.maximum(np.abs(lower), np.abs(upper)).astype(np.float64)

    number, places = _decimals(linear.data, "a coefficient")
    row_of = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    places = places + step_places[linear.indices]
    row_places = np.zeros(linear.n_rows, dtype=np.int64)
    np.maximum.at(row_places, row_of, places)
    up = row_places[row_of] - places
    size = np.abs(linear.data) * step[linear.indices] * 10.0 ** row_places[row_of]
    activity = np.zeros(linear.n_rows)
    np.add.at(activity, row_of, size * reach[linear.indices])
    if size.size and max(size.max(), activity.max()) > LIMIT:
        raise UsageError("cpsat works in 64-bit whole numbers, and a row of this model does not fit; use highs or scip")
    coefficients = number * step_number[linear.indices] * 10**up
    divisor = np.zeros(linear.n_rows, dtype=np.int64)
    np.gcd.at(divisor, row_of, coefficients)
    divisor = np.maximum(divisor, 1)
    cost, cost_scale, cost_error = _cost(-linear.objective * step, reach)
    return IntegerForm(
        step=step,
        lower=lower,
        upper=upper,
        indptr=linear.indptr,
        indices=linear.indices,
        coefficients=coefficients // divisor[row_of],
        row_lower=-_floors(-linear.row_lower, row_places, divisor),
        row_upper=_floors(linear.row_upper, row_places, divisor),
        cost=cost,
        cost_scale=cost_scale,
        cost_error=cost_error,
    )


def _decimals(values: Floats, what: str) -> tuple[Ints, Ints]:
    """``values = number / 10**places`` with the fewest places, exactly as the shortest decimal text reads."""
    number = np.zeros(values.shape, dtype=np.int64)
    places = np.full(values.shape, -1, dtype=np.int64)
    for power in range(_MOST_PLACES + 1):
        open_ = np.flatnonzero(places < 0)
        if not len(open_):
            break
        rounded = np.rint(values[open_] * 10.0**power)
        exact = (np.abs(rounded) < _EXACT_FLOAT) & (rounded / 10.0**power == values[open_])
        number[open_[exact]] = rounded[exact].astype(np.int64)
        places[open_[exact]] = power
    if (places < 0).any():
        raise UsageError(f"cpsat needs short decimals, {what} is {float(values[places < 0][0])!r}; use highs or scip")
    return number, places


def _column_bounds(linear: LinearModel, step_number: Ints, step_places: Ints) -> tuple[Ints, Ints]:
    """Bounds in steps: the whole multiples between the given bounds."""
    if not (np.isfinite(linear.col_lower).all() and np.isfinite(linear.col_upper).all()):
        raise UsageError("cpsat needs bounds on every column; use highs or scip")
    upper = _floors(linear.col_upper, step_places, step_number)
    lower = -_floors(-linear.col_lower, step_places, step_number)
    if len(upper) and max(np.abs(lower).max(), np.abs(upper).max()) > LIMIT:
        raise UsageError(
            "cpsat works in 64-bit whole numbers, and a bound of this model does not fit; use highs or scip"
        )
    return lower, upper


def _floors(values: Floats, places: Ints, divisor: Ints) -> Ints:
    """floor(value · 10**places / divisor), exactly; infinite ones become the engine's own infinity.

    What lies within a rounding error of a whole number is that number: a bound of 3.4 + 4e-16 is the dust of a sum.
    """
    result = np.where(values > 0, UNBOUNDED, -UNBOUNDED).astype(np.int64)
    scaled = values * 10.0**places
    rounded = np.rint(scaled)
    with np.errstate(invalid="ignore"):
        dust = np.abs(scaled - rounded) <= _DUST * np.maximum(1.0, np.abs(rounded))
    easy = (np.abs(rounded) < _EXACT_FLOAT) & dust
    result[easy] = rounded[easy].astype(np.int64) // divisor[easy]
    for position in np.flatnonzero(~easy & np.isfinite(values)):
        shifted = Decimal(repr(float(values[position]))).scaleb(int(places[position]))
        whole = int(shifted.to_integral_value(ROUND_FLOOR)) // int(divisor[position])
        result[position] = min(max(whole, -UNBOUNDED), UNBOUNDED)
    return result


def _cost(cost: Floats, reach: Floats) -> tuple[Ints, float, float]:
    """Whole costs, their scale, and how far the scaled cost of any point can be from the true one."""
    total = float(np.abs(cost) @ reach)
    power = _MOST_PLACES
    while power > -_MOST_PLACES and total * 10.0**power > _EXACT_FLOAT:
        power -= 1
    for fewer in range(min(power, 0), power + 1):  # the smallest scale that is exact keeps the engine's numbers small
        scaled = cost * 10.0**fewer
        whole = np.rint(scaled)
        if (whole / 10.0**fewer == cost).all():
            return whole.astype(np.int64), 10.0**fewer, 0.0
    slip = np.abs(scaled - whole) + np.abs(scaled) * 2.0**-52
    return whole.astype(np.int64), 10.0**power, float(slip @ reach) / 10.0**power
