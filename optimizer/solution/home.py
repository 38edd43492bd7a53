"""From where an order would be served had it been the only one, and from where short units would have come.

Estimates in doubles, for comparing warehouses; `docs/glossary.md` (orders.csv) says what counts and what does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.batch import Batch
from optimizer.model.freight import chargeable_kg
from optimizer.model.limits import ServiceMatch, ineligible_pairs
from optimizer.model.ragged import expand
from optimizer.model.rates import NONE, Bands

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SAME = 0.005
"""Money below which two lanes are worth the same: half a cent."""
KG_DECIMALS = 9
ENDLESS = 1 << 60


@dataclass(frozen=True)
class Homes:
    """Per order the warehouse of its best lane, -1 where none could serve it.

    ``equals``: every warehouse whose best lane is worth the same, as sorted codes ``order · warehouses + warehouse``.
    """

    warehouse: Ints
    equals: Ints

    @classmethod
    def of(cls, batch: Batch) -> Homes:
        tables = batch.tables
        line, lane = usable_lanes(batch, np.arange(len(tables.order_lines)))
        units = _alone(batch, line, lane)
        line, lane, units = line[units > 0], lane[units > 0], units[units > 0]
        pair, group = np.unique(tables.line_order[line] * len(tables.lanes) + lane, return_inverse=True)
        order, of_lane = pair // max(len(tables.lanes), 1), pair % max(len(tables.lanes), 1)
        worth = _earned(batch, line, units, group, order)
        worth -= float(batch.scenario.weights.shipping) * shipment_cost(batch, line, lane, units, group, of_lane)
        possible = np.isfinite(worth)
        return cls._best(order[possible], tables.lane_warehouse[of_lane[possible]], worth[possible], batch)

    @classmethod
    def _best(cls, order: Ints, warehouse: Ints, worth: Floats, batch: Batch) -> Homes:
        size = len(batch.tables.warehouses)
        most = np.full(len(batch.tables.orders), -np.inf)
        np.maximum.at(most, order, worth)
        near = worth >= most[order] - SAME
        equals = np.unique((order * size + warehouse)[near])
        home = np.full(len(most), -1, dtype=np.int64)
        home[equals[::-1] // max(size, 1)] = equals[::-1] % max(size, 1)  # of equals the first is written last
        return cls(home, equals)


def usable_lanes(batch: Batch, lines: Ints) -> tuple[Ints, Ints]:
    """(line, lane into its zone) that an open warehouse, the service asked for and eligibility allow; sorted by line.

    ``lines``: positions in order_lines, ascending.
    """
    tables = batch.tables
    lanes = np.flatnonzero(tables.warehouses["is_open"][tables.lane_warehouse])
    lanes = lanes[np.argsort(tables.lane_zone[lanes], kind="stable")]
    start = np.searchsorted(tables.lane_zone[lanes], np.arange(len(tables.zones) + 1))
    zone = tables.order_zone[tables.line_order[lines]]
    at, place = expand(start[zone], start[zone + 1])
    line, lane = lines[at], lanes[place]
    bad = ServiceMatch.of(tables).mismatch(tables.line_order[line], lane)
    keep = np.ones(len(line), dtype=bool) if bad is None else ~bad
    excluded = ineligible_pairs(tables)
    if len(excluded):
        keep &= ~np.isin(line * len(tables.warehouses) + tables.lane_warehouse[lane], excluded)
    return line[keep], lane[keep]


def shipment_cost(batch: Batch, line: Ints, lane: Ints, units: Ints, group: Ints, group_lane: Ints) -> Floats:
    """Freight and handling of each group (``units`` of each ``line`` on one lane) as one shipment; inf: no tariff.

    Every line ships its own product. ``group``: of each entry its position in ``group_lane``.
    """
    tables, lanes, size = batch.tables, batch.tables.lanes, len(group_lane)
    offer = batch.offers.find(line, tables.line_product[line])
    shipped = (units * batch.offers.units[offer]).astype(np.float64)
    kg = np.bincount(group, chargeable_kg(batch, offer, lane).floats() * units, minlength=size)
    many = np.bincount(group, shipped, minlength=size)
    freight = lanes["fixed_cost"].floats()[group_lane] + lanes["cost_per_unit"].floats()[group_lane] * many
    freight += lanes["cost_per_kg"].floats()[group_lane] * kg
    freight = np.maximum(freight, lanes["min_charge"].floats()[group_lane])
    bands = Bands.of(tables)
    by_tariff = np.flatnonzero(bands.priced[group_lane])
    if len(by_tariff):
        weight = Exact(np.rint(kg[by_tariff] * 10**KG_DECIMALS).astype(np.int64), KG_DECIMALS)
        band, charge = bands.cheapest(group_lane[by_tariff], weight)
        freight[by_tariff] = np.where(band == NONE, np.inf, charge.floats())
    handling = tables.warehouses["handling_cost_per_unit"].floats()[tables.lane_warehouse[group_lane]]
    return np.asarray(freight + handling * many)


def _alone(batch: Batch, line: Ints, lane: Ints) -> Ints:
    """Units that each line could get from the warehouse had it no rival: its own product, receipts included."""
    tables, supply, recipes = batch.tables, batch.supply, batch.offers.recipes
    if not len(line):
        return line
    peak = np.maximum.reduceat(supply.period_atp, supply.period_start[:-1]) if len(supply) else supply.period_atp
    at, component, need = recipes.parts(tables.line_product[line])
    pool = supply.find_pool(tables.lane_warehouse[lane][at], component)
    room = np.full(len(line), ENDLESS, dtype=np.int64)
    np.minimum.at(room, at, np.append(peak, 0)[pool] // need)
    step = batch.offers.multiple[batch.offers.find(line, tables.line_product[line])]
    return np.asarray(np.minimum(room, tables.order_lines["qty"][line]) // step * step, dtype=np.int64)


def _earned(batch: Batch, line: Ints, units: Ints, group: Ints, order: Ints) -> Floats:
    """Objective money of each group before costs: margin and service of its units, full lines or full order."""
    tables, scenario = batch.tables, batch.scenario
    margin = float(scenario.weights.margin) * terms.unit_margin(tables).floats()[line] * units
    weight = terms.order_weight(tables, scenario).floats() * float(scenario.weights.service)
    weight *= float(scenario.service.value)
    earned = np.bincount(group, margin, minlength=len(order))
    full = units == tables.order_lines["qty"][line]
    if scenario.service.measure == "order":
        lines_of_order = np.bincount(tables.line_order, minlength=len(tables.orders))
        whole = np.bincount(group, full, minlength=len(order)) == lines_of_order[order]
        return np.asarray(earned + weight[order] * whole)
    served = full if scenario.service.measure == "line" else units
    return np.asarray(earned + weight[order] * np.bincount(group, served, minlength=len(order)))
