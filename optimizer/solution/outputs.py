"""The plan as tables of the run folder. Every column is defined in `docs/glossary.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table, Tables, Texts

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

CAPACITY_UNITS = ("units", "lines", "shipments", "kg")


def plan_tables(tables: Tables, scenario: Scenario, plan: Plan) -> dict[str, Table]:
    """All tables that follow from the plan alone, by name."""
    ledger = Ledger(tables, scenario, plan)
    made = (allocations(ledger), shipments(ledger), warehouses(ledger), transfers(), contracts(ledger))
    return {table.name: table for table in made}


def allocations(ledger: Ledger) -> Table:
    """One row per (line, lane) that ships; sorted by order, line, warehouse, service."""
    tables, line, lane = ledger.tables, ledger.plan.line, ledger.plan.lane
    product = tables.products["product_id"][tables.line_product[line]]
    arrive, due = ledger.arrival(lane), tables.orders["due_date"][ledger.row_order]
    dated = ~np.isnat(due)
    late = np.where(dated, (arrive - due).astype(np.int64), 0)
    return Table(
        "allocations",
        {
            "order_id": tables.order_lines["order_id"][line],
            "line_id": tables.order_lines["line_id"][line],
            "product_id": product,
            "ship_product_id": product,
            "warehouse_id": tables.lanes["warehouse_id"][lane],
            "lot_id": _blank(len(line)),
            "service_id": tables.lanes["service_id"][lane],
            "ship_date": _leaving(ledger, len(line)),
            "arrive_date": arrive,
            "qty": ledger.plan.qty,
            "ordered_qty_served": ledger.plan.qty,
            "margin": ledger.row_margin,
            "service_value": ledger.row_service,
            "variable_cost": ledger.row_freight + ledger.row_handling,
            "days_late": np.maximum(late, 0),
        },
        filled={"days_late": dated},
        extra=carried(tables, line),
    )


def carried(tables: Tables, line: NDArray[np.int64]) -> dict[str, Texts]:
    """The x_ columns of the order lines, for a row per line."""
    return {name: values[line] for name, values in tables.order_lines.extra.items()}


def shipments(ledger: Ledger) -> Table:
    """One row per order, warehouse and service that ships."""
    tables, ships = ledger.tables, ledger.shipments
    order_id = tables.orders["order_id"][ships.order]
    warehouse_id = tables.lanes["warehouse_id"][ships.lane]
    service_id = tables.lanes["service_id"][ships.lane]
    fixed = tables.lanes["fixed_cost"][ships.lane]
    return Table(
        "shipments",
        {
            "shipment_id": order_id + "/" + warehouse_id + "/" + service_id,
            "order_id": order_id,
            "warehouse_id": warehouse_id,
            "service_id": service_id,
            "ship_date": _leaving(ledger, len(ships)),
            "lines": ships.lines,
            "units": ships.units,
            "weight_kg": ships.kg,
            "fixed_cost": fixed,
            "variable_cost": ships.freight - fixed,
        },
    )


def warehouses(ledger: Ledger) -> Table:
    """One row per warehouse: whether it ships, what it uses of each capacity, and its own costs."""
    houses, size = ledger.tables.warehouses, len(ledger.tables.warehouses)
    of_row, of_shipment = ledger.row_warehouse, ledger.shipment_warehouse
    used: dict[str, NDArray[np.int64] | Exact] = {
        "units": ledger.warehouse_units,
        "lines": np.bincount(of_row, minlength=size).astype(np.int64),
        "shipments": np.bincount(of_shipment, minlength=size).astype(np.int64),
        "kg": ledger.row_kg.sum_by(of_row, size),
    }
    columns = {"warehouse_id": houses["warehouse_id"], "opened": ledger.warehouse_opened}
    for unit in CAPACITY_UNITS:
        columns |= {f"used_{unit}": used[unit], f"capacity_{unit}": houses[f"capacity_{unit}"]}
    columns |= {"handling_cost": ledger.row_handling.sum_by(of_row, size), "opening_cost": ledger.opening_cost}
    filled = {f"capacity_{unit}": houses.given(f"capacity_{unit}") for unit in CAPACITY_UNITS}
    return Table("warehouses", columns, filled=filled)


def contracts(ledger: Ledger) -> Table:
    """One row per contract; its shadow price is blank until prices are known."""
    table, use = ledger.tables.contracts, ledger.contracts
    return Table(
        "contracts",
        {
            "contract_id": table["contract_id"],
            "required_qty": use.required,
            "allocated_qty": use.allocated,
            "shortfall_qty": use.shortfall,
            "shadow_price": Exact.zeros(len(table)),
        },
        filled={"shadow_price": np.zeros(len(table), dtype=bool)},
    )


def transfers() -> Table:
    """The header alone: nothing moves between warehouses."""
    texts = ("from_warehouse_id", "to_warehouse_id", "product_id", "lot_id")
    dates = np.zeros(0, dtype="datetime64[D]")
    return Table(
        "transfers",
        {
            **{name: _blank(0) for name in texts},
            "qty": np.zeros(0, dtype=np.int64),
            "ship_date": dates,
            "arrive_date": dates,
            "cost": Exact.zeros(0),
        },
    )


def _leaving(ledger: Ledger, size: int) -> NDArray[np.datetime64]:
    return np.full(size, np.datetime64(ledger.scenario.as_of, "D"))


def _blank(size: int) -> Texts:
    return np.full(size, "", dtype=object)
