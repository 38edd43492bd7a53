"""A small sound batch to break in one place at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimizer.errors import InputError, Issue
from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables
from optimizer.tables.tables import Tables
from tests.builders import write_case

GOOD: dict[str, list[dict[str, Any]]] = {
    "orders": [
        {"order_id": "O1", "customer_id": "C1", "zone_id": "north", "channel": "web", "order_date": "2026-11-01",
         "due_date": "2026-11-25"},
        {"order_id": "O2", "customer_id": "C2", "zone_id": "south", "channel": "store", "hold": ""},
    ],
    "order_lines": [
        {"order_id": "O1", "line_id": "1", "product_id": "P1", "qty": "12", "unit_price": "10.50"},
        {"order_id": "O1", "line_id": "2", "product_id": "P2", "qty": "5", "unit_price": "3"},
        {"order_id": "O2", "line_id": "1", "product_id": "P1", "qty": "6", "unit_price": "9.99"},
    ],
    "products": [
        {"product_id": "P1", "family": "chairs", "unit_cost": "4", "unit_weight_kg": "2.5", "case_pack": "6"},
        {"product_id": "P2", "family": "lamps", "unit_cost": "1.10", "unit_weight_kg": "0.8"},
    ],
    "customers": [
        {"customer_id": "C1", "tier": "gold", "segment": "retail"},
        {"customer_id": "C2", "tier": "basic", "segment": "public"},
    ],
    "warehouses": [{"warehouse_id": "W1"}, {"warehouse_id": "W2", "is_open": "true"}],
    "stock": [
        {"warehouse_id": "W1", "product_id": "P1", "on_hand_qty": "20", "reserved_qty": "2"},
        {"warehouse_id": "W2", "product_id": "P2", "on_hand_qty": "9"},
    ],
    "lanes": [
        {"warehouse_id": "W1", "zone_id": "north", "service_id": "standard", "cost_per_unit": "0.5"},
        {"warehouse_id": "W2", "zone_id": "north", "service_id": "express", "service_level": "fast"},
        {"warehouse_id": "W1", "zone_id": "south", "service_id": "standard"},
    ],
    "contracts": [{"contract_id": "K1", "tier": "gold", "min_qty": "3", "shortfall_penalty": "2"}],
    "eligibility": [{"rule_id": "R1", "warehouse_id": "W2", "family": "chairs", "mode": "forbid"}],
    "pins": [{"order_id": "O1", "line_id": "1", "warehouse_id": "W1", "mode": "at_least", "qty": "6"}],
}  # fmt: skip


def good() -> dict[str, list[dict[str, Any]]]:
    return copy.deepcopy(GOOD)


def load(path: Path, **options: Any) -> tuple[Tables, list[Issue]]:
    return load_tables(load_scenario(path, **options))


def findings(path: Path, **options: Any) -> tuple[list[Issue], list[Issue]]:
    """Errors and warnings of a scenario."""
    try:
        _, warnings = load(path, **options)
    except InputError as error:
        return error.issues, error.warnings
    return [], warnings


def of_case(folder: Path, tables: Mapping[str, Any], scenario: Mapping[str, Any] | None = None) -> list[Issue]:
    """All findings of a case, errors first."""
    errors, warnings = findings(write_case(folder, tables, scenario))
    return [*errors, *warnings]


def with_file(folder: Path, name: str, content: bytes, scenario: Mapping[str, Any] | None = None) -> list[Issue]:
    """All findings when one table's file has these bytes."""
    path = write_case(folder, good(), scenario)
    (folder / f"{name}.csv").write_bytes(content)
    errors, warnings = findings(path)
    return [*errors, *warnings]


def codes(issues: list[Issue]) -> set[str]:
    return {issue.code for issue in issues}


POLICIES: dict[str, list[dict[str, Any]]] = {
    **GOOD,
    "orders": [
        {**GOOD["orders"][0], "cancel_date": "2026-12-10"},
        {**GOOD["orders"][1], "frozen": "true"},
        {"order_id": "O3", "customer_id": "C2", "zone_id": "south"},
    ],
    "order_lines": [
        *({**row, "late_penalty_per_unit_day": "0.5"} for row in GOOD["order_lines"]),
        {"order_id": "O3", "line_id": "1", "product_id": "K", "qty": "2", "unit_margin": "8"},
    ],
    "products": [
        *({**row, "unit_volume_m3": "0.01", "order_cost": "40"} for row in GOOD["products"]),
        {"product_id": "P3", "family": "lamps", "unit_cost": "0.9", "unit_weight_kg": "0.5", "unit_volume_m3": "0.01"},
        {"product_id": "K", "family": "sets"},
    ],
    "customers": [
        {**GOOD["customers"][0], "credit_limit": "500", "min_remaining_life_days": "3"},
        GOOD["customers"][1],
    ],
    "stock": [
        *GOOD["stock"],
        {"warehouse_id": "W1", "product_id": "P2", "lot_id": "L1", "on_hand_qty": "4", "expiry_date": "2026-12-20",
         "holding_value_per_unit": "0.2"},
        {"warehouse_id": "W1", "product_id": "P2", "lot_id": "L2", "on_hand_qty": "4", "reserved_qty": "5"},
    ],
    "lanes": [{**GOOD["lanes"][0], "kg_per_m3": "200"}, *GOOD["lanes"][1:]],
    "inbound": [{"receipt_id": "R1", "warehouse_id": "W1", "product_id": "P1", "qty": "10",
                 "available_date": "2026-11-25"}],
    "rate_bands": [
        {"warehouse_id": "W2", "zone_id": "north", "service_id": "express", "rate_id": "a", "from_kg": "0",
         "to_kg": "10", "flat_cost": "5"},
        {"warehouse_id": "W2", "zone_id": "north", "service_id": "express", "rate_id": "b", "from_kg": "10",
         "cost_per_kg": "0.4", "min_charge": "6"},
    ],
    "reserves": [{"reserve_id": "V1", "tier": "gold", "warehouse_id": "W1", "product_id": "P1", "qty": "5"}],
    "calendar": [
        {"warehouse_id": "W1", "date": "2026-11-21", "is_working": "false"},
        {"warehouse_id": "W1", "date": "2026-11-23", "capacity_units": "100"},
    ],
    "substitutions": [{"product_id": "P2", "substitute_id": "P3", "ratio": "2", "penalty_per_unit": "0.1",
                       "customer_id": "C1"}],
    "kits": [{"product_id": "K", "component_id": "P1", "qty": "1"}, {"product_id": "K", "component_id": "P2",
                                                                     "qty": "2"}],
    "transfers": [{"from_warehouse_id": "W2", "to_warehouse_id": "W1", "product_id": "P2", "fixed_cost": "3",
                   "transit_days": "2"}],
    "budgets": [
        {"budget_id": "B1", "kind": "shipping_cost", "channel": "web", "limit": "100"},
        {"budget_id": "B2", "kind": "stock_value", "family": "sets", "limit": "1000"},
        {"budget_id": "B3", "kind": "transfer_cost", "limit": "50"},
        {"budget_id": "B4", "kind": "transfer_cost", "product_id": "P1", "limit": "5"},
    ],
    "fair_share": [{"group_id": "G1", "product_id": "P1", "between": "customer", "rule": "max_min"}],
    "history": [{"date": "2026-11-01", "product_id": "P1", "qty": "7"}, {"date": "2026-11-01", "product_id": "gone",
                                                                        "zone_id": "north", "qty": "2"}],
    "pins": [
        *GOOD["pins"],
        {"order_id": "O1", "line_id": "2", "warehouse_id": "W1", "mode": "at_least", "qty": "2",
         "ship_date": "2026-11-23", "lot_id": "L1"},
    ],
}  # fmt: skip
"""A sound batch that uses every table."""

NEAR = {"stability": {"previous_plan": "last", "cost_per_unit": 1}}
"""The settings that go with it."""

LAST = [
    {"order_id": "O2", "line_id": "1", "product_id": "P1", "ship_product_id": "P1", "warehouse_id": "W1", "lot_id": "",
     "service_id": "standard", "ship_date": "2026-11-19", "arrive_date": "2026-11-20", "qty": "6",
     "ordered_qty_served": "6", "margin": "35.94", "days_late": ""},
]  # fmt: skip
"""The allocations of the plan that it is to stay near to."""


def policies() -> dict[str, list[dict[str, Any]]]:
    return copy.deepcopy(POLICIES)


def write_last(folder: Path, rows: list[dict[str, Any]] | None = None) -> None:
    """The previous plan as a run folder beside the scenario."""
    rows = LAST if rows is None else rows
    (folder / "last").mkdir(parents=True, exist_ok=True)
    lines = [",".join(rows[0] if rows else LAST[0]), *(",".join(str(cell) for cell in row.values()) for row in rows)]
    (folder / "last" / "allocations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
