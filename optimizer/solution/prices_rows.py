"""The rows that carry a price, in business words: what is limited, in which unit, how much of it the plan uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.batch import Batch
from optimizer.model.build import Model
from optimizer.model.calendar import date_texts
from optimizer.model.ids import id_texts
from optimizer.model.linear_model import Block
from optimizer.model.resources import stock_wanted
from optimizer.solution.ledger import Ledger
from optimizer.solution.policies import PRICED, limit_of_policy

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

LANE = ("warehouse_id", "zone_id", "service_id")
KEYS: Mapping[str, tuple[str, ...]] = {
    "warehouse_stock": ("warehouse_id", "product_id", "date"),
    "lot_stock": ("warehouse_id", "product_id", "lot_id", "date"),
    **{f"warehouse_capacity_{unit}": ("warehouse_id",) for unit in ("units", "lines", "shipments", "kg")},
    **{f"lane_capacity_{unit}": LANE for unit in ("units", "kg", "shipments")},
    **{f"day_capacity_{unit}": ("warehouse_id", "date") for unit in ("units", "lines", "shipments", "kg")},
    "contract_minimum": ("contract_id",),
    "contract_quota": ("contract_id",),
    "service_floor": ("scope",),
    "warehouse_opening": ("order_id", "warehouse_id", "service_id", "ship_date"),
    "reserve": ("reserve_id", "date"),
    "credit_limit": ("customer_id",),
    "budget": ("budget_id",),
    "transfer_capacity": ("from_warehouse_id", "to_warehouse_id", "product_id"),
    "transfer_source": ("from_warehouse_id", "product_id", "date"),
    "fair_share": ("group_id", "party", "side"),
    "fair_level": ("group_id", "level", "party"),
    "objective_stage": ("stage",),
}
"""Every family of shared rows, and the columns that name one row of it."""

AT_LEAST = frozenset({"contract_minimum", "service_floor", "fair_level", "objective_stage"})
"""Families whose right-hand side is a minimum: one unit more of it can only cost, so their prices are at most 0."""

LINKS = frozenset({"warehouse_opening", "fair_level"})
"""Families without a right-hand side of their own: priced in the certificate, no row in the table."""


def key_texts(batch: Batch, block: Block) -> dict[str, Texts]:
    """The ids that name each row of a block of shared rows."""
    if block.family == "objective_stage":
        return {"stage": block.keys["stage"].astype(str).astype(object)}
    found: dict[str, Texts] = {}
    for key, position in block.keys.items():
        for column, texts in id_texts(batch, key).items():
            if column not in found:
                found[column] = texts[position]
    if "level" in block.keys:
        found["level"] = block.keys["level"].astype(str).astype(object)
    if "day" in block.keys:
        found["date"] = found["ship_date"] = date_texts(batch.scenario, block.keys["day"])
    return {column: found[column] for column in KEYS[block.family]}


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
        return _stock(ledger, keys["period"])
    if family == "lot_stock":
        return _lots(ledger, keys["lot_row"])
    if family == "service_floor":
        return _floors(ledger, keys["scope"])
    if family in PRICED:
        return Limit(*limit_of_policy(ledger, block))
    if family.startswith("contract_"):
        return _contracts(ledger, family, keys["contract"])
    place, _, unit = family.partition("_capacity_")
    return _capacity(ledger, place, unit, keys["calendar" if place == "day" else place])


def taken(ledger: Ledger) -> tuple[Ints, Ints, Ints]:
    """(source, day, units): what leaves sources for customers and by moves; arrivals of moves count below 0."""
    plan, moves, supply = ledger.plan, ledger.plan.moves, ledger.batch.supply
    draws = plan.draws
    if not len(moves):
        return draws.source, plan.day[draws.row], draws.units
    tables = ledger.tables
    to = supply.find_source(tables.transfer_to[moves.transfer], moves.product, supply.lot[moves.source])
    arrive = moves.day + tables.transfers["transit_days"][moves.transfer]
    return (
        np.concatenate([draws.source, moves.source, to]),
        np.concatenate([plan.day[draws.row], moves.day, arrive]),
        np.concatenate([draws.units, moves.units, -moves.units]),
    )


def _stock(ledger: Ledger, period: Ints) -> Limit:
    supply, (source, day, units) = ledger.batch.supply, taken(ledger)
    draw, at = supply.periods_of(source, day)
    used = Exact.ints(units[draw]).sum_by(at, len(supply.period_day))
    return Limit("units", Exact.ints(supply.period_atp)[period], used[period])


def _lots(ledger: Ledger, row: Ints) -> Limit:
    supply, (source, day, units) = ledger.batch.supply, taken(ledger)
    lots = supply.lot_rows
    draw, at = lots.of_draws(supply, source, day)
    used = Exact.ints(units[draw]).sum_by(at, len(lots))
    return Limit("units", Exact.ints(lots.own)[row], used[row])


def _capacity(ledger: Ledger, place: str, unit: str, position: Ints) -> Limit:
    tables, plan, ships = ledger.tables, ledger.plan, ledger.shipments
    table = {"warehouse": tables.warehouses, "lane": tables.lanes, "day": tables.calendar}[place]
    of_row, of_shipment = plan.lane, ships.lane
    if place != "lane":
        of_row, of_shipment = ledger.row_warehouse, ledger.shipment_warehouse
    if place == "day":
        limit_of_day = ledger.batch.calendar.limit_of
        of_row, of_shipment = limit_of_day(of_row, plan.day), limit_of_day(of_shipment, ships.day)
    amount, where = {
        "units": (Exact.ints(ledger.row_units), of_row),
        "lines": (Exact.full(len(ledger.picks), 1), of_row[ledger.picks]),
        "shipments": (Exact.full(len(ships), 1), of_shipment),
        "kg": (ledger.row_kg, of_row),
    }[unit]
    limit = table[f"capacity_{unit}"]
    rhs = limit if isinstance(limit, Exact) else Exact.ints(limit)
    within = np.flatnonzero(where >= 0)
    return Limit(unit, rhs[position], amount[within].sum_by(where[within], len(table))[position])


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
    """Periods of pools that no plan can exhaust: positions, limits, and the units that all who could use each want."""

    period: Ints
    limit: Limit
    wanted: Ints


MOST_IDLE = 50_000
"""Up to so many stock rows that cannot bind are listed; beyond, only those that the plan ships from."""


def cannot_bind(ledger: Ledger, model: Model) -> tuple[IdleStock, int]:
    """Stock that lines want, less than there is even if they all get it; and how many such rows are left out."""
    idle, wanted = stock_wanted(model.batch, model.arcs)
    idle[model.linear.rows("warehouse_stock").keys.get("period", np.zeros(0, dtype=np.int64))] = False
    period = np.flatnonzero(idle)
    limit = _stock(ledger, period)
    if len(period) <= MOST_IDLE:
        return IdleStock(period, limit, wanted[period]), 0
    ships = np.flatnonzero(limit.used > 0)
    shown = IdleStock(period[ships], Limit(limit.unit, limit.rhs[ships], limit.used[ships]), wanted[period[ships]])
    return shown, len(period) - len(ships)
