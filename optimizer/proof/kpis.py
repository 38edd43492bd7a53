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
    terms = tally.terms
    return {**terms, **_service(tally), **_shipping(tally), **_backorders(tally), **_stock(tally)}


def _service(tally: Tally) -> dict[str, Figure]:
    facts, tables = tally.facts, tally.facts.tables
    n_orders = int(np.count_nonzero(facts.lines_of_order))
    ordered, units = int(tables.order_lines["qty"].sum()), int(tally.allocated.sum())
    full_orders = int(tally.full_order.sum())
    demanded = (facts.service_weight * facts.demanded).sum()
    late = np.zeros(facts.n_orders, dtype=bool)
    late[tally.order[_late_rows(tally)]] = True
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
        "otif_rate": ratio(int(np.count_nonzero(tally.full_order & ~late)), n_orders),
    }


def _late_rows(tally: Tally) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    tables = tally.facts.tables
    due = tables.orders["due_date"][tally.order]
    transit = tables.lanes["transit_days"][tally.rows.lane].astype("timedelta64[D]")
    arrive = np.datetime64(tally.facts.scenario.as_of, "D") + transit
    return np.asarray(~np.isnat(due) & (arrive > due), dtype=bool)


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


def _stock(tally: Tally) -> dict[str, Figure]:
    tables = tally.facts.tables
    cost: Exact = tables.products["unit_cost"].where(tables.products.given("unit_cost"), 0)
    allocated = (cost.take(tables.line_product) * tally.allocated).sum()
    left = (cost.take(tables.stock_product) * tables.stock["on_hand_qty"]).sum() - allocated
    met = tally.contract_allocated >= tally.facts.contract_required
    table = tables.contracts
    within = ~table.given("max_qty") | (tally.contract_allocated <= table["max_qty"])
    return {
        "stock_value_allocated": allocated,
        "stock_value_left": left,
        "inventory_turnover": ratio(allocated, left + allocated / 2),
        "contracts": len(table),
        "contracts_met": int(np.count_nonzero(met & within)),
    }
