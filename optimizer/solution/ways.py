"""Every lane that could bring more of a short line: what bars it, what room the plan leaves on it, what it would earn.

A way is a pair (short line, lane into its order's zone), whether or not the model has an arc for it. All arrays are of
the length of the ways, sorted by (line, lane).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.limits import ENDLESS, PinLimits, ServiceMatch, ineligible_pairs, stock_index
from optimizer.solution.ledger import Ledger

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

KG_SLIP = 1e-9
"""Relative slip allowed when kilograms are divided as doubles, so that an exact fit counts as a fit."""
BARRIERS = ("", "closed_warehouse", "service", "ineligible")
LIMITS = (
    "pin", "contract_quota", "warehouse_stock", "max_shipments",
    "warehouse_capacity_units", "warehouse_capacity_lines", "warehouse_capacity_shipments", "warehouse_capacity_kg",
    "lane_capacity_units", "lane_capacity_kg", "lane_capacity_shipments",
)  # fmt: skip
"""What may leave no room on a way, in the order in which it is named first."""


@dataclass(frozen=True)
class Ways:
    """See the module. ``rooms[k]`` is how many units limit `LIMITS`[k] alone still lets through (exact but for kg)."""

    ledger: Ledger
    line: Ints
    lane: Ints
    barrier: Ints
    stock: Ints
    rooms: Ints = field(repr=False)

    @classmethod
    def of(cls, ledger: Ledger) -> Ways:
        tables = ledger.tables
        line, lane = _pairs(ledger)
        stock = stock_index(tables).find(tables.lane_warehouse[lane] * len(tables.products) + tables.line_product[line])
        rooms = np.full((len(LIMITS), len(line)), ENDLESS, dtype=np.int64)
        ways = cls(ledger, line, lane, _barriers(ledger, line, lane), stock, rooms)
        for name, room in (_rule_rooms(ways) | _stock_room(ways) | _capacity_rooms(ways)).items():
            rooms[LIMITS.index(name)] = np.minimum(rooms[LIMITS.index(name)], np.maximum(room, 0))
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
        return terms.multiple(self.ledger.tables)[self.line]

    @cached_property
    def need(self) -> Ints:
        """The fewest units that the line could take more: a step, its minimum, or all of it."""
        return line_needs(self.ledger)[self.line]

    @cached_property
    def atp(self) -> Ints:
        return np.append(terms.atp(self.ledger.tables), 0)[self.stock]

    @cached_property
    def own(self) -> Ints:
        """Units of the way's stock row that the line itself holds already, over all services."""
        ledger = self.ledger
        size = len(ledger.tables.stock)
        pair, of_row = np.unique(ledger.plan.line * size + row_stock(ledger), return_inverse=True)
        held = np.append(Exact.ints(ledger.plan.qty).sum_by(of_row, len(pair)).num, 0)
        return held[find(pair, self.line * size + self.stock)]

    @cached_property
    def room(self) -> Ints:
        """Units that could be added here with everything else as it is: whole steps, at most what is short."""
        most = np.minimum(self.rooms.min(axis=0, initial=ENDLESS), self.short)
        return np.where(self.usable, most // self.step * self.step, 0)

    @cached_property
    def shipment(self) -> Ints:
        """The plan's shipment of (order, lane), -1 where there is none yet."""
        ships, n_lanes = self.ledger.shipments, len(self.ledger.tables.lanes)
        return find(ships.order * n_lanes + ships.lane, self.order * n_lanes + self.lane)

    @cached_property
    def row(self) -> Ints:
        """The plan's row of (line, lane), -1 where there is none."""
        plan, n_lanes = self.ledger.plan, len(self.ledger.tables.lanes)
        return find(plan.line * n_lanes + plan.lane, self.line * n_lanes + self.lane)

    # -- what the way earns -------------------------------------------------------------------------------------
    @cached_property
    def unit_worth(self) -> Floats:
        """Objective money per unit, fixed charges aside: margin + service − cost_per_unit, cost_per_kg and handling."""
        return unit_worth(self.ledger, self.line, self.lane)

    @cached_property
    def unit_earning(self) -> Floats:
        """Objective money per unit before costs."""
        return unit_earning(self.ledger, self.line)

    def opening(self) -> Floats:
        """Objective money paid before the first unit: fixed cost of a new shipment, opening cost of a warehouse."""
        tables, shipping = self.ledger.tables, float(self.ledger.scenario.weights.shipping)
        fixed = np.where(self.shipment < 0, tables.lanes["fixed_cost"].floats()[self.lane], 0.0)
        house = np.where(self.ledger.warehouse_opened, 0.0, tables.warehouses["fixed_open_cost"].floats())
        return shipping * (fixed + house[self.warehouse])

    def gain(self, units: Ints) -> Floats:
        """Objective money gained by ``units`` more on each way, everything else as it is (0 units: 0).

        margin + service (with the bonus of a line or order made full) + saved shortfall penalty − freight that comes
        on top (opening and minimum charge included) − handling − warehouse opening.
        """
        topup = float(self.ledger.scenario.weights.shipping) * (self.topup(units) - self.topup(np.zeros_like(units)))
        cost = units * (self.unit_earning - self.unit_worth) + self.opening() + topup
        gain = self.earned(units) - cost
        return np.where(units > 0, gain, 0.0)

    def earned(self, units: Ints) -> Floats:
        """The part of `gain` that comes in: margin, service and saved penalties."""
        return units * self.unit_earning + self.bonus(units) + self.saved_penalty(units)

    def topup(self, units: Ints) -> Floats:
        """Money from the linear freight up to the minimum charge, with ``units`` more; 0 where no shipment is open."""
        lanes, ships = self.ledger.tables.lanes, self.ledger.shipments
        linear = np.append(ships.linear.floats(), 0.0)[self.shipment]
        is_new = self.shipment < 0
        linear = np.where(is_new, lanes["fixed_cost"].floats()[self.lane], linear) + units * self.unit_freight
        return np.where(is_new & (units == 0), 0.0, np.maximum(lanes["min_charge"].floats()[self.lane] - linear, 0.0))

    @cached_property
    def unit_freight(self) -> Floats:
        return unit_freight(self.ledger, self.line, self.lane)

    def free_units(self) -> Ints:
        """Units that ride within the minimum charge: they cost no freight of their own."""
        lanes, ships = self.ledger.tables.lanes, self.ledger.shipments
        linear = np.append(ships.linear.floats(), 0.0)[self.shipment]
        linear = np.where(self.shipment < 0, lanes["fixed_cost"].floats()[self.lane], linear)
        left = np.maximum(lanes["min_charge"].floats()[self.lane] - linear, 0.0)
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


def expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """For ranges start..stop: which range each element is of, and the element."""
    count = stop - start
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) + np.repeat(start - (np.cumsum(count) - count), count)


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


def unit_freight(ledger: Ledger, line: Ints, lane: Ints) -> Floats:
    """Money per unit of the line on the lane: cost_per_unit + cost_per_kg · unit weight."""
    lanes = ledger.tables.lanes
    per_kg = lanes["cost_per_kg"].floats()[lane] * terms.unit_weight(ledger.tables).floats()[line]
    return np.asarray(lanes["cost_per_unit"].floats()[lane] + per_kg)


def unit_worth(ledger: Ledger, line: Ints, lane: Ints) -> Floats:
    """Objective money per unit of the line on the lane, fixed and minimum charges aside."""
    tables = ledger.tables
    handling = tables.warehouses["handling_cost_per_unit"].floats()[tables.lane_warehouse[lane]]
    cost = unit_freight(ledger, line, lane) + handling
    return np.asarray(unit_earning(ledger, line) - float(ledger.scenario.weights.shipping) * cost)


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


def _pairs(ledger: Ledger) -> tuple[Ints, Ints]:
    """(short line, lane into its zone), sorted; lines of held orders are left out: nothing could bring them more."""
    tables = ledger.tables
    held = np.asarray(tables.orders["hold"] != "", dtype=bool)[tables.line_order]
    lines = np.flatnonzero(~ledger.line_full & ~held)
    by_zone = np.argsort(tables.lane_zone, kind="stable")
    start = np.searchsorted(tables.lane_zone[by_zone], np.arange(len(tables.zones) + 1))
    zone = tables.order_zone[tables.line_order[lines]]
    owner, within = expand(start[zone], start[zone + 1])
    return lines[owner], by_zone[within]


def _barriers(ledger: Ledger, line: Ints, lane: Ints) -> Ints:
    """Position in `BARRIERS` of the first rule that keeps the lane from the line, 0 where none does."""
    tables = ledger.tables
    order, warehouse = tables.line_order[line], tables.lane_warehouse[lane]
    masks = (
        np.zeros(len(line), dtype=bool),
        ~np.asarray(tables.warehouses["is_open"], dtype=bool)[warehouse],
        _mismatch(ledger, order, lane),
        find(ineligible_pairs(tables), line * len(tables.warehouses) + warehouse) >= 0,
    )
    return np.asarray(np.argmax(np.stack(masks), axis=0), dtype=np.int64)


def _mismatch(ledger: Ledger, order: Ints, lane: Ints) -> Flags:
    bad = ServiceMatch.of(ledger.tables).mismatch(order, lane)
    return np.zeros(len(lane), dtype=bool) if bad is None else bad


def _rule_rooms(ways: Ways) -> dict[str, Ints]:
    """Room under the rules of the order itself and under quotas."""
    ledger, tables = ways.ledger, ways.ledger.tables
    made = np.bincount(ledger.shipments.order, minlength=len(tables.orders))
    spent = tables.orders.given("max_shipments") & (made >= tables.orders["max_shipments"])
    quota = np.full(len(ledger.ordered), ENDLESS, dtype=np.int64)
    use = ledger.contracts
    capped = tables.contracts.given("max_qty")[use.rule]
    left = tables.contracts["max_qty"] - use.allocated
    np.minimum.at(quota, use.line[capped], left[use.rule[capped]])
    return {
        "pin": _pin_room(ways),
        "max_shipments": np.where(spent[ways.order] & (ways.shipment < 0), 0, ENDLESS),
        "contract_quota": quota[ways.line],
    }


def _pin_room(ways: Ways) -> Ints:
    """Units until the tightest upper pin on the way's warehouse, or on its service there."""
    ledger, tables, plan = ways.ledger, ways.ledger.tables, ways.ledger.plan
    size, pins = len(tables.warehouses), PinLimits.of(tables)
    pair, shipped = np.unique(plan.line * size + ledger.row_warehouse, return_inverse=True)
    from_house = np.append(Exact.ints(plan.qty).sum_by(shipped, len(pair)).num, 0)
    by_lane = np.append(plan.qty, 0)[ways.row]
    code = ways.line * size + ways.warehouse
    by_service = code * pins.n_services + tables.lane_service[ways.lane]
    room = np.full(len(ways), ENDLESS, dtype=np.int64)
    for index, most, wanted, used in (
        (pins.everywhere, pins.everywhere_qty, code, from_house[find(pair, code)]),
        (pins.by_service, pins.by_service_qty, by_service, by_lane),
    ):
        if len(index):
            place = index.find(wanted)
            room = np.where(place >= 0, np.minimum(room, most[place] - used), room)
    return room


def _stock_room(ways: Ways) -> dict[str, Ints]:
    used = stock_used(ways.ledger)
    free = np.append(terms.atp(ways.ledger.tables) - used, 0)
    return {"warehouse_stock": free[ways.stock]}


def stock_used(ledger: Ledger) -> Ints:
    """Units that the plan takes from each stock row."""
    row = row_stock(ledger)
    return Exact.ints(ledger.plan.qty).sum_by(row, len(ledger.tables.stock)).num


def row_stock(ledger: Ledger) -> Ints:
    """The stock row that each row of the plan draws from."""
    tables = ledger.tables
    return stock_index(tables).find(ledger.row_warehouse * len(tables.products) + tables.line_product[ledger.plan.line])


def _capacity_rooms(ways: Ways) -> dict[str, Ints]:
    """Room under the capacities of the warehouse and of the lane, in units of the line."""
    ledger, tables, ships = ways.ledger, ways.ledger.tables, ways.ledger.shipments
    owners = (
        ("warehouse", tables.warehouses, ways.warehouse, ledger.row_warehouse, ledger.shipment_warehouse),
        ("lane", tables.lanes, ways.lane, ledger.plan.lane, ships.lane),
    )
    rooms: dict[str, Ints] = {}
    for owner, table, place, of_row, of_shipment in owners:
        size = len(table)
        used = {
            "units": Exact.ints(ledger.plan.qty).sum_by(of_row, size).num,
            "lines": np.bincount(of_row[ledger.picks], minlength=size),
            "shipments": np.bincount(of_shipment, minlength=size),
        }
        started = {"lines": ways.row >= 0, "shipments": ways.shipment >= 0}
        for unit in (name for name in used if f"capacity_{name}" in table.columns):
            left = np.where(table.given(f"capacity_{unit}"), table[f"capacity_{unit}"] - used[unit], ENDLESS)[place]
            if unit in started:
                left = np.where((left >= 1) | started[unit], ENDLESS, 0)
            rooms[f"{owner}_capacity_{unit}"] = left
        if table.given("capacity_kg").any():
            left_kg: Exact = table["capacity_kg"] - ledger.row_kg.sum_by(of_row, size)
            rooms[f"{owner}_capacity_kg"] = _kg_room(ways, left_kg.floats()[place], table.given("capacity_kg")[place])
    return rooms


def _kg_room(ways: Ways, left_kg: Floats, limited: Flags) -> Ints:
    """Whole units that fit into the kilograms left."""
    weight = terms.unit_weight(ways.ledger.tables).floats()[ways.line]
    units = np.maximum(left_kg, 0.0) * (1 + KG_SLIP) / np.where(weight > 0, weight, 1.0)
    return np.where(limited & (weight > 0), np.minimum(units, ENDLESS), ENDLESS).astype(np.int64)
