"""Sections that are there only if the plan has something to say: what they say, and that they are absent else."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from optimizer.record import summary
from optimizer.report import facts, plan_sections
from optimizer.report.bundle import RunBundle
from optimizer.report.html import render
from optimizer.report.sections import warehouse_rows
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis_of
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table
from tests.builders import AS_OF, make_scenario, make_tables
from tests.report.sample import bundle_of, sample
from tests.report.test_html import MARKUP, Page
from tests.solution.policy_batch import policy_batch

OPTIONAL = {"look", "dates", "buy", "swaps", "moves", "contracts"}


def policy_bundle(**tables: object) -> RunBundle:
    ledger = policy_batch(**tables)
    return bundle_of(ledger.tables, ledger.scenario, ledger.plan)


def sections(bundle: RunBundle) -> list[str | None]:
    return [attrs["id"] for tag, attrs in Page(render(bundle)).tags if tag == "section"]


def test_a_plan_with_every_policy_has_every_section_and_a_link_to_it() -> None:
    bundle = policy_bundle(contracts=[{"contract_id": "K", "product_id": "P", "min_qty": 5}])
    assert sections(bundle) == [
        "value", "look", "fill", "dates", "scarce", "buy", "flow", "swaps", "moves", "contracts", "shorts", "made",
    ]  # fmt: skip
    page = Page(render(bundle))
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == ["#main", *(f"#{section}" for section in sections(bundle))]


def test_a_plain_plan_that_serves_everybody_has_none_of_them() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 5}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 9}],
    )
    zero = np.array([0])
    bundle = bundle_of(tables, scenario, Plan(zero, zero, np.array([5])))
    assert not OPTIONAL & set(sections(bundle))
    text = Page(render(bundle)).text
    assert "Orders by outcome" not in text
    assert "Money in stock" not in text
    assert " late" not in text


def test_a_bundle_without_the_advising_tables_can_be_shown() -> None:
    bundle = sample(8)
    kept = {
        name: table for name, table in bundle.tables.items() if name not in ("exceptions", "replenishment", "orders")
    }
    assert sections(bundle.replace(tables=kept)) == ["value", "fill", "scarce", "flow", "contracts", "shorts", "made"]


def test_days_and_late_orders() -> None:
    bundle = policy_bundle()
    assert [(row["day"], row["units"], row["shipments"]) for row in plan_sections.day_rows(bundle)] == [
        ("2026-11-20", 32, 4), ("2026-11-21", 1, 1), ("2026-11-22", 2, 1),
    ]  # fmt: skip
    assert plan_sections.late_rows(bundle) == [
        {"order": "A", "customer": "C1", "arrives": "2026-11-23", "days": 1, "units": 10, "cost": "0.50"}
    ]
    text = Page(render(bundle)).text
    assert "1 order with units that arrive after the due date." in text
    assert "of orders, by due date · 1 late" in text


def test_many_days_are_summed_up_in_the_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_sections, "MOST_DAYS", 2)
    found = plan_sections.day_rows(policy_bundle())
    assert [(row["day"], row["units"], row["shipments"]) for row in found] == [("2026-11-20", 32, 4), ("later", 3, 2)]
    assert sum(row["share"] for row in found) == 1


def test_orders_by_outcome() -> None:
    bundle = policy_bundle()
    found = plan_sections.outcome_rows(bundle)
    assert [(row["label"], row["orders"], row["allocated"], row["ordered"]) for row in found] == [
        ("Full", 2, 10, 10), ("Alternate", 1, 3, 3), ("Partial", 2, 11, 14), ("Held", 1, 0, 5),
    ]  # fmt: skip
    assert plan_sections.flag_counts(bundle) == [
        ("partial", 2), ("deferred", 2), ("alternate warehouse", 2), ("substituted", 1), ("late", 1),
    ]  # fmt: skip


def test_substitutes_and_parts_of_kits() -> None:
    found, total = plan_sections.swap_rows(policy_bundle())
    assert total == 3
    assert [(row["ordered"], row["ships"], row["kind"], row["units"], row["lines"]) for row in found] == [
        ("KIT", "C", "part of the kit", 8, 1),
        ("P", "S", "substitute", 6, 1),
        ("KIT", "D", "part of the kit", 4, 1),
    ]


def test_transfers() -> None:
    found, total = plan_sections.transfer_rows(policy_bundle())
    assert (found, total) == (
        [{"from": "W", "to": "V", "what": "L, lot L2", "units": 1, "leaves": "2026-11-20", "arrives": "2026-11-21",
          "cost": "3.60"}],
        1,
    )  # fmt: skip


def test_stock_before_and_after_beside_working_capital() -> None:
    ledger = policy_batch()
    assert plan_sections.capital_rows(kpis_of(ledger), "EUR") == [
        ("Stock before", "120.00", "30.0 %"),
        ("Receipts until the last shipment", "8.00", ""),
        ("Allocated", "100.00", ""),
        ("Stock after", "28.00", "7.0 %"),
    ]
    without = Ledger(ledger.tables, ledger.scenario.model_copy(update={"finance": None}), ledger.plan)
    assert plan_sections.capital_rows(kpis_of(without), "EUR") == []


def test_the_steps_to_the_value_tell_penalties_apart() -> None:
    ledger = policy_batch()
    steps = facts.value_steps(kpis_of(ledger), ledger.scenario.weights)
    assert {step.label: step.amount for step in steps if step.label not in ("Margin", "Service value")} == {
        "Freight": -Fraction("33.6"),
        "Handling": -Fraction("2.3"),
        "Transfers": -Fraction("3.6"),
        "Lateness": -Fraction("0.5"),
        "Substitution": -Fraction("1.5"),
        "Change of the last plan": -Fraction("1.5"),
        "Holding value": Fraction("0.9"),
    }
    assert steps[-1].after == Fraction("182.9")


def test_the_page_shows_the_most_valuable_and_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = sample(60)
    monkeypatch.setattr(plan_sections, "MOST_ROWS", 3)
    rows = plan_sections.exception_rows(bundle)
    table, total = bundle.tables["exceptions"], len(bundle.tables["exceptions"])
    assert [row["subject"] for row in rows] == table["subject"][:3].tolist()
    text = Page(render(bundle)).text
    assert f"{total} findings, the most money at stake first; here are 3, all are in exceptions ." in text
    assert f"the 3 most valuable of {len(bundle.tables['replenishment'])}, all are in replenishment ." in text


@pytest.mark.parametrize("payload", MARKUP)
def test_no_id_becomes_markup_in_these_sections(payload: str) -> None:
    shapes = []
    for name in ("id", payload):
        past = [{"date": AS_OF - timedelta(days=at), "product_id": "P" + name, "qty": 1} for at in range(1, 10)]
        scenario = make_scenario()
        tables = make_tables(
            scenario,
            orders=[{"order_id": at + name, "customer_id": name, "due_date": "2026-11-01"} for at in "AB"],
            order_lines=[
                {"order_id": "A" + name, "product_id": "P" + name, "qty": 30},
                {"order_id": "B" + name, "product_id": "Q" + name, "qty": 9},
            ],
            stock=[{"warehouse_id": "W" + name, "product_id": "S" + name, "lot_id": name, "on_hand_qty": 9}],
            substitutions=[{"product_id": "Q" + name, "substitute_id": "S" + name}],
            history=past,
        )
        s = int(np.flatnonzero(tables.products["product_id"] == "S" + name)[0])
        one = np.array([1])
        plan = Plan.of(one, np.array([0]), np.array([4]), np.array([2]), np.array([s]))
        page = Page(render(bundle_of(tables, scenario, plan)))
        assert {"look", "dates", "swaps"} <= {attrs["id"] for tag, attrs in page.tags if tag == "section"}
        shapes.append(page.shape)
    assert shapes[0] == shapes[1]


def test_available_stock_counts_receipts_until_the_last_shipment_and_moves() -> None:
    found = {row["name"]: (row["units"], row["stock"]) for row in warehouse_rows(*with_ledger(policy_bundle()))}
    # V: 10 + 4 on hand, of P 8 and 2 received, 1 moved in; W: 8 of L less the one moved out, 20 of S
    assert found == {"V": (23, 14 + 10 + 1), "W": (12, 8 - 1 + 20)}


def with_ledger(bundle: RunBundle) -> tuple[RunBundle, Ledger]:
    assert bundle.plan is not None
    return bundle, Ledger(bundle.inputs, bundle.scenario, bundle.plan)


def test_the_last_lines_of_a_run_tell_dates_and_findings() -> None:
    bundle = policy_bundle()
    findings = bundle.tables["exceptions"]
    lines = summary(bundle, Path("runs/x"), 0)
    assert "dates     2 orders leave later, 1 arrive late" in lines
    high = int((findings["severity"] == "high").sum())
    assert f"look at   {len(findings)} findings in exceptions, {high} of them high" in lines
    none = {name: column[:0] for name, column in findings.columns.items()}
    calm = bundle.replace(
        run={**bundle.run, "kpis": {**bundle.run["kpis"], "deferred_orders": 0, "late_orders": 0}},
        tables={**bundle.tables, "exceptions": Table("exceptions", none)},
    )
    assert not [line for line in summary(calm, Path("runs/x"), 0) if line.startswith(("dates", "look"))]
