"""One plan, counted: every number that follows from who ships what from where, in exact arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """The plan as positions: ``qty`` units of ``line`` on ``lane``, sorted by both, each pair once."""

    line: Ints
    lane: Ints
    qty: Ints

    def __len__(self) -> int:
        return len(self.qty)


class Tally:
    """What a plan amounts to: per row, per shipment, per line, per order, per warehouse and per contract."""

    def __init__(self, facts: Facts, rows: Rows) -> None:
        self.facts = facts
        self.rows = rows
        tables = facts.tables
        self.order: Ints = tables.line_order[rows.line]
        self.warehouse: Ints = tables.lane_warehouse[rows.lane]

    # -- rows ---------------------------------------------------------------------------------------------------
    @cached_property
    def kg(self) -> Exact:
        """Unit weight · qty of each row [kg]."""
        weight, over = self.facts.weighed
        whole = weight.take(self.rows.line) * self.rows.qty
        return whole.over(over[self.rows.line])

    @cached_property
    def margin(self) -> Exact:
        """Unit margin · qty [money]."""
        return self.facts.unit_margin.take(self.rows.line) * self.rows.qty

    @cached_property
    def freight_by_quantity(self) -> Exact:
        """cost_per_unit · qty + cost_per_kg · kg [money]."""
        lanes, lane = self.facts.tables.lanes, self.rows.lane
        by_unit: Exact = lanes["cost_per_unit"].take(lane) * self.rows.qty
        by_weight: Exact = lanes["cost_per_kg"].take(lane) * self.kg
        return by_unit + by_weight

    @cached_property
    def handling(self) -> Exact:
        """handling_cost_per_unit · qty [money]."""
        rate: Exact = self.facts.tables.warehouses["handling_cost_per_unit"].take(self.warehouse)
        return rate * self.rows.qty

    @cached_property
    def service(self) -> Exact:
        """Service value earned, on the rows where it is shown: each row (unit), the first of a full line or order."""
        facts, worth = self.facts, self.facts.service_weight * self.facts.service_value
        if facts.measure == "unit":
            return worth.take(self.order) * self.rows.qty
        of_row, full = (self.rows.line, self.full_line) if facts.measure == "line" else (self.order, self.full_order)
        first = np.zeros(len(self.rows), dtype=bool)
        first[np.unique(of_row, return_index=True)[1]] = True
        return worth.take(self.order) * (first & full[of_row])

    # -- lines and orders ---------------------------------------------------------------------------------------
    @cached_property
    def allocated(self) -> Ints:
        """Units of each line that ship."""
        total = np.zeros(self.facts.n_lines, dtype=np.int64)
        np.add.at(total, self.rows.line, self.rows.qty)
        return total

    @cached_property
    def full_line(self) -> Flags:
        return np.asarray(self.allocated == self.facts.tables.order_lines["qty"], dtype=bool)

    @cached_property
    def full_order(self) -> Flags:
        """Orders (with lines) whose lines are all full."""
        short = np.zeros(self.facts.n_orders, dtype=bool)
        short[self.facts.tables.line_order[~self.full_line]] = True
        return ~short & (self.facts.lines_of_order > 0)

    @cached_property
    def served(self) -> Ints:
        """What counts as served of each order: its units, its full lines, or whether it is full."""
        if self.facts.measure == "order":
            return self.full_order.astype(np.int64)
        counted = self.full_line if self.facts.measure == "line" else self.allocated
        total = np.zeros(self.facts.n_orders, dtype=np.int64)
        np.add.at(total, self.facts.tables.line_order, counted.astype(np.int64))
        return total

    # -- shipments ----------------------------------------------------------------------------------------------
    @cached_property
    def _shipments(self) -> tuple[Ints, Ints, Ints]:
        """Order and lane of each shipment, and the shipment of each row."""
        key = self.order * np.int64(max(len(self.facts.tables.lanes), 1)) + self.rows.lane
        keys, of_row = np.unique(key, return_inverse=True)
        order, lane = np.divmod(keys, max(len(self.facts.tables.lanes), 1))
        return order, lane, of_row

    @property
    def shipment_order(self) -> Ints:
        return self._shipments[0]

    @property
    def shipment_lane(self) -> Ints:
        return self._shipments[1]

    @property
    def shipment_warehouse(self) -> Ints:
        """The warehouse of each shipment."""
        houses: Ints = self.facts.tables.lane_warehouse[self.shipment_lane]
        return houses

    def per_shipment(self, of_row: Exact) -> Exact:
        """Totals of a number per row over each shipment."""
        return of_row.sum_by(self._shipments[2], len(self.shipment_lane))

    @cached_property
    def shipment_lines(self) -> Ints:
        return np.bincount(self._shipments[2], minlength=len(self.shipment_lane)).astype(np.int64)

    @cached_property
    def freight(self) -> Exact:
        """max(min_charge, fixed_cost + what varies with the quantity) of each shipment [money]."""
        lanes, lane = self.facts.tables.lanes, self.shipment_lane
        linear: Exact = lanes["fixed_cost"].take(lane) + self.per_shipment(self.freight_by_quantity)
        least: Exact = lanes["min_charge"]
        return linear.maximum(least.where(lanes.given("min_charge"), 0).take(lane))

    @cached_property
    def shipments_of_order(self) -> Ints:
        return np.bincount(self.shipment_order, minlength=self.facts.n_orders).astype(np.int64)

    # -- warehouses ---------------------------------------------------------------------------------------------
    @cached_property
    def opened(self) -> Flags:
        """Warehouses that ship at least one unit."""
        flags = np.zeros(self.facts.n_warehouses, dtype=bool)
        flags[self.warehouse] = True
        return flags

    @cached_property
    def opening(self) -> Exact:
        """fixed_open_cost of the warehouses that ship, 0 for the others [money]."""
        cost: Exact = self.facts.tables.warehouses["fixed_open_cost"]
        return cost * self.opened

    def used(self, family: str) -> Exact:
        """What the plan uses of each row of a capacity family, such as ``lane_capacity_kg``."""
        at_house = family.startswith("warehouse")
        size = self.facts.n_warehouses if at_house else len(self.facts.tables.lanes)
        of_row, of_shipment = self.rows.lane, self.shipment_lane
        if at_house:
            of_row, of_shipment = self.warehouse, self.shipment_warehouse
        unit = family.rpartition("_")[2]
        if unit == "shipments":
            return Exact.ints(np.bincount(of_shipment, minlength=size))
        if unit == "lines":
            return Exact.ints(np.bincount(of_row, minlength=size))
        return (Exact.ints(self.rows.qty) if unit == "units" else self.kg).sum_by(of_row, size)

    @cached_property
    def stock_used(self) -> Ints:
        """Units taken from each stock row (rows without stock are counted by the rule, not here)."""
        total = np.zeros(len(self.facts.tables.stock), dtype=np.int64)
        known = self.stock_row >= 0
        np.add.at(total, self.stock_row[known], self.rows.qty[known])
        return total

    @cached_property
    def stock_row(self) -> Ints:
        """The stock row that each row of the plan takes from, −1 where there is none."""
        return self.facts.stock_row(self.warehouse, self.facts.tables.line_product[self.rows.line])

    # -- contracts ----------------------------------------------------------------------------------------------
    @cached_property
    def contract_allocated(self) -> Ints:
        return self.facts.contract_scopes.totals(self.allocated)

    @cached_property
    def shortfall(self) -> Ints:
        """max(0, required − allocated) of each contract [units]."""
        missing: Ints = self.facts.contract_required - self.contract_allocated
        return np.maximum(0, missing)

    @cached_property
    def penalties(self) -> Exact:
        """shortfall_penalty · shortfall of each contract that has a penalty [money]."""
        table = self.facts.tables.contracts
        penalty: Exact = table["shortfall_penalty"]
        return penalty.where(table.given("shortfall_penalty"), 0) * self.shortfall

    # -- the objective ------------------------------------------------------------------------------------------
    @cached_property
    def terms(self) -> dict[str, Fraction]:
        """The terms of the objective, unweighted, by the names of their KPIs."""
        return {
            "margin": self.margin.sum(),
            "service_value": (self.facts.service_weight * self.served).sum() * self.facts.service_value,
            "shipping_cost": self.freight.sum(),
            "handling_cost": self.handling.sum(),
            "opening_cost": self.opening.sum(),
            "transfer_cost": Fraction(0),
            "penalties": self.penalties.sum(),
            "holding_value": Fraction(0),
        }

    @cached_property
    def objective(self) -> Fraction:
        """The weighted sum of the terms [money]."""
        terms, facts = self.terms, self.facts
        costs = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
        gains = facts.margin_weight * terms["margin"] + facts.service_value_weight * terms["service_value"]
        return gains - facts.shipping_weight * costs - facts.penalty_weight * terms["penalties"]
