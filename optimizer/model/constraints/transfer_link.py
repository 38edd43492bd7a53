"""The family `transfer_link`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.transfers import move_keys, transfer_columns
from optimizer.model.variables import NONE


def transfer_link(f: Formulation) -> Rows:
    """Nothing is moved on a day whose fixed cost is not paid: one row for each lot, with its own limit.

    Index: moves m by rows t of `transfers` with fixed_cost, leaving on day d
    Formula: transfer_qty[m] ≤ most[m] · transfer_used[t,d]
    Dual: ψ[m] ≥ 0
    Unit: units
    Absent: where moving has no fixed cost, or its cost does not count
    Meaning: the share of the fixed cost that the lot bears; belongs to the block of moves, not published
    """
    transfers = transfer_columns(f)
    chosen = np.flatnonzero(transfers.used[transfers.departure] != NONE)
    move, row = transfers.move[chosen], np.arange(len(chosen))
    used = transfers.used[transfers.departure[chosen]]
    entries = [(row, transfers.column[chosen], np.ones(len(row))), (row, used, -transfers.most[chosen])]
    keys = move_keys(f.batch.supply, move)
    return make_rows("transfer_link", keys, entries, same(-np.inf, len(row)), same(0, len(row)))
