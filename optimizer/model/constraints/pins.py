"""The family `pins`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.limits import PinMatch
from optimizer.model.linear_model import Rows
from optimizer.model.rows import make_rows


def pins(f: Formulation) -> Rows:
    """A planner's decision on a line at a warehouse is kept: exactly, at least or at most so many units.

    Index: rows n of the table pins, over all services, days and lots of the warehouse or those that the pin names
    Formula: Σ_{a of the pin} step[a] · ship_qty[a] = (≥, ≤) qty[n]
    Dual: ρ[n], free for exactly, ≤ 0 for at_least, ≥ 0 for at_most
    Unit: units
    Absent: for forbid, which leaves no arc; for at_most that the arcs keep anyway
    Meaning: money that one unit of the pin costs or saves; belongs to the order's block, not published
    """
    tables, arcs, table = f.tables, f.arcs, f.tables.pins
    mode, match = table["mode"], PinMatch.of(f.batch)
    position, arc = f.arcs_of(tables.pin_line)
    meant = match.match(position, *(part[arc] for part in (arcs.warehouse, arcs.lane, arcs.day, arcs.source)))
    position, arc = position[meant], arc[meant]
    reach = np.bincount(position, arcs.cap[arc], len(table))
    kept = (mode == "exactly") | (mode == "at_least") | ((mode == "at_most") & (reach > table["qty"]))
    kept &= (table["qty"] > 0) | (reach > 0)
    pin = np.flatnonzero(kept)
    qty = table["qty"][pin].astype(np.float64)
    lower = np.where(mode[pin] == "at_most", -np.inf, qty)
    upper = np.where(mode[pin] == "at_least", np.inf, qty)
    chosen = np.flatnonzero(kept[position])
    row = (np.cumsum(kept) - 1)[position[chosen]]
    keys = {
        "pin": pin,
        "order": tables.line_order[tables.pin_line[pin]],
        "line": tables.pin_line[pin],
        "warehouse": tables.pin_warehouse[pin],
    }
    dropped = int(np.count_nonzero((mode != "forbid") & ~kept))
    return make_rows("pins", keys, [(row, arc[chosen], arcs.step[arc[chosen]])], lower, upper, dropped=dropped)
