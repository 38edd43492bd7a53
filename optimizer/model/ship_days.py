"""On which days shipments of an order may leave a warehouse.

Goods leave when something has changed: on the first working day, on the first working day from each receipt of what
the order could use there, on every working day with a capacity of its own, and on the first working day after each of
those. Frozen orders keep the days that they had, whether or not anything changes on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.calendar import SPAN, Calendar, days_since
from optimizer.model.offers import Offers
from optimizer.model.ragged import distinct_codes, expand, order_of, starts_of
from optimizer.model.supply import Supply
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ShipDays:
    """Days of all orders by warehouse (``start``, ``day``), and further ones of single orders (``code``, ``later``).

    ``code`` is ``order · warehouses + warehouse``, sorted.
    """

    start: Ints
    day: Ints
    code: Ints
    later: Ints

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario, calendar: Calendar, supply: Supply, offers: Offers) -> ShipDays:
        every = _of_warehouses(len(tables.warehouses), calendar)
        further = _of_orders(tables, calendar, supply, offers), _of_frozen(tables, scenario, calendar)
        own = distinct_codes(np.concatenate(further))
        size = len(tables.warehouses)
        extra = own[~np.isin(own // SPAN % max(size, 1) * SPAN + own % SPAN, every)]
        return cls(starts_of(every // SPAN, size), every % SPAN, extra // SPAN, extra % SPAN)

    @property
    def none(self) -> bool:
        """Everything leaves on day 0."""
        return len(self.code) == 0 and len(self.day) == len(self.start) - 1 and not self.day.any()

    def expand(self, order: Ints, warehouse: Ints) -> tuple[Ints, Ints]:
        """(position, day) for each day of each pair, sorted."""
        size = len(self.start) - 1
        position, place = expand(self.start[warehouse], self.start[warehouse + 1])
        if not len(self.code):
            return position, self.day[place]
        code = order * size + warehouse
        own, extra = expand(np.searchsorted(self.code, code), np.searchsorted(self.code, code, side="right"))
        day = np.concatenate([self.day[place], self.later[extra]])
        position = np.concatenate([position, own])
        order = order_of(position, day)
        return position[order], day[order]


def _of_warehouses(size: int, calendar: Calendar) -> Ints:
    """Codes (warehouse, day) of the first working day, the days with a capacity, and the working days after those."""
    houses = np.arange(size)
    first = calendar.first_working(houses, np.zeros(size, dtype=np.int64))
    after = calendar.first_working(calendar.warehouse, calendar.day + 1)
    warehouse = np.concatenate([houses, calendar.warehouse, calendar.warehouse])
    return np.unique(warehouse * SPAN + np.concatenate([first, calendar.day, after]))


def _of_orders(tables: Tables, calendar: Calendar, supply: Supply, offers: Offers) -> Ints:
    """Codes (order, warehouse, day) of the first working day from each gain of a pool that the order could use."""
    pool, day = supply.gains
    if not len(pool):
        return np.zeros(0, dtype=np.int64)
    warehouse, product = supply.pool_warehouse[pool], supply.pool_product[pool]
    day = calendar.first_working(warehouse, day)
    offer, component, _ = offers.recipes.parts(offers.product)
    order = tables.line_order[offers.line[offer]]
    by_product = np.lexsort((order, component))
    component, order = component[by_product], order[by_product]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (component[1:] != component[:-1]) | (order[1:] != order[:-1])
    component, order = component[fresh], order[fresh]
    gain, place = expand(np.searchsorted(component, product), np.searchsorted(component, product, side="right"))
    return (order[place] * len(tables.warehouses) + warehouse[gain]) * SPAN + day[gain]


def _of_frozen(tables: Tables, scenario: Scenario, calendar: Calendar) -> Ints:
    """Codes (order, warehouse, day) of the working days on which frozen orders left in the previous plan."""
    line, lane = tables.previous_line, tables.previous_lane
    row = np.flatnonzero((line >= 0) & (lane >= 0))
    row = row[np.asarray(tables.orders["frozen"], dtype=bool)[tables.line_order[line[row]]]]
    order, warehouse = tables.line_order[line[row]], tables.lane_warehouse[lane[row]]
    day = np.maximum(days_since(scenario, tables.previous["ship_date"][row], 0), 0)
    works = calendar.first_working(warehouse, day) == day
    codes: Ints = ((order * len(tables.warehouses) + warehouse) * SPAN + day)[works]
    return codes
