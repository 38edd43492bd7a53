"""KPIs in a comparison: their unit, which way is better, and how a value or a difference is said."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Literal

from optimizer.report import words

Unit = Literal["money", "rate", "count"]
Better = Literal["up", "down", ""]

MONEY = frozenset({
    "objective_value", "margin", "service_value", "shipping_cost", "handling_cost", "opening_cost", "transfer_cost",
    "penalties", "holding_value", "lateness_cost", "shortfall_cost", "substitution_cost", "stability_cost",
    "cost_per_order", "backorder_value", "stock_value_before", "stock_value_received", "stock_value_allocated",
    "stock_value_left",
})  # fmt: skip
RATES = frozenset({
    "unit_fill_rate", "line_fill_rate", "order_fill_rate", "weighted_service_level", "otif_rate",
    "warehouse_utilization", "inventory_turnover", "inventory_to_working_capital_before",
    "inventory_to_working_capital",
})  # fmt: skip
MORE_IS_BETTER = frozenset({
    "objective_value", "margin", "service_value", "holding_value", "units_allocated", "orders_served",
    "unit_fill_rate", "line_fill_rate", "order_fill_rate", "weighted_service_level", "otif_rate", "contracts_met",
    "inventory_turnover",
})  # fmt: skip
LESS_IS_BETTER = frozenset({
    "shipping_cost", "handling_cost", "opening_cost", "transfer_cost", "penalties", "lateness_cost", "shortfall_cost",
    "substitution_cost", "stability_cost", "moved_units", "partial_orders", "deferred_orders", "late_orders",
    "substituted_units", "cost_per_order", "split_orders", "backorder_units", "backorder_value",
    "inventory_to_working_capital",
})  # fmt: skip
"""What is in neither set is a fact without a good direction: orders, shipments, stock before, use of warehouses."""

HEADLINES = (
    "objective_value", "margin", "service_value", "shipping_cost", "handling_cost", "penalties", "unit_fill_rate",
    "order_fill_rate", "weighted_service_level", "otif_rate", "units_allocated", "backorder_value", "shipments",
    "late_orders", "contracts_met",
)  # fmt: skip
"""The KPIs that are shown first; all others follow."""


def unit_of(kpi: str) -> Unit:
    """What a KPI is measured in."""
    return "money" if kpi in MONEY else "rate" if kpi in RATES else "count"


def better(kpi: str) -> Better:
    """Which way a KPI is better; empty where neither is."""
    return "up" if kpi in MORE_IS_BETTER else "down" if kpi in LESS_IS_BETTER else ""


def verdict(kpi: str, difference: Fraction | None) -> str:
    """``better``, ``worse``, ``same``, or ``changed`` where no direction is good; empty if one side has no value."""
    if difference is None:
        return ""
    if difference == 0:
        return "same"
    way = better(kpi)
    return "changed" if not way else "better" if (difference > 0) == (way == "up") else "worse"


def title(kpi: str) -> str:
    """The KPI's name for people."""
    return "Value of the plan" if kpi == "objective_value" else words.title(kpi)


def said(kpi: str, value: Fraction | None, currency: str) -> str:
    """A value with as many digits as people read."""
    if value is None:
        return "–"
    unit = unit_of(kpi)
    if unit == "money":
        return words.amount(value, currency)
    if unit == "count" or kpi == "inventory_turnover":
        return words.count(value)
    return words.percent(value)


def difference_said(kpi: str, value: Fraction | None, currency: str) -> str:
    """A difference with its sign; rates in percentage points."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if unit_of(kpi) == "rate" and kpi != "inventory_turnover":
        text = f"{words.count(Fraction(round(value * 10**4), 100))} pts"
    else:
        text = said(kpi, value, currency)
    return text if text.startswith("−") else f"+{text}"


def in_order(kpis: list[str]) -> list[str]:
    """The headlines first, then the rest as they come."""
    return [kpi for kpi in HEADLINES if kpi in kpis] + [kpi for kpi in kpis if kpi not in HEADLINES]


def places_of(kpi: str, currency: str) -> int:
    """Decimals with which a share of a KPI is shown: minor units of money; hundredths of a percentage point."""
    unit = unit_of(kpi)
    return words.MINOR_UNITS.get(currency, 2) if unit == "money" else 4 if unit == "rate" else 3


def apportioned(parts: Sequence[Fraction], places: int) -> list[Fraction]:
    """Parts rounded to so many decimals such that they add up to their rounded total: largest remainders go up."""
    unit = 10**places
    scaled = [part * unit for part in parts]
    rounded = [floor(part) for part in scaled]
    missing = round(sum(scaled, Fraction(0))) - sum(rounded)
    by_rest = sorted(range(len(parts)), key=lambda at: (rounded[at] - scaled[at], at))
    for at in by_rest[:missing]:
        rounded[at] += 1
    return [Fraction(part, unit) for part in rounded]
