"""The columns of the model, and for each thing that a row speaks of the column that says it.

A column is made only where something needs it. Where a quantity can only be nothing or all, its own column already says
so, and no binary stands beside it: a shipment of one arc of one step is open exactly when that column is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.model.arcs import Arcs, must_complete
from optimizer.model.charges import Charges
from optimizer.model.linear_model import Columns
from optimizer.model.resources import Resources
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True)
class Variables:
    """Column numbers, `NONE` (-1) where there is none; arc a is column a.

    By shipment: ``opened`` (1 iff it ships; a column of its own where ``own_open``), ``topup`` (of ``charges``). By
    line: ``line_full``, ``line_used``; by order: ``order_full``; by arc: ``picked``; by (line, warehouse) group:
    ``lots``; by warehouse: ``open_warehouse``; by contract: ``shortfall``. ``atomic`` lines take all or nothing from
    each of their arcs.
    """

    blocks: tuple[Columns, ...]
    opened: Ints
    own_open: Flags
    topup: Ints
    charges: Charges
    line_full: Ints
    order_full: Ints
    line_used: Ints
    picked: Ints
    lots: Ints
    open_warehouse: Ints
    shortfall: Ints
    atomic: Flags


def define_variables(tables: Tables, scenario: Scenario, arcs: Arcs, resources: Resources) -> Variables:
    """All columns, family after family."""
    stack = _Stack()
    stack.add("ship_qty", {"line": arcs.line, "lane": arcs.lane}, arcs.upper)
    opened, own_open = _open_shipment(tables, scenario, arcs, resources, stack)
    topup, charges = _charge_topup(tables, scenario, arcs, own_open, stack)
    atomic = _atomic(tables, arcs)
    line_full, order_full = _full(tables, scenario, arcs, atomic, stack)
    return Variables(
        opened=opened,
        own_open=own_open,
        topup=topup,
        charges=charges,
        line_full=line_full,
        order_full=order_full,
        line_used=_line_used(tables, arcs, atomic, stack),
        picked=_pick_line(arcs, resources, opened, stack),
        lots=_lots(tables, arcs, stack),
        open_warehouse=_open_warehouse(arcs, resources, stack),
        shortfall=_contract_shortfall(resources, stack),
        atomic=atomic,
        blocks=tuple(stack.blocks),
    )


class _Stack:
    """Hands out column numbers family by family."""

    def __init__(self) -> None:
        self.blocks: list[Columns] = []
        self.size = 0

    def add(
        self, family: str, keys: dict[str, Ints], upper: NDArray[np.generic], granularity: Floats | None = None
    ) -> Ints:
        """Whole columns, or continuous ones of that granularity; their numbers."""
        block = Columns(family, keys, upper.astype(np.float64), granularity is None, granularity)
        self.blocks.append(block)
        self.size += len(block)
        return np.arange(self.size - len(block), self.size)

    def binaries(self, family: str, key: str, where: Flags) -> Ints:
        """A binary for each flagged position; the column by position."""
        place = np.flatnonzero(where)
        column = np.full(len(where), NONE, dtype=np.int64)
        column[place] = self.add(family, {key: place}, np.ones(len(place)))
        return column


def _open_shipment(
    tables: Tables, scenario: Scenario, arcs: Arcs, resources: Resources, stack: _Stack
) -> tuple[Ints, Flags]:
    """``open_shipment``[order, lane]: where opening costs money, is counted by a limit, or opens a warehouse."""
    order, lane = arcs.shipment_order, arcs.shipment_lane
    house = tables.lane_warehouse[lane]
    needed = resources.splits[order] | resources.opening[house] | resources.kept["lane_capacity_shipments"][lane]
    needed |= resources.kept["warehouse_capacity_shipments"][house]
    if scenario.weights.shipping > 0:
        needed |= ((tables.lanes["fixed_cost"] > 0) | (tables.lanes["min_charge"] > 0))[lane]
    only_arc, is_single = _single_step_arc(arcs)
    opened = np.full(len(order), NONE, dtype=np.int64)
    opened[needed & is_single] = only_arc[needed & is_single]
    own = needed & ~is_single
    opened[own] = stack.add("open_shipment", {"order": order[own], "lane": lane[own]}, np.ones(int(own.sum())))
    return opened, own


def _single_step_arc(arcs: Arcs) -> tuple[Ints, Flags]:
    """The last arc of each shipment, and whether it is the only one and carries one step at most."""
    size = len(arcs.shipment_order)
    last = np.zeros(size, dtype=np.int64)
    last[arcs.shipment] = np.arange(len(arcs))
    return last, (np.bincount(arcs.shipment, minlength=size) == 1) & (arcs.upper[last] == 1)


def _charge_topup(
    tables: Tables, scenario: Scenario, arcs: Arcs, own_open: Flags, stack: _Stack
) -> tuple[Ints, Charges]:
    """``charge_topup``[order, lane]: lifts a shipment to its minimum charge; money, at most min_charge − fixed_cost."""
    lanes, lane = tables.lanes, arcs.shipment_lane
    where = own_open & (lanes["min_charge"] > lanes["fixed_cost"])[lane] & bool(scenario.weights.shipping > 0)
    charges = Charges.of(tables, arcs, where)
    column = np.full(len(lane), NONE, dtype=np.int64)
    keys = {"order": arcs.shipment_order[where], "lane": lane[where]}
    column[where] = stack.add("charge_topup", keys, charges.rise.floats(), charges.money_unit())
    return column, charges


def _atomic(tables: Tables, arcs: Arcs) -> Flags:
    """Lines all of whose arcs ship the whole line or nothing: full exactly when one of the arcs is 1."""
    qty: Ints = tables.order_lines["qty"]
    whole: Ints = np.bincount(arcs.line[arcs.step == qty[arcs.line]], minlength=len(qty))
    count: Ints = np.bincount(arcs.line, minlength=len(qty))
    atomic: Flags = (count > 0) & (whole == count)
    return atomic


def _full(tables: Tables, scenario: Scenario, arcs: Arcs, atomic: Flags, stack: _Stack) -> tuple[Ints, Ints]:
    """``line_full``[line] and ``order_full``[order]: where the delivery policy or the measure of service asks.

    Only where all of it can be had. An order of one line speaks through its line.
    """
    qty, order = tables.order_lines["qty"], tables.line_order
    size = np.bincount(order, minlength=len(tables.orders))
    reach = np.zeros(len(qty), dtype=np.int64)
    np.add.at(reach, arcs.line, arcs.cap)
    fillable = (reach >= qty) & (qty % terms.multiple(tables) == 0)
    all_fillable = np.bincount(order[fillable], minlength=len(size)) == size
    counted = _counted_in_full(tables, scenario)
    policy_whole = (size > 1) & (tables.orders["delivery_policy"] == "order_complete")
    counted_whole = (size > 1) if scenario.service.measure == "order" else policy_whole
    by_line = (must_complete(tables) & ~policy_whole[order]) | (counted & ~counted_whole)[order]
    line_full = stack.binaries("line_full", "line", by_line & fillable & ~atomic)
    return line_full, stack.binaries("order_full", "order", (policy_whole | (counted & counted_whole)) & all_fillable)


def _counted_in_full(tables: Tables, scenario: Scenario) -> Flags:
    """Orders served in full lines or as a whole, where that earns money or stands in a floor."""
    service = scenario.service
    if service.measure == "unit" or not (service.min_level or scenario.weights.service * service.value > 0):
        return np.zeros(len(tables.orders), dtype=bool)
    return terms.order_weight(tables, scenario) > 0


def _line_used(tables: Tables, arcs: Arcs, atomic: Flags, stack: _Stack) -> Ints:
    """``line_used``[line]: where min_fill_qty is more than what any shipped quantity reaches anyway."""
    asks = tables.order_lines["min_fill_qty"] > terms.multiple(tables)
    reached = np.bincount(arcs.line, minlength=len(atomic)) > 0
    return stack.binaries("line_used", "line", asks & reached & ~atomic & ~must_complete(tables))


def _pick_line(arcs: Arcs, resources: Resources, opened: Ints, stack: _Stack) -> Ints:
    """``pick_line``[line, lane]: at warehouses whose capacity_lines can bind."""
    needed = resources.kept["warehouse_capacity_lines"][arcs.warehouse]
    if not needed.any():
        return np.full(len(arcs), NONE, dtype=np.int64)
    alone = np.bincount(arcs.shipment, minlength=len(opened))[arcs.shipment] == 1
    picked = np.where(arcs.upper == 1, np.arange(len(arcs)), np.where(alone, opened[arcs.shipment], NONE))
    picked[~needed] = NONE
    own = needed & (picked == NONE)
    picked[own] = stack.add("pick_line", {"line": arcs.line[own], "lane": arcs.lane[own]}, np.ones(int(own.sum())))
    return picked


def _lots(tables: Tables, arcs: Arcs, stack: _Stack) -> Ints:
    """``lots``[line, warehouse]: whole multiples shipped, where several services share them and columns count units."""
    multiple = terms.multiple(tables)[arcs.line]
    starts = np.flatnonzero(np.diff(arcs.group, prepend=-1))
    counts_units = arcs.step < multiple
    needed = counts_units[starts]
    room = np.add.reduceat(arcs.cap, starts)[needed] if len(starts) else arcs.cap
    first = starts[needed]
    lots = np.full(len(starts), NONE, dtype=np.int64)
    most = np.minimum(room, arcs.want[first]) // multiple[first]
    lots[needed] = stack.add("lots", {"line": arcs.line[first], "warehouse": arcs.warehouse[first]}, most)
    return lots


def _open_warehouse(arcs: Arcs, resources: Resources, stack: _Stack) -> Ints:
    """``open_warehouse``[warehouse]: where opening costs money."""
    return stack.binaries("open_warehouse", "warehouse", resources.opening)


def _contract_shortfall(resources: Resources, stack: _Stack) -> Ints:
    """``contract_shortfall``[contract] in units: for minimums that a penalty buys off."""
    soft = resources.kept["contract_minimum"] & resources.soft
    place = np.flatnonzero(soft)
    column = np.full(len(soft), NONE, dtype=np.int64)
    column[place] = stack.add("contract_shortfall", {"contract": place}, resources.required[place])
    return column
