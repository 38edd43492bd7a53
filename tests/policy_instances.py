"""Seeded random batches, tiny enough for exhaustive search, with a few of the policies beyond the plain families each.

A small plain batch is drawn first (`tests.instances`), then a few policies are laid over it, tight enough to bind.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests import policy_followers, policy_rows
from tests.instances import Case, Row, draw
from tests.oracle.book import Book
from tests.oracle.lines import LineBook
from tests.policy_rows import iso

__all__ = ["POLICIES", "iso", "mixed_case"]
PATIENCE = 500
"""Batches that may turn out too large to search before other policies are tried: else small ones would prevail."""
MOST_CHOICES = 250
"""Ways to spread one line's units that exhaustive search still goes through quickly."""
MOST_COMBINED = 3000
"""The same for all lines of one order together."""


def mixed_case(seed: int, policies: Sequence[str] | None = None) -> Case:
    """One tiny batch with the policies named, or with one to four of all."""
    for attempt in range(4 * PATIENCE):
        rng = random.Random(f"mixed {seed} {attempt}")
        luck = random.Random(f"policies {seed} {attempt // PATIENCE}")
        case = _small(draw(rng, 0.15))
        chosen = sorted(policies) if policies is not None else luck.sample(sorted(POLICIES), luck.randint(1, 4))
        for name in sorted(chosen, key=list(POLICIES).index):
            if not POLICIES[name](rng, case["tables"], case["scenario"]):
                break
        else:
            case["tables"] = {name: rows for name, rows in case["tables"].items() if rows}
            if _searchable(case) and all(LAST[name](rng, case) for name in LAST if name in chosen):
                return case
    raise ValueError(f"no small batch from seed {seed} with {policies}")


def _small(case: Case) -> Case:
    """Two lines an order at most, three units a line, no rules that a dropped line would leave behind."""
    tables = case["tables"]
    seen: dict[str, int] = {}
    kept = []
    for line in tables["order_lines"]:
        seen[line["order_id"]] = seen.get(line["order_id"], 0) + 1
        if seen[line["order_id"]] <= 2:
            line["qty"] = min(line["qty"], 3)
            line["min_fill_qty"] = min(line.get("min_fill_qty") or 0, line["qty"])
            kept.append(line)
    tables["order_lines"] = kept
    for row in tables["stock"]:
        row["on_hand_qty"] = min(row["on_hand_qty"], 4)
    tables.pop("pins", None)
    return case


def _searchable(case: Case) -> bool:
    """Whether exhaustive search gets through it quickly."""
    book = Book(case)
    if math.prod(len(moved) * len(leave) * 3 for _, moved, leave in book.routes) > 400 or book.horizon > 14:
        return False
    for order in book.orders:
        combined = 1
        for line in book.lines(order):
            plan = LineBook(book, line, dict.fromkeys(book.pools(), 9))
            places = sum(len(way.lanes) for way in plan.ways)
            parts = max((len(book.recipe(way.product)) for way in plan.ways), default=1)
            choices = math.comb(places + line["qty"], line["qty"]) * (3 if parts > 1 else 1)
            combined *= choices
            if choices > MOST_CHOICES:
                return False
        if combined > MOST_COMBINED:
            return False
    return True


Policy = Callable[[random.Random, dict[str, list[Row]], Any], bool]


def _later(rng: random.Random, tables: dict[str, list[Row]], settings: Any) -> bool:
    return True


POLICIES: dict[str, Policy] = {
    "lots": policy_rows.lots,
    "inbound": policy_rows.inbound,
    "calendar": policy_rows.calendar,
    "cancel": policy_rows.cancel,
    "lateness": policy_rows.lateness,
    "life": policy_rows.life,
    "holding": policy_rows.holding,
    "substitution": policy_rows.substitution,
    "kits": policy_rows.kits,
    "transfers": policy_rows.transfers,
    "reserves": policy_rows.reserves,
    "credit": policy_rows.credit,
    "budgets": policy_rows.budgets,
    "tariffs": policy_rows.tariffs,
    "stability": policy_rows.stability,
    "fair_share": policy_rows.fair_share,
    "frozen": _later,
    "pins": _later,
}
"""Name → what lays the policy over a batch (False where that batch cannot have it)."""
LAST: dict[str, Callable[[random.Random, Case], bool]] = {
    "frozen": policy_followers.freeze,
    "pins": policy_followers.pin,
}
"""Policies that follow a plan of the batch, and so come after all others."""
