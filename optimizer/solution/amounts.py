"""Amounts that follow from the tables alone: margins, weights and requirements, exact."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Table, Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]


def unit_margin(tables: Tables) -> Exact:
    """Money per unit of each line: unit_margin if given, else unit_price − unit_cost, else 0."""
    lines = tables.order_lines
    product = tables.line_product
    priced = lines.given("unit_price") & tables.products.given("unit_cost")[product]
    spread = (lines["unit_price"] - tables.products["unit_cost"][product]) * priced
    margin: Exact = lines["unit_margin"].where(lines.given("unit_margin"), spread)
    return margin


def unit_weight(tables: Tables) -> Exact:
    """Kg per unit of each line: weight_kg / qty if given, else the product's."""
    lines = tables.order_lines
    weight: Exact = tables.products["unit_weight_kg"][tables.line_product]
    own = np.flatnonzero(lines.given("weight_kg"))
    if len(own) == 0:
        return weight
    source = np.arange(len(lines))
    source[own] = len(lines) + np.arange(len(own))
    return Exact.concat([weight, lines["weight_kg"][own].over(lines["qty"][own])]).take(source)


def order_weight(tables: Tables, scenario: Scenario) -> Exact:
    """Service weight of each order: its own, else customer × tier × priority."""
    orders, customers, service = tables.orders, tables.customers, scenario.service
    tiers, tier = np.unique(customers["tier"].astype(str), return_inverse=True)
    ranks, rank = np.unique(orders["priority"], return_inverse=True)
    by_tier = Exact.of(service.tier_weight.get(str(name), 1) for name in tiers)
    by_rank = Exact.of(service.priority_weight.get(int(name), 1) for name in ranks)
    of_customer = customers["service_weight"] * by_tier[tier]
    derived = of_customer[tables.order_customer] * by_rank[rank]
    weight: Exact = orders["service_weight"].where(orders.given("service_weight"), derived)
    return weight


def contract_required(contracts: Table, ordered: Ints) -> Ints:
    """Units: min(max(min_qty, ceil(min_fill_rate · ordered)), ordered), blanks as 0."""
    rates = (contracts["min_fill_rate"] * ordered).fractions()
    share = np.array([-int(-rate // Fraction(1)) for rate in rates], dtype=np.int64)
    return np.minimum(np.maximum(contracts["min_qty"], share), ordered)
