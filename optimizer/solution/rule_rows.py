"""What the rows of the model say of a plan: what each adds up to, and the first that does not hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model
from optimizer.model.names import block_ids
from optimizer.solution.extract import values_from_plan
from optimizer.solution.plan import Plan

Floats = NDArray[np.float64]

SLIP = 1e-7
"""How far a row may be beyond its side, relative to the side: rounding of doubles."""


def broken_rule(model: Model, plan: Plan) -> str:
    """The first rule that a plan does not keep, in words; empty where it keeps all."""
    activity, linear = activity_of(model, values_from_plan(model, plan)), model.linear
    short, over = linear.row_lower - activity, activity - linear.row_upper
    broken = np.flatnonzero(np.maximum(short, over) > slack_of(model))
    if not len(broken):
        return ""
    row = int(broken[0])
    block = next(block for block in linear.row_blocks if block.start <= row < block.stop)
    ids = ", ".join(str(texts[row - block.start]) for texts in block_ids(model, block).values())
    scale = 1.0 if block.scale is None else float(block.scale[row - block.start])
    side = "at least" if short[row] > over[row] else "at most"
    limit = linear.row_lower[row] if short[row] > over[row] else linear.row_upper[row]
    return f"{block.family} {ids}: {activity[row] / scale:g} of {side} {limit / scale:g}".replace("  ", " ")


def activity_of(model: Model, values: Floats) -> Floats:
    """What each row of the model adds up to."""
    linear = model.linear
    row_of = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    used = np.bincount(row_of, weights=linear.data * values[linear.indices], minlength=linear.n_rows)
    return np.asarray(used, dtype=np.float64)


def slack_of(model: Model) -> Floats:
    """By how much each row may be missed and still counts as kept."""
    linear = model.linear
    sides = np.where(np.isfinite(linear.row_upper), linear.row_upper, linear.row_lower)
    slack: Floats = SLIP * np.maximum(1.0, np.abs(np.where(np.isfinite(sides), sides, 0.0)))
    return slack
