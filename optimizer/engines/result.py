"""What an engine may say, in words that cannot be confused (after MathOpt's termination vocabulary)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reason = Literal["OPTIMAL", "FEASIBLE", "NO_SOLUTION", "INFEASIBLE", "UNBOUNDED", "ERROR"]
Limit = Literal["", "time", "memory", "node", "interrupted", "other"]


@dataclass(frozen=True)
class Termination:
    """Why a solve ended. ``limit`` is set if and only if the reason is FEASIBLE or NO_SOLUTION."""

    reason: Reason
    limit: Limit = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.limit != "") != (self.reason in ("FEASIBLE", "NO_SOLUTION")):
            raise ValueError(f"limit {self.limit!r} does not go with reason {self.reason}")


@dataclass(frozen=True)
class Progress:
    """One line of the story while an engine runs; bound and value in our sense (maximize), nan if none yet."""

    seconds: float
    value: float
    bound: float


@dataclass(frozen=True)
class SolveOptions:
    """Limits and choices that every engine understands. ``gap`` is relative to the value, ``abs_gap`` is money."""

    time_limit_s: float = 60.0
    gap: float = 0.001
    abs_gap: float = 0.0
    threads: int = 1
    seed: int = 0
    memory_limit_mb: int | None = None
    start: NDArray[np.float64] | None = None
    """values of the columns to begin from; nobody assumes that they keep all rows"""
    row_prices: NDArray[np.float64] | None = None
    """prices of the rows to begin from, for engines that have use for them"""
    covers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """flow covers to begin from, from `COVERS`; empty if there are none"""
    tighten: bool = True
    """whether covers and branches are worth to be sought: not where the proof would not read them"""


COVERS = ("cover_row", "cover_first", "cover_column", "cover_lifted", "cover_price", "covered_prices")
"""Flow covers and their prices, in terms of the matrix: of each cover the row and where its entries begin (and one
more); of each entry the column and whether it was lifted into it; money of a unit of each cover, and of each row."""

BRANCHES = ("branch_row", "branch_first_row", "branch_entry", "branch_first_entry", "branch_price")
"""Sets of stock rows on whose orders the engine branched, in terms of the matrix: the rows of each set, and its tree in
preorder (the column that opens a shipment: first the subtree without it, then the one with it; −1 is a leaf); of each
of these where the sets begin (and one more). Money of each row of the set, leaf after leaf. They go with
``covered_prices``."""

TIGHTER = (*COVERS, *BRANCHES)
"""Whatever may make a bound better than the prices of the rows alone, as it travels from an engine."""


class KnownPrices(NamedTuple):
    """The prices of an earlier run, in terms of the matrix, to begin from."""

    rows: NDArray[np.float64]
    covers: Mapping[str, NDArray[np.float64]] = MappingProxyType({})
    """from `COVERS`; empty if there are none"""


@dataclass(frozen=True)
class SolveResult:
    """The end of one solve. ``values`` is the best point found (None if none), ``best_bound`` an upper bound.

    ``objective`` and ``best_bound`` include the model's offset. The bound is the engine's claim, +inf if it has none.
    """

    termination: Termination
    values: NDArray[np.float64] | None
    objective: float
    best_bound: float
    engine: str
    version: str
    seconds: float
    native_status: str = ""
    trace: tuple[Progress, ...] = ()
    log_tail: str = ""
    stats: dict[str, float] = field(default_factory=dict)
    row_prices: NDArray[np.float64] | None = None
    """per row: the prices from which the bound follows, of engines that have them"""
    covers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """a better bound, from `COVERS` and `BRANCHES` (either may be missing); empty if there is none"""

    def __post_init__(self) -> None:
        has_point = self.values is not None
        if has_point != (self.termination.reason in ("OPTIMAL", "FEASIBLE")):
            raise ValueError(f"{self.termination.reason} with{'' if has_point else 'out'} a point")
