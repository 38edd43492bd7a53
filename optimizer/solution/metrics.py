"""The figures of a plan. Each formula stands in `docs/glossary.md` under its name; every one is exact."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.policies import moved_units, stability_cost, transfer_cost
from optimizer.solution.stock_use import draw_value, received_value
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
    return {
        **terms,
        **_penalties(ledger),
        "moved_units": int(moved_units(ledger)[1].sum()) if ledger.scenario.stability else 0,
        **_fill(ledger),
        **_dates(ledger),
        **_shipping(ledger, _costs(terms)),
        **_backorders(ledger),
        **_stock(ledger),
        **_met(ledger),
    }


def objective_value(tables: Tables, scenario: Scenario, plan: Plan) -> Fraction:
    """The weighted sum of the terms, in money."""
    return objective_of(scenario, objective_terms(Ledger(tables, scenario, plan)))


def objective_of(scenario: Scenario, terms: Mapping[str, Fraction]) -> Fraction:
    """Rebuild the objective from its unweighted terms (any mapping that holds them, such as all KPIs)."""
    weights = scenario.weights
    return (
        Fraction(weights.margin) * terms["margin"]
        + Fraction(weights.service) * terms["service_value"]
        - Fraction(weights.shipping) * _costs(terms)
        - Fraction(weights.penalties) * terms["penalties"]
        + Fraction(weights.holding) * terms["holding_value"]
    )


def _costs(terms: Mapping[str, Fraction]) -> Fraction:
    """The terms that the shipping weight multiplies."""
    return terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]


def objective_terms(ledger: Ledger) -> dict[str, Fraction]:
    """Each term of the objective before its weight, money."""
    return {
        "margin": ledger.row_margin.sum(),
        "service_value": Fraction(ledger.scenario.service.value) * ledger.served.sum(),
        "shipping_cost": ledger.shipments.freight.sum(),
        "handling_cost": ledger.row_handling.sum(),
        "opening_cost": ledger.opening_cost.sum(),
        "transfer_cost": transfer_cost(ledger),
        "penalties": sum(_penalties(ledger).values(), Fraction(0)),
        "holding_value": ledger.draw_holding.sum(),
    }


def _penalties(ledger: Ledger) -> dict[str, Fraction]:
    """What the penalties are for."""
    return {
        "lateness_cost": ledger.row_lateness.sum(),
        "shortfall_cost": ledger.penalties.sum(),
        "substitution_cost": ledger.row_substitution.sum(),
        "stability_cost": stability_cost(ledger),
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
    }


def _dates(ledger: Ledger) -> dict[str, Figure]:
    """Orders by when they ship and arrive; an order without a due date is never late."""
    late = np.zeros(len(ledger.tables.orders), dtype=bool)
    late[ledger.row_order[ledger.row_days_late > 0]] = True
    served = np.unique(ledger.row_order)
    return {
        "otif_rate": _rate(int((ledger.order_full & ~late).sum()), int((ledger.order_lines > 0).sum())),
        "partial_orders": int((~ledger.order_full)[served].sum()),
        "deferred_orders": len(np.unique(ledger.row_order[ledger.plan.day > 0])),
        "late_orders": int(late.sum()),
        "substituted_units": int(ledger.plan.qty[_substituted(ledger)].sum()),
        "transferred_units": int(ledger.plan.moves.units.sum()),
    }


def _substituted(ledger: Ledger) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(ledger.plan.product != ledger.tables.line_product[ledger.plan.line], dtype=bool)


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
    tables, houses, finance = ledger.tables, ledger.tables.warehouses, ledger.scenario.finance
    measured = houses.given("capacity_units") & houses["is_open"]
    before = (tables.products["unit_cost"][tables.stock_product] * tables.stock["on_hand_qty"]).sum()
    received, allocated = received_value(ledger).sum(), draw_value(ledger).sum()
    left = before + received - allocated
    figures: dict[str, Figure] = {
        "warehouse_utilization": _rate(
            int(ledger.warehouse_units[measured].sum()), int(houses["capacity_units"][measured].sum())
        ),
        "stock_value_before": before,
        "stock_value_received": received,
        "stock_value_allocated": allocated,
        "stock_value_left": left,
        "inventory_turnover": _rate(allocated, (before + left) / 2),
    }
    if finance is not None:
        capital = Fraction(finance.working_capital)
        figures["inventory_to_working_capital_before"] = _rate(before, capital)
        figures["inventory_to_working_capital"] = _rate(left, capital)
    return figures


def _met(ledger: Ledger) -> dict[str, Figure]:
    contracts, use = ledger.tables.contracts, ledger.contracts
    within = (use.allocated <= contracts["max_qty"]) | ~contracts.given("max_qty")
    return {"contracts": len(contracts), "contracts_met": int((within & (use.shortfall == 0)).sum())}
