"""Which hard rules cannot all hold: said in business words, measured by the least that must give way.

A shortage never makes a batch infeasible; hard contracts, service floors and pins can. Each of them is given an elastic
column and the total given way is minimized, by another engine than the one that said infeasible.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model
from optimizer.model.linear_model import Block, LinearModel

Ints = NDArray[np.int64]

HARD_FAMILIES = ("contract_minimum", "service_floor", "pins")
"""Families whose rows demand something; all others can be met by shipping nothing."""
GIVEN_WAY = 1e-6
"""An elastic column above this gives way."""


def find_conflict(model: Model, engine: str, options: SolveOptions) -> dict[str, Any]:
    """What `conflict.json` says: the rules that must give way, by how much at least, and orders that fit nowhere."""
    judge = "scip" if engine == "highs" else "highs"
    rows = demanding_rows(model.linear)
    orders = unholdable_orders(model)
    with SolveServer(judge, threads=options.threads, memory_limit_mb=options.memory_limit_mb) as server:
        result = server.solve(elastic(model.linear, rows), replace(options, gap=0.0, start=None))
    missing = np.zeros(len(rows)) if result.values is None else result.values[model.linear.n_cols :]
    rules = [
        _rule(model, int(row), float(short)) for row, short in zip(rows, missing, strict=True) if short > GIVEN_WAY
    ]
    return {
        "schema_version": 1,
        "proven_by": [engine, judge, *(["arithmetic"] if orders else [])],
        "least_violation_proven": result.termination.reason == "OPTIMAL",
        "unholdable_orders": orders,
        "rules": [*({"family": "delivery_policy", **order} for order in orders), *rules],
    }


def demanding_rows(linear: LinearModel) -> Ints:
    """Rows of the hard families that ask for more than nothing."""
    rows = [linear.rows(family).positions for family in HARD_FAMILIES]
    demanded = np.concatenate(rows)
    return demanded[linear.row_lower[demanded] > 0]


def elastic(linear: LinearModel, rows: Ints) -> LinearModel:
    """The model with one column a row that may give way, and nothing to gain but giving way as little as possible."""
    scale = np.ones(linear.n_rows)
    for block in linear.row_blocks:
        if block.scale is not None:
            scale[block.start : block.stop] = block.scale
    ends = linear.indptr[rows + 1]
    added = np.zeros(linear.n_rows + 1, dtype=np.int64)
    added[rows + 1] = 1
    size, columns = len(rows), linear.n_cols + np.arange(len(rows))
    return LinearModel(
        objective=np.concatenate([np.zeros(linear.n_cols), -1.0 / scale[rows]]),
        offset=0.0,
        col_lower=np.concatenate([linear.col_lower, np.zeros(size)]),
        col_upper=np.concatenate([linear.col_upper, linear.row_lower[rows]]),
        integral=np.concatenate([linear.integral, np.zeros(size, dtype=bool)]),
        granularity=np.concatenate([linear.granularity, np.zeros(size)]),
        indptr=linear.indptr + np.cumsum(added),
        indices=np.insert(linear.indices, ends, columns).astype(np.int32),
        data=np.insert(linear.data, ends, 1.0),
        row_lower=linear.row_lower,
        row_upper=linear.row_upper,
        column_blocks=(),
        row_blocks=(),
    )


def _rule(model: Model, row: int, short: float) -> dict[str, Any]:
    """One row that must give way, in the words of its family."""
    linear = model.linear
    block = next(block for block in linear.row_blocks if block.start <= row < block.stop)
    scale = 1.0 if block.scale is None else float(block.scale[row - block.start])
    required, missing = round(float(linear.row_lower[row]) / scale, 9), round(short / scale, 9)
    keys = _keys(model, block, row - block.start)
    name = ", ".join(f"{key} {value}" for key, value in keys.items())
    words = f"{block.family} ({name}): asks for {required:g}, at least {missing:g} of it cannot be met with the others"
    return {"family": block.family, **keys, "required": str(required), "missing": str(missing), "words": words}


def _keys(model: Model, block: Block, position: int) -> dict[str, str]:
    tables = model.tables
    if block.family == "contract_minimum":
        return {"contract_id": tables.contracts["contract_id"][block.keys["contract"][position]]}
    if block.family == "service_floor":
        return {"scope": list(model.scenario.service.min_level)[block.keys["scope"][position]]}
    pin = block.keys["pin"][position]
    return {key: tables.pins[key][pin] for key in ("order_id", "line_id", "warehouse_id")}


def unholdable_orders(model: Model) -> list[dict[str, Any]]:
    """Orders that must come whole in one shipment and that no single warehouse can hold, by arithmetic alone.

    A warehouse holds an order if it has every line in full and its capacity in units takes them all.
    """
    tables, arcs = model.tables, model.arcs
    orders, houses = tables.orders, tables.warehouses
    size = np.bincount(tables.line_order, minlength=len(orders))
    units = np.zeros(len(orders), dtype=np.int64)
    np.add.at(units, tables.line_order, tables.order_lines["qty"])
    whole = (
        (orders["delivery_policy"] == "order_complete") & orders.given("max_shipments") & (orders["max_shipments"] == 1)
    )
    whole &= (size > 0) & (orders["hold"] == "")
    stocked = np.bincount(
        arcs.shipment[arcs.cap == tables.order_lines["qty"][arcs.line]], minlength=len(arcs.shipment_order)
    )
    house = tables.lane_warehouse[arcs.shipment_lane]
    room = np.where(houses.given("capacity_units"), houses["capacity_units"], np.iinfo(np.int64).max)[house]
    holds = (stocked == size[arcs.shipment_order]) & (units[arcs.shipment_order] <= room)
    fits = np.zeros(len(orders), dtype=bool)
    fits[arcs.shipment_order[holds]] = True
    return [_unholdable(model, int(order), int(units[order])) for order in np.flatnonzero(whole & ~fits)]


def _unholdable(model: Model, order: int, units: int) -> dict[str, Any]:
    name, houses = model.tables.orders["order_id"][order], model.tables.warehouses
    rooms = houses["capacity_units"][houses.given("capacity_units")]
    largest = f"; the largest capacity is {int(rooms.max()):,} units" if len(rooms) else ""
    words = f"order {name} must come whole in one shipment ({units:,} units) and no warehouse can hold it{largest}"
    return {"order_id": name, "units": units, "words": words}
