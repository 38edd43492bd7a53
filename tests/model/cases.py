"""For each family of rows a batch of a few lines in which it stands, a plan that keeps it, one that breaks it, and a
change without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from optimizer.model.build import Model, build_model
from optimizer.model.goals import StageRow
from tests.builders import AS_OF, make_scenario, make_tables
from tests.model.solving import Ship

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """``absent`` replaces tables, or the settings of the scenario under the name ``scenario``.

    ``moves``: units by (from, to) warehouse, in both plans. ``stages``: what stages that are behind keep.
    """

    tables: dict[str, Rows]
    kept: Ship
    broken: Ship
    absent: dict[str, Any]
    scenario: dict[str, Any] = field(default_factory=dict)
    broken_columns: dict[str, float] = field(default_factory=dict)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)
    stages: tuple[StageRow, ...] | None = None

    def model(self, *, absent: bool = False) -> Model:
        changes = dict(self.absent) if absent else {}
        scenario = make_scenario(**changes.pop("scenario", self.scenario))
        stages = None if absent else self.stages
        return build_model(make_tables(scenario, **(self.tables | changes)), scenario, stages=stages)


def line(order: str, qty: int, number: str = "1", product: str = "P", **more: Any) -> dict[str, Any]:
    return {"order_id": order, "line_id": number, "product_id": product, "qty": qty, "unit_margin": 5} | more


def stock(warehouse: str, qty: int, product: str = "P") -> dict[str, Any]:
    return {"warehouse_id": warehouse, "product_id": product, "on_hand_qty": qty}


def lane(warehouse: str, **more: Any) -> dict[str, Any]:
    return {"warehouse_id": warehouse} | more


def today(**more: Any) -> dict[str, Any]:
    return {"warehouse_id": "W1", "date": AS_OF} | more


TWO = {"order_lines": [line("A", 3), line("B", 4)], "stock": [stock("W1", 5), stock("W2", 5)]}
FREE = [lane("W1"), lane("W2")]
PAID = [lane("W1", fixed_cost=2), lane("W2", fixed_cost="3.5")]
HEAVY = [{"product_id": "P", "unit_weight_kg": "0.25"}]
EXPRESS = [lane("W1"), lane("W1", service_id="express", cost_per_unit=1)]

CASES: dict[str, Case] = {
    "line_demand": Case(
        {"order_lines": [line("A", 3)], "stock": [stock("W1", 2), stock("W2", 2)]},
        kept={("A", "1", "W1"): 2, ("A", "1", "W2"): 1},
        broken={("A", "1", "W1"): 2, ("A", "1", "W2"): 2},
        absent={"order_lines": [line("A", 4)]},
    ),
    "shipment_link": Case(
        TWO | {"lanes": PAID},
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"open_shipment": 0.5},
        absent={"lanes": FREE},
    ),
    "line_link": Case(
        {
            "order_lines": [line("A", 3)],
            "stock": [stock("W1", 2) | {"lot_id": name} for name in ("L1", "L2")],
            "lanes": [lane("W1", fixed_cost=1)],
        },
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"open_shipment": 0.9},
        absent={"order_lines": [line("A", 4)]},
    ),
    "minimum_charge": Case(
        TWO | {"lanes": [lane("W1", fixed_cost=1, cost_per_unit="0.5", min_charge=3), lane("W2")]},
        kept={("A", "1", "W1"): 2},
        broken={("A", "1", "W1"): 2},
        broken_columns={"charge_topup": 0.5},
        absent={"lanes": [lane("W1", fixed_cost=3, min_charge=3), lane("W2")]},
    ),
    "delivery_policy": Case(
        {
            "orders": [
                {"order_id": "A", "delivery_policy": "order_complete"},
                {"order_id": "B", "delivery_policy": "line_complete"},
            ],
            "order_lines": [line("A", 3), line("A", 2, "2"), line("B", 4)],
            "stock": [stock("W1", 5), stock("W2", 5)],
        },
        kept={("A", "1", "W1"): 3, ("A", "2", "W1"): 1, ("A", "2", "W2"): 1},
        broken={("A", "1", "W1"): 3},
        absent={"orders": [{"order_id": "A"}, {"order_id": "B"}]},
    ),
    "min_fill": Case(
        {"order_lines": [line("A", 4, min_fill_qty=3)], "stock": [stock("W1", 5), stock("W2", 5)]},
        kept={("A", "1", "W1"): 1, ("A", "1", "W2"): 2},
        broken={("A", "1", "W1"): 2},
        absent={"order_lines": [line("A", 4, min_fill_qty=1)]},
    ),
    "lot_multiple": Case(
        {"order_lines": [line("A", 5, lot_multiple=2)], "stock": [stock("W1", 9)], "lanes": EXPRESS},
        kept={("A", "1", "W1"): 1, ("A", "1", "W1", "express"): 3},
        broken={("A", "1", "W1"): 1, ("A", "1", "W1", "express"): 2},
        absent={"lanes": [lane("W1")]},
    ),
    "kit_draw": Case(
        {
            "order_lines": [line("A", 2, product="K")],
            "kits": [{"product_id": "K", "component_id": "P", "qty": 2}],
            "stock": [stock("W1", 3) | {"lot_id": "L1"}, stock("W1", 3) | {"lot_id": "L2"}],
        },
        kept={("A", "1", "W1"): 2},
        broken={("A", "1", "W1"): 2},
        broken_columns={"kit_draw": 1},
        absent={"stock": [stock("W1", 6) | {"lot_id": "L1"}]},
    ),
    "max_shipments": Case(
        {
            "orders": [{"order_id": "A", "max_shipments": 1}],
            "order_lines": [line("A", 3), line("A", 2, "2")],
            "stock": [stock("W1", 5), stock("W2", 5)],
        },
        kept={("A", "1", "W1"): 3, ("A", "2", "W1"): 2},
        broken={("A", "1", "W1"): 3, ("A", "2", "W2"): 2},
        absent={"orders": [{"order_id": "A", "max_shipments": 2}]},
    ),
    "line_pick": Case(
        {
            "warehouses": [{"warehouse_id": "W1", "capacity_lines": 1}],
            "order_lines": [line("A", 3), line("A", 2, "2")],
            "stock": [stock("W1", 5)],
        },
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"pick_line": 0.5},
        absent={"warehouses": [{"warehouse_id": "W1", "capacity_lines": 3}]},
    ),
    "service_full": Case(
        TWO,
        scenario={"service": {"measure": "line", "value": 2}},
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 2},
        broken_columns={"line_full": 1},
        absent={"scenario": {"service": {"measure": "unit", "value": 2}}},
    ),
    "pins": Case(
        TWO
        | {
            "pins": [
                {"order_id": "A", "line_id": "1", "warehouse_id": "W2", "mode": "exactly", "qty": 2},
                {"order_id": "B", "line_id": "1", "warehouse_id": "W1", "mode": "at_least", "qty": 1},
            ]
        },
        kept={("A", "1", "W2"): 2, ("B", "1", "W1"): 3},
        broken={("A", "1", "W2"): 1, ("B", "1", "W1"): 3},
        absent={"pins": [{"order_id": "A", "line_id": "1", "warehouse_id": "W2", "mode": "at_most", "qty": 2}]},
    ),
    "warehouse_stock": Case(
        TWO,
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 3},
        absent={"stock": [stock("W1", 8), stock("W2", 8)]},
    ),
    "lot_stock": Case(
        TWO | {"stock": [stock("W1", 2) | {"lot_id": "L1"}, stock("W1", 4) | {"lot_id": "L2"}, stock("W2", 5)]},
        kept={("A", "1", "W1"): 2, ("B", "1", "W1"): 4},
        broken={("A", "1", "W1"): 2},
        broken_columns={"ship_qty": 2},
        absent={"stock": [stock("W1", 6) | {"lot_id": "L1"}, stock("W2", 5)]},
    ),
    "warehouse_capacity_units": Case(
        TWO | {"warehouses": [{"warehouse_id": "W1", "capacity_units": 4}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"warehouses": [{"warehouse_id": "W1", "capacity_units": 8}, {"warehouse_id": "W2"}]},
    ),
    "warehouse_capacity_lines": Case(
        TWO | {"warehouses": [{"warehouse_id": "W1", "capacity_lines": 1}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W2"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        absent={"warehouses": [{"warehouse_id": "W1", "capacity_lines": 3}, {"warehouse_id": "W2"}]},
    ),
    "warehouse_capacity_shipments": Case(
        TWO | {"warehouses": [{"warehouse_id": "W1", "capacity_shipments": 1}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W2"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        absent={"warehouses": [{"warehouse_id": "W1", "capacity_shipments": 3}, {"warehouse_id": "W2"}]},
    ),
    "warehouse_capacity_kg": Case(
        TWO | {"products": HEAVY, "warehouses": [{"warehouse_id": "W1", "capacity_kg": "1.1"}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"warehouses": [{"warehouse_id": "W1", "capacity_kg": 3}, {"warehouse_id": "W2"}]},
    ),
    "lane_capacity_units": Case(
        TWO | {"lanes": [lane("W1", capacity_units=4), lane("W2")]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"lanes": [lane("W1", capacity_units=8), lane("W2")]},
    ),
    "lane_capacity_kg": Case(
        TWO | {"products": HEAVY, "lanes": [lane("W1", capacity_kg=1), lane("W2")]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"lanes": [lane("W1", capacity_kg=3), lane("W2")]},
    ),
    "lane_capacity_shipments": Case(
        TWO | {"lanes": [lane("W1", capacity_shipments=1), lane("W2")]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W2"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        absent={"lanes": [lane("W1", capacity_shipments=3), lane("W2")]},
    ),
    "day_capacity_units": Case(
        TWO | {"calendar": [today(capacity_units=4)]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1, ("B", "1", "W1", "standard", "1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"calendar": [today(capacity_units=8)]},
    ),
    "day_capacity_lines": Case(
        TWO | {"calendar": [today(capacity_lines=1)]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1", "standard", "1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        absent={"calendar": [today(capacity_lines=3)]},
    ),
    "day_capacity_shipments": Case(
        TWO | {"calendar": [today(capacity_shipments=1)]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1", "standard", "1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        absent={"calendar": [today(capacity_shipments=3)]},
    ),
    "day_capacity_kg": Case(
        TWO | {"products": HEAVY, "calendar": [today(capacity_kg="1.1")]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"calendar": [today(capacity_kg=3)]},
    ),
    "contract_minimum": Case(
        TWO
        | {"contracts": [{"contract_id": "K", "order_id": "B", "min_fill_rate": "0.6", "shortfall_penalty": "2.5"}]},
        kept={("B", "1", "W1"): 1},
        broken={("B", "1", "W1"): 1},
        broken_columns={"contract_shortfall": 1},
        absent={"contracts": [{"contract_id": "K", "order_id": "B", "min_fill_rate": "0.6", "shortfall_penalty": 0}]},
    ),
    "contract_quota": Case(
        TWO | {"contracts": [{"contract_id": "K", "max_qty": 4}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W2"): 2},
        absent={"contracts": [{"contract_id": "K", "max_qty": 8}]},
    ),
    "service_floor": Case(
        TWO | {"customers": [{"customer_id": "C", "service_weight": "1.5"}]},
        scenario={"service": {"min_level": {"overall": 0.5}}},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3},
        absent={"scenario": {}},
    ),
    "warehouse_opening": Case(
        TWO | {"warehouses": [{"warehouse_id": "W1", "fixed_open_cost": 6}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"open_warehouse": 0.5},
        absent={"warehouses": [{"warehouse_id": "W1", "fixed_open_cost": 0}, {"warehouse_id": "W2"}]},
    ),
    "objective_stage": Case(
        TWO | {"lanes": PAID},
        scenario={
            "objective": {
                "mode": "floor",
                "floors": [{"kpi": "weighted_service_level", "min": 0.5}, {"kpi": "shipping_cost", "max": 6}],
            }
        },
        kept={("A", "1", "W1"): 1, ("B", "1", "W2"): 3},
        broken={("A", "1", "W1"): 3, ("A", "1", "W2"): 0, ("B", "1", "W2"): 3, ("B", "1", "W1"): 1},
        absent={"scenario": {}},
    ),
    "warehouse_opening_units": Case(
        TWO | {"warehouses": [{"warehouse_id": "W1", "fixed_open_cost": 6}, {"warehouse_id": "W2"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        broken_columns={"open_warehouse": 0.75, "open_shipment": 0.75},
        absent={"stock": [stock("W1", 8), stock("W2", 5)]},
    ),
}
