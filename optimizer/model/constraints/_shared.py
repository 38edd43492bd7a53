"""What families of shared limits have in common: rows only for the limits that can bind, decimals made whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.rows import make_rows, scaled
from optimizer.model.terms import Ratio
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Entries = tuple[Ints, Ints, NDArray[np.generic]]
Place = Literal["warehouse", "lane"]
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
    keep = f.resources.kept[family]
    parts = [_renumbered(keep, entry) for entry in entries]
    lower, upper = _sides(limit, sense)
    return make_rows(family, keys, parts, lower, upper, coupling=True, dropped=f.resources.dropped[family])


def _sides(limit: Floats, sense: Sense) -> tuple[Floats, Floats]:
    endless = np.full(len(limit), np.inf)
    return (-endless, limit) if sense == "<=" else (limit, endless)


def contract_entries(f: Formulation) -> Entries:
    """Ordered units that arcs bring to contracts."""
    position, arc = f.arcs_of(f.resources.contract_line)
    return f.resources.contract[position], arc, f.arcs.step[arc]


def _renumbered(keep: NDArray[np.bool_], entries: Entries) -> Entries:
    """Entries of kept limits only, with the limit's row in place of its position in the table."""
    owner, column, value = entries
    if keep.all():
        return entries
    chosen = np.flatnonzero(keep[owner])
    return (np.cumsum(keep) - 1)[owner[chosen]], column[chosen], value[chosen]


def place_keys(f: Formulation, place: Place, row: Ints) -> dict[str, Ints]:
    """Keys of rows about a warehouse or a lane."""
    tables = f.tables
    if place == "warehouse":
        return {"warehouse": row}
    warehouse, zone, service = tables.lane_warehouse[row], tables.lane_zone[row], tables.lane_service[row]
    return {"lane": row, "warehouse": warehouse, "zone": zone, "service": service}


def place_of_arcs(f: Formulation, place: Place) -> Ints:
    """Warehouse or lane of each arc."""
    return f.arcs.warehouse if place == "warehouse" else f.arcs.lane


def place_table(f: Formulation, place: Place) -> Table:
    """The table that states the capacities."""
    return f.tables.warehouses if place == "warehouse" else f.tables.lanes


def counted_rows(f: Formulation, place: Place, unit: str, entries: Entries) -> Rows:
    """Rows of a capacity in whole units."""
    family = f"{place}_capacity_{unit}"
    row = np.flatnonzero(f.resources.kept[family])
    upper = place_table(f, place)[f"capacity_{unit}"][row].astype(np.float64)
    return limit_rows(f, family, place_keys(f, place, row), [entries], upper)


def units_rows(f: Formulation, place: Place) -> Rows:
    """Σ units over the arcs of each place ≤ capacity_units."""
    return counted_rows(f, place, "units", (place_of_arcs(f, place), np.arange(len(f.arcs)), f.arcs.step))


def shipments_rows(f: Formulation, place: Place) -> Rows:
    """Σ opened shipments of each place ≤ capacity_shipments."""
    lane = f.arcs.shipment_lane
    at = f.tables.lane_warehouse[lane] if place == "warehouse" else lane
    return counted_rows(f, place, "shipments", (at, f.variables.opened, np.ones(len(lane))))


def kg_rows(f: Formulation, place: Place) -> Rows:
    """Σ kg over the arcs of each place ≤ capacity_kg."""
    family, at = f"{place}_capacity_kg", place_of_arcs(f, place)
    keep = f.resources.kept[family]
    row, arc = np.flatnonzero(keep), np.flatnonzero(keep[at])
    weight = f.unit_weight.take(f.arcs.line[arc]).times(f.arcs.step[arc])
    at_row = (np.cumsum(keep) - 1)[at[arc]]
    limit = place_table(f, place)["capacity_kg"].take(row)
    keys, dropped = place_keys(f, place, row), f.resources.dropped[family]
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
) -> Rows:
    """Rows with decimal data, each multiplied up to whole numbers where that stays small; remembers the factor."""
    value, side, scale = scaled(row, coefficient, rhs, sense)
    lower, upper = _sides(side, sense)
    entries = [(row, column, value)]
    return make_rows(family, keys, entries, lower, upper, coupling=coupling, scale=scale, dropped=dropped)
