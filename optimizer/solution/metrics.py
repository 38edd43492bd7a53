"""The figures of a plan. Each formula stands in `docs/glossary.md` under its name; every one is exact."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Figure = int | Fraction | None
"""Counts are int, money and rates Fraction; None is a rate whose denominator is 0."""


def kpis(tables: Tables, scenario: Scenario, plan: Plan) -> dict[str, Figure]:
    """All KPIs of a plan, in the order they are reported."""
    return kpis_of(Ledger(tables, scenario, plan))


def kpis_of(ledger: Ledger) -> dict[str, Figure]:
    """All KPIs of a plan whose ledger exists already."""
    terms = objective_terms(ledger)
    cost = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
    return {
        **terms,
        **_fill(ledger),
        **_shipping(ledger, cost),
        **_backorders(ledger),
        **_stock(ledger),
        **_met(ledger),
    }


def objective_value(tables: Tables, scenario: Scenario, plan: Plan) -> Fraction:
    """The weighted sum of the terms, in money."""
    return objective_of(scenario, objective_terms(Ledger(tables, scenario, plan)))


def objective_of(scenario: Scenario, terms: dict[str, Fraction]) -> Fraction:
    """Rebuild the objective from its unweighted terms (any mapping that holds them, such as all KPIs)."""
    weights = scenario.weights
    cost = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
    return (
        Fraction(weights.margin) * terms["margin"]
        + Fraction(weights.service) * terms["service_value"]
        - Fraction(weights.shipping) * cost
        - Fraction(weights.penalties) * terms["penalties"]
        + Fraction(weights.holding) * terms["holding_value"]
    )


def objective_terms(ledger: Ledger) -> dict[str, Fraction]:
    """Each term of the objective before its weight, money."""
    return {
        "margin": ledger.row_margin.sum(),
        "service_value": Fraction(ledger.scenario.service.value) * ledger.served.sum(),
        "shipping_cost": ledger.shipments.freight.sum(),
        "handling_cost": ledger.row_handling.sum(),
        "opening_cost": ledger.opening_cost.sum(),
        "transfer_cost": Fraction(0),
        "penalties": ledger.penalties.sum(),
        "holding_value": Fraction(0),
    }


def _rate(part: int | Fraction, whole: int | Fraction) -> Fraction | None:
    return Fraction(part) / whole if whole else None


def _fill(ledger: Ledger) -> dict[str, Figure]:
    orders, lines = int((ledger.order_lines > 0).sum()), len(ledger.ordered)
    units, allocated = int(ledger.ordered.sum()), int(ledger.allocated.sum())
    return {
        "orders": orders,
        "order_lines": lines,
        "units_ordered": units,
        "units_allocated": allocated,
        "orders_served": len(np.unique(ledger.row_order)),
        "unit_fill_rate": _rate(allocated, units),
        "line_fill_rate": _rate(int(ledger.line_full.sum()), lines),
        "order_fill_rate": _rate(int(ledger.order_full.sum()), orders),
        "weighted_service_level": _rate(ledger.served.sum(), ledger.demanded.sum()),
        "otif_rate": _rate(_on_time_in_full(ledger), orders),
    }


def _on_time_in_full(ledger: Ledger) -> int:
    """Full orders none of whose shipments arrives after the due date (a blank date is never late)."""
    late = np.zeros(len(ledger.tables.orders), dtype=bool)
    due = ledger.tables.orders["due_date"][ledger.shipments.order]
    late[ledger.shipments.order[ledger.arrival(ledger.shipments.lane) > due]] = True  # NaT compares False
    return int((ledger.order_full & ~late).sum())


def _shipping(ledger: Ledger, cost: Fraction) -> dict[str, Figure]:
    per_order = np.bincount(ledger.shipments.order, minlength=len(ledger.tables.orders))
    return {
        "cost_per_order": _rate(cost, int((per_order > 0).sum())),
        "shipments": len(ledger.shipments),
        "split_orders": int((per_order > 1).sum()),
    }


def _backorders(ledger: Ledger) -> dict[str, Figure]:
    lines = ledger.tables.order_lines
    short = ledger.ordered - ledger.allocated
    priced = lines.given("unit_price")
    return {
        "backorder_units": int(short.sum()),
        "backorder_value": (lines["unit_price"] * (short * priced)).sum(),
        "backorder_lines_without_price": int(((short > 0) & ~priced).sum()),
    }


def _stock(ledger: Ledger) -> dict[str, Figure]:
    tables, houses = ledger.tables, ledger.tables.warehouses
    measured = houses.given("capacity_units") & houses["is_open"]
    cost = tables.products["unit_cost"]
    allocated = (cost[tables.line_product] * ledger.allocated).sum()
    before = (cost[tables.stock_product] * tables.stock["on_hand_qty"]).sum()
    return {
        "warehouse_utilization": _rate(
            int(ledger.warehouse_units[measured].sum()), int(houses["capacity_units"][measured].sum())
        ),
        "stock_value_allocated": allocated,
        "stock_value_left": before - allocated,
        "inventory_turnover": _rate(allocated, before - allocated / 2),
    }


def _met(ledger: Ledger) -> dict[str, Figure]:
    contracts, use = ledger.tables.contracts, ledger.contracts
    within = (use.allocated <= contracts["max_qty"]) | ~contracts.given("max_qty")
    return {"contracts": len(contracts), "contracts_met": int((within & (use.shortfall == 0)).sum())}
