"""What fair shares leave of all plans, given what each party gets by each of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from tests.instances import Row
from tests.oracle.book import Book

Given = dict[tuple[str, str], int]
"""Units by (group, party); a party that is not there gets nothing."""


def best_shared(book: Book, plans: list[tuple[Given, Any]]) -> Any:
    """The plan of most value among those that share in proportion, lift the worst parties, then the next worst."""
    kept = plans
    rows = sorted(book.rows["fair_share"], key=lambda row: row["group_id"])
    for row in rows:
        if row["rule"] == "proportional":
            kept = [(given, plan) for given, plan in kept if in_proportion(row, book.parties(row), given)]
    for row in rows:
        if row["rule"] == "max_min" and book.parties(row):
            kept = lifted(row, book.parties(row), kept)
    return max((plan for _, plan in kept), key=lambda plan: plan.value, default=None)


def tolerance(row: Row) -> int:
    given = row.get("tolerance")
    return 1 if given is None else int(given)


def in_proportion(row: Row, parties: dict[str, int], given: Given) -> bool:
    """Whether some common fill is within the tolerance of each party; if any is, then one where a party touches it."""
    got = {party: given.get((row["group_id"], party), 0) for party in parties}
    most = tolerance(row)
    touching = [Fraction(got[party] + off, parties[party]) for party in parties for off in (-most, most)]
    return not parties or any(
        all(abs(got[party] - fill * parties[party]) <= most for party in parties)
        for fill in [min(max(fill, Fraction(0)), Fraction(1)) for fill in touching]
    )


def lifted(row: Row, parties: dict[str, int], plans: list[Any]) -> list[Any]:
    """What is left after each stage: the fills of the k worst together are at most the tolerance below the best."""
    slack = Fraction(tolerance(row), max(parties.values()))
    for level in stage_levels(len(parties)):
        reached = [worst_fills(row, parties, given, level) for given, _ in plans]
        most = max(reached, default=Fraction(0))
        least = Fraction(math.floor((most - slack) * 10**12), 10**12)
        plans = [pair for pair, fill in zip(plans, reached, strict=True) if fill >= least]
        if most == level:
            break  # everybody has everything
    return plans


def worst_fills(row: Row, parties: dict[str, int], given: Given, level: int) -> Fraction:
    """What the parties with the smallest shares have, added up."""
    fills = [Fraction(given.get((row["group_id"], party), 0), ordered) for party, ordered in parties.items()]
    return sum(sorted(fills)[:level], Fraction(0))


def stage_levels(parties: int) -> list[int]:
    """1, 2, ... 24, then each half as many again; the last one all."""
    every = list(range(1, 25))
    while every[-1] < parties:
        every.append(math.ceil(Fraction(3, 2) * every[-1]))
    return [level for level in every if level < parties] + [parties]
