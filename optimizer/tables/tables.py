"""The typed input: one frozen table each, sorted by key, with references resolved to row positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.schema import PREVIOUS, TABLES, TableSchema

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


BLANK: dict[str, Any] = {"text": "", "enum": "", "int": np.int64(0), "date": np.datetime64("NaT", "D"), "flag": False}
"""What a column without values is made of, by kind (decimals: `Exact`)."""


def blank_column(kind: str, size: int) -> Column:
    """A column of blanks."""
    if kind == "decimal":
        return Exact.zeros(size)
    value = BLANK[kind]
    return np.full(size, value, dtype=object if isinstance(value, str) else np.asarray(value).dtype)


def empty_table(schema: TableSchema) -> Table:
    """The table without rows, every column of its type."""
    columns = {column.name: blank_column(column.kind, 0) for column in schema.columns}
    optional = [column.name for column in schema.columns if not column.required]
    return Table(schema.name, columns, {name: np.zeros(0, dtype=bool) for name in optional})


def _empty(name: str) -> Table:
    """The table of that name without rows."""
    return empty_table(TABLES[name])


def _nowhere() -> Ints:
    """The positions of a table without rows."""
    return np.zeros(0, dtype=np.int64)


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
    ``customers`` always have a row for every id that is used, made of defaults where no table was given. A blank
    reference, and one to something that the batch does not have where that is allowed, is -1.

    ``previous`` holds the allocations of `[stability].previous_plan`; its lines, lanes and products are -1 where the
    batch has them no more.
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
    inbound: Table = field(default_factory=partial(_empty, "inbound"))
    rate_bands: Table = field(default_factory=partial(_empty, "rate_bands"))
    reserves: Table = field(default_factory=partial(_empty, "reserves"))
    calendar: Table = field(default_factory=partial(_empty, "calendar"))
    substitutions: Table = field(default_factory=partial(_empty, "substitutions"))
    kits: Table = field(default_factory=partial(_empty, "kits"))
    transfers: Table = field(default_factory=partial(_empty, "transfers"))
    budgets: Table = field(default_factory=partial(_empty, "budgets"))
    fair_share: Table = field(default_factory=partial(_empty, "fair_share"))
    history: Table = field(default_factory=partial(_empty, "history"))
    previous: Table = field(default_factory=lambda: empty_table(PREVIOUS))
    inbound_warehouse: Ints = field(default_factory=_nowhere)
    inbound_product: Ints = field(default_factory=_nowhere)
    band_lane: Ints = field(default_factory=_nowhere)
    reserve_warehouse: Ints = field(default_factory=_nowhere)
    calendar_warehouse: Ints = field(default_factory=_nowhere)
    substitution_product: Ints = field(default_factory=_nowhere)
    substitution_substitute: Ints = field(default_factory=_nowhere)
    substitution_customer: Ints = field(default_factory=_nowhere)
    kit_product: Ints = field(default_factory=_nowhere)
    kit_component: Ints = field(default_factory=_nowhere)
    transfer_from: Ints = field(default_factory=_nowhere)
    transfer_to: Ints = field(default_factory=_nowhere)
    transfer_product: Ints = field(default_factory=_nowhere)
    history_product: Ints = field(default_factory=_nowhere)
    previous_line: Ints = field(default_factory=_nowhere)
    previous_lane: Ints = field(default_factory=_nowhere)
    previous_product: Ints = field(default_factory=_nowhere)
    sources: tuple[Source, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()  # what a scenario changed in them: old -> new, and how many rows

    def replace(self, **changes: Any) -> Tables:
        """A what-if copy; the original stays as it is."""
        return replace(self, **changes)
