"""HiGHS in the test's own process, and rows of the matrix looked at one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highspy
import numpy as np

from optimizer.model.build import Model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.extract import values_from_plan
from optimizer.solution.plan import OWN, MovedStock, Plan

Ship = dict[tuple[str, ...], int]
"""Ordered units by (order, line, warehouse), then (where not the defaults) service, day as text, product shipped."""


def optimum(linear: LinearModel) -> float | None:
    """The optimal value, None if infeasible."""
    if not linear.n_cols:
        return None if (linear.row_lower > 0).any() or (linear.row_upper < 0).any() else linear.offset
    highs = _solved(linear)
    status = highs.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None
    assert status == highspy.HighsModelStatus.kOptimal, status
    return float(highs.getInfo().objective_function_value)


def best_values(linear: LinearModel) -> Any:
    """An optimal point of a model that has one."""
    return np.array(_solved(linear).getSolution().col_value)


def _solved(linear: LinearModel) -> highspy.Highs:
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("mip_rel_gap", 0.0)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = linear.n_cols, linear.n_rows
    lp.sense_, lp.offset_, lp.col_cost_ = highspy.ObjSense.kMaximize, linear.offset, linear.objective
    lp.col_lower_, lp.col_upper_ = linear.col_lower, linear.col_upper
    lp.row_lower_, lp.row_upper_ = linear.row_lower, linear.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = linear.indptr, linear.indices, linear.data
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[int(whole)] for whole in linear.integral]
    highs.passModel(lp)
    highs.run()
    return highs


def plan_of(model: Model, ship: Ship) -> Plan:
    """A plan from ids."""
    tables = model.tables
    lines = {
        key: i for i, key in enumerate(zip(tables.order_lines["order_id"], tables.order_lines["line_id"], strict=True))
    }
    lanes = {
        key: i
        for i, key in enumerate(
            zip(tables.lanes["warehouse_id"], tables.lanes["zone_id"], tables.lanes["service_id"], strict=True)
        )
    }
    line, lane, day, product = [], [], [], []
    products = tables.products["product_id"].tolist()
    for order, number, warehouse, *more in ship:
        service, leaves, shipped = [*more, *("standard", "0", "")[len(more) :]]
        day.append(int(leaves))
        product.append(products.index(shipped) if shipped else OWN)
        line.append(lines[order, number])
        zone = tables.orders["zone_id"][tables.line_order[line[-1]]]
        lane.append(lanes[warehouse, zone, service])
    return Plan.of(*(np.array(part, dtype=np.int64) for part in (line, lane, list(ship.values()), day, product)))


Moves = dict[tuple[str, str], int]
"""Units by (from, to) warehouse: of the first lot that can be moved, on the first day."""


def moved_stock(model: Model, moves: Moves) -> MovedStock:
    """Moves from ids."""
    tables, supply, chosen = model.tables, model.batch.supply, []
    houses = tables.warehouses["warehouse_id"]
    ways = list(zip(houses[tables.transfer_from], houses[tables.transfer_to], strict=True))
    for ends in moves:
        chosen.append(int(np.flatnonzero(supply.moves.transfer == ways.index(ends))[0]))
    move = np.array(chosen, dtype=np.int64)
    source, units = supply.moves.source[move], np.array(list(moves.values()), dtype=np.int64)
    return MovedStock(supply.moves.transfer[move], source, supply.moves.leave[move], units, supply.product[source])


def values_of(model: Model, ship: Ship, moves: Moves | None = None, **columns: float) -> Any:
    """The point of the model that a plan stands for; ``columns`` then overwrites whole column families."""
    values = values_from_plan(model, replace(plan_of(model, ship), moves=moved_stock(model, moves or {})))
    for family, value in columns.items():
        block = model.linear.columns(family)
        assert len(block), f"no columns {family}"
        values[block.start : block.stop] = value
    return values


def keeps(model: Model, family: str, values: Any) -> bool:
    """Whether a point keeps every row of a family."""
    linear, block = model.linear, model.linear.rows(family)
    assert len(block), f"no rows {family}"
    for row in range(block.start, block.stop):
        entry = slice(linear.indptr[row], linear.indptr[row + 1])
        activity = linear.data[entry] @ values[linear.indices[entry]]
        if not linear.row_lower[row] - 1e-9 <= activity <= linear.row_upper[row] + 1e-9:
            return False
    return True
