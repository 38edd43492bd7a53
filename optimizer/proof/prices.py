"""The prices of a certificate: parsed, matched with the rows they price, and checked for their sign.

Any prices of the right sign give a valid bound, so nothing here asks where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]

MAX_PRICE_DECIMALS = 9
WAREHOUSE_UNITS = ("units", "lines", "shipments", "kg")
LANE_UNITS = ("units", "kg", "shipments")
LANE_KEY = ["warehouse_id", "zone_id", "service_id"]
KEYS: dict[str, list[str]] = {
    "warehouse_stock": ["warehouse_id", "product_id"],
    **{f"warehouse_capacity_{unit}": ["warehouse_id"] for unit in WAREHOUSE_UNITS},
    **{f"lane_capacity_{unit}": LANE_KEY for unit in LANE_UNITS},
    "contract_minimum": ["contract_id"],
    "contract_quota": ["contract_id"],
    "service_floor": ["scope"],
    "warehouse_opening": ["order_id", "warehouse_id", "service_id"],
}
"""The coupling rows, and the columns that name one row of each family."""

AT_LEAST = frozenset({"contract_minimum", "service_floor"})
"""The ≥ rows: their prices are at most 0; all others are ≤ rows with prices of at least 0."""


@dataclass(frozen=True)
class Priced:
    """The priced rows of one family: the price of each, its right-hand side, and where it stands in its table.

    ``row``: stock row, warehouse, lane, contract or floor; for `warehouse_opening` the lane, with ``order`` beside it.
    """

    row: Ints
    price: Exact
    rhs: Exact
    order: Ints


@dataclass(frozen=True)
class PriceBook:
    """All prices of a certificate, by family; every family is there, most of them empty."""

    families: Mapping[str, Priced]

    def __getitem__(self, family: str) -> Priced:
        return self.families[family]

    def spread(self, family: str, size: int) -> Exact:
        """One price for each row of the family's table, 0 where it has none."""
        priced = self.families[family]
        return priced.price.sum_by(priced.row, size)

    @property
    def priced_rhs(self) -> Fraction:
        """Σ price · right-hand side."""
        return sum(((priced.price * priced.rhs).sum() for priced in self.families.values()), Fraction(0))


def read_prices(facts: Facts, certificate: Mapping[str, Any]) -> PriceBook:
    """The prices of a parsed certificate.json; raises `VerificationError` for anything that is not as it must be."""
    stated = certificate.get("prices")
    if not isinstance(stated, Mapping):
        raise VerificationError("certificate.json: no 'prices'")
    for family in stated:
        if family not in KEYS:
            raise VerificationError(f"certificate.json: {family!r} is not a family of priced rows")
    rows = Rows(facts)
    return PriceBook({family: _family(rows, family, stated.get(family)) for family in KEYS})


def _family(rows: Rows, family: str, stated: Any) -> Priced:
    if stated is None:
        none = np.zeros(0, dtype=np.int64)
        return Priced(none, Exact.zeros(0), Exact.zeros(0), none)
    names = KEYS[family]
    listed = stated.get("rows") if isinstance(stated, Mapping) else None
    if not isinstance(stated, Mapping) or list(stated.get("keys", ())) != names or not isinstance(listed, list):
        raise VerificationError(f"certificate.json: {family} must have keys {names} and a list of rows")
    for entry in listed:
        if not isinstance(entry, list) or len(entry) != len(names) + 1 or not all(isinstance(v, str) for v in entry):
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


class Rows:
    """Finds the rows that prices name, with their right-hand sides."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._places: dict[str, dict[tuple[str, ...], int]] = {}

    def find(self, family: str, keys: list[tuple[str, ...]]) -> tuple[Ints, Exact, Ints]:
        """Position (−1: unknown), right-hand side and order of each key."""
        facts, tables = self.facts, self.facts.tables
        nobody = np.full(len(keys), -1, dtype=np.int64)
        if family == "warehouse_stock":
            row = self._look("stock", tables.stock, KEYS[family], keys)
            return row, Exact.ints(facts.available(row)), nobody
        if family.startswith(("warehouse_capacity_", "lane_capacity_")):
            table = tables.warehouses if family.startswith("warehouse") else tables.lanes
            row = self._look(table.name, table, KEYS[family], keys)
            return self._limited(table, row, "capacity_" + family.rpartition("_")[2], nobody)
        if family == "contract_quota":
            row = self._look("contracts", tables.contracts, KEYS[family], keys)
            return self._limited(tables.contracts, row, "max_qty", nobody)
        if family == "contract_minimum":
            row = self._look("contracts", tables.contracts, KEYS[family], keys)
            return row, Exact.ints(np.append(facts.contract_required, 0)[row]), nobody
        if family == "service_floor":
            place: dict[tuple[str, ...], int] = {
                (scope,): position for position, (scope, _, _) in enumerate(facts.floors)
            }
            row = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
            sides = [facts.floor_rhs(members, level) for _, members, level in facts.floors]
            return row, Exact.of([*sides, 0]).take(row), nobody
        return self._openings(keys)

    def _look(self, name: str, table: Table, columns: list[str], keys: list[tuple[str, ...]]) -> Ints:
        place = self._places.get(name)
        if place is None:
            texts = zip(*(table[column] for column in columns), strict=True)
            place = self._places[name] = {key: position for position, key in enumerate(texts)}
        return np.array([place.get(key, -1) for key in keys], dtype=np.int64)

    @staticmethod
    def _limited(table: Table, row: Ints, column: str, nobody: Ints) -> tuple[Ints, Exact, Ints]:
        """Rows that exist only where the limit is given."""
        row = np.where((row >= 0) & np.append(table.given(column), False)[row], row, -1)
        limit = table[column] if isinstance(table[column], Exact) else Exact.ints(table[column])
        return row, Exact.concat([limit, Exact.zeros(1)]).take(row), nobody

    def _openings(self, keys: list[tuple[str, ...]]) -> tuple[Ints, Exact, Ints]:
        """The (order, lane) pairs of warehouses whose opening costs something; right-hand side 0."""
        tables = self.facts.tables
        order = self._look("orders", tables.orders, ["order_id"], [(key[0],) for key in keys])
        if not len(tables.orders):
            return order, Exact.zeros(len(keys)), order
        zone = tables.orders["zone_id"][order]
        lanes: list[tuple[str, ...]] = [(key[1], str(place), key[2]) for key, place in zip(keys, zone, strict=True)]
        lane = self._look("lanes", tables.lanes, LANE_KEY, lanes)
        if len(tables.lanes):
            costly = tables.warehouses["fixed_open_cost"][tables.lane_warehouse[lane]] > 0
            lane = np.where((order >= 0) & (lane >= 0) & costly & (self.facts.shipping_weight > 0), lane, -1)
        return lane, Exact.zeros(len(keys)), order
