"""What the tables allow one line on one lane: services, eligibility, pins, and the room that capacities leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.tables.eligibility import ineligible_pairs as ineligible_pairs
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Table, Tables

if TYPE_CHECKING:
    from optimizer.model.batch import Batch
    from optimizer.model.kit_parts import Named

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


def pin_service(tables: Tables) -> Ints:
    """Service that each pin names, -1 where it means all services of its warehouse."""
    return _asked(tables.services, tables.pins["service_id"])


def narrow_pins(tables: Tables) -> Flags:
    """Pins that speak only of one day, or of one lot."""
    pins = tables.pins
    return cast("Flags", ~np.isnat(pins["ship_date"]) | np.asarray(pins["lot_id"] != "", dtype=bool))


@dataclass(frozen=True)
class PinMatch:
    """What each pin speaks of: its ``line``, ``warehouse`` and, -1 where it names none, ``service``, ``day``, ``lot``.

    ``lot`` and ``lot_of`` (by source, -1 for a kit) are codes of lot names.
    """

    line: Ints
    warehouse: Ints
    service: Ints
    day: Ints
    lot: Ints
    lane_service: Ints
    lot_of: Ints

    @classmethod
    def of(cls, batch: Batch) -> PinMatch:
        from optimizer.model.calendar import FOREVER, days_since

        tables, supply = batch.tables, batch.supply
        dated = ~np.isnat(tables.pins["ship_date"])
        day = np.maximum(days_since(batch.scenario, tables.pins["ship_date"], FOREVER), -2)
        names = np.array(sorted({*supply.lot.tolist(), ""}), dtype=object)
        return cls(
            line=tables.pin_line,
            warehouse=tables.pin_warehouse,
            service=pin_service(tables),
            day=np.where(dated, np.where(day < 0, FOREVER, day), -1),
            lot=_asked(names, tables.pins["lot_id"]),
            lane_service=tables.lane_service,
            lot_of=np.append(terms.codes_of(names, supply.lot), -2),
        )

    def match(self, pin: Ints, warehouse: Ints, lane: Ints, day: Ints, source: Ints) -> Flags:
        """Whether each of ``pin`` speaks of what leaves a warehouse on a lane and day from a source (-1: a kit)."""
        service, wanted_day, lot = self.service[pin], self.day[pin], self.lot[pin]
        same = self.warehouse[pin] == warehouse
        same &= (service < 0) | (service == self.lane_service[lane])
        same &= (wanted_day < 0) | (wanted_day == day)
        return cast("Flags", same & ((lot < 0) | (lot == self.lot_of[source])))


@dataclass(frozen=True)
class PinLimits:
    """Most units that pins leave to a (line, warehouse), and to a (line, warehouse, service) where they name one.

    ``pinned``: lines that any of them is about.
    """

    everywhere: Index
    everywhere_qty: Ints
    by_service: Index
    by_service_qty: Ints
    n_services: int
    n_warehouses: int
    pinned: Flags

    @classmethod
    def of(cls, tables: Tables) -> PinLimits:
        pins, service = tables.pins, pin_service(tables)
        qty = np.where(pins["mode"] == "forbid", 0, pins["qty"])
        limiting = (pins["mode"] != "at_least") & ~narrow_pins(tables)
        pair = tables.pin_line * len(tables.warehouses) + tables.pin_warehouse
        size, width = len(tables.order_lines) * len(tables.warehouses), len(tables.services) + 1
        codes, least = _least(pair[limiting & (service < 0)], qty[limiting & (service < 0)])
        named = limiting & (service >= 0)
        service_codes, service_least = _least((pair * width + service)[named], qty[named])
        by_service = Index(service_codes, size * width), service_least, width
        pinned = np.zeros(len(tables.order_lines), dtype=bool)
        pinned[tables.pin_line[limiting]] = True
        return cls(Index(codes, size), least, *by_service, len(tables.warehouses), pinned)

    def apply(self, found: Named, lane_service: Ints, room: Ints) -> Ints:
        """``room`` of each candidate lowered to what the pins leave."""
        about = np.flatnonzero(self.pinned[found["line"]])
        if not len(about):
            return room
        room, service = room.copy(), lane_service[found["lane"][about]]
        pair = found["line"][about] * self.n_warehouses + found["warehouse"][about]
        for index, qty, code in (
            (self.everywhere, self.everywhere_qty, pair),
            (self.by_service, self.by_service_qty, pair * self.n_services + service),
        ):
            place = index.find(code)
            met = np.flatnonzero(place >= 0)
            room[about[met]] = np.minimum(room[about[met]], qty[place[met]])
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


class _Narrow(NamedTuple):
    """Rows of one table of capacities that may leave a candidate less than it wants; each ends in False, for no row.

    ``none``: no line or no shipment at all; ``few`` and ``light``: the limits ``units`` and ``kg`` may.
    """

    none: Flags
    few: Flags
    light: Flags
    units: Ints
    kg: Exact

    @property
    def any(self) -> bool:
        return bool(self.none.any() or self.few.any() or self.light.any())


def _largest(batch: Batch) -> tuple[float, float]:
    """No line takes so many units from the shelf, or so many kg, whatever is shipped for it."""
    offers = batch.offers
    qty = batch.tables.order_lines["qty"][offers.line]
    units = qty * (offers.top / offers.bottom) * offers.units
    kg = qty * offers.kg.floats()
    most_units, most_kg = (float(most.max(initial=0)) * (1 + terms.ROUNDING) + 1 for most in (units, kg))
    return most_units, most_kg


class Capacities:
    """The room that capacities of warehouses, lanes and days leave to single candidates.

    A row that leaves room for the largest line there is narrows nothing, and nobody asks whom it is about.
    """

    def __init__(self, batch: Batch, headroom: int) -> None:
        self.batch, self.headroom = batch, headroom
        self.plain = batch.offers.plain and not batch.offers.recipes.is_kit.any()
        self.most_units, self.most_kg = _largest(batch)
        tables = batch.tables
        self.warehouses, self.lanes, self.days = map(self._narrow, (tables.warehouses, tables.lanes, tables.calendar))

    def lower(self, cap: Ints, found: Named) -> None:
        """Lower what is asked of each candidate to what every capacity it uses leaves if it were its own."""
        if self.warehouses.any:
            self._lower(cap, self.warehouses, found["warehouse"], found)
        if self.lanes.any:
            self._lower(cap, self.lanes, found["lane"], found)
        if self.days.any:
            self._lower(cap, self.days, self.batch.calendar.limit_of(found["warehouse"], found["day"]), found)

    def _narrow(self, table: Table) -> _Narrow:
        headroom, none = self.headroom, np.zeros(len(table), dtype=bool)
        for column in ("capacity_lines", "capacity_shipments"):
            if column in table.columns:
                none |= table.given(column) & (table[column] + headroom < 1)
        units, kg = table["capacity_units"] + headroom, table["capacity_kg"] + headroom
        few = table.given("capacity_units") & (units < self.most_units)
        light = table.given("capacity_kg") & (kg.floats() < self.most_kg)
        none, few, light = (np.append(flags, False) for flags in (none, few, light))
        return _Narrow(none, few, light, units, kg)

    def _lower(self, cap: Ints, narrow: _Narrow, row: Ints, found: Named) -> None:
        """By the rows of one table; -1 is none."""
        cap[narrow.none[row]] = 0
        at = np.flatnonzero(narrow.few[row])
        cap[at] = np.minimum(cap[at], self._ordered(narrow.units[row[at]], found["offer"][at]))
        at = np.flatnonzero(narrow.light[row])
        weight = self.batch.offers.kg.take(found["offer"][at])
        cap[at] = np.minimum(cap[at], _units_within(narrow.kg.take(row[at]), weight))

    def _ordered(self, units: Ints, offer: Ints) -> Ints:
        """Ordered units that so many units from the shelf serve."""
        offers = self.batch.offers
        return units if self.plain else offers.ordered(offer, units // offers.units[offer])


def _units_within(kg: Exact, weight: terms.Ratio) -> Ints:
    """⌊kg / weight⌋ elementwise, `ENDLESS` where the weight is 0."""
    top, scale = kg * weight.bottom, max(kg.scale, weight.top.scale)
    divisor = weight.top.rescaled(scale).num
    units = top.rescaled(scale).num // np.where(divisor == 0, 1, divisor)
    return np.where(divisor == 0, ENDLESS, np.minimum(units, ENDLESS)).astype(np.int64)
