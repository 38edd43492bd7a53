"""The tables that a run folder must hold, cell by cell, given its plan (columns as `docs/glossary.md` defines them)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.prices import WAREHOUSE_UNITS
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Column, Table, Texts

Ints = NDArray[np.int64]


def blank(size: int) -> Texts:
    """Empty cells."""
    return np.full(size, "", dtype=object)


def expected_tables(tally: Tally) -> list[Table]:
    """Every table of the folder whose cells follow from inputs and plan."""
    return [allocations(tally), shipments(tally), warehouses(tally), contracts(tally), shorts(tally), transfers()]


def allocations(tally: Tally) -> Table:
    """One row per line, warehouse and service that ships."""
    facts, tables, rows = tally.facts, tally.facts.tables, tally.rows
    as_of = np.datetime64(facts.scenario.as_of, "D")
    arrive = as_of + tables.lanes["transit_days"][rows.lane].astype("timedelta64[D]")
    due = tables.orders["due_date"][tally.order]
    dated = ~np.isnat(due)
    late = np.where(dated, (arrive - np.where(dated, due, arrive)).astype(np.int64), 0)
    product = tables.products["product_id"][tables.line_product[rows.line]]
    return Table(
        "allocations",
        {
            "order_id": tables.order_lines["order_id"][rows.line],
            "line_id": tables.order_lines["line_id"][rows.line],
            "product_id": product,
            "ship_product_id": product,
            "warehouse_id": tables.lanes["warehouse_id"][rows.lane],
            "lot_id": blank(len(rows)),
            "service_id": tables.lanes["service_id"][rows.lane],
            "ship_date": np.full(len(rows), as_of),
            "arrive_date": arrive,
            "qty": rows.qty,
            "ordered_qty_served": rows.qty,
            "margin": tally.margin,
            "service_value": tally.service,
            "variable_cost": tally.freight_by_quantity + tally.handling,
            "days_late": np.maximum(late, 0),
        },
        filled={"days_late": dated},
        extra={name: values[rows.line] for name, values in tables.order_lines.extra.items()},
    )


def shipments(tally: Tally) -> Table:
    """One row per order, warehouse and service that ships."""
    tables, lane = tally.facts.tables, tally.shipment_lane
    order_id = tables.orders["order_id"][tally.shipment_order]
    warehouse_id, service_id = tables.lanes["warehouse_id"][lane], tables.lanes["service_id"][lane]
    fixed: Exact = tables.lanes["fixed_cost"].take(lane)
    return Table(
        "shipments",
        {
            "shipment_id": order_id + "/" + warehouse_id + "/" + service_id,
            "order_id": order_id,
            "warehouse_id": warehouse_id,
            "service_id": service_id,
            "ship_date": np.full(len(lane), np.datetime64(tally.facts.scenario.as_of, "D")),
            "lines": tally.shipment_lines,
            "units": tally.per_shipment(Exact.ints(tally.rows.qty)),
            "weight_kg": tally.per_shipment(tally.kg),
            "fixed_cost": fixed,
            "variable_cost": tally.freight - fixed,
        },
    )


def warehouses(tally: Tally) -> Table:
    """One row per warehouse: what it uses of each capacity, and its own costs."""
    houses = tally.facts.tables.warehouses
    columns: dict[str, Column] = {"warehouse_id": houses["warehouse_id"], "opened": tally.opened}
    for unit in WAREHOUSE_UNITS:
        columns[f"used_{unit}"] = tally.used(f"warehouse_capacity_{unit}")
        columns[f"capacity_{unit}"] = houses[f"capacity_{unit}"]
    columns["handling_cost"] = tally.handling.sum_by(tally.warehouse, len(houses))
    columns["opening_cost"] = tally.opening
    filled = {f"capacity_{unit}": houses.given(f"capacity_{unit}") for unit in WAREHOUSE_UNITS}
    return Table("warehouses", columns, filled=filled)


def contracts(tally: Tally) -> Table:
    """One row per contract; its shadow price is checked with the other prices."""
    table = tally.facts.tables.contracts
    return Table(
        "contracts",
        {
            "contract_id": table["contract_id"],
            "required_qty": tally.facts.contract_required,
            "allocated_qty": tally.contract_allocated,
            "shortfall_qty": tally.shortfall,
        },
    )


def shorts(tally: Tally) -> Table:
    """The quantities of each line that is not full; why it is short is advice, not arithmetic."""
    tables = tally.facts.tables
    line = np.flatnonzero(~tally.full_line)
    ordered: Ints = tables.order_lines["qty"][line]
    return Table(
        "shorts",
        {
            "order_id": tables.order_lines["order_id"][line],
            "line_id": tables.order_lines["line_id"][line],
            "product_id": tables.products["product_id"][tables.line_product[line]],
            "ordered_qty": ordered,
            "allocated_qty": tally.allocated[line],
            "short_qty": ordered - tally.allocated[line],
        },
        extra={name: values[line] for name, values in tables.order_lines.extra.items()},
    )


def transfers() -> Table:
    """No rows: nothing moves between warehouses."""
    columns = (
        "from_warehouse_id",
        "to_warehouse_id",
        "product_id",
        "lot_id",
        "qty",
        "ship_date",
        "arrive_date",
        "cost",
    )
    return Table("transfers", {name: blank(0) for name in columns})
