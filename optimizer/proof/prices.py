"""The prices of a certificate: parsed, matched with the rows they price, and checked for their sign.

Any prices of the right sign give a valid bound, so nothing here asks where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.branches import Branches, read_branches
from optimizer.proof.covers import Covers, read_covers
from optimizer.proof.facts import Facts
from optimizer.proof.priced_rows import AT_LEAST, DATES, KEYS, PricedRows
from optimizer.proof.rates import Rates
from optimizer.proof.stages import StageRow, full_paid, read_stages, service_paid, shifted_rates
from optimizer.proof.stated import are_texts

Ints = NDArray[np.int64]

MAX_PRICE_DECIMALS = 9


@dataclass(frozen=True)
class Priced:
    """The priced rows of one family: the price of each, its right-hand side, and where it stands in its table.

    ``row``: period of a pool, lot row, warehouse, lane, calendar row, contract, floor, reserve row, customer, budget or
    transfer; for `warehouse_opening` the slot, with ``order`` beside it; for `fair_share` 2 · party (+ 1: below), for
    `fair_level` level · parties + party.
    """

    row: Ints
    price: Exact
    rhs: Exact
    order: Ints


@dataclass(frozen=True)
class PriceBook:
    """All prices of a certificate, by family; every family is there, most of them empty."""

    families: Mapping[str, Priced]
    rates: Rates
    """what the terms count once the prices of stages are taken into account"""
    stages: tuple[StageRow, ...] = ()
    service_paid: list[tuple[NDArray[np.bool_], Fraction]] = field(default_factory=list)
    """(orders, money per weighted unit served) that priced stages pay"""
    full_paid: Fraction = Fraction(0)
    """money that priced stages pay for an order in full"""
    covers: Covers | None = None
    """priced flow covers, if any"""
    branches: Branches | None = None
    """sets of stock rows with a tree, if any"""

    def __getitem__(self, family: str) -> Priced:
        return self.families[family]

    def spread(self, family: str, size: int) -> Exact:
        """One price for each row of the family's table, 0 where it has none."""
        priced = self.families[family]
        return priced.price.sum_by(priced.row, size)

    @property
    def priced_rhs(self) -> Fraction:
        """Σ price · right-hand side."""
        rows = sum(((priced.price * priced.rhs).sum() for priced in self.families.values()), Fraction(0))
        return rows if self.covers is None else rows + self.covers.priced_rhs


def read_books(facts: Facts, certificate: Mapping[str, Any]) -> tuple[PriceBook, PriceBook]:
    """The prices from which the bound follows, with covers and branches, and those that `shadow_prices` shows."""
    shown = read_prices(facts, certificate)
    book = _with_covers(facts, certificate, shown)
    if "branches" in certificate:
        rows = PricedRows(facts, book.stages)
        book = replace(book, branches=read_branches(facts, rows, certificate["branches"], _price))
    return book, shown


def _with_covers(facts: Facts, certificate: Mapping[str, Any], shown: PriceBook) -> PriceBook:
    if "covers" not in certificate:
        return shown
    covers = certificate["covers"]
    if not isinstance(covers, Mapping) or set(covers) != {"prices", "rows"}:
        raise VerificationError("certificate.json: covers must have 'prices' and 'rows'")
    book = read_prices(facts, {**certificate, "prices": covers["prices"]})
    rows = PricedRows(facts, book.stages)
    return replace(book, covers=read_covers(facts, rows, covers["rows"], _price))


def read_prices(facts: Facts, certificate: Mapping[str, Any]) -> PriceBook:
    """The prices of rows in a parsed certificate.json; raises `VerificationError` for anything not as it must be."""
    stated = certificate.get("prices")
    if not isinstance(stated, Mapping):
        raise VerificationError("certificate.json: no 'prices'")
    for family in stated:
        if family not in KEYS:
            raise VerificationError(f"certificate.json: {family!r} is not a family of priced rows")
    stages = read_stages(facts, certificate)
    rows = PricedRows(facts, stages)
    families = {family: _family(rows, family, stated.get(family)) for family in KEYS}
    priced = families["objective_stage"]
    prices = priced.price.sum_by(priced.row, len(stages)).fractions()
    rates = shifted_rates(facts.rates, stages, prices)
    return PriceBook(families, rates, stages, service_paid(facts, stages, prices), full_paid(stages, prices))


def _family(rows: PricedRows, family: str, stated: Any) -> Priced:
    if stated is None:
        none = np.zeros(0, dtype=np.int64)
        return Priced(none, Exact.zeros(0), Exact.zeros(0), none)
    names = KEYS[family]
    listed = stated.get("rows") if isinstance(stated, Mapping) else None
    if isinstance(stated, Mapping) and names[-1] in DATES and list(stated.get("keys", ())) == names[:-1]:
        names = names[:-1]
    if not isinstance(stated, Mapping) or list(stated.get("keys", ())) != names or not isinstance(listed, list):
        raise VerificationError(f"certificate.json: {family} must have keys {names} and a list of rows")
    for entry in listed:
        if not are_texts(entry, len(names) + 1):
            raise VerificationError(f"certificate.json: {family}: {entry!r} is not {[*names, 'price']} in quotes")
    keys = [tuple(entry[:-1]) for entry in listed]
    if len(set(keys)) != len(keys):
        raise VerificationError(f"certificate.json: {family}: a row is priced twice")
    price = Exact.of(_price(family, entry) for entry in listed)
    wrong = (price > 0) if family in AT_LEAST else (price < 0)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise VerificationError(f"certificate.json: {family} {keys[at]}: {listed[at][-1]} is of the wrong sign")
    row, rhs, order = rows.find(family, keys)
    if np.any(row < 0):
        at = int(np.flatnonzero(row < 0)[0])
        raise VerificationError(f"certificate.json: {family} {keys[at]}: the inputs have no such row")
    return Priced(row, price, rhs, order)


def _price(family: str, entry: list[str]) -> Decimal:
    """A plain decimal of at most nine decimals; `Decimal` alone would also take 'NaN', ' 1' or '1e400000000'."""
    text = entry[-1]
    whole, dot, decimals = text.removeprefix("-").partition(".")
    plain = whole.isascii() and whole.isdigit() and len(whole) <= 30
    if dot:
        plain = plain and decimals.isascii() and decimals.isdigit() and len(decimals) <= MAX_PRICE_DECIMALS
    if not plain:
        raise VerificationError(f"certificate.json: {family} {entry[:-1]}: {text!r} is not a decimal price")
    try:
        return Decimal(text)
    except InvalidOperation as error:  # pragma: no cover - the pattern above lets none through
        raise VerificationError(f"certificate.json: {family}: {text!r}") from error
