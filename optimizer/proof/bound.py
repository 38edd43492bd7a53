"""An upper bound on every plan, by weak duality, in exact arithmetic.

For any prices of the right sign, D = Σ price·rhs + Σ best of each order block + Σ best of each resource block is at
least the value of every plan. Order blocks are independent: each is maximised exactly, or bounded from above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.proof.lay_out import Layout
from optimizer.proof.prices import PriceBook, read_prices
from optimizer.proof.reduced import reduce_values
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CELLS_PER_CHUNK = 500_000
"""Most (line, lane) cells laid out at once: bounds the memory of the whole evaluation."""


@dataclass(frozen=True)
class Bound:
    """The bound and its parts, all money and all exact.

    ``value`` is None where some order's own rules (its pins) allow no plan at all, and so no plan exists.
    """

    value: Fraction | None
    priced_rhs: Fraction
    orders: Exact
    shortfalls: Exact
    openings: Exact
    searched: Flags
    """per order: its block was maximised over all sets of lanes, not only bounded"""
    without_plan: Ints
    book: PriceBook


def bound(tables: Tables, scenario: Scenario, certificate: Mapping[str, Any]) -> Bound:
    """The exact weak-duality bound of the prices in a parsed certificate.json."""
    facts = Facts(tables, scenario)
    return bound_of(facts, read_prices(facts, certificate))


def bound_of(facts: Facts, book: PriceBook) -> Bound:
    """The same, from prices already read."""
    layout = Layout(facts, reduce_values(facts, book))
    ids, money = [np.zeros(0, dtype=np.int64)], [Exact.zeros(0)]
    possible, searched = np.ones(facts.n_orders, dtype=bool), np.ones(facts.n_orders, dtype=bool)
    for chunk in _chunks(facts):
        for group in layout.groups(chunk):
            for part, value, can, exact in layout.best(group):
                ids.append(part.order)
                money.append(value)
                possible[part.order], searched[part.order] = can, exact
    orders = Exact.concat(money).sum_by(np.concatenate(ids), facts.n_orders)
    shortfalls, openings = shortfall_blocks(facts, book), opening_blocks(facts, book)
    total = book.priced_rhs + orders.sum() + shortfalls.sum() + openings.sum()
    without = np.flatnonzero(~possible)
    return Bound(
        None if len(without) else total, book.priced_rhs, orders, shortfalls, openings, searched, without, book
    )


def _chunks(facts: Facts) -> Iterator[Ints]:
    """The orders that may get something (not held, with lines), in pieces of bounded size."""
    _, zone_start = facts.lanes_by_zone
    active = np.flatnonzero(~facts.held & (facts.lines_of_order > 0))
    zone = facts.tables.order_zone[active]
    lanes = zone_start[zone + 1] - zone_start[zone]
    cells = np.cumsum(facts.lines_of_order[active] * (1 + lanes) + lanes * lanes // 4)  # pairs of lanes are tabled too
    piece = cells // CELLS_PER_CHUNK
    yield from np.split(active, np.flatnonzero(np.diff(piece)) + 1) if len(active) else ()


def shortfall_blocks(facts: Facts, book: PriceBook) -> Exact:
    """Best of each contract's shortfall s in [0, required]: max(0, −price − w.penalties·penalty)·required.

    A hard contract (no penalty) has no shortfall.
    """
    table = facts.tables.contracts
    if not len(table):
        return Exact.zeros(0)
    penalty: Exact = table["shortfall_penalty"]
    gain = -book.spread("contract_minimum", len(table)) - penalty * facts.penalty_weight
    return gain.maximum(0).where(table.given("shortfall_penalty"), 0) * facts.contract_required


def opening_blocks(facts: Facts, book: PriceBook) -> Exact:
    """Best of opening each warehouse or not: max(0, Σ opening prices − w.shipping·fixed_open_cost)."""
    houses, tables = facts.tables.warehouses, facts.tables
    opening = book["warehouse_opening"]
    paid = opening.price.sum_by(tables.lane_warehouse[opening.row], len(houses))
    cost: Exact = houses["fixed_open_cost"] * facts.shipping_weight
    return (paid - cost).maximum(0)
