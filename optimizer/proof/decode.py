"""From what was picked (product and lot by line, lane and day) to how the line was served: as what, from which lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.events import find_keys
from optimizer.proof.plan import Rows

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Picks:
    """Rows of allocations in the order of the file: ``units`` of ``product`` picked, serving ``ordered`` units.

    Of a kit the first row carries the ordered units, the others none. ``lot``: position in `Supply.lot_texts`, −1
    where no stock has that lot.
    """

    line: Ints
    lane: Ints
    day: Ints
    product: Ints
    lot: Ints
    units: Ints
    ordered: Ints

    def __len__(self) -> int:
        return len(self.line)

    @property
    def group_starts(self) -> Flags:
        """Rows that begin another line, lane or day."""
        starts = np.ones(len(self), dtype=bool)
        starts[1:] = (
            (self.line[1:] != self.line[:-1]) | (self.lane[1:] != self.lane[:-1]) | (self.day[1:] != self.day[:-1])
        )
        return starts


def ways_of(facts: Facts, picks: Picks) -> Ints:
    """The way in which each row serves its line, −1 where no way has these products in these quantities."""
    ways = facts.ways
    if not len(picks):
        return np.zeros(0, dtype=np.int64)
    if ways.simple:
        own = ways.own[picks.line]
        right = (ways.product[own] == picks.product) & (picks.units == picks.ordered) & (picks.ordered > 0)
        return np.where(right, own, -1)
    kit_way = ways.recipes.is_kit[ways.product]
    key = ways.line * np.int64(facts.n_products) + ways.product
    found = find_keys(key, picks.line * np.int64(facts.n_products) + picks.product)
    right = (found >= 0) & ~kit_way[found] & (picks.ordered > 0)
    right &= picks.units * ways.bottom[found] == picks.ordered * ways.top[found]
    way = np.where(right, found, -1)
    kit_line = np.zeros(facts.n_lines, dtype=bool)
    kit_line[ways.line[kit_way]] = True
    odd = np.flatnonzero(kit_line[picks.line])
    starts = picks.group_starts | (picks.ordered > 0)
    segment = np.cumsum(starts)
    cuts = np.flatnonzero(np.diff(segment[odd])) + 1 if len(odd) else odd
    for rows in np.split(odd, cuts) if len(odd) else ():
        way[rows] = _segment(facts, picks, rows)
    return way


def _segment(facts: Facts, picks: Picks, rows: Ints) -> int:
    """The way that rows which belong together serve their line in; of several alike the least penalised."""
    ways, line = facts.ways, int(picks.line[rows[0]])
    picked: dict[int, int] = {}
    for row in rows.tolist():
        picked[int(picks.product[row])] = picked.get(int(picks.product[row]), 0) + int(picks.units[row])
    ordered, fitting = int(picks.ordered[rows[0]]), []
    for way in range(int(ways.start[line]), int(ways.start[line + 1])):
        shipped, rest = divmod(ordered * int(ways.top[way]), int(ways.bottom[way]))
        product = int(ways.product[way])
        parts = range(int(ways.recipes.start[product]), int(ways.recipes.start[product + 1]))
        recipe = {int(ways.recipes.component[at]): int(ways.recipes.qty[at]) * shipped for at in parts}
        if not rest and shipped and recipe == picked:
            fitting.append((ways.penalty.item(way), way))
    return min(fitting)[1] if fitting else -1


def rows_of(facts: Facts, picks: Picks, way: Ints, moves: tuple[Ints, Ints, Ints, Ints]) -> tuple[Rows, Flags]:
    """The plan of picked rows whose ways are known, and which picks do not follow their predecessor in order."""
    keys = (picks.line, picks.lane, picks.day, way, picks.product, picks.lot)
    fresh = np.ones(len(picks), dtype=bool)
    disorder, equal = np.zeros(len(picks), dtype=bool), np.ones(max(len(picks) - 1, 0), dtype=bool)
    for at, key in enumerate(keys):
        disorder[1:] |= equal & (key[1:] < key[:-1])
        equal = equal & (key[1:] == key[:-1])
        if at == 3:
            fresh[1:] = ~equal
    disorder[1:] |= equal
    first = np.flatnonzero(fresh)
    row = np.cumsum(fresh) - 1
    qty = np.zeros(len(first), dtype=np.int64)
    np.add.at(qty, row, picks.ordered)
    source = facts.supply.find_source(facts.tables.lane_warehouse[picks.lane], picks.product, picks.lot)
    made = Rows(
        picks.line[first],
        picks.lane[first],
        picks.day[first],
        way[first],
        qty,
        row,
        source,
        picks.product,
        picks.units,
        *moves,
    )
    return made, disorder
