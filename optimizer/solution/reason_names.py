"""What every sentence about a short line is made of: ids, counts, money, and what one change would bring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.survey import GAIN_SLIP
from optimizer.solution.takers import Takers, money, pool_used
from optimizer.solution.verdicts import Verdicts
from optimizer.solution.ways import LIMITS

Ints = NDArray[np.int64]

MOST_NAMED = 5
"""Lanes, warehouses or lines named in one sentence; further ones are counted."""


class Words(NamedTuple):
    """What is said about one line."""

    detail: str
    least_change: str = ""
    taken_by: str = ""


def listed(names: list[str]) -> str:
    """At most `MOST_NAMED` of them, the rest counted."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


def cents_up(value: float) -> float:
    """Rounded up to whole cents."""
    return ceil(value * 100 - GAIN_SLIP) / 100


def valued(change: str, gain: float) -> str:
    """A change with what it would gain, marked as not verified."""
    return f"{change}; worth about {money(gain)} (estimate, not verified)"


def units(count: int) -> str:
    """A count of units, in words."""
    return f"{count} unit" if count == 1 else f"{count} units"


class Names:
    """Looks up names and numbers of short line ``place`` (position in the verdicts' lines) and its way ``at``."""

    def __init__(self, verdicts: Verdicts, stock_price: Mapping[tuple[str, str], str]) -> None:
        self.stock_price = stock_price
        self.verdicts, self.survey, self.ledger = verdicts, verdicts.survey, verdicts.ledger
        self.ways, self.tables = verdicts.survey.ways, verdicts.ledger.tables
        self.first_way = np.searchsorted(self.ways.line, verdicts.lines)
        self.end_way = np.searchsorted(self.ways.line, verdicts.lines, side="right")
        self.takers = Takers(self.ledger)

    # -- names --------------------------------------------------------------------------------------------------
    def order(self, place: int) -> str:
        return str(self.tables.orders["order_id"][self.survey.order[place]])

    def product(self, place: int) -> str:
        return str(self.tables.products["product_id"][self.tables.line_product[self.verdicts.lines[place]]])

    def warehouse(self, at: int) -> str:
        return str(self.tables.lanes["warehouse_id"][self.ways.lane[at]])

    def lane(self, at: int) -> str:
        """The way as people name it: warehouse and service, and what sets it apart from others of the lane."""
        day, product = int(self.ways.day[at]), self.ledger.batch.offers.product[self.ways.offer[at]]
        later = f" on {self.ledger.date(self.ways.day[[at]])[0]}" if day else ""
        own = product == self.tables.line_product[self.ways.line[at]]
        instead = "" if own else f" with {self.tables.products['product_id'][product]}"
        return f"{self.warehouse(at)} by {self.tables.lanes['service_id'][self.ways.lane[at]]}{later}{instead}"

    def ways_of(self, place: int) -> range:
        return range(int(self.first_way[place]), int(self.end_way[place]))

    def warehouses_with_stock(self, place: int) -> list[str]:
        """Warehouses with at least a step of the line's product left, wherever they deliver."""
        supply, line = self.ledger.batch.supply, self.verdicts.lines[place]
        pools = self.pools_of_product[self.tables.line_product[line]]
        houses = self.tables.warehouses["warehouse_id"][supply.pool_warehouse[pools]]
        enough = self.left[pools] >= self.survey.step[place]
        return [str(house) for house in houses[enough].tolist()]

    @cached_property
    def left(self) -> Ints:
        """Units of each pool that are left in the end."""
        supply = self.ledger.batch.supply
        return supply.period_atp[supply.period_start[1:] - 1] - pool_used(self.ledger)

    @cached_property
    def pools_of_product(self) -> list[Ints]:
        product = self.ledger.batch.supply.pool_product
        by_product = np.argsort(product, kind="stable")
        ends = np.searchsorted(product[by_product], np.arange(1, len(self.tables.products)))
        return np.split(by_product, ends)

    # -- what a change would bring ------------------------------------------------------------------------------
    def fill(self, at: int) -> int:
        """Units that would fill the line, in whole steps."""
        return int(self.survey.units_fill[at])

    def change(self, at: int, limit: str, text: str) -> str:
        """The change and its worth if ``limit`` alone keeps the line from being filled and filling it would gain."""
        enough = self.survey.one_change_fills[at] and LIMITS[self.survey.tightest[at]] == limit
        return valued(text, float(self.survey.gain_fill[at])) if enough else ""

    def lacking(self, at: int, limit: str) -> int:
        """Units by which the limit would have to rise to fill the line here."""
        return self.fill(at) - max(int(self.ways.rooms[LIMITS.index(limit), at]), 0)

    def more_stock(self, place: int, at: int) -> str:
        count = self.lacking(at, "warehouse_stock")
        what = f"{count} more {'unit' if count == 1 else 'units'} of {self.product(place)} at {self.warehouse(at)}"
        return self.change(at, "warehouse_stock", what)
