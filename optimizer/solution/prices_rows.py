"""The rows that carry a price, in business words: what is limited, in which unit, how much of it the plan uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.build import Model
from optimizer.model.linear_model import Block
from optimizer.solution.ledger import Ledger

if TYPE_CHECKING:
    from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

LANE = ("warehouse_id", "zone_id", "service_id")
KEYS: Mapping[str, tuple[str, ...]] = {
    "warehouse_stock": ("warehouse_id", "product_id"),
    **{f"warehouse_capacity_{unit}": ("warehouse_id",) for unit in ("units", "lines", "shipments", "kg")},
    **{f"lane_capacity_{unit}": LANE for unit in ("units", "kg", "shipments")},
    "contract_minimum": ("contract_id",),
    "contract_quota": ("contract_id",),
    "service_floor": ("scope",),
    "warehouse_opening": ("order_id", "warehouse_id", "service_id"),
}
"""Every family of shared rows, and the columns that name one row of it."""

AT_LEAST = frozenset({"contract_minimum", "service_floor"})
"""Families whose right-hand side is a minimum: one unit more of it can only cost, so their prices are at most 0."""

LINKS = frozenset({"warehouse_opening"})
"""Families without a right-hand side of their own: priced in the certificate, no row in the table."""


def key_texts(tables: Tables, scopes: tuple[str, ...], block: Block) -> dict[str, Texts]:
    """The ids that name each row of a block of shared rows."""
    keys = block.keys
    if block.family == "service_floor":
        return {"scope": np.array(scopes, dtype=object)[keys["scope"]]}
    if block.family in ("contract_minimum", "contract_quota"):
        return {"contract_id": tables.contracts["contract_id"][keys["contract"]]}
    if "lane" in keys:
        lanes = {name: tables.lanes[name][keys["lane"]] for name in KEYS[block.family] if name in LANE}
        orders = {"order_id": tables.orders["order_id"][keys["order"]]} if "order" in keys else {}
        return orders | lanes
    houses = {"warehouse_id": tables.warehouses["warehouse_id"][keys["warehouse"]]}
    if block.family == "warehouse_stock":
        return houses | {"product_id": tables.products["product_id"][keys["product"]]}
    return houses


@dataclass(frozen=True)
class Limit:
    """Rows of one family: the unit they count, each right-hand side and what the plan uses of it, in that unit."""

    unit: str
    rhs: Exact
    used: Exact


def limit_of(ledger: Ledger, block: Block) -> Limit:
    """The rows of a block that has a right-hand side, exactly as the tables and the plan state them."""
    family, keys = block.family, block.keys
    if family == "warehouse_stock":
        return _stock(ledger, keys["stock"])
    if family == "service_floor":
        return _floors(ledger, keys["scope"])
    if family.startswith("contract_"):
        return _contracts(ledger, family, keys["contract"])
    place, _, unit = family.partition("_capacity_")
    return _capacity(ledger, place, unit, keys[place])


def _stock(ledger: Ledger, stock: Ints) -> Limit:
    tables, plan = ledger.tables, ledger.plan
    code = tables.stock_warehouse * len(tables.products) + tables.stock_product
    by_code = np.argsort(code, kind="stable")
    wanted = ledger.row_warehouse * len(tables.products) + tables.line_product[plan.line]
    of_row = by_code[np.searchsorted(code[by_code], wanted)]
    used = Exact.ints(plan.qty).sum_by(of_row, len(tables.stock))
    return Limit("units", Exact.ints(terms.atp(tables))[stock], used[stock])


def _capacity(ledger: Ledger, place: str, unit: str, position: Ints) -> Limit:
    tables, plan, ships = ledger.tables, ledger.plan, ledger.shipments
    table = tables.warehouses if place == "warehouse" else tables.lanes
    of_row, of_shipment = plan.lane, ships.lane
    if place == "warehouse":
        of_row, of_shipment = ledger.row_warehouse, ledger.shipment_warehouse
    amount, where = {
        "units": (Exact.ints(plan.qty), of_row),
        "lines": (Exact.full(len(plan), 1), of_row),
        "shipments": (Exact.full(len(ships), 1), of_shipment),
        "kg": (ledger.row_kg, of_row),
    }[unit]
    limit = table[f"capacity_{unit}"]
    rhs = limit if isinstance(limit, Exact) else Exact.ints(limit)
    return Limit(unit, rhs[position], amount.sum_by(where, len(table))[position])


def _contracts(ledger: Ledger, family: str, contract: Ints) -> Limit:
    use, table = ledger.contracts, ledger.tables.contracts
    if family == "contract_minimum":
        return Limit("units", Exact.ints(use.required)[contract], Exact.ints(use.allocated)[contract])
    return Limit("units", Exact.ints(table["max_qty"])[contract], Exact.ints(use.allocated)[contract])


def _floors(ledger: Ledger, scope: Ints) -> Limit:
    service = ledger.scenario.service
    of_order = np.arange(len(ledger.tables.orders)) if service.measure == "order" else ledger.tables.line_order
    rhs, used = [], []
    for name, level in service.min_level.items():
        member = terms.scope_orders(ledger.tables, name)[of_order]
        rhs.append((ledger.demanded[member] * Exact.full(int(member.sum()), level)).sum())
        used.append(ledger.served[member].sum())
    return Limit(f"weighted {service.measure}s", Exact.of(rhs)[scope], Exact.of(used)[scope])


@dataclass(frozen=True)
class IdleStock:
    """Stock rows that no plan can exhaust: positions, limits, and the units that all who could use each would take."""

    stock: Ints
    limit: Limit
    wanted: Ints


MOST_IDLE = 50_000
"""Up to so many stock rows that cannot bind are listed; beyond, only those that the plan ships from."""


def cannot_bind(ledger: Ledger, model: Model) -> tuple[IdleStock, int]:
    """Stock that lines want, less than there is even if they all get it; and how many such rows are left out."""
    arcs, size = model.arcs, len(ledger.tables.stock)
    wanted = np.bincount(arcs.stock, arcs.want, minlength=size).astype(np.int64)
    idle = np.bincount(arcs.stock, minlength=size) > 0
    idle[model.linear.rows("warehouse_stock").keys.get("stock", np.zeros(0, dtype=np.int64))] = False
    stock = np.flatnonzero(idle)
    limit = _stock(ledger, stock)
    if len(stock) <= MOST_IDLE:
        return IdleStock(stock, limit, wanted[stock]), 0
    ships = np.flatnonzero(limit.used > 0)
    return IdleStock(stock[ships], Limit(limit.unit, limit.rhs[ships], limit.used[ships]), wanted[stock[ships]]), len(
        stock
    ) - len(ships)
