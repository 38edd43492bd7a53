"""The reasons that dates, lots, tariffs, reserves and money give, each on the smallest batch that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from optimizer.solution.reasons import shorts
from tests.builders import make_scenario
from tests.solution.solving import Solver

LINE = {"order_id": "A", "product_id": "P", "qty": 5, "unit_margin": 9}
ORDER = {"order_id": "A", "customer_id": "C", "zone_id": "Z"}
STOCK = {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 9}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "cancel_date": (
        {
            "orders": [{**ORDER, "cancel_date": "2026-11-22"}],
            "stock": [{**STOCK, "on_hand_qty": 0}],
            "inbound": [
                {"receipt_id": "R", "warehouse_id": "W", "product_id": "P", "qty": 9, "available_date": "2026-11-25"}
            ],
        },
        "order A is cancelled after 2026-11-22; W by standard on 2026-11-25 would arrive on 2026-11-25 at the earliest",
    ),
    "remaining_life": (
        {
            "customers": [{"customer_id": "C", "min_remaining_life_days": 9}],
            "stock": [{**STOCK, "lot_id": "L", "expiry_date": "2026-11-23"}],
        },
        "what there is of P (W by standard) would not keep 9 days after arrival",
    ),
    "tariff": (
        {
            "products": [{"product_id": "P", "unit_weight_kg": 1}],
            "rate_bands": [
                {"warehouse_id": "W", "zone_id": "Z", "service_id": "standard", "rate_id": "T", "from_kg": 50,
                 "flat_cost": 1}
            ],
        },
        "no weight band of the tariff holds the shipment: W by standard",
    ),
    "reserve": (
        {"reserves": [{"reserve_id": "G", "customer_id": "other", "product_id": "P", "qty": 7}],
         "customers": [{"customer_id": "C"}, {"customer_id": "other"}]},
        "stock of P at W is held back for others by a reserve: 0 units may be taken",
    ),
    "credit_limit": (
        {
            "customers": [{"customer_id": "C", "credit_limit": 20}],
            "order_lines": [{**LINE, "unit_price": 10}],
        },
        "the credit limit of C (20) leaves room for 0 units",
    ),
    "budget": (
        {
            "products": [{"product_id": "P", "unit_cost": 3}],
            "budgets": [{"budget_id": "G", "kind": "stock_value", "limit": 6}],
        },
        "a budget leaves room for 0 units from W by standard",
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", CASES)
def test_each_reason(engine: Solver, reason: str) -> None:
    tables, detail = CASES[reason]
    given = {"orders": [ORDER], "order_lines": [LINE], "stock": [STOCK], **tables}
    model, plan = engine.solved(make_scenario(), **given)
    found = shorts(model, plan)
    assert list(found["reason"]) == [reason]
    assert found["detail"][0] == detail


def test_stock_that_comes_too_late_to_pay(engine: Solver) -> None:
    """What a later day would earn is less by the penalty of the days late."""
    inbound = [{"receipt_id": "R", "warehouse_id": "W", "product_id": "P", "qty": 9, "available_date": "2026-11-25"}]
    model, plan = engine.solved(
        make_scenario(),
        orders=[{**ORDER, "due_date": "2026-11-21"}],
        order_lines=[{**LINE, "late_penalty_per_unit_day": 3}],
        stock=[{**STOCK, "on_hand_qty": 0}],
        inbound=inbound,
    )
    found = shorts(model, plan)
    assert list(found["reason"]) == ["not_worth_freight"]
    assert found["detail"][0] == (
        "1 unit could ship from W by standard on 2026-11-25: they would earn 9.00 and cost 12.00"  # 4 days · 3
    )


def test_a_substitute_is_named(engine: Solver) -> None:
    model, plan = engine.solved(
        make_scenario(),
        orders=[ORDER],
        order_lines=[LINE],
        stock=[{**STOCK, "product_id": "Q"}],
        substitutions=[{"product_id": "P", "substitute_id": "Q", "penalty_per_unit": 10}],
    )
    found = shorts(model, plan)
    assert list(found["reason"]) == ["not_worth_freight"]
    assert found["detail"][0] == "1 unit could ship from W by standard with Q: they would earn 9.00 and cost 10.00"
