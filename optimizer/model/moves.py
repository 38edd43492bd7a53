"""Which moves between warehouses the table `transfers` allows: from which source, on which day, to where.

A warehouse moves only its own supply, so a unit moves at most once. Goods leave on the first working day from `as_of`
on, and on the first working day from each receipt of a product that the row moves; they keep their lot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.model.calendar import Calendar
from optimizer.model.ragged import expand
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Moves:
    """Sorted by (transfer, source, leave): row of `transfers`, sources at both ends (positions in `Supply`), days."""

    transfer: Ints
    source: Ints
    to_source: Ints
    to_warehouse: Ints
    leave: Ints
    arrive: Ints

    def __len__(self) -> int:
        return len(self.transfer)

    @classmethod
    def none(cls) -> Moves:
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, nothing, nothing, nothing, nothing)


@dataclass(frozen=True)
class Stocked:
    """What warehouses have of their own: sources with their warehouse, product and last day; receipts."""

    warehouse: Ints
    product: Ints
    expiry: Ints
    receipt_warehouse: Ints
    receipt_product: Ints
    receipt_day: Ints


def find_moves(tables: Tables, calendar: Calendar, stocked: Stocked) -> Moves:
    """All moves of goods that are still usable on arrival, to warehouses that are open; `to_source` yet to be found."""
    table = tables.transfers
    if not len(table) or not len(stocked.warehouse):
        return Moves.none()
    row, source = _moved(tables, stocked.warehouse, stocked.product)
    leave_row, leave_day = _leave_days(tables, calendar, stocked)
    start = np.searchsorted(leave_row, row)
    pair, place = expand(start, np.searchsorted(leave_row, row, side="right"))
    row, source, leave = row[pair], source[pair], leave_day[place]
    arrive = leave + table["transit_days"][row]
    to = tables.transfer_to[row]
    keep = np.asarray(tables.warehouses["is_open"], dtype=bool)[to] & (to != tables.transfer_from[row])
    keep &= stocked.expiry[source] >= arrive
    row, source, leave, arrive, to = (part[keep] for part in (row, source, leave, arrive, to))
    order = np.lexsort((leave, source, row))
    row, source, leave, arrive, to = (part[order] for part in (row, source, leave, arrive, to))
    return Moves(row, source, np.full(len(row), -1, dtype=np.int64), to, leave, arrive)


def _moved(tables: Tables, warehouse: Ints, product: Ints) -> tuple[Ints, Ints]:
    """(row, source): a row for one product moves it, one without moves all that have no row of their own."""
    by_house = np.argsort(warehouse, kind="stable")
    start = np.searchsorted(warehouse[by_house], tables.transfer_from)
    row, place = expand(start, np.searchsorted(warehouse[by_house], tables.transfer_from, side="right"))
    source = by_house[place]
    size, n_products = len(tables.warehouses), len(tables.products)
    named = tables.transfer_product >= 0
    route = tables.transfer_from * size + tables.transfer_to
    special = (route * n_products + tables.transfer_product)[named]
    own = np.where(named[row], tables.transfer_product[row] == product[source], True)
    beaten = ~named[row] & np.isin(route[row] * n_products + product[source], special)
    keep = own & ~beaten
    return row[keep], source[keep]


def _leave_days(tables: Tables, calendar: Calendar, stocked: Stocked) -> tuple[Ints, Ints]:
    """(row, day) sorted, each once: the days on which each row of `transfers` may move anything."""
    row, receipt = _moved(tables, stocked.receipt_warehouse, stocked.receipt_product)
    every = np.arange(len(tables.transfers))
    rows = np.concatenate([every, row])
    days = np.concatenate([np.zeros(len(every), dtype=np.int64), stocked.receipt_day[receipt]])
    days = calendar.first_working(tables.transfer_from[rows], days)
    order = np.lexsort((days, rows))
    rows, days = rows[order], days[order]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (rows[1:] != rows[:-1]) | (days[1:] != days[:-1])
    return rows[fresh], days[fresh]
