"""Pins of a planner, as least and most quantities on the lanes of an order's block."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.days import day_numbers
from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NO_LIMIT = 2**62


@dataclass(frozen=True)
class Hold:
    """What pins demand of one line at one warehouse: over all its services, and on single ones (code: range)."""

    low: int = 0
    high: int = NO_LIMIT
    services: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pin:
    """One pin: warehouse, code of its service and day (−1: any), and the range of ordered units that it allows."""

    warehouse: int
    service: int
    day: int
    lot: bool
    low: int
    high: int

    def covers(self, warehouse: Ints, service: Ints, day: Ints) -> Flags:
        """The slots that the pin speaks of."""
        spoken = warehouse == self.warehouse
        spoken &= (self.service < 0) | (service == self.service)
        return np.asarray(spoken & ((self.day < 0) | (day == self.day)), dtype=bool)


class PinBook:
    """The pins of all lines, gathered per (line, warehouse)."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def by_line(self) -> dict[int, dict[int, Hold]]:
        """Line → warehouse → what the pins there demand together."""
        pins, tables = self.facts.tables.pins, self.facts.tables
        code = {service: position for position, service in enumerate(self.services)}
        book: dict[int, dict[int, Hold]] = {}
        for position in range(len(pins)):
            line, house = int(tables.pin_line[position]), int(tables.pin_warehouse[position])
            low, high = demanded_range(str(pins["mode"][position]), int(pins["qty"][position]))
            held = book.setdefault(line, {}).get(house, Hold())
            service = str(pins["service_id"][position])
            if service:
                known = held.services.get(code.get(service, -1), (0, NO_LIMIT))
                services = {**held.services, code.get(service, -1): (max(low, known[0]), min(high, known[1]))}
                book[line][house] = Hold(held.low, held.high, services)
            else:
                book[line][house] = Hold(max(low, held.low), min(high, held.high), held.services)
        return book

    @property
    def narrow(self) -> bool:
        """Whether any pin names a day or a lot."""
        pins = self.facts.tables.pins
        return bool(np.any(~np.isnat(pins["ship_date"])) or np.any(pins["lot_id"] != ""))

    @cached_property
    def of_line(self) -> dict[int, list[Pin]]:
        """The pins of each line, one by one."""
        pins, tables = self.facts.tables.pins, self.facts.tables
        code = {service: position for position, service in enumerate(self.services)}
        days = day_numbers(pins["ship_date"], self.facts.as_of, 0)
        days = np.where(np.isnat(pins["ship_date"]), -1, np.where(days < 0, NO_LIMIT, days))
        book: dict[int, list[Pin]] = {}
        for at in range(len(pins)):
            low, high = demanded_range(str(pins["mode"][at]), int(pins["qty"][at]))
            service = str(pins["service_id"][at])
            named = code.get(service, len(code)) if service else -1
            pin = Pin(int(tables.pin_warehouse[at]), named, int(days[at]), bool(pins["lot_id"][at]), low, high)
            book.setdefault(int(tables.pin_line[at]), []).append(pin)
        return book

    @cached_property
    def services(self) -> list[str]:
        """The services in the order of their codes in `Tables.lane_service`."""
        return [str(service) for service in self.facts.tables.services]

    @cached_property
    def lines(self) -> Flags:
        """Which lines have a pin."""
        flags = np.zeros(self.facts.n_lines, dtype=bool)
        flags[list(self.by_line)] = True
        return flags


def demanded_range(mode: str, qty: int) -> tuple[int, int]:
    """The least and the most that a pin allows."""
    if mode == "exactly":
        return qty, qty
    if mode == "at_least":
        return qty, NO_LIMIT
    return 0, (0 if mode == "forbid" else qty)


@dataclass
class PinnedCells:
    """The effect of pins on the cells of a block (n lines × s lanes), filled in by `apply`."""

    cap: Ints
    """most units beyond the pinned ones (changed in place)"""
    low: Ints
    """pinned units"""
    impossible: Flags
    """lines whose pins no lane can keep"""
    loose: list[tuple[int, Ints, int]] = field(default_factory=list)
    """(line, lanes, units): pinned over several services of a warehouse, on whichever of them is worth most"""

    def apply(self, row: int, lanes: Ints, service: Ints, hold: Hold, step: int) -> None:
        """One line at one warehouse, whose candidate lanes are ``lanes`` (of these services)."""
        step = int(step)
        if hold.high < NO_LIMIT:
            self.cap[row, lanes] = np.minimum(self.cap[row, lanes], hold.high // step * step)
        most = int(self.cap[row, lanes].max(initial=0))  # of all services together: they share the stock
        for code, (low, high) in hold.services.items():
            for lane in lanes[service == code]:
                only = len(lanes) == 1
                limit = high // step * step if only else high
                self.cap[row, lane] = min(int(self.cap[row, lane]), limit)
            if low and not np.any(service == code):
                self.impossible[row] = True
        if len(lanes) == 1:
            inner = max((low for low, _ in hold.services.values()), default=0)
            self._pin(row, int(lanes[0]), -(-max(hold.low, inner) // step) * step)
            return
        pinned = 0
        for code, (low, _) in hold.services.items():
            for lane in lanes[service == code]:
                self._pin(row, int(lane), low)
                pinned += low
        rest = max(0, hold.low - pinned)
        if pinned + rest > most:
            self.impossible[row] = True
        if rest and len(lanes):
            self.loose.append((row, lanes, rest))
        self.cap[row, lanes] = np.minimum(self.cap[row, lanes], max(0, most - pinned - rest))

    def apply_loosely(self, row: int, covered: Flags, pin: Pin) -> None:
        """One pin on slots of several days or ways: its most on each slot, its least on those of highest value.

        Of several pins with a least quantity at a line only the largest counts: what they ask for may overlap.
        """
        at = np.flatnonzero(covered)
        if pin.high < NO_LIMIT and not pin.lot:  # a limit on one lot says nothing of the others
            self.cap[row, at] = np.minimum(self.cap[row, at], pin.high)
        if not pin.low:
            return
        if pin.low > int(self.cap[row, at].sum()):
            self.impossible[row] = True
            return
        known = [entry for entry in self.loose if entry[0] == row]
        if not known or known[0][2] < pin.low:
            self.loose = [entry for entry in self.loose if entry[0] != row]
            self.loose.append((row, at, pin.low))

    def _pin(self, row: int, lane: int, low: int) -> None:
        if low > self.cap[row, lane]:
            self.impossible[row] = True
            low = int(self.cap[row, lane])
        self.low[row, lane] += low
        self.cap[row, lane] -= low
