"""Some orders of a batch as tables of their own: their lines, pins and rows of a previous plan; all else as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]


def rows_of(table: Table, rows: Ints) -> Table:
    """Some rows of a table, in the order given."""
    taken: dict[str, Any] = {name: column[rows] for name, column in table.columns.items()}
    filled = {name: flags[rows] for name, flags in table.filled.items()}
    extra = {name: texts[rows] for name, texts in table.extra.items()}
    return replace(
        table, columns=taken, filled=filled, extra=extra, rows=table.rows[rows] if len(table.rows) else table.rows
    )


def of_orders(tables: Tables, orders: Ints) -> Tables:
    """The tables with only these orders (sorted positions), their lines, pins and rows of a previous plan."""
    lines = lines_of(tables, orders)
    line_place = places_of(len(tables.order_lines), lines)
    pins = np.flatnonzero(line_place[tables.pin_line] >= 0)
    known = np.append(line_place, -1)[tables.previous_line]
    earlier = np.flatnonzero(known >= 0)
    return tables.replace(
        orders=rows_of(tables.orders, orders),
        order_customer=tables.order_customer[orders],
        order_zone=tables.order_zone[orders],
        order_lines=rows_of(tables.order_lines, lines),
        line_order=places_of(len(tables.orders), orders)[tables.line_order[lines]],
        line_product=tables.line_product[lines],
        pins=rows_of(tables.pins, pins),
        pin_line=line_place[tables.pin_line[pins]],
        pin_warehouse=tables.pin_warehouse[pins],
        previous=rows_of(tables.previous, earlier),
        previous_line=known[earlier],
        previous_lane=tables.previous_lane[earlier],
        previous_product=tables.previous_product[earlier],
    )


def lines_of(tables: Tables, orders: Ints) -> Ints:
    """The lines of these orders, ascending."""
    return np.flatnonzero(places_of(len(tables.orders), orders)[tables.line_order] >= 0)


def places_of(size: int, chosen: Ints) -> Ints:
    """For each of ``size`` positions its place among the chosen ones, -1 where it is not chosen."""
    place = np.full(size, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    return place
