"""The reasons of short lines in plain words, with ids and numbers: detail, who holds the stock, the least change."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.reason_names import Words, cents_up, listed, units, valued
from optimizer.solution.reason_policies import PolicyWords
from optimizer.solution.survey import GAIN_SLIP, REASONS
from optimizer.solution.takers import money
from optimizer.solution.verdicts import Verdicts
from optimizer.solution.ways import BARRIERS, LIMITS
from optimizer.tables.tables import Table, Texts

if TYPE_CHECKING:
    from optimizer.solution.prices import Prices

Ints = NDArray[np.int64]

BARRIER_WORDS = {
    "closed_warehouse": "the warehouse is not open",
    "service": "the order asks for another service",
    "ineligible": "eligibility rules exclude it",
    "frozen": "the order is frozen as it was planned before",
    "cancel_date": "it would arrive after the cancel date",
    "remaining_life": "what is there would be too old on arrival",
    "tariff": "the tariff has no band for its weight",
}


class Told(NamedTuple):
    """One text a short line, empty where there is nothing to say."""

    detail: Texts
    taken_by: Texts
    least_change: Texts


def tell(verdicts: Verdicts, prices: Prices | None = None) -> Told:
    """All texts; a loop over the short lines, on figures that were made for all of them together."""
    teller = _Teller(verdicts, _stock_prices(prices))
    said = [teller.words(place) for place in range(len(verdicts.lines))]
    columns = ([w.detail for w in said], [w.taken_by for w in said], [w.least_change for w in said])
    return Told(*(np.array([*column, ""], dtype=object)[:-1] for column in columns))


def _stock_prices(prices: Prices | None) -> dict[tuple[str, str], str]:
    """Price of stock by (warehouse_id, product_id), where it is not 0."""
    priced = prices.certificate.get("warehouse_stock") if prices is not None else None
    if priced is None:
        return {}
    ids = zip(priced.keys["warehouse_id"], priced.keys["product_id"], strict=True)
    return {key: money(price) for key, price in zip(ids, priced.price.floats().tolist(), strict=True)}


class _Teller(PolicyWords):
    """One sentence a reason; ``place`` is the short line, ``at`` the way that shows it."""

    def words(self, place: int) -> Words:
        say: Callable[[int, int], Words] = getattr(self, f"_{REASONS[self.verdicts.reason[place]]}")
        return say(place, int(self.verdicts.way[place]))

    # -- one sentence a reason ----------------------------------------------------------------------------------
    def _hold(self, place: int, at: int) -> Words:
        hold = self.tables.orders["hold"][self.survey.order[place]]
        return Words(f"order {self.order(place)} is on hold: {hold}", "release the hold")

    def _no_lane(self, place: int, at: int) -> Words:
        zone = self.tables.orders["zone_id"][self.survey.order[place]]
        ways = self.ways_of(place)
        if not len(ways):
            stocked = self.warehouses_with_stock(place)
            change = f"a lane to {zone} from a warehouse that has {self.product(place)} ({listed(stocked)})"
            return Words(f"no lane leads to zone {zone}", change if stocked else "")
        parts = []
        for barrier, words in BARRIER_WORDS.items():
            barred = [self.lane(way) for way in ways if BARRIERS[self.ways.barrier[way]] == barrier]
            if barred:
                parts.append(f"{listed(barred)}: {words}")
        return Words(f"no lane to zone {zone} may be used: {'; '.join(parts)}")

    def _no_stock(self, place: int, at: int) -> Words:
        product = self.product(place)
        if at >= 0:
            own = int(self.ways.own[at])
            detail = f"all {units(own)} of {product} at {self.warehouse(at)} already go to this line"
            return Words(detail, self.more_stock(place, at))
        ways = [way for way in self.ways_of(place) if self.ways.usable[way]]
        names = listed(list(dict.fromkeys(self.warehouse(way) for way in ways)))
        best = max(ways, key=lambda way: float(self.survey.gain_fill[way]))
        return Words(f"no stock of {product} is available to promise at {names}", self.more_stock(place, best))

    def _stock_taken(self, place: int, at: int) -> Words:
        line = int(self.verdicts.lines[place]) if self.ways.own[at] else -1
        crowd = self.takers.of(int(self.ways.stock[at]), line)
        span = money(crowd.least) if crowd.least == crowd.most else f"{money(crowd.least)} to {money(crowd.most)}"
        lines = "1 order line" if crowd.lines == 1 else f"{crowd.lines} order lines"
        mine = float(self.ways.unit_worth[at])
        detail = (
            f"{units(crowd.units)} of {self.product(place)} at {self.warehouse(at)} went to {lines} "
            f"worth {span} a unit; this line earns {money(mine)} a unit from there"
        )
        if mine > crowd.least + GAIN_SLIP:
            detail += " before fixed charges (rules, contracts or shared shipments keep lines of less worth there)"
        price = self.stock_price.get((self.warehouse(at), self.product(place)))
        detail += f"; the price of that stock is {price} a unit" if price else ""
        return Words(detail, self.more_stock(place, at), crowd.text)

    def _not_worth_freight(self, place: int, at: int) -> Words:
        case = self.verdicts.whole_orders.get(int(self.survey.order[place]))
        if case is not None:
            figures = f"would earn {money(case.earned)} and cost {money(case.cost)}"
            change = f"the order would have to earn over {money(cents_up(-case.gain))} more" if case.fits else ""
            return Words(f"shipping order {self.order(place)} whole {figures}", change)
        open_now = bool(self.survey.open[at])
        count = int(self.survey.units_now[at] if open_now else self.survey.units_free[at])
        gain = float((self.survey.gain_now if open_now else self.survey.gain_free)[at])
        earned = float((self.earned_now if open_now else self.earned_free)[at])
        has = "could ship" if open_now else "would ship if there were room"
        opening = float(self.opening[at])
        fixed = f", of that {money(opening)} before the first unit" if opening > 0 else ""
        detail = (
            f"{units(count)} {has} from {self.lane(at)}: they would earn {money(earned)} "
            f"and cost {money(earned - gain)}{fixed}"
        )
        return Words(detail, self._dearer(-gain, count) if open_now else "")

    @cached_property
    def earned_now(self) -> NDArray[np.float64]:
        return self.ways.earned(self.survey.units_now)

    @cached_property
    def earned_free(self) -> NDArray[np.float64]:
        return self.ways.earned(self.survey.units_free)

    @cached_property
    def opening(self) -> NDArray[np.float64]:
        return self.ways.opening()

    def _dearer(self, loss: float, count: int) -> str:
        """How much more a unit would have to earn, rounded up to cents; empty if margins do not count."""
        weight = float(self.ledger.scenario.weights.margin)
        return f"a unit margin higher by more than {money(cents_up(loss / (weight * count)))}" if weight > 0 else ""

    def _in_part(self, place: int, change: str, least: int = 1) -> str:
        """The change that lets what room there is be used, and its worth; empty if it would gain nothing."""
        ways = [way for way in self.ways_of(place) if self.ways.room[way] >= least]
        best = max(ways, key=lambda way: float(self.gain_room[way]), default=-1)
        if best < 0 or self.gain_room[best] <= GAIN_SLIP:
            return ""
        return valued(f"{change} ({units(int(self.ways.room[best]))})", float(self.gain_room[best]))

    def _minimum(self, place: int) -> int:
        return int(self.tables.order_lines["min_fill_qty"][self.verdicts.lines[place]])

    @cached_property
    def gain_room(self) -> NDArray[np.float64]:
        """What the room left on each way would gain if the line could take so little."""
        return self.ways.gain(self.ways.room)

    def _capacity(self, place: int, at: int) -> Words:
        limit = LIMITS[self.survey.tightest[at]]
        owner, _, unit = limit.partition("_capacity_")
        named, table, row = self._owner(owner, at)
        capacity = table[f"capacity_{unit}"]
        most = capacity[row : row + 1].texts()[0] if unit == "kg" else str(capacity[row])
        rise = {"lines": 1, "shipments": 1, "units": self.lacking(at, limit)}.get(unit)
        change = self.change(at, limit, f"capacity_{unit} of {named} raised by {rise}") if rise else ""
        return Words(f"capacity_{unit} of {named} is used up ({most})", change)

    def _owner(self, owner: str, at: int) -> tuple[str, Table, int]:
        """Whose capacity it is: in words, and the row of its table."""
        warehouse, day = int(self.ways.warehouse[at]), self.ways.day[[at]]
        if owner == "lane":
            service = self.tables.lanes["service_id"][self.ways.lane[at]]
            return f"lane {self.warehouse(at)} by {service}", self.tables.lanes, int(self.ways.lane[at])
        if owner == "day":
            row = int(self.ledger.batch.calendar.limit_of(self.ways.warehouse[[at]], day)[0])
            return f"{self.warehouse(at)} on {self.ledger.date(day)[0]}", self.tables.calendar, row
        return self.warehouse(at), self.tables.warehouses, warehouse

    def _split_limit(self, place: int, at: int) -> Words:
        order = self.survey.order[place]
        most = int(self.tables.orders["max_shipments"][order])
        limit = "1 shipment" if most == 1 else f"{most} shipments"
        made = int((self.ledger.shipments.order == order).sum())
        if made >= most:
            detail = f"order {self.order(place)} has its {limit}; {self.lane(at)} would be one more"
            return Words(detail, self.change(at, "max_shipments", f"max_shipments of {most + 1}"))
        return Words(f"order {self.order(place)} may have {limit}, which cannot hold what is needed")

    def _delivery_policy(self, place: int, at: int) -> Words:
        survey, product = self.survey, self.product(place)
        need, room, reach = int(survey.need[place]), int(survey.line_room[place]), int(survey.reach[place])
        who = f"order {self.order(place)}" if survey.by_order[place] else "the line"
        rule = f"{who} ships complete or not at all"
        if survey.servable[place]:
            return Words(f"{rule}: {self._lacking_siblings(place)}")
        if reach < need:
            detail = f"{rule}: {need} of {product} needed, {reach} is all the stock within reach"
            return Words(detail, self._in_part(place, "partial delivery", self._minimum(place)))
        return Words(
            f"{rule}: {need} of {product} needed, {room} could still be had",
            self._in_part(place, "partial delivery", self._minimum(place)),
        )

    def _lacking_siblings(self, place: int) -> str:
        """Which other lines of the order cannot be had, or that all together cannot."""
        order, survey, line_ids = self.survey.order[place], self.survey, self.tables.order_lines["line_id"]
        same = np.arange(*np.searchsorted(survey.order, [order, order + 1]))
        lacking = [
            f"line {line_ids[self.verdicts.lines[other]]} ({REASONS[self.verdicts.reason[other]]})"
            for other in same
            if not survey.servable[other]
        ]
        if not lacking:
            return "its lines could each be had, but not all of them together"
        return f"{listed(lacking)} cannot be had"

    def _minimum_or_lot(self, place: int, at: int) -> Words:
        survey, product, step = self.survey, self.product(place), int(self.survey.step[place])
        need, reach, room = int(survey.need[place]), int(survey.reach[place]), int(survey.line_room[place])
        if need > survey.whole_steps[place]:
            short = int((self.ledger.ordered - self.ledger.allocated)[self.verdicts.lines[place]])
            goal = f"at least {need} would have to ship" if need > step else f"that is less than one multiple of {step}"
            return Words(f"{units(short)} short, in multiples of {step}: {goal}")
        if survey.atp[place] < step:
            most = f"no warehouse within reach has more than {int(survey.atp[place])}"
            return Words(f"{product} ships in multiples of {step}; {most}")
        if reach < need:
            detail = f"the line takes at least {need} of {product}; {reach} is all the stock within reach"
            return Words(detail, self._in_part(place, "a smaller min_fill_qty"))
        if room > 0:
            detail = f"the line takes at least {need} of {product}; {room} could still be had"
            return Words(detail, self._in_part(place, "a smaller min_fill_qty"))
        left = int(self.ways.rooms[LIMITS.index("warehouse_stock"), at])
        detail = (
            f"{left} of {product} left at {self.warehouse(at)}; at least {need}, in multiples of {step}, would ship"
        )
        return Words(detail, self.more_stock(place, at))

    def _contract_quota(self, place: int, at: int) -> Words:
        contracts, use = self.tables.contracts, self.ledger.contracts
        quotas = self.quotas[int(self.verdicts.lines[place])]
        first, most = contracts["contract_id"][quotas[0]], int(contracts["max_qty"][quotas[0]])
        detail = f"contract {first} allows {units(most)}, {use.allocated[quotas[0]]} are allocated"
        binding = [rule for rule in quotas if contracts["max_qty"][rule] - use.allocated[rule] < self.fill(at)]
        rise = f"max_qty of {first} raised by {self.lacking(at, 'contract_quota')}"
        return Words(detail, self.change(at, "contract_quota", rise) if len(binding) == 1 else "")

    @cached_property
    def quotas(self) -> dict[int, list[int]]:
        """The quotas of each short line that stands in one, the tightest first."""
        contracts, use = self.tables.contracts, self.ledger.contracts
        chosen = np.flatnonzero(contracts.given("max_qty")[use.rule] & ~self.ledger.line_full[use.line])
        left = (contracts["max_qty"] - use.allocated)[use.rule[chosen]]
        quotas: dict[int, list[int]] = {}
        for pair in chosen[np.argsort(left, kind="stable")].tolist():
            quotas.setdefault(int(use.line[pair]), []).append(int(use.rule[pair]))
        return quotas

    def _pin(self, place: int, at: int) -> Words:
        pins, line = self.tables.pins, self.verdicts.lines[place]
        here = (self.tables.pin_line == line) & (self.tables.pin_warehouse == self.ways.warehouse[at])
        said = [self._pin_words(int(pin), pins) for pin in np.flatnonzero(here & (pins["mode"] != "at_least"))]
        detail = f"a planner's decision at {self.warehouse(at)}: {'; '.join(said)}"
        return Words(detail, self.change(at, "pin", "release it" if len(said) == 1 else "release them"))

    def _pin_words(self, pin: int, pins: Table) -> str:
        qty = "" if pins["mode"][pin] == "forbid" else f" {pins['qty'][pin]}"
        service = f" by {pins['service_id'][pin]}" if pins["service_id"][pin] else ""
        reason = f" ({pins['reason'][pin]})" if pins["reason"][pin] else ""
        return f"{pins['mode'][pin].replace('_', ' ')}{qty}{service}{reason}"

    def _within_gap(self, place: int, at: int) -> Words:
        case = self.verdicts.whole_orders.get(int(self.survey.order[place]))
        gain = case.gain if case is not None else float(self.survey.best_now[place])
        return Words(f"it could ship and gain about {money(gain)}: the engine stopped within its gap", "a longer solve")
