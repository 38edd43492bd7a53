"""The family `line_link`."""

from __future__ import annotations

import numpy as np

from optimizer.model.formulation import Formulation
from optimizer.model.keys import gathered
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import same, totals
from optimizer.model.rows import make_rows, no_rows
from optimizer.model.variables import NONE


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
    several = np.flatnonzero(np.bincount(arcs.pick, minlength=len(first)) > 1)
    head = first[several]
    together, qty = totals(arcs.pick, arcs.cap, len(first))[several], f.tables.order_lines["qty"][arcs.line[head]]
    linked = np.flatnonzero(f.variables.own_open[arcs.shipment[head]] & (together > qty))
    head, qty, row_of = head[linked], qty[linked], np.full(len(first), NONE)
    row_of[several[linked]] = np.arange(len(linked))
    row = row_of[arcs.pick]
    arc = np.flatnonzero(row != NONE)
    opened = f.variables.opened[arcs.shipment[head]]
    entries = [(row[arc], arc, arcs.step[arc]), (np.arange(len(head)), opened, -qty)]
    keys = gathered({name: getattr(arcs, name) for name in ("order", "line", "lane", "day")}, head)
    return make_rows("line_link", keys, entries, same(-np.inf, len(head)), same(0, len(head)))
