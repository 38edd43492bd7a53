"""The family `line_link`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import totals
from optimizer.model.rows import make_rows, no_rows


def line_link(f: Formulation) -> Rows:
    """All that a line gets in one shipment, from several lots or as several products, needs the shipment opened too.

    Index: (line l, shipment s) of several arcs that carry more than qty together, where s has a column `open_shipment`
    Formula: Σ_{a of l in s} step[a] · ship_qty[a] ≤ qty[l] · open_shipment[s]
    Dual: βˢ[l,s] ≥ 0
    Unit: units
    Absent: where one arc is all of the line in the shipment; where its arcs carry at most qty together
    Meaning: the share of the shipment's fixed cost that the line bears; belongs to the order's block, not published
    """
    arcs, first = f.arcs, f.arcs.pick_first
    if len(first) == len(arcs):
        return no_rows("line_link")
    qty = f.tables.order_lines["qty"][arcs.line[first]]
    several = np.bincount(arcs.pick, minlength=len(first)) > 1
    kept = several & f.variables.own_open[arcs.shipment[first]] & (totals(arcs.pick, arcs.cap, len(first)) > qty)
    pick = np.flatnonzero(kept)
    arc = np.flatnonzero(kept[arcs.pick])
    row = (np.cumsum(kept) - 1)[arcs.pick[arc]]
    opened = f.variables.opened[arcs.shipment[first[pick]]]
    entries = [(row, arc, arcs.step[arc]), (np.arange(len(pick)), opened, -qty[pick])]
    names = ("order", "line", "lane", "day")
    keys = {name: getattr(arcs, name)[first[pick]] for name in names}
    return make_rows("line_link", keys, entries, np.full(len(pick), -np.inf), np.zeros(len(pick)))
