"""The columns of the model, and for each thing that a row speaks of the column that says it.

A column is made only where something needs it. Where a quantity can only be nothing or all, its own column already says
so, and no binary stands beside it: a shipment of one arc of one step is open exactly when that column is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.model.arcs import Arcs, must_complete
from optimizer.model.batch import Batch
from optimizer.model.charges import Charges
from optimizer.model.goals import goals
from optimizer.model.keys import Keys, gathered
from optimizer.model.linear_model import Columns
from optimizer.model.policies import COLUMNS, Opened
from optimizer.model.ragged import first_of, totals
from optimizer.model.resources import Resources
from optimizer.model.shares import ShareColumns
from optimizer.model.terms import NEVER
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True)
class Variables:
    """Column numbers, `NONE` (-1) where there is none; arc a is column a.

    By shipment: ``opened`` (1 iff it ships; a column of its own where ``own_open``), ``topup`` (of ``charges``). By
    line: ``line_full``, ``line_used``; by order: ``order_full``; by pick: ``picked``; by group: ``lots``; by option of
    a kit's need: ``kit_draw``; by warehouse: ``open_warehouse``; by contract: ``shortfall``. ``atomic`` lines take all
    or nothing from each of their arcs. ``policies``: see `optimizer.model.policies`.
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
    kit_draw: Ints
    open_warehouse: Ints
    shortfall: Ints
    atomic: Flags
    policies: Mapping[str, Any]


def define_variables(
    batch: Batch, arcs: Arcs, resources: Resources, headroom: int = 0, kpis: Sequence[str] = ()
) -> Variables:
    """All columns, family after family; ``kpis`` are kept or optimized and may need columns of their own."""
    stack, tables = Stack(), batch.tables
    stack.add("ship_qty", {name: getattr(arcs, name) for name in ARC_KEYS}, arcs.upper)
    opened, own_open = _open_shipment(batch, arcs, resources, stack)
    topup, charges = _charge_topup(batch, arcs, own_open, stack)
    atomic = _atomic(tables, arcs)
    line_full, order_full = _full(batch, arcs, atomic, stack)
    return Variables(
        opened=opened,
        own_open=own_open,
        topup=topup,
        charges=charges,
        line_full=line_full,
        order_full=order_full,
        line_used=_line_used(batch, arcs, atomic, stack),
        picked=_pick_line(batch, arcs, resources, opened, stack),
        lots=_lots(batch, arcs, stack),
        kit_draw=_kit_draw(arcs, stack),
        open_warehouse=_open_warehouse(arcs, resources, stack),
        shortfall=_contract_shortfall(resources, stack),
        atomic=atomic,
        policies=_policies(stack, batch, arcs, resources, Opened(opened, own_open), headroom)
        | {"shares": ShareColumns.define(stack, batch.tables, batch.shares, kpis)},
        blocks=tuple(stack.blocks),
    )


def _policies(
    stack: Stack, batch: Batch, arcs: Arcs, resources: Resources, opened: Opened, headroom: int
) -> dict[str, Any]:
    """What each policy keeps of the columns that it adds."""
    return {name: define(stack, batch, arcs, resources, opened, headroom) for name, define in COLUMNS.items()}


class Stack:
    """Hands out column numbers family by family."""

    def __init__(self) -> None:
        self.blocks: list[Columns] = []
        self.size = 0

    def add(
        self, family: str, keys: Mapping[str, Ints], upper: NDArray[np.generic], granularity: Floats | None = None
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


def _open_shipment(batch: Batch, arcs: Arcs, resources: Resources, stack: Stack) -> tuple[Ints, Flags]:
    """``open_shipment``[order, lane, day]: where opening costs money, is counted by a limit, or opens a warehouse."""
    tables, order, lane = batch.tables, arcs.shipment_order, arcs.shipment_lane
    house = tables.lane_warehouse[lane]
    needed = resources.splits[order] | resources.opening[house] | resources.kept["lane_capacity_shipments"][lane]
    needed |= resources.kept["warehouse_capacity_shipments"][house]
    needed |= _counted_by_day(arcs, resources, "shipments")
    costs = (batch.lane_cost("fixed_cost") > 0) | (batch.lane_cost("min_charge") > 0)
    needed |= (costs[lane] & batch.freight_counts[order]) | batch.banded[lane]
    only_arc, is_single = _single_step_arc(arcs)
    opened = np.full(len(order), NONE, dtype=np.int64)
    opened[needed & is_single] = only_arc[needed & is_single]
    own = needed & ~is_single
    opened[own] = stack.add("open_shipment", shipment_keys(arcs, np.flatnonzero(own)), np.ones(int(own.sum())))
    return opened, own


ARC_KEYS = ("line", "lane", "day", "product", "source")


def arc_keys(arcs: Arcs, arc: Ints, *further: str) -> Keys:
    """What names an arc; ``further`` arrays of it come first."""
    return gathered({name: getattr(arcs, name) for name in (*further, *ARC_KEYS)}, arc)


def shipment_keys(arcs: Arcs, shipment: Ints) -> Keys:
    """What names a shipment."""
    named = {"order": arcs.shipment_order, "lane": arcs.shipment_lane, "day": arcs.shipment_day}
    return gathered(named, shipment)


def _counted_by_day(arcs: Arcs, resources: Resources, unit: str) -> Flags:
    """Shipments that a kept limit of their day counts."""
    kept = resources.kept.get(f"day_capacity_{unit}")
    if kept is None or not kept.any():
        return np.zeros(len(arcs.shipment_lane), dtype=bool)
    return np.append(kept, False)[resources.day_rows[1]]


def _single_step_arc(arcs: Arcs) -> tuple[Ints, Flags]:
    """The last arc of each shipment, and whether it is the only one and carries one step at most."""
    size = len(arcs.shipment_order)
    last = np.zeros(size, dtype=np.int64)
    last[arcs.shipment] = np.arange(len(arcs))
    return last, (np.bincount(arcs.shipment, minlength=size) == 1) & (arcs.upper[last] == 1)


def _charge_topup(batch: Batch, arcs: Arcs, own_open: Flags, stack: Stack) -> tuple[Ints, Charges]:
    """``charge_topup``[order, lane, day]: lifts a shipment to its minimum charge; at most min_charge − fixed_cost."""
    lane, least = arcs.shipment_lane, batch.lane_cost("min_charge")
    where = own_open & (least > batch.lane_cost("fixed_cost"))[lane] & batch.freight_counts[arcs.shipment_order]
    charges = Charges.of(batch, arcs, where)
    column = np.full(len(lane), NONE, dtype=np.int64)
    keys = shipment_keys(arcs, charges.shipment)
    column[where] = stack.add("charge_topup", keys, charges.rise.floats(), charges.money_unit())
    return column, charges


def _atomic(tables: Tables, arcs: Arcs) -> Flags:
    """Lines all of whose arcs ship the whole line or nothing: full exactly when one of the arcs is 1."""
    qty: Ints = tables.order_lines["qty"]
    whole: Ints = np.bincount(arcs.line[arcs.step == qty[arcs.line]], minlength=len(qty))
    count: Ints = np.bincount(arcs.line, minlength=len(qty))
    atomic: Flags = (count > 0) & (whole == count)
    return atomic


def _full(batch: Batch, arcs: Arcs, atomic: Flags, stack: Stack) -> tuple[Ints, Ints]:
    """``line_full``[line] and ``order_full``[order]: where the delivery policy or the measure of service asks.

    Only where all of it can be had. An order of one line speaks through its line.
    """
    tables, scenario = batch.tables, batch.scenario
    qty, order = tables.order_lines["qty"], tables.line_order
    size = np.bincount(order, minlength=len(tables.orders))
    fillable = totals(arcs.line, arcs.cap, len(qty)) >= qty
    if batch.offers.plain:
        fillable &= qty % batch.offers.multiple == 0
    all_fillable = np.bincount(order[fillable], minlength=len(size)) == size
    counted = _counted_in_full(batch)
    policy_whole = (size > 1) & (tables.orders["delivery_policy"] == "order_complete")
    counted_whole = (size > 1) if scenario.service.measure == "order" else policy_whole
    by_line = (must_complete(tables) & ~policy_whole[order]) | (counted & ~counted_whole)[order]
    line_full = stack.binaries("line_full", "line", by_line & fillable & ~atomic)
    return line_full, stack.binaries("order_full", "order", (policy_whole | (counted & counted_whole)) & all_fillable)


def _counted_in_full(batch: Batch) -> Flags:
    """Orders served in full lines or as a whole, where that earns money or stands in a floor."""
    scenario, service = batch.scenario, batch.scenario.service
    if service.measure == "unit" or not (service.min_level or scenario.weights.service * service.value > 0):
        return np.zeros(len(batch.tables.orders), dtype=bool)
    if "orders_served_in_full" in goals(scenario):
        return np.ones(len(batch.tables.orders), dtype=bool)
    return terms.order_weight(batch.tables, scenario) > 0


def _line_used(batch: Batch, arcs: Arcs, atomic: Flags, stack: Stack) -> Ints:
    """``line_used``[line]: where min_fill_qty is more than what any shipped quantity reaches anyway."""
    tables, least = batch.tables, np.full(len(atomic), NEVER, dtype=np.int64)
    np.minimum.at(least, batch.offers.line, batch.offers.multiple)
    asks = tables.order_lines["min_fill_qty"] > least
    reached = np.bincount(arcs.line, minlength=len(atomic)) > 0
    return stack.binaries("line_used", "line", asks & reached & ~atomic & ~must_complete(tables))


def _pick_line(batch: Batch, arcs: Arcs, resources: Resources, opened: Ints, stack: Stack) -> Ints:
    """``pick_line``[line, lane, day]: where capacity_lines of the warehouse, or of the day, can bind."""
    first = arcs.pick_first
    needed = resources.kept["warehouse_capacity_lines"][arcs.warehouse[first]]
    needed |= _counted_by_day(arcs, resources, "lines")[arcs.shipment[first]]
    if not needed.any():
        return np.full(len(first), NONE, dtype=np.int64)
    sole = np.bincount(arcs.pick, minlength=len(first)) == 1
    alone = np.bincount(arcs.shipment[first], minlength=len(opened))[arcs.shipment[first]] == 1
    by_arc = sole & (arcs.upper[first] == 1)
    picked = np.where(by_arc, first, np.where(alone, opened[arcs.shipment[first]], NONE))
    picked[~needed] = NONE
    own = needed & (picked == NONE)
    arc = first[own]
    keys = gathered({name: getattr(arcs, name) for name in ("line", "lane", "day")}, arc)
    picked[own] = stack.add("pick_line", keys, np.ones(len(arc)))
    return picked


def _lots(batch: Batch, arcs: Arcs, stack: Stack) -> Ints:
    """``lots``[line, warehouse, day, product, source]: whole multiples, where services share them by the unit."""
    multiple = batch.offers.multiple[arcs.offer]
    by_unit = np.flatnonzero(arcs.step % multiple)
    lots = np.full(arcs.n_groups, NONE, dtype=np.int64)
    if not len(by_unit):
        return lots
    shared = np.zeros(len(lots), dtype=bool)
    shared[arcs.group[by_unit]] = True
    group, arc = np.flatnonzero(shared), np.flatnonzero(shared[arcs.group])
    place = (np.cumsum(shared) - 1)[arcs.group[arc]]
    first, room = arc[first_of(place, len(group))], totals(place, arcs.cap[arc], len(group))
    most = np.minimum(room, batch.tables.order_lines["qty"][arcs.line[first]]) // multiple[first]
    keys = gathered({name: getattr(arcs, name) for name in ("line", "warehouse", "day", "product", "source")}, first)
    lots[group] = stack.add("lots", keys, most)
    return lots


def _kit_draw(arcs: Arcs, stack: Stack) -> Ints:
    """``kit_draw``[line, lane, day, product, source] in units: what kits take from each of several lots."""
    needs = arcs.needs
    arc = needs.arc[needs.option]
    keys = arc_keys(arcs, arc) | {"source": needs.source}
    return stack.add("kit_draw", keys, needs.most)


def _open_warehouse(arcs: Arcs, resources: Resources, stack: Stack) -> Ints:
    """``open_warehouse``[warehouse]: where opening costs money."""
    return stack.binaries("open_warehouse", "warehouse", resources.opening)


def _contract_shortfall(resources: Resources, stack: Stack) -> Ints:
    """``contract_shortfall``[contract] in units: for minimums that a penalty buys off."""
    soft = resources.kept["contract_minimum"] & resources.soft
    place = np.flatnonzero(soft)
    column = np.full(len(soft), NONE, dtype=np.int64)
    column[place] = stack.add("contract_shortfall", {"contract": place}, resources.required[place])
    return column
