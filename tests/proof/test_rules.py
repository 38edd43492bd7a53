"""Each rule, met and broken, on a batch of one line or two; the violation is counted exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.rules import check_rules
from optimizer.proof.tally import Tally
from tests.builders import make_scenario, make_tables
from tests.proof import test_policy_rules

Ship = list[tuple[str, str, str, str, int]]
"""order, line, warehouse, service, units"""

STOCK = [{"warehouse_id": w, "product_id": p, "on_hand_qty": 50} for w in ("V", "W") for p in ("P", "Q")]
LANES = [
    {"warehouse_id": w, "service_id": s, "service_level": level}
    for w in ("V", "W")
    for s, level in (("standard", "slow"), ("express", "fast"))
]
LINES = [
    {"order_id": "A", "line_id": "1", "product_id": "P", "qty": 10},
    {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 4},
    {"order_id": "B", "line_id": "1", "product_id": "P", "qty": 6},
]
BATCH: dict[str, Any] = {"order_lines": LINES, "stock": STOCK, "lanes": LANES}


def order(**settings: Any) -> dict[str, Any]:
    return {"orders": [{"order_id": "A", **settings}, {"order_id": "B"}]}


def line_a1(**settings: Any) -> dict[str, Any]:
    return {"order_lines": [{**LINES[0], **settings}, *LINES[1:]]}


def house_w(**settings: Any) -> dict[str, Any]:
    return {"warehouses": [{"warehouse_id": "V"}, {"warehouse_id": "W", **settings}]}


def lane_w(**settings: Any) -> dict[str, Any]:
    return {"lanes": [*LANES[:2], {**LANES[2], **settings}, LANES[3]]}


def rule(table: str, **row: Any) -> dict[str, Any]:
    key = {"contracts": "contract_id", "eligibility": "rule_id"}.get(table)
    return {table: [{**({key: "R"} if key else {}), **row}]}


A1, B1 = ("A", "1", "W", "standard"), ("B", "1", "W", "standard")
FLOOR = {"service": {"min_level": {"overall": 0.5}}}
PRODUCT_KG = {"products": [{"product_id": "P", "unit_weight_kg": 0.5}, {"product_id": "Q"}]}

BROKEN: list[tuple[str, dict[str, Any], dict[str, Any], Ship, Ship, Fraction]] = [
    # rule, tables beyond BATCH, settings, a plan that keeps it, one that breaks it, by how much
    ("held_orders", order(hold="credit"), {}, [(*B1, 1)], [(*A1, 2)], Fraction(1)),
    ("lane_choice", order(service_level="fast"), {}, [("A", "1", "W", "express", 1)], [(*A1, 1)], Fraction(1)),
    ("lane_choice", order(service_id="express"), {}, [("A", "1", "W", "express", 1)], [(*A1, 1)], Fraction(1)),
    ("lane_choice", house_w(is_open=False), {}, [("A", "1", "V", "standard", 1)], [(*A1, 1)], Fraction(1)),
    ("eligibility", rule("eligibility", warehouse_id="W", mode="forbid", order_id="A", product_id="P"), {},
     [("A", "2", "W", "standard", 1), (*B1, 1)], [(*A1, 1)], Fraction(1)),
    ("eligibility", rule("eligibility", warehouse_id="W", mode="only", product_id="Q"), {},
     [("A", "2", "W", "standard", 1)], [(*B1, 1)], Fraction(1)),
    ("line_demand", {}, {}, [(*A1, 10)], [(*A1, 8), ("A", "1", "V", "standard", 5)], Fraction(3)),
    ("warehouse_stock",
     {"stock": [STOCK[0], {**STOCK[2], "on_hand_qty": 9, "reserved_qty": 2, "safety_stock_qty": 1}]}, {},
     [(*A1, 4), (*B1, 2)], [(*A1, 4), (*B1, 4)], Fraction(2)),
    ("warehouse_stock", {"stock": STOCK[:2]}, {}, [("A", "1", "V", "standard", 1)], [(*A1, 7)], Fraction(7)),
    ("warehouse_capacity_units", house_w(capacity_units=12), {}, [(*A1, 9), (*B1, 3)],
     [(*A1, 9), (*B1, 6)], Fraction(3)),
    ("warehouse_capacity_lines", house_w(capacity_lines=2), {}, [(*A1, 9), (*B1, 3)],
     [(*A1, 9), ("A", "1", "W", "express", 1), (*B1, 6)], Fraction(1)),
    ("warehouse_capacity_shipments", house_w(capacity_shipments=1), {}, [(*A1, 1), ("A", "2", "W", "standard", 1)],
     [(*A1, 1), (*B1, 1)], Fraction(1)),
    ("warehouse_capacity_kg", {**house_w(capacity_kg=5), **PRODUCT_KG}, {}, [(*A1, 10)], [(*A1, 10), (*B1, 1)],
     Fraction(1, 2)),
    ("warehouse_capacity_kg", {**house_w(capacity_kg=5), **line_a1(weight_kg="15.001")}, {}, [(*A1, 3)], [(*A1, 4)],
     Fraction("1.0004")),
    ("lane_capacity_units", lane_w(capacity_units=7), {}, [(*A1, 7), (*B1[:3], "express", 6)], [(*A1, 7), (*B1, 2)],
     Fraction(2)),
    ("lane_capacity_kg", {**lane_w(capacity_kg="2.5"), **PRODUCT_KG}, {}, [(*A1, 5)], [(*A1, 6)], Fraction(1, 2)),
    ("lane_capacity_shipments", lane_w(capacity_shipments=1), {}, [(*A1, 7)], [(*A1, 7), (*B1, 1)], Fraction(1)),
    ("delivery_policy", order(delivery_policy="line_complete"), {}, [(*A1, 6), ("A", "1", "V", "standard", 4)],
     [(*A1, 6)], Fraction(4)),
    ("delivery_policy", order(delivery_policy="order_complete"), {}, [(*A1, 10), ("A", "2", "V", "standard", 4)],
     [(*A1, 10)], Fraction(4)),
    ("min_fill", line_a1(min_fill_qty=5), {}, [(*A1, 3), ("A", "1", "V", "standard", 2)], [(*A1, 3)], Fraction(2)),
    ("lot_multiple", line_a1(lot_multiple=3), {}, [(*A1, 4), ("A", "1", "W", "express", 2)],
     [(*A1, 4), ("A", "1", "V", "express", 2)], Fraction(2)),
    ("lot_multiple",
     {"products": [{"product_id": "P", "case_pack": 2}, {"product_id": "Q"}], **line_a1(lot_multiple=3)}, {},
     [(*A1, 6)], [(*A1, 9)], Fraction(3)),
    ("max_shipments", order(max_shipments=1), {}, [(*A1, 3), ("A", "2", "W", "standard", 1)],
     [(*A1, 3), ("A", "2", "W", "express", 1), ("A", "2", "V", "express", 1)], Fraction(2)),
    ("pins", rule("pins", order_id="A", line_id="1", warehouse_id="W", mode="exactly", qty=3), {},
     [(*A1, 2), ("A", "1", "W", "express", 1)], [(*A1, 1)], Fraction(2)),
    ("pins", rule("pins", order_id="A", line_id="1", warehouse_id="W", mode="at_least", qty=3), {}, [(*A1, 4)],
     [("A", "1", "V", "standard", 4)], Fraction(3)),
    ("pins", rule("pins", order_id="A", line_id="1", warehouse_id="W", mode="at_most", qty=3), {}, [(*A1, 3)],
     [(*A1, 7)], Fraction(4)),
    ("pins", rule("pins", order_id="A", line_id="1", warehouse_id="W", mode="forbid", qty=0), {}, [(*B1, 3)],
     [(*A1, 7)], Fraction(7)),
    ("pins", rule("pins", order_id="A", line_id="1", warehouse_id="W", mode="exactly", qty=3, service_id="express"), {},
     [("A", "1", "W", "express", 3), (*A1, 2)], [(*A1, 3)], Fraction(3)),
    ("contract_minimum", rule("contracts", product_id="P", min_qty=5), {}, [(*A1, 5)], [(*A1, 2)], Fraction(3)),
    ("contract_minimum", rule("contracts", order_id="A", min_fill_rate="0.75"), {},
     [(*A1, 10), ("A", "2", "V", "express", 1)], [(*A1, 10), (*B1, 6)], Fraction(1)),
    ("contract_quota", rule("contracts", max_qty=5, product_id="P"), {}, [(*A1, 3), (*B1, 2)], [(*A1, 3), (*B1, 6)],
     Fraction(4)),
    ("service_floor", {}, FLOOR, [(*A1, 4), (*B1, 6)], [(*A1, 9)], Fraction(1)),
    ("service_floor", order(service_weight=3), FLOOR, [(*A1, 8)], [(*A1, 7)], Fraction(3)),
    ("service_floor", {}, {"service": {"measure": "line", "min_level": {"overall": 0.5}}}, [(*A1, 10), (*B1, 6)],
     [(*A1, 9), (*B1, 6)], Fraction(1, 2)),
]  # fmt: skip


def judged(tables: dict[str, Any], settings: dict[str, Any], plan: Ship) -> dict[str, Any]:
    scenario = make_scenario(**settings)
    made = make_tables(scenario, **{**BATCH, **tables})
    lines = list(zip(made.order_lines["order_id"], made.order_lines["line_id"], strict=True))
    lanes = list(zip(made.lanes["warehouse_id"], made.lanes["service_id"], strict=True))
    rows = sorted((lines.index((o, n)), lanes.index((w, s)), qty) for o, n, w, s, qty in plan)
    columns, facts = np.array(rows, dtype=np.int64).T, Facts(made, scenario)
    return {found.rule: found for found in check_rules(Tally(facts, Rows.of(facts, *columns)))}


@pytest.mark.parametrize(
    ("rule_name", "tables", "settings", "good", "bad", "worst"),
    BROKEN,
    ids=[f"{case[0]}-{position}" for position, case in enumerate(BROKEN)],
)
def test_rule(
    rule_name: str, tables: dict[str, Any], settings: dict[str, Any], good: Ship, bad: Ship, worst: Fraction
) -> None:
    kept = judged(tables, settings, good)
    assert [found.rule for found in kept.values() if not found.passed] == []
    broken = judged(tables, settings, bad)
    assert [found.rule for found in broken.values() if not found.passed] == [rule_name]
    assert broken[rule_name].worst == worst
    assert broken[rule_name].where


def test_every_rule_is_tested() -> None:
    tested = {case[0] for case in BROKEN} | {case[0] for case in test_policy_rules.BROKEN}
    group = {"group_id": "G", "between": "order", "rule": "proportional"}  # the one rule that is judged only if stated
    assert tested == set(judged({"fair_share": [group]}, {}, [(*A1, 1)]))


def test_a_penalty_makes_a_contract_soft() -> None:
    soft = rule("contracts", product_id="P", min_qty=5, shortfall_penalty=2)
    assert judged(soft, {}, [(*A1, 2)])["contract_minimum"].passed
