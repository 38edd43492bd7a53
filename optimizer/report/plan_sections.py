"""Rows of the report's sections that are there only if the plan has something to say about them.

What a person must look at, how the orders ended, dates, substitutes and kits, transfers, what to buy next, and what the
plan does to the money in stock. Each function returns nothing where its section would be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.report import words
from optimizer.report.bundle import RunBundle
from optimizer.tables.tables import Table

MOST_ROWS = 12
MOST_DAYS = 30
OUTCOMES = {
    "full": "all of it, at once, from its home warehouse",
    "alternate": "all of it, at once, some from another warehouse",
    "deferred": "all of it, some of it later",
    "partial": "in part",
    "unserved": "nothing",
    "held": "on hold",
}
"""The status of an order in `orders`, in words, the best first."""
RULES = {
    "max_min": "the least served as well as possible, then the next",
    "proportional": "the same share for everybody",
}
"""The rules of fair shares, in words."""
Rows = list[dict[str, Any]]


def table_of(bundle: RunBundle, name: str) -> Table:
    """A table of the bundle; without rows where the run has none of this name."""
    return bundle.tables.get(name) or Table(name, {})


def exception_rows(bundle: RunBundle) -> Rows:
    """The findings with the most money at stake."""
    table, currency = table_of(bundle, "exceptions"), bundle.scenario.currency
    return [
        {
            "severity": str(table["severity"][row]),
            "what": words.title(str(table["code"][row]).lower()),
            "subject": str(table["subject"][row]),
            "explanation": str(table["explanation"][row]),
            "action": str(table["suggested_action"][row]),
            "money": words.amount(table["money_at_stake"].item(row), currency),
        }
        for row in range(min(len(table), MOST_ROWS))
    ]


def outcome_rows(bundle: RunBundle) -> Rows:
    """Orders by status, with their units; nothing where every order is full."""
    table = table_of(bundle, "orders")
    rows = []
    for status, label in OUTCOMES.items():
        those = np.flatnonzero(table["status"] == status) if len(table) else np.zeros(0, dtype=np.int64)
        if len(those):
            rows.append({
                "label": words.title(status), "meaning": label, "orders": len(those),
                "share": Fraction(len(those), len(table)),
                "ordered": int(table["ordered_qty"][those].sum()),
                "allocated": int(table["allocated_qty"][those].sum()),
            })  # fmt: skip
    return [] if [row["label"] for row in rows] == ["Full"] else rows


def flag_counts(bundle: RunBundle) -> list[tuple[str, int]]:
    """How many orders each flag holds for, those of none left out; an order may have several."""
    table = table_of(bundle, "orders")
    flags = ("partial", "deferred", "alternate_warehouse", "substituted", "late")
    found = [(words.title(name).lower(), int(table[name].sum())) for name in flags] if len(table) else []
    return [(name, many) for name, many in found if many]


def day_rows(bundle: RunBundle) -> Rows:
    """What leaves on each day; nothing where all of it leaves on `as_of`."""
    table = table_of(bundle, "shipments")
    if len(table) == 0:
        return []
    days, of_row = np.unique(table["ship_date"], return_inverse=True)
    if len(days) == 1 and days[0] == np.datetime64(bundle.scenario.as_of, "D"):
        return []
    units = np.bincount(of_row.reshape(-1), table["units"], minlength=len(days)).astype(np.int64)
    shipments = np.bincount(of_row.reshape(-1), minlength=len(days))
    labels = [str(day) for day in days[: MOST_DAYS - 1]]
    if len(days) >= MOST_DAYS:
        labels.append("later")
        units, shipments = (_with_rest(values, MOST_DAYS - 1) for values in (units, shipments))
    total = max(int(units.sum()), 1)
    return [
        {"day": label, "units": int(many), "shipments": int(loads), "share": Fraction(int(many), total)}
        for label, many, loads in zip(labels, units, shipments, strict=True)
    ]


def _with_rest(values: NDArray[Any], head: int) -> NDArray[Any]:
    """The first values, then the sum of the others."""
    return np.append(values[:head], values[head:].sum())


def late_rows(bundle: RunBundle) -> Rows:
    """The orders that arrive latest after their due date."""
    table, currency = table_of(bundle, "orders"), bundle.scenario.currency
    late = np.flatnonzero(table["late"]) if len(table) else np.zeros(0, dtype=np.int64)
    worst = late[np.argsort(-table["days_late"][late], kind="stable")[:MOST_ROWS]] if len(late) else late
    return [
        {
            "order": str(table["order_id"][row]),
            "customer": str(table["customer_id"][row]),
            "arrives": str(table["last_arrive_date"][row]),
            "days": int(table["days_late"][row]),
            "units": int(table["allocated_qty"][row]),
            "cost": words.amount(table["lateness_cost"].item(row), currency),
        }
        for row in worst.tolist()
    ]


def swap_rows(bundle: RunBundle) -> tuple[Rows, int]:
    """Products that ship in place of the ordered one, as substitutes or as parts of kits; how many pairs there are."""
    table = table_of(bundle, "allocations")
    if len(table) == 0:
        return [], 0
    other = np.flatnonzero(table["product_id"] != table["ship_product_id"])
    pairs = list(zip(table["product_id"][other].tolist(), table["ship_product_id"][other].tolist(), strict=True))
    names = {pair: at for at, pair in enumerate(dict.fromkeys(sorted(pairs)))}
    code = np.array([names[pair] for pair in pairs], dtype=np.int64)
    units = np.bincount(code, table["qty"][other]).astype(np.int64)
    lines = np.bincount(np.unique(np.stack([code, _line_codes(table, other)]), axis=1)[0])
    kits = bundle.inputs.kits
    parts = set(zip(kits["product_id"].tolist(), kits["component_id"].tolist(), strict=True))
    rows = [
        {
            "ordered": ordered,
            "ships": ships,
            "kind": "part of the kit" if (ordered, ships) in parts else "substitute",
            "units": int(units[at]),
            "lines": int(lines[at]),
        }
        for (ordered, ships), at in names.items()
    ]
    return sorted(rows, key=lambda row: (-row["units"], row["ordered"], row["ships"]))[:MOST_ROWS], len(rows)


def _line_codes(table: Table, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each order line; rows of a line follow each other in `allocations`."""
    order, line = table["order_id"], table["line_id"]
    first = np.ones(len(table), dtype=np.int64)
    first[1:] = (order[1:] != order[:-1]) | (line[1:] != line[:-1])
    return np.asarray(np.cumsum(first)[rows], dtype=np.int64)


def transfer_rows(bundle: RunBundle) -> tuple[Rows, int]:
    """The largest moves between warehouses, and how many there are."""
    table, currency = table_of(bundle, "transfers"), bundle.scenario.currency
    largest = np.argsort(-table["qty"], kind="stable")[:MOST_ROWS] if len(table) else np.zeros(0, dtype=np.int64)
    rows = [
        {
            "from": str(table["from_warehouse_id"][row]),
            "to": str(table["to_warehouse_id"][row]),
            "what": str(table["product_id"][row]) + (f", lot {lot}" if (lot := table["lot_id"][row]) else ""),
            "units": int(table["qty"][row]),
            "leaves": str(table["ship_date"][row]),
            "arrives": str(table["arrive_date"][row]),
            "cost": words.amount(table["cost"].item(row), currency),
        }
        for row in largest.tolist()
    ]
    return rows, len(table)


def share_groups(bundle: RunBundle) -> Rows:
    """Each fair share with the fill of its parties, the lowest first, and what it costs in words."""
    table, currency = table_of(bundle, "fair_share"), bundle.scenario.currency
    groups = []
    for told in bundle.run.get("fair_share") or ():
        mine = np.flatnonzero(table["group_id"] == told["group_id"])
        fills = [(Fraction(int(table["allocated_qty"][row]), int(table["ordered_qty"][row])), row) for row in mine]
        rows = [
            {
                "label": str(table["party"][row]),
                "rate": fill,
                "allocated": int(table["allocated_qty"][row]),
                "ordered": int(table["ordered_qty"][row]),
            }
            for fill, row in sorted(fills)
        ]
        groups.append({
            "name": told["group_id"], "rule": RULES[told["rule"]], "cost": words.share_cost(told["cost"], currency),
            "rows": rows[:MOST_ROWS], "total": len(rows),
        })  # fmt: skip
    return groups


def replenish_rows(bundle: RunBundle) -> tuple[Rows, int]:
    """What to buy or move next, the most worth first, and how many rows there are."""
    table, currency = table_of(bundle, "replenishment"), bundle.scenario.currency
    rows = []
    for row in range(min(len(table), MOST_ROWS)):
        priced, orders = table.given("unit_worth")[row], table.given("economic_order_qty")[row]
        rows.append({
            "what": f"{table['product_id'][row]} at {table['warehouse_id'][row]}",
            "short": int(table["short_qty"][row]),
            "needed": str(table["date_needed"][row]),
            "margin": words.amount(table["margin_at_stake"].item(row), currency),
            "worth": words.amount(table["unit_worth"].item(row), currency) if priced else "–",
            "elsewhere": int(table["left_elsewhere_qty"][row]),
            "economic": int(table["economic_order_qty"][row]) if orders else None,
            "suggested": int(table["suggested_qty"][row]),
        })  # fmt: skip
    return rows, len(table)


def capital_rows(kpis: Mapping[str, Any], currency: str) -> list[tuple[str, str, str]]:
    """``(label, money, share of working capital)`` of the stock before and after; nothing without working capital."""
    if "inventory_to_working_capital" not in kpis:
        return []
    found = (
        ("Stock before", "stock_value_before", "inventory_to_working_capital_before"),
        ("Receipts until the last shipment", "stock_value_received", ""),
        ("Allocated", "stock_value_allocated", ""),
        ("Stock after", "stock_value_left", "inventory_to_working_capital"),
    )
    rows = []
    for label, value, rate in found:
        money = words.number(kpis.get(value))
        if money or rate:
            share = words.percent(words.number(kpis.get(rate))) if rate else ""
            rows.append((label, "–" if money is None else words.amount(money, currency), share))
    return rows
