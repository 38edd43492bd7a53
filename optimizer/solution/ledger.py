"""What a plan does, counted once: shipments, fills, contracts, all exact. KPIs and output tables only read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.batch import Batch
from optimizer.model.freight import chargeable_kg
from optimizer.model.ragged import ranks_of, totals
from optimizer.model.rates import Bands
from optimizer.model.terms import Ratio, contract_required, order_weight, unit_margin
from optimizer.solution.complete import completed
from optimizer.solution.plan import Plan
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Shipments:
    """One row per (order, lane, day) that ships, sorted so. ``of_row`` gives the shipment of each plan row.

    ``linear`` is fixed + Σ cost_per_unit·units + Σ cost_per_kg·chargeable kg and ``freight`` = max(min_charge, linear),
    both money; where the lane has a tariff, ``freight`` is the charge of the cheapest ``band`` that holds the weight,
    and ``linear`` the same. ``band`` is -1 elsewhere, and where no band holds it. ``fixed`` is what each shipment costs
    whatever it weighs: fixed_cost, or flat_cost of the band. ``units`` left the shelf.
    """

    order: Ints
    lane: Ints
    day: Ints
    lines: Ints
    units: Ints
    kg: Exact
    chargeable: Exact
    fixed: Exact
    band: Ints
    linear: Exact
    freight: Exact
    of_row: Ints

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class ContractUse:
    """Units per contract over its lines, held ones included. ``rule``, ``line``: the pairs (contract, its line)."""

    rule: Ints
    line: Ints
    ordered: Ints
    required: Ints
    allocated: Ints

    @property
    def shortfall(self) -> Ints:
        return np.asarray(np.maximum(self.required - self.allocated, 0), dtype=np.int64)


@dataclass(frozen=True)
class Ledger:
    """A plan beside the tables and the scenario it answers; every figure is computed when first asked for.

    The plan is completed (see `optimizer.solution.complete`). Money is exact, before its weight in the objective.
    """

    tables: Tables
    scenario: Scenario
    plan: Plan

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", completed(self.batch, self.plan))

    @cached_property
    def batch(self) -> Batch:
        return Batch.of(self.tables, self.scenario)

    # -- a row of the plan: (line, lane, day, product) ----------------------------------------------------------
    @cached_property
    def row_order(self) -> Ints:
        return self.tables.line_order[self.plan.line]

    @cached_property
    def row_warehouse(self) -> Ints:
        return self.tables.lane_warehouse[self.plan.lane]

    @cached_property
    def row_offer(self) -> Ints:
        return self.batch.offers.find(self.plan.line, self.plan.product)

    @cached_property
    def row_units(self) -> Ints:
        """Units that leave the shelf: of the product shipped, or of all components of a kit."""
        offers, offer = self.batch.offers, self.row_offer
        return offers.shipped(offer, self.plan.qty) * offers.units[offer]

    @cached_property
    def row_kg(self) -> Exact:
        return quotient(self.batch.offers.kg.take(self.row_offer).times(self.plan.qty))

    @cached_property
    def row_chargeable(self) -> Exact:
        """Kg that freight counts: of the volume where that is more."""
        return quotient(chargeable_kg(self.batch, self.row_offer, self.plan.lane).times(self.plan.qty))

    @cached_property
    def row_margin(self) -> Exact:
        return unit_margin(self.tables)[self.plan.line] * self.plan.qty

    @cached_property
    def row_handling(self) -> Exact:
        per_unit: Exact = self.tables.warehouses["handling_cost_per_unit"]
        return per_unit[self.row_warehouse] * self.row_units

    @cached_property
    def row_freight(self) -> Exact:
        """What varies with the row: cost_per_unit·units + cost_per_kg·chargeable kg; 0 on lanes with a tariff."""
        per_unit, per_kg = self.batch.lane_cost("cost_per_unit"), self.batch.lane_cost("cost_per_kg")
        return per_unit[self.plan.lane] * self.row_units + per_kg[self.plan.lane] * self.row_chargeable

    @cached_property
    def row_days_late(self) -> Ints:
        return self.batch.days_late(self.row_order, self.plan.lane, self.plan.day)

    @cached_property
    def row_lateness(self) -> Exact:
        """late_penalty_per_unit_day · days late · ordered units."""
        penalty: Exact = self.tables.order_lines["late_penalty_per_unit_day"]
        return penalty[self.plan.line] * (self.row_days_late * self.plan.qty)

    @cached_property
    def row_substitution(self) -> Exact:
        """penalty_per_unit of the substitute · ordered units."""
        return self.batch.offers.penalty[self.row_offer] * self.plan.qty

    @cached_property
    def draw_holding(self) -> Exact:
        """By draw: holding_value_per_unit of the lot · units."""
        return self.batch.supply.holding[self.plan.draws.source] * self.plan.draws.units

    @cached_property
    def row_service(self) -> Exact:
        """The service term where the plan earns it: on its units, or on the first row of a full line or order."""
        bonus = self.order_weight[self.row_order] * Exact.full(len(self.plan), self.scenario.service.value)
        if self.scenario.service.measure == "unit":
            return bonus * self.plan.qty
        if self.scenario.service.measure == "line":
            group, full = self.plan.line, self.line_full[self.plan.line]
        else:
            group, full = self.row_order, self.order_full[self.row_order]
        is_first: Flags = np.diff(group, prepend=-1) != 0
        return bonus * (full & is_first)

    def date(self, day: Ints) -> NDArray[np.datetime64]:
        """Days since `as_of` as dates."""
        return np.datetime64(self.scenario.as_of, "D") + day.astype("timedelta64[D]")

    def arrival(self, lane: Ints, day: Ints) -> NDArray[np.datetime64]:
        """When what leaves on a lane on a day arrives."""
        return self.date(self.batch.arrival(lane, day))

    # -- lines and orders ---------------------------------------------------------------------------------------
    @cached_property
    def ordered(self) -> Ints:
        return np.asarray(self.tables.order_lines["qty"], dtype=np.int64)

    @cached_property
    def allocated(self) -> Ints:
        """Units of each line that ship."""
        total = np.zeros(len(self.tables.order_lines), dtype=np.int64)
        np.add.at(total, self.plan.line, self.plan.qty)
        return total

    @cached_property
    def line_full(self) -> Flags:
        return np.equal(self.allocated, self.ordered)

    @cached_property
    def order_lines(self) -> Ints:
        """How many lines each order has."""
        return np.bincount(self.tables.line_order, minlength=len(self.tables.orders)).astype(np.int64)

    @cached_property
    def order_full(self) -> Flags:
        """Orders that have lines, all of them full."""
        missing = np.bincount(self.tables.line_order[~self.line_full], minlength=len(self.tables.orders))
        return np.equal(missing, 0) & np.greater(self.order_lines, 0)

    @cached_property
    def order_weight(self) -> Exact:
        return order_weight(self.tables, self.scenario)

    @cached_property
    def served(self) -> Exact:
        """Weighted service per line (measures unit and line) or per order: weight · served."""
        return self._weighted(self.allocated, self.line_full, self.order_full)

    @cached_property
    def demanded(self) -> Exact:
        """Weighted service if everything shipped in full."""
        return self._weighted(self.ordered, np.ones_like(self.line_full), self.order_lines > 0)

    def _weighted(self, units: Ints, lines: Flags, orders: Flags) -> Exact:
        measure = self.scenario.service.measure
        if measure == "order":
            return self.order_weight * orders
        return self.order_weight[self.tables.line_order] * (units if measure == "unit" else lines)

    # -- shipments, warehouses, contracts -----------------------------------------------------------------------
    @cached_property
    def shipments(self) -> Shipments:
        plan, batch = self.plan, self.batch
        of_row, size = ranks_of(self.row_order, plan.lane, plan.day)
        order, lane, day = (np.zeros(size, dtype=np.int64) for _ in range(3))
        order[of_row], lane[of_row], day[of_row] = self.row_order, plan.lane, plan.day
        chargeable = self.row_chargeable.sum_by(of_row, size)
        fixed = batch.lane_cost("fixed_cost")[lane]
        linear = fixed + self.row_freight.sum_by(of_row, size)
        freight, band = linear.maximum(batch.lane_cost("min_charge")[lane]), np.full(size, -1, dtype=np.int64)
        if len(self.tables.rate_bands):
            bands, banded = Bands.of(self.tables), batch.banded[lane]
            band, charge = bands.cheapest(lane, chargeable)
            fixed = Exact.concat([bands.flat, Exact.zeros(1)])[band].where(banded, fixed)
            linear, freight = charge.where(banded, linear), charge.where(banded, freight)
        return Shipments(
            order=order,
            lane=lane,
            day=day,
            lines=np.bincount(of_row[picked_rows(plan.line, of_row)], minlength=size).astype(np.int64),
            units=totals(of_row, self.row_units, size),
            kg=self.row_kg.sum_by(of_row, size),
            chargeable=chargeable,
            fixed=fixed,
            band=band,
            linear=linear,
            freight=freight,
            of_row=of_row,
        )

    @cached_property
    def picks(self) -> Ints:
        """The first row of each (line, shipment)."""
        return picked_rows(self.plan.line, self.shipments.of_row)

    @cached_property
    def shipment_warehouse(self) -> Ints:
        return self.tables.lane_warehouse[self.shipments.lane]

    @cached_property
    def warehouse_units(self) -> Ints:
        """Units that leave the shelves of each warehouse for customers."""
        return totals(self.row_warehouse, self.row_units, len(self.tables.warehouses))

    @property
    def warehouse_opened(self) -> Flags:
        return self.warehouse_units > 0

    @cached_property
    def opening_cost(self) -> Exact:
        """fixed_open_cost of each warehouse that ships anything, 0 for the others."""
        cost: Exact = self.tables.warehouses["fixed_open_cost"]
        return cost * self.warehouse_opened

    @cached_property
    def contracts(self) -> ContractUse:
        rule, line = scope_members(self.tables, self.tables.contracts)
        size = len(self.tables.contracts)
        ordered = Exact.ints(self.ordered[line]).sum_by(rule, size).num
        allocated = Exact.ints(self.allocated[line]).sum_by(rule, size).num
        return ContractUse(rule, line, ordered, contract_required(self.tables.contracts, ordered), allocated)

    @cached_property
    def penalties(self) -> Exact:
        """Money per contract: shortfall_penalty · shortfall."""
        penalty: Exact = self.tables.contracts["shortfall_penalty"]
        return penalty * self.contracts.shortfall


def picked_rows(line: Ints, shipment: Ints) -> Ints:
    """The first row of each (line, shipment), in rows that are sorted by both."""
    starts = np.diff(line, prepend=-1) != 0
    return np.flatnonzero(starts | (np.diff(shipment, prepend=-1) != 0))


def quotient(ratio: Ratio) -> Exact:
    """The ratios as one exact vector; only true quotients take the slow way."""
    rest = np.flatnonzero(ratio.bottom != 1)
    if len(rest) == 0:
        return ratio.top
    source = np.arange(len(ratio.top))
    source[rest] = len(ratio.top) + np.arange(len(rest))
    return Exact.concat([ratio.top, ratio.top[rest].over(ratio.bottom[rest])]).take(source)
