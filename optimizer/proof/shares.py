"""Fair shares: the parties of each group, what they ordered, and how evenly a plan fills it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.scope import Scopes, line_attribute, scope_pairs
from optimizer.tables.tables import Table

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]

BETWEEN = {"customer": "customer_id", "channel": "channel", "order": "order_id", "zone": "zone_id", "tier": "tier"}
"""The scope column whose values are the parties."""

EVERY_LEVEL = 24
"""Max-min asks for the worst 1, 2, 3, ... parties together up to here; beyond, each level is half as large again."""


def levels(parties: int) -> list[int]:
    """How many of the worst parties each stage of max-min counts together."""
    found, level = [], 1
    while level < parties:
        found.append(level)
        level = level + 1 if level < EVERY_LEVEL else (3 * level + 1) // 2
    return [*found, parties]


@dataclass(frozen=True)
class Shares:
    """All parties of all groups that share, sorted by group and name.

    A party all of whose orders are held takes no part, and a party alone has nobody to share with.
    """

    group: Ints
    """per party: its row of `fair_share`"""
    names: Table
    """group_id and party of each"""
    ordered: Ints
    lines: Scopes
    """the lines of each party"""
    start: Ints
    """where the parties of each group begin, one more entry than groups"""
    even: list[int]
    """groups that share in proportion"""
    lifted: list[int]
    """groups that lift the worst parties first"""

    @classmethod
    def of(cls, facts: Facts) -> Shares:
        tables, table = facts.tables, facts.tables.fair_share
        rule, line = scope_pairs(tables, table)
        start = np.searchsorted(rule, np.arange(len(table) + 1))
        named = {between: line_attribute(tables, BETWEEN[between]) for between in set(table["between"])}
        groups, names, lines = [], [], []
        for at in range(len(table)):
            parties = _parties(facts, *named[table["between"][at]], line[start[at] : start[at + 1]])
            if len(parties) > 1:
                groups += [at] * len(parties)
                names += list(parties)
                lines += list(parties.values())
        party = np.repeat(np.arange(len(lines)), [len(some) for some in lines])
        scopes = Scopes(party, np.concatenate([np.zeros(0, dtype=np.int64), *lines]), len(lines))
        group = np.array(groups, dtype=np.int64)
        sharing = np.unique(group).tolist()
        return cls(
            group,
            Table("parties", {"group_id": table["group_id"][group], "party": np.array(names, dtype=object)}),
            scopes.totals(tables.order_lines["qty"]),
            scopes,
            np.searchsorted(group, np.arange(len(table) + 1)).astype(np.int64),
            [at for at in sharing if table["rule"][at] == "proportional"],
            [at for at in sharing if table["rule"][at] == "max_min"],
        )

    def __len__(self) -> int:
        return len(self.group)

    def parties(self, group: int) -> slice:
        """Where the parties of a group stand."""
        return slice(int(self.start[group]), int(self.start[group + 1]))

    @cached_property
    def goals(self) -> dict[str, tuple[int, int]]:
        """(group, level) of every stage of max-min by the name of its KPI, in their order."""
        sizes = np.diff(self.start).tolist()
        names = {group: self.names["group_id"][self.start[group]] for group in self.lifted}
        return {
            f"fair_share[{level}:{names[group]}]": (group, level)
            for group in self.lifted
            for level in levels(sizes[group])
        }


def _parties(facts: Facts, number: Ints, codes: Iterable[str], line: Ints) -> dict[str, Ints]:
    """The lines of each party among some lines, by name; those without a name have no party.

    ``number`` says of every line which of the ``codes`` is its party.
    """
    names, held = list(codes), facts.held[facts.tables.line_order]
    by_party = line[np.argsort(number[line], kind="stable")]
    parts = np.split(by_party, np.flatnonzero(np.diff(number[by_party])) + 1) if len(line) else []
    found = {names[number[part[0]]]: part for part in parts if not held[part].all()}
    return {name: found[name] for name in sorted(found) if name}


class Fills:
    """What share of its order each party of one group gets by a plan."""

    def __init__(self, allocated: Ints, ordered: Ints) -> None:
        self.pairs = list(zip(allocated.tolist(), ordered.tolist(), strict=True))

    @cached_property
    def worst_first(self) -> list[Fraction]:
        """The shares, the least first."""
        return sorted(Fraction(got, ordered) for got, ordered in self.pairs)

    def of_worst(self, level: int) -> Fraction:
        """The shares of so many of the worst parties together."""
        total: dict[int, int] = {}
        for fill in self.worst_first[:level]:  # by denominator, so that it does not grow with every party
            total[fill.denominator] = total.get(fill.denominator, 0) + fill.numerator
        return sum((Fraction(top, bottom) for bottom, top in total.items()), Fraction(0))

    def allowed(self, tolerance: int) -> tuple[list[Fraction], list[Fraction]]:
        """The least and the largest common fill from which each party is off by no more than the tolerance."""
        low = [Fraction(got - tolerance, ordered) for got, ordered in self.pairs]
        return low, [Fraction(got + tolerance, ordered) for got, ordered in self.pairs]
