"""One rule of a plan: how many rows were checked, and by how much the worst one is broken; and the names of rows.

Zero tolerance: quantities are whole and amounts exact, so a rule either holds or it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, decimal_text
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RuleResult:
    """One rule: ``worst`` is the largest violation in the rule's own unit, ``where`` the row it is at."""

    rule: str
    rows_checked: int
    worst: Fraction
    where: str = ""

    @property
    def passed(self) -> bool:
        return self.worst <= 0

    def as_json(self) -> dict[str, Any]:
        """As in verification.json."""
        found: dict[str, Any] = {
            "rule": self.rule,
            "rows_checked": self.rows_checked,
            "worst_violation": self.worst,
            "passed": self.passed,
        }
        return found if self.passed else {**found, "where": self.where}

    def words(self) -> str:
        return f"{self.rule}: broken by {decimal_text(self.worst)} at {self.where}"


def judge(rule: str, excess: Exact, where: Callable[[int], str]) -> RuleResult:
    """The rule "no element of ``excess`` is above 0"."""
    if not len(excess):
        return RuleResult(rule, 0, Fraction(0))
    at = int(np.argmax(excess.num))
    return RuleResult(rule, len(excess), max(Fraction(0), excess.item(at)), where(at))


def flagged(rule: str, wrong: Flags, where: Callable[[int], str]) -> RuleResult:
    """The rule "no element is wrong"; a violation counts 1."""
    return judge(rule, Exact.ints(wrong.astype(np.int64)), where)


def row_name(tally: Tally, row: int) -> str:
    """A row of the plan."""
    tables, rows = tally.facts.tables, tally.rows
    line, lane, day = int(rows.line[row]), int(rows.lane[row]), int(rows.day[row])
    leaves = f" on {date_of(tally, day)}" if day else ""
    house, service = tables.lanes["warehouse_id"][lane], tables.lanes["service_id"][lane]
    return f"{line_name(tally, line)} from {house} by {service}{leaves}"


def line_name(tally: Tally, line: int) -> str:
    """An order line."""
    lines = tally.facts.tables.order_lines
    return f"order {lines['order_id'][line]} line {lines['line_id'][line]}"


def order_name(tally: Tally, order: int) -> str:
    """An order."""
    return f"order {tally.facts.tables.orders['order_id'][order]}"


def date_of(tally: Tally, day: int) -> str:
    """A day as an ISO date."""
    return str(np.datetime64(tally.facts.as_of, "D") + np.timedelta64(day, "D"))


def namer(table: Table, columns: list[str], rows: Ints) -> Callable[[int], str]:
    """Names the rows of a table by some of its columns."""
    return lambda at: " ".join(str(table[column][rows[at]]) for column in columns)
