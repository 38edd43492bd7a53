"""One small batch with a plan, whose every figure is worked out by hand in the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables

LINES = [
    {"order_id": "A", "line_id": "1", "product_id": "P", "qty": 10, "unit_price": 9},
    {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 4, "unit_margin": 2.5, "weight_kg": 1,
     "x_note": "gift"},
    {"order_id": "B", "line_id": "1", "product_id": "P", "qty": 6, "unit_price": 7},
    {"order_id": "H", "line_id": "1", "product_id": "Q", "qty": 5, "unit_margin": 1},
]  # fmt: skip
SHIPPED = [(0, "V", 6), (0, "W", 4), (1, "W", 4), (2, "V", 2)]
"""(line, warehouse, units) of the plan."""


def batch(due_a: str = "2026-11-21", **service: Any) -> tuple[Tables, Scenario, Plan]:
    """``due_a`` is the due date of order A; ``service`` changes settings of the service section."""
    scenario = make_scenario(
        service={"value": 2, "tier_weight": {"GOLD": 3}} | service,
        weights={"service": 0.5, "shipping": 2},
    )
    tables = make_tables(
        scenario,
        orders=[
            {"order_id": "A", "customer_id": "C1", "due_date": due_a},
            {"order_id": "B", "customer_id": "C2", "due_date": "2026-11-22"},
            {"order_id": "H", "customer_id": "C2", "hold": "credit"},
        ],
        order_lines=LINES,
        customers=[{"customer_id": "C1", "tier": "GOLD"}, {"customer_id": "C2"}],
        products=[
            {"product_id": "P", "unit_cost": 4, "unit_weight_kg": 0.5},
            {"product_id": "Q", "unit_cost": 1, "unit_weight_kg": 1},
        ],
        warehouses=[
            {"warehouse_id": "V", "handling_cost_per_unit": 0.1, "fixed_open_cost": 7, "capacity_units": 20},
            {"warehouse_id": "W", "capacity_kg": 50},
            {"warehouse_id": "X", "capacity_units": 100, "is_open": False, "fixed_open_cost": 9},
        ],
        stock=[
            {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 8},
            {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 20},
            {"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 10},
        ],
        lanes=[
            {"warehouse_id": "V", "fixed_cost": 1, "cost_per_unit": 0.2, "cost_per_kg": 0.4, "min_charge": 3,
             "transit_days": 1},
            {"warehouse_id": "W", "fixed_cost": 2, "cost_per_kg": 1, "transit_days": 2},
        ],
        contracts=[
            {"contract_id": "K1", "product_id": "P", "min_fill_rate": 0.9, "shortfall_penalty": 1.5},
            {"contract_id": "K2", "customer_id": "C1", "min_qty": 5, "max_qty": 14},
        ],
    )  # fmt: skip
    line, house, qty = zip(*SHIPPED, strict=True)
    lane = np.array(["VW".index(name) for name in house])
    return tables, scenario, Plan.of(np.array(line), lane, np.array(qty))
