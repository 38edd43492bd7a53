"""Which shared limits can bind at all, and what contracts and floors ask for: decided once, before columns and rows.

A limit is kept unless everything that could ever use it stays at least one unit below it, so that neither it nor the
same limit with one unit less can bind. A limit that is not kept has price 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.arcs import Arcs
from optimizer.model.batch import Batch
from optimizer.model.goals import goals
from optimizer.model.ragged import first_of, ranks_of, renumbered, totals
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Resources:
    """``kept``: for each coupling family which rows of its table stand in the model; ``dropped``: how many do not.

    ``day_rows``: the row of `calendar` that limits each arc, and each shipment; -1 where none does.
    ``wanted`` of the stock. ``opening``: warehouses whose opening costs money; ``splits``: orders whose max_shipments
    can bind. Contracts: pairs (``contract``, ``contract_line``) of which line counts where, units ``required``, money
    ``shortfall_cost`` per unit.
    """

    kept: Mapping[str, Flags]
    dropped: Mapping[str, int]
    day_rows: tuple[Ints, Ints]
    wanted: Wanted
    opening: Flags
    splits: Flags
    contract: Ints
    contract_line: Ints
    required: Ints
    shortfall_cost: Exact
    soft: Flags


def find_resources(batch: Batch, arcs: Arcs, part: bool = False) -> Resources:
    """See `Resources`; ``part`` as in `optimizer.model.build.build_model`."""
    tables, scenario = batch.tables, batch.scenario
    kept, dropped = {}, {}
    contract, contract_line = scope_members(tables, tables.contracts) if len(tables.contracts) else (_NOTHING, _NOTHING)
    required = terms.contract_required(
        tables.contracts, _totals(contract, tables.order_lines["qty"][contract_line], tables)
    )
    soft = tables.contracts.given("shortfall_penalty")
    cost = tables.contracts["shortfall_penalty"] * scenario.weights.penalties
    day_rows, wanted = _day_rows(batch, arcs), Wanted.of(batch, arcs)
    for family, stated, keeps in (
        *_stock(batch, wanted),
        *_capacities(batch, arcs, day_rows),
        *_contracts(tables, arcs, contract, contract_line, required),
    ):
        if family == "contract_minimum":
            keeps = keeps & (~soft | (cost > 0) | ("contract_shortfall" in goals(scenario)))
        keeps = keeps | part
        kept[family] = stated & keeps
        dropped[family] = int(np.count_nonzero(stated & ~keeps))
    reached = np.bincount(arcs.warehouse, minlength=len(tables.warehouses)) > 0
    paid = (tables.warehouses["fixed_open_cost"] > 0) & (scenario.weights.shipping > 0)
    shipments_of = np.bincount(arcs.shipment_order, minlength=len(tables.orders))
    return Resources(
        kept=kept,
        dropped=dropped,
        day_rows=day_rows,
        wanted=wanted,
        opening=reached & paid,
        splits=tables.orders.given("max_shipments") & (tables.orders["max_shipments"] < shipments_of),
        contract=contract,
        contract_line=contract_line,
        required=required,
        shortfall_cost=cost,
        soft=soft,
    )


_NOTHING = np.zeros(0, dtype=np.int64)
_Limit = tuple[str, Flags, Flags]


class Wanted(NamedTuple):
    """Units that arcs would take from each source on each day if stock and capacities were endless; sorted by both."""

    source: Ints
    day: Ints
    units: Ints

    @classmethod
    def of(cls, batch: Batch, arcs: Arcs) -> Wanted:
        draws, needs = arcs.draws, arcs.needs
        by_choice = needs.arc[needs.option]
        taken = arcs.want[draws.arc] if draws.units is arcs.step else arcs.wanted[draws.arc] * draws.units
        source, day, units = draws.source, arcs.day[draws.arc], taken
        if len(by_choice):
            source, day = np.concatenate([source, needs.source]), np.concatenate([day, arcs.day[by_choice]])
            units = np.concatenate([units, arcs.wanted[by_choice] * needs.units[needs.option]])
        days, (number, size) = np.flatnonzero(np.bincount(day)), renumbered(day)
        if len(batch.supply) * size > 2 * len(source):  # a table would be mostly empty
            group, n_groups = ranks_of(source, day)
            first = first_of(group, n_groups)
            return cls(source[first], day[first], totals(group, units, n_groups))
        code = source * size + number
        there = np.flatnonzero(np.bincount(code))
        return cls(there // size, days[there % size], totals(code, units, len(batch.supply) * size)[there])


def stock_wanted(batch: Batch, arcs: Arcs) -> tuple[Flags, Ints]:
    """For each period of the supply: whether any arc counts in it, and the units that all would take together."""
    return _in_periods(batch, Wanted.of(batch, arcs))


def _in_periods(batch: Batch, wanted: Wanted) -> tuple[Flags, Ints]:
    first, end = batch.supply.periods_of_each(wanted.source, wanted.day)
    return _within(first, end, len(batch.supply.period_day), wanted.units)


def _within(first: Ints, end: Ints, size: int, units: Ints) -> tuple[Flags, Ints]:
    """For numbers below ``size``: whether any of the ranges first..end holds it, and the total of those that do."""
    some = np.flatnonzero(first < end)
    if len(some) < len(first):
        first, end, units = first[some], end[some], units[some]
    begun = np.bincount(first, minlength=size + 1) - np.bincount(end, minlength=size + 1)
    total = totals(first, units, size + 1) - totals(end, units, size + 1)
    return np.cumsum(begun)[:-1] > 0, np.cumsum(total)[:-1]


def _stock(batch: Batch, wanted: Wanted) -> list[_Limit]:
    """For pools and lots: where an arc uses them, and where they can bind."""
    supply = batch.supply
    used, pool_wanted = _in_periods(batch, wanted)
    lots = supply.lot_rows
    ranges = lots.limits_of_each(supply, wanted.source, wanted.day)
    of_lot, lot_wanted = _within(*ranges, len(lots), wanted.units)
    can_bind = lot_wanted + 1 > lots.own
    moved, leaves = supply.moved, np.zeros(len(supply), dtype=bool)
    leaves[supply.moves.source] = True
    used |= (np.bincount(supply.pool[leaves], minlength=len(supply.pool_warehouse)) > 0)[supply.period_pool]
    return [
        ("warehouse_stock", used, (pool_wanted + 1 > supply.period_atp) | moved[supply.period_pool]),
        ("lot_stock", of_lot | leaves[lots.source], can_bind | moved[supply.pool[lots.source]]),
    ]


@dataclass(frozen=True)
class _Wants:
    """What arcs would use of capacities if those were endless: units from the shelf, kg."""

    batch: Batch
    arcs: Arcs

    @cached_property
    def units(self) -> Ints:
        arcs = self.arcs
        return arcs.want if arcs.units is arcs.step else arcs.wanted * arcs.units

    @cached_property
    def kg(self) -> Floats:
        return np.asarray(self.arcs.want * self.batch.offers.kg.floats()[self.arcs.offer], dtype=np.float64)


def _day_rows(batch: Batch, arcs: Arcs) -> tuple[Ints, Ints]:
    calendar = batch.calendar
    if not len(calendar.row):
        none = np.int64(-1)  # the same number everywhere, which takes no memory
        return np.broadcast_to(none, arcs.day.shape), np.broadcast_to(none, arcs.shipment_day.shape)
    of_shipment = calendar.limit_of(batch.tables.lane_warehouse[arcs.shipment_lane], arcs.shipment_day)
    return calendar.limit_of(arcs.warehouse, arcs.day), of_shipment


def _capacities(batch: Batch, arcs: Arcs, day_rows: tuple[Ints, Ints]) -> list[_Limit]:
    """For each capacity family: where it is stated, and where it can bind."""
    tables, wants = batch.tables, _Wants(batch, arcs)
    limits = []
    of_shipment = tables.lane_warehouse[arcs.shipment_lane]
    for unit in ("units", "lines", "shipments", "kg"):
        limits.append(_capacity(wants, "warehouse", tables.warehouses, unit, (arcs.warehouse, of_shipment)))
    for unit in ("units", "shipments", "kg"):
        limits.append(_capacity(wants, "lane", tables.lanes, unit, (arcs.lane, arcs.shipment_lane)))
    if len(batch.calendar.row):
        used = _by_row(day_rows[1], len(tables.calendar)) > 0
        for unit in ("units", "lines", "shipments", "kg"):
            family, stated, keeps = _capacity(wants, "day", tables.calendar, unit, day_rows)
            limits.append((family, stated & used, keeps))
    return limits


def _capacity(wants: _Wants, place: str, table: Table, unit: str, at: tuple[Ints, Ints]) -> _Limit:
    """One capacity family; ``at`` is the row of the table of each arc and of each shipment, -1 where it has none."""
    family, column = f"{place}_capacity_{unit}", f"capacity_{unit}"
    stated, size = table.given(column), len(table)
    if not stated.any():
        return family, stated, stated
    if unit == "kg":
        limit: Floats = table[column].floats()
        return family, stated, _by_row(at[0], size, wants.kg) * (1 + terms.ROUNDING) + 1 > limit
    if unit == "units":
        return family, stated, totals(at[0] + 1, wants.units, size + 1)[1:] + 1 > table[column]
    row = at[1] if unit == "shipments" else at[0][wants.arcs.pick_first]
    return family, stated, _by_row(row, size) + 1 > table[column]


def _by_row(row: Ints, size: int, amount: Floats | None = None) -> NDArray[Any]:
    """How many there are, or how much, of each row 0..size-1; -1 is none."""
    return np.bincount(row + 1, amount, size + 1)[1:]


def _contracts(tables: Tables, arcs: Arcs, contract: Ints, line: Ints, required: Ints) -> list[_Limit]:
    """The same for contract minimums and quotas."""
    reachable = np.bincount(arcs.line, minlength=len(tables.order_lines)) > 0
    most = _totals(contract, (tables.order_lines["qty"] * reachable)[line], tables)
    contracts = tables.contracts
    asks = contracts.given("min_qty") | contracts.given("min_fill_rate")
    return [
        ("contract_minimum", asks, required > 0),
        ("contract_quota", contracts.given("max_qty"), most + 1 > contracts["max_qty"]),
    ]


def _totals(contract: Ints, qty: Ints, tables: Tables) -> Ints:
    return totals(contract, qty, len(tables.contracts))
