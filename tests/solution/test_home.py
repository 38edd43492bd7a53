"""Home warehouses against a plain reckoning in fractions, one order, lane and line after the other."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.model.batch import Batch
from optimizer.scenario.schema import Scenario
from optimizer.solution.home import Homes, shipment_cost, usable_lanes
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables

PRODUCTS = ("K", "P", "Q", "R")
HOUSES = ("U", "V", "W")


def cents(rng: random.Random, most: int) -> Decimal:
    return Decimal(rng.randrange(most)) / 100


def drawn(seed: int) -> tuple[dict[str, list[dict[str, Any]]], Scenario]:
    """A few orders over three warehouses; K is a kit of P and Q."""
    rng = random.Random(seed)
    orders = [
        {"order_id": f"O{at}", "zone_id": rng.choice("YZ"), "service_id": rng.choice(["", "", "fast"]),
         "priority": rng.randint(1, 3)} for at in range(6)
    ]  # fmt: skip
    lines = [
        {"order_id": order["order_id"], "line_id": at, "product_id": rng.choice(PRODUCTS), "qty": rng.randint(1, 12),
         "unit_margin": cents(rng, 900) - 2, "lot_multiple": rng.choice([1, 1, 3])}
        for order in orders for at in range(rng.randint(1, 3))
    ]  # fmt: skip
    lanes = [
        {"warehouse_id": house, "zone_id": zone, "service_id": service, "fixed_cost": cents(rng, 900),
         "cost_per_unit": cents(rng, 90), "cost_per_kg": cents(rng, 90), "kg_per_m3": rng.choice([None, None, 200]),
         "min_charge": rng.choice([0, cents(rng, 2000)])}
        for house in HOUSES for zone in "YZ" for service in ("fast", "slow") if rng.random() < 0.8
    ]  # fmt: skip
    bands = [
        {"warehouse_id": lane["warehouse_id"], "zone_id": lane["zone_id"], "service_id": lane["service_id"],
         "rate_id": f"R{at}", "from_kg": start, "to_kg": end, "flat_cost": cents(rng, 500),
         "cost_per_kg": cents(rng, 99)}
        for lane in lanes if rng.random() < 0.3 for at, (start, end) in enumerate(((0, 5), (5, 9)))
    ]  # fmt: skip
    stock = [
        {"warehouse_id": house, "product_id": product, "on_hand_qty": rng.randrange(12),
         "reserved_qty": rng.randrange(4)}
        for house in HOUSES for product in "PQR"
    ]  # fmt: skip
    tables = {
        "orders": orders,
        "order_lines": lines,
        "lanes": lanes,
        "stock": stock,
        "rate_bands": bands,
        "products": [
            {"product_id": product, "unit_weight_kg": rng.choice(["0.5", "1.25"]), "unit_volume_m3": "0.01",
             "case_pack": rng.choice([1, 1, 2])} for product in "PQR"
        ] + [{"product_id": "K"}],
        "kits": [{"product_id": "K", "component_id": part, "qty": qty} for part, qty in (("P", 2), ("Q", 1))],
        "warehouses": [
            {"warehouse_id": house, "is_open": rng.random() < 0.9, "handling_cost_per_unit": cents(rng, 50)}
            for house in HOUSES
        ],
        "inbound": [
            {"receipt_id": "R1", "warehouse_id": "V", "product_id": "R", "qty": 5, "available_date": "2026-12-01"}
        ],
        "eligibility": [{"rule_id": "E", "warehouse_id": "U", "mode": "forbid", "product_id": "R"}],
    }  # fmt: skip
    service = {"measure": rng.choice(["unit", "line", "order"]), "value": 2, "priority_weight": {1: 3}}
    weights = {"margin": rng.choice([1, 2]), "service": 1, "shipping": rng.choice([1, Decimal("0.5")])}
    return tables, make_scenario(service=service, weights=weights)


def most_of(made: dict[str, list[dict[str, Any]]], house: str, product: str) -> int:
    if product == "K":
        return min(most_of(made, house, "P") // 2, most_of(made, house, "Q"))
    have = next(r["on_hand_qty"] - r["reserved_qty"] for r in made["stock"]
                if (r["warehouse_id"], r["product_id"]) == (house, product))  # fmt: skip
    later = have + (5 if (house, product) == ("V", "R") else 0)
    return max(have, later, 0)


def reckoned(made: dict[str, list[dict[str, Any]]], scenario: Scenario, order: dict[str, Any]) -> dict[str, Fraction]:
    """The worth of each warehouse's best lane for the order."""
    found: dict[str, Fraction] = {}
    products = {row["product_id"]: row for row in made["products"]}
    shut = {row["warehouse_id"] for row in made["warehouses"] if not row["is_open"]}
    handling = {row["warehouse_id"]: Fraction(row["handling_cost_per_unit"]) for row in made["warehouses"]}
    own = [line for line in made["order_lines"] if line["order_id"] == order["order_id"]]
    for lane in made["lanes"]:
        house = lane["warehouse_id"]
        if lane["zone_id"] != order["zone_id"] or house in shut or order["service_id"] not in ("", lane["service_id"]):
            continue
        units, kg, margin, served, full = 0, Fraction(0), Fraction(0), 0, 0
        for line in own:
            if house == "U" and line["product_id"] == "R":
                continue
            step = int(np.lcm(products[line["product_id"]].get("case_pack", 1), line["lot_multiple"]))
            got = min(line["qty"], most_of(made, house, line["product_id"])) // step * step
            parts = {"P": 2, "Q": 1} if line["product_id"] == "K" else {line["product_id"]: 1}
            weight = sum(Fraction(products[part]["unit_weight_kg"]) * many for part, many in parts.items())
            volume = Fraction(sum(parts.values()), 100)
            kg += got * max(weight, volume * (lane["kg_per_m3"] or 0))
            units += got * sum(parts.values())
            margin += Fraction(line["unit_margin"]) * got
            served, full = served + got, full + (got == line["qty"])
        bands = [
            b for b in made["rate_bands"] if all(b[k] == lane[k] for k in ("warehouse_id", "zone_id", "service_id"))
        ]
        holds = [b for b in bands if b["from_kg"] <= kg <= b["to_kg"]]
        if not units or (bands and not holds):
            continue
        freight = max(
            Fraction(lane["min_charge"]),
            Fraction(lane["fixed_cost"]) + Fraction(lane["cost_per_unit"]) * units + Fraction(lane["cost_per_kg"]) * kg,
        )
        if bands:
            freight = min(Fraction(b["flat_cost"]) + Fraction(b["cost_per_kg"]) * kg for b in holds)
        counted = {"unit": served, "line": full, "order": int(full == len(own))}[scenario.service.measure]
        worth = Fraction(scenario.weights.margin) * margin + 2 * (3 if order["priority"] == 1 else 1) * counted
        worth -= Fraction(scenario.weights.shipping) * (freight + handling[house] * units)
        found[house] = max(worth, found.get(house, worth))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_homes_against_a_plain_reckoning(seed: int) -> None:
    made, scenario = drawn(seed)
    tables = make_tables(scenario, **made)
    homes = Homes.of(Batch(tables, scenario))
    names = tables.warehouses["warehouse_id"]
    for at, order in enumerate(made["orders"]):
        worth = reckoned(made, scenario, order)
        if not worth:
            assert homes.warehouse[at] == -1
            continue
        best = sorted(house for house in worth if worth[house] >= max(worth.values()) - Fraction(5, 1000))
        assert names[homes.warehouse[at]] == best[0]
        mine = homes.equals[homes.equals // len(names) == at] % len(names)
        assert names[mine].tolist() == best


def plain(**more: Any) -> Tables:
    given: dict[str, Any] = {
        "order_lines": [{"order_id": "A", "product_id": "P", "qty": 4}],
        "stock": [{"warehouse_id": house, "product_id": "P", "on_hand_qty": 9} for house in "VW"],
    }
    return make_tables(**given | more)


def test_of_warehouses_worth_the_same_the_first_is_home_and_none_is_away() -> None:
    homes = Homes.of(Batch(plain(), make_scenario()))
    assert (homes.warehouse.tolist(), homes.equals.tolist()) == ([0], [0, 1])


def test_an_order_that_nobody_could_serve_has_no_home() -> None:
    empty = plain(stock=[{"warehouse_id": "V", "product_id": "P", "on_hand_qty": 0}])
    homes = Homes.of(Batch(empty, make_scenario()))
    assert (homes.warehouse.tolist(), homes.equals.tolist()) == ([-1], [])


def test_lanes_of_lines_and_their_cost() -> None:
    tables = plain(
        lanes=[
            {"warehouse_id": "V", "fixed_cost": 3, "cost_per_unit": 1},
            {"warehouse_id": "V", "zone_id": "Y"},
            {"warehouse_id": "W", "min_charge": 20},
        ],
        warehouses=[{"warehouse_id": "V", "handling_cost_per_unit": 2}, {"warehouse_id": "W"}],
    )
    batch = Batch(tables, make_scenario())
    line, lane = usable_lanes(batch, np.array([0]))
    assert tables.lanes["warehouse_id"][lane].tolist() == ["V", "W"]
    assert shipment_cost(batch, line, lane, np.array([4, 4]), np.arange(2), lane).tolist() == [3 + 4 + 8, 20]
