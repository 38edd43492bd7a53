"""Who holds the stock of a pool, and what a unit is worth to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model.ragged import totals
from optimizer.solution.ledger import Ledger
from optimizer.solution.ways import unit_worth

MOST_LISTED = 10


class Crowd(NamedTuple):
    """The lines that hold a pool: how many, their units, least and most objective money of an ordered unit, names."""

    lines: int
    units: int
    least: float
    most: float
    text: str


def pool_used(ledger: Ledger) -> NDArray[np.int64]:
    """Units that the plan takes from each pool."""
    draws, supply = ledger.plan.draws, ledger.batch.supply
    return totals(supply.pool[draws.source], draws.units, len(supply.pool_warehouse))


def money(value: float) -> str:
    """Two decimals; four where two would hide the number."""
    return f"{value:.2f}" if abs(value) >= 0.005 or value == 0 else f"{value:.4f}"


class Takers:
    """What the plan draws, grouped by pool, those with most units first."""

    def __init__(self, ledger: Ledger) -> None:
        plan, supply = ledger.plan, ledger.batch.supply
        self.ledger, pool, row = ledger, supply.pool[plan.draws.source], plan.draws.row
        self.draws = np.lexsort((plan.day[row], plan.lane[row], plan.line[row], -plan.draws.units, pool))
        self.start = np.searchsorted(pool[self.draws], np.arange(len(supply.pool_warehouse) + 1))
        self.worth = unit_worth(ledger, ledger.row_offer, plan.lane, plan.day)
        self.known: dict[int, Crowd] = {}

    def of(self, pool: int, line: int = -1) -> Crowd:
        """All that hold the pool (but ``line``): `MOST_LISTED` named as order_id/line_id (units at what each earns).

        Then how many there are.
        """
        if line < 0 and pool in self.known:
            return self.known[pool]
        plan, lines = self.ledger.plan, self.ledger.tables.order_lines
        draws = self.draws[self.start[pool] : self.start[pool + 1]]
        draws = draws[plan.line[plan.draws.row[draws]] != line]
        held: dict[int, int] = {}
        worth: dict[int, float] = {}
        for draw in draws.tolist():
            owner = int(plan.line[plan.draws.row[draw]])
            held[owner] = held.get(owner, 0) + int(plan.draws.units[draw])
            earns = float(self.worth[plan.draws.row[draw]])
            worth[owner] = min(worth.get(owner, earns), earns)
        named = list(held.items())[:MOST_LISTED]
        names = ", ".join(
            f"{lines['order_id'][one]}/{lines['line_id'][one]} ({qty} at {money(worth[one])})" for one, qty in named
        )
        text = f"{names}; {len(held)} in all"
        crowd = Crowd(len(held), sum(held.values()), min(worth.values()), max(worth.values()), text)
        if line < 0:
            self.known[pool] = crowd
        return crowd
