"""Which order line may ship on which lane, and how much: the index of `ship_qty`, and the only place that prunes.

An arc is a line and a lane into the zone of its order. It is left out only where no plan that keeps the rules can use
it, whatever it earns; each one left out is counted under its first reason, in the order of `REASONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from optimizer.model import limits, terms
from optimizer.model.rows import stable_order
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

REASONS = {
    "held": "the order is on hold",
    "closed_warehouse": "the warehouse is not open",
    "service_mismatch": "the order asks for another service or service level",
    "ineligible": "an eligibility rule keeps the warehouse from serving the line",
    "below_step": "the line is smaller than one case pack or lot multiple",
    "pinned_off": "a pin allows nothing here",
    "no_stock": "less than one step of the product is available to promise at the warehouse",
    "no_capacity": "a capacity or quota has no room for one step",
    "cannot_complete": "the delivery policy asks for all of it, and not all of it can be had",
    "below_min_fill": "all that can be had of the line is less than its min_fill_qty",
}
CHUNK = 1 << 18
"""Candidates looked at together: few enough for the processor's cache, and for memory where most are pruned."""


@dataclass(frozen=True)
class Arcs:
    """Arrays of one length, sorted by (line, lane); then the shipments that the arcs form, sorted by (order, lane).

    ``step``: units per unit of the arc's column: the line's multiple; 1 where several services of the warehouse share
    it; the whole line where it ships on this lane whole or not at all. ``cap``: most units it can carry, in steps.
    ``want``: the same if stock and capacities were endless. ``stock``: its stock row. ``group``: position of its
    (line, warehouse) among those reached. ``shipment``: position of its (order, lane).
    """

    line: Ints
    lane: Ints
    order: Ints
    warehouse: Ints
    product: Ints
    stock: Ints
    step: Ints
    cap: Ints
    want: Ints
    group: Ints
    shipment: Ints
    shipment_order: Ints
    shipment_lane: Ints
    pruned: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.line)

    @property
    def upper(self) -> Ints:
        """Most units of each arc's column."""
        return self.cap // self.step


class _Candidates:
    """Arcs still in the running: named arrays of one length, thinned together, and what was lost by reason."""

    def __init__(self, arrays: dict[str, Ints]) -> None:
        self.arrays = arrays
        self.lost = dict.fromkeys(REASONS, 0)

    def __getitem__(self, name: str) -> Ints:
        return self.arrays[name]

    def __setitem__(self, name: str, array: Ints) -> None:
        self.arrays[name] = array

    def keep(self, mask: Flags, reason: str) -> None:
        lost = len(mask) - int(np.count_nonzero(mask))
        if lost:
            self.lost[reason] += lost
            where = np.flatnonzero(mask)
            self.arrays = {name: array[where] for name, array in self.arrays.items()}


def find_arcs(tables: Tables, headroom: int = 0) -> Arcs:
    """All arcs of the batch; ``headroom`` as in `optimizer.model.build.build_model`."""
    lines, zone_lanes, zone_start, lost = _open_pairs(tables)
    count = (zone_start[1:] - zone_start[:-1])[tables.order_zone[tables.line_order[lines]]]
    filters = _Filters(tables, headroom)
    parts = [filters.sift(_pairs(tables, chunk, zone_lanes, zone_start)) for chunk in _chunks(lines, count)]
    found = _Candidates({name: np.concatenate([part[name] for part in parts]) for name in parts[0].arrays})
    found.lost = {reason: lost.get(reason, 0) + sum(part.lost[reason] for part in parts) for reason in REASONS}
    _set_steps(found, filters.multiple)
    _drop_incomplete(tables, found, filters)
    _drop_part_shipments(tables, found)
    return _finished(tables, found)


def _open_pairs(tables: Tables) -> tuple[Ints, Ints, Ints, dict[str, int]]:
    """Lines that are not held; lanes of open warehouses by zone, and where each zone starts; what is lost so far."""
    is_held = (tables.orders["hold"] != "")[tables.line_order]
    is_open = tables.warehouses["is_open"][tables.lane_warehouse]
    every = np.bincount(tables.lane_zone, minlength=len(tables.zones))
    usable = np.bincount(tables.lane_zone[is_open], minlength=len(tables.zones))
    zone = tables.order_zone[tables.line_order]
    lost = {"held": int(every[zone[is_held]].sum()), "closed_warehouse": int((every - usable)[zone[~is_held]].sum())}
    lanes = np.flatnonzero(is_open)
    lanes = lanes[np.argsort(tables.lane_zone[lanes], kind="stable")]
    return np.flatnonzero(~is_held), lanes, np.concatenate([[0], np.cumsum(usable)]), lost


def _chunks(lines: Ints, count: Ints) -> list[Ints]:
    """The lines in runs of about `CHUNK` candidates; at least one run."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.split(lines, np.searchsorted(ends, np.arange(CHUNK, total, CHUNK)))


def _pairs(tables: Tables, lines: Ints, zone_lanes: Ints, zone_start: Ints) -> _Candidates:
    """Every (line, open lane into its zone), sorted."""
    zone = tables.order_zone[tables.line_order[lines]]
    count = zone_start[zone + 1] - zone_start[zone]
    first = np.cumsum(count) - count
    lane = zone_lanes[np.arange(int(count.sum())) + np.repeat(zone_start[zone] - first, count)]
    line = np.repeat(lines, count)
    return _Candidates(
        {"line": line, "lane": lane, "order": tables.line_order[line], "warehouse": tables.lane_warehouse[lane]}
    )


class _Filters:
    """What the tables allow each (line, lane), looked up once and applied to candidates."""

    def __init__(self, tables: Tables, headroom: int) -> None:
        self.tables = tables
        self.headroom = headroom
        self.multiple = terms.multiple(tables)
        self.atp = terms.atp(tables) + headroom
        self.whole = tables.order_lines["qty"] // self.multiple * self.multiple
        self.weight = terms.unit_weight(tables)
        self.stock = limits.stock_index(tables)
        self.services = limits.ServiceMatch.of(tables)
        blocked = limits.ineligible_pairs(tables)
        self.ineligible = limits.Index(blocked, len(tables.order_lines) * len(tables.warehouses))
        self.pins = limits.PinLimits.of(tables)
        self.line_room = np.minimum(self.whole, limits.quota_room(tables, headroom))

    def sift(self, found: _Candidates) -> _Candidates:
        """The candidates that stay, with their stock row, ``want`` and ``cap`` in units (not yet in whole steps)."""
        tables = self.tables
        mismatch = self.services.mismatch(found["order"], found["lane"])
        if mismatch is not None:
            found.keep(~mismatch, "service_mismatch")
        if len(self.ineligible):
            found.keep(self.ineligible.find(self._pair(found)) < 0, "ineligible")
        found["want"] = self.whole[found["line"]]
        found.keep(found["want"] > 0, "below_step")
        found["want"] = self.pins.apply(self._pair(found), tables.lane_service[found["lane"]], found["want"])
        found.keep(found["want"] > 0, "pinned_off")
        found["product"] = tables.line_product[found["line"]]
        found["stock"] = self.stock.find(found["warehouse"] * len(tables.products) + found["product"])
        found.keep(found["stock"] >= 0, "no_stock")
        found.keep(self.atp[found["stock"]] >= self.multiple[found["line"]], "no_stock")
        found["want"] = np.minimum(found["want"], self.line_room[found["line"]])
        found["cap"] = np.minimum(
            np.minimum(found["want"], self.atp[found["stock"]]),
            limits.capacity_room(tables, self.weight, found["line"], found["lane"], self.headroom),
        )
        found.keep(found["cap"] > 0, "no_capacity")
        return found

    def _pair(self, found: _Candidates) -> Ints:
        return found["line"] * len(self.tables.warehouses) + found["warehouse"]


def _run_starts(*keys: Ints) -> Flags:
    """Where a run of equal keys begins, in arrays sorted by them."""
    starts = np.ones(len(keys[0]), dtype=bool)
    starts[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return starts


def _set_steps(found: _Candidates, multiple: Ints) -> None:
    """Columns count whole multiples where a warehouse reaches the line by one service, units where by several."""
    group = np.cumsum(_run_starts(found["line"], found["warehouse"])) - 1
    by_several = np.bincount(group)[group] > 1
    step = np.where(by_several, 1, multiple[found["line"]])
    found["step"] = step
    found["cap"] = found["cap"] // step * step
    found.keep(found["cap"] > 0, "no_capacity")


def _drop_incomplete(tables: Tables, found: _Candidates, filters: _Filters) -> None:
    """Arcs of lines (orders) that must ship whole or reach a minimum, and cannot."""
    lines, policy, complete = tables.order_lines, tables.orders["delivery_policy"], must_complete(tables)
    if not (complete.any() or lines["min_fill_qty"].any()):
        return
    can_have = _most_per_line(tables, found, filters)
    fits = ~complete | (can_have >= lines["qty"])
    unfit = np.bincount(tables.line_order[~fits], minlength=len(tables.orders)) > 0
    fits &= ~((policy == "order_complete") & unfit)[tables.line_order]
    found.keep(fits[found["line"]], "cannot_complete")
    found.keep((can_have >= lines["min_fill_qty"])[found["line"]], "below_min_fill")


def _most_per_line(tables: Tables, found: _Candidates, filters: _Filters) -> Ints:
    """Most units of each line that its arcs carry together, each warehouse in whole multiples and from its own ATP."""
    starts = np.flatnonzero(_run_starts(found["line"], found["warehouse"]))
    line, stock = found["line"][starts], found["stock"][starts]
    together = np.add.reduceat(found["cap"], starts) if len(starts) else found["cap"]
    together = np.minimum(np.minimum(together, filters.atp[stock]), filters.whole[line])
    together = together // filters.multiple[line] * filters.multiple[line]
    most = np.zeros(len(tables.order_lines), dtype=np.int64)
    np.add.at(most, line, together)
    return cast("Ints", np.minimum(most, filters.whole))


def must_complete(tables: Tables) -> Flags:
    """Lines that ship whole or not at all."""
    in_part: Flags = tables.orders["delivery_policy"] == "partial"
    return ~in_part[tables.line_order]


def _drop_part_shipments(tables: Tables, found: _Candidates) -> None:
    """Where the whole line takes a single lane, an arc is all or nothing: it goes, or becomes one step of all."""
    qty, order, complete = tables.order_lines["qty"], tables.orders, must_complete(tables)
    if not complete.any():
        return
    single = order.given("max_shipments") & (order["max_shipments"] == 1)
    alone = complete & single[tables.line_order]
    found.keep(~alone[found["line"]] | (found["cap"] == qty[found["line"]]), "cannot_complete")
    whole_order = single & (order["delivery_policy"] == "order_complete")
    if whole_order.any():
        shipment = _shipments(tables, found["order"], found["lane"])[0]
        together = np.bincount(shipment)[shipment] == np.bincount(tables.line_order)[found["order"]]
        found.keep(~whole_order[found["order"]] | together, "cannot_complete")
    lanes_of = np.bincount(found["line"], minlength=len(qty))
    one_step = (alone | (complete & (lanes_of == 1)))[found["line"]]
    found["step"] = np.where(one_step, found["cap"], found["step"])


def _shipments(tables: Tables, order: Ints, lane: Ints) -> tuple[Ints, Ints, Ints]:
    """For each arc the position of its (order, lane); the order and the lane of each such pair, sorted."""
    code = order * len(tables.lanes) + lane
    by_code = stable_order(code)
    starts = _run_starts(code[by_code])
    place = np.empty(len(code), dtype=np.int64)
    place[by_code] = np.cumsum(starts) - 1
    distinct = code[by_code[starts]]
    return place, distinct // len(tables.lanes), distinct % len(tables.lanes)


def _finished(tables: Tables, found: _Candidates) -> Arcs:
    shipment, shipment_order, shipment_lane = _shipments(tables, found["order"], found["lane"])
    group = np.cumsum(_run_starts(found["line"], found["warehouse"])) - 1
    return Arcs(
        **found.arrays,
        group=group,
        shipment=shipment,
        shipment_order=shipment_order,
        shipment_lane=shipment_lane,
        pruned=found.lost,
    )
