"""`orders.csv` given the plan: how each order ended. Which warehouse is its home is advice, not arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import FOREVER
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Column, Table

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def orders(tally: Tally) -> Table:
    """One row per order with at least one line."""
    facts, tables = tally.facts, tally.facts.tables
    shown = np.flatnonzero(facts.lines_of_order > 0)
    ordered, allocated = _units(tally, tables.order_lines["qty"]), _units(tally, tally.allocated)
    shipped = tally.shipments_of_order > 0
    first, last, late = _days(tally)
    columns: dict[str, Column] = {
        "order_id": tables.orders["order_id"],
        "customer_id": tables.orders["customer_id"],
        "partial": (allocated > 0) & ~tally.full_order,
        "deferred": _any(tally, tally.rows.day > 0),
        "substituted": _any(tally, facts.ways.rule[tally.rows.way] >= 0),
        "late": _any(tally, tally.days_late > 0),
        "ordered_qty": ordered,
        "allocated_qty": allocated,
        "shipments": tally.shipments_of_order,
        "first_ship_date": first,
        "last_arrive_date": last,
        "days_late": late,
        **_money(tally),
    }
    dated = shipped & (facts.events.due < FOREVER)
    return Table("orders", {name: column[shown] for name, column in columns.items()}, {"days_late": dated[shown]})


def _units(tally: Tally, of_line: Ints) -> Ints:
    total = np.zeros(tally.facts.n_orders, dtype=np.int64)
    np.add.at(total, tally.facts.tables.line_order, of_line)
    return total


def _any(tally: Tally, of_row: Flags) -> Flags:
    """Orders of which any plan row is flagged."""
    found = np.zeros(tally.facts.n_orders, dtype=bool)
    found[tally.order[of_row]] = True
    return found


def _days(tally: Tally) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64], Ints]:
    """First ship date and last arrival of each order (blank if nothing ships), and its most days late."""
    size, as_of = tally.facts.n_orders, np.datetime64(tally.facts.as_of, "D")
    first, last = np.full(size, FOREVER, dtype=np.int64), np.zeros(size, dtype=np.int64)
    late = np.zeros(size, dtype=np.int64)
    np.minimum.at(first, tally.order, tally.rows.day)
    np.maximum.at(last, tally.order, tally.arrive)
    np.maximum.at(late, tally.order, tally.days_late)
    shipped, never = tally.shipments_of_order > 0, np.datetime64("NaT", "D")
    leaves = as_of + np.where(shipped, first, 0).astype("timedelta64[D]")
    arrives = as_of + last.astype("timedelta64[D]")
    return np.where(shipped, leaves, never), np.where(shipped, arrives, never), late


def _money(tally: Tally) -> dict[str, Exact]:
    """Each order's part of the KPIs of these names, and the margin of what it lacks."""
    facts, n, rows = tally.facts, tally.facts.n_orders, tally.rows
    short = facts.unit_margin * (facts.tables.order_lines["qty"] - tally.allocated)
    return {
        "margin": tally.margin.sum_by(tally.order, n),
        "service_value": facts.service_weight * tally.served * facts.service_value,
        "shipping_cost": tally.freight.sum_by(tally.shipment_order, n),
        "handling_cost": tally.handling.sum_by(tally.order, n),
        "lateness_cost": tally.lateness.sum_by(tally.order, n),
        "substitution_cost": tally.substitution.sum_by(tally.order, n),
        "holding_value": tally.holding.sum_by(tally.order[rows.draw_row], n),
        "margin_short": short.sum_by(facts.tables.line_order, n),
    }
