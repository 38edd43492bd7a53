"""Every code of exceptions: raised with its money where its condition holds, silent where it just does not."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.solution import exceptions as module
from optimizer.solution.exceptions import Finding, exception_table, exceptions
from optimizer.solution.exceptions_orders import RULES
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.replenishment import LACKS_STOCK
from optimizer.solution.survey import REASONS
from optimizer.tables.tables import Table
from tests.builders import AS_OF, make_scenario, make_tables
from tests.solution.policy_batch import policy_batch
from tests.solution.test_outputs import rows

TEXTS = ("order_id", "line_id", "product_id", "reason", "detail", "taken_by", "least_change")


def shorts_of(ledger: Ledger, reason: str = "no_stock", least_change: str = "") -> Table:
    """A table of short lines, all for one reason."""
    line = np.flatnonzero(~ledger.line_full)
    lines, size = ledger.tables.order_lines, len(line)
    ordered, allocated = ledger.ordered[line], ledger.allocated[line]
    told = {"reason": reason, "detail": "what happened", "taken_by": "", "least_change": least_change}
    return Table(
        "shorts",
        {
            "order_id": lines["order_id"][line],
            "line_id": lines["line_id"][line],
            "product_id": lines["product_id"][line],
            "ordered_qty": ordered,
            "allocated_qty": allocated,
            "short_qty": ordered - allocated,
            **{name: np.full(size, text, dtype=object) for name, text in told.items()},
        },
    )


def found(ledger: Ledger, code: str, **shorts: str) -> list[tuple[str, str, Fraction]]:
    """(severity, subject, money) of the findings of one code."""
    table = exceptions(ledger, shorts_of(ledger, **shorts))
    return [row[1:] for row in rows(table, "code", "severity", "subject", "money_at_stake") if row[0] == code]  # type: ignore[misc]


def words(ledger: Ledger, code: str, **shorts: str) -> str:
    table = exceptions(ledger, shorts_of(ledger, **shorts))
    return next(str(row[1]) for row in rows(table, "code", "explanation") if row[0] == code)


def contract(**terms: Any) -> Ledger:
    return policy_batch(contracts=[{"contract_id": "K", **terms}])


def test_a_missed_contract_costs_its_penalty() -> None:
    missed = contract(product_id="P", min_qty=20, shortfall_penalty=3)  # 13 of the 20 that are ordered
    assert found(missed, "CONTRACT_MISSED") == [("high", "contract K", 7 * 3)]
    assert words(missed, "CONTRACT_MISSED") == "13 of 20 required units are allocated"
    assert found(contract(product_id="P", min_qty=13, shortfall_penalty=3), "CONTRACT_MISSED") == []


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"min_qty": 11}, []),  # P leaves 8 for A and 3 for B at once
        ({"min_qty": 12}, [("high", "contract K", 10)]),  # hard: the margin of the two later units
        ({"min_qty": 13, "shortfall_penalty": 4}, [("medium", "contract K", 8)]),
    ],
)
def test_a_contract_that_waits_for_later_units_is_at_risk(terms: dict[str, Any], expected: list[Any]) -> None:
    assert found(contract(product_id="P", **terms), "CONTRACT_AT_RISK") == expected


def test_short_orders_of_high_weight_are_told_by_customer() -> None:
    assert found(policy_batch(), "STRATEGIC_SHORT") == [("high", "customer C1", 10)]
    same = policy_batch(customers=[{"customer_id": "C1"}, {"customer_id": "C2"}])
    assert found(same, "STRATEGIC_SHORT") == []


def test_a_hold_counts_by_the_margin_it_blocks() -> None:
    assert found(policy_batch(), "HOLD_BLOCKS") == [("medium", "order H", 5 * 2)]
    assert words(policy_batch(), "HOLD_BLOCKS").startswith("on hold (credit): 5 units of customer C2")


def test_an_order_on_hold_is_no_strategic_shortage() -> None:
    vip = policy_batch(customers=[{"customer_id": "C1"}, {"customer_id": "C2", "tier": "GOLD"}])
    assert found(vip, "STRATEGIC_SHORT") == [("high", "customer C2", 3)]  # E, and not the larger H


def test_late_units_count_by_margin_or_by_what_lateness_costs() -> None:
    assert found(policy_batch(), "ORDER_LATE") == [("medium", "order A", 10)]
    assert "up to 1 day late" in words(policy_batch(), "ORDER_LATE")
    ledger = policy_batch()
    lines = ledger.tables.order_lines
    dear = Exact.of([8, 0, 0, 0, 0, 0])
    columns = {**lines.columns, "late_penalty_per_unit_day": dear}
    tables = ledger.tables.replace(order_lines=Table("order_lines", columns, lines.filled))
    assert found(Ledger(tables, ledger.scenario, ledger.plan), "ORDER_LATE") == [("medium", "order A", 16)]


def test_arriving_on_the_cancel_date_itself_is_told() -> None:
    assert found(policy_batch(), "CANCEL_DATE") == [("medium", "order C", 24)]


@pytest.mark.parametrize(("limit", "near"), [(153, True), (154, False)])
def test_credit_nearly_used(limit: int, near: bool) -> None:
    customers = [{"customer_id": "C1", "credit_limit": limit}, {"customer_id": "C2"}]
    used = 10 * 9 + 6 * 8  # 138 is 90 % of 153.33
    assert used == 138
    assert found(policy_batch(customers=customers), "CREDIT_NEAR") == ([("low", "customer C1", 10)] if near else [])


@pytest.mark.parametrize(
    ("budget", "used"),
    [
        ({"kind": "shipping_cost"}, Fraction("33.6")),
        ({"kind": "shipping_cost", "customer_id": "C1"}, 21),
        ({"kind": "stock_value", "product_id": "L"}, 35),
        ({"kind": "transfer_cost"}, Fraction("3.6")),
    ],
)
def test_budgets_nearly_used(budget: dict[str, Any], used: Fraction) -> None:
    cents = int(used / Fraction(9, 10) * 100)  # of this limit 90 % are used, of one a cent higher a little less
    for limit, near in ((cents, True), (cents + 1, False)):
        ledger = policy_batch(budgets=[{"budget_id": "B", "limit": Fraction(limit, 100), **budget}])
        assert bool(found(ledger, "BUDGET_NEAR")) == near


def lots(days: int, on_hand: int = 9, **more: Any) -> Ledger:
    tables = make_tables(
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 4}],
        stock=[
            {"warehouse_id": "W", "product_id": "P", "lot_id": "L", "on_hand_qty": on_hand,
             "expiry_date": AS_OF + timedelta(days=days), "holding_value_per_unit": 2},
            {"warehouse_id": "W", "product_id": "P", "lot_id": "M", "on_hand_qty": 9},
        ],
        **more,
    )  # fmt: skip
    return Ledger(tables, make_scenario(), Plan(np.array([0]), np.array([0]), np.array([4])))


@pytest.mark.parametrize(
    ("days", "code", "expected"),
    [
        (15, "STOCK_EXPIRING", []),
        (14, "STOCK_EXPIRING", [("medium", "lot L of P at W", 5 * 2)]),
        (0, "STOCK_EXPIRING", [("medium", "lot L of P at W", 5 * 2)]),
        (-1, "STOCK_EXPIRING", []),
        (-1, "STOCK_EXPIRED", [("low", "lot L of P at W", 9 * 2)]),
    ],
)
def test_stock_about_to_expire_and_expired(days: int, code: str, expected: list[Any]) -> None:
    assert found(lots(days), code) == expected


def test_expiring_stock_counts_by_its_cost_where_that_is_known_and_not_if_it_is_sold() -> None:
    assert found(lots(3, products=[{"product_id": "P", "unit_cost": 7}]), "STOCK_EXPIRING")[0][2] == 35
    assert found(lots(3, on_hand=4), "STOCK_EXPIRING") == []


def test_unusual_demand_of_products_and_zones() -> None:
    past = [
        {"date": AS_OF - timedelta(days=at), "product_id": product, "qty": 3, "zone_id": zone}
        for at in range(1, 10)
        for product, zone in (("P", "Z"), ("L", "Y"))
    ]
    ledger = policy_batch(history=past)
    # a day is a period, the batch spans two: P 20 units are 10 a day and usually 3, so 14 of 20 units are above;
    # margins of P 12 · 5 + 3 · 6 + 5 · 2 = 88; zone Z: 32 units, 26 above; margins 88 + 24 + 24
    assert found(ledger, "DEMAND_HIGH") == [
        ("medium", "zone Z", Fraction(136 * 26, 32)),
        ("medium", "product P", Fraction(88 * 14, 20)),
    ]
    assert found(policy_batch(), "DEMAND_HIGH") == []


@pytest.mark.parametrize("reason", sorted(RULES))
def test_lines_that_a_change_of_rule_would_fill(reason: str) -> None:
    ledger = policy_batch()
    expected = [("medium", "order A line 1", 10), ("medium", "order H line 1", 10), ("medium", "order E line 1", 3)]
    assert found(ledger, "RULE_BLOCKS", reason=reason, least_change="relax it") == expected
    assert found(ledger, "RULE_BLOCKS", reason=reason) == []
    assert found(ledger, "RULE_BLOCKS", reason=reason, least_change="no change of limits fills it (verified)") == []
    assert found(ledger, "RULE_BLOCKS", reason="no_stock", least_change="more stock") == []


def test_most_money_first_and_never_below_nothing() -> None:
    made = exception_table(
        Finding(code, "low", subject, "", "", Fraction(money))
        for code, subject, money in (("B", "x", 1), ("A", "z", 2), ("A", "y", 2), ("A", "w", -9))
    )
    assert rows(made, "code", "subject", "money_at_stake") == [
        ("A", "y", 2), ("A", "z", 2), ("B", "x", 1), ("A", "w", 0),
    ]  # fmt: skip


def test_of_each_code_the_most_valuable_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    made = exception_table(Finding(code, "low", str(at), "", "", Fraction(at)) for code in "AB" for at in range(5))
    assert rows(made, "code", "subject") == [("A", "4"), ("B", "4"), ("A", "3"), ("B", "3")]


def test_every_code_is_documented_and_every_documented_code_is_raised() -> None:
    sources = Path(module.__file__).parent.glob("exceptions_*.py")
    raised = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', "".join(path.read_text() for path in sources)))
    docs = (Path(__file__).parents[2] / "docs" / "exceptions.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", docs, re.MULTILINE)) == raised
    for reason in RULES:
        assert f"`{reason}`" in docs


def test_rules_and_lack_of_stock_are_reasons_that_short_lines_can_have() -> None:
    assert set(REASONS) >= RULES | set(LACKS_STOCK)
    neither = {"hold", "no_lane", "not_worth_freight", "within_gap"}
    assert set(REASONS) - RULES - set(LACKS_STOCK) == neither
