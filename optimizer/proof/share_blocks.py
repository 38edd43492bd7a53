"""What prices on fair shares pay: for each unit of a party, and for the fills that its group is measured by.

In proportion: Q − D·φ ≤ u and D·φ − Q ≤ u of each party, with one common fill φ in [0, 1] of the group.
Max-min: F_k = k·t − Σ d ≥ kept, with Q + D·d − D·t ≥ 0 of each party, t and every d in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.proof.prices import PriceBook
from optimizer.proof.shares import Fills
from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]


def unit_prices(facts: Facts, book: PriceBook) -> Exact:
    """What an ordered unit of each line pays to the rows that count units of many lines: contracts and fair shares."""
    contracts, parties = facts.contract_scopes, facts.shares.lines
    by_contract = book.spread("contract_minimum", contracts.size) + book.spread("contract_quota", contracts.size)
    paid = by_contract.take(contracts.rule).sum_by(contracts.line, facts.n_lines)
    return paid + _party_prices(facts, book).take(parties.rule).sum_by(parties.line, facts.n_lines)


def _party_prices(facts: Facts, book: PriceBook) -> Exact:
    """What a unit of each party pays."""
    size = len(facts.shares)
    links = book["fair_level"]
    return _above_common(facts, book) + links.price.sum_by(links.row % max(size, 1), size)


def _above_common(facts: Facts, book: PriceBook) -> Exact:
    """What each party pays for a unit above its part of the common fill."""
    sides = book.spread("fair_share", 2 * len(facts.shares))
    return sides[0::2] - sides[1::2]


# -- blocks ------------------------------------------------------------------------------------------------------
def share_blocks(facts: Facts, book: PriceBook) -> Exact:
    """The best common fill of each group, then the best of each priced level."""
    return Exact.concat([_common_gain(facts, book).maximum(0), Exact.of(one.best for one in _levels(facts, book))])


def shares_earned(tally: Tally, book: PriceBook) -> Exact:
    """What a plan makes of the same."""
    levels = Exact.of(one.earned(tally.fills[one.group]) for one in _levels(tally.facts, book))
    return Exact.concat([_common_gain(tally.facts, book) * common_fills(tally), levels])


def _common_gain(facts: Facts, book: PriceBook) -> Exact:
    """What a common fill of 1 earns each group."""
    shares = facts.shares
    return (_above_common(facts, book) * shares.ordered).sum_by(shares.group, len(facts.tables.fair_share))


@dataclass(frozen=True)
class _Level:
    """One level of a group: the price of its stage, and of its parties D times the price of their rows."""

    group: int
    level: int
    stage: Fraction
    rows: Exact

    @property
    def _rise(self) -> Fraction:
        """What t earns."""
        return self.rows.sum() - self.level * self.stage

    @property
    def best(self) -> Fraction:
        """Most that t and the d of all parties earn."""
        return max(Fraction(0), self._rise) + (self.stage - self.rows).maximum(0).sum()

    def earned(self, fills: Fills) -> Fraction:
        """What those of a plan earn: t its k-th smallest fill, d by how much each party stays below it."""
        top = fills.worst_first[self.level - 1]
        gaps = Exact.of(max(Fraction(0), top - Fraction(*pair)) for pair in fills.pairs)
        return top * self._rise + (gaps * (self.stage - self.rows)).sum()


def _levels(facts: Facts, book: PriceBook) -> Iterator[_Level]:
    """Every level with a price."""
    shares, links, stages = facts.shares, book["fair_level"], book["objective_stage"]
    level, party = np.divmod(links.row, max(len(shares), 1))
    prices = zip((book.stages[row] for row in stages.row.tolist()), stages.price.fractions(), strict=True)
    staged = {shares.goals[stage.kpi]: price for stage, price in prices if stage.kpi in shares.goals}
    for group, number in sorted({*staged, *zip(shares.group[party].tolist(), level.tolist(), strict=True)}):
        part = shares.parties(group)
        mine = (level == number) & (shares.group[party] == group)
        rows = links.price.take(mine).sum_by(party[mine] - part.start, part.stop - part.start)
        stage = staged.get((group, number), Fraction(0))
        yield _Level(group, number, stage, rows * shares.ordered[part])


# -- what a plan uses of the rows --------------------------------------------------------------------------------
def common_fills(tally: Tally) -> Exact:
    """The common fill of each group that shares in proportion: the middle of all those that no party is too far off."""
    fills, tolerance = [Fraction(0)] * len(tally.facts.tables.fair_share), tally.facts.tables.fair_share["tolerance"]
    for group in tally.facts.shares.even:
        low, high = tally.fills[group].allowed(int(tolerance[group]))
        fills[group] = (max(Fraction(0), *low) + min(Fraction(1), *high)) / 2
    return Exact.of(fills)


def off_common(tally: Tally) -> Exact:
    """How many units each party is above and how many below its part of the common fill, in turn."""
    shares = tally.facts.shares
    above = Exact.ints(tally.party_allocated) - common_fills(tally).take(shares.group) * shares.ordered
    return Exact.of(units for one in above.fractions() for units in (one, -one))


def above_level(tally: Tally, row: Ints) -> Exact:
    """By how many units the party of each row is above its level."""
    shares, used = tally.facts.shares, []
    for level, party in zip(*(part.tolist() for part in np.divmod(row, max(len(shares), 1))), strict=True):
        top = tally.fills[int(shares.group[party])].worst_first[level - 1]
        used.append(max(Fraction(0), int(tally.party_allocated[party]) - top * int(shares.ordered[party])))
    return Exact.of(used)
