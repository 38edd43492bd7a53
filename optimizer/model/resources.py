"""Which shared limits can bind at all, and what contracts and floors ask for: decided once, before columns and rows.

A limit is kept unless everything that could ever use it stays at least one unit below it, so that neither it nor the
same limit with one unit less can bind. A limit that is not kept has price 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.arcs import Arcs
from optimizer.scenario.schema import Scenario
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Relative room for the rounding of a sum of weights, far above what a million doubles can lose."""


@dataclass(frozen=True)
class Resources:
    """``kept``: for each coupling family which rows of its table stand in the model; ``dropped``: how many do not.

    ``opening``: warehouses whose opening costs money; ``splits``: orders whose max_shipments can bind. Contracts: pairs
    (``contract``, ``contract_line``) of which line counts where, units ``required``, money ``shortfall_cost`` per unit.
    """

    kept: Mapping[str, Flags]
    dropped: Mapping[str, int]
    opening: Flags
    splits: Flags
    contract: Ints
    contract_line: Ints
    required: Ints
    shortfall_cost: Exact
    soft: Flags


def find_resources(tables: Tables, scenario: Scenario, arcs: Arcs) -> Resources:
    """See `Resources`."""
    kept, dropped = {}, {}
    contract, contract_line = scope_members(tables, tables.contracts) if len(tables.contracts) else (_NOTHING, _NOTHING)
    required = terms.contract_required(
        tables.contracts, _totals(contract, tables.order_lines["qty"][contract_line], tables)
    )
    soft = tables.contracts.given("shortfall_penalty")
    cost = tables.contracts["shortfall_penalty"] * scenario.weights.penalties
    for family, stated, keeps in (
        *_capacities(tables, arcs),
        *_contracts(tables, arcs, contract, contract_line, required),
    ):
        if family == "contract_minimum":
            keeps = keeps & (~soft | (cost > 0))
        kept[family] = stated & keeps
        dropped[family] = int(np.count_nonzero(stated & ~keeps))
    reached = np.bincount(arcs.warehouse, minlength=len(tables.warehouses)) > 0
    paid = (tables.warehouses["fixed_open_cost"] > 0) & (scenario.weights.shipping > 0)
    shipments_of = np.bincount(arcs.shipment_order, minlength=len(tables.orders))
    return Resources(
        kept=kept,
        dropped=dropped,
        opening=reached & paid,
        splits=tables.orders.given("max_shipments") & (tables.orders["max_shipments"] < shipments_of),
        contract=contract,
        contract_line=contract_line,
        required=required,
        shortfall_cost=cost,
        soft=soft,
    )


_NOTHING = np.zeros(0, dtype=np.int64)
_Limit = tuple[str, Flags, Flags]


def _capacities(tables: Tables, arcs: Arcs) -> list[_Limit]:
    """For stock and each capacity family: where it is stated, and where it can bind."""
    wanted = np.bincount(arcs.stock, minlength=len(tables.stock)) > 0
    limits = [("warehouse_stock", wanted, _sums(arcs.stock, arcs.want, len(wanted)) + 1 > terms.atp(tables))]
    houses, lanes = tables.warehouses, tables.lanes
    of_shipment = tables.lane_warehouse[arcs.shipment_lane]
    for unit in ("units", "lines", "shipments", "kg"):
        limits.append(_capacity(tables, arcs, "warehouse", houses, unit, (arcs.warehouse, of_shipment)))
    for unit in ("units", "shipments", "kg"):
        limits.append(_capacity(tables, arcs, "lane", lanes, unit, (arcs.lane, arcs.shipment_lane)))
    return limits


def _capacity(tables: Tables, arcs: Arcs, place: str, table: Table, unit: str, at: tuple[Ints, Ints]) -> _Limit:
    """One capacity family; ``at`` is the warehouse or lane of each arc and of each shipment."""
    family, column = f"{place}_capacity_{unit}", f"capacity_{unit}"
    stated = table.given(column)
    if not stated.any():
        return family, stated, stated
    if unit == "kg":
        kg = arcs.want * terms.unit_weight(tables).floats()[arcs.line]
        limit: Floats = table[column].floats()
        return family, stated, np.bincount(at[0], kg, len(table)) * (1 + ROUNDING) + 1 > limit
    if unit == "units":
        return family, stated, _sums(at[0], arcs.want, len(table)) + 1 > table[column]
    return family, stated, np.bincount(at[unit == "shipments"], minlength=len(table)) + 1 > table[column]


def _contracts(tables: Tables, arcs: Arcs, contract: Ints, line: Ints, required: Ints) -> list[_Limit]:
    """The same for contract minimums and quotas."""
    reachable = np.bincount(arcs.line, minlength=len(tables.order_lines)) > 0
    most = _totals(contract, (tables.order_lines["qty"] * reachable)[line], tables)
    contracts = tables.contracts
    asks = contracts.given("min_qty") | contracts.given("min_fill_rate")
    return [
        ("contract_minimum", asks, required > 0),
        ("contract_quota", contracts.given("max_qty"), most + 1 > contracts["max_qty"]),
    ]


def _totals(contract: Ints, qty: Ints, tables: Tables) -> Ints:
    return _sums(contract, qty, len(tables.contracts))


def _sums(code: Ints, amount: Ints, size: int) -> Ints:
    """Whole totals by code."""
    if amount.sum(dtype=np.float64) < terms.FLOAT_EXACT:
        return np.bincount(code, amount, size).astype(np.int64)  # doubles add whole numbers of this size exactly
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, code, amount)
    return total
