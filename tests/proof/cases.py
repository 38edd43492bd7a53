"""Random tiny batches as tables, and random prices of the right sign for their coupling rows."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from optimizer.exact import decimal_text
from optimizer.proof.priced_rows import AT_LEAST, KEYS
from tests.brute_force import Batch
from tests.builders import AS_OF
from tests.instances import Case

LIMITS = ("units", "lines", "shipments", "kg")


def coupling_rows(case: Case) -> list[tuple[str, tuple[str, ...]]]:
    """Every row that may carry a price, straight from the rows of the case."""
    tables = case["tables"]
    rows: list[tuple[str, tuple[str, ...]]] = []
    for stock in tables["stock"]:
        rows.append(("warehouse_stock", (stock["warehouse_id"], stock["product_id"], AS_OF.isoformat())))
    for unit in LIMITS:
        for house in tables["warehouses"]:
            if house.get(f"capacity_{unit}") is not None:
                rows.append((f"warehouse_capacity_{unit}", (house["warehouse_id"],)))
        for lane in tables["lanes"]:
            if lane.get(f"capacity_{unit}") is not None:
                rows.append((f"lane_capacity_{unit}", (lane["warehouse_id"], lane["zone_id"], lane["service_id"])))
    for rule in tables.get("contracts", ()):
        if rule.get("max_qty") is not None:
            rows.append(("contract_quota", (rule["contract_id"],)))
        if rule.get("min_qty") is not None or rule.get("min_fill_rate") is not None:
            rows.append(("contract_minimum", (rule["contract_id"],)))
    rows += [("service_floor", (scope,)) for scope in case["scenario"].get("service.min_level", {})]
    return rows + openings(case)


def openings(case: Case) -> list[tuple[str, tuple[str, ...]]]:
    """(order, warehouse, service) of costly warehouses that reach the order's zone by one service only."""
    batch, rows = Batch(case), []
    if not batch.weight["shipping"]:
        return []
    for order, row in batch.orders.items():
        lanes = [lane for lane in batch.rows["lanes"] if lane["zone_id"] == row["zone_id"]]
        for lane in lanes:
            alone = sum(other["warehouse_id"] == lane["warehouse_id"] for other in lanes) == 1
            if alone and batch.warehouses[lane["warehouse_id"]].get("fixed_open_cost"):
                key = (order, lane["warehouse_id"], lane["service_id"], AS_OF.isoformat())
                rows.append(("warehouse_opening", key))
    return rows


def random_prices(case: Case, rng: random.Random, density: float = 0.6) -> dict[str, Any]:
    """A certificate with prices of the right sign on some of the coupling rows."""
    prices: dict[str, Any] = {}
    for family, key in coupling_rows(case):
        if rng.random() < density:
            size = Fraction(rng.randint(1, 500), rng.choice([100, 1, 1000]) * 100)
            text = decimal_text(-size if family in AT_LEAST else size)
            prices.setdefault(family, {"keys": KEYS[family], "rows": []})["rows"].append([*key, text])
    return {"schema_version": 1, "sense": "max", "prices": prices}


def price_of_use(certificate: dict[str, Any], order: str) -> dict[Any, Fraction]:
    """Prices by the names that the exhaustive search gives to resources."""
    names: dict[Any, Fraction] = {}
    for family, listed in certificate["prices"].items():
        for *key, price in listed["rows"]:
            kind, _, unit = family.partition("_capacity_")
            if unit:
                names[(kind, *key, f"capacity_{unit}")] = Fraction(price)
            elif family == "warehouse_stock":
                names[("stock", *key[:2])] = Fraction(price)
            elif family == "service_floor":
                names[("floor", *key)] = Fraction(price)
            elif family == "warehouse_opening":
                if key[0] == order:
                    names["open", key[1]] = Fraction(price)
            else:
                names["contract", key[0]] = names.get(("contract", key[0]), Fraction(0)) + Fraction(price)
    return names
