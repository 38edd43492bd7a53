"""Flow covers in a certificate: inequalities that every plan keeps, each with a price, derived from the tables alone.

A pool has b units until a day. A cell is a line in some slots (a lane on a day) from its warehouse until then: it ships
at most u units, only in shipments of its order in these slots, of which y leave. A cover C of cells has Σ_C u = b + e
with e > 0. With ū = max_C u > e, and ū_l = max(u_l, ū) for others L

    Σ_C (x + (u − e)⁺·(1 − y)) + Σ_L (x − (ū_l − e)·y)  <=  b.

Proof: more than one shipment of a cell only lowers the left side, so let y be 0 or 1. Of C let k cells with u > e stay,
of L let m leave. If k <= m, Σ x <= b does it, as each ū_l − e is at least each (u − e)⁺. If k > m, what leaves is at
most Σ_C u less the u of those that stay, plus the u_l of those that leave: the left side is at most
b + e − k·e + m·e <= b. (Padberg, Van Roy and Wolsey, 1985.)
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

FIELDS = ("warehouse_id", "product_id", "date", "price", "cover", "lifted")
"""Of a cover. Where all of a batch leaves on one day there is no ``date``, and no ship_date in the entries."""


@dataclass(frozen=True)
class Covers:
    """Priced covers, entries one after another: the cover of each, its line and slot, and what y counts there.

    ``room``: b − Σ_C (u − e)⁺ of each cover, its right-hand side once the terms of y are on the left: Σ x − Σ given·y.
    """

    price: Exact
    room: Ints
    owner: Ints
    line: Ints
    slot: Ints
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

    # -- what units and shipments pay -----------------------------------------------------------------------------
    def unit_price(self, line: Ints, slot: Ints) -> Exact:
        """What a unit of each line pays in a slot (−1: one that no order may use)."""
        known, money = self._by_unit
        return money.take(find_keys(known, self._key(line, slot)))

    def shipment_pay(self, order: Ints, slot: Ints) -> Exact:
        """What each shipment (order, slot) is paid for leaving."""
        known, money = self._by_shipment
        return money.take(find_keys(known, self._key(order, slot)))

    def used(self, tally: Tally) -> Ints:
        """Σ x − Σ given·y of each cover in a plan."""
        rows, slots = tally.rows, self.facts.events.slots
        known, place = np.unique(self._key(rows.line, slots.find(rows.lane, rows.day)), return_inverse=True)
        units = np.zeros(len(known) + 1, dtype=np.int64)
        np.add.at(units, place, rows.qty)
        shipped = units[find_keys(known, self._key(self.line, self.slot))]
        leaving = slots.find(tally.shipment_lane, tally.shipment_day)
        leaves = np.isin(self._shipment, self._key(tally.shipment_order, leaving))
        total = np.zeros(len(self), dtype=np.int64)
        np.add.at(total, self.owner, shipped - self.given * leaves)
        return total

    def _key(self, one: Ints, slot: Ints) -> Ints:
        key: Ints = one * np.int64(len(self.facts.events.slots) + 1) + slot  # of slot −1 there is no other
        return key

    @property
    def _shipment(self) -> Ints:
        return self._key(self.facts.tables.line_order[self.line], self.slot)

    @cached_property
    def _by_unit(self) -> tuple[Ints, Exact]:
        return _summed(self._key(self.line, self.slot), self.price.take(self.owner))

    @cached_property
    def _by_shipment(self) -> tuple[Ints, Exact]:
        return _summed(self._shipment, self.price.take(self.owner) * self.given)


def _summed(keys: Ints, money: Exact) -> tuple[Ints, Exact]:
    """The keys, each once, and the sum of the money at each; a 0 stands behind, for keys that are not there."""
    known, place = np.unique(keys, return_inverse=True)
    return known, Exact.concat([money.sum_by(place, len(known)), Exact.zeros(1)])


def read_covers(facts: Facts, rows: PricedRows, stated: Any, price_of: Any) -> Covers:
    """The covers of a certificate; raises `VerificationError` for anything that is no cover of this batch.

    ``price_of`` turns (what is priced, text) into a decimal. Only batches are read in which a line ships its own
    product from one lot, which receipts alone add to.
    """
    if not isinstance(stated, list) or not all(isinstance(each, Mapping) for each in stated):
        raise VerificationError("certificate.json: covers must have a list of rows")
    if not stated:
        return Covers.none(facts)
    if not facts.has_single_lots:
        raise VerificationError(
            "certificate.json: covers are for batches without lots, substitutes, kits and transfers"
        )
    _check_form(stated, facts.events.dated)
    named: Keys = [tuple(str(each[name]) for name in FIELDS[:3] if name in each) for each in stated]
    price = Exact.of(price_of("a cover of", [*name, each["price"]]) for name, each in zip(named, stated, strict=True))
    if (price < 0).any():
        raise VerificationError("certificate.json: the price of a cover is below 0")
    period, most, _ = rows.find("warehouse_stock", named)
    _known(period, named, "row")
    size = np.array([[len(each["cover"]), len(each["lifted"])] for each in stated], dtype=np.int64)
    owner = np.repeat(np.arange(len(stated)), size.sum(axis=1))
    lifted = np.repeat(np.tile([False, True], len(stated)), size.ravel())
    entries = [entry for each in stated for part in ("cover", "lifted") for entry in each[part]]
    line, slot = _places(facts, rows, entries, [named[at][0] for at in owner.tolist()])
    if (facts.tables.line_product[line] != facts.supply.pool_product[facts.supply.period_pool[period]][owner]).any():
        raise VerificationError("certificate.json: a cover holds a line of another product")
    if (facts.events.slots.day[slot] > facts.supply.period_end[period][owner]).any():
        raise VerificationError("certificate.json: a cover holds a line that leaves after its stock row")
    given, room = _terms(facts, most, owner, line, slot, lifted, named)
    return Covers(price, room, owner, line, slot, given, facts)


def _check_form(stated: Sequence[Mapping[str, Any]], dated: bool) -> None:
    """Fields and texts as they are due: with dates only where a batch has some."""
    due = [name for name in FIELDS if dated or name != "date"]
    for each in stated:
        if list(each) != due or not all(_are_entries(each[part], 4 if dated else 3) for part in ("cover", "lifted")):
            raise VerificationError(f"certificate.json: a cover has {list(each)} where {due} are due")


def _are_entries(entries: Any, size: int) -> bool:
    return isinstance(entries, list) and all(are_texts(entry, size) for entry in entries)


def _places(facts: Facts, rows: PricedRows, entries: Sequence[list[str]], houses: Sequence[str]) -> tuple[Ints, Ints]:
    """The line and the slot of each entry (order, line, service and maybe ship_date) from a warehouse."""
    tables = facts.tables
    names: Keys = [(entry[0], entry[1]) for entry in entries]
    line = rows.look("order_lines", tables.order_lines, ["order_id", "line_id"], names)
    _known(line, names, "line")
    services = (entry[2] for entry in entries)
    lane, lanes = rows.lanes(tables.line_order[line], zip(houses, services, strict=True))
    _known(lane, lanes, "lane")
    named: Keys = [tuple(entry) for entry in entries]
    day = rows.days(named, 3)
    slot = np.where(day >= 0, facts.events.slots.find(lane, np.maximum(day, 0)), -1)
    _known(slot, named, "day")
    return line, slot


def _known(place: Ints, names: Keys, what: str) -> None:
    check_known(place, names, what, "a cover names")


def _terms(
    facts: Facts, most: Exact, owner: Ints, line: Ints, slot: Ints, lifted: Flags, named: Sequence[tuple[str, ...]]
) -> tuple[Ints, Ints]:
    """What y counts in each entry, and the right-hand side of each cover."""
    parts = (owner * np.int64(facts.n_lines) + line) * np.int64(len(facts.events.slots)) + slot
    if len(np.unique(parts)) != len(parts):
        raise VerificationError("certificate.json: a cover holds a line twice on one lane")
    _, first, cell = np.unique(
        (owner * np.int64(facts.n_lines) + line) * 2 + lifted, return_index=True, return_inverse=True
    )
    owner, line, lifted = owner[first], line[first], lifted[first]
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
    return given[cell], room
