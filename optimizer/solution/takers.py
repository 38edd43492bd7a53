"""Who holds a stock row, and what a unit is worth to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.solution.ledger import Ledger
from optimizer.solution.ways import row_stock, unit_worth

MOST_LISTED = 10


class Crowd(NamedTuple):
    """The lines that hold a stock row: how many, their units, least and most objective money of a unit, names."""

    lines: int
    units: int
    least: float
    most: float
    text: str


class Takers:
    """Plan rows grouped by stock row, those with most units first."""

    def __init__(self, ledger: Ledger) -> None:
        plan = ledger.plan
        self.ledger, stock = ledger, row_stock(ledger)
        self.rows = np.lexsort((plan.lane, plan.line, -plan.qty, stock))
        self.start = np.searchsorted(stock[self.rows], np.arange(len(ledger.tables.stock) + 1))
        self.worth = unit_worth(ledger, plan.line, plan.lane)
        self.known: dict[int, Crowd] = {}

    def of(self, stock: int, line: int = -1) -> Crowd:
        """All that hold the row (but ``line``): `MOST_LISTED` named as order_id/line_id (units), and how many."""
        if line < 0 and stock in self.known:
            return self.known[stock]
        plan, lines = self.ledger.plan, self.ledger.tables.order_lines
        rows = self.rows[self.start[stock] : self.start[stock + 1]]
        rows = rows[plan.line[rows] != line]
        held: dict[int, int] = {}
        for row in rows.tolist():
            held[int(plan.line[row])] = held.get(int(plan.line[row]), 0) + int(plan.qty[row])
        named = list(held.items())[:MOST_LISTED]
        names = ", ".join(f"{lines['order_id'][one]}/{lines['line_id'][one]} ({qty})" for one, qty in named)
        text = f"{names}; {len(held)} in all"
        worth = self.worth[rows]
        crowd = Crowd(len(held), sum(held.values()), float(worth.min()), float(worth.max()), text)
        if line < 0:
            self.known[stock] = crowd
        return crowd
