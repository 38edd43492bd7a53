"""Each rule on days, lots, reserves, transfers and money, met and broken; the violation is counted exactly."""

from __future__ import annotations

import datetime
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.rules import check_rules
from optimizer.proof.tally import Tally
from tests.builders import AS_OF, make_scenario, make_tables

Ship = list[tuple[Any, ...]]
"""order, warehouse, ordered units, day, product shipped ("": as ordered), lot; the last ones may be left out."""

Move = tuple[str, str, str, int, int]
"""from, to, product, day, units"""


def day(number: int) -> str:
    return (AS_OF + datetime.timedelta(days=number)).isoformat()


BATCH: dict[str, Any] = {
    "orders": [{"order_id": "A", "customer_id": "C"}, {"order_id": "B", "customer_id": "D"}],
    "order_lines": [
        {"order_id": "A", "product_id": "P", "qty": 10, "unit_price": 7, "unit_margin": 1},
        {"order_id": "B", "product_id": "P", "qty": 10, "unit_price": 5, "unit_margin": 1},
    ],
    "products": [
        {"product_id": "P", "unit_cost": 2, "unit_weight_kg": 1, "family": "F"},
        {"product_id": "Q", "unit_cost": 3, "unit_weight_kg": 2},
    ],
    "stock": [{"warehouse_id": w, "product_id": p, "on_hand_qty": 20} for w in ("V", "W") for p in ("P", "Q")],
    "lanes": [
        {"warehouse_id": "V", "transit_days": 1, "cost_per_unit": 2},
        {"warehouse_id": "W", "transit_days": 3, "cost_per_unit": 1},
    ],
}
ROUTE = {"from_warehouse_id": "V", "to_warehouse_id": "W", "transit_days": 1}


def lots(*rows: tuple[str, int, Any]) -> dict[str, Any]:
    """Lots of P at V: name, units, last day."""
    return {
        "stock": [
            {"warehouse_id": "V", "product_id": "P", "lot_id": lot, "on_hand_qty": units,
             "expiry_date": None if last is None else day(last)}
            for lot, units, last in rows
        ]
    }  # fmt: skip


def inbound(warehouse: str, qty: int, when: int) -> dict[str, Any]:
    return {"receipt_id": f"R{when}", "warehouse_id": warehouse, "product_id": "P", "qty": qty,
            "available_date": day(when)}  # fmt: skip


def calendar(when: int, **settings: Any) -> dict[str, Any]:
    return {"calendar": [{"warehouse_id": "W", "date": day(when), **settings}]}


def order_a(**settings: Any) -> dict[str, Any]:
    return {"orders": [{**BATCH["orders"][0], **settings}, BATCH["orders"][1]]}


def customer(**settings: Any) -> dict[str, Any]:
    return {"customers": [{"customer_id": "C", **settings}, {"customer_id": "D"}]}


def budget(kind: str, limit: int, **scope: str) -> dict[str, Any]:
    return {"budgets": [{"budget_id": "K", "kind": kind, "limit": limit, **scope}]}


def shared(**settings: Any) -> dict[str, Any]:
    return {"fair_share": [{"group_id": "G", "between": "customer", "rule": "proportional", **settings}]}


THREE = {
    "orders": [*BATCH["orders"], {"order_id": "H", "customer_id": "E", "hold": "audit"}],
    "order_lines": [*BATCH["order_lines"], {"order_id": "H", "product_id": "P", "qty": 4, "unit_margin": 1}],
}
KEPT = {
    "previous": [{"order_id": "A", "warehouse_id": "V", "product_id": "P", "qty": 3}],
    **order_a(frozen=True),
}
STAY = {"stability": {"previous_plan": "before", "cost_per_unit": 1}}
BANDS = {
    "rate_bands": [
        {"warehouse_id": "V", "zone_id": "Z", "service_id": "standard", "rate_id": "1", "from_kg": 2, "to_kg": 5},
        {"warehouse_id": "V", "zone_id": "Z", "service_id": "standard", "rate_id": "2", "from_kg": 7},
    ]
}
CHAIN = {
    "transfers": [
        {"from_warehouse_id": "V", "to_warehouse_id": "U"},
        {"from_warehouse_id": "W", "to_warehouse_id": "V"},
    ],
    "lanes": [*BATCH["lanes"], {"warehouse_id": "U"}],
    "stock": [
        {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 20, "reserved_qty": 15},
        {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 12},
    ],
}
KIT = {"kits": [{"product_id": "P", "component_id": "Q", "qty": 2}], "stock": BATCH["stock"][1::2]}

BROKEN: list[tuple[str, dict[str, Any], dict[str, Any], tuple[Ship, list[Move]], tuple[Ship, list[Move]], Any]] = [
    # rule, tables beyond BATCH, settings, a plan that keeps it, one that breaks it, by how much
    ("event_days", {}, {}, ([("A", "V", 1)], []), ([("A", "V", 1, 1)], []), 1),
    ("event_days", {"inbound": [inbound("V", 5, 2)]}, {}, ([("A", "V", 1, 2)], []), ([("A", "V", 1, 1)], []), 1),
    ("event_days", {"inbound": [inbound("W", 5, 2)]}, {}, ([("A", "W", 1, 2)], []), ([("A", "V", 1, 2)], []), 1),
    ("event_days", calendar(1, capacity_units=9), {}, ([("A", "W", 1, 1), ("B", "W", 1, 2)], []),
     ([("A", "W", 1, 3)], []), 1),
    ("event_days", {**calendar(0, is_working=False), "inbound": [inbound("W", 5, 0)]}, {}, ([("A", "W", 1, 1)], []),
     ([("A", "W", 1, 2)], []), 1),
    ("working_days", {**KEPT, **calendar(0, is_working=False),
                      "previous": [{**KEPT["previous"][0], "warehouse_id": "W", "ship_date": day(-1)}]}, STAY,
     None, ([("A", "W", 3)], []), 1),
    ("cancel_date", order_a(cancel_date=day(2)), {}, ([("A", "V", 1), ("B", "W", 1)], []), ([("A", "W", 1)], []), 1),
    ("remaining_life", lots(("X", 9, 0), ("Y", 9, None)), {}, ([("A", "V", 1, 0, "", "Y")], []),
     ([("A", "V", 1, 0, "", "X")], []), 1),
    ("remaining_life", {**lots(("X", 9, 4), ("Y", 9, 7)), **customer(min_remaining_life_days=5)}, {},
     ([("A", "V", 1, 0, "", "Y"), ("B", "V", 2, 0, "", "X")], []), ([("A", "V", 1, 0, "", "X")], []), 2),
    ("warehouse_stock", {"stock": BATCH["stock"][:1], "inbound": [inbound("V", 5, 2), inbound("W", 3, 4)],
                         **order_a(order_id="A")}, {},
     ([("A", "V", 10), ("B", "V", 10, 2), ], []), ([("A", "W", 4, 4)], []), 1),
    ("lot_stock", lots(("X", 4, 9), ("Y", 9, 9)), {}, ([("A", "V", 4, 0, "", "X"), ("B", "V", 9, 0, "", "Y")], []),
     ([("A", "V", 7, 0, "", "X")], []), 3),
    ("lot_multiple", {"substitutions": [{"product_id": "P", "substitute_id": "Q", "ratio": "0.5"}],
                      "products": [BATCH["products"][0], {**BATCH["products"][1], "case_pack": 3}]}, {},
     ([("A", "V", 6, 0, "Q")], []), ([("A", "V", 8, 0, "Q")], []), 2),
    ("lot_multiple", {**lots(("X", 9, 9), ("Y", 9, 9)),
                      "products": [{**BATCH["products"][0], "case_pack": 2}, BATCH["products"][1]]}, {},
     ([("A", "V", 4, 0, "", "X"), ("B", "V", 2, 0, "", "Y")], []),
     ([("A", "V", 3, 0, "", "X"), ("B", "V", 2, 0, "", "Y")], []), 1),
    ("warehouse_stock", KIT, {}, ([("A", "V", 10)], []), ([("A", "V", 10), ("B", "V", 1)], []), 2),
    ("pins", {"pins": [{"order_id": "A", "line_id": "1", "warehouse_id": "V", "mode": "at_least", "qty": 3,
                        "lot_id": "X"}], **lots(("X", 9, 9), ("Y", 9, 9))}, {},
     ([("A", "V", 3, 0, "", "X")], []), ([("A", "V", 5, 0, "", "Y")], []), 3),
    ("pins", {"pins": [{"order_id": "A", "line_id": "1", "warehouse_id": "V", "mode": "forbid", "ship_date": day(0)}],
              "inbound": [inbound("V", 5, 2)]}, {}, ([("A", "V", 3, 2)], []), ([("A", "V", 4, 0)], []), 4),
    ("day_capacity_units", calendar(0, capacity_units=5), {}, ([("A", "W", 5), ("B", "W", 10, 1)], []),
     ([("A", "W", 5), ("B", "W", 2)], []), 2),
    ("day_capacity_lines", calendar(0, capacity_lines=1), {}, ([("A", "W", 5), ("B", "W", 10, 1)], []),
     ([("A", "W", 5), ("B", "W", 2)], []), 1),
    ("day_capacity_shipments", calendar(0, capacity_shipments=1), {}, ([("A", "W", 5), ("B", "W", 10, 1)], []),
     ([("A", "W", 5), ("B", "W", 2)], []), 1),
    ("day_capacity_kg", calendar(0, capacity_kg="4.5"), {}, ([("A", "W", 4), ("B", "W", 10, 1)], []),
     ([("A", "W", 5)], []), Fraction(1, 2)),
    ("tariff", BANDS, {}, ([("A", "V", 5), ("B", "V", 7)], []), ([("A", "V", 6), ("B", "W", 1)], []), 1),
    ("tariff", {"rate_bands": [BANDS["rate_bands"][0], {**BANDS["rate_bands"][1], "from_kg": 1, "to_kg": None}]}, {},
     ([("A", "V", 5), ("B", "V", 1)], []), ([("A", "V", 6), ("B", "V", 1)], []), 1),
    ("credit_limit", customer(credit_limit=20), {}, ([("A", "V", 2), ("B", "V", 9)], []), ([("A", "V", 3)], []), 1),
    ("budget", budget("shipping_cost", 9, customer_id="C"), {}, ([("A", "W", 9), ("B", "W", 9)], []),
     ([("A", "V", 4), ("A", "W", 4)], []), 3),
    ("budget", budget("stock_value", 12, family="F"), {}, ([("A", "V", 6)], []), ([("A", "V", 7)], []), 2),
    ("budget", {**budget("stock_value", 12), **KIT}, {}, ([("A", "V", 2)], []), ([("A", "V", 3)], []), 6),
    ("budget", {**budget("transfer_cost", 9), "transfers": [{**ROUTE, "cost_per_unit": 2, "fixed_cost": 1}]}, {},
     ([("A", "W", 1)], [("V", "W", "P", 0, 3), ("V", "W", "Q", 0, 1)]), ([], [("V", "W", "P", 0, 5)]), 2),
    ("reserve", {"reserves": [{"reserve_id": "R", "customer_id": "C", "warehouse_id": "V", "family": "F",
                               "qty": 14}]}, {},
     ([("A", "V", 10), ("B", "V", 6)], []), ([("B", "V", 10)], []), 4),
    ("reserve", {"reserves": [{"reserve_id": "1", "customer_id": "D", "product_id": "P", "qty": 33, "rank": 1},
                              {"reserve_id": "2", "customer_id": "C", "product_id": "P", "qty": 34, "rank": 2}]}, {},
     ([("A", "V", 7), ("B", "V", 10)], []), ([("A", "W", 9)], []), 2),
    ("transfer_days", {"transfers": [ROUTE]}, {}, ([], [("V", "W", "P", 0, 9)]), ([], [("V", "W", "P", 1, 9)]), 1),
    ("transfer_days", {"transfers": [ROUTE], **lots(("X", 9, 2)),
                       "inbound": [inbound("V", 4, 2)]}, {},
     ([], [("V", "W", "P", 0, 9)]), ([], [("V", "W", "P", 2, 9)]), 1),
    ("transfer_source", CHAIN, {}, ([("A", "W", 9)], [("W", "V", "P", 0, 3), ("V", "U", "P", 0, 5)]),
     ([], [("W", "V", "P", 0, 3), ("V", "U", "P", 0, 6)]), 1),
    ("transfer_capacity", {"transfers": [{**ROUTE, "capacity_units": 4}]}, {}, ([], [("V", "W", "P", 0, 4)]),
     ([], [("V", "W", "P", 0, 3), ("V", "W", "Q", 0, 3)]), 2),
    ("fair_share", shared(), {}, ([("A", "V", 3), ("B", "V", 1)], []), ([("A", "V", 4), ("B", "W", 1)], []),
     Fraction(1, 10)),
    ("fair_share", shared(tolerance=0), {}, ([("A", "V", 3), ("B", "V", 3)], []), ([("B", "V", 1)], []),
     Fraction(1, 10)),
    ("fair_share", shared(between="order", tolerance=2, product_id="P"), {}, ([("A", "V", 9), ("B", "W", 5)], []),
     ([("A", "V", 9), ("B", "W", 4)], []), Fraction(1, 10)),
    ("fair_share", {**shared(), **THREE}, {}, ([("A", "V", 9), ("B", "V", 8)], []), ([("A", "V", 3)], []),
     Fraction(1, 10)),
    ("fair_share", {**shared(customer_id="C"), **THREE}, {}, ([("A", "V", 9)], []), None, 0),
    ("fair_share", shared(rule="max_min"), {}, ([("A", "V", 9)], []), None, 0),
    ("frozen_orders", KEPT, STAY, ([("A", "V", 3), ("B", "V", 1)], []), ([("A", "V", 4)], []), 2),
    ("frozen_orders", KEPT, STAY, ([("A", "V", 3)], []), ([("B", "W", 1)], []), 1),
]  # fmt: skip


def planned(facts: Facts, ships: Ship, moves: list[Move]) -> Rows:
    tables, ways, supply = facts.tables, facts.ways, facts.supply
    lines, lanes = list(tables.order_lines["order_id"]), list(tables.lanes["warehouse_id"])
    products = list(tables.products["product_id"])
    found = []
    for ship in ships:
        order, house, qty, when, product, lot = (*ship, *(0, "", "")[len(ship) - 3 :])
        line = lines.index(order)
        way = next(
            at for at in np.flatnonzero(ways.line == line)
            if (ways.rule[at] < 0 if not product else ways.product[at] == products.index(product))
        )  # fmt: skip
        found.append((line, lanes.index(house), qty, when, way, supply.lot_texts.index(lot)))
    columns = np.array(found, dtype=np.int64).reshape(-1, 6).T
    rows = Rows.of(facts, *columns)
    made = [moving(facts, products, move) for move in moves]
    moved = np.array(made, dtype=np.int64).reshape(-1, 4).T
    return replace(rows, move_row=moved[0], move=moved[1], move_day=moved[2], move_units=moved[3])


def moving(facts: Facts, products: list[str], move: Move) -> tuple[int, int, int, int]:
    supply = facts.supply
    product = supply.pool_product[supply.pool[supply.moves.source]]
    houses = list(facts.tables.warehouses["warehouse_id"])
    ends = facts.tables.transfer_from[supply.moves.row], facts.tables.transfer_to[supply.moves.row]
    right = (ends[0] == houses.index(move[0])) & (ends[1] == houses.index(move[1]))
    at = int(np.flatnonzero(right & (product == products.index(move[2])))[-1])
    return int(supply.moves.row[at]), at, move[3], move[4]


def judged(tables: dict[str, Any], settings: dict[str, Any], plan: tuple[Ship, list[Move]]) -> dict[str, Any]:
    scenario = make_scenario(**settings)
    facts = Facts(make_tables(scenario, **{**BATCH, **tables}), scenario)
    return {found.rule: found for found in check_rules(Tally(facts, planned(facts, *plan)))}


@pytest.mark.parametrize(
    ("rule_name", "tables", "settings", "good", "bad", "worst"),
    BROKEN,
    ids=[f"{case[0]}-{position}" for position, case in enumerate(BROKEN)],
)
def test_rule(rule_name: str, tables: Any, settings: Any, good: Any, bad: Any, worst: Any) -> None:
    if good is not None:
        kept = judged(tables, settings, good)
        assert [found.words() for found in kept.values() if not found.passed] == []
    if bad is not None:
        broken = judged(tables, settings, bad)
        assert [found.rule for found in broken.values() if not found.passed] == ([rule_name] if worst else [])
        assert broken[rule_name].worst == (worst or 0)
        assert broken[rule_name].where
