"""First expired, first out, where it costs nothing: units of a lot that lasts longer give way to what would expire.

Whole multiples of what a row draws move from one lot of a pool to an earlier one that has units left, is still good
for that customer and is worth as much to move: the same line on the same lane and day, so no other figure changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model
from optimizer.model.calendar import FOREVER
from optimizer.model.ragged import first_of, ranks_of, totals
from optimizer.model.supply import Supply
from optimizer.solution.extract import values_from_plan
from optimizer.solution.plan import Draws, Plan

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def first_expired_first_out(model: Model, plan: Plan) -> Plan:
    """The plan with older lots drawn before younger ones; the same plan where that is not possible."""
    supply = model.batch.supply
    if not supply.has_lots or not (supply.expiry < FOREVER).any():
        return plan
    better = replace(plan, draws=_Exchange.of(model, plan).run())
    return better if _fits(model, better) else plan


def _fits(model: Model, plan: Plan) -> bool:
    """Whether the model can say the plan: lots that a narrower rule leaves out have no column, or not enough of it."""
    try:
        values = values_from_plan(model, plan)
    except ValueError:
        return False
    return bool(np.all(values <= model.linear.col_upper + 0.5))


@dataclass(frozen=True)
class _Exchange:
    """``rank`` of each source in its pool by expiry, ``by_rank`` the way back (-1: none); what may change.

    ``left``: units of each source that nobody takes, where it may ``give`` more. ``step``: shipped units in which a row
    may change its lot; ``fixed``: rows that may not.
    """

    model: Model
    plan: Plan
    rank: Ints
    by_rank: NDArray[np.int64]
    give: Flags
    left: Ints
    step: Ints
    fixed: Flags

    @classmethod
    def of(cls, model: Model, plan: Plan) -> _Exchange:
        supply, offers = model.batch.supply, model.batch.offers
        order = np.lexsort((np.arange(len(supply)), supply.expiry, supply.pool))
        rank = np.empty(len(supply), dtype=np.int64)
        rank[order] = np.arange(len(supply)) - supply.source_start[supply.pool[order]]
        by_rank = np.full((len(supply.pool_warehouse), int(rank.max()) + 1), -1, dtype=np.int64)
        by_rank[supply.pool, rank] = np.arange(len(supply))
        offer = offers.find(plan.line, plan.product)
        in_cases = offers.multiple[offer] // offers.bottom[offer] * offers.top[offer]
        step = np.where(offers.recipes.is_kit[plan.product], 1, in_cases)
        give = _gives(supply)
        left = np.where(give, supply.on_hand - totals(plan.draws.source, plan.draws.units, len(supply)), 0)
        return cls(model, plan, rank, by_rank, give, np.maximum(left, 0), step, _fixed(model, plan))

    def run(self) -> Draws:
        """Younger lots one after the other, each against older ones, the oldest first."""
        draws = self.plan.draws
        for younger in range(1, self.by_rank.shape[1]):
            for older in range(younger):
                draws = self._moved(draws, older, younger)
        return draws

    def _moved(self, draws: Draws, older: int, younger: int) -> Draws:
        supply, batch, plan = self.model.batch.supply, self.model.batch, self.plan
        at = np.flatnonzero((self.rank[draws.source] == younger) & ~self.fixed[draws.row])
        to = self.by_rank[supply.pool[draws.source[at]], older]
        row = draws.row[at]
        good = supply.expiry[to] < supply.expiry[draws.source[at]]
        good &= batch.good_for(to, batch.tables.line_order[plan.line[row]], plan.lane[row], plan.day[row])
        good &= supply.holding[to].equals(supply.holding[draws.source[at]])
        at, to, row = at[good], to[good], row[good]
        by_source = np.lexsort((at, to))
        at, to, row = at[by_source], to[by_source], row[by_source]
        units = draws.units[at]
        total = np.cumsum(units)
        before = total - units
        group, size = ranks_of(to)
        before -= before[first_of(group, size)][group]
        taken = np.clip(self.left[to] - before, 0, units) // self.step[row] * self.step[row]
        np.subtract.at(self.left, to, taken)
        np.add.at(self.left, draws.source[at], np.where(self.give[draws.source[at]], taken, 0))
        rest = draws.units.copy()
        rest[at] -= taken
        return Draws.of(
            np.concatenate([draws.row, row]),
            np.concatenate([draws.source, to]),
            np.concatenate([rest, taken]),
        )


def _gives(supply: Supply) -> Flags:
    """Lots whose own supply never changes: on the shelf, and in no move."""
    receiving = np.zeros(len(supply.pool_warehouse), dtype=bool)
    receiving[supply.receipt_pool] = True
    gains = receiving[supply.pool] & np.asarray(supply.lot == "", dtype=bool)
    return np.asarray(~gains & ~supply.moved[supply.pool], dtype=bool)


def _fixed(model: Model, plan: Plan) -> Flags:
    """Rows whose lots somebody decided: pinned to a lot, or frozen."""
    tables = model.tables
    pinned = np.zeros(len(tables.order_lines), dtype=bool)
    pinned[tables.pin_line[np.asarray(tables.pins["lot_id"] != "", dtype=bool)]] = True
    frozen = np.asarray(tables.orders["frozen"], dtype=bool)[tables.line_order]
    return np.asarray((pinned | frozen)[plan.line], dtype=bool)
