"""A plan whose batch was changed so that a receipt comes earlier, and with it some of the days on which goods leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.model.ragged import expand
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import MovedStock, Plan

Ints = NDArray[np.int64]


def on_days_left(ledger: Ledger) -> Ledger | None:
    """The plan of a batch of which a receipt came earlier: what left on days that are no more leaves on those before.

    Nothing it could use came in between, so that all it takes is there. None where a pin may hold something to its day.
    """
    tables, plan, days = ledger.tables, ledger.plan, ledger.batch.ship_days
    at, day = days.expand(ledger.row_order, ledger.row_warehouse)
    day = _latest(at, day, plan.day)
    gone = np.flatnonzero(day != plan.day)
    if np.isin(plan.line[gone], tables.pin_line[~np.isnat(tables.pins["ship_date"])]).any():
        return None
    moved = Plan.joined(plan.line, plan.lane, plan.qty, day, plan.product, plan.draws)
    return Ledger(tables, ledger.scenario, replace(moved, moves=_moves_left(ledger)))


def _moves_left(ledger: Ledger) -> MovedStock:
    """The same for moves between warehouses."""
    moved, moves = ledger.plan.moves, ledger.batch.supply.moves
    size = len(ledger.batch.supply)
    own, wanted = moves.transfer * size + moves.source, moved.transfer * size + moved.source
    at, move = expand(np.searchsorted(own, wanted), np.searchsorted(own, wanted, side="right"))
    day = _latest(at, moves.leave[move], moved.day)
    return MovedStock.of(moved.transfer, moved.source, day, moved.units, moved.product)


def _latest(at: Ints, day: Ints, until: Ints) -> Ints:
    """For each of ``until`` the latest of its days (``at``: whose they are) that is no later."""
    found = np.zeros(len(until), dtype=np.int64)
    early = np.flatnonzero(day <= until[at])
    np.maximum.at(found, at[early], day[early])
    return found
