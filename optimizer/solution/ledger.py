"""What a plan does, counted once: shipments, fills, contracts, all exact. KPIs and output tables only read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import Ratio, contract_required, order_weight, unit_margin, unit_weight
from optimizer.solution.plan import Plan
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Shipments:
    """One row per (order, lane) that ships, sorted by (order, lane). ``of_row`` gives the shipment of each plan row.

    ``linear`` is fixed + Σ cost_per_unit·qty + Σ cost_per_kg·kg and ``freight`` = max(min_charge, linear), both money.
    """

    order: Ints
    lane: Ints
    lines: Ints
    units: Ints
    kg: Exact
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
    """A plan beside the tables and the scenario it answers; every figure is computed when first asked for."""

    tables: Tables
    scenario: Scenario
    plan: Plan

    # -- a row of the plan: (line, lane) ------------------------------------------------------------------------
    @cached_property
    def row_order(self) -> Ints:
        return self.tables.line_order[self.plan.line]

    @cached_property
    def row_warehouse(self) -> Ints:
        return self.tables.lane_warehouse[self.plan.lane]

    @cached_property
    def row_kg(self) -> Exact:
        return _quotient(unit_weight(self.tables).take(self.plan.line).times(self.plan.qty))

    @cached_property
    def row_margin(self) -> Exact:
        return unit_margin(self.tables)[self.plan.line] * self.plan.qty

    @cached_property
    def row_handling(self) -> Exact:
        per_unit: Exact = self.tables.warehouses["handling_cost_per_unit"]
        return per_unit[self.row_warehouse] * self.plan.qty

    @cached_property
    def row_freight(self) -> Exact:
        """What varies with the row: cost_per_unit·qty + cost_per_kg·kg."""
        per_unit: Exact = self.tables.lanes["cost_per_unit"]
        per_kg: Exact = self.tables.lanes["cost_per_kg"]
        return per_unit[self.plan.lane] * self.plan.qty + per_kg[self.plan.lane] * self.row_kg

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

    def arrival(self, lane: Ints) -> NDArray[np.datetime64]:
        """When what leaves on a lane at `as_of` arrives."""
        leaves = np.datetime64(self.scenario.as_of, "D")
        return leaves + np.asarray(self.tables.lanes["transit_days"][lane]).astype("timedelta64[D]")

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
        lanes, plan = self.tables.lanes, self.plan
        pair, of_row = np.unique(self.row_order * len(lanes) + plan.lane, return_inverse=True)
        order, lane = pair // max(len(lanes), 1), pair % max(len(lanes), 1)
        linear = lanes["fixed_cost"][lane] + self.row_freight.sum_by(of_row, len(pair))
        return Shipments(
            order=order,
            lane=lane,
            lines=np.bincount(of_row, minlength=len(pair)).astype(np.int64),
            units=Exact.ints(plan.qty).sum_by(of_row, len(pair)).num,
            kg=self.row_kg.sum_by(of_row, len(pair)),
            linear=linear,
            freight=linear.maximum(lanes["min_charge"][lane]),
            of_row=of_row,
        )

    @cached_property
    def shipment_warehouse(self) -> Ints:
        return self.tables.lane_warehouse[self.shipments.lane]

    @cached_property
    def warehouse_units(self) -> Ints:
        total = np.zeros(len(self.tables.warehouses), dtype=np.int64)
        np.add.at(total, self.row_warehouse, self.plan.qty)
        return total

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


def _quotient(ratio: Ratio) -> Exact:
    """The ratios as one exact vector; only true quotients take the slow way."""
    rest = np.flatnonzero(ratio.bottom != 1)
    if len(rest) == 0:
        return ratio.top
    source = np.arange(len(ratio.top))
    source[rest] = len(ratio.top) + np.arange(len(rest))
    return Exact.concat([ratio.top, ratio.top[rest].over(ratio.bottom[rest])]).take(source)
