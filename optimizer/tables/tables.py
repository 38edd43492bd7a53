"""The typed input: one frozen table each, sorted by key, with references resolved to row positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]
Column = NDArray[Any] | Exact


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Text is an object array of ``str`` with ``""`` for blank, whole numbers are int64, decimals are `Exact`, dates are
    ``datetime64[D]`` (NaT for blank), flags are bool. A blank optional number holds its default (0 where the contract
    has none) and ``given(column)`` is False there.
    """

    name: str
    columns: Mapping[str, Column]
    filled: Mapping[str, Flags] = field(default_factory=dict)
    extra: Mapping[str, Texts] = field(default_factory=dict)
    rows: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]

    def given(self, column: str) -> Flags:
        """Where the cell was filled in; all True for columns that cannot be blank."""
        flags = self.filled.get(column)
        return np.ones(len(self), dtype=bool) if flags is None else flags


@dataclass(frozen=True)
class Source:
    """Where a table came from, for `run.json` and for finding it again."""

    table: str
    source: str
    rows: int
    digest: str


@dataclass(frozen=True)
class Tables:
    """All input tables of a batch. Every reference is a row position in the table (or list) it points to.

    Lists that have no table of their own (``zones``, ``services``) are the sorted ids that occur. ``products`` and
    ``customers`` always have a row for every id that is used, made of defaults where no table was given.
    """

    orders: Table
    order_lines: Table
    products: Table
    customers: Table
    warehouses: Table
    stock: Table
    lanes: Table
    eligibility: Table
    contracts: Table
    pins: Table
    zones: Texts
    services: Texts
    order_customer: Ints
    order_zone: Ints
    line_order: Ints
    line_product: Ints
    stock_warehouse: Ints
    stock_product: Ints
    lane_warehouse: Ints
    lane_zone: Ints
    lane_service: Ints
    eligibility_warehouse: Ints
    pin_line: Ints
    pin_warehouse: Ints
    sources: tuple[Source, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()  # what a scenario changed in them: old -> new, and how many rows

    def replace(self, **changes: Any) -> Tables:
        """A what-if copy; the original stays as it is."""
        return replace(self, **changes)
