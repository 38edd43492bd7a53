"""What the plan of each order is worth: what it adds to the objective, and what it pays at the prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.priced_rows import LANE_UNITS, WAREHOUSE_UNITS
from optimizer.proof.prices import PriceBook
from optimizer.proof.share_blocks import unit_prices
from optimizer.proof.stock_prices import StockPrices
from optimizer.proof.tally import Tally

if TYPE_CHECKING:
    from optimizer.proof.rates import Rates

Ints = NDArray[np.int64]


def order_values(tally: Tally, rates: Rates) -> Exact:
    """What the plan of each order adds to the objective: all terms but openings, transfers and contract shortfall."""
    facts, n, rows = tally.facts, tally.facts.n_orders, tally.rows
    per_row = tally.margin * rates.margin - tally.handling * rates.handling + Exact.ints(rows.qty) * rates.units
    per_row = per_row - tally.lateness * rates.lateness - tally.substitution * rates.substitution
    served = facts.service_weight * tally.served * (facts.service_value * rates.service)
    freight = (tally.freight * rates.freight).sum_by(tally.shipment_order, n)
    holding = (tally.holding * rates.holding).sum_by(tally.order[rows.draw_row], n)
    of_line = facts.tables.line_order[facts.previous.wanted[0]]
    moved = Exact.ints(tally.moved).sum_by(of_line, n) * (rates.stability * facts.previous.cost)
    return per_row.sum_by(tally.order, n) + served + holding - freight - moved


def priced_use(tally: Tally, book: PriceBook) -> Exact:
    """What each order pays for the shared resources that its plan uses."""
    facts, rows, n = tally.facts, tally.rows, tally.facts.n_orders
    stock, known = StockPrices(facts, book), tally.stock.known
    source = np.where(known, rows.draw_source, 0)
    leaving = stock.leaving(source, tally.stock.draw_day) if len(facts.supply.key) else Exact.zeros(len(source))
    leaving = leaving.where(known, 0) + stock.reserved(
        tally.stock.draw_line, tally.stock.draw_pool, tally.stock.draw_day
    )
    paid = (leaving * rows.draw_units).sum_by(tally.order[rows.draw_row], n)
    per_row, per_shipment = Exact.zeros(len(rows)), Exact.zeros(len(tally.shipment_lane))
    for place, units in (("warehouse", WAREHOUSE_UNITS), ("lane", LANE_UNITS), ("day", WAREHOUSE_UNITS)):
        for unit in units:
            family = f"{place}_capacity_{unit}"
            if not len(book[family].row):
                continue
            of_row, of_shipment, size = tally.places(family)
            price = Exact.concat([book.spread(family, size), Exact.zeros(1)])
            if unit == "shipments":
                per_shipment = per_shipment + price.take(of_shipment)
            elif unit == "lines":
                row = tally.pick[1]
                paid = paid + price.take(of_row[row]).sum_by(tally.order[row], n)
            else:
                amount = tally.kg if unit == "kg" else Exact.ints(tally.units)
                per_row = per_row + price.take(of_row) * amount
    paid = paid + per_row.sum_by(tally.order, n)
    if book.covers is not None:
        slots = facts.events.slots
        per_row = book.covers.unit_price(rows.line, slots.find(rows.lane, rows.day)) * rows.qty
        paid = paid + per_row.sum_by(tally.order, n)
        slot = slots.find(tally.shipment_lane, tally.shipment_day)
        per_shipment = per_shipment - book.covers.shipment_pay(tally.shipment_order, slot)
    paid = paid + (per_shipment + opening_price(tally, book)).sum_by(tally.shipment_order, n)
    return paid + _rules_paid(tally, book) + _money_paid(tally, book)


def opening_price(tally: Tally, book: PriceBook) -> Exact:
    """The opening price of each shipment's (order, slot)."""
    opening, slots = book["warehouse_opening"], tally.facts.events.slots
    n_slots = np.int64(len(slots) + 1)
    wanted = tally.shipment_order * n_slots + slots.find(tally.shipment_lane, tally.shipment_day)
    keys = opening.order * n_slots + opening.row
    both, place = np.unique(np.concatenate([wanted, keys]), return_inverse=True)
    return opening.price.sum_by(place[len(wanted) :], len(both)).take(place[: len(wanted)])


def _rules_paid(tally: Tally, book: PriceBook) -> Exact:
    """What each order pays (or is paid) for contracts, fair shares, service floors and stages on service."""
    facts = tally.facts
    paid = (unit_prices(facts, book) * tally.allocated).sum_by(facts.tables.line_order, facts.n_orders)
    floors = book["service_floor"]
    for row, price_of in zip(floors.row.tolist(), floors.price.fractions(), strict=True):
        paid = paid + facts.service_weight * tally.served * facts.floors[row][1] * price_of
    for members, earned in book.service_paid:
        paid = paid - facts.service_weight * tally.served * members * earned
    return paid - Exact.ints(tally.full_order.astype(np.int64)) * book.full_paid


def _money_paid(tally: Tally, book: PriceBook) -> Exact:
    """What each order pays for credit limits and budgets."""
    facts, n, money = tally.facts, tally.facts.n_orders, tally.facts.money
    paid = Exact.zeros(n)
    if len(book["credit_limit"].row):
        price = book.spread("credit_limit", len(facts.tables.customers)).take(money.line_customer)
        paid = paid + (price * tally.credit_of_line).sum_by(facts.tables.line_order, n)
    priced = book["budget"]
    for at, price_of in zip(priced.row.tolist(), priced.price.fractions(), strict=True):
        if money.kind[at] == "shipping_cost":
            freight = tally.freight * money.orders[at][tally.shipment_order] * price_of
            paid = paid + freight.sum_by(tally.shipment_order, n)
        elif money.kind[at] == "stock_value":
            value = tally.stock_value * money.lines[at][tally.stock.draw_line] * price_of
            paid = paid + value.sum_by(tally.order[tally.rows.draw_row], n)
    return paid
