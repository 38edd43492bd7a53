"""A plan as positions in the input tables: what ships, what it is drawn from, and what moves between warehouses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Who ships what: ``qty`` ordered units of ``line`` on ``lane`` and ``day``, served in a ``way``; each key once.

    Draws, in the order of the file: the plan ``row`` each belongs to, its ``source`` (−1: there is none), the
    ``component`` (product) and ``units`` that are picked. Moves: row of `transfers`, position among `Supply.moves`
    (−1: not possible), day and units.
    """

    line: Ints
    lane: Ints
    day: Ints
    way: Ints
    qty: Ints
    draw_row: Ints
    draw_source: Ints
    draw_component: Ints
    draw_units: Ints
    move_row: Ints
    move: Ints
    move_day: Ints
    move_units: Ints

    def __len__(self) -> int:
        return len(self.qty)

    @classmethod
    def of(
        cls,
        facts: Facts,
        line: Ints,
        lane: Ints,
        qty: Ints,
        day: Ints | None = None,
        way: Ints | None = None,
        lot: Ints | None = None,
    ) -> Rows:
        """Rows that ship what was ordered (or by a given way) from one lot, without moves; unsorted ones are sorted."""
        day = np.zeros(len(line), dtype=np.int64) if day is None else day
        way = facts.ways.own[line] if way is None else way
        order = np.lexsort((way, day, lane, line))
        line, lane, day, way, qty = line[order], lane[order], day[order], way[order], qty[order]
        lot = np.zeros(len(line), dtype=np.int64) if lot is None else lot[order]
        row, part = facts.ways.recipes.parts(facts.ways.product[way])
        component = facts.ways.recipes.component[part]
        units = qty[row] * facts.ways.top[way[row]] // facts.ways.bottom[way[row]] * facts.ways.recipes.qty[part]
        house = facts.tables.lane_warehouse[lane[row]]
        source = facts.supply.find_source(house, component, lot[row])
        only = facts.supply.only_source(house, component)
        source = np.where((source < 0) & (lot[row] == 0), only, source)
        none = np.zeros(0, dtype=np.int64)
        return cls(line, lane, day, way, qty, row, source, component, units, none, none, none, none)

    def part(self, chosen: NDArray[np.bool_]) -> Rows:
        """The chosen plan rows with their draws; no moves."""
        rows = np.flatnonzero(chosen)
        place = np.cumsum(chosen) - 1
        draws = np.flatnonzero(chosen[self.draw_row])
        none = np.zeros(0, dtype=np.int64)
        return Rows(
            self.line[rows],
            self.lane[rows],
            self.day[rows],
            self.way[rows],
            self.qty[rows],
            place[self.draw_row[draws]],
            self.draw_source[draws],
            self.draw_component[draws],
            self.draw_units[draws],
            none,
            none,
            none,
            none,
        )


def spread(start: Ints, end: Ints, units: Ints, size: int) -> Ints:
    """Totals over positions 0..size−1 of ``units`` counted at every position from ``start`` to before ``end``."""
    total = np.zeros(size + 1, dtype=np.int64)
    going = end > start
    np.add.at(total, start[going], units[going])
    np.add.at(total, end[going], -units[going])
    return np.cumsum(total)[:-1]
