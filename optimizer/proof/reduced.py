"""What a unit, a shipment and a full line are worth once every shared resource has its price.

All values are whole numbers of 10**-12 of the currency. Where a value has more decimals it is rounded in the bound's
favour: gains up, costs down. (Quotients such as weight_kg / qty are the usual reason.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.proof.facts import Facts
from optimizer.proof.prices import PriceBook

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
    """Vectors over lines, orders, lanes, stock rows and warehouses; money at the prices, at DECIMALS decimals.

    The reduced value of a unit of line l on lane k is
    ``gain[l] − unit_cost[k] − stock[w, p] − kg·kg_price[k] − (unit_freight[k] + kg·kg_freight[k])``.
    """

    gain: Exact
    bonus: Exact
    prize: Exact
    unit_cost: Exact
    unit_freight: Exact
    kg_price: Exact
    kg_freight: Exact
    stock: Exact
    fixed_freight: Exact
    least_freight: Exact
    shipment_price: Exact
    pick: Exact
    opening_key: Ints
    opening_price: Exact

    @property
    def weighs(self) -> bool:
        """Whether weight costs anything at all."""
        return bool(np.any(self.kg_price > 0) or np.any(self.kg_freight > 0))


def service_gain(facts: Facts, book: PriceBook) -> Exact:
    """Money per served unit, line or order of each order: its service value, and its part in the priced floors."""
    per_weight = Exact.full(facts.n_orders, facts.service_value_weight * facts.service_value)
    floors = book["service_floor"]
    for position, price in zip(floors.row.tolist(), floors.price.fractions(), strict=True):
        per_weight = per_weight + Exact.full(facts.n_orders, -price) * facts.floors[position][1]
    return per_weight * facts.service_weight


def line_gain(facts: Facts, book: PriceBook) -> Exact:
    """Money per unit of each line before costs: weighted margin, service by the unit, priced contracts and quotas."""
    gain = facts.unit_margin * facts.margin_weight
    if facts.measure == "unit":
        gain = gain + service_gain(facts, book).take(facts.tables.line_order)
    scopes = facts.contract_scopes
    if scopes.size:
        price = book.spread("contract_minimum", scopes.size) + book.spread("contract_quota", scopes.size)
        gain = gain - price.take(scopes.rule).sum_by(scopes.line, facts.n_lines)
    return gain


def reduce_values(facts: Facts, book: PriceBook) -> Reduced:
    """All vectors of `Reduced` for one set of prices."""
    tables, ship = facts.tables, facts.shipping_weight
    lanes, house = tables.lanes, tables.lane_warehouse
    n_lanes, n_houses = len(lanes), facts.n_warehouses

    def at_house(unit: str) -> Exact:
        return book.spread(f"warehouse_capacity_{unit}", n_houses).take(house)

    def at_lane(unit: str) -> Exact:
        return book.spread(f"lane_capacity_{unit}", n_lanes)

    def blank_as_zero(column: str) -> Exact:
        value: Exact = lanes[column]
        return value.where(lanes.given(column), 0)

    per_order = service_gain(facts, book)
    nothing = Exact.zeros(facts.n_orders)
    handling: Exact = tables.warehouses["handling_cost_per_unit"].take(house) * ship
    opening = book["warehouse_opening"]
    key = opening.order * np.int64(max(n_lanes, 1)) + opening.row
    by_key = np.argsort(key, kind="stable")
    return Reduced(
        gain=rounded(line_gain(facts, book), up=True),
        bonus=rounded((per_order if facts.measure == "line" else nothing).take(tables.line_order), up=True),
        prize=rounded(per_order if facts.measure == "order" else nothing, up=True),
        unit_cost=rounded(handling + at_house("units") + at_lane("units"), up=False),
        unit_freight=rounded(blank_as_zero("cost_per_unit") * ship, up=False),
        kg_price=at_house("kg") + at_lane("kg"),
        kg_freight=blank_as_zero("cost_per_kg") * ship,
        stock=rounded(book.spread("warehouse_stock", len(tables.stock)), up=False),
        fixed_freight=rounded(blank_as_zero("fixed_cost") * ship, up=False),
        least_freight=rounded(blank_as_zero("min_charge") * ship, up=False),
        shipment_price=rounded(at_house("shipments") + at_lane("shipments"), up=False),
        pick=rounded(book.spread("warehouse_capacity_lines", n_houses), up=False),
        opening_key=key[by_key],
        opening_price=rounded(opening.price.take(by_key), up=False),
    )
