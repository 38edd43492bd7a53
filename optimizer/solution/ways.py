"""Every way that could bring more of a short line: what bars it, what room the plan leaves on it, what it would earn.

A way is (short line, lane into its order's zone, day on which goods may leave, product that may be shipped), whether or
not the model has an arc for it. All arrays are of the length of the ways, sorted so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.calendar import SPAN
from optimizer.model.freight import chargeable_kg
from optimizer.model.limits import ENDLESS, ServiceMatch, ineligible_pairs
from optimizer.model.ragged import expand
from optimizer.model.rates import Bands
from optimizer.solution.ledger import Ledger, quotient

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BARRIERS = (
    "", "frozen", "closed_warehouse", "service", "ineligible", "cancel_date", "remaining_life", "tariff"
)  # fmt: skip
LIMITS = (
    "pin", "contract_quota", "fair_share", "credit_limit", "budget", "warehouse_stock", "reserve", "max_shipments",
    *(f"{place}_capacity_{unit}" for place in ("warehouse", "day") for unit in ("units", "lines", "shipments", "kg")),
    "lane_capacity_units", "lane_capacity_kg", "lane_capacity_shipments",
)  # fmt: skip
"""What may leave no room on a way, in the order in which it is named first."""


@dataclass(frozen=True)
class Ways:
    """See the module. ``rooms[k]`` is how many units limit `LIMITS`[k] alone still lets through (exact but for kg).

    Units are ordered units. ``stock``: the pool that the way takes from (of a kit that of its scarcest component), -1
    where the warehouse has none.
    """

    ledger: Ledger
    line: Ints
    lane: Ints
    day: Ints
    offer: Ints
    barrier: Ints
    stock: Ints
    atp: Ints
    rooms: Ints = field(repr=False)

    @classmethod
    def of(cls, ledger: Ledger, lines: Ints | None = None) -> Ways:
        """Of these lines; of all short ones that are not held if not given."""
        from optimizer.solution.way_rooms import rooms_of, stock_of

        line, lane, day, offer = _possible(ledger, short_lines(ledger) if lines is None else lines)
        stock = stock_of(ledger, line, lane, day, offer)
        rooms = np.full((len(LIMITS), len(line)), ENDLESS, dtype=np.int64)
        barrier = _barriers(ledger, line, lane, day, stock.too_old)
        ways = cls(ledger, line, lane, day, offer, barrier, stock.pool, stock.atp, rooms)
        for name, room in (rooms_of(ways) | {"warehouse_stock": stock.room}).items():
            rooms[LIMITS.index(name)] = np.minimum(rooms[LIMITS.index(name)], np.maximum(room, 0))
        barrier[(barrier == 0) & ~ways.has_tariff] = BARRIERS.index("tariff")
        return ways

    def __len__(self) -> int:
        return len(self.line)

    # -- what the way is ----------------------------------------------------------------------------------------
    @cached_property
    def order(self) -> Ints:
        return self.ledger.tables.line_order[self.line]

    @cached_property
    def warehouse(self) -> Ints:
        return self.ledger.tables.lane_warehouse[self.lane]

    @property
    def usable(self) -> Flags:
        return np.equal(self.barrier, 0)

    @cached_property
    def short(self) -> Ints:
        return (self.ledger.ordered - self.ledger.allocated)[self.line]

    @cached_property
    def step(self) -> Ints:
        return self.ledger.batch.offers.multiple[self.offer]

    @cached_property
    def need(self) -> Ints:
        """The fewest units that the line could take more: a step, its minimum, or all of it."""
        return line_needs(self.ledger)[self.line]

    @cached_property
    def own_units(self) -> Ints:
        """Units of the way's pool that the line itself holds already."""
        draws, supply = self.ledger.plan.draws, self.ledger.batch.supply
        size = len(supply.pool_warehouse) + 1
        held = self.ledger.plan.line[draws.row] * size + supply.pool[draws.source]
        pair, of_draw = np.unique(held, return_inverse=True)
        total = np.append(Exact.ints(draws.units).sum_by(of_draw.reshape(-1), len(pair)).num, 0)
        return total[find(pair, self.line * size + self.stock)]

    @cached_property
    def own(self) -> Ints:
        """The same as ordered units that they serve."""
        offers = self.ledger.batch.offers
        return offers.ordered(self.offer, self.own_units // offers.units[self.offer])

    @cached_property
    def room(self) -> Ints:
        """Units that could be added here with everything else as it is: whole steps, at most what is short."""
        most = np.minimum(self.rooms.min(axis=0, initial=ENDLESS), self.short)
        return np.where(self.usable, most // self.step * self.step, 0)

    @cached_property
    def shipment(self) -> Ints:
        """The plan's shipment of (order, lane, day), -1 where there is none yet."""
        ships, n_lanes = self.ledger.shipments, len(self.ledger.tables.lanes)
        codes = (ships.order * n_lanes + ships.lane) * SPAN + ships.day
        return find(codes, (self.order * n_lanes + self.lane) * SPAN + self.day)

    @cached_property
    def picked(self) -> Flags:
        """Whether the plan ships the line in that shipment already, whatever product it ships."""
        plan, n_lanes = self.ledger.plan, len(self.ledger.tables.lanes)
        codes = np.unique((plan.line * n_lanes + plan.lane) * SPAN + plan.day)
        return np.asarray(find(codes, (self.line * n_lanes + self.lane) * SPAN + self.day) >= 0)

    # -- what the way earns -------------------------------------------------------------------------------------
    @cached_property
    def unit_worth(self) -> Floats:
        """Objective money per unit, fixed charges aside; see `unit_worth`."""
        return unit_worth(self.ledger, self.offer, self.lane, self.day)

    @cached_property
    def unit_earning(self) -> Floats:
        """Objective money per unit before costs."""
        return unit_earning(self.ledger, self.line)

    def opening(self) -> Floats:
        """Objective money paid before the first unit: fixed cost of a new shipment, opening cost of a warehouse."""
        shipping = float(self.ledger.scenario.weights.shipping)
        fixed = np.where(self.shipment < 0, self.ledger.batch.lane_cost("fixed_cost").floats()[self.lane], 0.0)
        cost = self.ledger.tables.warehouses["fixed_open_cost"].floats()
        house = np.where(self.ledger.warehouse_opened, 0.0, cost)
        return shipping * (fixed + house[self.warehouse])

    def gain(self, units: Ints) -> Floats:
        """Objective money gained by ``units`` more on each way, everything else as it is (0 units, or barred: 0).

        margin + service (with the bonus of a line or order made full) + saved shortfall penalty − freight that comes
        on top (opening, minimum charge and tariff included) − handling − lateness − substitution − warehouse opening.
        """
        charged = float(self.ledger.scenario.weights.shipping) * (self.charged(units) - self.charged(units * 0))
        cost = units * (self.unit_earning - self.unit_worth) + self.opening() + charged
        gain = self.earned(units) - cost
        return np.where((units > 0) & self.usable, gain, 0.0)

    def earned(self, units: Ints) -> Floats:
        """The part of `gain` that comes in: margin, service and saved penalties."""
        return units * self.unit_earning + self.bonus(units) + self.saved_penalty(units)

    def charged(self, units: Ints) -> Floats:
        """Money of the shipment beside linear freight with ``units`` more: up to the minimum charge, or by tariff.

        What a tariff charges is looked up only where something ships and nothing bars the way.
        """
        lanes, ships = self.ledger.batch.lane_cost, self.ledger.shipments
        linear = np.append(ships.linear.floats(), 0.0)[self.shipment]
        is_new = self.shipment < 0
        linear = np.where(is_new, lanes("fixed_cost").floats()[self.lane], linear) + units * self.unit_freight
        topup = np.maximum(lanes("min_charge").floats()[self.lane] - linear, 0.0)
        ships_none = is_new & (units == 0)
        asked = np.flatnonzero(self.banded & self.usable & ~ships_none)
        if len(asked):
            topup[asked] = self._tariff(units, asked)
        return np.where(ships_none, 0.0, topup)

    @cached_property
    def banded(self) -> Flags:
        """Ways on lanes with a tariff."""
        return self.ledger.batch.banded[self.lane]

    def _tariff(self, units: Ints, at: Ints) -> Floats:
        """Charge of the cheapest band with ``units`` more on the ways ``at``, infinite where no band holds them."""
        band, charge = Bands.of(self.ledger.tables).cheapest(self.lane[at], self._weight(units, at))
        return np.where(band >= 0, charge.floats(), np.inf)

    def _weight(self, units: Ints, at: Ints) -> Exact:
        """Kg that freight counts for the shipments of the ways ``at`` with ``units`` more."""
        more = chargeable_kg(self.ledger.batch, self.offer[at], self.lane[at]).times(units[at])
        loaded = Exact.concat([self.ledger.shipments.chargeable, Exact.zeros(1)])[self.shipment[at]]
        return quotient(more) + loaded

    @cached_property
    def has_tariff(self) -> Flags:
        """Ways without a tariff, or with a band for the fewest or for all units that the line lacks.

        Of ways that are barred it is not asked.
        """
        unpriced = np.flatnonzero(self.banded & self.usable)
        bands, found = Bands.of(self.ledger.tables), np.ones(len(self), dtype=bool)
        for units in (self.need, self.short):
            unpriced = unpriced[~bands.price(self.lane[unpriced], self._weight(units, unpriced))]
        found[unpriced] = False
        return found

    @cached_property
    def unit_freight(self) -> Floats:
        return unit_freight(self.ledger, self.offer, self.lane)

    def free_units(self) -> Ints:
        """Units that ride within the minimum charge: they cost no freight of their own."""
        lanes, ships = self.ledger.batch.lane_cost, self.ledger.shipments
        linear = np.append(ships.linear.floats(), 0.0)[self.shipment]
        linear = np.where(self.shipment < 0, lanes("fixed_cost").floats()[self.lane], linear)
        left = np.maximum(lanes("min_charge").floats()[self.lane] - linear, 0.0)
        rate = np.where(self.unit_freight > 0, self.unit_freight, np.inf)
        return np.asarray(np.floor(left / rate), dtype=np.int64)

    def bonus(self, units: Ints) -> Floats:
        """Service money of the line or order that becomes full; nothing where service is counted in units."""
        ledger, measure = self.ledger, self.ledger.scenario.service.measure
        if measure == "unit":
            return np.zeros(len(self))
        fills = units >= self.short
        if measure == "order":
            open_lines = np.bincount(ledger.tables.line_order[~ledger.line_full], minlength=len(ledger.tables.orders))
            fills = fills & (open_lines[self.order] == 1)
        return np.where(fills, service_money(ledger)[self.order], 0.0)

    def saved_penalty(self, units: Ints) -> Floats:
        """Shortfall penalty that ``units`` more would save, over the contracts of the line."""
        ledger = self.ledger
        use, shortfall = ledger.contracts, ledger.contracts.shortfall
        owing = shortfall[use.rule] > 0
        rule, member = use.rule[owing], use.line[owing]
        penalty = float(ledger.scenario.weights.penalties) * ledger.tables.contracts["shortfall_penalty"].floats()
        by_line = np.argsort(member, kind="stable")
        member, rule = member[by_line], rule[by_line]
        way, entry = expand(np.searchsorted(member, self.line), np.searchsorted(member, self.line, side="right"))
        contract = rule[entry]
        money = penalty[contract] * np.minimum(units[way], shortfall[contract])
        return np.asarray(np.bincount(way, weights=money, minlength=len(self)), dtype=np.float64)


def short_lines(ledger: Ledger) -> Ints:
    """Lines that are not full; those of held orders are left out: nothing could bring them more."""
    held = np.asarray(ledger.tables.orders["hold"] != "", dtype=bool)[ledger.tables.line_order]
    return np.flatnonzero(~ledger.line_full & ~held)


def _possible(ledger: Ledger, lines: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """(line, lane, day, offer) for all lanes into the zone of each line, sorted."""
    tables, batch = ledger.tables, ledger.batch
    by_zone = np.argsort(tables.lane_zone, kind="stable")
    start = np.searchsorted(tables.lane_zone[by_zone], np.arange(len(tables.zones) + 1))
    zone = tables.order_zone[tables.line_order[lines]]
    owner, within = expand(start[zone], start[zone + 1])
    line, lane, day = lines[owner], by_zone[within], np.zeros(len(owner), dtype=np.int64)
    if not batch.ship_days.none:
        place, day = batch.ship_days.expand(tables.line_order[line], tables.lane_warehouse[lane])
        line, lane = line[place], lane[place]
    place, offer = expand(batch.offers.start[line], batch.offers.start[line + 1])
    return line[place], lane[place], day[place], offer


def _barriers(ledger: Ledger, line: Ints, lane: Ints, day: Ints, too_old: Flags) -> Ints:
    """Position in `BARRIERS` of the first rule that keeps the lane from the line, 0 where none does."""
    tables, batch = ledger.tables, ledger.batch
    order, warehouse = tables.line_order[line], tables.lane_warehouse[lane]
    bad = ServiceMatch.of(tables).mismatch(order, lane)
    masks = {
        "frozen": np.asarray(tables.orders["frozen"], dtype=bool)[order],
        "closed_warehouse": ~np.asarray(tables.warehouses["is_open"], dtype=bool)[warehouse],
        "service": np.zeros(len(lane), dtype=bool) if bad is None else bad,
        "ineligible": find(ineligible_pairs(tables), line * len(tables.warehouses) + warehouse) >= 0,
        "cancel_date": batch.arrival(lane, day) > batch.cancel_day[order],
        "remaining_life": too_old,
    }
    barrier = np.zeros(len(line), dtype=np.int64)
    for name, mask in masks.items():
        barrier[mask & (barrier == 0)] = BARRIERS.index(name)
    return barrier


def find(keys: Ints, wanted: Ints) -> Ints:
    """The position of each wanted value in the sorted keys, -1 where it is missing."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, position, -1)


def line_needs(ledger: Ledger) -> Ints:
    """Per line, the fewest units that it could take more: all of it where it may not go in part, else its minimum
    (min_fill_qty while it has nothing), else one step; in whole steps.
    """
    lines, step = ledger.tables.order_lines, terms.multiple(ledger.tables)
    least = np.where(ledger.allocated == 0, np.maximum(lines["min_fill_qty"], 1), 1)
    least = np.where(whole_only(ledger), ledger.ordered - ledger.allocated, least)
    return -(-least // step) * step


def whole_only(ledger: Ledger) -> Flags:
    """Lines that ship in full or not at all."""
    policy = ledger.tables.orders["delivery_policy"]
    return np.asarray(policy != "partial", dtype=bool)[ledger.tables.line_order]


def unit_freight(ledger: Ledger, offer: Ints, lane: Ints) -> Floats:
    """Money per ordered unit on the lane: cost_per_unit · units + cost_per_kg · chargeable kg; 0 under a tariff."""
    batch = ledger.batch
    kg = chargeable_kg(batch, offer, lane).floats()
    per_unit, per_kg = batch.lane_cost("cost_per_unit").floats()[lane], batch.lane_cost("cost_per_kg").floats()[lane]
    return np.asarray(per_unit * shelf_units(ledger, offer) + per_kg * kg)


def shelf_units(ledger: Ledger, offer: Ints) -> Floats:
    """Units that leave the shelf for one ordered unit of each offer."""
    offers = ledger.batch.offers
    return np.asarray(offers.top[offer] / offers.bottom[offer] * offers.units[offer])


def unit_worth(ledger: Ledger, offer: Ints, lane: Ints, day: Ints) -> Floats:
    """Objective money per ordered unit, fixed, minimum and tariff charges aside.

    margin + service − freight − handling − lateness − substitution; what a lot earns by moving is not counted.
    """
    tables, batch, weights = ledger.tables, ledger.batch, ledger.scenario.weights
    line = batch.offers.line[offer]
    handling = tables.warehouses["handling_cost_per_unit"].floats()[tables.lane_warehouse[lane]]
    cost = unit_freight(ledger, offer, lane) + handling * shelf_units(ledger, offer)
    late = batch.days_late(tables.line_order[line], lane, day)
    penalty = tables.order_lines["late_penalty_per_unit_day"].floats()[line] * late
    penalty = penalty + batch.offers.penalty.floats()[offer]
    return np.asarray(unit_earning(ledger, line) - float(weights.shipping) * cost - float(weights.penalties) * penalty)


def unit_earning(ledger: Ledger, line: Ints) -> Floats:
    """Objective money that a unit of the line brings before costs: margin, and service where it is counted in units."""
    tables = ledger.tables
    earning = float(ledger.scenario.weights.margin) * terms.unit_margin(tables).floats()[line]
    if ledger.scenario.service.measure == "unit":
        earning = earning + service_money(ledger)[tables.line_order[line]]
    return np.asarray(earning)


def service_money(ledger: Ledger) -> Floats:
    """Objective money of one served unit, line or order of each order."""
    service = ledger.scenario.service
    return float(ledger.scenario.weights.service) * float(service.value) * ledger.order_weight.floats()
