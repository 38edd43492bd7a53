"""Moves between warehouses that a plan makes, without those that nothing it ships needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.ragged import totals
from optimizer.solution.plan import MovedStock, Plan

Ints = NDArray[np.int64]


def without_idle_moves(batch: Batch, plan: Plan) -> Plan:
    """The plan with each move, from the last to the first, cut to what is needed where it arrives, until none is idle.

    A move less costs nothing, takes from no limit but stock where it arrives, and leaves more where it came from. So
    the plan stays as good and every rule is kept. ``plan`` has its draws.
    """
    if not len(plan.moves):
        return plan
    moves, rows = plan.moves, _Rows(batch, plan)
    units = moves.units.copy()
    cut = True
    while cut:  # what one move no longer takes from a warehouse, another need no longer bring there
        cut = False
        for place in range(len(moves) - 1, -1, -1):
            idle = min(int(units[place]), rows.spare_on_arrival(place))
            units[place] -= idle
            rows.give_back(place, idle)
            cut |= idle > 0
    kept = np.flatnonzero(units > 0)
    parts = (moves.transfer, moves.source, moves.day, units, moves.product)
    return replace(plan, moves=MovedStock(*(part[kept] for part in parts)))


class _Rows:
    """What is left in every row of pools and of lots; rows of lots follow those of pools."""

    def __init__(self, batch: Batch, plan: Plan) -> None:
        tables, supply, moves, draws = batch.tables, batch.supply, plan.moves, plan.draws
        self.supply = supply
        to = supply.find_source(tables.transfer_to[moves.transfer], moves.product, supply.lot[moves.source])
        arrive = moves.day + tables.transfers["transit_days"][moves.transfer]
        limit = np.concatenate([supply.period_atp, supply.lot_rows.own])
        flows = (
            (draws.source, plan.day[draws.row], draws.units),
            (moves.source, moves.day, moves.units),
            (to, arrive, -moves.units),
        )
        self.left = limit.copy()
        for source, day, units in flows:
            draw, row = self._rows(source, day)
            self.left -= totals(row, units[draw], len(limit))
        self.leaving, self.arriving = self._of_moves(moves.source, moves.day), self._of_moves(to, arrive)

    def _rows(self, source: Ints, day: Ints) -> tuple[Ints, Ints]:
        """(position, row) of all rows that what leaves a source on a day counts in."""
        supply, lots = self.supply, self.supply.lot_rows
        draw, period = supply.periods_of(source, day)
        other, row = lots.of_draws(supply, source, day)
        return np.concatenate([draw, other]), np.concatenate([period, row + len(supply.period_day)])

    def _of_moves(self, source: Ints, day: Ints) -> list[Ints]:
        """The same rows, a list for each move."""
        move, row = self._rows(source, day)
        order = np.argsort(move, kind="stable")
        return np.split(row[order], np.searchsorted(move[order], np.arange(1, len(source))))

    def spare_on_arrival(self, move: int) -> int:
        """Units that nothing takes of what is there from the arrival of a move on."""
        rows = self.arriving[move]
        return max(int(self.left[rows].min()), 0) if len(rows) else 0

    def give_back(self, move: int, units: int) -> None:
        """So many units of a move stay where they were."""
        self.left[self.arriving[move]] -= units
        self.left[self.leaving[move]] += units
