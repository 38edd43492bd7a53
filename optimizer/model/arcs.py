"""What of which line may ship on which lane, day, as which product, from which lot: the index of `ship_qty`.

An arc is left out only where no plan that keeps the rules can use it, whatever it earns; each one left out is counted
under its first reason, in the order of `REASONS`. Nothing else prunes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.candidates import REASONS, Candidates, Filters, apply_narrow_pins
from optimizer.model.freight import chargeable_kg
from optimizer.model.kit_parts import Kits, Parts
from optimizer.model.ragged import first_of, joined, order_of, ranks_of, renumbered, totals
from optimizer.model.rates import Bands
from optimizer.model.tariffs import most_steps
from optimizer.tables.tables import Tables

__all__ = ["CHUNK", "REASONS", "Arcs", "Draws", "Needs", "find_arcs", "must_complete"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CHUNK = 1 << 18
"""Candidates looked at together: few enough for the processor's cache, and for memory where most are pruned."""


class Draws(NamedTuple):
    """What a unit of an arc's column takes from stock: ``units`` of ``source``, for arc ``arc``; sorted by arc."""

    arc: Ints
    source: Ints
    units: Ints


class Needs(NamedTuple):
    """What kits need of components that several lots could give, so that columns `kit_draw` decide.

    Need n: ``units[n]`` of ``component[n]`` for each unit of the column of ``arc[n]``. Option m: up to ``most[m]``
    units of ``source[m]`` for need ``option[m]``; sorted by need.
    """

    arc: Ints
    component: Ints
    units: Ints
    option: Ints
    source: Ints
    most: Ints


@dataclass(frozen=True)
class Arcs:
    """Arrays of one length, sorted by (line, lane, day, product, source); then shipments, by (order, lane, day).

    ``product`` is what ships, ``source`` the lot that it comes from (-1: a kit, see ``draws`` and ``needs``), ``offer``
    the (line, product) it serves. ``step``: ordered units per unit of the arc's column: the offer's multiple; the
    least that is whole on both sides where several services of the warehouse share it; the whole line where it ships
    on this arc whole or not at all. ``units``: units that leave the shelf per step. ``cap``: most ordered units it can
    carry, in steps. ``want``: the same if stock and capacities were endless. ``group``: number of its (line, warehouse,
    day, product, source) among those reached; ``pick``: number of its (line, shipment); ``shipment``: of its (order,
    lane, day).
    """

    line: Ints
    lane: Ints
    day: Ints
    product: Ints
    source: Ints
    order: Ints
    warehouse: Ints
    offer: Ints
    step: Ints
    units: Ints
    cap: Ints
    want: Ints
    group: Ints
    pick: Ints
    shipment: Ints
    shipment_order: Ints
    shipment_lane: Ints
    shipment_day: Ints
    draws: Draws
    needs: Needs
    pruned: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.line)

    @cached_property
    def upper(self) -> Ints:
        """Most units of each arc's column."""
        return self.cap // self.step

    @cached_property
    def wanted(self) -> Ints:
        """Units of each arc's column if stock and capacities were endless."""
        return -(-self.want // self.step)

    @cached_property
    def n_groups(self) -> int:
        return int(self.group.max(initial=-1)) + 1

    @cached_property
    def n_picks(self) -> int:
        return int(self.pick.max(initial=-1)) + 1

    @cached_property
    def pick_first(self) -> Ints:
        """The first arc of each (line, shipment)."""
        return first_of(self.pick, self.n_picks)


def find_arcs(batch: Batch, headroom: int = 0) -> Arcs:
    """All arcs of the batch; ``headroom`` as in `optimizer.model.build.build_model`."""
    tables = batch.tables
    lines, zone_lanes, zone_start, lost = _open_pairs(tables)
    count = (zone_start[1:] - zone_start[:-1])[tables.order_zone[tables.line_order[lines]]]
    filters = Filters(batch, headroom)
    parts = [filters.sift(_pairs(tables, chunk, zone_lanes, zone_start)) for chunk in _chunks(lines, count)]
    if batch.offers.plain:
        for part in parts:
            part.pop("offer")
    found = Candidates({name: joined([part.pop(name) for part in parts]) for name in parts[0].names})
    if batch.offers.plain:
        found["offer"] = found["line"]
    found.lost = {reason: lost.get(reason, 0) + sum(part.lost[reason] for part in parts) for reason in REASONS}
    apply_narrow_pins(batch, found)
    ways = _Ways(batch)
    _set_steps(batch, found, ways)
    _drop_unpriced(batch, found, ways)
    _drop_incomplete(batch, found, ways, filters.whole)
    _drop_part_shipments(tables, found)
    _drop_unpriced(batch, found, ways)
    return _finished(batch, found, ways, headroom)


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


def _pairs(tables: Tables, lines: Ints, zone_lanes: Ints, zone_start: Ints) -> Candidates:
    """Every (line, open lane into its zone), sorted."""
    zone = tables.order_zone[tables.line_order[lines]]
    count = zone_start[zone + 1] - zone_start[zone]
    first = np.cumsum(count) - count
    lane = zone_lanes[np.arange(int(count.sum())) + np.repeat(zone_start[zone] - first, count)]
    line = np.repeat(lines, count)
    return Candidates(
        {"line": line, "lane": lane, "order": tables.line_order[line], "warehouse": tables.lane_warehouse[lane]}
    )


class _Ways:
    """How candidates gather in groups, picks and shipments; simpler where each (line, lane) has one candidate.

    Groups and shipments are numbered once; thinning leaves gaps in the numbers, which are closed when asked again.
    """

    def __init__(self, batch: Batch) -> None:
        self.tables = batch.tables
        self.plain = batch.offers.plain and batch.ship_days.none and not batch.supply.has_lots

    def groups(self, found: Candidates, at: Ints | None = None) -> tuple[Ints, int]:
        """(line, warehouse, day, product, source) of each candidate, or those ``at``: what shares a multiple."""
        if self.plain:
            group = np.cumsum(_run_starts(found["line"], found["warehouse"])) - 1
            size = int(group[-1]) + 1 if len(group) else 0
            return (group, size) if at is None else renumbered(group[at])
        if "group" in found:
            return renumbered(found["group"] if at is None else found["group"][at])
        by_house, by_lane = (_run_starts(found["line"], found[name]) for name in ("warehouse", "lane"))
        if np.array_equal(by_house, by_lane):
            group, size = np.arange(len(found)), len(found)  # one service reaches each (line, warehouse)
        else:
            group, size = ranks_of(*(found[name] for name in ("line", "warehouse", "day", "product", "source")))
        found["group"] = group
        return (group, size) if at is None else renumbered(group[at])

    def picks(self, found: Candidates) -> Ints:
        """(line, shipment) of each candidate; they are sorted by it."""
        if self.plain:
            return np.arange(len(found))
        return _picks(found, np.arange(len(found)))

    def shipments(self, found: Candidates) -> tuple[Ints, Ints, Ints, Ints]:
        """For each candidate the number of its (order, lane, day); then the three of each number, sorted."""
        order, lane, day = (found[name] for name in ("order", "lane", "day"))
        if "shipment" in found:
            place, size = renumbered(found["shipment"])
        else:
            place, size = ranks_of(order, lane, day)
            found["shipment"] = place
        first = first_of(place, size)
        return place, order[first], lane[first], day[first]


def _picks(found: Candidates, at: Ints) -> Ints:
    """Numbers of the (line, lane, day) of some candidates, which are sorted by them."""
    return np.cumsum(_run_starts(*(found[name][at] for name in ("line", "lane", "day")))) - 1


def _run_starts(*keys: Ints) -> Flags:
    """Where a run of equal keys begins, in arrays sorted by them."""
    starts = np.ones(len(keys[0]), dtype=bool)
    starts[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return starts


def _set_steps(batch: Batch, found: Candidates, ways: _Ways) -> None:
    """Columns count whole multiples where one service reaches what shares them, the least whole units where several."""
    group, size = ways.groups(found)
    by_several = np.bincount(group, minlength=size)[group] > 1
    step = np.where(by_several, batch.offers.bottom[found["offer"]], batch.offers.multiple[found["offer"]])
    found["step"] = step
    found["cap"] = found["cap"] // step * step
    found.keep(found["cap"] > 0, "no_capacity")


def _drop_incomplete(batch: Batch, found: Candidates, ways: _Ways, whole: Ints) -> None:
    """Arcs of lines (orders) that must ship whole or reach a minimum, and cannot."""
    tables = batch.tables
    lines, policy, complete = tables.order_lines, tables.orders["delivery_policy"], must_complete(tables)
    if not (complete.any() or lines["min_fill_qty"].any()):
        return
    asks = np.flatnonzero((complete | (lines["min_fill_qty"] > 0))[found["line"]])
    can_have = _most_per_line(batch, found, ways, whole, asks)
    fits = ~complete | (can_have >= lines["qty"])
    unfit = np.bincount(tables.line_order[~fits], minlength=len(tables.orders)) > 0
    fits &= ~((policy == "order_complete") & unfit)[tables.line_order]
    found.keep(fits[found["line"]], "cannot_complete")
    found.keep((can_have >= lines["min_fill_qty"])[found["line"]], "below_min_fill")


def _most_per_line(batch: Batch, found: Candidates, ways: _Ways, whole: Ints, at: Ints) -> Ints:
    """Most units of lines that their arcs ``at`` carry together, each group in whole multiples, from its own stock."""
    group, size = ways.groups(found, at)
    first = at[first_of(group, size)]
    offer, multiple = found["offer"][first], batch.offers.multiple
    together = np.minimum(np.minimum(totals(group, found["cap"][at], size), found["room"][first]), whole[offer])
    together = together // multiple[offer] * multiple[offer]
    most = totals(found["line"][first], together, len(batch.tables.order_lines))
    if batch.offers.plain:
        return np.minimum(most, whole)
    return cast("Ints", np.minimum(most, batch.tables.order_lines["qty"]))


def must_complete(tables: Tables) -> Flags:
    """Lines that ship whole or not at all."""
    in_part: Flags = tables.orders["delivery_policy"] == "partial"
    return ~in_part[tables.line_order]


def _drop_part_shipments(tables: Tables, found: Candidates) -> None:
    """Where the whole line takes a single shipment, its arcs there carry all of it together, or none of it.

    An arc that carries all of it alone, or not at all, becomes one step.
    """
    qty, order, complete = tables.order_lines["qty"], tables.orders, must_complete(tables)
    if not complete.any():
        return
    single = order.given("max_shipments") & (order["max_shipments"] == 1)
    alone = complete & single[tables.line_order]
    at = np.flatnonzero(alone[found["line"]])
    pick, fits = _picks(found, at), np.ones(len(found), dtype=bool)
    fits[at] = totals(pick, found["cap"][at], len(at))[pick] >= qty[found["line"][at]]
    found.keep(fits, "cannot_complete")
    _drop_part_orders(tables, found, single & (order["delivery_policy"] == "order_complete"))
    at = np.flatnonzero(alone[found["line"]])
    pick = _picks(found, at)
    sole = complete & (np.bincount(found["line"], minlength=len(qty)) == 1)
    one_step = sole[found["line"]]
    one_step[at] |= (np.bincount(pick) == 1)[pick]
    one = np.flatnonzero(one_step)
    one = one[found["cap"][one] == qty[found["line"][one]]]
    found["step"] = found["step"].copy()
    found["step"][one] = found["cap"][one]


def _drop_part_orders(tables: Tables, found: Candidates, whole: Flags) -> None:
    """Of orders that leave whole in one shipment: arcs of shipments that some line of the order has no arc in."""
    at = np.flatnonzero(whole[found["order"]])
    shipment, size = ranks_of(*(found[name][at] for name in ("order", "lane", "day")))
    lines = np.bincount(shipment[_run_starts(_picks(found, at))], minlength=size)[shipment]
    fits = np.ones(len(found), dtype=bool)
    fits[at] = lines == np.bincount(tables.line_order)[found["order"][at]]
    found.keep(fits, "cannot_complete")


def _drop_unpriced(batch: Batch, found: Candidates, ways: _Ways) -> None:
    """On lanes with a tariff, no more of an arc than some weight band holds, and nothing where none does."""
    bands = Bands.of(batch.tables)
    gaps = bands.priced & ~bands.gapless
    arc = np.flatnonzero(gaps[found["lane"]])
    if not len(arc):
        return
    shipment, _, lane, _ = ways.shipments(found)
    banded = np.flatnonzero(gaps[lane])
    offer, of, step, cap = (found[name][arc] for name in ("offer", "lane", "step", "cap"))
    kg = chargeable_kg(batch, offer, of).times(step)
    row = np.searchsorted(banded, shipment[arc])
    found["cap"][arc] = np.minimum(cap, most_steps(bands, lane[banded], row, kg, cap // step) * step)
    found.keep(found["cap"] > 0, "no_rate")


def _finished(batch: Batch, found: Candidates, ways: _Ways, headroom: int) -> Arcs:
    shipment, shipment_order, shipment_lane, shipment_day = ways.shipments(found)
    lost, offers = found.lost, batch.offers
    named = {name: found[name] for name in found.names if name not in ("room", "group", "shipment")}
    units, kits = found["step"], offers.recipes.is_kit.any()
    if not offers.plain or kits:
        units = offers.shipped(found["offer"], found["step"]) * offers.units[found["offer"]]
    draws, needs = _taken(batch, found, headroom) if kits else (_plain_draws(found, units), _no_needs())
    return Arcs(
        **named,
        units=units,
        group=ways.groups(found)[0],
        pick=ways.picks(found),
        shipment=shipment,
        shipment_order=shipment_order,
        shipment_lane=shipment_lane,
        shipment_day=shipment_day,
        draws=draws,
        needs=needs,
        pruned=lost,
    )


def _plain_draws(found: Candidates, units: Ints) -> Draws:
    return Draws(np.arange(len(found)), found["source"], units)


def _no_needs() -> Needs:
    nothing = np.zeros(0, dtype=np.int64)
    return Needs(nothing, nothing, nothing, nothing, nothing, nothing)


def _taken(batch: Batch, found: Candidates, headroom: int) -> tuple[Draws, Needs]:
    """What arcs take where some are kits: each component from its only lot, or as columns decide."""
    shipped = batch.offers.shipped(found["offer"], found["step"])
    kit, plain = np.flatnonzero(found["source"] < 0), np.flatnonzero(found["source"] >= 0)
    parts = Parts.of(batch, Kits.of(found, kit), headroom)
    units = parts.qty * shipped[kit[parts.kit]]
    decided = parts.decided()
    implied = np.flatnonzero(~decided[parts.option])
    arc = np.concatenate([plain, kit[parts.kit[parts.option[implied]]]])
    source = np.concatenate([found["source"][plain], parts.source[implied]])
    taken = np.concatenate([shipped[plain], units[parts.option[implied]]])
    order = order_of(arc, source)
    need, chosen = np.flatnonzero(decided), np.flatnonzero(decided[parts.option])
    owner = (np.cumsum(decided) - 1)[parts.option[chosen]]
    need_arc = kit[parts.kit[need]]
    steps = found["cap"][need_arc] // found["step"][need_arc]
    most = np.minimum(parts.most[chosen], (units[need] * steps)[owner])
    needs = Needs(need_arc, parts.component[need], units[need], owner, parts.source[chosen], most)
    return Draws(arc[order], source[order], taken[order]), needs
