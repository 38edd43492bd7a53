"""The family `transfer_source`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same
from optimizer.model.rows import make_rows
from optimizer.model.transfers import transfer_columns


def transfer_source(f: Formulation) -> Rows:
    """A warehouse moves on only what is its own: what has been moved to it stays there or ships.

    Index: (warehouse w, product p, day d from which its supply is the same) where moves both arrive and leave
    Formula: Σ_{moves m from w of p, left by then, of lots alive at d} transfer_qty[m] ≤ atp[w,p,d]
    Dual: υ[w,p,d] ≥ 0
    Unit: units
    Absent: where nothing can be moved to w, since then `warehouse_stock` says it; where less than atp can leave
    Meaning: money gained by one more unit of p at w that may be moved on
    """
    transfers, supply = transfer_columns(f), f.batch.supply
    moves = supply.moves
    source, leave = moves.source[transfers.move], moves.leave[transfers.move]
    place, period = supply.periods_of(source, leave)
    gets = np.bincount(supply.pool[moves.to_source[transfers.move]], minlength=len(supply.pool_warehouse)) > 0
    most = np.bincount(period, transfers.most[place], len(supply.period_day))
    asked = (np.bincount(period, minlength=len(most)) > 0) & gets[supply.period_pool]
    kept = asked & (f.part | (most + 1 > supply.period_atp))
    row, chosen = np.flatnonzero(kept), np.flatnonzero(kept[period])
    entries = [((np.cumsum(kept) - 1)[period[chosen]], transfers.column[place[chosen]], np.ones(len(chosen)))]
    pool = supply.period_pool[row]
    keys = {
        "from_warehouse": supply.pool_warehouse[pool],
        "product": supply.pool_product[pool],
        "day": supply.period_day[row],
        "period": row,
    }
    upper, dropped = supply.period_atp[row].astype(np.float64), int(np.count_nonzero(asked & ~kept))
    return make_rows("transfer_source", keys, entries, same(-np.inf, len(row)), upper, coupling=True, dropped=dropped)
