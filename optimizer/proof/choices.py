"""The ways to fill the cells of order blocks: which product, drawn from which lots, and what that costs at the prices.

A cell is a line in a slot. Where a line can be served in one way from one lot (and so in every plain batch) a cell has
one choice. Where there are more, each gets its own value and the best counts: a bound from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import FOREVER
from optimizer.proof.facts import Facts
from optimizer.proof.reduced import Reduced, divided, rounded
from optimizer.proof.scope import ranges

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """``cell`` (sorted positions among the cells), way, and how many ordered units it can serve at most (whole steps).

    Draws: (choice, units of the component for one unit of the product shipped, source that it may be drawn from).
    """

    cell: Ints
    line: Ints
    slot: Ints
    way: Ints
    cap: Ints
    draw_part: Ints
    """part of each possible draw: a (choice, component)"""
    draw_source: Ints
    part_choice: Ints
    part_qty: Ints
    part_pool: Ints

    def __len__(self) -> int:
        return len(self.cell)


class Chooser:
    """Finds the choices of cells. ``simple``: every cell has exactly one (`Facts.is_simple`)."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        supply, customers = facts.supply, facts.tables.customers
        self.life = np.where(customers.given("min_remaining_life_days"), customers["min_remaining_life_days"], 0)
        self.simple = facts.is_simple
        self.brought = np.zeros(len(supply.key), dtype=np.int64)
        """most units that transfers may bring to each source"""
        if len(supply.moves.row):
            pair = np.unique(np.column_stack([supply.moves.source, supply.moves.target]), axis=0)
            np.add.at(self.brought, pair[:, 1], supply.own(pair[:, 0], np.full(len(pair), FOREVER)))
        self.brought_to_pool = np.zeros(len(supply.pool_key), dtype=np.int64)
        np.add.at(self.brought_to_pool, supply.pool, self.brought)

    def step(self, line: Ints) -> Ints:
        """Every quantity of a line is a multiple of this, whichever way serves it."""
        ways = self.facts.ways
        if ways.simple:
            return ways.step[line]
        steps = np.gcd.reduceat(ways.step, ways.start[:-1]) if len(ways) else ways.step
        least: Ints = steps[line]
        return least

    def caps(self, line: Ints, slot: Ints) -> Ints:
        """Most ordered units of each cell; ``line`` (n), ``slot`` (n × s)."""
        facts = self.facts
        if self.simple:
            return facts.own_caps(line, slot)
        qty = facts.tables.order_lines["qty"][line]
        house = facts.tables.lane_warehouse[facts.events.slots.lane[slot]]
        found = self.find(np.repeat(line, slot.shape[1]), slot.ravel())
        total = np.zeros(slot.size, dtype=np.int64)
        np.add.at(total, found.cell, found.cap)
        cap = np.minimum(total.reshape(slot.shape), qty[:, None])
        return np.where(facts.eligible(line[:, None], house), cap, 0)

    def find(self, line: Ints, slot: Ints) -> Choices:
        """All choices of cells (line, slot) that can serve at least one step."""
        facts, ways, supply = self.facts, self.facts.ways, self.facts.supply
        slots = facts.events.slots
        count = ways.start[line + 1] - ways.start[line]
        cell, way = np.repeat(np.arange(len(line)), count), ranges(ways.start[line], count)
        choice, part = ways.recipes.parts(ways.product[way])
        lane, day = slots.lane[slot[cell[choice]]], slots.day[slot[cell[choice]]]
        pool = supply.find_pool(facts.tables.lane_warehouse[lane], ways.recipes.component[part])
        place = np.maximum(pool, 0)
        lots = np.where(pool >= 0, supply.pool_sources[place + 1] - supply.pool_sources[place], 0)
        draw, source = np.repeat(np.arange(len(pool)), lots), ranges(supply.pool_sources[place], lots)
        usable = self._usable(line[cell[choice[draw]]], lane[draw], day[draw], source)
        draw, source = draw[usable], source[usable]
        has = np.zeros(len(pool), dtype=np.int64)
        np.add.at(has, draw, supply.own(source, day[draw]) + self.brought[source])
        in_pool = np.append(supply.atp(place, day), 0)[:-1] + self.brought_to_pool[place] if len(pool) else has
        has = np.where(pool >= 0, np.minimum(has, in_pool), 0)
        per_unit = ways.recipes.qty[part] * ways.top[way[choice]]
        most = np.full(len(way), 2**62, dtype=np.int64)
        np.minimum.at(most, choice, has * ways.bottom[way[choice]] // per_unit)
        qty = facts.tables.order_lines["qty"][line[cell]]
        cap = np.minimum(most, qty) // ways.step[way] * ways.step[way]
        kept = cap > 0
        new_choice = np.cumsum(kept) - 1
        kept_part = kept[choice]
        new_part = np.cumsum(kept_part) - 1
        kept_draw = kept_part[draw]
        return Choices(
            cell[kept],
            line[cell[kept]],
            slot[cell[kept]],
            way[kept],
            cap[kept],
            new_part[draw[kept_draw]],
            source[kept_draw],
            new_choice[choice[kept_part]],
            ways.recipes.qty[part[kept_part]],
            pool[kept_part],
        )

    def of_cells(self, line: Ints, slot: Ints) -> Choices:
        """The choices of cells; the one of each cell, possible or not, where there is never more than one."""
        return every_cell(self.facts, line, slot) if self.simple else self.find(line, slot)

    def _usable(self, line: Ints, lane: Ints, day: Ints, source: Ints) -> Flags:
        """Whether a lot may serve a line: alive when it leaves, with the life that the customer asks on arrival."""
        facts = self.facts
        expiry = facts.supply.expiry[source]
        customer = facts.tables.order_customer[facts.tables.line_order[line]]
        arrive = facts.events.arrival(lane, day)
        return np.asarray((expiry >= FOREVER) | (expiry >= np.maximum(day, arrive + self.life[customer])), dtype=bool)


def every_cell(facts: Facts, line: Ints, slot: Ints) -> Choices:
    """The one choice of each cell of a plain batch, possible or not."""
    size = len(line)
    none, each = np.zeros(0, dtype=np.int64), np.arange(size, dtype=np.int64)
    house = facts.tables.lane_warehouse[facts.events.slots.lane[slot]]
    pool = facts.supply.find_pool(house, facts.tables.line_product[line])
    return Choices(each, line, slot, facts.ways.own[line], none, none, none, each, np.ones(size, np.int64), pool)


def best_of(found: Choices, cells: int, simple: bool, value: Exact) -> Exact:
    """The largest number among the choices of each cell; 0 where a cell has none (nothing fits there)."""
    if simple:
        return value
    start = np.searchsorted(found.cell, np.arange(cells))
    has = np.append(found.cell, cells)[start] == np.arange(cells)
    best = np.zeros(cells, dtype=value.num.dtype)
    if has.any():
        best[has] = np.maximum.reduceat(value.num, start[has])
    return Exact(best, value.scale)


# -- what they cost ---------------------------------------------------------------------------------------------
def stock_cost(facts: Facts, reduced: Reduced, found: Choices, simple: bool) -> Exact:
    """What an ordered unit of each choice pays for stock, lots, reserves and budgets, less the value of moving it."""
    stock, ways, day = reduced.stock, facts.ways, facts.events.slots.day
    part_line, part_day = found.line[found.part_choice], day[found.slot[found.part_choice]]
    if simple:
        price = stock.simple.take(found.part_pool)
    else:
        lots = stock.leaving(found.draw_source, part_day[found.draw_part])
        lots = lots - facts.supply.holding.take(found.draw_source) * reduced.rates.holding
        starts = np.searchsorted(found.draw_part, np.arange(len(found.part_choice)))
        price = Exact(np.minimum.reduceat(lots.num, starts), lots.scale) if len(starts) else lots
    if stock.book["reserve"].row.size:
        price = price + stock.reserved(part_line, found.part_pool, part_day)
    if stock.book["budget"].row.size:
        price = price + _value_priced(facts, reduced, found, part_line)
    if simple:
        return rounded(price, up=False)
    whole = price * (found.part_qty * ways.top[found.way[found.part_choice]])
    per_choice = whole.sum_by(found.part_choice, len(found))
    return divided(per_choice, ways.bottom[found.way], up=False)


def _value_priced(facts: Facts, reduced: Reduced, found: Choices, line: Ints) -> Exact:
    """What each unit of a part pays for the budgets on stock value."""
    priced, product = reduced.stock.book["budget"], facts.supply.pool_product[found.part_pool]
    total = Exact.zeros(len(line))
    for at, price in zip(priced.row.tolist(), priced.price.fractions(), strict=True):
        if facts.money.kind[at] == "stock_value":
            cost = facts.money.unit_cost.take(product) * price
            total = total + cost * facts.money.lines[at][line]
    return total


def own_costs(facts: Facts, reduced: Reduced, found: Choices, order: Ints) -> Exact:
    """Lateness and substitution of an ordered unit of each choice, less what keeping the previous plan saves."""
    slots = facts.events.slots
    cost = Exact.zeros(len(found))
    if reduced.delays:
        arrive = facts.events.arrival(slots.lane[found.slot], slots.day[found.slot])
        late = facts.events.days_late(order, arrive)
        cost = cost + reduced.late.take(found.line) * late
    if len(facts.tables.substitutions):
        cost = cost + facts.ways.penalty.take(found.way) * reduced.rates.substitution
    saved = reduced.rates.stability * facts.previous.cost
    if saved and len(facts.previous.wanted[0]):
        lanes = np.int64(max(len(facts.tables.lanes), 1))
        line, lane, units = facts.previous.wanted
        keys = (line * lanes + lane)[units > 0]
        stays = np.isin(found.line * lanes + slots.lane[found.slot], keys)
        cost = cost - Exact.full(len(found), saved) * stays
    return rounded(cost, up=False)
