"""Where the gap sits: bound − value as a sum of parts, none of them negative, down to the last digit.

bound − value = Σ orders (best of the order's block − what its plan is worth at the prices)
              + Σ priced rows price · (right-hand side − what the plan uses)
              + Σ resource blocks (best of the block − what the plan makes of it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.bound import Bound
from optimizer.proof.prices import LANE_UNITS, WAREHOUSE_UNITS, PriceBook
from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]

TOP = 10
"""How many contributors of a kind are named."""


@dataclass(frozen=True)
class Attribution:
    """The parts of bound − value, money."""

    orders: Exact
    """per order: what it could still gain at the prices"""
    leftovers: Mapping[str, Exact]
    """per family, per priced row: price · what is left of it"""
    shortfalls: Exact
    """per contract"""
    openings: Exact
    """per warehouse"""
    tally: Tally
    book: PriceBook

    @property
    def total(self) -> Fraction:
        """The sum of all parts: bound − value."""
        rows = sum((part.sum() for part in self.leftovers.values()), Fraction(0))
        return self.orders.sum() + rows + self.shortfalls.sum() + self.openings.sum()

    @property
    def least(self) -> Fraction:
        """The smallest part; at least 0 for a plan that keeps every rule."""
        parts = [self.orders, *self.leftovers.values(), self.shortfalls, self.openings]
        return min((part.item(int(np.argmin(part.num))) for part in parts if len(part)), default=Fraction(0))

    @property
    def by_warehouse(self) -> Exact:
        """Leftover stock and capacity, and openings, of each warehouse."""
        tables, total = self.tally.facts.tables, self.openings
        for family, part in self.leftovers.items():
            row = self.book[family].row
            if family == "warehouse_stock":
                row = tables.stock_warehouse[row]
            elif family.startswith("lane_capacity") or family == "warehouse_opening":
                row = tables.lane_warehouse[row]
            elif not family.startswith("warehouse_capacity"):
                continue
            total = total + part.sum_by(row, len(tables.warehouses))
        return total

    @property
    def by_product(self) -> Exact:
        """Leftover priced stock of each product."""
        tables, stock = self.tally.facts.tables, self.leftovers["warehouse_stock"]
        return stock.sum_by(tables.stock_product[self.book["warehouse_stock"].row], len(tables.products))

    def as_json(self) -> dict[str, Any]:
        """Totals by kind, and the largest orders, products and warehouses."""
        tables = self.tally.facts.tables
        rows = {family: part.sum() for family, part in self.leftovers.items()}
        return {
            "total": self.total,
            "orders": self.orders.sum(),
            **{family: amount for family, amount in rows.items() if amount},
            "contract_shortfall": self.shortfalls.sum(),
            "warehouse_open": self.openings.sum(),
            "top_orders": top(self.orders, tables.orders["order_id"]),
            "top_products": top(self.by_product, tables.products["product_id"]),
            "top_warehouses": top(self.by_warehouse, tables.warehouses["warehouse_id"]),
        }


def top(amounts: Exact, names: Any) -> list[dict[str, Any]]:
    """The largest amounts above 0, the larger first, equal ones by position."""
    order = sorted(np.argsort(-amounts.num, kind="stable")[:TOP].tolist())
    largest = sorted(order, key=lambda position: -amounts.item(position))
    return [{"id": str(names[at]), "amount": amounts.item(at)} for at in largest if amounts.item(at) > 0]


def attribute(tally: Tally, found: Bound) -> Attribution:
    """The parts of the gap between a bound and a plan."""
    book, facts = found.book, tally.facts
    worth = order_values(tally) - priced_use(tally, book)
    leftovers = {family: _leftover(tally, book, family) for family in book.families}
    missing, table = tally.shortfall, facts.tables.contracts
    gain = -book.spread("contract_minimum", len(table)) - _penalty(tally)
    shortfalls = found.shortfalls - gain.where(table.given("shortfall_penalty"), 0) * missing
    houses = facts.tables.warehouses
    opening = book["warehouse_opening"]
    paid = opening.price.sum_by(facts.tables.lane_warehouse[opening.row], len(houses))
    openings = found.openings - (paid - houses["fixed_open_cost"] * facts.shipping_weight) * tally.opened
    return Attribution(found.orders - worth, leftovers, shortfalls, openings, tally, book)


def _penalty(tally: Tally) -> Exact:
    penalty: Exact = tally.facts.tables.contracts["shortfall_penalty"]
    return penalty * tally.facts.penalty_weight


def order_values(tally: Tally) -> Exact:
    """What the plan of each order adds to the objective: margin and service less freight and handling."""
    facts, n = tally.facts, tally.facts.n_orders
    per_row = tally.margin * facts.margin_weight - tally.handling * facts.shipping_weight
    served = facts.service_weight * tally.served * (facts.service_value * facts.service_value_weight)
    freight = (tally.freight * facts.shipping_weight).sum_by(tally.shipment_order, n)
    return per_row.sum_by(tally.order, n) + served - freight


def priced_use(tally: Tally, book: PriceBook) -> Exact:
    """What each order pays for the shared resources that its plan uses."""
    facts, tables, rows = tally.facts, tally.facts.tables, tally.rows
    n_houses, n_lanes = facts.n_warehouses, len(tables.lanes)
    stock = Exact.concat([book.spread("warehouse_stock", len(tables.stock)), Exact.zeros(1)])
    per_unit = stock.take(tally.stock_row)
    per_kg, per_line, per_shipment = (
        Exact.zeros(len(rows)),
        Exact.zeros(len(rows)),
        Exact.zeros(len(tally.shipment_lane)),
    )
    for place, units, size in (("warehouse", WAREHOUSE_UNITS, n_houses), ("lane", LANE_UNITS, n_lanes)):
        of_row, of_shipment = (
            (tally.warehouse, tally.shipment_warehouse) if place == "warehouse" else (rows.lane, tally.shipment_lane)
        )
        for unit in units:
            price = book.spread(f"{place}_capacity_{unit}", size)
            if unit == "shipments":
                per_shipment = per_shipment + price.take(of_shipment)
            elif unit == "lines":
                per_line = per_line + price.take(of_row)
            elif unit == "kg":
                per_kg = per_kg + price.take(of_row)
            else:
                per_unit = per_unit + price.take(of_row)
    paid = (per_unit * rows.qty + per_kg * tally.kg + per_line).sum_by(tally.order, facts.n_orders)
    paid = paid + (per_shipment + _opening_price(tally, book)).sum_by(tally.shipment_order, facts.n_orders)
    return paid + _rules_paid(tally, book)


def _opening_price(tally: Tally, book: PriceBook) -> Exact:
    """The opening price of each shipment's (order, lane)."""
    opening, n_lanes = book["warehouse_opening"], np.int64(max(len(tally.facts.tables.lanes), 1))
    wanted = tally.shipment_order * n_lanes + tally.shipment_lane
    keys = opening.order * n_lanes + opening.row
    both, place = np.unique(np.concatenate([wanted, keys]), return_inverse=True)
    return opening.price.sum_by(place[len(wanted) :], len(both)).take(place[: len(wanted)])


def _rules_paid(tally: Tally, book: PriceBook) -> Exact:
    """What each order pays (or is paid) for contracts and service floors."""
    facts, scopes = tally.facts, tally.facts.contract_scopes
    paid = Exact.zeros(facts.n_orders)
    if scopes.size:
        price = book.spread("contract_minimum", scopes.size) + book.spread("contract_quota", scopes.size)
        amount = price.take(scopes.rule) * tally.allocated[scopes.line]
        paid = paid + amount.sum_by(facts.tables.line_order[scopes.line], facts.n_orders)
    floors = book["service_floor"]
    for row, price_of in zip(floors.row.tolist(), floors.price.fractions(), strict=True):
        paid = paid + facts.service_weight * tally.served * facts.floors[row][1] * price_of
    return paid


def _leftover(tally: Tally, book: PriceBook, family: str) -> Exact:
    """Price · (right-hand side − use) of each priced row of a family."""
    priced, facts = book[family], tally.facts
    if not len(priced.row):
        return Exact.zeros(0)
    if family == "warehouse_stock":
        used = Exact.ints(tally.stock_used)[priced.row]
    elif "_capacity_" in family:
        used = tally.used(family)[priced.row]
    elif family == "contract_minimum":
        soft = facts.tables.contracts.given("shortfall_penalty")
        used = Exact.ints(tally.contract_allocated + np.where(soft, tally.shortfall, 0))[priced.row]
    elif family == "contract_quota":
        used = Exact.ints(tally.contract_allocated)[priced.row]
    elif family == "service_floor":
        totals = [(facts.service_weight * tally.served * members).sum() for _, members, _ in facts.floors]
        used = Exact.of(totals).take(priced.row)
    else:
        lanes = np.int64(len(facts.tables.lanes))
        ships = np.isin(priced.order * lanes + priced.row, tally.shipment_order * lanes + tally.shipment_lane)
        opened = tally.opened[facts.tables.lane_warehouse[priced.row]]
        used = Exact.ints(ships.astype(np.int64) - opened.astype(np.int64))
    return priced.price * (priced.rhs - used)
