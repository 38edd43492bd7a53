"""The tables that a run folder must hold, cell by cell, given its plan (columns as `docs/glossary.md` defines them)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import FOREVER
from optimizer.proof.expected_orders import orders
from optimizer.proof.priced_rows import WAREHOUSE_UNITS
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Column, Table

Ints = NDArray[np.int64]


def expected_tables(tally: Tally) -> list[Table]:
    """Every table of the folder whose cells follow from inputs and plan."""
    shared = [fair_share(tally)] if len(tally.facts.tables.fair_share) else []
    return [
        allocations(tally),
        orders(tally),
        shipments(tally),
        warehouses(tally),
        contracts(tally),
        shorts(tally),
        transfers(tally),
        *shared,
    ]


def dates(tally: Tally, day: Ints) -> NDArray[np.datetime64]:
    """Days as dates."""
    return np.datetime64(tally.facts.as_of, "D") + day.astype("timedelta64[D]")


def first_draws(tally: Tally) -> NDArray[np.bool_]:
    """The first draw of each plan row."""
    first = np.zeros(len(tally.rows.draw_row), dtype=bool)
    first[np.unique(tally.rows.draw_row, return_index=True)[1]] = True
    return first


def allocations(tally: Tally) -> Table:
    """One row per line, lane, day, product that serves and source drawn from; of a kit per component and source."""
    facts, tables, rows, stock = tally.facts, tally.facts.tables, tally.rows, tally.stock
    row = rows.draw_row
    line, lane, served = rows.line[row], rows.lane[row], stock.draw_ordered
    dated = facts.events.due[tally.order[row]] < FOREVER
    lots = np.array([*facts.supply.lot_texts, ""], dtype=object)
    products = tables.products["product_id"]
    return Table(
        "allocations",
        {
            "order_id": tables.order_lines["order_id"][line],
            "line_id": tables.order_lines["line_id"][line],
            "product_id": products[tables.line_product[line]],
            "ship_product_id": products[rows.draw_component],
            "warehouse_id": tables.lanes["warehouse_id"][lane],
            "lot_id": lots[np.append(facts.supply.lot, -1)[rows.draw_source]],
            "service_id": tables.lanes["service_id"][lane],
            "ship_date": dates(tally, rows.day[row]),
            "arrive_date": dates(tally, tally.arrive[row]),
            "qty": rows.draw_units,
            "ordered_qty_served": served,
            "margin": facts.unit_margin.take(line) * served,
            "service_value": service_shown(tally),
            "variable_cost": variable_cost(tally),
            "days_late": tally.days_late[row],
        },
        filled={"days_late": dated},
        extra={name: values[line] for name, values in tables.order_lines.extra.items()},
    )


def service_shown(tally: Tally) -> Exact:
    """Service value earned, on the rows where it is shown: each (unit), the first of a full line or order."""
    facts, line = tally.facts, tally.stock.draw_line
    order = facts.tables.line_order[line]
    worth = (facts.service_weight * facts.service_value).take(order)
    if facts.measure == "unit":
        return worth * tally.stock.draw_ordered
    of_row, full = (line, tally.full_line) if facts.measure == "line" else (order, tally.full_order)
    first = np.zeros(len(line), dtype=bool)
    first[np.unique(of_row, return_index=True)[1]] = True
    return worth * (first & full[of_row])


def variable_cost(tally: Tally) -> Exact:
    """(cost_per_unit + handling) · units + cost_per_kg · chargeable kg of the ordered units that each draw serves."""
    rows, row, served = tally.rows, tally.rows.draw_row, tally.stock.draw_ordered
    by_unit = (tally.freight_by_unit + tally.handling_rate).take(row) * rows.draw_units
    if not np.any(tally.freight_by_weight.num != 0):
        return by_unit
    weight, over = tally.facts.ways.chargeable(rows.way[row], rows.lane[row])
    return by_unit + tally.facts.lane_rate("cost_per_kg").take(rows.lane[row]) * (weight * served).over(over)


def shipments(tally: Tally) -> Table:
    """One row per order, warehouse, service and day that ships."""
    tables, lane, day = tally.facts.tables, tally.shipment_lane, tally.shipment_day
    order_id = tables.orders["order_id"][tally.shipment_order]
    warehouse_id, service_id = tables.lanes["warehouse_id"][lane], tables.lanes["service_id"][lane]
    leaves = dates(tally, day)
    name = order_id + "/" + warehouse_id + "/" + service_id
    pair = tally.shipment_order * np.int64(max(len(tables.lanes), 1)) + lane
    _, of_pair, count = np.unique(pair, return_inverse=True, return_counts=True)
    short = (day == 0) & (count[of_pair] == 1)
    dated = name + "/" + leaves.astype(str).astype(object) if len(name) else name
    fixed = tally.fixed_freight
    return Table(
        "shipments",
        {
            "shipment_id": np.where(short, name, dated),
            "order_id": order_id,
            "warehouse_id": warehouse_id,
            "service_id": service_id,
            "ship_date": leaves,
            "lines": tally.shipment_lines,
            "units": tally.per_shipment(Exact.ints(tally.units)),
            "weight_kg": tally.per_shipment(tally.kg),
            "chargeable_kg": tally.per_shipment(tally.chargeable),
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


def transfers(tally: Tally) -> Table:
    """One row per move between warehouses; the first of each (row of `transfers`, day) bears the fixed cost."""
    tables, supply, rows = tally.facts.tables, tally.facts.supply, tally.rows
    source = supply.moves.source[rows.move]
    houses, lots = tables.warehouses["warehouse_id"], np.array([*supply.lot_texts, ""], dtype=object)
    arrive = rows.move_day + supply.transit(rows.move_row)
    return Table(
        "transfers",
        {
            "from_warehouse_id": houses[tables.transfer_from[rows.move_row]],
            "to_warehouse_id": houses[tables.transfer_to[rows.move_row]],
            "product_id": tables.products["product_id"][tally.stock.move_product],
            "lot_id": lots[supply.lot[source]],
            "qty": rows.move_units,
            "ship_date": dates(tally, rows.move_day),
            "arrive_date": dates(tally, arrive),
            "cost": tally.stock.move_costs,
        },
    )


def fair_share(tally: Tally) -> Table:
    """One row per party that takes part."""
    shares, rule = tally.facts.shares, tally.facts.tables.fair_share["rule"]
    return Table(
        "fair_share",
        {
            "group_id": shares.names["group_id"],
            "rule": rule[shares.group],
            "party": shares.names["party"],
            "ordered_qty": shares.ordered,
            "allocated_qty": tally.party_allocated,
            "fill": Exact.ints(tally.party_allocated).over(shares.ordered),
        },
    )
