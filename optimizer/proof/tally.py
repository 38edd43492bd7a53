"""One plan, counted: every number that follows from who ships what from where and when, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.shares import Fills
from optimizer.proof.tally_stock import StockTally

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Tally:
    """What a plan amounts to: per row, per shipment, per line, per order, per warehouse and per contract."""

    def __init__(self, facts: Facts, rows: Rows) -> None:
        self.facts = facts
        self.rows = rows
        tables = facts.tables
        self.order: Ints = tables.line_order[rows.line]
        self.warehouse: Ints = tables.lane_warehouse[rows.lane]
        self.stock = StockTally(facts, rows)

    # -- rows ---------------------------------------------------------------------------------------------------
    @cached_property
    def units(self) -> Ints:
        """Units picked for each row."""
        total = np.zeros(len(self.rows), dtype=np.int64)
        np.add.at(total, self.rows.draw_row, self.rows.draw_units)
        return total

    @cached_property
    def kg(self) -> Exact:
        """Unit weight · ordered units of each row [kg]."""
        weight, over = self.facts.ways.kg
        whole = weight.take(self.rows.way) * self.rows.qty
        return whole.over(over[self.rows.way])

    @cached_property
    def chargeable(self) -> Exact:
        """What each row weighs for freight [kg]."""
        if not self.facts.tables.lanes.given("kg_per_m3").any():
            return self.kg
        weight, over = self.facts.ways.chargeable(self.rows.way, self.rows.lane)
        return (weight * self.rows.qty).over(over)

    @cached_property
    def margin(self) -> Exact:
        """Unit margin · ordered units [money]."""
        return self.facts.unit_margin.take(self.rows.line) * self.rows.qty

    @cached_property
    def freight_by_unit(self) -> Exact:
        """cost_per_unit of each row's lane; 0 where the lane has weight bands [money/unit]."""
        return self.facts.lane_rate("cost_per_unit").take(self.rows.lane)

    @cached_property
    def freight_by_weight(self) -> Exact:
        """cost_per_kg · chargeable kg of each row; 0 where the lane has weight bands [money]."""
        return self.facts.lane_rate("cost_per_kg").take(self.rows.lane) * self.chargeable

    @cached_property
    def handling_rate(self) -> Exact:
        """handling_cost_per_unit of each row's warehouse [money/unit]."""
        rate: Exact = self.facts.tables.warehouses["handling_cost_per_unit"]
        return rate.take(self.warehouse)

    @cached_property
    def handling(self) -> Exact:
        """handling_cost_per_unit · units picked [money]."""
        return self.handling_rate * self.units

    @cached_property
    def arrive(self) -> Ints:
        """The day on which each row arrives."""
        return self.facts.events.arrival(self.rows.lane, self.rows.day)

    @cached_property
    def days_late(self) -> Ints:
        """Days after the due date, 0 without one."""
        return self.facts.events.days_late(self.order, self.arrive)

    @cached_property
    def lateness(self) -> Exact:
        """late_penalty_per_unit_day · days late · ordered units [money]."""
        return self.facts.late_rate.take(self.rows.line) * (self.days_late * self.rows.qty)

    @cached_property
    def substitution(self) -> Exact:
        """penalty_per_unit · ordered units that are served by a substitute [money]."""
        return self.facts.ways.penalty.take(self.rows.way) * self.rows.qty

    @cached_property
    def holding(self) -> Exact:
        """holding_value_per_unit · units of each draw [money]."""
        value = self.facts.supply.holding
        return value.take(self.rows.draw_source) * self.rows.draw_units

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
    def _shipments(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Order, lane and day of each shipment, and the shipment of each row."""
        n_lanes = np.int64(max(len(self.facts.tables.lanes), 1))
        days, of_day = np.unique(self.rows.day, return_inverse=True)
        n_days = np.int64(max(len(days), 1))
        key = (self.order * n_lanes + self.rows.lane) * n_days + of_day
        keys, of_row = np.unique(key, return_inverse=True)
        pair, at = np.divmod(keys, n_days)
        order, lane = np.divmod(pair, n_lanes)
        return order, lane, days[at] if len(days) else at, of_row

    @property
    def shipment_order(self) -> Ints:
        return self._shipments[0]

    @property
    def shipment_lane(self) -> Ints:
        return self._shipments[1]

    @property
    def shipment_day(self) -> Ints:
        return self._shipments[2]

    @property
    def shipment_of_row(self) -> Ints:
        return self._shipments[3]

    @property
    def shipment_warehouse(self) -> Ints:
        """The warehouse of each shipment."""
        houses: Ints = self.facts.tables.lane_warehouse[self.shipment_lane]
        return houses

    def per_shipment(self, of_row: Exact) -> Exact:
        """Totals of a number per row over each shipment."""
        return of_row.sum_by(self.shipment_of_row, len(self.shipment_lane))

    @cached_property
    def pick(self) -> tuple[Ints, Ints]:
        """Each pick, a line in a shipment, however many products and lots: its shipment and one of its rows."""
        key = self.shipment_of_row * np.int64(max(self.facts.n_lines, 1)) + self.rows.line
        keys, row = np.unique(key, return_index=True)
        return keys // max(self.facts.n_lines, 1), row

    @cached_property
    def shipment_lines(self) -> Ints:
        return np.bincount(self.pick[0], minlength=len(self.shipment_lane)).astype(np.int64)

    @cached_property
    def _tariff(self) -> tuple[Exact, Exact, Flags]:
        """Freight and flat cost by weight bands of each shipment, and whether a band holds its weight."""
        return self.facts.tariffs.cost(self.shipment_lane, self.per_shipment(self.chargeable))

    @cached_property
    def banded(self) -> Flags:
        """Shipments on lanes with weight bands."""
        return self.facts.tariffs.banded[self.shipment_lane]

    @cached_property
    def off_tariff(self) -> Flags:
        """Shipments whose weight no band of their lane holds."""
        return self.banded & ~self._tariff[2]

    @cached_property
    def fixed_freight(self) -> Exact:
        """fixed_cost of each shipment, or the flat cost of the band that applies [money]."""
        fixed: Exact = self.facts.tables.lanes["fixed_cost"].take(self.shipment_lane)
        return self._tariff[1].where(self.banded, fixed) if self.banded.any() else fixed

    @cached_property
    def freight(self) -> Exact:
        """max(min_charge, fixed_cost + what varies with the quantity) of each shipment, or its tariff [money]."""
        lanes, lane = self.facts.tables.lanes, self.shipment_lane
        fixed: Exact = lanes["fixed_cost"].take(lane)
        linear = fixed + self.per_shipment(self.freight_by_unit * self.units + self.freight_by_weight)
        least: Exact = lanes["min_charge"]
        own = linear.maximum(least.where(lanes.given("min_charge"), 0).take(lane))
        return self._tariff[0].where(self.banded, own) if self.banded.any() else own

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
        """What the plan uses of each row of a capacity family, such as ``lane_capacity_kg``, over its table."""
        of_row, of_shipment, size = self.places(family)
        unit = family.rpartition("_")[2]
        if unit == "shipments":
            return Exact.ints(np.bincount(of_shipment, minlength=size + 1)[:size])
        if unit == "lines":
            return Exact.ints(np.bincount(of_row[self.pick[1]], minlength=size + 1)[:size])
        return (Exact.ints(self.units) if unit == "units" else self.kg).sum_by(of_row, size + 1)[:size]

    def places(self, family: str) -> tuple[Ints, Ints, int]:
        """The row of a capacity family's table that each plan row and each shipment uses, and the table's size.

        What uses none of a table's rows is counted at its end.
        """
        calendar = self.facts.calendar
        if family.startswith("warehouse"):
            return self.warehouse, self.shipment_warehouse, self.facts.n_warehouses
        if family.startswith("lane"):
            return self.rows.lane, self.shipment_lane, len(self.facts.tables.lanes)
        size = len(calendar.table)
        of_row = calendar.row(self.warehouse, self.rows.day)
        of_shipment = calendar.row(self.shipment_warehouse, self.shipment_day)
        return np.where(of_row < 0, size, of_row), np.where(of_shipment < 0, size, of_shipment), size

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
    def shortfall_cost(self) -> Exact:
        """shortfall_penalty · shortfall of each contract that has a penalty [money]."""
        table = self.facts.tables.contracts
        penalty: Exact = table["shortfall_penalty"]
        return penalty.where(table.given("shortfall_penalty"), 0) * self.shortfall

    # -- fair shares ---------------------------------------------------------------------------------------------
    @cached_property
    def party_allocated(self) -> Ints:
        return self.facts.shares.lines.totals(self.allocated)

    @cached_property
    def fills(self) -> dict[int, Fills]:
        """How each group fills its parties."""
        shares = self.facts.shares
        parts = {group: shares.parties(group) for group in (*shares.even, *shares.lifted)}
        return {group: Fills(self.party_allocated[part], shares.ordered[part]) for group, part in parts.items()}

    # -- money --------------------------------------------------------------------------------------------------
    @cached_property
    def credit_of_line(self) -> Exact:
        """unit_price · ordered units allocated of each line [money]."""
        lines = self.facts.tables.order_lines
        price: Exact = lines["unit_price"]
        return price.where(lines.given("unit_price"), 0) * self.allocated

    @cached_property
    def credit_used(self) -> Exact:
        """The goods allocated to each customer, at their prices [money]."""
        return self.credit_of_line.sum_by(self.facts.money.line_customer, len(self.facts.tables.customers))

    @cached_property
    def stock_value(self) -> Exact:
        """unit_cost · units of each draw [money]."""
        return self.facts.money.unit_cost.take(self.rows.draw_component) * self.rows.draw_units

    @cached_property
    def budget_used(self) -> Exact:
        """What counts against each budget [money]."""
        money, spent = self.facts.money, []
        for at, kind in enumerate(money.kind):
            if kind == "shipping_cost":
                spent.append((self.freight * money.orders[at][self.shipment_order]).sum())
            elif kind == "stock_value":
                spent.append((self.stock_value * money.lines[at][self.stock.draw_line]).sum())
            else:
                counted = money.moved(at, self.stock.move_product)
                whole = not money.names_product(at)
                moved = self.stock.move_rate * self.rows.move_units * counted
                spent.append(moved.sum() + (self.stock.move_fixed.sum() if whole else 0))
        return Exact.of(spent)

    # -- the previous plan --------------------------------------------------------------------------------------
    @cached_property
    def now(self) -> Ints:
        """Ordered units on each (line, lane) that the previous plan names, over all days, products and lots."""
        line, lane, _ = self.facts.previous.wanted
        lanes = np.int64(max(len(self.facts.tables.lanes), 1))
        keys = line * lanes + lane
        place = np.searchsorted(keys, self.rows.line * lanes + self.rows.lane) if len(keys) else np.zeros(0, np.int64)
        total = np.zeros(len(keys), dtype=np.int64)
        if len(keys):
            place = np.minimum(place, len(keys) - 1)
            known = keys[place] == self.rows.line * lanes + self.rows.lane
            np.add.at(total, place[known], self.rows.qty[known])
        return total

    @cached_property
    def moved(self) -> Ints:
        """max(0, units of the previous plan − units now) of each (line, lane) of the previous plan."""
        missing: Ints = self.facts.previous.wanted[2] - self.now
        return np.maximum(0, missing)

    # -- the objective ------------------------------------------------------------------------------------------
    @cached_property
    def penalty_terms(self) -> dict[str, Fraction]:
        """The parts of `penalties`, by the names of their KPIs."""
        return {
            "lateness_cost": self.lateness.sum(),
            "shortfall_cost": self.shortfall_cost.sum(),
            "substitution_cost": self.substitution.sum(),
            "stability_cost": int(self.moved.sum()) * self.facts.previous.cost,
        }

    @cached_property
    def terms(self) -> dict[str, Fraction]:
        """The terms of the objective, unweighted, by the names of their KPIs."""
        return {
            "margin": self.margin.sum(),
            "service_value": (self.facts.service_weight * self.served).sum() * self.facts.service_value,
            "shipping_cost": self.freight.sum(),
            "handling_cost": self.handling.sum(),
            "opening_cost": self.opening.sum(),
            "transfer_cost": self.stock.move_costs.sum(),
            "penalties": sum(self.penalty_terms.values(), Fraction(0)),
            "holding_value": self.holding.sum(),
        }

    @cached_property
    def objective(self) -> Fraction:
        """The weighted sum of the terms [money]."""
        terms, rates = self.terms, self.facts.rates
        costs = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
        gains = rates.margin * terms["margin"] + rates.service * terms["service_value"]
        gains += rates.holding * terms["holding_value"]
        return gains - rates.freight * costs - rates.lateness * terms["penalties"]
