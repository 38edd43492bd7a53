"""What the report shows, computed from the plan: fills, flows, the steps from margin to value. Exact and vectorised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import unit_margin
from optimizer.report.words import number
from optimizer.solution.ledger import Ledger
from optimizer.tables.tables import Table, Tables, Texts

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fill:
    """Units of one group: what was ordered and what was allocated."""

    label: str
    ordered: int
    allocated: int

    @property
    def rate(self) -> Fraction | None:
        return Fraction(self.allocated, self.ordered) if self.ordered else None


@dataclass(frozen=True)
class Step:
    """One term on the way from margin to the value: its weighted amount and the running total after it."""

    label: str
    amount: Fraction
    weight: Fraction
    before: Fraction
    after: Fraction


@dataclass(frozen=True)
class Flow:
    """Units by warehouse (rows) and zone (columns)."""

    warehouses: list[str]
    zones: list[str]
    units: Ints


def fills(tables: Tables, allocated_qty: Ints, group_of_order: Texts) -> list[Fill]:
    """Fill by a group of orders (tier, channel), in the order of the names; blank is a group of its own, last.

    ``allocated_qty`` are units by order line, ``group_of_order`` is a name by order.
    """
    labels, code = np.unique(group_of_order.astype(str), return_inverse=True)
    code = code.reshape(-1)[tables.line_order]
    ordered, allocated = (np.zeros(len(labels), dtype=np.int64) for _ in range(2))
    np.add.at(ordered, code, tables.order_lines["qty"])
    np.add.at(allocated, code, allocated_qty)
    found = [
        Fill(label, int(asked), int(got))
        for label, asked, got in zip(labels.tolist(), ordered, allocated, strict=True)
        if asked
    ]
    return [fill for fill in found if fill.label] + [fill for fill in found if not fill.label]


def tier_of_order(tables: Tables) -> Texts:
    """The tier of each order's customer, blank where it has none."""
    return np.asarray(tables.customers["tier"][tables.order_customer], dtype=object)


def flow(ledger: Ledger, most_rows: int = 15, most_columns: int = 12) -> Flow:
    """Units shipped from each warehouse to each zone, the largest first; the rest summed into one row and column."""
    tables, ships = ledger.tables, ledger.shipments
    units = np.zeros((len(tables.warehouses), len(tables.zones)), dtype=np.int64)
    np.add.at(units, (tables.lane_warehouse[ships.lane], tables.lane_zone[ships.lane]), ships.units)
    names = [str(name) for name in tables.warehouses["warehouse_id"]]
    units, names = _largest(units, names, most_rows)
    turned, zone_names = _largest(units.T, [str(zone) for zone in tables.zones], most_columns)
    return Flow(names, zone_names, turned.T)


def _largest(units: Ints, names: list[str], most: int) -> tuple[Ints, list[str]]:
    """The ``most`` rows with the largest totals (ties by name), rows of nothing left out, the rest as one row."""
    totals = units.sum(axis=1)
    order = [row for row in sorted(range(len(names)), key=lambda row: (-totals[row], names[row])) if totals[row]]
    head, tail = (order, []) if len(order) <= most else (order[: most - 1], order[most - 1 :])
    kept, labels = units[head], [names[row] for row in head]
    if not tail:
        return kept, labels
    return np.vstack([kept, units[tail].sum(axis=0)]), [*labels, f"{len(tail)} others"]


TERMS = (
    ("Margin", "margin", "margin", 1),
    ("Service value", "service_value", "service", 1),
    ("Freight", "shipping_cost", "shipping", -1),
    ("Handling", "handling_cost", "shipping", -1),
    ("Warehouse opening", "opening_cost", "shipping", -1),
    ("Transfers", "transfer_cost", "shipping", -1),
    ("Lateness", "lateness_cost", "penalties", -1),
    ("Contract shortfall", "shortfall_cost", "penalties", -1),
    ("Substitution", "substitution_cost", "penalties", -1),
    ("Change of the last plan", "stability_cost", "penalties", -1),
    ("Holding value", "holding_value", "holding", 1),
)
"""The objective's terms, the penalties by what they are for: label, KPI, weight, sign."""


def value_steps(kpis: Mapping[str, Any], weights: Any) -> list[Step]:
    """The objective term by term, terms of zero left out."""
    steps, total = [], Fraction(0)
    for label, kpi, weight_name, sign in TERMS:
        weight, worth = Fraction(getattr(weights, weight_name)), number(kpis.get(kpi)) or Fraction(0)
        if worth and weight:
            after = total + sign * weight * worth
            steps.append(Step(label, sign * weight * worth, weight, total, after))
            total = after
    return steps


def value_short(tables: Tables, shorts: Table) -> Exact:
    """Margin that each short line would have brought: unit margin × short units; 0 where the line is unknown."""
    at = lines_of(tables, shorts)
    worth: Exact = unit_margin(tables).take(np.maximum(at, 0)) * shorts["short_qty"]
    return worth.where(at >= 0, 0)


def lines_of(tables: Tables, rows: Table) -> Ints:
    """The position in ``order_lines`` of each row of a table with order_id and line_id, -1 where there is none."""
    keys = zip(tables.order_lines["order_id"].tolist(), tables.order_lines["line_id"].tolist(), strict=True)
    position = {key: at for at, key in enumerate(keys)}
    wanted = zip(rows["order_id"].tolist(), rows["line_id"].tolist(), strict=True)
    return np.array([position.get(key, -1) for key in wanted], dtype=np.int64)
