"""What the tables allow one line on one lane: services, eligibility, pins, and the room that capacities leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.tables.schema import SCOPE_COLUMNS
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DENSE = 1 << 24
"""Largest grid of codes that is looked up in a table instead of by search."""
ENDLESS = 1 << 60
"""Stands for no limit, in units."""


class Index:
    """Positions of distinct codes (whole numbers below ``size``); ``find`` answers -1 where a code does not occur."""

    def __init__(self, codes: Ints, size: int) -> None:
        self.order = np.argsort(codes, kind="stable")
        self.codes = codes[self.order]
        self.table: NDArray[np.int32] | None = None
        if size <= DENSE:
            self.table = np.full(size, -1, dtype=np.int32)
            self.table[codes] = np.arange(len(codes), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.codes)

    def find(self, wanted: Ints) -> Ints:
        """The position of each wanted code."""
        if self.table is not None:
            return self.table[wanted].astype(np.int64)
        if len(self.codes) == 0:
            return np.full(len(wanted), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.where(self.codes[place] == wanted, self.order[place], -1)


def stock_index(tables: Tables) -> Index:
    """Finds stock rows by ``warehouse · products + product``."""
    size = len(tables.products)
    return Index(tables.stock_warehouse * size + tables.stock_product, len(tables.warehouses) * size)


@dataclass(frozen=True)
class ServiceMatch:
    """Codes of the service and the service level that orders ask for (-1: any) and lanes offer."""

    asked: tuple[Ints, Ints]
    offered: tuple[Ints, Ints]

    @classmethod
    def of(cls, tables: Tables) -> ServiceMatch:
        levels = np.array(sorted(set(tables.lanes["service_level"])), dtype=object)
        return cls(
            (_asked(tables.services, tables.orders["service_id"]), _asked(levels, tables.orders["service_level"])),
            (tables.lane_service, terms.codes_of(levels, tables.lanes["service_level"])),
        )

    def mismatch(self, order: Ints, lane: Ints) -> Flags | None:
        """Where the lane is not what the order asks for; None if no order asks."""
        bad = None
        for asked, offered in zip(self.asked, self.offered, strict=True):
            if (asked >= 0).any():
                wanted = asked[order]
                miss = (wanted >= 0) & (wanted != offered[lane])
                bad = miss if bad is None else bad | miss
        return bad


def _asked(ids: NDArray[np.object_], values: NDArray[np.object_]) -> Ints:
    """Code of each value; -1 where it is blank, beyond the ids where nobody offers it."""
    asked = np.full(len(values), -1, dtype=np.int64)
    filled = np.flatnonzero(values != "")
    known = terms.codes_of(ids, values[filled])
    asked[filled] = np.where(known < 0, len(ids), known)
    return asked


def ineligible_pairs(tables: Tables) -> Ints:
    """Sorted codes ``line · warehouses + warehouse`` that eligibility rules exclude.

    ``forbid``: a matching row excludes. ``only``: a warehouse with such rows serves a line iff, for each set of columns
    that those rows fill, at least one of its rows matches.
    """
    rules, size = tables.eligibility, len(tables.warehouses)
    if len(rules) == 0:
        return np.zeros(0, dtype=np.int64)
    rule, line = scope_members(tables, rules)
    only = (rules["mode"] == "only")[rule]
    forbidden = line[~only] * size + tables.eligibility_warehouse[rule[~only]]
    return np.unique(np.concatenate([forbidden, _unmatched_pairs(tables, rule[only], line[only])]))


def _unmatched_pairs(tables: Tables, rule: Ints, line: Ints) -> Ints:
    """Codes of (line, warehouse) where some set of columns filled by ``only`` rows has no row that matches the line."""
    n_lines, size = len(tables.order_lines), len(tables.warehouses)
    group, group_warehouse = _only_groups(tables)
    warehouses, narrow = np.unique(group_warehouse, return_inverse=True)
    pair = np.unique(group[rule] * n_lines + line)
    met = np.bincount((pair % n_lines) * len(warehouses) + narrow[pair // n_lines], minlength=n_lines * len(warehouses))
    unmet = met.reshape(n_lines, -1) < np.bincount(narrow)
    lines, places = np.nonzero(unmet)
    return lines * size + warehouses[places]


def _only_groups(tables: Tables) -> tuple[Ints, Ints]:
    """Group (warehouse, set of filled columns) of each ``only`` row, -1 for other rules; each group's warehouse."""
    rules = tables.eligibility
    filled = np.zeros(len(rules), dtype=np.int64)
    for bit, column in enumerate(SCOPE_COLUMNS):
        filled += (rules[column] != "").astype(np.int64) << bit
    only = np.flatnonzero(rules["mode"] == "only")
    code = (tables.eligibility_warehouse[only] << len(SCOPE_COLUMNS)) + filled[only]
    groups, of_row = np.unique(code, return_inverse=True)
    group = np.full(len(rules), -1, dtype=np.int64)
    group[only] = of_row
    return group, groups >> len(SCOPE_COLUMNS)


def pin_service(tables: Tables) -> Ints:
    """Service that each pin names, -1 where it means all services of its warehouse."""
    return _asked(tables.services, tables.pins["service_id"])


@dataclass(frozen=True)
class PinLimits:
    """Most units that pins leave to a (line, warehouse), and to a (line, warehouse, service) where they name one."""

    everywhere: Index
    everywhere_qty: Ints
    by_service: Index
    by_service_qty: Ints
    n_services: int

    @classmethod
    def of(cls, tables: Tables) -> PinLimits:
        pins, service = tables.pins, pin_service(tables)
        qty = np.where(pins["mode"] == "forbid", 0, pins["qty"])
        limiting = pins["mode"] != "at_least"
        pair = tables.pin_line * len(tables.warehouses) + tables.pin_warehouse
        size, width = len(tables.order_lines) * len(tables.warehouses), len(tables.services) + 1
        codes, least = _least(pair[limiting & (service < 0)], qty[limiting & (service < 0)])
        named = limiting & (service >= 0)
        service_codes, service_least = _least((pair * width + service)[named], qty[named])
        return cls(Index(codes, size), least, Index(service_codes, size * width), service_least, width)

    def apply(self, pair: Ints, service: Ints, room: Ints) -> Ints:
        """``room`` lowered to what the pins leave; ``pair`` is ``line · warehouses + warehouse``."""
        for index, qty, code in (
            (self.everywhere, self.everywhere_qty, pair),
            (self.by_service, self.by_service_qty, pair * self.n_services + service),
        ):
            if len(index):
                place = index.find(code)
                room = np.where(place >= 0, np.minimum(room, qty[place]), room)
        return room


def _least(codes: Ints, qty: Ints) -> tuple[Ints, Ints]:
    """The distinct codes, and the smallest quantity of each."""
    distinct, of_row = np.unique(codes, return_inverse=True)
    least = np.full(len(distinct), ENDLESS, dtype=np.int64)
    np.minimum.at(least, of_row, qty)
    return distinct, least


def quota_room(tables: Tables, headroom: int) -> Ints:
    """Most units that contract quotas leave to each line."""
    room = np.full(len(tables.order_lines), ENDLESS, dtype=np.int64)
    if tables.contracts.given("max_qty").any():
        rule, line = scope_members(tables, tables.contracts)
        limited = tables.contracts.given("max_qty")[rule]
        np.minimum.at(room, line[limited], tables.contracts["max_qty"][rule[limited]] + headroom)
    return room


def capacity_room(tables: Tables, weight: terms.Ratio, line: Ints, lane: Ints, headroom: int) -> Ints:
    """Most units of the line that the capacities of the lane and of its warehouse would carry if all were its own.

    ``weight``: kg per unit of each line.
    """
    room = np.full(len(line), ENDLESS, dtype=np.int64)
    for table, row in ((tables.warehouses, tables.lane_warehouse[lane]), (tables.lanes, lane)):
        for column in ("capacity_lines", "capacity_shipments"):
            if column in table.columns and table.given(column).any():
                room[table.given(column)[row] & (table[column][row] + headroom < 1)] = 0
        if table.given("capacity_units").any():
            limit = np.where(table.given("capacity_units"), table["capacity_units"] + headroom, ENDLESS)
            room = np.minimum(room, limit[row])
        weighed = np.flatnonzero(table.given("capacity_kg")[row])
        if len(weighed):
            kg = (table["capacity_kg"] + headroom).take(row[weighed])
            room[weighed] = np.minimum(room[weighed], _units_within(kg, weight.take(line[weighed])))
    return room


def _units_within(kg: Exact, weight: terms.Ratio) -> Ints:
    """⌊kg / weight⌋ elementwise, `ENDLESS` where the weight is 0."""
    top, scale = kg * weight.bottom, max(kg.scale, weight.top.scale)
    divisor = weight.top.rescaled(scale).num
    units = top.rescaled(scale).num // np.where(divisor == 0, 1, divisor)
    return np.where(divisor == 0, ENDLESS, np.minimum(units, ENDLESS)).astype(np.int64)
