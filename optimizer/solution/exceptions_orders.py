"""Exceptions about orders and their customers: short, held, late, or short by a rule alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, money_text
from optimizer.model.terms import unit_margin
from optimizer.solution.exceptions import Finding, counted, richest
from optimizer.solution.ledger import Ledger
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]

RULES = frozenset(
    (
        "capacity", "split_limit", "delivery_policy", "minimum_or_lot", "contract_quota", "pin",
        "frozen", "cancel_date", "remaining_life", "tariff", "reserve", "credit_limit", "budget", "fair_share",
    )
)  # fmt: skip
"""Reasons of `shorts` that are a rule, and not a lack of stock."""
NO_CHANGE = "no change "
"""How a least change begins that says that there is none."""


def order_findings(ledger: Ledger, shorts: Table) -> Iterator[Finding]:
    """Everything about orders that a person must look at."""
    yield from _strategic(ledger)
    yield from _held(ledger)
    yield from _late(ledger)
    yield from _on_cancel_date(ledger)
    yield from _blocked_by_rules(ledger, shorts)


def held(ledger: Ledger) -> NDArray[np.bool_]:
    """Order lines whose order is on hold."""
    return np.asarray(ledger.tables.orders["hold"] != "", dtype=bool)[ledger.tables.line_order]


def short_margin(ledger: Ledger) -> Exact:
    """Margin of the short units of each line."""
    return unit_margin(ledger.tables) * (ledger.ordered - ledger.allocated)


def _strategic(ledger: Ledger) -> Iterator[Finding]:
    """Customers with short units in orders that weigh more than the mean of all orders."""
    tables, counts = ledger.tables, ledger.order_lines > 0
    heavy = ledger.order_weight * int(counts.sum()) > (ledger.order_weight * counts).sum()
    wanted = heavy[tables.line_order] & ~ledger.line_full & ~held(ledger)
    customer, size = tables.order_customer[tables.line_order], len(tables.customers)
    money = short_margin(ledger).where(wanted, 0).sum_by(customer, size)
    units = np.bincount(customer, np.where(wanted, ledger.ordered - ledger.allocated, 0), minlength=size)
    orders = np.bincount(tables.order_customer[np.unique(tables.line_order[wanted])], minlength=size)
    for row in richest(money, units > 0):
        name, tier = tables.customers["customer_id"][row], tables.customers["tier"][row]
        yield Finding(
            "STRATEGIC_SHORT",
            "high",
            f"customer {name}",
            f"{counted(int(units[row]), 'unit')} short in {counted(int(orders[row]), 'order')} of high service weight"
            + (f" (tier {tier})" if tier else ""),
            "agree new dates or substitutes with the customer before the plan is released",
            money.item(row),
        )


def _held(ledger: Ledger) -> Iterator[Finding]:
    """Orders on hold that would earn a margin."""
    tables, size = ledger.tables, len(ledger.tables.orders)
    blocked = held(ledger)
    money = (unit_margin(tables) * np.where(blocked, ledger.ordered, 0)).sum_by(tables.line_order, size)
    units = np.bincount(tables.line_order, np.where(blocked, ledger.ordered, 0), minlength=size)
    for row in richest(money, money > 0):
        reason = tables.orders["hold"][row]
        yield Finding(
            "HOLD_BLOCKS",
            "medium",
            f"order {tables.orders['order_id'][row]}",
            f"on hold ({reason}): {counted(int(units[row]), 'unit')} of customer {tables.orders['customer_id'][row]}"
            f" with a margin of {money_text(money.item(row))} get nothing",
            f"settle the hold ({reason}); once it is lifted, the next run may serve the order",
            money.item(row),
        )


def _late(ledger: Ledger) -> Iterator[Finding]:
    """Orders with units that arrive after their due date."""
    tables, size = ledger.tables, len(ledger.tables.orders)
    late = ledger.row_days_late > 0
    margin = ledger.row_margin.where(late, 0).sum_by(ledger.row_order, size)
    cost = ledger.row_lateness.sum_by(ledger.row_order, size)
    units = np.bincount(ledger.row_order, np.where(late, ledger.plan.qty, 0), minlength=size)
    days = np.zeros(size, dtype=np.int64)
    np.maximum.at(days, ledger.row_order, ledger.row_days_late)
    money = margin.maximum(cost)
    for row in richest(money, units > 0):
        told = f", lateness costs {money_text(cost.item(row))}" if cost.item(row) else ""
        yield Finding(
            "ORDER_LATE",
            "medium",
            f"order {tables.orders['order_id'][row]}",
            f"{counted(int(units[row]), 'unit')} arrive after {tables.orders['due_date'][row]},"
            f" up to {counted(int(days[row]), 'day')} late{told}",
            "tell the customer the new date, or ask for faster transport or an earlier receipt",
            money.item(row),
        )


def _on_cancel_date(ledger: Ledger) -> Iterator[Finding]:
    """Orders with units that arrive on the very day after which they are refused."""
    tables, size = ledger.tables, len(ledger.tables.orders)
    arrives = ledger.arrival(ledger.plan.lane, ledger.plan.day)
    last = arrives == tables.orders["cancel_date"][ledger.row_order]
    money = ledger.row_margin.where(last, 0).sum_by(ledger.row_order, size)
    units = np.bincount(ledger.row_order, np.where(last, ledger.plan.qty, 0), minlength=size)
    for row in richest(money, units > 0):
        yield Finding(
            "CANCEL_DATE",
            "medium",
            f"order {tables.orders['order_id'][row]}",
            f"{counted(int(units[row]), 'unit')} arrive on {tables.orders['cancel_date'][row]}, the last day they are"
            " accepted",
            "watch this shipment, or ask the customer for a later cancel date",
            money.item(row),
        )


def _blocked_by_rules(ledger: Ledger, shorts: Table) -> Iterator[Finding]:
    """Short lines that one stated change of a rule would have filled."""
    by_rule = np.isin(shorts["reason"].astype(str), sorted(RULES))
    change = shorts["least_change"].astype(str)
    rows = np.flatnonzero(by_rule & (change != "") & ~np.char.startswith(change, NO_CHANGE))
    lines = np.flatnonzero(~ledger.line_full)  # one row of `shorts` each, in the same order
    money = short_margin(ledger).take(lines[rows])
    for at in richest(money, np.ones(len(rows), dtype=bool)):
        row = int(rows[at])
        yield Finding(
            "RULE_BLOCKS",
            "medium",
            f"order {shorts['order_id'][row]} line {shorts['line_id'][row]}",
            f"{counted(int(shorts['short_qty'][row]), 'unit')} short by a rule ({shorts['reason'][row]}):"
            f" {shorts['detail'][row]}",
            shorts["least_change"][row],
            money.item(at),
        )
