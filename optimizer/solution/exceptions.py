"""What a person must look at, the most money first. Codes and tests are explained in `docs/exceptions.md`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.solution.ledger import Ledger
from optimizer.tables.tables import Table, Texts

MOST = 500
"""Findings of one code that are listed: those with the most money at stake."""


@dataclass(frozen=True)
class Finding:
    """One exception, in words; ``money`` is what is at stake."""

    code: str
    severity: str
    subject: str
    explanation: str
    action: str
    money: Fraction


def exceptions(ledger: Ledger, shorts: Table) -> Table:
    """The table `exceptions` of a plan; ``shorts`` is the table of that name."""
    from optimizer.solution.exceptions_limits import limit_findings
    from optimizer.solution.exceptions_orders import order_findings

    return exception_table([*limit_findings(ledger), *order_findings(ledger, shorts)])


def exception_table(findings: Iterable[Finding]) -> Table:
    """Findings as a table: most money first, ties by code and subject; at most `MOST` of each code."""
    rows, listed = [], dict[str, int]()
    for found in sorted(findings, key=_rank):
        listed[found.code] = listed.get(found.code, 0) + 1
        if listed[found.code] <= MOST:
            rows.append(found)
    return Table(
        "exceptions",
        {
            "code": texts(row.code for row in rows),
            "severity": texts(row.severity for row in rows),
            "subject": texts(row.subject for row in rows),
            "explanation": texts(row.explanation for row in rows),
            "suggested_action": texts(row.action for row in rows),
            "money_at_stake": Exact.of(max(row.money, Fraction(0)) for row in rows),
        },
    )


def _rank(finding: Finding) -> tuple[Fraction, str, str]:
    return min(-finding.money, Fraction(0)), finding.code, finding.subject


def texts(values: Iterable[str]) -> Texts:
    """A text column."""
    return np.array([*values, ""], dtype=object)[:-1]


def counted(many: int, one: str, more: str = "") -> str:
    """``1 unit``, ``2,000 units``."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def richest(money: Exact, where: NDArray[np.bool_]) -> list[int]:
    """The flagged positions with the most money, at most `MOST`: no more of one code are listed."""
    at = np.flatnonzero(where)
    worth = money.take(at).floats()
    return [int(row) for row in at[np.argsort(-worth, kind="stable")[:MOST]]]
