"""Exceptions about promises, limits, stock and demand: contracts, credit, budgets, expiring lots, unusual demand."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, decimal_text, money_text
from optimizer.model.terms import unit_margin
from optimizer.solution.demand import Peak, peaks
from optimizer.solution.exceptions import Finding, counted, richest
from optimizer.solution.exceptions_orders import short_margin
from optimizer.solution.ledger import Ledger
from optimizer.solution.policies import budget_used, credit_used
from optimizer.solution.stock_use import taken_from_stock
from optimizer.tables.resolve import position
from optimizer.tables.scope import scope_members

Ints = NDArray[np.int64]

NEARLY = Fraction(9, 10)
"""Share of a credit limit or budget from which it is nearly used."""
SOON_DAYS = 14
"""Days within which a lot is about to expire."""


def limit_findings(ledger: Ledger) -> Iterator[Finding]:
    """Everything about limits, stock and demand that a person must look at."""
    yield from _contracts(ledger)
    yield from _credit(ledger)
    yield from _budgets(ledger)
    yield from _expiring(ledger)
    yield from _demand(ledger)


def _contracts(ledger: Ledger) -> Iterator[Finding]:
    """Contracts that miss their minimum, and those that keep it only by what leaves later."""
    use, table = ledger.contracts, ledger.tables.contracts
    later = ledger.plan.day > 0
    size = len(ledger.ordered)
    after = np.bincount(ledger.plan.line[later], ledger.plan.qty[later], minlength=size).astype(np.int64)
    margin = ledger.row_margin.where(later, 0).sum_by(ledger.plan.line, size)
    waits = np.bincount(use.rule, after[use.line], minlength=len(table)).astype(np.int64)
    missing = use.required - (use.allocated - waits)
    soft = table.given("shortfall_penalty")
    penalty: Exact = table["shortfall_penalty"]
    at_stake = (penalty * missing).where(soft, margin.take(use.line).sum_by(use.rule, len(table)))
    for row in np.flatnonzero((use.required > 0) & (missing > 0)).tolist():
        name, required, got = f"contract {table['contract_id'][row]}", int(use.required[row]), int(use.allocated[row])
        if use.shortfall[row]:
            yield Finding(
                "CONTRACT_MISSED",
                "high",
                name,
                f"{got:,} of {required:,} required units are allocated",
                "agree on later delivery, or buy what is missing; the contract's price says what a unit of it costs",
                penalty.item(row) * int(use.shortfall[row]),
            )
        else:
            yield Finding(
                "CONTRACT_AT_RISK",
                "medium" if soft[row] else "high",
                name,
                f"{got:,} units for the {required:,} required, but {int(waits[row]):,} of them leave only after"
                f" {ledger.scenario.as_of}",
                "make sure of the receipts and transfers that these units wait for",
                at_stake.item(row),
            )


def _credit(ledger: Ledger) -> Iterator[Finding]:
    """Customers whose allocated goods come near their credit limit."""
    tables, size = ledger.tables, len(ledger.tables.customers)
    limit: Exact = tables.customers["credit_limit"]
    if not tables.customers.given("credit_limit").any():
        return
    customer = tables.order_customer[tables.line_order]
    used = credit_used(ledger)
    money = short_margin(ledger).sum_by(customer, size)
    near = tables.customers.given("credit_limit") & (used >= limit * Exact.full(size, NEARLY)) & (used > 0)
    for row in richest(money, near):
        yield Finding(
            "CREDIT_NEAR",
            "low",
            f"customer {tables.customers['customer_id'][row]}",
            f"{money_text(used.item(row))} of a credit limit of {money_text(limit.item(row))} is used",
            "raise the limit or ask for a payment before further orders come in",
            money.item(row),
        )


def _budgets(ledger: Ledger) -> Iterator[Finding]:
    """Budgets of which little is left."""
    table = ledger.tables.budgets
    if len(table) == 0:
        return
    used, limit = budget_used(ledger), table["limit"]
    rule, line = scope_members(ledger.tables, table)
    money = short_margin(ledger).take(line).sum_by(rule, len(table))
    near = (used >= limit * Exact.full(len(table), NEARLY)) & (used > 0)
    for row in richest(money, near):
        yield Finding(
            "BUDGET_NEAR",
            "low",
            f"budget {table['budget_id'][row]}",
            f"{money_text(used.item(row))} of {money_text(limit.item(row))} for"
            f" {str(table['kind'][row]).replace('_', ' ')} is used",
            "raise the budget or accept what it keeps from shipping; its price says what a unit of money more brings",
            money.item(row),
        )


def _expiring(ledger: Ledger) -> Iterator[Finding]:
    """Lots with units left that expire soon, and those that have expired."""
    tables, stock = ledger.tables, ledger.tables.stock
    days = (stock["expiry_date"] - np.datetime64(ledger.scenario.as_of, "D")).astype(np.int64)
    dated, expired = ~np.isnat(stock["expiry_date"]), ~np.isnat(stock["expiry_date"]) & (days < 0)
    left = stock["on_hand_qty"] - np.where(expired, 0, taken_from_stock(ledger))
    cost: Exact = tables.products["unit_cost"].take(tables.stock_product)
    known = tables.products.given("unit_cost")[tables.stock_product]
    money = cost.where(known, stock["holding_value_per_unit"]) * left
    for row in richest(money, dated & (days <= SOON_DAYS) & (left > 0)):
        lot = f"lot {stock['lot_id'][row]} of " if stock["lot_id"][row] else ""
        gone = bool(expired[row])
        yield Finding(
            "STOCK_EXPIRED" if gone else "STOCK_EXPIRING",
            "low" if gone else "medium",
            f"{lot}{stock['product_id'][row]} at {stock['warehouse_id'][row]}",
            f"{counted(int(left[row]), 'unit')} {'expired' if gone else 'are left and expire'} on"
            f" {stock['expiry_date'][row]}",
            "take them off the shelf" if gone else "offer them at a lower price, or move them to where they are wanted",
            money.item(row),
        )


def _demand(ledger: Ledger) -> Iterator[Finding]:
    """Products and zones that are asked for far more than usual."""
    tables = ledger.tables
    if len(tables.history) == 0:
        return
    order_zone = tables.order_zone[tables.line_order]
    subjects = (
        ("product", tables.products["product_id"], tables.history_product, tables.line_product),
        ("zone", tables.zones, position(tables.zones, tables.history["zone_id"]), order_zone),
    )
    for kind, names, past_code, code in subjects:
        money = (unit_margin(tables) * ledger.ordered).sum_by(code, len(names))
        units = np.bincount(code, ledger.ordered, minlength=len(names))
        for peak in peaks(tables, ledger.scenario, past_code, code, len(names)):
            worth = money.item(peak.subject) * peak.above / int(units[peak.subject])
            yield _peak(kind, names[peak.subject], peak, worth)


def _peak(kind: str, name: str, peak: Peak, money: Fraction) -> Finding:
    return Finding(
        "DEMAND_HIGH",
        "medium",
        f"{kind} {name}",
        f"{decimal_text(peak.now, 1)} units a period are ordered, usual are {decimal_text(peak.usual, 1)}",
        "find out whether the demand is real and will last; then buy, reserve or ration",
        money,
    )
