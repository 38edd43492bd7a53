"""The plan that exists: what stability compares with, and what frozen orders keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.calendar import days_since
from optimizer.model.lookup import among, find_sorted
from optimizer.model.ragged import expand, first_of, ranks_of, totals
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.model.arcs import Arcs
    from optimizer.model.formulation import Formulation
    from optimizer.model.policies import Opened
    from optimizer.model.resources import Resources
    from optimizer.model.variables import Stack

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True)
class PreviousUnits:
    """Ordered units of each (line, lane) in the previous plan, sorted; of lines and lanes that still exist."""

    line: Ints
    lane: Ints
    units: Ints

    def __len__(self) -> int:
        return len(self.line)

    @classmethod
    def of(cls, tables: Tables) -> PreviousUnits:
        row = np.flatnonzero((tables.previous_line >= 0) & (tables.previous_lane >= 0))
        line, lane = tables.previous_line[row], tables.previous_lane[row]
        group, size = ranks_of(line, lane)
        units = totals(group, np.asarray(tables.previous["qty"], dtype=np.int64)[row], size)
        first = first_of(group, size)
        kept = units > 0
        return cls(line[first][kept], lane[first][kept], units[kept])

    def moved(self, tables: Tables, line: Ints, lane: Ints, qty: Ints) -> Ints:
        """How much less than before each of these pairs gets in a plan that gives ``qty`` units to (line, lane)."""
        size = len(tables.lanes)
        place = find_sorted(self.line * size + self.lane, line * size + lane)
        known = np.flatnonzero(place >= 0)
        missing: Ints = np.maximum(self.units - totals(place[known], qty[known], len(self)), 0)
        return missing


@dataclass(frozen=True)
class Moved:
    """Columns `moved`, in ordered units: how much less than ``units`` each (line, lane) of the previous plan gets."""

    line: Ints
    lane: Ints
    units: Ints
    column: Ints

    def __len__(self) -> int:
        return len(self.line)

    @classmethod
    def define(
        cls, stack: Stack, batch: Batch, arcs: Arcs, resources: Resources, opened: Opened, headroom: int
    ) -> Moved:
        """Where a unit moved costs anything; frozen orders move nothing."""
        tables, settings = batch.tables, batch.scenario.stability
        before = PreviousUnits.of(tables)
        paid = settings is not None and settings.cost_per_unit * batch.scenario.weights.penalties > 0
        counted = np.flatnonzero(~frozen_lines(tables)[before.line] & paid)
        line, lane, units = before.line[counted], before.lane[counted], before.units[counted]
        column = stack.add("moved", {"line": line, "lane": lane}, units, np.ones(len(units)))
        return cls(line, lane, units, column)


def moved_columns(f: Formulation) -> Moved:
    """The columns of the model."""
    columns: Moved = f.variables.policies["moved"]
    return columns


def frozen_lines(tables: Tables) -> Flags:
    """Lines of frozen orders."""
    frozen: Flags = np.asarray(tables.orders["frozen"], dtype=bool)
    return frozen[tables.line_order]


@dataclass(frozen=True)
class FrozenRows:
    """What frozen orders keep: ``units`` shipped for ``line`` on ``lane`` and ``day`` from ``source``; sorted.

    ``row`` is one row of the previous plan that says so; a lane or a source that no longer exists is -1.
    """

    row: Ints
    line: Ints
    lane: Ints
    day: Ints
    source: Ints
    units: Ints

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, batch: Batch) -> FrozenRows:
        tables = batch.tables
        row = np.flatnonzero(tables.previous_line >= 0)
        row = row[frozen_lines(tables)[tables.previous_line[row]]]
        line, lane = tables.previous_line[row], tables.previous_lane[row]
        day = np.maximum(days_since(batch.scenario, tables.previous["ship_date"][row], 0), 0)
        source = _sources(batch, row)
        group, size = ranks_of(line, lane, day, source)
        units = totals(group, np.asarray(tables.previous["shipped_qty"], dtype=np.int64)[row], size)
        first = first_of(group, size)
        kept = np.flatnonzero(units > 0)
        first, units = first[kept], units[kept]
        return cls(row[first], line[first], lane[first], day[first], source[first], units)

    def find(self, line: Ints, lane: Ints, day: Ints, source: Ints) -> Ints:
        """Which of these each (line, lane, day, source) is, -1 where it is none."""
        known = (self.lane >= 0) & (self.source >= 0)
        if not known.any():
            return np.full(len(line), NONE, dtype=np.int64)
        place = np.flatnonzero(known)
        asked = np.flatnonzero(among(line, self.line[known]) & (source >= 0))  # few lines are frozen
        mine = (self.line[known], self.lane[known], self.day[known], self.source[known])
        wanted = (line[asked], lane[asked], day[asked], source[asked])
        codes = _codes([np.concatenate(pair) for pair in zip(mine, wanted, strict=True)])
        found = np.full(len(line), NONE, dtype=np.int64)
        found[asked] = np.append(place, NONE)[find_sorted(codes[: len(place)], codes[len(place) :])]
        return found

    def taken(self, arcs: Arcs, arc: Ints, source: Ints) -> tuple[Ints, Ints]:
        """Of what arcs take from sources: the positions of what these are, and which of these."""
        asked = np.flatnonzero(among(arcs.line, self.line).take(arc))  # few lines are frozen
        of = arc[asked]
        found = self.find(arcs.line[of], arcs.lane[of], arcs.day[of], source[asked])
        there = np.flatnonzero(found >= 0)
        return asked[there], found[there]

    def ships_kit(self, batch: Batch, line: Ints, lane: Ints, day: Ints, product: Ints) -> Flags:
        """Whether every component of a kit is kept for each (line, lane, day)."""
        supply = batch.supply
        at, component, _ = batch.offers.recipes.parts(product)
        pool = supply.find_pool(batch.tables.lane_warehouse[lane[at]], component)
        mine = (
            self.line,
            self.lane,
            self.day,
            np.where(self.source < 0, NONE, np.append(supply.pool, NONE)[self.source]),
        )
        asked = (line[at], lane[at], day[at], pool)
        codes = _codes([np.concatenate(pair) for pair in zip(mine, asked, strict=True)])
        kept = np.isin(codes[len(self) :], codes[: len(self)]) & (pool >= 0)
        whole: Flags = np.bincount(at[~kept], minlength=len(line)) == 0
        return whole


@dataclass(frozen=True)
class FrozenServed:
    """Ordered units that the rows of a frozen order served, by (line, lane, day, product picked); sorted.

    Only of lines that may be served with a kit: the same parts leave as a kit or apart, and serve more or less. What
    a kit serves stands with its first component, as in the allocations of a run. ``row`` is as in `FrozenRows`.
    """

    row: Ints
    line: Ints
    lane: Ints
    day: Ints
    product: Ints
    units: Ints

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, batch: Batch) -> FrozenServed:
        tables, offers = batch.tables, batch.offers
        may_be_kit = np.append(offers.recipes.is_kit, False)[offers.product]
        kit_line = np.bincount(offers.line[may_be_kit], minlength=len(tables.order_lines)) > 0
        row = np.flatnonzero((tables.previous_line >= 0) & (tables.previous_product >= 0))
        row = row[(frozen_lines(tables) & kit_line)[tables.previous_line[row]]]
        line, lane, product = (getattr(tables, f"previous_{name}")[row] for name in ("line", "lane", "product"))
        day = np.maximum(days_since(batch.scenario, tables.previous["ship_date"][row], 0), 0)
        group, size = ranks_of(line, lane, day, product)
        units = totals(group, np.asarray(tables.previous["qty"], dtype=np.int64)[row], size)
        first = first_of(group, size)
        return cls(row[first], line[first], lane[first], day[first], product[first], units)

    def find(self, batch: Batch, arcs: Arcs) -> Ints:
        """Which of these each arc serves units of, -1 where it is none."""
        recipes, arc = batch.offers.recipes, np.flatnonzero(among(arcs.line, self.line))
        picked = recipes.component[recipes.start[arcs.product[arc]]]
        mine, asked = (self.line, self.lane, self.day, self.product), (arcs.line[arc], arcs.lane[arc], arcs.day[arc])
        codes = _codes([np.concatenate(pair) for pair in zip(mine, (*asked, picked), strict=True)])
        found = np.full(len(arcs), NONE, dtype=np.int64)
        found[arc] = find_sorted(codes[: len(self)], codes[len(self) :])
        return found


def _codes(keys: list[Ints]) -> Ints:
    """A number for each position, the same where all keys are, in their order."""
    return ranks_of(*keys)[0]


def _sources(batch: Batch, row: Ints) -> Ints:
    """The source that each row of the previous plan took from, -1 where there is none such."""
    tables, supply = batch.tables, batch.supply
    lane, product = tables.previous_lane[row], tables.previous_product[row]
    known = np.flatnonzero((lane >= 0) & (product >= 0))
    pool = np.full(len(row), NONE, dtype=np.int64)
    pool[known] = supply.find_pool(tables.lane_warehouse[lane[known]], product[known])
    stocked = np.flatnonzero(pool >= 0)
    owner, source = expand(supply.source_start[pool[stocked]], supply.source_start[pool[stocked] + 1])
    same = np.asarray(supply.lot[source] == tables.previous["lot_id"][row[stocked[owner]]], dtype=bool)
    found = np.full(len(row), NONE, dtype=np.int64)
    found[stocked[owner[same]]] = source[same]
    return found


def keep_frozen(batch: Batch, line: Ints, lane: Ints, day: Ints, source: Ints, product: Ints) -> Flags:
    """Which candidates may ship: those of frozen orders only as the previous plan has them (kits: all components)."""
    keep = np.ones(len(line), dtype=bool)
    of = np.flatnonzero(frozen_lines(batch.tables)[line])
    if len(of):
        kept = FrozenRows.of(batch)
        way = line[of], lane[of], day[of]
        of_kit = kept.ships_kit(batch, *way, product[of])
        keep[of] = np.where(source[of] < 0, of_kit, kept.find(*way, source[of]) >= 0)
    return keep
