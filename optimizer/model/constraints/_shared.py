"""What families of shared limits have in common: rows only for the limits that can bind, decimals made whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.formulation import Formulation
from optimizer.model.freight import arc_kg
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import expand, same, sorting, starts_of
from optimizer.model.rows import make_rows, scaled
from optimizer.model.terms import Ratio
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Entries = tuple[Ints, Ints, NDArray[np.generic]]
Ranges = Callable[[Ints, Ints], tuple[Ints, Ints]]
Place = Literal["warehouse", "lane", "day"]
Sense = Literal["<=", ">="]


def limit_rows(
    f: Formulation,
    family: str,
    keys: Mapping[str, Ints],
    entries: Sequence[Entries],
    limit: Floats,
    sense: Sense = "<=",
) -> Rows:
    """Coupling rows ``Σ entries ≤ (≥) limit``; the first of each entry is its position in the table of the limit."""
    keep = np.append(f.resources.kept.get(family, _NO_ROWS), False)
    parts = [_renumbered(keep, entry) for entry in entries]
    lower, upper = _sides(limit, sense)
    return make_rows(family, keys, parts, lower, upper, coupling=True, dropped=f.resources.dropped.get(family, 0))


def cumulative_rows(f: Formulation, family: str, keys: Mapping[str, Ints], limit: Ints, ranges: Ranges) -> Rows:
    """The same for all that flows: by source and day ``ranges`` says in which limits it counts, from one up to another.

    Most flows count in several limits, of which few are kept: so each range is one of kept limits first.
    """
    flows, keep = f.flows, f.resources.kept[family]
    kept_before = np.append(0, np.cumsum(keep))
    start, stop = ranges(flows.source, flows.day)
    place, row = expand(kept_before.take(start), kept_before.take(stop))
    del start, stop
    by_row = sorting(row)
    order = place if by_row is None else place.take(by_row)
    lower, upper = _sides(limit[keep].astype(np.float64), "<=")
    dropped = f.resources.dropped.get(family, 0)
    starts, entries = starts_of(row, len(lower)), ([flows.column], [flows.units])
    return Rows(family, keys, starts, *entries, lower, upper, coupling=True, dropped=dropped, order=order)


def _sides(limit: Floats, sense: Sense) -> tuple[Floats, Floats]:
    endless = same(np.inf, len(limit))
    return (-endless, limit) if sense == "<=" else (limit, endless)


def contract_entries(f: Formulation) -> Entries:
    """Ordered units that arcs bring to contracts."""
    position, arc = f.arcs_of(f.resources.contract_line)
    return f.resources.contract[position], arc, f.arcs.step[arc]


def _renumbered(keep: NDArray[np.bool_], entries: Entries) -> Entries:
    """Entries of kept limits only, with the limit's row in place of its position in the table.

    ``keep`` ends in False, for entries of no limit (-1).
    """
    owner, column, value = entries
    if keep[:-1].all() and owner.min(initial=0) >= 0:
        return entries
    chosen = np.flatnonzero(keep.take(owner))
    return (np.cumsum(keep) - 1).take(owner.take(chosen)), column.take(chosen), value.take(chosen)


def place_keys(f: Formulation, place: Place, row: Ints) -> dict[str, Ints]:
    """Keys of rows about a warehouse, a lane, or a warehouse on a day."""
    tables = f.tables
    if place == "warehouse":
        return {"warehouse": row}
    if place == "day":
        return {"calendar": row, "warehouse": tables.calendar_warehouse[row], "day": f.calendar_day[row]}
    warehouse, zone, service = tables.lane_warehouse[row], tables.lane_zone[row], tables.lane_service[row]
    return {"lane": row, "warehouse": warehouse, "zone": zone, "service": service}


def place_table(f: Formulation, place: Place) -> Table:
    """The table that states the capacities."""
    return {"warehouse": f.tables.warehouses, "lane": f.tables.lanes, "day": f.tables.calendar}[place]


def counted_rows(f: Formulation, place: Place, unit: str, entries: Entries) -> Rows:
    """Rows of a capacity in whole units; entries of no row (-1) are left out."""
    family = f"{place}_capacity_{unit}"
    row = np.flatnonzero(f.resources.kept.get(family, _NO_ROWS))
    upper = place_table(f, place)[f"capacity_{unit}"][row].astype(np.float64)
    return limit_rows(f, family, place_keys(f, place, row), [entries], upper)


_NO_ROWS = np.zeros(0, dtype=bool)


def place_of_arcs(f: Formulation, place: Place) -> Ints:
    """The row of the table of capacities that limits each arc, -1 where none does."""
    return {"warehouse": f.arcs.warehouse, "lane": f.arcs.lane, "day": f.resources.day_rows[0]}[place]


def place_of_shipments(f: Formulation, place: Place) -> Ints:
    """The same for each shipment."""
    lane = f.arcs.shipment_lane
    if place == "warehouse":
        return f.tables.lane_warehouse[lane]
    return lane if place == "lane" else f.resources.day_rows[1]


def units_rows(f: Formulation, place: Place) -> Rows:
    """Σ units over the arcs of each place ≤ capacity_units."""
    return counted_rows(f, place, "units", (place_of_arcs(f, place), f.every_arc, f.arcs.units))


def lines_rows(f: Formulation, place: Place) -> Rows:
    """Σ picked lines of each place ≤ capacity_lines."""
    at = place_of_arcs(f, place)[f.arcs.pick_first]
    return counted_rows(f, place, "lines", (at, f.variables.picked, np.ones(len(at))))


def shipments_rows(f: Formulation, place: Place) -> Rows:
    """Σ opened shipments of each place ≤ capacity_shipments."""
    at = place_of_shipments(f, place)
    return counted_rows(f, place, "shipments", (at, f.variables.opened, np.ones(len(at))))


def kg_rows(f: Formulation, place: Place) -> Rows:
    """Σ kg over the arcs of each place ≤ capacity_kg."""
    family, at = f"{place}_capacity_kg", place_of_arcs(f, place)
    keep = np.append(f.resources.kept.get(family, _NO_ROWS), False)
    row, arc = np.flatnonzero(keep), np.flatnonzero(keep[at])
    weight = arc_kg(f.batch, f.arcs, arc)
    at_row = (np.cumsum(keep) - 1)[at[arc]]
    limit = place_table(f, place)["capacity_kg"].take(row)
    keys, dropped = place_keys(f, place, row), f.resources.dropped.get(family, 0)
    return whole_rows(family, keys, at_row, arc, weight, limit, "<=", coupling=True, dropped=dropped)


def whole_rows(
    family: str,
    keys: Mapping[str, Ints],
    row: Ints,
    column: Ints,
    coefficient: Ratio,
    rhs: Exact,
    sense: Sense,
    *,
    coupling: bool,
    dropped: int = 0,
    grid: Floats | None = None,
    made: tuple[Ints, NDArray[Any]] | None = None,
) -> Rows:
    """Rows with decimal data, each multiplied up to whole numbers where that stays small; remembers the factor.

    ``grid`` by entry where columns are not all whole, and ``made``, as in `optimizer.model.rows.scaled`.
    """
    value, side, scale = scaled(row, coefficient, rhs, sense, grid, made)
    lower, upper = _sides(side, sense)
    entries = [(row, column, value)]
    return make_rows(family, keys, entries, lower, upper, coupling=coupling, scale=scale, dropped=dropped)
