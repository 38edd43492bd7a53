"""A change of the input tables as data: one cell set, or one row left out; to be said, written down and tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import unit_margin
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Edit:
    """``table``: rows whose ``key`` columns hold these texts. ``action``: `set` the column to ``value`` (None: blank),
    `add` the amount to it, or `drop` the rows.
    """

    table: str
    key: Mapping[str, str]
    action: str
    column: str = ""
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """As run data state it; what does not apply is left out."""
        said = {"table": self.table, "key": dict(self.key), "action": self.action}
        return said if self.action == "drop" else said | {"column": self.column, "value": self.value}


def apply(tables: Tables, edits: Iterable[Edit]) -> Tables:
    """The tables after the edits, one after the other. Ids and references are never set."""
    for edit in edits:
        table: Table = getattr(tables, edit.table)
        rows = rows_with(table, edit.key)
        if edit.action == "drop":
            tables = without(tables, edit.table, rows)
        elif edit.action == "set":
            tables = tables.replace(**{edit.table: with_cells(table, rows, edit.column, edit.value)})
        else:
            tables = _added(tables, edit, rows)
    return tables


def _added(tables: Tables, edit: Edit, rows: Ints) -> Tables:
    """The amount added in the row that the key names; goods that have no row of stock yet get one."""
    if not len(rows) and edit.table == "stock":
        names = ("warehouses", "warehouse_id"), ("products", "product_id")
        house, product = (rows_with(getattr(tables, name), {column: edit.key[column]}) for name, column in names)
        tables = with_stock_rows(tables, house, product)
        rows = rows_with(tables.stock, {"lot_id": "", **edit.key})
    table: Table = getattr(tables, edit.table)
    if edit.column == "unit_margin":  # blank ones are what price and cost make them
        every = np.ones(len(table), dtype=bool)
        stated = {**table.columns, edit.column: unit_margin(tables)}
        table = replace(table, columns=stated, filled={**table.filled, edit.column: every})
    values, mask = table[edit.column], np.isin(np.arange(len(table)), rows)
    if isinstance(values, Exact):
        changed: Any = values.where(~mask, values + Fraction(str(edit.value)))
    else:
        changed = values + int(edit.value) * mask
    table = replace(table, columns={**table.columns, edit.column: changed})
    return tables.replace(**{edit.table: table})


def rows_with(table: Table, key: Mapping[str, str]) -> Ints:
    """Rows whose cells hold these texts."""
    mask = np.ones(len(table), dtype=bool)
    for column, wanted in key.items():
        values = table[column]
        mask &= np.asarray((values if values.dtype == object else values.astype(str)) == wanted, dtype=bool)
    return np.flatnonzero(mask)


def with_cells(table: Table, rows: Ints, column: str, value: Any) -> Table:
    """The table with one value (None: blank) in these cells."""
    values, filled = table.columns[column], dict(table.filled)
    mask = np.zeros(len(table), dtype=bool)
    mask[rows] = True
    if isinstance(values, Exact):
        changed: Any = values.where(~mask, 0 if value is None else value)
    else:
        changed = values.copy()
        changed[rows] = _blank(changed) if value is None else value  # dates may be given as text
    if column in filled:
        filled[column] = np.where(mask, value is not None, filled[column])
    return replace(table, columns={**table.columns, column: changed}, filled=filled)


def with_stock_rows(tables: Tables, warehouse: Ints, product: Ints) -> Tables:
    """The tables with rows of stock more, of 0 units without a lot, for these pairs."""
    from optimizer.tables.part import rows_of

    texts = {
        "warehouse_id": tables.warehouses["warehouse_id"][warehouse],
        "product_id": tables.products["product_id"][product],
    }
    added = {name: texts.get(name, _blanks(column, len(product))) for name, column in tables.stock.columns.items()}
    columns = {name: _joined(column, added[name]) for name, column in tables.stock.columns.items()}
    none = np.zeros(len(product), dtype=bool)
    filled = {name: np.concatenate([flags, none]) for name, flags in tables.stock.filled.items()}
    houses = np.concatenate([tables.stock_warehouse, warehouse])
    products = np.concatenate([tables.stock_product, product])
    order = np.lexsort((columns["lot_id"].astype(str), products, houses))
    stock = rows_of(Table("stock", columns, filled), order)
    return tables.replace(stock=stock, stock_warehouse=houses[order], stock_product=products[order])


def _blanks(column: Any, size: int) -> Any:
    if isinstance(column, Exact):
        return Exact.zeros(size)
    return np.full(size, _blank(column), dtype=column.dtype)


def _joined(column: Any, added: Any) -> Any:
    return Exact.concat([column, added]) if isinstance(column, Exact) else np.concatenate([column, added])


def _blank(values: NDArray[Any]) -> Any:
    return {"O": "", "M": np.datetime64("NaT"), "b": False}.get(values.dtype.kind, 0)


def without(tables: Tables, name: str, rows: Ints) -> Tables:
    """The tables without some rows of a table that no other table refers to."""
    from optimizer.tables.part import rows_of

    table: Table = getattr(tables, name)
    keep = np.setdiff1d(np.arange(len(table)), rows)
    changed: dict[str, Any] = {name: rows_of(table, keep)}
    stem = {"pins": "pin_", "eligibility": "eligibility_", "reserves": "reserve_"}[name]
    for field in fields(tables):
        if field.name.startswith(stem):
            changed[field.name] = getattr(tables, field.name)[keep]
    return tables.replace(**changed)
