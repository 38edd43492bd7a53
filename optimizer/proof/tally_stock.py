"""What a plan takes from stock and moves between warehouses, by pool, lot and period."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import DAYS
from optimizer.proof.plan import Rows, spread

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class StockTally:
    """The draws and moves of a plan, counted. Limits on stock are cumulative: a row counts all that left until then."""

    def __init__(self, facts: Facts, rows: Rows) -> None:
        self.facts, self.rows = facts, rows
        known = rows.draw_source >= 0
        self.known = known
        self.draw_line: Ints = rows.line[rows.draw_row]
        self.draw_day: Ints = rows.day[rows.draw_row]
        supply = facts.supply
        house = facts.tables.lane_warehouse[rows.lane[rows.draw_row]]
        self.draw_pool: Ints = supply.find_pool(house, rows.draw_component)
        possible = rows.move >= 0
        self.move_source: Ints = supply.moves.source[rows.move[possible]]
        self.move_target: Ints = supply.moves.target[rows.move[possible]]
        self.move_leaves: Ints = rows.move_day[possible]
        self.move_arrives: Ints = self.move_leaves + supply.transit(rows.move_row[possible])
        self.move_units: Ints = rows.move_units[possible]

    @cached_property
    def draw_ordered(self) -> Ints:
        """Ordered units that each draw serves; a kit's stand on its first draw."""
        ways, row = self.facts.ways, self.rows.draw_row
        way = self.rows.way[row]
        served = self.rows.draw_units * ways.bottom[way] // ways.top[way]
        first = np.zeros(len(row), dtype=bool)
        first[np.unique(row, return_index=True)[1]] = True
        return np.where(ways.recipes.is_kit[ways.product[way]], np.where(first, self.rows.qty[row], 0), served)

    def _span(self, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """The periods in which what leaves (or reaches) a source on a day counts: from that day on while it lives."""
        supply = self.facts.supply
        return supply.period(supply.pool[source], day), supply.first_dead(source)

    def _changes(self) -> tuple[Ints, Ints, Ints]:
        """Source, day and units of all that leaves sources for customers and other warehouses, less what arrives."""
        rows = self.rows
        source = [rows.draw_source[self.known], self.move_source, self.move_target]
        day = [self.draw_day[self.known], self.move_leaves, self.move_arrives]
        units = [rows.draw_units[self.known], self.move_units, -self.move_units]
        return np.concatenate(source), np.concatenate(day), np.concatenate(units)

    @cached_property
    def pool_used(self) -> Ints:
        """Of each period of each pool: units taken until its end from lots that live, less what was moved in."""
        source, day, units = self._changes()
        start, end = self._span(source, day)
        return spread(start, end, units, len(self.facts.supply.period_key))

    @cached_property
    def lot_used(self) -> Ints:
        """The same of each lot row (see `Facts.lots`)."""
        lots = self.facts.lots
        source, day, units = self._changes()
        start, end = self._span(source, day)
        there = np.flatnonzero((lots.start[source + 1] > lots.start[source]) & (end > start))
        source, units = source[there], units[there]
        first = self.facts.supply.period_start[self.facts.supply.pool[source]]
        begin = lots.start[source] + start[there] - first
        return spread(begin, lots.start[source + 1], units, len(lots.period))

    @cached_property
    def moved_out(self) -> Ints:
        """Of each period of each pool: own units of living lots that have left for other warehouses until its end."""
        start, end = self._span(self.move_source, self.move_leaves)
        return spread(start, end, self.move_units, len(self.facts.supply.period_key))

    @cached_property
    def moved_by_row(self) -> Ints:
        """Units moved by each row of `transfers`."""
        total = np.zeros(len(self.facts.tables.transfers), dtype=np.int64)
        known = self.rows.move_row >= 0
        np.add.at(total, self.rows.move_row[known], self.rows.move_units[known])
        return total

    # -- what moves cost ------------------------------------------------------------------------------------------
    @cached_property
    def move_product(self) -> Ints:
        """The product of each move."""
        supply = self.facts.supply
        return supply.pool_product[supply.pool[supply.moves.source[self.rows.move]]]

    @cached_property
    def move_rate(self) -> Exact:
        """cost_per_unit + cost_per_kg · unit weight of each move [money/unit]."""
        return self.facts.move_rate(self.rows.move_row, self.move_product)

    @cached_property
    def move_starts(self) -> Flags:
        """The first move of each (row of `transfers`, day): it bears the fixed cost."""
        key = self.rows.move_row * DAYS + self.rows.move_day
        first = np.zeros(len(key), dtype=bool)
        first[np.unique(key, return_index=True)[1]] = True
        return first

    @cached_property
    def move_fixed(self) -> Exact:
        """fixed_cost on the first move of each (row, day), 0 on the others [money]."""
        transfers = self.facts.tables.transfers
        if not len(transfers):
            return Exact.zeros(len(self.rows.move_row))
        fixed: Exact = transfers["fixed_cost"]
        return fixed.where(transfers.given("fixed_cost"), 0).take(self.rows.move_row) * self.move_starts

    @cached_property
    def move_costs(self) -> Exact:
        """What each move costs [money]."""
        return self.move_rate * self.rows.move_units + self.move_fixed

    # -- reserves -------------------------------------------------------------------------------------------------
    @cached_property
    def reserve_used(self) -> Ints:
        """Of each (reserve, period): what others have taken of its stock until the end of the period."""
        reserves = self.facts.reserves
        total = np.zeros(len(reserves.row_day), dtype=np.int64)
        for at in range(len(reserves.rank)):
            rows = np.flatnonzero(reserves.row_reserve == at)
            taking = reserves.takes(at, self.draw_line, self.draw_pool)
            place = np.searchsorted(reserves.row_day[rows], self.draw_day[taking], side="right") - 1
            of_period = np.zeros(len(rows), dtype=np.int64)
            np.add.at(of_period, place, self.rows.draw_units[taking])
            total[rows] = np.cumsum(of_period)
        return total
