"""Every KPI of `docs/glossary.md`, counted a second time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from optimizer.exact import Exact
from optimizer.proof.tally import Tally

Figure = int | Fraction | None
TINY = Fraction(1, 10**9)


def ratio(top: Fraction | int, bottom: Fraction | int) -> Fraction | None:
    """A rate; None where its denominator is 0."""
    return Fraction(top) / Fraction(bottom) if bottom else None


def expected_kpis(tally: Tally) -> dict[str, Figure]:
    """The KPIs of run.json, by name."""
    moved = {"moved_units": int(tally.moved.sum())}
    parts = (_service(tally), _dates(tally), _shipping(tally), _backorders(tally), _stock(tally), _capital(tally))
    figures: dict[str, Figure] = {**tally.terms, **tally.penalty_terms, **moved}
    for part in parts:
        figures |= part
    return figures


def _service(tally: Tally) -> dict[str, Figure]:
    facts, tables = tally.facts, tally.facts.tables
    n_orders = int(np.count_nonzero(facts.lines_of_order))
    ordered, units = int(tables.order_lines["qty"].sum()), int(tally.allocated.sum())
    full_orders = int(tally.full_order.sum())
    demanded = (facts.service_weight * facts.demanded).sum()
    return {
        "orders": n_orders,
        "order_lines": facts.n_lines,
        "units_ordered": ordered,
        "units_allocated": units,
        "orders_served": int(np.count_nonzero(tally.shipments_of_order)),
        "unit_fill_rate": ratio(units, ordered),
        "line_fill_rate": ratio(int(tally.full_line.sum()), facts.n_lines),
        "order_fill_rate": ratio(full_orders, n_orders),
        "weighted_service_level": ratio((facts.service_weight * tally.served).sum(), demanded),
    }


def _dates(tally: Tally) -> dict[str, Figure]:
    """Orders by when they leave and arrive, and what is not as ordered."""
    facts, rows = tally.facts, tally.rows
    late, deferred = np.zeros(facts.n_orders, dtype=bool), np.zeros(facts.n_orders, dtype=bool)
    late[tally.order[tally.days_late > 0]] = True
    deferred[tally.order[rows.day > 0]] = True
    in_time = int(np.count_nonzero(tally.full_order & ~late))
    served = tally.shipments_of_order > 0
    return {
        "otif_rate": ratio(in_time, int(np.count_nonzero(facts.lines_of_order))),
        "partial_orders": int(np.count_nonzero(served & ~tally.full_order)),
        "deferred_orders": int(np.count_nonzero(deferred)),
        "late_orders": int(np.count_nonzero(late)),
        "substituted_units": int(rows.qty[facts.ways.rule[rows.way] >= 0].sum()),
        "transferred_units": int(rows.move_units.sum()),
    }


def _shipping(tally: Tally) -> dict[str, Figure]:
    terms, tables = tally.terms, tally.facts.tables
    costs = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
    counted = tables.warehouses["is_open"] & tables.warehouses.given("capacity_units")
    used = tally.used("warehouse_capacity_units")[counted].sum()
    return {
        "cost_per_order": ratio(costs, int(np.count_nonzero(tally.shipments_of_order))),
        "shipments": len(tally.shipment_lane),
        "split_orders": int(np.count_nonzero(tally.shipments_of_order >= 2)),
        "warehouse_utilization": ratio(used, int(tables.warehouses["capacity_units"][counted].sum())),
    }


def _backorders(tally: Tally) -> dict[str, Figure]:
    lines = tally.facts.tables.order_lines
    short = lines["qty"] - tally.allocated
    priced = lines.given("unit_price")
    price: Exact = lines["unit_price"]
    return {
        "backorder_units": int(short.sum()),
        "backorder_value": (price.where(priced, 0) * short).sum(),
        "backorder_lines_without_price": int(np.count_nonzero((short > 0) & ~priced)),
    }


def _values(tally: Tally) -> tuple[Fraction, Fraction, Fraction]:
    """Stock value on hand, received until the last day on which anything leaves, and allocated [money]."""
    facts, tables, rows = tally.facts, tally.facts.tables, tally.rows
    cost = facts.money.unit_cost
    before = (cost.take(tables.stock_product) * tables.stock["on_hand_qty"]).sum()
    last = max(int(rows.day.max(initial=0)), int(rows.move_day.max(initial=0)))
    here = facts.supply.inbound_day <= last
    received = (cost.take(tables.inbound_product) * (tables.inbound["qty"] * here)).sum()
    return before, received, tally.stock_value.sum()


def _stock(tally: Tally) -> dict[str, Figure]:
    before, received, allocated = _values(tally)
    left = before + received - allocated
    met = tally.contract_allocated >= tally.facts.contract_required
    table = tally.facts.tables.contracts
    within = ~table.given("max_qty") | (tally.contract_allocated <= table["max_qty"])
    return {
        "stock_value_before": before,
        "stock_value_received": received,
        "stock_value_allocated": allocated,
        "stock_value_left": left,
        "inventory_turnover": ratio(allocated, (before + left) / 2),
        "contracts": len(table),
        "contracts_met": int(np.count_nonzero(met & within)),
    }


def _capital(tally: Tally) -> dict[str, Figure]:
    """Inventory to working capital, where the scenario states it."""
    finance = tally.facts.scenario.finance
    if finance is None:
        return {}
    before, received, allocated = _values(tally)
    capital = Fraction(finance.working_capital)
    return {
        "inventory_to_working_capital_before": ratio(before, capital),
        "inventory_to_working_capital": ratio(before + received - allocated, capital),
    }
