"""The short lines inside the page: all of them, packed small, so that search, filter and sort work without a server.

The block is columns of JSON, compressed and written as base64: 10,000 lines with their reasons stay well below a
megabyte, and nothing in an id can end the script element. The page unpacks it in the browser; the first rows also
stand in the page as plain HTML, for print and for browsers without scripts.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, round_half_even
from optimizer.report import facts, words
from optimizer.report.bundle import RunBundle
from optimizer.tables.tables import Table

MOST_BYTES = 2_000_000
MOST_ROWS = 50_000
FIRST_ROWS = 25
TEXTS = ("order_id", "line_id", "product_id", "reason", "detail", "taken_by", "least_change")
COUNTS = ("ordered_qty", "allocated_qty", "short_qty")


@dataclass(frozen=True)
class ShortLines:
    """The block, how many of all short lines it holds, and the rows that stand in the page itself."""

    block: str
    shown: int
    total: int
    first: list[dict[str, str]]


def make(bundle: RunBundle) -> ShortLines:
    """The lines with the most margin missing first; fewer of them where the block would grow too big."""
    table, currency = bundle.tables["shorts"], bundle.scenario.currency
    lost = facts.value_short(bundle.inputs, table)
    order = np.argsort(-lost.floats(), kind="stable")
    shown = min(len(order), MOST_ROWS)
    block = _pack(table, lost, order[:shown], currency)
    while len(block) > MOST_BYTES:
        shown //= 2
        block = _pack(table, lost, order[:shown], currency)
    return ShortLines(block, shown, len(table), _first_rows(table, lost, order[:FIRST_ROWS], currency))


def _pack(table: Table, lost: Exact, rows: NDArray[np.int64], currency: str) -> str:
    places = words.MINOR_UNITS.get(currency, 2)
    data: dict[str, Any] = {name: _coded(table[name][rows].tolist()) for name in TEXTS}
    data |= {name: table[name][rows].tolist() for name in COUNTS}
    data["lost_minor"] = [round_half_even(value * 10**places) for value in lost.take(rows).fractions()]
    packed = zlib.compress(json.dumps({"places": places, "columns": data}, separators=(",", ":")).encode(), 9)
    return base64.b64encode(packed).decode()


def _coded(values: list[str]) -> dict[str, Any]:
    """Each distinct text once, and where it stands."""
    place: dict[str, int] = {}
    codes = [place.setdefault(value, len(place)) for value in values]
    return {"texts": list(place), "codes": codes}


def _first_rows(table: Table, lost: Exact, rows: NDArray[np.int64], currency: str) -> list[dict[str, str]]:
    """The rows that stand in the page itself, in the block's order."""
    return [
        {name: str(table[name][row]) for name in TEXTS}
        | {name: words.count(int(table[name][row])) for name in COUNTS}
        | {"lost": words.amount(value, currency)}
        for row, value in zip(rows.tolist(), lost.take(rows).fractions(), strict=True)
    ]


def reasons(table: Table) -> list[dict[str, Any]]:
    """Each reason with its lines and units, the most units first; what the filter offers."""
    names, code = np.unique(table["reason"].astype(str), return_inverse=True)
    units = np.zeros(len(names), dtype=np.int64)
    np.add.at(units, code.reshape(-1), table["short_qty"])
    lines = np.bincount(code.reshape(-1), minlength=len(names))
    total = max(int(units.sum()), 1)
    found = [
        {"reason": name, "lines": int(many), "units": int(short), "share": Fraction(int(short), total)}
        for name, many, short in zip(names.tolist(), lines, units, strict=True)
    ]
    return sorted(found, key=lambda row: (-row["units"], row["reason"]))
