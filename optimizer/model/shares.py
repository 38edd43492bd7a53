"""Fair shares: who the parties are, the columns that compare what they get, and the levels of max-min.

The *fill* of a party is what it is allocated over what it ordered, in ordered units. `proportional` asks for one fill
for all, give or take a few units. `max_min` raises the sums of the k lowest fills, k = 1, 2, …, one after the other:
the cumulated ordered outcomes of Ogryczak and Śliwiński (2003), which is lexicographic max-min, for whole numbers too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.model.ragged import expand, first_of, ranks_of, totals
from optimizer.scenario.schema import share_level
from optimizer.tables.scope import PARTIES, scope_members, scope_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.model.formulation import Formulation
    from optimizer.model.variables import Stack
    from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

EVERY_LEVEL = 24
"""Parties up to which each level of max-min is a stage of its own; beyond, each is `GROWTH` times the last."""
GROWTH = Fraction(3, 2)

FINEST = 1_000_000
"""Largest common multiple of what the parties of a group ordered up to which fills are counted in whole parts of it."""


@dataclass(frozen=True)
class Shares:
    """The parties that take part, sorted by group and name: row of `fair_share`, name, units ``ordered``.

    Pairs (``party``, ``line``) say which order lines are whose. A party all of whose lines are held takes no part, and
    a group of fewer than two asks for nothing. ``parts``: by row of `fair_share`, in how many equal parts a fill is
    counted so that every fill is whole, 0 where that would be too many.
    """

    group: Ints
    name: Texts
    ordered: Ints
    party: Ints
    line: Ints
    parts: Ints

    def __len__(self) -> int:
        return len(self.group)

    @classmethod
    def of(cls, tables: Tables) -> Shares:
        group, line, text = _pairs(tables)
        texts, code = np.unique(text.astype(str), return_inverse=True)
        party, size = ranks_of(group, code.reshape(-1))
        ordered = totals(party, tables.order_lines["qty"][line], size)
        free = totals(party, (tables.orders["hold"] == "")[tables.line_order[line]].astype(np.int64), size) > 0
        of_party = group[first_of(party, size)]
        shares = free & (np.bincount(of_party[free], minlength=len(tables.fair_share)) >= 2)[of_party]
        place = np.cumsum(shares) - 1
        mine = shares[party]
        kept = of_party[shares]
        return cls(
            group=kept,
            name=texts[code.reshape(-1)[first_of(party, size)]].astype(object)[shares],
            ordered=ordered[shares],
            party=place[party[mine]],
            line=line[mine],
            parts=_parts(kept, ordered[shares], len(tables.fair_share)),
        )

    def of_group(self, group: int) -> Ints:
        """The parties of a row of `fair_share`."""
        return np.flatnonzero(self.group == group)

    def allocated(self, of_line: Ints) -> Ints:
        """Ordered units that each party gets, from those of each line."""
        return totals(self.party, of_line[self.line], len(self))

    def fills(self, group: int, of_line: Ints) -> list[Fraction]:
        """The fill of each party of a group."""
        mine, got = self.of_group(group), self.allocated(of_line)
        return [Fraction(a, b) for a, b in zip(got[mine].tolist(), self.ordered[mine].tolist(), strict=True)]


def _pairs(tables: Tables) -> tuple[Ints, Ints, Texts]:
    """(row of `fair_share`, line in its scope, name of its party), without lines that no party owns."""
    table = tables.fair_share
    rule, line = scope_members(tables, table)
    name = np.full(len(rule), "", dtype=object)
    for between, column in PARTIES.items():
        mine = np.flatnonzero((table["between"] == between)[rule]) if len(table) else np.zeros(0, dtype=np.int64)
        values, owner = scope_values(tables, column)
        name[mine] = np.append(values, "")[owner[line[mine]]]
    owned = name != ""
    return rule[owned], line[owned], name[owned]


def _parts(group: Ints, ordered: Ints, size: int) -> Ints:
    """By row of `fair_share` the least common multiple of what its parties ordered, 0 above `FINEST`."""
    parts = np.zeros(size, dtype=np.int64)
    for at in np.unique(group).tolist():
        whole = math.lcm(*ordered[group == at].tolist())
        parts[at] = whole if whole <= FINEST else 0
    return parts


def levels(parties: int) -> Iterator[int]:
    """Of how many of the lowest fills the sums are raised, one after the other."""
    level = 1
    while level < parties:
        yield level
        level = level + 1 if level < EVERY_LEVEL else math.ceil(level * GROWTH)
    yield parties


@dataclass(frozen=True)
class ShareColumns:
    """Columns that compare fills, counted in `Shares.parts` of a whole where there are few enough, else in wholes.

    ``common``: by row of `fair_share` the common fill, -1 where it needs none. By level of max-min (``group``,
    ``level``) the column ``fill`` of its threshold; by (level ``which``, ``party``) how far the party stays below it.
    """

    common: Ints
    group: Ints
    level: Ints
    fill: Ints
    which: Ints
    party: Ints
    gap: Ints

    @classmethod
    def define(cls, stack: Stack, tables: Tables, shares: Shares, kpis: Sequence[str]) -> ShareColumns:
        """``kpis`` are those of all stages that are kept or optimized."""
        proportional = np.unique(shares.group[(tables.fair_share["rule"] == "proportional")[shares.group]])
        common = np.full(len(tables.fair_share), -1, dtype=np.int64)
        common[proportional] = _fills(stack, "common_fill", {"fair_share": proportional}, shares.parts[proportional])
        asked = [found for kpi in dict.fromkeys(kpis) if (found := share_level(kpi))]
        row = {name: place for place, name in enumerate(tables.fair_share["group_id"].tolist())}
        group = np.array([row[name] for _, name in asked], dtype=np.int64)
        level = np.array([level for level, _ in asked], dtype=np.int64)
        fill = _fills(stack, "level_fill", {"fair_share": group, "level": level}, shares.parts[group])
        which, party = expand(*(np.searchsorted(shares.group, group, side=side) for side in ("left", "right")))
        keys = {"party": party, "level": level[which]}
        gap = _fills(stack, "level_gap", keys, shares.parts[group[which]])
        return cls(common, group, level, fill, which, party, gap)


def _fills(stack: Stack, family: str, keys: dict[str, Ints], parts: Ints) -> Ints:
    """Columns from no fill to the whole, of any value where it has too many parts to count."""
    return stack.add(family, keys, np.maximum(parts, 1), (parts > 0).astype(np.float64))


def share_columns(f: Formulation) -> ShareColumns:
    """The columns of the model."""
    columns: ShareColumns = f.variables.policies["shares"]
    return columns


def party_arcs(f: Formulation, shares: Shares) -> tuple[Ints, Ints, Ints]:
    """(party, arc, ordered units of a step) for every arc of a party's lines."""
    place, arc = f.arcs_of(shares.line)
    return shares.party[place], arc, f.arcs.step[arc]


def row_factors(shares: Shares) -> tuple[Ints, Ints]:
    """By party: what one unit of it and what one part of a fill count in its rows, both whole."""
    parts = shares.parts[shares.group]
    return np.where(parts > 0, parts // shares.ordered, 1), np.where(parts > 0, 1, shares.ordered)
