"""What the reasons claim, tried out: each change that is named is made, and the batch solved again."""

from __future__ import annotations

import copy
import re
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from optimizer.model.build import Model, build_model
from optimizer.solution.metrics import objective_value
from optimizer.solution.reasons import REASONS, shorts
from optimizer.tables.tables import Table
from tests.instances import Case, Row
from tests.solution.solving import Solver
from tests.typed_cases import random_cases, typed

CENT = 0.0051
"""Rounding of a worth to cents."""


def value(engine: Solver, model: Model) -> float:
    plan = engine.plan(model)
    assert plan is not None
    return float(objective_value(model.tables, model.scenario, plan))


def row_of(rows: list[Row], **keys: Any) -> Row:
    return next(row for row in rows if all(row.get(key) == wanted for key, wanted in keys.items()))


def changed(case: Case, short: dict[str, Any]) -> tuple[Case, float] | None:
    """The case after the least change, and the gain that it promises at least; None if the change promises nothing."""
    text, case = short["least_change"], copy.deepcopy(case)
    tables = case["tables"]
    order = row_of(tables["orders"], order_id=short["order_id"])
    line = row_of(tables["order_lines"], order_id=short["order_id"], line_id=short["line_id"])
    worth = re.search(r"; worth about (\S+) ", text)
    gain = float(worth[1]) if worth else 0.0
    if found := re.match(r"(\d+) more units? of (\S+) at (\S+?)(;|$)", text):
        add_stock(tables, found[3], found[2], int(found[1]))
    elif found := re.match(r"max_shipments of (\d+)", text):
        order["max_shipments"] = int(found[1])
    elif found := re.match(r"(capacity_\w+) of lane (\S+) by (\S+) raised by (\d+)", text):
        row_of(tables["lanes"], warehouse_id=found[2], service_id=found[3], zone_id=order["zone_id"])[found[1]] += int(
            found[4]
        )
    elif found := re.match(r"(capacity_\w+) of (\S+) raised by (\d+)", text):
        row_of(tables["warehouses"], warehouse_id=found[2])[found[1]] += int(found[3])
    elif found := re.match(r"max_qty of (\S+) raised by (\d+)", text):
        row_of(tables["contracts"], contract_id=found[1])["max_qty"] += int(found[2])
    elif text.startswith("release ") and "hold" not in text:
        house = re.search(r"decision at (\S+):", short["detail"])[1]  # type: ignore[index]
        tables["pins"] = [pin for pin in tables["pins"] if not is_upper_pin(pin, line, house)]
    elif text.startswith("partial delivery"):
        order["delivery_policy"] = "partial"
    elif found := re.match(r"a smaller min_fill_qty \((\d+) unit", text):
        line["min_fill_qty"] = int(found[1])
    elif found := re.match(r"a unit margin higher by more than (\S+)", text):
        rise = Fraction(found[1]) + Fraction(1, 100)
        line["unit_margin"] = Fraction(line["unit_margin"]) + rise
        weight = Fraction(case["scenario"].get("weights.margin", 1))
        gain = float(weight * rise * int(short["allocated_qty"])) + CENT + 1e-7
    elif found := re.match(r"the order would have to earn over (\S+) more", text):
        weight = Fraction(case["scenario"].get("weights.margin", 1))
        if weight == 0:
            return None
        line["unit_margin"] = (
            Fraction(line["unit_margin"]) + (Fraction(found[1]) + Fraction(1, 50)) / weight / line["qty"]
        )
        gain = CENT + 1e-7
    else:
        return None
    return case, gain


def add_stock(tables: dict[str, list[Row]], warehouse: str, product: str, units: int) -> None:
    """More available to promise: fills up what is reserved beyond the shelf first."""
    rows = [row for row in tables["stock"] if (row["warehouse_id"], row["product_id"]) == (warehouse, product)]
    if not rows:
        tables["stock"].append({"warehouse_id": warehouse, "product_id": product, "on_hand_qty": units})
        return
    kept = rows[0].get("reserved_qty", 0) + rows[0].get("safety_stock_qty", 0)
    rows[0]["on_hand_qty"] = max(rows[0]["on_hand_qty"], kept) + units


def is_upper_pin(pin: Row, line: Row, warehouse: str) -> bool:
    same = all(pin[key] == line[key] for key in ("order_id", "line_id"))
    return same and pin["warehouse_id"] == warehouse and pin["mode"] != "at_least"


def read(table: Table) -> list[dict[str, Any]]:
    return [{name: column[place] for name, column in table.columns.items()} for place in range(len(table))]


@pytest.mark.parametrize(
    ("first", "count", "families"),
    [(0, 60, 0.3), pytest.param(3000, 300, 0.2, marks=pytest.mark.slow)],
)
def test_named_changes_bring_what_they_promise(engine: Solver, first: int, count: int, families: float) -> None:
    """And a proven optimum never leaves a unit behind that could have shipped at a gain."""
    tried: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for seed, case in random_cases(count, families, first):
        model = build_model(*typed(case))
        plan = engine.plan(model)
        if plan is None:
            continue
        before = float(objective_value(model.tables, model.scenario, plan))
        for short in read(shorts(model, plan)):
            seen[short["reason"]] += 1
            assert short["detail"], f"seed {seed}: {short}"
            change = changed(case, short)
            if change is None:
                continue
            tried[short["reason"]] += 1
            after = value(engine, build_model(*typed(change[0])))
            assert after >= before + change[1] - CENT, f"seed {seed}: {short}, {before} to {after}"
    assert seen["within_gap"] == 0
    assert set(seen) <= set(REASONS)
    assert len(seen) >= 7
    assert sum(tried.values()) >= 10
    assert len(tried) >= 5
