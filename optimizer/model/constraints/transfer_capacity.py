"""The family `transfer_capacity`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.transfers import transfer_columns


def transfer_capacity(f: Formulation) -> Rows:
    """No more is moved from one warehouse to another in the batch than the row of `transfers` carries.

    Index: rows t of `transfers` with capacity_units
    Formula: Σ_{moves m by t} transfer_qty[m] ≤ capacity_units[t]
    Dual: ϑ[t] ≥ 0
    Unit: units
    Absent: where no capacity is stated, or all that could be moved stays below it
    Meaning: money gained by one more unit of capacity between the two warehouses
    """
    transfers, table = transfer_columns(f), f.tables.transfers
    of_move = f.batch.supply.moves.transfer[transfers.move]
    stated = table.given("capacity_units") & (np.bincount(of_move, minlength=len(table)) > 0)
    most = np.bincount(of_move, transfers.most, len(table))
    kept = stated & (f.part | (most + 1 > table["capacity_units"]))
    row, chosen = np.flatnonzero(kept), np.flatnonzero(kept[of_move])
    entries = [((np.cumsum(kept) - 1)[of_move[chosen]], transfers.column[chosen], np.ones(len(chosen)))]
    upper, dropped = table["capacity_units"][row].astype(np.float64), int(np.count_nonzero(stated & ~kept))
    lower = same(-np.inf, len(row))
    return make_rows("transfer_capacity", {"transfer": row}, entries, lower, upper, coupling=True, dropped=dropped)
