"""The family `reserve`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.offers import Recipes
from optimizer.model.ragged import expand, first_of, ranks_of, same, totals
from optimizer.model.reserves import Reserves
from optimizer.model.rows import make_rows, no_rows

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def reserve(f: Formulation) -> Rows:
    """What is held back for some is not taken by others, whether or not those it is for use it.

    Index: (reserve g, day d from which the stock that g is about is the same)
    Formula: Σ_{a of orders outside g, leaving before the next d} units from the stock of g ≤ max(0, atp[g,d] − qty[g])
    Dual: ρ[g,d] ≥ 0
    Unit: units
    Absent: where the others want less than is left to them; where a later day of g leaves them no more
    Meaning: money gained by one unit less held back
    """
    tables, supply, arcs = f.tables, f.batch.supply, f.arcs
    if not len(tables.reserves):
        return no_rows("reserve")
    rows = Reserves.of(tables, supply)
    arc, pool, units = _taken(f, rows)
    in_parts = bool((arc[1:] == arc[:-1]).any())
    place, which = rows.outside(tables, arcs.order[arc], pool)
    entry, row = rows.rows_from(which, arcs.day[arc[place]])
    place = place[entry]
    arc, units = arc[place], units[place]
    wanted = totals(row, arcs.wanted[arc] * units, len(rows))
    asked = np.bincount(row, minlength=len(rows)) > 0
    kept = asked & (f.part | (wanted + 1 > rows.limit)) & ~rows.followed()
    chosen, place = np.flatnonzero(kept[row]), np.flatnonzero(kept)
    taking = (np.cumsum(kept) - 1)[row[chosen]], arc[chosen], units[chosen]
    entries = [_added(*taking) if in_parts else taking]
    keys = {"reserve": rows.reserve[place], "day": rows.day[place]}
    upper, dropped = rows.limit[place].astype(np.float64), int(np.count_nonzero(asked & ~kept))
    return make_rows("reserve", keys, entries, same(-np.inf, len(place)), upper, coupling=True, dropped=dropped)


def _added(row: Ints, arc: Ints, units: Ints) -> tuple[Ints, Ints, Ints]:
    """Entries of one row and arc, of a kit with several components there, as one."""
    at, size = ranks_of(row, arc)
    first = first_of(at, size)
    return row[first], arc[first], totals(at, units, size)


def _taken(f: Formulation, rows: Reserves) -> tuple[Ints, Ints, Ints]:
    """(arc, pool, units): what a step takes from pools that reserves are about, from whichever lots; no pair twice."""
    arcs, supply, recipes = f.arcs, f.batch.supply, f.batch.offers.recipes
    held = np.bincount(supply.pool_product[rows.pair_pool], minlength=len(recipes.is_kit)) > 0
    arc = np.flatnonzero(_of_any_part(recipes, held)[arcs.product])
    product = arcs.product[arc]
    owner, row = expand(recipes.start[product], recipes.start[product + 1])
    kept = np.flatnonzero(held[recipes.component[row]])
    owner, row = owner[kept], row[kept]
    shipped = f.batch.offers.shipped(arcs.offer[arc], arcs.step[arc])
    pool = supply.find_pool(arcs.warehouse[arc[owner]], recipes.component[row])
    return arc[owner], pool, shipped[owner] * recipes.qty[row]


def _of_any_part(recipes: Recipes, held: Flags) -> Flags:
    """Products of which a component (of what is no kit: itself) is flagged."""
    owner = np.repeat(np.arange(len(held)), np.diff(recipes.start))
    of_any: Flags = np.bincount(owner[held[recipes.component]], minlength=len(held)) > 0
    return of_any
