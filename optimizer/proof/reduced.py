"""What a unit, a shipment and a full line are worth once every shared resource has its price.

All values are whole numbers of 10**-12 of the currency. Where a value has more decimals it is rounded in the bound's
favour: gains up, costs down. (Quotients such as weight_kg / qty are the usual reason.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.branches import Fixed
from optimizer.proof.covers import Covers
from optimizer.proof.facts import Facts
from optimizer.proof.prices import PriceBook
from optimizer.proof.rates import Rates
from optimizer.proof.share_blocks import unit_prices
from optimizer.proof.stock_prices import StockPrices

Ints = NDArray[np.int64]

DECIMALS = 12
"""Reduced values are whole multiples of 10**-DECIMALS."""


def rounded(value: Exact, up: bool) -> Exact:
    """The value at DECIMALS decimals; exact where it has no more, else rounded up or down."""
    if value.num.dtype == np.int64 and value.scale <= DECIMALS:
        return value.rescaled(DECIMALS)
    return divided(value, None, up)


def divided(value: Exact, divisor: Ints | None, up: bool) -> Exact:
    """``value / divisor`` at DECIMALS decimals, rounded up or down where it has more."""
    shift = DECIMALS - value.scale
    num = value.rescaled(DECIMALS).num if shift > 0 else value.num
    factor = 10 ** max(0, -shift)
    largest = 1 if divisor is None else int(np.max(divisor, initial=1))
    below: Any = factor if divisor is None else divisor * factor
    if largest * factor >= INT64_SAFE:
        below = factor if divisor is None else divisor.astype(object) * factor
        num = num.astype(object)
    quotient = -(-num // below) if up else num // below
    if quotient.dtype != np.int64:
        quotient = np.array([int(item) for item in quotient], dtype=object)
    return Exact(quotient, DECIMALS)


@dataclass(frozen=True)
class Reduced:
    """Vectors over lines, orders, slots and pools; money at the prices, at DECIMALS decimals.

    The reduced value of an ordered unit of line l in slot k, where it ships u units of kg weight, is
    ``gain[l] − u·unit_cost[k] − stock − kg·kg_price[k] − (u·unit_freight[k] + chargeable kg·kg_freight[k])``.
    """

    rates: Rates
    gain: Exact
    late: Exact
    """per line: what an ordered unit costs for each day of delay"""
    bonus: Exact
    prize: Exact
    unit_cost: Exact
    unit_freight: Exact
    kg_price: Exact
    kg_freight: Exact
    stock: StockPrices
    fixed_freight: Exact
    least_freight: Exact
    freight_rate: Exact
    """per order: what a unit of freight money counts"""
    shipment_price: Exact
    pick: Exact
    """per slot"""
    opening_key: Ints
    opening_price: Exact
    covers: Covers | None = None
    fixed: Fixed | None = None
    """shipments that are decided"""

    def in_leaf(self, pool: Ints, price: Exact, fixed: Fixed) -> Reduced:
        """The same at other prices of some pools, with some shipments decided."""
        return replace(self, stock=self.stock.priced_at(pool, price), fixed=fixed)

    @cached_property
    def delays(self) -> bool:
        """Whether a delay costs anything at all."""
        return bool(np.any(self.late.num != 0))

    @cached_property
    def kg_is_priced(self) -> bool:
        """Whether a capacity in kg has a price."""
        return bool(np.any(self.kg_price > 0))

    @cached_property
    def kg_pays_freight(self) -> bool:
        """Whether a lane charges by the kg."""
        return bool(np.any(self.kg_freight > 0))


def service_gain(facts: Facts, book: PriceBook) -> Exact:
    """Money per served unit, line or order of each order: its service value, and its part in the priced floors."""
    per_weight = Exact.full(facts.n_orders, book.rates.service * facts.service_value)
    floors = book["service_floor"]
    for position, price in zip(floors.row.tolist(), floors.price.fractions(), strict=True):
        per_weight = per_weight + Exact.full(facts.n_orders, -price) * facts.floors[position][1]
    for members, paid in book.service_paid:
        per_weight = per_weight + Exact.full(facts.n_orders, paid) * members
    return per_weight * facts.service_weight


def line_gain(facts: Facts, book: PriceBook) -> Exact:
    """Money per ordered unit of each line before costs: margin, service by the unit, contracts, shares, credit."""
    gain = facts.unit_margin * book.rates.margin + book.rates.units
    if facts.measure == "unit":
        gain = gain + service_gain(facts, book).take(facts.tables.line_order)
    gain = gain - unit_prices(facts, book)
    if len(book["credit_limit"].row):
        lines = facts.tables.order_lines
        price = book.spread("credit_limit", len(facts.tables.customers)).take(facts.money.line_customer)
        cost: Exact = lines["unit_price"]
        gain = gain - cost.where(lines.given("unit_price"), 0) * price
    return gain


def freight_rates(facts: Facts, book: PriceBook) -> Exact:
    """What a unit of freight money counts for each order: its weight, and the prices of the budgets that pay it."""
    rate = Exact.full(facts.n_orders, book.rates.freight)
    priced = book["budget"]
    for at, price in zip(priced.row.tolist(), priced.price.fractions(), strict=True):
        if facts.money.kind[at] == "shipping_cost":
            rate = rate + Exact.full(facts.n_orders, price) * facts.money.orders[at]
    return rate


def reduce_values(facts: Facts, book: PriceBook) -> Reduced:
    """All vectors of `Reduced` for one set of prices."""
    tables, slots = facts.tables, facts.events.slots
    lane = slots.lane
    house = tables.lane_warehouse[lane]
    dated = len(facts.calendar.table) > 0
    on_day = facts.calendar.row(house, slots.day) if dated else lane

    def at_place(unit: str, lanes: bool = True) -> Exact:
        price = book.spread(f"warehouse_capacity_{unit}", facts.n_warehouses).take(house)
        if lanes:
            price = price + book.spread(f"lane_capacity_{unit}", len(tables.lanes)).take(lane)
        if dated:
            by_day = Exact.concat([book.spread(f"day_capacity_{unit}", len(tables.calendar)), Exact.zeros(1)])
            price = price + by_day.take(on_day)
        return price

    per_order = service_gain(facts, book)
    nothing = Exact.zeros(facts.n_orders)
    handling: Exact = tables.warehouses["handling_cost_per_unit"].take(house) * book.rates.handling
    opening = book["warehouse_opening"]
    key = opening.order * np.int64(max(len(slots), 1)) + opening.row
    by_key = np.argsort(key, kind="stable")
    return Reduced(
        rates=book.rates,
        gain=rounded(line_gain(facts, book), up=True),
        late=facts.late_rate * book.rates.lateness,
        bonus=rounded((per_order if facts.measure == "line" else nothing).take(tables.line_order), up=True),
        prize=rounded((per_order if facts.measure == "order" else nothing) + book.full_paid, up=True),
        unit_cost=rounded(handling + at_place("units"), up=False),
        unit_freight=facts.lane_rate("cost_per_unit").take(lane),
        kg_price=at_place("kg"),
        kg_freight=facts.lane_rate("cost_per_kg").take(lane),
        stock=StockPrices(facts, book),
        fixed_freight=facts.lane_rate("fixed_cost").take(lane),
        least_freight=facts.lane_rate("min_charge").take(lane),
        freight_rate=freight_rates(facts, book),
        shipment_price=rounded(at_place("shipments"), up=False),
        pick=rounded(at_place("lines", lanes=False), up=False),
        opening_key=key[by_key],
        opening_price=rounded(opening.price.take(by_key), up=False),
        covers=book.covers,
    )
