"""Branches in a certificate: sets of stock rows, each with a tree over shipments and prices of its own at every leaf.

A set has some pools and all orders that could take from any of them. Its tree asks of one shipment (order, lane) after
another whether it leaves; every plan answers all questions on the way to one leaf. At the prices of that leaf, and with
what it fixes, the pools and orders of the set are worth at least what the plan makes of them: so the largest leaf
counts, in place of what the set is worth at the prices of the certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.events import find_keys
from optimizer.proof.facts import Facts
from optimizer.proof.priced_rows import Keys, PricedRows
from optimizer.proof.scope import ranges
from optimizer.proof.stated import are_texts, check_known

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIELDS = {"stock", "orders", "tree"}


class Fixed(NamedTuple):
    """Shipments that a leaf decides: sorted keys order · lanes + lane, and whether each leaves."""

    key: Ints
    leaves: Flags

    @classmethod
    def joined(cls, parts: Sequence[Fixed]) -> Fixed:
        """All of them as one; no shipment is in two."""
        key = np.concatenate([part.key for part in parts])
        by_key = np.argsort(key)
        return cls(key[by_key], np.concatenate([part.leaves for part in parts])[by_key])

    def of(self, key: Ints) -> tuple[Flags, Flags]:
        """Which shipments are fixed to leave, and which to stay."""
        at = find_keys(self.key, key)
        leaves = np.append(self.leaves, False)[at]
        return leaves, (at >= 0) & ~leaves


class Round(NamedTuple):
    """One leaf of each of some sets."""

    order: Ints
    """of these sets"""
    pool: Ints
    price: Exact
    """of each pool"""
    fixed: Fixed


@dataclass(frozen=True)
class Branches:
    """Sets one after another: their pools and orders, and the leaves of their trees."""

    pool: Ints
    pool_set: Ints
    order: Ints
    order_set: Ints
    fixed: list[Fixed]
    """per leaf"""
    leaves: Ints
    """per set: how many"""
    price: Exact
    """of each leaf in turn, of each pool of its set"""

    def __len__(self) -> int:
        return len(self.leaves)

    @property
    def rounds(self) -> int:
        """Leaves of the set with most of them."""
        return int(self.leaves.max(initial=0))

    def round(self, at: int) -> Round:
        """The leaf at this place of every set that has so many."""
        sets = np.flatnonzero(self.leaves > at)
        (pools, first_pool), (orders, first_order) = self._pools, self._orders
        first_price = _starts(pools * self.leaves)[sets] + at * pools[sets]
        return Round(
            self.order[ranges(first_order[sets], orders[sets])],
            self.pool[ranges(first_pool[sets], pools[sets])],
            self.price.take(ranges(first_price, pools[sets])),
            Fixed.joined([self.fixed[leaf] for leaf in (self.first_leaf[sets] + at).tolist()]),
        )

    def by_set(self, per_pool: Exact, per_order: Exact) -> Exact:
        """Sums of each set, of amounts of all pools and of all orders of a batch."""
        pools = per_pool.take(self.pool).sum_by(self.pool_set, len(self))
        return pools + per_order.take(self.order).sum_by(self.order_set, len(self))

    def largest(self, room: Ints, leaf: Ints, of_order: Exact) -> Exact:
        """The largest leaf of each set: its prices times the ``room`` of the pools, and what its orders are worth."""
        pools, first = self._pools
        owner = np.repeat(np.arange(len(self)), self.leaves)
        pool = self.pool[ranges(first[owner], pools[owner])]
        stock = (self.price * room[pool]).sum_by(np.repeat(np.arange(len(owner)), pools[owner]), len(owner))
        worth = stock + of_order.sum_by(leaf, len(owner))
        return Exact(np.maximum.reduceat(worth.num, self.first_leaf), worth.scale)

    @cached_property
    def first_leaf(self) -> Ints:
        """Where the leaves of each set begin."""
        return _starts(self.leaves)

    @cached_property
    def _pools(self) -> tuple[Ints, Ints]:
        """How many pools each set has, and where they begin."""
        count = np.bincount(self.pool_set, minlength=len(self)).astype(np.int64)
        return count, _starts(count)

    @cached_property
    def _orders(self) -> tuple[Ints, Ints]:
        """How many orders each set has, and where they begin."""
        count = np.bincount(self.order_set, minlength=len(self)).astype(np.int64)
        return count, _starts(count)


def _starts(sizes: Ints) -> Ints:
    starts: Ints = np.cumsum(sizes) - sizes
    return starts


def refused(words: str) -> VerificationError:
    """What is wrong with the branches of a certificate."""
    return VerificationError(f"certificate.json: branches: {words}")


def read_branches(facts: Facts, rows: PricedRows, stated: Any, price_of: Any) -> Branches | None:
    """The branches of a certificate, None where it has none; raises `VerificationError` for any that prove nothing.

    ``price_of`` turns (what is priced, text) into a decimal.
    """
    _check_form(stated)
    if not stated:
        return None
    if not facts.is_simple or facts.events.dated:
        raise refused("they are for batches without dates, lots, substitutes and transfers")
    if facts.previous.frozen.any():
        raise refused("they are for batches without frozen orders")
    names: Keys = [(pool[0], pool[1]) for each in stated for pool in each["stock"]]
    pool_set = np.repeat(np.arange(len(stated)), [len(each["stock"]) for each in stated])
    pool, _, _ = rows.find("warehouse_stock", names)
    _known(pool, names, "stock row")
    _once(pool, names, "stock row")
    order, order_set = _orders(facts, rows, stated)
    set_of_order = np.full(facts.n_orders, -1, dtype=np.int64)
    set_of_order[order] = order_set
    _check_members(facts, pool, pool_set, set_of_order)
    shipments = _shipments(facts, rows, stated, set_of_order)
    leaves = [_leaves(each, shipments) for each in stated]
    price = Exact.of(_prices(stated, price_of))
    if (price < 0).any():
        raise refused("the price of a leaf is below 0")
    count = np.array([len(each) for each in leaves], dtype=np.int64)
    flat = [leaf for each in leaves for leaf in each]
    return Branches(pool, pool_set, order, order_set, flat, count, price)


# -- the form -----------------------------------------------------------------------------------------------------
def _check_form(stated: Any) -> None:
    if not isinstance(stated, list) or not all(isinstance(each, Mapping) for each in stated):
        raise refused("a list of sets is due")
    for each in stated:
        if set(each) != FIELDS or not all(isinstance(each[name], list) for name in FIELDS):
            raise refused(f"a set has {list(each)} where lists {sorted(FIELDS)} are due")
        if not each["stock"] or not all(are_texts(pool, 2) for pool in each["stock"]):
            raise refused("the stock of a set must be pairs of warehouse_id and product_id")
        if not are_texts(each["orders"]):
            raise refused("the orders of a set must be a list of order_id")
        for entry in each["tree"]:
            if not are_texts(entry, 3) and not _is_leaf(entry):
                raise refused(f"{entry!r} is neither a shipment (order, warehouse, service) nor a leaf with prices")
            if _is_leaf(entry) and len(entry["prices"]) != len(each["stock"]):
                raise refused(f"a leaf has {len(entry['prices'])} prices for {len(each['stock'])} stock rows")


def _is_leaf(entry: Any) -> bool:
    return isinstance(entry, Mapping) and set(entry) == {"prices"} and are_texts(entry["prices"])


def _known(place: Ints, names: Keys, what: str) -> None:
    check_known(place, names, what, "branches: they name")


def _once(place: Ints, names: Sequence[tuple[str, ...]], what: str) -> None:
    _, first = np.unique(place, return_index=True)
    if len(first) < len(place):
        again = np.setdiff1d(np.arange(len(place)), first)
        raise refused(f"the {what} {names[int(again[0])]} stands twice")


def _prices(stated: list[Mapping[str, Any]], price_of: Any) -> Iterator[Any]:
    for each in stated:
        for entry in each["tree"]:
            if _is_leaf(entry):
                for pool, text in zip(each["stock"], entry["prices"], strict=True):
                    yield price_of("a leaf of", [*pool, text])


# -- pools, orders and shipments ----------------------------------------------------------------------------------
def _orders(facts: Facts, rows: PricedRows, stated: list[Mapping[str, Any]]) -> tuple[Ints, Ints]:
    """The orders of all sets, each once, and the set of each."""
    names: Keys = [(name,) for each in stated for name in each["orders"]]
    order = rows.look("orders", facts.tables.orders, ["order_id"], names)
    _known(order, names, "order")
    _once(order, names, "order")
    return order, np.repeat(np.arange(len(stated)), [len(each["orders"]) for each in stated])


def _check_members(facts: Facts, pool: Ints, pool_set: Ints, set_of_order: Ints) -> None:
    """Every order that could take from a pool of a set is among its orders; held orders get nothing."""
    tables, supply, slots = facts.tables, facts.supply, facts.events.slots
    wanted = np.zeros(max(facts.n_products, 1), dtype=bool)
    wanted[supply.pool_product[pool]] = True
    line = np.flatnonzero(wanted[tables.line_product] & ~facts.held[tables.line_order])
    owner, slot = slots.of_orders(tables.line_order[line])
    line, house = line[owner], tables.lane_warehouse[slots.lane[slot]]
    set_of_pool = np.full(len(supply.pool_key) + 1, -1, dtype=np.int64)
    set_of_pool[pool] = pool_set
    needed = set_of_pool[supply.find_pool(house, tables.line_product[line])]
    absent = (needed >= 0) & (set_of_order[tables.line_order[line]] != needed)
    absent[absent] = facts.own_caps(line[absent], slot[absent, None])[:, 0] > 0
    if absent.any():
        at = int(np.flatnonzero(absent)[0])
        order = tables.orders["order_id"][tables.line_order[line[at]]]
        stock = (
            tables.warehouses["warehouse_id"][house[at]],
            tables.products["product_id"][tables.line_product[line[at]]],
        )
        raise refused(f"order {order} could take from {stock}, and is not among the orders of that set")


def _shipments(
    facts: Facts, rows: PricedRows, stated: list[Mapping[str, Any]], set_of_order: Ints
) -> Iterator[tuple[int, list[str]]]:
    """The key and the name of each shipment that is branched on, in turn."""
    tables = facts.tables
    entries = [entry for each in stated for entry in each["tree"] if isinstance(entry, list)]
    owner = np.repeat(
        np.arange(len(stated)), [sum(isinstance(entry, list) for entry in each["tree"]) for each in stated]
    )
    names: Keys = [(entry[0],) for entry in entries]
    order = rows.look("orders", tables.orders, ["order_id"], names)
    _known(order, names, "order")
    foreign = np.flatnonzero(set_of_order[order] != owner)
    if len(foreign):
        raise refused(f"a tree branches on {entries[int(foreign[0])]}, and that order is not in its set")
    lane, lanes = rows.lanes(order, ((entry[1], entry[2]) for entry in entries))
    _known(lane, lanes, "lane")
    key = order * np.int64(max(len(tables.lanes), 1)) + lane
    return zip(key.tolist(), entries, strict=True)


def _leaves(each: Mapping[str, Any], shipments: Iterator[tuple[int, list[str]]]) -> list[Fixed]:
    """What each leaf of a tree fixes. ``path``: the shipments above, the last one last, and whether they leave."""
    path: dict[int, bool] = {}
    leaves: list[Fixed] = []
    ended = False
    for entry in each["tree"]:
        if ended:
            raise refused(f"the tree of {each['stock'][0]} goes on after its end")
        if isinstance(entry, list):
            key, name = next(shipments)
            if key in path:
                raise refused(f"a tree branches on {name} again below it")
            path[key] = False
            continue
        leaves.append(Fixed(np.array([*path], dtype=np.int64), np.array([*path.values()], dtype=bool)))
        while path and path[next(reversed(path))]:
            path.popitem()
        ended = not path
        if path:
            path[next(reversed(path))] = True
    if not ended:
        raise refused(f"the tree of {each['stock'][0]} ends too early")
    return leaves
