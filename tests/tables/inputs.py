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
