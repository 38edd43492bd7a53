"""What a plan does to stock: the value of what it takes and receives, and what it leaves where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.ragged import totals
from optimizer.solution.ledger import Ledger

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def draw_value(ledger: Ledger) -> Exact:
    """Money per draw: unit cost of the product drawn · units (blank cost: 0)."""
    draws = ledger.plan.draws
    cost: Exact = ledger.tables.products["unit_cost"]
    return cost.take(ledger.batch.supply.product[draws.source]) * draws.units


def taken_from_sources(ledger: Ledger) -> Ints:
    """Units that leave each source, to customers and to other warehouses."""
    draws, moves, size = ledger.plan.draws, ledger.plan.moves, len(ledger.batch.supply)
    return totals(draws.source, draws.units, size) + totals(moves.source, moves.units, size)


def taken_from_stock(ledger: Ledger) -> Ints:
    """Units that the plan takes of what lies in each row of `stock`: at most what is there, the rest is to come."""
    supply, taken = ledger.batch.supply, taken_from_sources(ledger)
    on_shelf = np.flatnonzero(supply.stock_row >= 0)
    used = np.zeros(len(ledger.tables.stock), dtype=np.int64)
    used[supply.stock_row[on_shelf]] = np.minimum(taken[on_shelf], supply.on_hand[on_shelf])
    return used


def left_in_pools(ledger: Ledger) -> Ints:
    """Units of each pool that are available to promise in its last period and that the plan leaves unused."""
    supply, moves, last = ledger.batch.supply, ledger.plan.moves, ledger.batch.supply.period_start[1:] - 1
    living = supply.expiry >= supply.period_day[last][supply.pool]
    taken = totals(supply.pool, np.where(living, taken_from_sources(ledger), 0), len(last))
    to = supply.find_pool(ledger.tables.transfer_to[moves.transfer], moves.product)
    left = supply.period_atp[last] + totals(to, moves.units, len(last)) - taken
    return np.asarray(np.maximum(left, 0), dtype=np.int64)


def available_units(ledger: Ledger) -> Ints:
    """Units that each warehouse could have shipped by the last day of the plan.

    The most that each pool has on a day until then, and what the plan moves in, less what it moves out.
    """
    supply, moves, tables = ledger.batch.supply, ledger.plan.moves, ledger.tables
    now = np.where(supply.period_day <= last_day(ledger), supply.period_atp, 0)
    peak = np.zeros(len(supply.pool_warehouse), dtype=np.int64)
    np.maximum.at(peak, supply.period_pool, now)
    size = len(tables.warehouses)
    moved = totals(tables.transfer_to[moves.transfer], moves.units, size)
    moved -= totals(tables.transfer_from[moves.transfer], moves.units, size)
    return totals(supply.pool_warehouse, peak, size) + moved


def last_day(ledger: Ledger) -> int:
    """The last day on which anything leaves a warehouse, 0 if nothing does."""
    return int(max(ledger.plan.day.max(initial=0), ledger.plan.moves.day.max(initial=0)))


def received_value(ledger: Ledger) -> Exact:
    """Money of the receipts available by the last day on which anything leaves."""
    supply, tables = ledger.batch.supply, ledger.tables
    arrived = supply.receipt_day <= last_day(ledger)
    cost: Exact = tables.products["unit_cost"].take(supply.pool_product[supply.receipt_pool])
    return cost * (supply.receipt_qty * arrived)
