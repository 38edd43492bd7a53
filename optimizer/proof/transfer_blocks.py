"""The best that transfers can earn at the prices: units move to where stock is worth more, if that pays for the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import DAYS
from optimizer.proof.facts import Facts
from optimizer.proof.pins import NO_LIMIT
from optimizer.proof.prices import PriceBook
from optimizer.proof.stock_prices import StockPrices
from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]


def move_values(facts: Facts, book: PriceBook, row: Ints, move: Ints, day: Ints) -> Exact:
    """What one unit earns that leaves on a day: the stock that it brings less the stock that it takes and its costs."""
    supply, moves = facts.supply, facts.supply.moves
    stock = StockPrices(facts, book)
    source, target = moves.source[move], moves.target[move]
    arrive = day + supply.transit(row)
    worth = stock.leaving(target, arrive) - stock.leaving(source, day) - stock.moving(source, day)
    product = supply.pool_product[supply.pool[source]]
    rate = facts.move_rate(row, product)
    cost = rate * book.rates.transfer
    for at, price in zip(book["budget"].row.tolist(), book["budget"].price.fractions(), strict=True):
        if facts.money.kind[at] == "transfer_cost":
            cost = cost + rate * facts.money.moved(at, product) * price
    capacity = book.spread("transfer_capacity", len(facts.tables.transfers))
    earned: Exact = worth - cost - capacity.take(row)
    return earned


def start_costs(facts: Facts, book: PriceBook, row: Ints) -> Exact:
    """What it costs at the prices that anything leaves by a row of `transfers` on a day."""
    table = facts.tables.transfers
    fixed: Exact = table["fixed_cost"]
    fixed = fixed.where(table.given("fixed_cost"), 0)
    rate = book.rates.transfer
    for at, price in zip(book["budget"].row.tolist(), book["budget"].price.fractions(), strict=True):
        if facts.money.kind[at] == "transfer_cost" and not facts.money.names_product(at):
            rate += price
    weighted: Exact = fixed.take(row) * rate
    return weighted


def transfer_blocks(facts: Facts, book: PriceBook) -> Exact:
    """An upper bound, by row of `transfers`, on what it can earn: each day apart, each pool by its best lot.

    Σ over days of max(0, Σ over pools of best value · what the pool has by then − fixed cost), and no more units in
    all than the capacity of the row.
    """
    table, supply, moves = facts.tables.transfers, facts.supply, facts.supply.moves
    if not len(moves.row):
        return Exact.zeros(len(table))
    move, day = moves.days(np.arange(len(moves.row)))
    row = moves.row[move]
    value = move_values(facts, book, row, move, day).maximum(0)
    source = moves.source[move]
    has = supply.own(source, day)
    pool = supply.pool[source]
    keys, of_lot = np.unique(np.column_stack([row, day, pool]), axis=0, return_inverse=True)
    of_lot = of_lot.ravel()
    by_pool = np.argsort(of_lot, kind="stable")
    starts = np.searchsorted(of_lot[by_pool], np.arange(len(keys)))
    best = Exact(np.maximum.reduceat(value.num[by_pool], starts), value.scale)
    lots = np.zeros(len(keys), dtype=np.int64)
    np.add.at(lots, of_lot, has)
    size = np.minimum(lots, supply.atp(keys[:, 2], keys[:, 1]))
    return _by_row(facts, book, keys[:, 0], keys[:, 1], best, size)


def _by_row(facts: Facts, book: PriceBook, row: Ints, day: Ints, best: Exact, size: Ints) -> Exact:
    """The best of each row from what its pools can earn on each of its days."""
    table = facts.tables.transfers
    capacity = np.where(table.given("capacity_units"), table["capacity_units"], NO_LIMIT)[row]
    starts, of_day = np.unique(row * DAYS + day, return_inverse=True)
    order = np.lexsort((-best.num, of_day)) if best.num.dtype == np.int64 else _sorted(of_day, best)
    taken = size[order]
    before = np.cumsum(taken) - taken
    begin = np.searchsorted(of_day[order], np.arange(len(starts)))
    before = before - before[begin][of_day[order]]
    kept = np.clip(capacity[order] - before, 0, taken)
    earned = (best.take(order) * kept).sum_by(of_day[order], len(starts))
    net: Exact = (earned - start_costs(facts, book, starts // DAYS)).maximum(0)
    return net.sum_by(starts // DAYS, len(table))


def _sorted(group: Ints, best: Exact) -> Ints:
    """Positions by group, the larger numbers first, for numbers beyond machine integers."""
    rank = np.argsort(np.argsort(-best.num, kind="stable"), kind="stable")
    return np.lexsort((rank, group))


def transfers_earned(tally: Tally, book: PriceBook) -> Exact:
    """What the moves of a plan earn at the prices, by row of `transfers`."""
    facts, rows = tally.facts, tally.rows
    size = len(facts.tables.transfers)
    if not size or not len(rows.move):
        return Exact.zeros(size)
    value = move_values(facts, book, rows.move_row, rows.move, rows.move_day) * rows.move_units
    starts = np.unique(rows.move_row * DAYS + rows.move_day) // DAYS
    return value.sum_by(rows.move_row, size) - start_costs(facts, book, starts).sum_by(starts, size)
