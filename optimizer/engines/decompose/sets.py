"""Shallow stock and all orders that may take from it, cut out of a batch: small enough to branch on.

What prices leave open on fragmented stock is a matter of few orders at a time: who gets the last units of a product. So
products are joined into sets, those first where the plan and the bound are furthest apart for each order that comes
in, as long as a set has few orders. In a set rows keep prices of their own, at each leaf of a search tree
(`optimizer.engines.decompose.trees`); all other rows keep those that they have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.components import components
from optimizer.engines.decompose.problem import ALONE, USE, Blocks, Floats, Ints, Problem, Records
from optimizer.engines.resolve_matrix import slices

MOST_BLOCKS = 20
"""Blocks of a set: larger ones hold more of the gap, but close less of it in the same time."""
LEAST_GAP = 1e-6
"""Money between the bound and the plan, of a product, below which there is nothing to gain."""


class Set(NamedTuple):
    """Blocks, and shared rows that no other block uses; both ascend."""

    blocks: Ints
    rows: Ints


class Apart(NamedTuple):
    """How far a plan is from the bound at the prices, and where."""

    worth: Floats
    """per block: what its plan is worth at the prices"""
    regret: Floats
    """per block: its best plan at the prices, less that"""
    left: Floats
    """per shared row: price · what is left of it"""


def apart(problem: Problem, price: Floats, best: Floats, values: Floats) -> Apart:
    """The parts of the gap of a plan, ``values`` of the columns; ``best``: bound of each block at the prices."""
    blocks, shared = problem.blocks, problem.shared
    steps, opened = values[problem.arc_column], values[problem.open_column]
    arc, door = reduced(blocks, price)
    worth: Floats = np.bincount(blocks.block_of_arc, steps * arc, blocks.n_blocks).astype(np.float64)
    worth -= np.bincount(blocks.block_of_door, opened * door, blocks.n_blocks)
    used = np.bincount(blocks.arc_use["row"], blocks.arc_use["use"] * steps[blocks.arc_of_use], len(price))
    used += np.bincount(blocks.door_use["row"], blocks.door_use["use"] * opened[blocks.door_of_use], len(price))
    return Apart(worth, best - worth, price * (shared.rhs - used))


def reduced(blocks: Blocks, price: Floats) -> tuple[Floats, Floats]:
    """Money of a step of each arc and fee of each opener once what they use is paid."""
    use, door_use = blocks.arc_use, blocks.door_use
    paid = np.bincount(blocks.arc_of_use, use["use"] * price[use["row"]], len(blocks.arc) - 1)
    more = np.bincount(blocks.door_of_use, door_use["use"] * price[door_use["row"]], len(blocks.door) - 1)
    return blocks.arc["value"][:-1] - paid, blocks.door["fee"][:-1] + more


def find_sets(problem: Problem, rows: Ints, gap: Apart) -> list[Set]:
    """Disjoint sets over some shared rows, of lines that take from nothing else of theirs; without rules of orders."""
    blocks, shared = problem.blocks, problem.shared
    product = _products(blocks, rows, len(shared.rhs))
    row, block = _users(blocks, product)
    product = _without_rules(blocks, product, product[row], block)
    row, block = row[product[row] >= 0], block[product[row] >= 0]
    pair = np.unique(product[row] * blocks.n_blocks + block)
    of, user = pair // max(blocks.n_blocks, 1), pair % max(blocks.n_blocks, 1)
    count = int(product.max(initial=-1)) + 1
    many = np.bincount(user, minlength=blocks.n_blocks)
    asked = np.bincount(of, gap.regret[user] / many[user], count)
    known = product >= 0
    asked += np.bincount(product[known], gap.left[known], count)
    size = np.bincount(of, minlength=count)
    order = np.argsort(-asked / np.maximum(size, 1), kind="stable")
    first = np.searchsorted(of, np.arange(count + 1))
    wanted = [(at, user[first[at] : first[at + 1]]) for at in order.tolist() if asked[at] > LEAST_GAP and size[at]]
    joined = _join(wanted, blocks.n_blocks)
    by_product = np.argsort(product, kind="stable")
    begin = np.searchsorted(product[by_product], np.arange(count + 1))
    rows_of = [by_product[begin[at] : begin[at + 1]] for at in range(count)]
    return [Set(members, np.sort(np.concatenate([rows_of[at] for at in products]))) for members, products in joined]


def _products(blocks: Blocks, rows: Ints, size: int) -> Ints:
    """Per shared row: a number common to the ``rows`` that the same lines use, −1 for all others."""
    asked = np.zeros(size, dtype=bool)
    asked[rows] = True
    asked[blocks.door_use["row"]] = False
    line = blocks.line_of_arc[blocks.arc_of_use]
    row = blocks.arc_use["row"].astype(np.int64)
    kept = asked[row]
    line, row = line[kept], row[kept]
    by_row = np.argsort(row, kind="stable")
    label = components(row[by_row], line[by_row], len(blocks.line) - 1)
    product = np.full(size, -1, dtype=np.int64)
    product[row] = np.unique(label[line], return_inverse=True)[1] if len(line) else 0
    return product


def _users(blocks: Blocks, product: Ints) -> tuple[Ints, Ints]:
    """(row, block) of every use of a row that has a product."""
    row = blocks.arc_use["row"].astype(np.int64)
    kept = product[row] >= 0
    return row[kept], blocks.block_of_arc[blocks.arc_of_use[kept]]


def _without_rules(blocks: Blocks, product: Ints, of: Ints, block: Ints) -> Ints:
    """Products that no block with rules of its own asks for; the others are −1."""
    barred = np.unique(of[blocks.block["has_rules"][block]])
    return np.where(np.isin(product, barred), -1, product)


def _join(wanted: list[tuple[int, Ints]], blocks: int) -> list[tuple[Ints, list[int]]]:
    """Blocks and products of each set, products joined one after the other where the set stays small."""
    label = np.arange(blocks)
    members: dict[int, Ints] = {}
    products: dict[int, list[int]] = {}
    for product, users in wanted:
        met = np.unique(label[users]).tolist()
        groups = [members.get(at, np.array([at], dtype=np.int64)) for at in met]
        if sum(map(len, groups)) > MOST_BLOCKS:
            continue
        joined = np.concatenate(groups)
        label[joined] = met[0]
        for at in met:
            members.pop(at, None)
        members[met[0]] = joined
        products[met[0]] = [product, *(each for at in met for each in products.pop(at, []))]
    return [(np.sort(members[at]), sorted(products[at])) for at in sorted(products)]


def cut_out(blocks: Blocks, chosen: Set, price: Floats) -> Blocks:
    """The blocks of a set alone; what they use of rows that are not the set's is paid, and no longer told of."""
    block = chosen.blocks
    line, lines = _spread(blocks.block["line"], block)
    door, doors = _spread(blocks.block["open"], block)
    arc, arcs = _spread(blocks.line["arc"], line)
    used, uses = _spread(blocks.arc["use"], arc)
    paid_for, pays = _spread(blocks.door["use"], door)
    use, owner = blocks.arc_use[used], np.repeat(np.arange(len(arc)), uses)
    place = np.searchsorted(chosen.rows, use["row"])  # not an array over all rows: there are thousands of sets
    is_own = np.append(chosen.rows, -1)[place] == use["row"]
    paid = np.bincount(owner, np.where(is_own, 0.0, use["use"] * price[use["row"]]), len(arc))
    door_use = blocks.door_use[paid_for]
    more = np.bincount(np.repeat(np.arange(len(door)), pays), door_use["use"] * price[door_use["row"]], len(door))
    own = use[is_own]
    own["row"] = place[is_own]
    found = Blocks(
        block=_records(blocks.block, block, line=lines, open=doors),
        line=_records(blocks.line, line, arc=arcs),
        arc=_records(blocks.arc, arc, use=np.bincount(owner[is_own], minlength=len(arc))),
        door=_records(blocks.door, door, use=np.zeros(len(door), dtype=np.int64)),
        arc_use=own,
        door_use=np.zeros(0, dtype=USE),
        alone=np.zeros(1, dtype=ALONE),
    )
    found.block["alone"] = 0  # they keep their prices
    found.arc["value"][:-1] -= paid
    found.door["fee"][:-1] += more
    return found


def _spread(first: Ints, at: Ints) -> tuple[Ints, Ints]:
    """What begins at ``first`` of some records and ends where the next begins; and how many each has."""
    return slices(first[at], first[at + 1]), first[at + 1] - first[at]


def _records(records: Records, at: Ints, **sizes: Ints) -> Records:
    """Some records, one after the other; fields that say where parts begin follow from how many there are."""
    found = np.zeros(len(at) + 1, dtype=records.dtype)
    found[:-1] = records[at]
    for name, size in sizes.items():
        found[name] = np.concatenate([[0], np.cumsum(size)])
    return found


def doors_of(blocks: Blocks, chosen: Set) -> Ints:
    """The openers of a set in the whole problem, in the order in which `cut_out` has them."""
    return _spread(blocks.block["open"], chosen.blocks)[0]
