"""The plan of an earlier run: what a new plan should stay near to, and the orders that keep it exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.proof.days import day_numbers
from optimizer.proof.decode import Picks, rows_of, ways_of
from optimizer.proof.plan import Rows

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Previous:
    """The rows of `[stability].previous_plan` whose order line and lane still exist."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        tables = facts.tables
        self.known = np.flatnonzero((tables.previous_line >= 0) & (tables.previous_lane >= 0))

    @property
    def cost(self) -> Fraction:
        """Money for each unit moved away from the previous plan."""
        stability = self.facts.scenario.stability
        return Fraction(0) if stability is None else Fraction(stability.cost_per_unit)

    @cached_property
    def wanted(self) -> tuple[Ints, Ints, Ints]:
        """Line, lane and ordered units of the previous plan, sorted, over all days, products and lots."""
        tables = self.facts.tables
        if self.facts.scenario.stability is None:
            none = np.zeros(0, dtype=np.int64)
            return none, none, none
        lanes = np.int64(max(len(tables.lanes), 1))
        key = tables.previous_line[self.known] * lanes + tables.previous_lane[self.known]
        keys, place = np.unique(key, return_inverse=True)
        units = np.zeros(len(keys), dtype=np.int64)
        np.add.at(units, place, tables.previous["qty"][self.known])
        return keys // lanes, keys % lanes, units

    # -- frozen orders --------------------------------------------------------------------------------------------
    @cached_property
    def frozen(self) -> Flags:
        """Orders whose rows of the previous plan are kept exactly."""
        orders = self.facts.tables.orders
        return np.asarray(orders["frozen"] & orders.given("frozen"), dtype=bool)

    @cached_property
    def kept(self) -> Picks:
        """The rows of the previous plan that frozen orders keep."""
        tables, facts = self.facts.tables, self.facts
        frozen = np.append(self.frozen, False)
        line = tables.previous_line
        order = np.where(line >= 0, tables.line_order[line] if len(tables.line_order) else -1, -1)
        rows = np.flatnonzero(frozen[order] & (line >= 0))
        table = tables.previous
        code = {text: at for at, text in enumerate(facts.supply.lot_texts)}
        return Picks(
            line[rows],
            tables.previous_lane[rows],
            np.maximum(day_numbers(table["ship_date"][rows], facts.as_of, 0), 0),
            tables.previous_product[rows],
            np.array([code.get(lot, -1) for lot in table["lot_id"][rows]], dtype=np.int64),
            np.asarray(table["shipped_qty"][rows], dtype=np.int64),
            np.asarray(table["qty"][rows], dtype=np.int64),
        )

    @cached_property
    def kept_rows(self) -> Rows:
        """The plan that frozen orders keep; refused where the inputs have no way, lane or product for it."""
        picks = self.kept
        way = ways_of(self.facts, picks)
        if np.any((way < 0) | (picks.lane < 0) | (picks.product < 0)):
            raise VerificationError("previous plan: a frozen order keeps what the inputs cannot ship")
        none = np.zeros(0, dtype=np.int64)
        return rows_of(self.facts, picks, way, (none, none, none, none))[0]
