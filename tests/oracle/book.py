"""The rows of a batch, looked up: days, sources of stock, what may be promised, recipes and members of rules."""

from __future__ import annotations

import datetime
from collections import defaultdict
from fractions import Fraction
from functools import cache
from typing import Any

from tests.instances import AS_OF, Case, Row
from tests.oracle.batch import Batch, number

Pool = tuple[str, str]
"""(warehouse, product)"""
Source = tuple[str, str, str]
"""(warehouse, product, lot)"""
CAPACITIES = ("capacity_units", "capacity_lines", "capacity_shipments", "capacity_kg")
FOREVER = 10**6


def day_of(text: Any) -> int | None:
    """Days since the date of the snapshot."""
    if text is None:
        return None
    date = text if isinstance(text, datetime.date) else datetime.date.fromisoformat(text)
    return (date - AS_OF).days


class Book(Batch):
    """A batch with time, lots, substitutes, kits and transfers."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.lanes_all = self.rows["lanes"]
        self.calendar = {(row["warehouse_id"], day_of(row["date"])): row for row in self.rows["calendar"]}
        self.recipes: dict[str, dict[str, int]] = defaultdict(dict)
        for row in self.rows["kits"]:
            self.recipes[row["product_id"]][row["component_id"]] = row["qty"]
        self.bands: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self.rows["rate_bands"]:
            self.bands[row["warehouse_id"], row["zone_id"], row["service_id"]].append(row)
        self.own: dict[Source, Row] = {}
        for row in self.rows["stock"]:
            self.own[row["warehouse_id"], row["product_id"], row.get("lot_id") or ""] = row
        self.receipts: dict[Pool, list[tuple[int, int]]] = defaultdict(list)
        for row in self.rows["inbound"]:
            arrival = max(0, day_of(row["available_date"]) or 0)
            self.receipts[row["warehouse_id"], row["product_id"]].append((arrival, row["qty"]))
        self.own_sources = set(self.own) | {(*pool, "") for pool in self.receipts}
        self.expiry: dict[Source, int] = {}
        self.holding: dict[Source, Fraction] = {}
        for source, row in self.own.items():
            expires = day_of(row.get("expiry_date"))
            self.expiry[source] = FOREVER if expires is None else expires
            self.holding[source] = number(row, "holding_value_per_unit")
        self.sources: dict[Pool, set[str]] = defaultdict(set)
        for warehouse, product, lot in self.own_sources:
            self.sources[warehouse, product].add(lot)
        self._add_transfers()
        self.horizon = self.last_day()
        self.previous: dict[tuple[str, str, str, str], int] = defaultdict(int)
        for row in self.rows["previous"]:
            lane = row["warehouse_id"], row["service_id"]
            if any(line["line_id"] == row["line_id"] for line in self.lines(row["order_id"])) and self._reaches(row):
                self.previous[row["order_id"], row["line_id"], *lane] += row["qty"]

    def _reaches(self, row: Row) -> bool:
        key = row["warehouse_id"], self.orders[row["order_id"]]["zone_id"], row["service_id"]
        return any((lane["warehouse_id"], lane["zone_id"], lane["service_id"]) == key for lane in self.lanes_all)

    def _add_transfers(self) -> None:
        """Which source may go where, by which row, on which days; sources and gains that transfers make."""
        self.routes: list[tuple[Row, list[Source], list[int]]] = []
        self.gains: dict[Pool, set[int]] = defaultdict(set)
        for pool, receipts in self.receipts.items():
            self.gains[pool] |= {arrival for arrival, _ in receipts}
        for row in self.rows["transfers"]:
            start, end = row["from_warehouse_id"], row["to_warehouse_id"]
            if self.warehouses[end].get("is_open") == "false":
                continue
            special = {
                other.get("product_id")
                for other in self.rows["transfers"]
                if (other["from_warehouse_id"], other["to_warehouse_id"]) == (start, end)
            }
            moved = sorted(
                source
                for source in self.own_sources
                if source[0] == start
                and (source[1] == row.get("product_id") or (row.get("product_id") is None and source[1] not in special))
            )
            starts = {0} | {arrival for source in moved for arrival, _ in self.receipts.get(source[:2], [])}
            leave = sorted({self.working_from(start, begin) for begin in starts})
            self.routes.append((row, moved, leave))
            for _, product, lot in moved:
                source = (end, product, lot)
                good = self.expiry.get((start, product, lot), FOREVER)
                arrivals = {day + row.get("transit_days", 0) for day in leave}
                arrivals = {day for day in arrivals if good >= day}
                if not arrivals:
                    continue
                self.sources[end, product].add(lot)
                if source not in self.own_sources:  # of several that come, the one that expires first
                    self.expiry[source] = min(self.expiry.get(source, FOREVER), good)
                self.gains[end, product] |= arrivals

    def working_from(self, warehouse: str, day: int) -> int:
        """The first working day of a warehouse on or after a day."""
        while self.calendar.get((warehouse, day), {}).get("is_working") == "false":
            day += 1
        return day

    def alive(self, source: Source, day: int) -> bool:
        return self.expiry.get(source, FOREVER) >= day

    def supply(self, source: Source, day: int) -> int:
        """What the source itself holds by a day: its own row and, for the nameless lot, what has come in."""
        held: int = self.own.get(source, {}).get("on_hand_qty", 0)
        if source[2] == "":
            held += sum(qty for arrival, qty in self.receipts.get(source[:2], []) if arrival <= day)
        return held

    def atp(self, pool: Pool, day: int) -> int:
        """Available to promise by a day, dead lots counting nothing."""
        total = sum(qty for arrival, qty in self.receipts.get(pool, []) if arrival <= day)
        for source, row in self.own.items():
            if source[:2] == pool and self.alive(source, day):
                total += row["on_hand_qty"] - row.get("reserved_qty", 0) - row.get("safety_stock_qty", 0)
        return max(0, total)

    def recipe(self, product: str) -> dict[str, int]:
        return self.recipes.get(product) or {product: 1}

    def ways_to_serve(self, line: Row) -> list[tuple[str, Fraction, Fraction]]:
        """(shipped product, its units for one ordered, penalty for each ordered unit)."""
        customer = self.orders[line["order_id"]]["customer_id"]
        found = [(line["product_id"], Fraction(1), Fraction(0))]
        for row in self.rows["substitutions"]:
            if row["product_id"] == line["product_id"] and row.get("customer_id") in (None, customer):
                found.append((row["substitute_id"], number(row, "ratio", 1), number(row, "penalty_per_unit")))
        return found

    def step(self, line: Row, product: str, ratio: Fraction) -> int:
        """Least ordered units for which the lot multiple holds and whole case packs of whole units ship."""
        pack = self.products.get(product, {}).get("case_pack") or 1
        units = line.get("lot_multiple") or 1
        while (units * ratio).denominator != 1 or (units * ratio) % pack:
            units += line.get("lot_multiple") or 1
        return units

    def per_unit(self, product: str, column: str) -> Fraction:
        """Weight or volume of a unit; of a kit its own if stated, else that of its components."""
        row = self.products.get(product, {})
        if row.get(column) is not None or product not in self.recipes:
            return number(row, column)
        parts = self.recipes[product].items()
        return sum((number(self.products.get(part, {}), column) * qty for part, qty in parts), Fraction(0))

    def weights(self, line: Row, product: str, ratio: Fraction, lane: Row) -> tuple[Fraction, Fraction]:
        """(kg, chargeable kg) of one ordered unit that ships as a product."""
        own = product == line["product_id"] and line.get("weight_kg") is not None
        kg = Fraction(line["weight_kg"]) / line["qty"] if own else self.per_unit(product, "unit_weight_kg") * ratio
        volume = self.per_unit(product, "unit_volume_m3") * ratio
        return kg, max(kg, number(lane, "kg_per_m3") * volume)

    def ship_days(self, order: str, warehouse: str) -> list[int]:
        """The days on which something changes for the order at the warehouse."""
        days = {self.working_from(warehouse, 0)}
        for line in self.lines(order):
            for product, _, _ in self.ways_to_serve(line):
                for part in self.recipe(product):
                    days |= {self.working_from(warehouse, day) for day in self.gains.get((warehouse, part), ())}
        for (house, day), row in self.calendar.items():
            limited = any(row.get(name) is not None for name in CAPACITIES)
            if house == warehouse and limited and row.get("is_working") != "false" and day is not None and day >= 0:
                days |= {day, self.working_from(warehouse, day + 1)}
        return sorted(days)

    def freight(self, lane: Row, linear: Fraction, kg: Fraction) -> Fraction | None:
        """What one shipment costs; None if no band of the tariff holds its weight."""
        bands = self.bands.get((lane["warehouse_id"], lane["zone_id"], lane["service_id"]))
        if not bands:
            return max(number(lane, "min_charge"), number(lane, "fixed_cost") + linear)
        prices = []
        for band in bands:
            low, high = number(band, "from_kg"), band.get("to_kg")
            if high is not None:
                holds = low <= kg <= Fraction(high)
            else:
                later = [number(other, "from_kg") for other in bands if number(other, "from_kg") > low]
                holds = low <= kg and (not later or kg < min(later))
            if holds:
                cost = number(band, "flat_cost") + number(band, "cost_per_kg") * kg
                prices.append(max(number(band, "min_charge"), cost))
        return min(prices, default=None)

    def holds_back(self, reserve: Row, pool: Pool) -> bool:
        """Whether the reserve is about the stock of a pool."""
        warehouse, product = pool
        family = self.products.get(product, {}).get("family", "")
        return (
            reserve.get("warehouse_id") in (None, warehouse)
            and reserve.get("product_id") in (None, product)
            and reserve.get("family") in (None, family)
        )

    def is_member(self, reserve: Row, line: Row) -> bool:
        attributes = self.attributes(line)
        who = ("channel", "segment", "tier", "customer_id")
        return all(reserve.get(column) in (None, attributes[column]) for column in who)

    def takes_from(self, reserve: Row, line: Row, pool: Pool) -> bool:
        """Whether what the line draws from the pool is limited by the reserve."""
        if not self.holds_back(reserve, pool) or self.is_member(reserve, line):
            return False
        stronger = [row for row in self.rows["reserves"] if row.get("rank", 1) < reserve.get("rank", 1)]
        return not any(self.holds_back(row, pool) and self.is_member(row, line) for row in stronger)

    def pools(self) -> list[Pool]:
        return sorted(self.sources)

    def last_day(self) -> int:
        """After this day nothing changes any more."""
        events = [0]
        events += [day for days in self.gains.values() for day in days]
        events += [day + 1 for day in self.expiry.values() if day < FOREVER]
        events += [day + 1 for _, day in self.calendar if day is not None]
        horizon = max(events)
        return max(horizon, max((self.working_from(house, horizon) for house in self.warehouses), default=0)) + 1

    def limited(self, lane: int, day: int, name: str) -> list[Any]:
        """The limits of one kind that a shipment comes under: of the warehouse, the lane and the day."""
        row = self.lanes_all[lane]
        house = row["warehouse_id"]
        found: list[Any] = []
        if self.warehouses[house].get(name) is not None:
            found.append(("warehouse", house, name))
        if row.get(name) is not None:
            found.append(("lane", house, row["zone_id"], row["service_id"], name))
        if self.calendar.get((house, day), {}).get(name) is not None:
            found.append(("day", house, day, name))
        return found

    @cache  # noqa: B019
    def _drawn(self, order: str, line: str, source: Source, day: int) -> list[Any]:
        row = next(row for row in self.lines(order) if row["line_id"] == line)
        keys: list[Any] = []
        for later in range(day, self.horizon + 1):
            if self.alive(source, later):
                keys += [("stock", *source[:2], later), ("lot", *source, later)]
            for reserve in self.rows["reserves"]:
                if self.takes_from(reserve, row, source[:2]):
                    keys.append(("reserve", reserve["reserve_id"], later))
        return keys

    def drawn_rows(self, line: Row, source: Source, day: int) -> list[Any]:
        """The rows of stock and reserves that count a unit which a line draws from a source on a day."""
        return self._drawn(line["order_id"], line["line_id"], source, day)

    def party(self, group: Row, line: Row) -> str:
        """Which party of a fair share a line belongs to, if any."""
        column = {"customer": "customer_id", "order": "order_id", "zone": "zone_id"}.get(group["between"])
        return self.attributes(line)[column or group["between"]] if self.in_scope(group, line) else ""

    def parties(self, group: Row) -> dict[str, int]:
        """What each party that takes part ordered; nothing where no two of them do."""
        ordered: dict[str, int] = defaultdict(int)
        active = set()
        for line in self.rows["order_lines"]:
            party = self.party(group, line)
            ordered[party] += line["qty"]
            if not self.orders[line["order_id"]].get("hold"):
                active.add(party)
        found = {party: ordered[party] for party in sorted(active - {""})}
        return found if len(found) > 1 else {}

    def order_in_scope(self, rule: Row, order: str) -> bool:
        """Whether the order columns of a rule fit an order."""
        row = self.orders[order]
        facts = self.customers.get(row["customer_id"], {}) | row
        who = ("customer_id", "segment", "tier", "channel", "zone_id", "order_id")
        return all(rule.get(column) in (None, facts.get(column)) for column in who)

    def in_floor(self, scope: str, order: str) -> bool:
        """Whether a service floor (`overall`, `tier.A`, `channel.web`, ...) counts an order."""
        name, _, value = scope.partition(".")
        row = self.orders[order]
        facts = self.customers.get(row["customer_id"], {}) | row
        column = {"customer": "customer_id", "zone": "zone_id"}.get(name, name)
        return name == "overall" or facts.get(column) == value
