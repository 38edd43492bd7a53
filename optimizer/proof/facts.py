"""What the input tables say, worked out from the contract: stock, weights, margins, steps, eligibility, contracts."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, Number
from optimizer.proof.days import FOREVER, Calendar
from optimizer.proof.events import Events
from optimizer.proof.freight import Tariffs
from optimizer.proof.limits import MoneyLimits, Reserves
from optimizer.proof.previous import Previous
from optimizer.proof.rates import Rates
from optimizer.proof.scope import SCOPE_COLUMNS, Scopes, codes_of, floor_members, scope_pairs
from optimizer.proof.shares import Shares
from optimizer.proof.supply import Lots, Supply
from optimizer.proof.ways import Ways
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PARTIAL, LINE_COMPLETE, ORDER_COMPLETE = range(3)
POLICIES = {"": PARTIAL, "partial": PARTIAL, "line_complete": LINE_COMPLETE, "order_complete": ORDER_COMPLETE}
DEFAULT_PRIORITY = 3


def mapped(values: Any, numbers: dict[Any, Any], default: Number) -> Exact:
    """``numbers[value]`` of each value, ``default`` where it is not listed."""
    codes, known = codes_of(values)
    return Exact.of(numbers.get(value, default) for value in known).take(codes) if known else Exact.zeros(0)


class Facts:
    """Everything the judge derives from tables and scenario; each on first use, vectors over rows of the tables."""

    def __init__(self, tables: Tables, scenario: Scenario) -> None:
        self.tables = tables
        self.scenario = scenario
        self.as_of = scenario.as_of
        self.rates = Rates.of(scenario)
        self.service_value = Fraction(scenario.service.value)
        self.measure: str = scenario.service.measure
        self.n_orders, self.n_lines = len(tables.orders), len(tables.order_lines)
        self.n_warehouses, self.n_products = len(tables.warehouses), len(tables.products)

    # -- orders -------------------------------------------------------------------------------------------------
    @cached_property
    def held(self) -> Flags:
        """Orders with a hold get nothing."""
        return np.asarray(self.tables.orders["hold"] != "", dtype=bool)

    @cached_property
    def policy(self) -> Ints:
        """Delivery policy of each order, as PARTIAL, LINE_COMPLETE or ORDER_COMPLETE."""
        return np.array([POLICIES[value] for value in self.tables.orders["delivery_policy"]], dtype=np.int64)

    @cached_property
    def service_weight(self) -> Exact:
        """orders.service_weight, else the customer's × its tier's × the priority's."""
        orders, service, whose = self.tables.orders, self.scenario.service, self.tables.order_customer
        tier = mapped(self.tables.customers["tier"], dict(service.tier_weight), 1)
        customers = self.tables.customers
        customer = customers["service_weight"].where(customers.given("service_weight"), 1) * tier
        rank = np.where(orders.given("priority"), orders["priority"], DEFAULT_PRIORITY)
        default = customer.take(whose) * mapped(rank.tolist(), dict(service.priority_weight), 1)
        given: Exact = orders["service_weight"]
        return given.where(orders.given("service_weight"), default)

    @cached_property
    def lines_of_order(self) -> Ints:
        """How many lines each order has."""
        return np.bincount(self.tables.line_order, minlength=self.n_orders).astype(np.int64)

    # -- lines --------------------------------------------------------------------------------------------------
    @cached_property
    def unit_margin(self) -> Exact:
        """unit_margin, else unit_price − unit_cost, else 0 [money/unit]."""
        lines, product = self.tables.order_lines, self.tables.line_product
        cost, costed = self.tables.products["unit_cost"], self.tables.products.given("unit_cost")
        derived = lines["unit_price"] - cost.take(product)
        known = lines.given("unit_price") & costed[product]
        given: Exact = lines["unit_margin"]
        return given.where(lines.given("unit_margin"), derived.where(known, 0))

    @cached_property
    def late_rate(self) -> Exact:
        """late_penalty_per_unit_day of each line, 0 where none is stated [money]."""
        lines = self.tables.order_lines
        rate: Exact = lines["late_penalty_per_unit_day"]
        return rate.where(lines.given("late_penalty_per_unit_day"), 0)

    @cached_property
    def ways(self) -> Ways:
        """How each line can be served."""
        return Ways(self.tables)

    # -- stock, days and lanes ----------------------------------------------------------------------------------
    @cached_property
    def calendar(self) -> Calendar:
        """Working days and capacities by day."""
        return Calendar(self.tables, self.as_of)

    @cached_property
    def supply(self) -> Supply:
        """Where stock is, and when."""
        return Supply(self.tables, self.calendar, self.as_of)

    @cached_property
    def is_simple(self) -> bool:
        """Whether a line can be served in one way alone from each warehouse: its own product from the only lot."""
        return self.has_single_lots and len(self.supply.period_key) == len(self.supply.pool_key)

    @cached_property
    def has_single_lots(self) -> bool:
        """Whether a line ships its own product from the only lot, which never expires and only receipts add to."""
        supply = self.supply
        single = len(supply.pool_key) == len(supply.key)
        mortal = bool(np.any(supply.expiry < FOREVER))
        return self.ways.simple and single and not mortal and not len(supply.moves.row)

    @cached_property
    def events(self) -> Events:
        """On which days orders may leave."""
        return Events(self)

    @cached_property
    def tariffs(self) -> Tariffs:
        """Weight bands of lanes."""
        return Tariffs(self.tables)

    @cached_property
    def previous(self) -> Previous:
        """The plan to stay near to, and the orders that keep it."""
        return Previous(self)

    @cached_property
    def reserves(self) -> Reserves:
        """Stock held back."""
        return Reserves.of(self)

    @cached_property
    def money(self) -> MoneyLimits:
        """Credit limits and budgets."""
        return MoneyLimits(self)

    @cached_property
    def lots(self) -> Lots:
        """The limits of single lots."""
        return Lots.of(self.supply)

    def move_rate(self, row: Ints, product: Ints) -> Exact:
        """cost_per_unit + cost_per_kg · unit weight of moving a unit of a product by a row of `transfers` [money]."""
        table, products = self.tables.transfers, self.tables.products
        if not len(table):
            return Exact.zeros(len(row))
        by_unit: Exact = table["cost_per_unit"].where(table.given("cost_per_unit"), 0)
        by_kg: Exact = table["cost_per_kg"].where(table.given("cost_per_kg"), 0)
        weight: Exact = products["unit_weight_kg"]
        return by_unit.take(row) + by_kg.take(row) * weight.take(product)

    def lane_rate(self, column: str) -> Exact:
        """A cost of each lane, 0 where it is blank or where weight bands stand in its place."""
        lanes = self.tables.lanes
        value: Exact = lanes[column]
        return value.where(lanes.given(column) & ~self.tariffs.banded, 0)

    @cached_property
    def lanes_by_zone(self) -> tuple[Ints, Ints]:
        """Lanes sorted by zone, and where each zone begins (one more entry than zones)."""
        order = np.argsort(self.tables.lane_zone, kind="stable")
        starts = np.searchsorted(self.tables.lane_zone[order], np.arange(len(self.tables.zones) + 1))
        return order, starts.astype(np.int64)

    @cached_property
    def lane_fields(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Service and level of each lane, then those that each order asks for (−1: any), as comparable numbers."""
        lanes, orders = self.tables.lanes, self.tables.orders
        service, known = codes_of([*lanes["service_id"], ""])
        level, levels = codes_of([*lanes["service_level"], ""])
        wanted = np.array([known.get(value, len(known)) for value in orders["service_id"]], dtype=np.int64)
        wanted_level = np.array([levels.get(value, len(levels)) for value in orders["service_level"]], dtype=np.int64)
        wanted[orders["service_id"] == ""] = -1
        wanted_level[orders["service_level"] == ""] = -1
        return service[:-1], level[:-1], wanted, wanted_level

    def lane_allowed(self, order: Ints, lane: Ints) -> Flags:
        """Whether a lane may carry an order: its zone, an open warehouse, the service and level it asks for."""
        service, level, wanted, wanted_level = self.lane_fields
        by_service = (wanted[order] == -1) | (wanted[order] == service[lane])
        by_level = (wanted_level[order] == -1) | (wanted_level[order] == level[lane])
        there = self.tables.lane_zone[lane] == self.tables.order_zone[order]
        is_open: Flags = self.tables.warehouses["is_open"][self.tables.lane_warehouse[lane]]
        return np.asarray(by_service & by_level & there & is_open, dtype=bool)

    # -- eligibility --------------------------------------------------------------------------------------------
    @cached_property
    def _eligibility(self) -> tuple[Ints, NDArray[np.bool_]]:
        """For each warehouse a row of the matrix (lines it may serve); row 0 is all lines, for those without rules."""
        table = self.tables.eligibility
        ruled = np.unique(self.tables.eligibility_warehouse)
        row = np.zeros(self.n_warehouses, dtype=np.int64)
        row[ruled] = 1 + np.arange(len(ruled))
        allowed = np.ones((len(ruled) + 1, self.n_lines), dtype=bool)
        if not len(ruled):
            return row, allowed
        rule, line = scope_pairs(self.tables, table)
        starts = np.searchsorted(rule, np.arange(len(table) + 1))
        groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for position in range(len(table)):
            house = int(self.tables.eligibility_warehouse[position])
            covered = line[starts[position] : starts[position + 1]]
            if table["mode"][position] == "forbid":
                allowed[row[house], covered] = False
            else:
                groups.setdefault((house, self._filled(position)), []).append(position)
        for (house, _), positions in groups.items():  # of each set of filled columns one row must match
            matches = np.zeros(self.n_lines, dtype=bool)
            for position in positions:
                matches[line[starts[position] : starts[position + 1]]] = True
            allowed[row[house]] &= matches
        return row, allowed

    def _filled(self, position: int) -> tuple[str, ...]:
        return tuple(name for name in SCOPE_COLUMNS if self.tables.eligibility[name][position] != "")

    def eligible(self, line: Ints, warehouse: Ints) -> Flags:
        """Whether the eligibility rules let each warehouse serve each line."""
        row, allowed = self._eligibility
        return allowed[row[warehouse], line]

    def own_caps(self, line: Ints, slot: Ints) -> Ints:
        """Most units of each cell where lines are served as ordered from one lot; ``line`` (n), ``slot`` (n × s)."""
        house = self.tables.lane_warehouse[self.events.slots.lane[slot]]
        pool = self.supply.find_pool(house, self.tables.line_product[line][:, None])
        available = np.append(self.supply.period_atp, 0)[pool]
        step = self.ways.step[line][:, None]
        cap = np.minimum(self.tables.order_lines["qty"][line][:, None], available) // step * step
        return np.where(self.eligible(line[:, None], house), cap, 0)

    # -- contracts and floors -----------------------------------------------------------------------------------
    @cached_property
    def contract_scopes(self) -> Scopes:
        """The order lines each contract covers, held ones too."""
        return Scopes(*scope_pairs(self.tables, self.tables.contracts), len(self.tables.contracts))

    @cached_property
    def contract_required(self) -> Ints:
        """min(max(min_qty, ⌈min_fill_rate · Σ ordered⌉), Σ ordered), blanks as 0."""
        table = self.tables.contracts
        ordered = self.contract_scopes.totals(self.tables.order_lines["qty"])
        rate: Exact = table["min_fill_rate"].where(table.given("min_fill_rate"), 0)
        share = np.array([math.ceil(value) for value in (rate * ordered).fractions()], dtype=np.int64)
        least = np.where(table.given("min_qty"), table["min_qty"], 0)
        return np.minimum(np.maximum(least, share), ordered)

    @cached_property
    def shares(self) -> Shares:
        """Who shares fairly with whom."""
        return Shares.of(self)

    @cached_property
    def floors(self) -> list[tuple[str, Flags, Fraction]]:
        """Each service floor: its scope, its orders, the least Σ weight·served / Σ weight·demanded."""
        levels = self.scenario.service.min_level
        return [(scope, floor_members(self.tables, scope), Fraction(levels[scope])) for scope in sorted(levels)]

    @cached_property
    def demanded(self) -> Ints:
        """What full service of each order counts: its units, its lines, or 1 (0 for an order without lines)."""
        if self.measure == "line":
            return self.lines_of_order
        if self.measure == "order":
            return np.minimum(self.lines_of_order, 1)
        total = np.zeros(self.n_orders, dtype=np.int64)
        np.add.at(total, self.tables.line_order, self.tables.order_lines["qty"])
        return total

    def floor_rhs(self, members: Flags, level: Fraction) -> Fraction:
        """Level · Σ weight · demanded over the members."""
        return level * (self.service_weight * np.where(members, self.demanded, 0)).sum()
