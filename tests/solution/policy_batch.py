"""One small batch with dates, lots, a kit, a substitute, a transfer and a previous plan, worked out by hand.

Day 0 is 2026-11-20. Positions: lines A1 B1 C1 D1 E1 H1 = 0..5; lanes V = 0, W = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import MovedStock, Plan
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables

LINES = [
    {"order_id": "A", "product_id": "P", "qty": 12, "unit_price": 9, "late_penalty_per_unit_day": 0.25},
    {"order_id": "B", "product_id": "P", "qty": 3, "unit_price": 10},
    {"order_id": "C", "product_id": "KIT", "qty": 4, "unit_margin": 6},
    {"order_id": "D", "product_id": "L", "qty": 6, "unit_price": 8},
    {"order_id": "E", "product_id": "L", "qty": 2, "unit_price": 8},
    {"order_id": "H", "product_id": "P", "qty": 5, "unit_price": 6},
]  # fmt: skip
ORDERS = [
    {"order_id": "A", "customer_id": "C1", "due_date": "2026-11-22", "order_date": "2026-11-19"},
    {"order_id": "B", "customer_id": "C2"},
    {"order_id": "C", "customer_id": "C2", "due_date": "2026-11-21", "cancel_date": "2026-11-21"},
    {"order_id": "D", "customer_id": "C1"},
    {"order_id": "E", "customer_id": "C2"},
    {"order_id": "H", "customer_id": "C2", "hold": "credit"},
]  # fmt: skip
PRODUCTS = [
    {"product_id": "C", "unit_cost": 1, "unit_weight_kg": 0.1},
    {"product_id": "D", "unit_cost": 2, "unit_weight_kg": 0.2},
    {"product_id": "KIT"},
    {"product_id": "L", "unit_cost": 5, "unit_weight_kg": 2, "unit_volume_m3": 0.01},
    {"product_id": "P", "unit_cost": 4, "unit_weight_kg": 0.5, "order_cost": 50, "holding_cost_per_unit_year": 2},
    {"product_id": "S", "unit_cost": 1.5, "unit_weight_kg": 1},
]  # fmt: skip
SHIPPED = [
    # line, lane, day, product (of PRODUCTS), ordered units
    (0, 0, 0, 4, 8),
    (0, 0, 2, 4, 2),
    (1, 1, 0, 5, 3),
    (2, 0, 0, 2, 4),
    (3, 1, 0, 3, 6),
    (4, 0, 1, 3, 1),
]


def policy_tables(scenario: Scenario, **more: Any) -> Tables:
    """The input of the batch; ``more`` are further tables, or others in place of these."""
    given: dict[str, Any] = {
        "orders": ORDERS,
        "order_lines": LINES,
        "customers": [{"customer_id": "C1", "tier": "GOLD"}, {"customer_id": "C2"}],
        "products": PRODUCTS,
        "warehouses": [{"warehouse_id": "V", "handling_cost_per_unit": 0.1}, {"warehouse_id": "W"}],
        "stock": [
            {"warehouse_id": "V", "product_id": "C", "on_hand_qty": 10},
            {"warehouse_id": "V", "product_id": "D", "on_hand_qty": 4},
            {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 8},
            {"warehouse_id": "W", "product_id": "L", "lot_id": "L1", "on_hand_qty": 3, "expiry_date": "2026-11-25",
             "holding_value_per_unit": 0.3},
            {"warehouse_id": "W", "product_id": "L", "lot_id": "L2", "on_hand_qty": 5, "expiry_date": "2026-12-31"},
            {"warehouse_id": "W", "product_id": "S", "on_hand_qty": 20},
        ],
        "inbound": [
            {"receipt_id": "R1", "warehouse_id": "V", "product_id": "P", "qty": 2, "available_date": "2026-11-22"},
            {"receipt_id": "R2", "warehouse_id": "V", "product_id": "P", "qty": 9, "available_date": "2026-12-22"},
        ],
        "lanes": [
            {"warehouse_id": "V", "fixed_cost": 1, "cost_per_unit": 0.2, "transit_days": 1},
            {"warehouse_id": "W", "fixed_cost": 2, "cost_per_kg": 1, "transit_days": 2, "kg_per_m3": 250},
        ],
        "substitutions": [{"product_id": "P", "substitute_id": "S", "ratio": 2, "penalty_per_unit": 0.5}],
        "kits": [
            {"product_id": "KIT", "component_id": "C", "qty": 2},
            {"product_id": "KIT", "component_id": "D", "qty": 1},
        ],
        "transfers": [
            {"from_warehouse_id": "W", "to_warehouse_id": "V", "cost_per_unit": 0.4, "cost_per_kg": 0.1,
             "fixed_cost": 3, "transit_days": 1},
        ],
        "previous": [
            {"order_id": "A", "line_id": "1", "product_id": "P", "warehouse_id": "V", "qty": 12},
            {"order_id": "B", "line_id": "1", "product_id": "P", "warehouse_id": "V", "qty": 1},
        ],
    }  # fmt: skip
    return make_tables(scenario, **given | more)


def policy_batch(**more: Any) -> Ledger:
    """The batch with its plan: A in part and partly late, B by a substitute, C a kit, D from two lots, E by a move."""
    scenario = make_scenario(
        service={"value": 2, "tier_weight": {"GOLD": 3}},
        stability={"previous_plan": "last", "cost_per_unit": 0.5},
        finance={"working_capital": 400},
    )
    tables = policy_tables(scenario, **more)
    line, lane, day, product, qty = (np.array(column) for column in zip(*SHIPPED, strict=True))
    supply = Ledger(tables, scenario, Plan(*(np.zeros(0, dtype=np.int64) for _ in range(3)))).batch.supply
    second_lot = np.flatnonzero((supply.lot == "L2") & (supply.warehouse == 1))
    one = np.array([1])
    moves = MovedStock(transfer=np.array([0]), source=second_lot, day=np.array([0]), units=one, product=np.array([3]))
    return Ledger(tables, scenario, Plan.of(line, lane, qty, day, product, moves))
