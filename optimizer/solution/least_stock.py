"""What more stock, or less held back, at a warehouse adds to: rows that rise together, and from which unit on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.reserves import Reserves
from optimizer.model.supply import Supply

if TYPE_CHECKING:
    from optimizer.model.linear_model import Block, LinearModel
    from optimizer.solution.least_rises import Rise
    from optimizer.solution.part import Part

Ints = NDArray[np.int64]


def stock_rise(part: Part, linear: LinearModel, period: int, rise: Rise) -> tuple[Rise, Ints] | None:
    """More of the lot that keeps longest, of the pool with this period: the rise, and all rows that it adds to.

    These are the pool's rows while the lot is alive, the lot's own, what may be moved on, and what reserves leave to
    others. None where no one number says it: the same units do not add to all of them from the same unit on.
    """
    supply = part.model.batch.supply
    pool = int(supply.period_pool[period])
    sources = np.arange(supply.source_start[pool], supply.source_start[pool + 1])
    source = int(sources[np.argmax(supply.last_period[sources])])
    alive = np.arange(supply.period_start[pool], supply.last_period[source] + 1)
    dated = [_rows(linear, family, "period", alive) for family in ("warehouse_stock", "transfer_source")]
    periods, rows = (np.concatenate(found) for found in zip(*dated, strict=True))
    lots = linear.rows("lot_stock")
    own = np.flatnonzero(supply.lot_rows.source[lots.keys["lot_row"]] == source) if len(lots) else alive[:0]
    left, lacking = _left_by_reserves(part, linear, source)
    first = _lacking(part, pool)[periods - supply.period_start[pool]]
    if not len(rows) or len(set(first.tolist())) > 1 or lacking.any() or (first[0] and len(own) + len(left)):
        return None
    return _of_lot(supply, source, rise, len(sources) > 1)._replace(first=int(first[0])), np.concatenate(
        [rows, lots.start + own, left]
    )


def reserve_rise(part: Part, block: Block, group: Ints, rise: Rise) -> Rise | None:
    """Less held back by a reserve: never less than nothing; None where its days lack different amounts of stock."""
    reserve = int(block.keys["reserve"][group[0]])
    lacking = np.unique(_lacking_of_reserves(part, block.keys["reserve"][group], block.keys["day"][group]))
    most = int(part.ledger.tables.reserves["qty"][reserve]) - int(lacking[0])
    return rise._replace(first=int(lacking[0]), most=most) if len(lacking) == 1 else None


def _rows(linear: LinearModel, family: str, key: str, wanted: Ints) -> tuple[Ints, Ints]:
    """The keys among the wanted that rows of a family have, and those rows."""
    block = linear.rows(family)
    keys = block.keys.get(key, np.zeros(0, dtype=np.int64))
    at = np.flatnonzero(np.isin(keys, wanted))
    return keys[at], block.start + at


def _of_lot(supply: Supply, source: int, rise: Rise, several: bool) -> Rise:
    """The rise as one of this lot."""
    lot = str(supply.lot[source])
    if several:
        rise = rise._replace(edit=replace(rise.edit, key={**rise.edit.key, "lot_id": lot}))
    safe = lot.replace("{", "{{").replace("}", "}}")
    return rise._replace(words=rise.words.replace(" at ", f" (lot {safe}) at ", 1)) if lot else rise


def _lacking(part: Part, pool: int) -> Ints:
    """In each period of a pool, units by which what is reserved and kept back exceeds what there is."""
    supply, stock = part.model.batch.supply, part.ledger.tables.stock
    sources = np.arange(supply.source_start[pool], supply.source_start[pool + 1])
    free = np.append(stock["on_hand_qty"] - stock["reserved_qty"] - stock["safety_stock_qty"], 0)
    day = supply.period_day[supply.period_start[pool] : supply.period_start[pool + 1]]
    living = supply.expiry[sources] >= day[:, np.newaxis]
    mine = supply.receipt_pool == pool
    come = supply.receipt_day[mine] <= day[:, np.newaxis]
    has = living @ free[supply.stock_row[sources]] + come @ supply.receipt_qty[mine]
    return np.asarray(np.maximum(-has, 0), dtype=np.int64)


def _left_by_reserves(part: Part, linear: LinearModel, source: int) -> tuple[Ints, Ints]:
    """Rows of reserves about the pool of a lot while it is alive, and what each lacks to hold back what it states."""
    supply, block = part.model.batch.supply, linear.rows("reserve")
    if not len(block):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    rows, pool = Reserves.of(part.ledger.tables, supply), supply.pool[source]
    about = rows.pair_reserve[rows.pool_start[pool] : rows.pool_start[pool + 1]]
    reserve, day = block.keys["reserve"], block.keys["day"]
    at = np.flatnonzero(np.isin(reserve, about) & (day <= supply.expiry[source]))
    return block.start + at, _lacking_of_reserves(part, reserve[at], day[at])


def _lacking_of_reserves(part: Part, reserve: Ints, day: Ints) -> Ints:
    """Units that the stock of each reserve falls short of what is held back, by a day."""
    tables, supply = part.ledger.tables, part.model.batch.supply
    held = tables.reserves["qty"]
    none = replace(tables.reserves, columns={**tables.reserves.columns, "qty": np.zeros_like(held)})
    rows = Reserves.of(tables.replace(reserves=none), supply)
    at, row = rows.rows_from(reserve, day)
    first = np.searchsorted(at, np.arange(len(reserve)))
    return np.asarray(np.maximum(held[reserve] - rows.limit[row[first]], 0), dtype=np.int64)
