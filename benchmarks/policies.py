"""What a warehouse system without an optimizer does: orders one after another, by a rule.

`POLICIES`: ``fcfs_nearest`` takes orders as they stand in the table (or by order date, where dates are given), each
from the nearest warehouses first; ``priority_nearest`` takes them by priority, then as before; ``cheapest_now`` takes
them as they stand, each by the set of shipments that together earn most (margins less freight) from the stock that is
left: all sets of the `MOST` warehouses that by themselves earn most.

All three ship what the order still needs and the stock and the capacity of the warehouse still allow, but no shipment
that costs more than it earns, and never take anything back. *Nearest* is the lane that asks least for a unit of a
kilogram, without its fixed charge. They look at margins, freight by unit, kg and shipment, handling, stock, and
capacities in units. They ignore soft contracts (whose shortfalls count in the value all the same), and `refuse` what
they would break or cannot see: any other table or rule, service values and weights of the objective.

They are sequential by nature: a plain loop over orders, with arrays for the lines and warehouses of one order. Two
lines of an order for one product count the same stock twice when shipments are compared; what ships is never more than
there is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.scenario.schema import Objective, Scenario, Service, Weights
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN = (
    "eligibility",
    "pins",
    "inbound",
    "rate_bands",
    "reserves",
    "calendar",
    "substitutions",
    "kits",
    "transfers",
    "budgets",
    "fair_share",
)
"""Tables that must be empty."""
BLANK = {
    "orders": ("cancel_date", "max_shipments", "service_id", "service_level", "hold"),
    "customers": ("credit_limit", "min_remaining_life_days"),
    "warehouses": ("capacity_lines", "capacity_shipments", "capacity_kg", "fixed_open_cost"),
    "stock": ("lot_id", "expiry_date", "holding_value_per_unit"),
    "lanes": ("min_charge", "kg_per_m3", "capacity_units", "capacity_kg", "capacity_shipments"),
    "contracts": ("max_qty",),
    "order_lines": ("late_penalty_per_unit_day", "weight_kg"),
}
"""Columns that nothing may be written in (zeros, and blanks of any kind, are nothing)."""
USUAL: dict[str, dict[str, Any]] = {
    "orders": {"delivery_policy": "partial", "frozen": False},
    "order_lines": {"lot_multiple": 1, "min_fill_qty": 0},
    "products": {"case_pack": 1},
    "warehouses": {"is_open": True},
}
"""Columns that may only hold their usual value."""
MOST = 8
SETS = (np.arange(1, 2**MOST)[:, None] >> np.arange(MOST) & 1).astype(bool)
"""All sets of so many warehouses that are not empty."""


def refuse(tables: Tables, scenario: Scenario) -> None:
    """Raise ValueError, naming every rule that the policies would break or cannot see."""
    found = [name for name in UNKNOWN if len(getattr(tables, name))]
    for name, columns in BLANK.items():
        found += [f"{name}.{column}" for column in columns if _written(getattr(tables, name), column)]
    for name, usual in USUAL.items():
        table = getattr(tables, name)
        found += [f"{name}.{column}" for column, value in usual.items() if (table[column] != value).any()]
    if not tables.contracts.given("shortfall_penalty").all():
        found.append("contracts that must hold")
    if not tables.order_lines.given("unit_margin").all():
        found.append("order_lines without unit_margin")
    if len(np.unique(tables.lane_warehouse * len(tables.zones) + tables.lane_zone)) < len(tables.lanes):
        found.append("several services to a zone")
    if scenario.weights != Weights() or scenario.service != Service() or scenario.objective != Objective():
        found.append("settings of the objective")
    if scenario.stability is not None:
        found.append("stability")
    if found:
        raise ValueError(f"rule-based policies know nothing of {', '.join(found)}")


def _written(table: Table, column: str) -> bool:
    given, values = table.given(column), table[column]
    if isinstance(values, Exact):
        return bool((given & (values.num != 0)).any())
    if values.dtype.kind == "M":
        return bool((given & ~np.isnat(values)).any())
    return bool((given & (values != ("" if values.dtype == object else 0))).any())


@dataclass(frozen=True)
class _Batch:
    """What the policies look at; warehouses are the columns of every two-dimensional array."""

    start: Ints
    """of the lines of each order; one more at the end"""
    zone: Ints
    product: Ints
    qty: Ints
    margin: Floats
    kg: Floats
    lane: Ints
    """by zone and warehouse; −1: the warehouse does not deliver there"""
    fixed: Floats
    by_unit: Floats
    """with handling"""
    by_kg: Floats
    nearest: Ints
    """by zone: warehouses, nearest first"""
    stock: Ints
    """by product and warehouse: what is left"""
    room: Ints
    """by warehouse: units that its capacity still allows"""

    @classmethod
    def of(cls, tables: Tables) -> _Batch:
        zones, houses = len(tables.zones), len(tables.warehouses)
        lanes, lines = tables.lanes, tables.order_lines
        at = (tables.lane_zone, tables.lane_warehouse)
        lane = np.full((zones, houses), -1, dtype=np.int64)
        lane[at] = np.arange(len(lanes))
        rates = {}
        for column in ("fixed_cost", "cost_per_unit", "cost_per_kg"):
            rates[column] = np.full((zones, houses), np.inf)
            rates[column][at] = lanes[column].floats()
        rates["cost_per_unit"] += tables.warehouses["handling_cost_per_unit"].floats()
        stock = np.zeros((len(tables.products), houses), dtype=np.int64)
        row = tables.stock
        free = np.maximum(row["on_hand_qty"] - row["reserved_qty"] - row["safety_stock_qty"], 0)
        np.add.at(stock, (tables.stock_product, tables.stock_warehouse), free)
        capacity = tables.warehouses["capacity_units"]
        return cls(
            start=np.searchsorted(tables.line_order, np.arange(len(tables.orders) + 1)),
            zone=tables.order_zone,
            product=tables.line_product,
            qty=lines["qty"],
            margin=lines["unit_margin"].floats(),
            kg=tables.products["unit_weight_kg"].floats(),
            lane=lane,
            fixed=rates["fixed_cost"],
            by_unit=rates["cost_per_unit"],
            by_kg=np.where(lane >= 0, rates["cost_per_kg"], 0),
            nearest=np.argsort(rates["cost_per_unit"] + rates["cost_per_kg"], axis=1, kind="stable"),
            stock=stock,
            room=np.where(tables.warehouses.given("capacity_units"), capacity, np.iinfo(np.int64).max),
        )


Taken = list[tuple[Ints, Ints, Ints]]
"""(line, lane, qty) of shipments"""


@dataclass(frozen=True)
class _Order:
    """An order being served: what a unit of each line earns from each warehouse, and what is still wanted."""

    batch: _Batch
    lines: Ints
    zone: int
    earns: Floats
    wanted: Ints

    @classmethod
    def of(cls, batch: _Batch, order: int) -> _Order:
        lines, zone = np.arange(batch.start[order], batch.start[order + 1]), int(batch.zone[order])
        costs = batch.by_unit[zone] + batch.kg[batch.product[lines]][:, None] * batch.by_kg[zone]
        return cls(batch, lines, zone, batch.margin[lines][:, None] - costs, batch.qty[lines].copy())

    def there(self) -> Ints:
        """Units that each line could get from each warehouse by itself."""
        there = np.minimum(self.batch.stock[self.batch.product[self.lines]], self.wanted[:, None])
        units: Ints = np.where(self.earns > 0, np.minimum(there, self.batch.room), 0)
        return units

    def profit(self) -> Floats:
        """Of one shipment from each warehouse now."""
        there = self.there()
        profit: Floats = np.where(there > 0, self.earns * there, 0).sum(axis=0) - self.batch.fixed[self.zone]
        return profit

    def best_set(self) -> tuple[Ints, Ints]:
        """The warehouses that together earn most now, none if nothing pays; and the units of each line from each."""
        profit = self.profit()
        houses = np.argsort(-profit, kind="stable")[:MOST]
        houses = houses[np.isfinite(profit[houses])]
        earns, there = self.earns[:, houses], self.there()[:, houses]
        best_first = np.argsort(-earns, axis=1, kind="stable")
        earns, there = np.take_along_axis(earns, best_first, 1), np.take_along_axis(there, best_first, 1)
        sets = SETS[: 2 ** len(houses) - 1, : len(houses)]
        filled = np.minimum(np.cumsum(there * sets[:, best_first], axis=2), self.wanted[:, None])
        units = np.diff(filled, axis=2, prepend=0)
        worth = np.where(units > 0, units * earns, 0).sum(axis=(1, 2)) - sets @ self.batch.fixed[self.zone, houses]
        best = int(worth.argmax()) if len(worth) else -1
        if best < 0 or worth[best] <= 0:
            return houses[:0], self.wanted[:, None][:, :0]
        chosen = np.empty_like(units[best])
        np.put_along_axis(chosen, best_first, units[best], 1)
        return houses[sets[best]], chosen[:, sets[best]]

    def ship(self, house: int, most: Ints, taken: Taken) -> None:
        """Of each line what pays, up to ``most``, the best lines first; nothing if it does not pay for the shipment."""
        batch, units, gain = self.batch, np.zeros(len(self.lines), dtype=np.int64), 0.0
        room, left = int(batch.room[house]), dict[int, int]()
        for at in np.argsort(-self.earns[:, house], kind="stable").tolist():
            if self.earns[at, house] <= 0:
                break
            product = int(batch.product[self.lines[at]])
            there = left.setdefault(product, int(batch.stock[product, house]))
            units[at] = min(int(most[at]), there, room)
            left[product], room = there - int(units[at]), room - int(units[at])
            gain += self.earns[at, house] * int(units[at])
        if gain <= batch.fixed[self.zone, house]:
            return
        for product, rest in left.items():
            batch.stock[product, house] = rest
        batch.room[house] -= units.sum()
        self.wanted[:] -= units
        taken.append((self.lines, np.full(len(self.lines), batch.lane[self.zone, house]), units))


def _nearest(order: _Order, taken: Taken) -> None:
    pays = order.profit() > 0  # what does not pay now pays less with every unit that has found its warehouse
    for house in order.batch.nearest[order.zone][pays[order.batch.nearest[order.zone]]].tolist():
        if not order.wanted.any():
            break
        order.ship(house, order.wanted, taken)


def _cheapest(order: _Order, taken: Taken) -> None:
    before = -1
    while order.wanted.any() and order.wanted.sum() != before:  # again only where a limit stood in the way
        before = int(order.wanted.sum())
        houses, units = order.best_set()
        for house, most in zip(houses.tolist(), units.T, strict=True):
            order.ship(house, most, taken)


def _as_they_came(tables: Tables) -> Ints:
    return np.argsort(tables.orders["order_date"], kind="stable")


def _by_priority(tables: Tables) -> Ints:
    came = _as_they_came(tables)
    return came[np.argsort(tables.orders["priority"][came], kind="stable")]


POLICIES: dict[str, tuple[Callable[[Tables], Ints], Callable[[_Order, Taken], None]]] = {
    "fcfs_nearest": (_as_they_came, _nearest),
    "priority_nearest": (_by_priority, _nearest),
    "cheapest_now": (_as_they_came, _cheapest),
}


def follow(policy: str, tables: Tables, scenario: Scenario) -> Plan:
    """The plan of a policy; value it by `objective_value`."""
    refuse(tables, scenario)
    sequence, serve = POLICIES[policy]
    batch, taken = _Batch.of(tables), Taken()
    for order in sequence(tables).tolist():
        serve(_Order.of(batch, order), taken)
    line, lane, qty = (np.concatenate([np.zeros(0, dtype=np.int64), *part]) for part in _columns(taken))
    return Plan.of(line, lane, qty)


def _columns(taken: Taken) -> tuple[list[Ints], list[Ints], list[Ints]]:
    return [part[0] for part in taken], [part[1] for part in taken], [part[2] for part in taken]
