"""Every way in which one order line could be served alone, with what that earns and takes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.instances import Row
from tests.oracle.batch import number
from tests.oracle.book import Book, Source, day_of

Used = dict[Any, Fraction | int]
Parcel = tuple[int, int]
"""(position of the lane, ship day): a shipment of the order."""


Kept = dict[tuple[str, str, int, str, str], tuple[int, int]]
"""(ordered, shipped) units by (warehouse, service, day, product, lot)"""


@dataclass(frozen=True)
class Piece:
    """So many ordered units of a line in one shipment, as one product, drawn from these sources."""

    lane: int
    day: int
    product: str
    lot: str | None
    ordered: int
    draws: tuple[tuple[Source, int], ...]


@dataclass
class LinePlan:
    """Pieces of one line with their money (freight apart), uses of shared rows and load of each shipment."""

    pieces: tuple[Piece, ...]
    total: int
    money: Fraction
    used: Used
    load: dict[Parcel, tuple[Fraction, Fraction]]
    """(freight by unit and kg, chargeable kg)"""


@dataclass
class Way:
    """One group of quantities that share a step: a product of a lot leaving a warehouse on a day, by any lane."""

    product: str
    lot: str | None
    day: int
    ratio: Fraction
    step: int
    lanes: list[int] = field(default_factory=list)


class LineBook:
    """The plans of one line."""

    def __init__(self, book: Book, line: Row, supply: dict[tuple[str, str], int]) -> None:
        self.book, self.line = book, line
        self.order = book.orders[line["order_id"]]
        self.supply = supply
        """Most units that a pool could ever give, transfers included."""
        self.customer = book.customers.get(self.order["customer_id"], {})
        self.frozen = str(self.order.get("frozen", "false")).lower() == "true"
        self.kept = self._kept_rows()
        self.price = {
            "margin": Fraction(
                line["unit_margin"]
                if line.get("unit_margin") is not None
                else line["unit_price"] - book.products[line["product_id"]]["unit_cost"]
            ),
            "late": number(line, "late_penalty_per_unit_day"),
        }
        self.ways = self._ways()

    def _kept_rows(self) -> Kept:
        """What a frozen order's previous rows say."""
        kept: Kept = defaultdict(lambda: (0, 0))
        for row in self.book.rows["previous"] if self.frozen else ():
            if (row["order_id"], row["line_id"]) == (self.line["order_id"], self.line["line_id"]):
                day = max(0, day_of(row["ship_date"]) or 0)
                key = row["warehouse_id"], row["service_id"], day, row["product_id"], row.get("lot_id") or ""
                kept[key] = kept[key][0] + row["qty"], kept[key][1] + row["shipped_qty"]
        return kept

    def _as_rows(self, pieces: tuple[Piece, ...]) -> Kept:
        """The rows that a plan would leave: of a kit one for each component, the first with the ordered units."""
        rows: Kept = defaultdict(lambda: (0, 0))
        for piece in pieces:
            lane = self.book.lanes_all[piece.lane]
            for at, ((_, product, lot), units) in enumerate(sorted(piece.draws)):
                key = lane["warehouse_id"], lane["service_id"], piece.day, product, lot
                rows[key] = rows[key][0] + (0 if at else piece.ordered), rows[key][1] + units
        return rows

    def _ways(self) -> list[Way]:
        book, line = self.book, self.line
        lanes = [book.lanes_all.index(lane) for lane in book.lanes(line)]
        days = {
            house: book.ship_days(line["order_id"], house)
            for house in {book.lanes_all[lane]["warehouse_id"] for lane in lanes}
        }
        if self.frozen:
            frozen = {key[2] for key in self.kept}
            days = {house: [day for day in frozen if book.working_from(house, day) == day] for house in days}
        found: dict[Any, Way] = {}
        for product, ratio, _ in book.ways_to_serve(line):
            step = book.step(line, product, ratio)
            for lane in lanes:
                house = book.lanes_all[lane]["warehouse_id"]
                kit = product in book.recipes
                for day in days[house]:
                    if not self.arrives(lane, day):
                        continue
                    for lot in [None] if kit else sorted(book.sources.get((house, product), ())):
                        if lot is None or self.usable((house, product, lot), lane, day):
                            key = house, product, lot, day
                            found.setdefault(key, Way(product, lot, day, ratio, step)).lanes.append(lane)
        return list(found.values())

    def arrives(self, lane: int, day: int) -> bool:
        """Before the order is cancelled."""
        last = day_of(self.order.get("cancel_date"))
        return last is None or self.arrival(lane, day) <= last

    def arrival(self, lane: int, day: int) -> int:
        return day + int(self.book.lanes_all[lane].get("transit_days") or 0)

    def usable(self, source: Source, lane: int, day: int) -> bool:
        """Alive when it leaves, and long enough after it arrives."""
        life = self.customer.get("min_remaining_life_days") or 0
        expiry = self.book.expiry.get(source)
        if expiry is None:
            return True
        return expiry >= day and expiry >= self.arrival(lane, day) + life

    def plans(self) -> list[LinePlan]:
        """Every plan that keeps the line's own rules; of equal uses the one that earns most."""
        best: dict[Any, LinePlan] = {}
        for choice in self._choices(0, self.line["qty"]):
            total = sum(amount for _, _, amount in choice)
            if not self._allowed(total, choice):
                continue
            for pieces in self._pieces(choice):
                if self.frozen and self._as_rows(pieces) != self.kept:
                    continue
                plan = self._evaluate(pieces, total)
                key = frozenset(plan.used.items()), tuple(sorted(plan.load.items())), total
                if key not in best or best[key].money < plan.money:
                    best[key] = plan
        return list(best.values())

    def _choices(self, at: int, left: int) -> Iterator[tuple[tuple[Way, int, int], ...]]:
        """Every way to spread at most ``left`` units over the ways from position ``at`` on: (way, lane, units)."""
        if at == len(self.ways):
            yield ()
            return
        way = self.ways[at]
        for units in range(0, min(left, self._most(way)) + 1, way.step):
            for spread in spreads(units, len(way.lanes)):
                if any((amount * way.ratio).denominator != 1 for amount in spread):
                    continue
                head = tuple((way, lane, amount) for lane, amount in zip(way.lanes, spread, strict=True) if amount)
                for tail in self._choices(at + 1, left - units):
                    yield head + tail

    def _most(self, way: Way) -> int:
        """Most ordered units that the stock of a way could ever serve."""
        house = self.book.lanes_all[way.lanes[0]]["warehouse_id"]
        parts = self.book.recipe(way.product).items()
        return min(int(self.supply.get((house, part), 0) / (way.ratio * qty)) for part, qty in parts)

    def _allowed(self, total: int, choice: tuple[tuple[Way, int, int], ...]) -> bool:
        line = self.line
        if total and total < (line.get("min_fill_qty") or 0):
            return False
        if self.order.get("delivery_policy", "partial") != "partial" and total not in (0, line["qty"]):
            return False
        return all(self._pin_holds(pin, choice) for pin in self.book.rows["pins"])

    def _pin_holds(self, pin: Row, choice: tuple[tuple[Way, int, int], ...]) -> bool:
        if (pin["order_id"], pin["line_id"]) != (self.line["order_id"], self.line["line_id"]):
            return True
        amount = 0
        for way, lane, units in choice:
            row = self.book.lanes_all[lane]
            amount += units * (
                row["warehouse_id"] == pin["warehouse_id"]
                and pin.get("service_id") in (None, row["service_id"])
                and day_of(pin.get("ship_date")) in (None, way.day)
                and pin.get("lot_id") in (None, way.lot)
            )
        qty = pin.get("qty", 0)
        return {
            "exactly": amount == qty,
            "at_least": amount >= qty,
            "at_most": amount <= qty,
            "forbid": amount == 0,
        }[str(pin["mode"])]

    def _pieces(self, choice: tuple[tuple[Way, int, int], ...]) -> Iterator[tuple[Piece, ...]]:
        """Every way to draw the units of a choice from sources."""
        return itertools.product(*(self._drawn(way, lane, amount) for way, lane, amount in choice))

    def _drawn(self, way: Way, lane: int, amount: int) -> list[Piece]:
        house = self.book.lanes_all[lane]["warehouse_id"]
        shipped = int(amount * way.ratio)
        if way.lot is not None:
            draws = (((house, way.product, way.lot), shipped),)
            return [Piece(lane, way.day, way.product, way.lot, amount, draws)]
        parts = []
        for component, qty in sorted(self.book.recipe(way.product).items()):
            sources = [(house, component, lot) for lot in sorted(self.book.sources.get((house, component), ()))]
            sources = [source for source in sources if self.usable(source, lane, way.day)]
            need = shipped * qty
            splits = spreads(need, len(sources)) if need <= self.supply.get((house, component), 0) else []
            parts.append([tuple(zip(sources, split, strict=True)) for split in splits])
        return [
            Piece(
                lane, way.day, way.product, None, amount, tuple(draw for part in combined for draw in part if draw[1])
            )
            for combined in itertools.product(*parts)
        ]

    def _evaluate(self, pieces: tuple[Piece, ...], total: int) -> LinePlan:
        plan = LinePlan(pieces, total, Fraction(0), defaultdict(int), {})
        picks = set()
        for piece in pieces:
            self._add(plan, piece)
            picks.add((piece.lane, piece.day))
        for lane, day in picks:
            for owner in self.book.limited(lane, day, "capacity_lines"):
                plan.used[owner] += 1
        self._count_rules(plan)
        self._stay_near(plan)
        plan.used = {key: amount for key, amount in plan.used.items() if amount}
        return plan

    def _add(self, plan: LinePlan, piece: Piece) -> None:
        """One piece's money, load and uses."""
        book, weight, amount = self.book, self.book.weight, piece.ordered
        lane = book.lanes_all[piece.lane]
        house = book.warehouses[lane["warehouse_id"]]
        shipped = sum(units for _, units in piece.draws)
        _, ratio, penalty = next(way for way in book.ways_to_serve(self.line) if way[0] == piece.product)
        kg, charged = (value * amount for value in book.weights(self.line, piece.product, ratio, lane))
        due = day_of(self.order.get("due_date"))
        late = 0 if due is None else max(0, self.arrival(piece.lane, piece.day) - due)
        plan.money += weight["margin"] * self.price["margin"] * amount
        plan.money -= weight["shipping"] * number(house, "handling_cost_per_unit") * shipped
        plan.money -= weight["penalties"] * (self.price["late"] * late + penalty) * amount
        linear, loaded = plan.load.get((piece.lane, piece.day), (Fraction(0), Fraction(0)))
        linear += number(lane, "cost_per_unit") * shipped + number(lane, "cost_per_kg") * charged
        plan.load[piece.lane, piece.day] = linear, loaded + charged
        for name, size in (("capacity_units", shipped), ("capacity_kg", kg)):
            for owner in book.limited(piece.lane, piece.day, name):
                plan.used[owner] += size
        for source, units in piece.draws:
            plan.money += weight["holding"] * book.holding.get(source, Fraction(0)) * units
            for key in book.drawn_rows(self.line, source, piece.day):
                plan.used[key] += units
            for row in book.rows["budgets"]:
                if row["kind"] == "stock_value" and book.in_scope(row, self.line):
                    cost = Fraction(book.products[source[1]]["unit_cost"])
                    plan.used["budget", row["budget_id"]] += cost * units

    def _count_rules(self, plan: LinePlan) -> None:
        """Rules that speak of the line's ordered units."""
        book = self.book
        for rule in book.rows["contracts"]:
            if book.in_scope(rule, self.line):
                plan.used["quota", rule["contract_id"]] += plan.total
                plan.used["owed", rule["contract_id"]] += plan.total
        for group in book.rows["fair_share"]:
            party = book.party(group, self.line)
            if party:
                plan.used["party", group["group_id"], party] += plan.total
        if self.customer.get("credit_limit") is not None:
            plan.used["credit", self.order["customer_id"]] += Fraction(self.line["unit_price"]) * plan.total

    def _stay_near(self, plan: LinePlan) -> None:
        """What each unit moved from the previous plan costs."""
        cost = Fraction(self.book.settings.get("stability.cost_per_unit", 0))
        for (order, line, house, service), before in self.book.previous.items():
            if cost and (order, line) == (self.line["order_id"], self.line["line_id"]):
                now = sum(
                    piece.ordered
                    for piece in plan.pieces
                    for lane in [self.book.lanes_all[piece.lane]]
                    if (lane["warehouse_id"], lane["service_id"]) == (house, service)
                )
                plan.money -= self.book.weight["penalties"] * cost * max(0, before - now)


def spreads(units: int, places: int) -> Iterator[tuple[int, ...]]:
    """Every way to put ``units`` equal things into ``places`` different places."""
    if places == 0:
        if units == 0:
            yield ()
        return
    if places == 1:
        yield (units,)
        return
    for first in range(units + 1):
        for rest in spreads(units - first, places - 1):
            yield (first, *rest)
