"""An upper bound on every plan, by weak duality, in exact arithmetic.

For any prices of the right sign, D = Σ price·rhs + Σ best of each order block + Σ best of each resource block is at
least the value of every plan. Order blocks are independent: each is maximised exactly, or bounded from above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from optimizer.proof.supply import NOBODY
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
    branched: Exact
    """per set of `branches`: what its tree takes off the sum of all parts, at least 0"""
    searched: Flags
    """per order: its block was maximised over all sets of lanes, not only bounded"""
    without_plan: Ints
    book: PriceBook
    """prices that give the bound"""
    shown: PriceBook
    """prices that `shadow_prices` shows: the same, unless covers give the bound; without branches"""


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
    possible, searched = np.ones(facts.n_orders, dtype=bool), np.ones(facts.n_orders, dtype=bool)
    pieces = [Piece(layout, chunk) for chunk in _chunks(facts, _deciding(facts))]
    threads = THREADS if len(pieces) >= FEW_CHUNKS else 1
    ids, money = [NOBODY], [Exact.zeros(0)]
    for found in _found([pieces[thread::threads] for thread in range(threads)]):
        ids.append(found.order)
        money.append(_money(found))
        possible[found.order], searched[found.order] = found.best.possible, found.best.searched
    best = Exact.concat(money).sum_by(np.concatenate(ids), facts.n_orders)
    orders = best - left_behind(facts, book) + frozen_orders(facts, book)
    shortfalls, openings = shortfall_blocks(facts, book), opening_blocks(facts, book)
    transfers, shares = transfer_blocks(facts, book), share_blocks(facts, book)
    parts = (orders, shortfalls, openings, transfers, shares)
    branched = taken_off(facts, layout, book, best)
    without = np.flatnonzero(~possible)
    total = book.priced_rhs + sum((part.sum() for part in parts), Fraction(0)) - branched.sum()
    value = None if len(without) else total
    return Bound(value, book.priced_rhs, *parts, branched, searched, without, book, shown or book)


def taken_off(facts: Facts, layout: Layout, book: PriceBook, best: Exact) -> Exact:
    """What the tree of each set takes off the bound; ``best``: of each order, at the prices and with nothing fixed.

    In rounds: the first leaves of all trees together, then the second ones, and so on. Orders are numbered on from
    round to round, so that the pool joins blocks of all rounds to long arrays. The largest leaf of a tree counts.
    """
    branches, reduced, n = book.branches, layout.reduced, facts.n_orders
    if branches is None:
        return Exact.zeros(0)
    deciding = np.isin(np.arange(n), _deciding(facts))

    def pieces(rounds: range) -> Iterator[Piece]:
        for at in rounds:
            order, pool, price, fixed = branches.round(at)
            there = layout.at(reduced.in_leaf(pool, price, fixed))
            yield from (Piece(there, chunk, at * n) for chunk in _chunks(facts, order[deciding[order]]))

    threads = THREADS if branches.rounds >= FEW_CHUNKS else 1
    found = list(_found([pieces(range(thread, branches.rounds, threads)) for thread in range(threads)]))
    at, order = np.divmod(np.concatenate([NOBODY, *(each.order for each in found)]), n)
    set_of_order = np.zeros(n, dtype=np.int64)
    set_of_order[branches.order] = branches.order_set
    leaf = branches.first_leaf[set_of_order[order]] + at
    largest = branches.largest(facts.supply.period_atp, leaf, Exact.concat(_money(each) for each in found))
    before = branches.by_set(reduced.stock.pool_price * facts.supply.period_atp, best)
    return (before - largest).maximum(0)


def _money(found: Found) -> Exact:
    return Exact((Exact(found.best.value, 0) * found.unit).num, DECIMALS + 2)


def _deciding(facts: Facts) -> Ints:
    """The orders that may decide: not held or frozen, with lines."""
    return np.flatnonzero(~facts.held & ~facts.previous.frozen & (facts.lines_of_order > 0))


class Piece(NamedTuple):
    """Some orders, and where they are laid out; ``shift``: what is added to their numbers in what is found."""

    layout: Layout
    orders: Ints
    shift: int = 0


def _found(work: Sequence[Iterable[Piece]]) -> Iterator[Found]:
    """The best of all orders, on as many threads as there are lists: numpy works on long arrays without a lock."""

    def best(pieces: Iterable[Piece]) -> list[Found]:
        pool, found = Pool(), list[Found]()
        for layout, orders, shift in pieces:
            for group in layout.groups(orders):
                for part in layout.parts(group):
                    found += pool.add(part._replace(order=part.order + shift))
        return [*found, *pool.rest()]

    with ThreadPoolExecutor(len(work)) as executor:
        for found in executor.map(best, work):
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


def _chunks(facts: Facts, orders: Ints) -> Iterator[Ints]:
    """Orders in pieces of bounded size."""
    slots = facts.events.slots.width(orders)
    cells = np.cumsum(facts.lines_of_order[orders] * (1 + slots) + slots * slots // 4)  # pairs are tabled too
    piece = cells // CELLS_PER_CHUNK
    yield from np.split(orders, np.flatnonzero(np.diff(piece)) + 1) if len(orders) else ()


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
