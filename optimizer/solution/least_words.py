"""Proved least changes as one text a line, and as data for readers that are programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import decimal_text
from optimizer.solution.least_change import MINOR, Change, LeastChange
from optimizer.tables.tables import Table, Texts

Ints = NDArray[np.int64]

MARK = "not verified)"
MOST_SAID = 3
"""Changes and rivals that one text names."""
PLACES = 6
"""Decimals of a worth in data: what re-solves of doubles can say."""


def stated(estimates: Texts, lines: Ints, found: Mapping[int, LeastChange]) -> Texts:
    """For each short line what was proved of it; else the estimate, marked as not verified."""
    texts = []
    for line, estimate in zip(lines.tolist(), estimates.tolist(), strict=True):
        proved = said(found[line]) if line in found else ""
        mark = "" if not estimate or estimate.endswith(MARK) else " (not verified)"
        texts.append(proved or f"{estimate}{mark}")
    return np.array([*texts, ""], dtype=object)[:-1]


def said(found: LeastChange) -> str:
    """What would have filled the line and what that is worth; at most `MOST_SAID` changes, the best first."""
    parts = [_change(change) for change in found.changes[:MOST_SAID]]
    if found.outbid > 0:
        losers = f" from {_named(found.losers)}" if found.losers else ""
        parts.append(f"a unit margin higher by {_money(found.outbid)} to win it{losers}")
    scope = "" if found.everything else " among the nearest orders"
    if not parts:
        return f"no change of limits, rules or margin fills it (verified{scope})" if found.complete else ""
    return f"{'; or '.join(parts)} (verified{scope})"


def _change(change: Change) -> str:
    if not change.edits:
        return f"a longer solve: worth {change.worth:.2f}"
    worth = f"{change.words}: worth {change.worth:.2f}"
    if change.pay:
        worth += " before that"
    return f"{worth}, which {_named(change.rivals)} would rather have" if change.rivals else worth


def _named(lines: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{name} ({units})" for name, units in lines[:MOST_SAID])
    return shown if len(lines) <= MOST_SAID else f"{shown} and {len(lines) - MOST_SAID} more"


def _money(minor: int) -> str:
    return decimal_text(Fraction(minor, MINOR))


def as_data(found: Iterable[LeastChange], order_lines: Table) -> list[dict[str, Any]]:
    """For `run.json`: each line with all its changes, in the order of the lines given."""
    return [
        {
            "order_id": str(order_lines["order_id"][one.line]),
            "line_id": str(order_lines["line_id"][one.line]),
            "changes": [_data(change) for change in one.changes],
            "outbid_per_unit": _money(one.outbid) if one.outbid > 0 else None,
            "outbid_losers": [list(loser) for loser in one.losers],
            "all_orders_free": one.everything,
            "complete": one.complete,
        }
        for one in found
    ]


def _data(change: Change) -> dict[str, Any]:
    return {
        "words": change.words,
        "edits": [edit.as_json() for edit in change.edits],
        "worth": Decimal(repr(round(change.worth, PLACES))),
        "margin_per_unit": _money(change.pay) if change.pay else None,
        "rivals": [list(rival) for rival in change.rivals],
    }
