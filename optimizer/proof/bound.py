"""An upper bound on every plan, by weak duality, in exact arithmetic.

For any prices of the right sign, D = Σ price·rhs + Σ best of each order block + Σ best of each resource block is at
least the value of every plan. Order blocks are independent: each is maximised exactly, or bounded from above.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.proof.lay_out import Layout
from optimizer.proof.pool import Found, Pool
from optimizer.proof.prices import PriceBook, read_books
from optimizer.proof.reduced import DECIMALS, reduce_values
from optimizer.proof.share_blocks import share_blocks
from optimizer.proof.tally import Tally
from optimizer.proof.transfer_blocks import transfer_blocks
from optimizer.proof.worth import order_values, priced_use
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

THREADS, FEW_CHUNKS = 2, 4
"""Threads of an evaluation; of so few pieces one is enough."""
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
    transfers: Exact
    shares: Exact
    """per group of `fair_share`, then per priced level"""
    searched: Flags
    """per order: its block was maximised over all sets of lanes, not only bounded"""
    without_plan: Ints
    book: PriceBook
    """prices that give the bound"""
    shown: PriceBook
    """prices that `shadow_prices` shows: the same, unless covers give the bound"""


class Reckoned(NamedTuple):
    """A certificate as it was stated (without a bound), and what it proves."""

    certificate: Mapping[str, Any]
    bound: Bound
    value: Fraction

    def proves(self, certificate: Mapping[str, Any]) -> bool:
        """Whether another one, which may state its bound, says the same."""
        return _says_the_same({**certificate, "certified_bound": ""}, {**self.certificate, "certified_bound": ""})


def _says_the_same(one: Any, other: Any) -> bool:
    """Equal but for numbers that stand as text, as they are read from files."""
    if one == other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_says_the_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_says_the_same, one, other))
    return not isinstance(one, Mapping | list) and not isinstance(other, Mapping | list) and str(one) == str(other)


def bound(tables: Tables, scenario: Scenario, certificate: Mapping[str, Any]) -> Bound:
    """The exact weak-duality bound of the prices in a parsed certificate.json."""
    facts = Facts(tables, scenario)
    return bound_of(facts, *read_books(facts, certificate))


def bound_of(facts: Facts, book: PriceBook, shown: PriceBook | None = None) -> Bound:
    """The same, from prices already read (`optimizer.proof.prices.read_books`)."""
    layout = Layout(facts, reduce_values(facts, book))
    ids, money = [np.zeros(0, dtype=np.int64)], [Exact.zeros(0)]
    possible, searched = np.ones(facts.n_orders, dtype=bool), np.ones(facts.n_orders, dtype=bool)
    for order, best, unit in _found(facts, layout):
        ids.append(order)
        money.append(Exact((Exact(best.value, 0) * unit).num, DECIMALS + 2))
        possible[order], searched[order] = best.possible, best.searched
    orders = Exact.concat(money).sum_by(np.concatenate(ids), facts.n_orders)
    orders = orders - left_behind(facts, book) + frozen_orders(facts, book)
    shortfalls, openings = shortfall_blocks(facts, book), opening_blocks(facts, book)
    transfers, shares = transfer_blocks(facts, book), share_blocks(facts, book)
    parts = (orders, shortfalls, openings, transfers, shares)
    without = np.flatnonzero(~possible)
    total = None if len(without) else book.priced_rhs + sum((part.sum() for part in parts), Fraction(0))
    return Bound(total, book.priced_rhs, *parts, searched, without, book, shown or book)


def _found(facts: Facts, layout: Layout) -> Iterator[Found]:
    """The best of all orders, on two threads: numpy works on long arrays without a lock."""

    def best(chunks: list[Ints]) -> list[Found]:
        pool = Pool()
        groups = itertools.chain.from_iterable(layout.groups(chunk) for chunk in chunks)
        parts = itertools.chain.from_iterable(layout.parts(group) for group in groups)
        return [*itertools.chain.from_iterable(pool.add(part) for part in parts), *pool.rest()]

    chunks = list(_chunks(facts))
    threads = THREADS if len(chunks) >= FEW_CHUNKS else 1
    with ThreadPoolExecutor(threads) as executor:
        for found in executor.map(best, [chunks[thread::threads] for thread in range(threads)]):
            yield from found


def left_behind(facts: Facts, book: PriceBook) -> Exact:
    """What it costs each order that is not frozen to keep nothing of the previous plan; what it keeps is its value."""
    line, _, units = facts.previous.wanted
    order = facts.tables.line_order[line]
    units = np.where(facts.previous.frozen[order], 0, units) if len(line) else units
    cost = book.rates.stability * facts.previous.cost
    return Exact.ints(units).sum_by(order, facts.n_orders) * cost


def frozen_orders(facts: Facts, book: PriceBook) -> Exact:
    """What frozen orders earn with the plan that they keep."""
    if not facts.previous.frozen.any():
        return Exact.zeros(facts.n_orders)
    kept = Tally(facts, facts.previous.kept_rows)
    worth = order_values(kept, book.rates) - priced_use(kept, book)
    return worth.where(facts.previous.frozen, 0)


def _chunks(facts: Facts) -> Iterator[Ints]:
    """The orders that may decide (not held or frozen, with lines), in pieces of bounded size."""
    active = np.flatnonzero(~facts.held & ~facts.previous.frozen & (facts.lines_of_order > 0))
    slots = facts.events.slots.width(active)
    cells = np.cumsum(facts.lines_of_order[active] * (1 + slots) + slots * slots // 4)  # pairs are tabled too
    piece = cells // CELLS_PER_CHUNK
    yield from np.split(active, np.flatnonzero(np.diff(piece)) + 1) if len(active) else ()


def shortfall_blocks(facts: Facts, book: PriceBook) -> Exact:
    """Best of each contract's shortfall s in [0, required]: max(0, −price − its penalty, weighted)·required.

    A hard contract (no penalty) has no shortfall.
    """
    table = facts.tables.contracts
    if not len(table):
        return Exact.zeros(0)
    penalty: Exact = table["shortfall_penalty"]
    gain = -book.spread("contract_minimum", len(table)) - penalty * book.rates.shortfall - book.rates.short_units
    return gain.maximum(0).where(table.given("shortfall_penalty"), 0) * facts.contract_required


def opening_blocks(facts: Facts, book: PriceBook) -> Exact:
    """Best of opening each warehouse or not: max(0, Σ opening prices − its weighted fixed_open_cost)."""
    houses = facts.tables.warehouses
    cost: Exact = houses["fixed_open_cost"] * book.rates.opening
    return (openings_paid(facts, book) - cost).maximum(0)


def openings_paid(facts: Facts, book: PriceBook) -> Exact:
    """Σ opening prices of each warehouse."""
    opening, slots = book["warehouse_opening"], facts.events.slots
    house = facts.tables.lane_warehouse[slots.lane[opening.row]]
    return opening.price.sum_by(house, facts.n_warehouses)
