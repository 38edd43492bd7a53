"""The plan as tables of the run folder. Every column is defined in `docs/glossary.md`."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.freight import chargeable_kg
from optimizer.model.terms import unit_margin
from optimizer.solution.ledger import Ledger, quotient
from optimizer.solution.orders_table import orders
from optimizer.solution.plan import Plan
from optimizer.solution.policies import move_costs
from optimizer.tables.tables import Column, Table, Tables, Texts

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]

CAPACITY_UNITS = ("units", "lines", "shipments", "kg")


def plan_tables(tables: Tables, scenario: Scenario, plan: Plan) -> dict[str, Table]:
    """All tables that follow from the plan alone, by name."""
    return tables_of(Ledger(tables, scenario, plan))


def tables_of(ledger: Ledger) -> dict[str, Table]:
    """All tables that follow from a plan whose ledger exists already, by name."""
    makers = [allocations, orders, shipments, warehouses, transfers, contracts]
    makers += [fair_share] if len(ledger.tables.fair_share) else []
    return {table.name: table for table in (make(ledger) for make in makers)}


def allocations(ledger: Ledger) -> Table:
    """One row per plan row and source that it draws from; sorted by order, line, warehouse, service, day, product."""
    tables, plan, draws, supply = ledger.tables, ledger.plan, ledger.plan.draws, ledger.batch.supply
    line, lane, day = plan.line[draws.row], plan.lane[draws.row], plan.day[draws.row]
    served, products = ordered_by_draw(ledger), tables.products["product_id"]
    due = tables.orders["due_date"][ledger.row_order[draws.row]]
    return Table(
        "allocations",
        {
            "order_id": tables.order_lines["order_id"][line],
            "line_id": tables.order_lines["line_id"][line],
            "product_id": products[tables.line_product[line]],
            "ship_product_id": products[supply.product[draws.source]],
            "warehouse_id": tables.lanes["warehouse_id"][lane],
            "lot_id": supply.lot[draws.source],
            "service_id": tables.lanes["service_id"][lane],
            "ship_date": ledger.date(day),
            "arrive_date": ledger.arrival(lane, day),
            "qty": draws.units,
            "ordered_qty_served": served,
            "margin": unit_margin(tables)[line] * served,
            "service_value": _service(ledger, served),
            "variable_cost": _variable_cost(ledger, served),
            "days_late": ledger.row_days_late[draws.row],
        },
        filled={"days_late": ~np.isnat(due)},
        extra=carried(tables, line),
    )


def ordered_by_draw(ledger: Ledger) -> Ints:
    """Ordered units that each draw serves; a kit counts on the first of its draws."""
    offers, plan, row = ledger.batch.offers, ledger.plan, ledger.plan.draws.row
    of_kit = np.where(_first_draws(ledger), plan.qty[row], 0)
    served = np.where(
        offers.recipes.is_kit[plan.product[row]], of_kit, offers.ordered(ledger.row_offer[row], plan.draws.units)
    )
    return np.asarray(served, dtype=np.int64)


def _first_draws(ledger: Ledger) -> NDArray[np.bool_]:
    return np.asarray(np.diff(ledger.plan.draws.row, prepend=-1) != 0)


def _service(ledger: Ledger, served: Ints) -> Exact:
    """The service term where it is earned: on units, or on the first draw of a full line or order."""
    row = ledger.plan.draws.row
    if ledger.scenario.service.measure != "unit":
        return ledger.row_service[row] * _first_draws(ledger)
    weight = ledger.order_weight[ledger.row_order[row]]
    return weight * Exact.full(len(row), ledger.scenario.service.value) * served


def _variable_cost(ledger: Ledger, served: Ints) -> Exact:
    """What varies with the units of each draw: handling, and freight by unit and by kg where the lane has no tariff."""
    batch, plan, row = ledger.batch, ledger.plan, ledger.plan.draws.row
    lane = plan.lane[row]
    handling: Exact = ledger.tables.warehouses["handling_cost_per_unit"]
    by_unit = batch.lane_cost("cost_per_unit")[lane] + handling[ledger.row_warehouse[row]]
    kg = quotient(chargeable_kg(batch, ledger.row_offer[row], lane).times(served))
    return by_unit * plan.draws.units + batch.lane_cost("cost_per_kg")[lane] * kg


def carried(tables: Tables, line: Ints) -> dict[str, Texts]:
    """The x_ columns of the order lines, for a row per line."""
    return {name: values[line] for name, values in tables.order_lines.extra.items()}


def shipments(ledger: Ledger) -> Table:
    """One row per order, warehouse, service and day that ships."""
    tables, ships = ledger.tables, ledger.shipments
    columns: dict[str, Column] = {
        "order_id": tables.orders["order_id"][ships.order],
        "warehouse_id": tables.lanes["warehouse_id"][ships.lane],
        "service_id": tables.lanes["service_id"][ships.lane],
        "ship_date": ledger.date(ships.day),
        "lines": ships.lines,
        "units": ships.units,
        "weight_kg": ships.kg,
        "chargeable_kg": ships.chargeable,
        "fixed_cost": ships.fixed,
        "variable_cost": ships.freight - ships.fixed,
    }
    return Table("shipments", {"shipment_id": _shipment_ids(ledger), **columns})


def _shipment_ids(ledger: Ledger) -> Texts:
    """order/warehouse/service, with the date unless all of it leaves on `as_of`."""
    tables, ships = ledger.tables, ledger.shipments
    name = tables.orders["order_id"][ships.order] + "/" + tables.lanes["warehouse_id"][ships.lane]
    name = name + "/" + tables.lanes["service_id"][ships.lane]
    way = ships.order * len(tables.lanes) + ships.lane
    days = np.bincount(np.unique(way, return_inverse=True)[1].reshape(-1))
    alone = days[np.unique(way, return_inverse=True)[1].reshape(-1)] == 1
    if not len(ships):
        return np.asarray(name, dtype=object)
    dated = name + "/" + ledger.date(ships.day).astype(str).astype(object)
    return np.asarray(np.where((ships.day == 0) & alone, name, dated), dtype=object)


def warehouses(ledger: Ledger) -> Table:
    """One row per warehouse: whether it ships, what it uses of each capacity, and its own costs."""
    houses, size = ledger.tables.warehouses, len(ledger.tables.warehouses)
    of_row, of_shipment = ledger.row_warehouse, ledger.shipment_warehouse
    used: dict[str, Ints | Exact] = {
        "units": ledger.warehouse_units,
        "lines": np.bincount(of_row[ledger.picks], minlength=size).astype(np.int64),
        "shipments": np.bincount(of_shipment, minlength=size).astype(np.int64),
        "kg": ledger.row_kg.sum_by(of_row, size),
    }
    columns: dict[str, Column] = {"warehouse_id": houses["warehouse_id"], "opened": ledger.warehouse_opened}
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


def fair_share(ledger: Ledger) -> Table:
    """One row per party of a fair share that takes part: what it ordered, what it gets, and its fill."""
    table, shares = ledger.tables.fair_share, ledger.batch.shares
    got = shares.allocated(ledger.allocated)
    fills = map(Fraction, got.tolist(), shares.ordered.tolist())
    columns: dict[str, Column] = {
        "group_id": table["group_id"][shares.group],
        "rule": table["rule"][shares.group],
        "party": shares.name,
        "ordered_qty": shares.ordered,
        "allocated_qty": got,
        "fill": Exact.of(fills),
    }
    return Table("fair_share", columns)


def transfers(ledger: Ledger) -> Table:
    """One row per move between warehouses, sorted by both of them, product, lot and day."""
    tables, moves, supply = ledger.tables, ledger.plan.moves, ledger.batch.supply
    table, lot = tables.transfers, supply.lot[moves.source]
    lot_rank = np.unique(lot.astype(str), return_inverse=True)[1].reshape(-1)
    house = tables.transfer_from[moves.transfer], tables.transfer_to[moves.transfer]
    order = np.lexsort((moves.day, lot_rank, moves.product, *house[::-1]))
    leaves = ledger.date(moves.day)
    columns: dict[str, Column] = {
        "from_warehouse_id": table["from_warehouse_id"][moves.transfer],
        "to_warehouse_id": table["to_warehouse_id"][moves.transfer],
        "product_id": tables.products["product_id"][moves.product],
        "lot_id": lot,
        "qty": moves.units,
        "ship_date": leaves,
        "arrive_date": leaves + table["transit_days"][moves.transfer].astype("timedelta64[D]"),
        "cost": move_costs(ledger),
    }
    return Table("transfers", {name: column[order] for name, column in columns.items()})
