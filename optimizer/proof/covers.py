"""Flow covers in a certificate: inequalities that every plan keeps, each with a price, derived from the tables alone.

A pool has b units; its cells (a line on a lane) ship at most u units each, only in a shipment of their order on that
lane (y = 1). A cover C of cells has Σ_C u = b + e with e > 0. With ū = max_C u > e, and ū_l = max(u_l, ū) for others L

    Σ_C (x + (u − e)⁺·(1 − y)) + Σ_L (x − (ū_l − e)·y)  <=  b.

Proof: of C let k shipments with u > e stay, of L let m leave. If k <= m, Σ x <= b does it, as each ū_l − e is at least
each (u − e)⁺. If k > m, what leaves is at most Σ_C u less the u of those that stay, plus the u_l of those that leave:
the left side is at most b + e − k·e + m·e <= b. (Padberg, Van Roy and Wolsey, 1985.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.events import find_keys
from optimizer.proof.facts import Facts
from optimizer.proof.priced_rows import Keys, PricedRows
from optimizer.proof.stated import are_texts, check_known

if TYPE_CHECKING:
    from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIELDS = ("warehouse_id", "product_id", "price", "cover", "lifted")


@dataclass(frozen=True)
class Covers:
    """Priced covers, entries one after another: the cover of each, its line and lane, and what y counts there.

    ``room``: b − Σ_C (u − e)⁺ of each cover, its right-hand side once the terms of y are on the left: Σ x − Σ given·y.
    """

    price: Exact
    room: Ints
    owner: Ints
    line: Ints
    lane: Ints
    given: Ints
    """units that a shipment gives back to the others by leaving"""
    facts: Facts

    @classmethod
    def none(cls, facts: Facts) -> Covers:
        """No covers."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(Exact.zeros(0), nothing, nothing, nothing, nothing, nothing, facts)

    def __len__(self) -> int:
        return len(self.price)

    @property
    def priced_rhs(self) -> Fraction:
        """Σ price · right-hand side."""
        return (self.price * self.room).sum()

    # -- what single cells and shipments pay ----------------------------------------------------------------------
    def unit_price(self, line: Ints, lane: Ints) -> Exact:
        """What a unit of each (line, lane) pays."""
        known, money = self._by_cell
        return money.take(find_keys(known, self._key(line, lane)))

    def shipment_pay(self, order: Ints, lane: Ints) -> Exact:
        """What each shipment (order, lane) is paid for leaving."""
        known, money = self._by_shipment
        return money.take(find_keys(known, self._key(order, lane)))

    def used(self, tally: Tally) -> Ints:
        """Σ x − Σ given·y of each cover in a plan."""
        cells, place = np.unique(self._key(tally.rows.line, tally.rows.lane), return_inverse=True)
        units = np.zeros(len(cells) + 1, dtype=np.int64)
        np.add.at(units, place, tally.rows.qty)
        shipped = units[find_keys(cells, self._key(self.line, self.lane))]
        leaves = np.isin(self._shipment, self._key(tally.shipment_order, tally.shipment_lane))
        total = np.zeros(len(self), dtype=np.int64)
        np.add.at(total, self.owner, shipped - self.given * leaves)
        return total

    def _key(self, one: Ints, lane: Ints) -> Ints:
        key: Ints = one * np.int64(max(len(self.facts.tables.lanes), 1)) + lane
        return key

    @property
    def _shipment(self) -> Ints:
        return self._key(self.facts.tables.line_order[self.line], self.lane)

    @cached_property
    def _by_cell(self) -> tuple[Ints, Exact]:
        return _summed(self._key(self.line, self.lane), self.price.take(self.owner))

    @cached_property
    def _by_shipment(self) -> tuple[Ints, Exact]:
        return _summed(self._shipment, self.price.take(self.owner) * self.given)


def _summed(keys: Ints, money: Exact) -> tuple[Ints, Exact]:
    """The keys, each once, and the sum of the money at each; a 0 stands behind, for keys that are not there."""
    known, place = np.unique(keys, return_inverse=True)
    return known, Exact.concat([money.sum_by(place, len(known)), Exact.zeros(1)])


def read_covers(facts: Facts, rows: PricedRows, stated: Any, price_of: Any) -> Covers:
    """The covers of a certificate; raises `VerificationError` for anything that is no cover of this batch.

    ``price_of`` turns (what is priced, text) into a decimal. Only batches are read in which a cell ships its own
    product from one lot on one day.
    """
    if not isinstance(stated, list) or not all(isinstance(each, Mapping) for each in stated):
        raise VerificationError("certificate.json: covers must have a list of rows")
    if not stated:
        return Covers.none(facts)
    if not facts.is_simple or facts.events.dated:
        raise VerificationError(
            "certificate.json: covers are for batches without dates, lots, substitutes and transfers"
        )
    for each in stated:
        if tuple(each) != FIELDS or not _are_entries(each["cover"]) or not _are_entries(each["lifted"]):
            raise VerificationError(f"certificate.json: a cover has {list(each)} where {list(FIELDS)} are due")
    named: Keys = [(str(each["warehouse_id"]), str(each["product_id"])) for each in stated]
    price = Exact.of(price_of("a cover of", [*name, each["price"]]) for name, each in zip(named, stated, strict=True))
    if (price < 0).any():
        raise VerificationError("certificate.json: the price of a cover is below 0")
    pool, most, _ = rows.find("warehouse_stock", named)
    _known(pool, named, "row")
    size = np.array([[len(each["cover"]), len(each["lifted"])] for each in stated], dtype=np.int64)
    owner = np.repeat(np.arange(len(stated)), size.sum(axis=1))
    lifted = np.repeat(np.tile([False, True], len(stated)), size.ravel())
    entries = [entry for each in stated for part in ("cover", "lifted") for entry in each[part]]
    line, lane = _places(facts, rows, entries, [named[at][0] for at in owner.tolist()])
    if (facts.tables.line_product[line] != facts.supply.pool_product[facts.supply.period_pool[pool]][owner]).any():
        raise VerificationError("certificate.json: a cover holds a line of another product")
    given, room = _terms(facts, most, owner, line, lane, lifted, named)
    return Covers(price, room, owner, line, lane, given, facts)


def _are_entries(entries: Any) -> bool:
    return isinstance(entries, list) and all(are_texts(entry, 3) for entry in entries)


def _places(facts: Facts, rows: PricedRows, entries: Sequence[list[str]], houses: Sequence[str]) -> tuple[Ints, Ints]:
    """The line and the lane of each entry (order, line, service) from a warehouse."""
    tables = facts.tables
    names: Keys = [(entry[0], entry[1]) for entry in entries]
    line = rows.look("order_lines", tables.order_lines, ["order_id", "line_id"], names)
    _known(line, names, "line")
    services = (entry[2] for entry in entries)
    lane, lanes = rows.lanes(tables.line_order[line], zip(houses, services, strict=True))
    _known(lane, lanes, "lane")
    return line, lane


def _known(place: Ints, names: Keys, what: str) -> None:
    check_known(place, names, what, "a cover names")


def _terms(
    facts: Facts, most: Exact, owner: Ints, line: Ints, lane: Ints, lifted: Flags, named: Sequence[tuple[str, ...]]
) -> tuple[Ints, Ints]:
    """What y counts in each entry, and the right-hand side of each cover."""
    cells = (owner * np.int64(facts.n_lines) + line) * np.int64(len(facts.tables.lanes)) + lane
    if len(np.unique(cells)) != len(cells):
        raise VerificationError("certificate.json: a cover holds a line twice on one lane")
    count = len(most)
    limit = most.rescaled(0).num.astype(np.int64) if most.scale else most.num
    can = np.minimum(facts.tables.order_lines["qty"][line], limit[owner])
    inside, largest = np.where(lifted, 0, can), np.zeros(count, dtype=np.int64)
    excess = np.zeros(count, dtype=np.int64)
    np.add.at(excess, owner, inside)
    excess -= limit
    np.maximum.at(largest, owner, inside)
    wrong = (excess <= 0) | (largest <= excess)
    if wrong.any():
        raise VerificationError(
            f"certificate.json: {named[int(np.flatnonzero(wrong)[0])]}: the lines are no cover of it"
        )
    given = np.maximum(np.where(lifted, np.maximum(can, largest[owner]), can) - excess[owner], 0)
    room = limit.copy()
    np.subtract.at(room, owner, np.where(lifted, 0, given))
    return given, room
