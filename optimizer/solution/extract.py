"""From columns of the linear model to a plan in business units, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.build import Model
from optimizer.model.linear_model import Block
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def plan_from_values(model: Model, values: Floats) -> Plan:
    """The plan that a point of the model stands for: each shipped quantity rounded to whole steps of its column."""
    arcs, block = model.arcs, model.linear.columns("ship_qty")
    steps = np.rint(values[block.start : block.stop]).astype(np.int64)  # half to even, the one named rounding rule
    return Plan.of(arcs.line, arcs.lane, steps * arcs.step)


def values_from_plan(model: Model, plan: Plan) -> Floats:
    """The full column vector that says the same as the plan, every auxiliary column at its implied value.

    For warm starts, re-solves and row activities. Raises ValueError if the plan ships where the model has no arc, or
    a quantity that is no multiple of the column's step.
    """
    ledger = Ledger(model.tables, model.scenario, plan)
    values, steps = np.zeros(model.linear.n_cols), _ship_qty(model, plan)
    for block in model.linear.column_blocks:
        fill = steps if block.family == "ship_qty" else IMPLIED[block.family](ledger, block)
        values[block.start : block.stop] = fill.floats() if isinstance(fill, Exact) else fill
    return values


def arc_of_row(model: Model, plan: Plan) -> Ints:
    """Which arc (= position in the ship_qty block) each row of the plan is; raises ValueError where there is none."""
    arcs, n_lanes = model.arcs, len(model.tables.lanes)
    arc = _find(arcs.line * n_lanes + arcs.lane, plan.line * n_lanes + plan.lane)
    if (arc < 0).any():
        lines, lanes, bad = model.tables.order_lines, model.tables.lanes, np.flatnonzero(arc < 0)[0]
        line, lane = plan.line[bad], plan.lane[bad]
        raise ValueError(
            f"no lane of the model carries order {lines['order_id'][line]} line {lines['line_id'][line]} "
            f"from {lanes['warehouse_id'][lane]} by {lanes['service_id'][lane]}"
        )
    return arc


def _find(keys: Ints, wanted: Ints) -> Ints:
    """The position of each wanted value in the sorted keys, -1 where it is missing."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, position, -1)


def _ship_qty(model: Model, plan: Plan) -> Ints:
    arc = arc_of_row(model, plan)
    steps, rest = np.divmod(plan.qty, model.arcs.step[arc])
    if rest.any():
        raise ValueError(f"{int((rest > 0).sum())} quantities of the plan are not whole steps of the model")
    values = np.zeros(len(model.arcs.line), dtype=np.int64)
    values[arc] = steps
    return values


def _shipment(ledger: Ledger, block: Block) -> Ints:
    """The plan's shipment of each (order, lane) of the block, -1 where it ships nothing."""
    n_lanes, ships = len(ledger.tables.lanes), ledger.shipments
    return _find(ships.order * n_lanes + ships.lane, block.keys["order"] * n_lanes + block.keys["lane"])


def _open_shipment(ledger: Ledger, block: Block) -> NDArray[Any]:
    return _shipment(ledger, block) >= 0


def _charge_topup(ledger: Ledger, block: Block) -> Exact:
    """Money that lifts an open shipment to its minimum charge."""
    shipment, ships = _shipment(ledger, block), ledger.shipments
    topup = Exact.concat([ships.freight - ships.linear, Exact.zeros(1)])  # -1 finds the zero at the end
    return topup[shipment]


def _line_full(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.line_full[block.keys["line"]]


def _order_full(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.order_full[block.keys["order"]]


def _line_used(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.allocated[block.keys["line"]] > 0


def _pick_line(ledger: Ledger, block: Block) -> NDArray[Any]:
    n_lanes, plan = len(ledger.tables.lanes), ledger.plan
    return _find(plan.line * n_lanes + plan.lane, block.keys["line"] * n_lanes + block.keys["lane"]) >= 0


def _lots(ledger: Ledger, block: Block) -> NDArray[Any]:
    """How many multiples of its step each (line, warehouse) ships, over all services."""
    size, tables = len(ledger.tables.warehouses), ledger.tables
    pair, of_row = np.unique(ledger.plan.line * size + ledger.row_warehouse, return_inverse=True)
    shipped = np.append(Exact.ints(ledger.plan.qty).sum_by(of_row, len(pair)).num, 0)
    line = block.keys["line"]
    units = shipped[_find(pair, line * size + block.keys["warehouse"])]
    step = np.lcm(tables.products["case_pack"][tables.line_product[line]], tables.order_lines["lot_multiple"][line])
    return np.asarray(units // step)


def _open_warehouse(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.warehouse_opened[block.keys["warehouse"]]


def _contract_shortfall(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.contracts.shortfall[block.keys["contract"]]


IMPLIED: dict[str, Callable[[Ledger, Block], NDArray[Any] | Exact]] = {
    "open_shipment": _open_shipment,
    "charge_topup": _charge_topup,
    "line_full": _line_full,
    "order_full": _order_full,
    "line_used": _line_used,
    "pick_line": _pick_line,
    "lots": _lots,
    "open_warehouse": _open_warehouse,
    "contract_shortfall": _contract_shortfall,
}
"""What a plan implies for each auxiliary column family of the model."""
