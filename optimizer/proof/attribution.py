"""Where the gap sits: bound − value as a sum of parts, to the last digit; only what trees take off is negative.

bound − value = Σ orders (best of the order's block − what its plan is worth at the prices)
              + Σ priced rows price · (right-hand side − what the plan uses)
              + Σ resource blocks (best of the block − what the plan makes of it)
              − Σ sets of `branches`, what the tree takes off: no more than what is left of its orders and pools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.bound import Bound, openings_paid
from optimizer.proof.facts import Facts
from optimizer.proof.prices import PriceBook
from optimizer.proof.share_blocks import above_level, off_common, shares_earned
from optimizer.proof.stages import stage_values
from optimizer.proof.tally import Tally
from optimizer.proof.transfer_blocks import transfers_earned
from optimizer.proof.worth import order_values, priced_use

Ints = NDArray[np.int64]

TOP = 10
"""How many contributors of a kind are named."""


@dataclass(frozen=True)
class Attribution:
    """The parts of bound − value, money."""

    orders: Exact
    """per order: what it could still gain at the prices"""
    leftovers: Mapping[str, Exact]
    """per family, per priced row: price · what is left of it"""
    shortfalls: Exact
    """per contract"""
    openings: Exact
    """per warehouse"""
    transfers: Exact
    """per row of `transfers`"""
    shares: Exact
    """per group of `fair_share`, then per priced level"""
    covers: Exact
    """per flow cover: price · what the plan leaves of it"""
    branches: Exact
    """per set: less what its tree takes off"""
    tally: Tally
    book: PriceBook

    @property
    def total(self) -> Fraction:
        """The sum of all parts: bound − value."""
        return sum((part.sum() for part in self._parts), self.branches.sum())

    @property
    def least(self) -> Fraction:
        """The smallest part; at least 0 for a plan that keeps every rule. A tree counts with the parts of its set."""
        parts = [*self._parts, self.by_set]
        return min((part.item(int(np.argmin(part.num))) for part in parts if len(part)), default=Fraction(0))

    @property
    def by_set(self) -> Exact:
        """What the tree of each set leaves of the parts of its orders and pools."""
        if self.book.branches is None:
            return Exact.zeros(0)
        left, pools = self.leftovers["warehouse_stock"], len(self.tally.facts.supply.period_key)
        per_pool = left.sum_by(self.book["warehouse_stock"].row, pools)
        return self.branches + self.book.branches.by_set(per_pool, self.orders)

    @property
    def _parts(self) -> list[Exact]:
        return [
            self.orders,
            *self.leftovers.values(),
            self.shortfalls,
            self.openings,
            self.transfers,
            self.shares,
            self.covers,
        ]

    @property
    def by_warehouse(self) -> Exact:
        """Leftover stock and capacity, and openings, of each warehouse."""
        facts, total = self.tally.facts, self.openings
        for family, part in self.leftovers.items():
            place = _warehouse(facts, family, self.book[family].row)
            if place is not None:
                total = total + part.sum_by(place, len(facts.tables.warehouses))
        return total

    @property
    def by_product(self) -> Exact:
        """Leftover priced stock of each product."""
        supply, size = self.tally.facts.supply, len(self.tally.facts.tables.products)
        total = Exact.zeros(size)
        for family in ("warehouse_stock", "lot_stock", "transfer_source"):
            pool = _pool(self.tally.facts, family, self.book[family].row)
            total = total + self.leftovers[family].sum_by(supply.pool_product[pool], size)
        return total

    def as_json(self) -> dict[str, Any]:
        """Totals by kind, and the largest orders, products and warehouses."""
        tables = self.tally.facts.tables
        rows = {family: part.sum() for family, part in self.leftovers.items()}
        return {
            "total": self.total,
            "orders": self.orders.sum(),
            **{family: amount for family, amount in rows.items() if amount},
            "contract_shortfall": self.shortfalls.sum(),
            "warehouse_open": self.openings.sum(),
            **({"transfers": self.transfers.sum()} if len(self.transfers) else {}),
            **({"fills": self.shares.sum()} if len(self.shares) else {}),
            **({"covers": self.covers.sum()} if len(self.covers) else {}),
            **({"branches": self.branches.sum()} if len(self.branches) else {}),
            "top_orders": top(self.orders, tables.orders["order_id"]),
            "top_products": top(self.by_product, tables.products["product_id"]),
            "top_warehouses": top(self.by_warehouse, tables.warehouses["warehouse_id"]),
        }


def _pool(facts: Facts, family: str, row: Ints) -> Ints:
    """The pool of each row of a family on stock."""
    period = facts.lots.period[row] if family == "lot_stock" else row
    return facts.supply.period_pool[period]


def _warehouse(facts: Facts, family: str, row: Ints) -> Ints | None:
    """The warehouse of each row of a family, None if its rows have none."""
    lane_warehouse: Ints = facts.tables.lane_warehouse
    if family in ("warehouse_stock", "lot_stock", "transfer_source"):
        return facts.supply.pool_warehouse[_pool(facts, family, row)]
    if family.startswith("lane_capacity"):
        return lane_warehouse[row]
    if family == "warehouse_opening":
        return lane_warehouse[facts.events.slots.lane[row]]
    if family.startswith("day_capacity"):
        return facts.calendar.warehouse[row]
    return row if family.startswith("warehouse_capacity") else None


def top(amounts: Exact, names: Any) -> list[dict[str, Any]]:
    """The largest amounts above 0, the larger first, equal ones by position."""
    order = sorted(np.argsort(-amounts.num, kind="stable")[:TOP].tolist())
    largest = sorted(order, key=lambda position: -amounts.item(position))
    return [{"id": str(names[at]), "amount": amounts.item(at)} for at in largest if amounts.item(at) > 0]


def attribute(tally: Tally, found: Bound) -> Attribution:
    """The parts of the gap between a bound and a plan."""
    book, facts = found.book, tally.facts
    worth = order_values(tally, book.rates) - priced_use(tally, book)
    leftovers = {family: _leftover(tally, book, family) for family in book.families}
    table = facts.tables.contracts
    penalty: Exact = table["shortfall_penalty"]
    gain = -book.spread("contract_minimum", len(table)) - penalty * book.rates.shortfall - book.rates.short_units
    shortfalls = found.shortfalls - gain.where(table.given("shortfall_penalty"), 0) * tally.shortfall
    cost: Exact = facts.tables.warehouses["fixed_open_cost"]
    openings = found.openings - (openings_paid(facts, book) - cost * book.rates.opening) * tally.opened
    transfers = found.transfers - transfers_earned(tally, book)
    shares = found.shares - shares_earned(tally, book)
    covers = Exact.zeros(0) if book.covers is None else book.covers.price * (book.covers.room - book.covers.used(tally))
    parts = (found.orders - worth, leftovers, shortfalls, openings, transfers, shares, covers, -found.branched)
    return Attribution(*parts, tally, book)


def _leftover(tally: Tally, book: PriceBook, family: str) -> Exact:
    """Price · (right-hand side − use) of each priced row of a family."""
    priced = book[family]
    if not len(priced.row):
        return Exact.zeros(0)
    return priced.price * (priced.rhs - _used(tally, book, family))


def _used(tally: Tally, book: PriceBook, family: str) -> Exact:
    """What the plan uses of each priced row of a family."""
    priced, facts = book[family], tally.facts
    if family == "warehouse_opening":
        slots = facts.events.slots
        n_slots = np.int64(len(slots) + 1)
        shipped = tally.shipment_order * n_slots + slots.find(tally.shipment_lane, tally.shipment_day)
        ships = np.isin(priced.order * n_slots + priced.row, shipped)
        opened = tally.opened[facts.tables.lane_warehouse[slots.lane[priced.row]]]
        return Exact.ints(ships.astype(np.int64) - opened.astype(np.int64))
    if family == "fair_level":
        return above_level(tally, priced.row)
    used = stage_values(tally, book.stages) if family == "objective_stage" else uses(tally, family)
    if family == "contract_minimum":
        soft = facts.tables.contracts.given("shortfall_penalty")
        used = used + np.where(soft, tally.shortfall, 0)
    return used.take(priced.row)


def uses(tally: Tally, family: str) -> Exact:
    """What the plan uses of every row of a family, over the rows of its table."""
    counted: Callable[[], Ints] | None = {
        "warehouse_stock": lambda: tally.stock.pool_used,
        "lot_stock": lambda: tally.stock.lot_used,
        "transfer_source": lambda: tally.stock.moved_out,
        "transfer_capacity": lambda: tally.stock.moved_by_row,
        "reserve": lambda: tally.stock.reserve_used,
        "contract_minimum": lambda: tally.contract_allocated,
        "contract_quota": lambda: tally.contract_allocated,
    }.get(family)
    if counted is not None:
        return Exact.ints(counted())
    if "_capacity_" in family:
        return tally.used(family)
    if family == "service_floor":
        weighted = tally.facts.service_weight * tally.served
        return Exact.of((weighted * members).sum() for _, members, _ in tally.facts.floors)
    if family == "fair_share":
        return off_common(tally)
    return tally.credit_used if family == "credit_limit" else tally.budget_used
