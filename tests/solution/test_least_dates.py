"""Dates that would have filled a short line: how many days, worked out by hand, and when no date would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optimizer.model.build import build_model
from optimizer.solution.least_change import Change, LeastEffort, least_changes
from optimizer.solution.least_dates import fewest
from tests.builders import make_scenario, make_tables
from tests.policy_rows import iso
from tests.solution.solving import Solver

DATES = {"available_date", "cancel_date", "due_date"}
DOCS = Path(__file__).parents[2] / "docs" / "explain.md"
NOTHING = {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 0}


def moves(engine: Solver, line: int = 0, **tables: Any) -> dict[str, Change]:
    """The changes of one line of the best plan that move a date, by what they say."""
    tables = {"stock": [NOTHING], **tables}
    scenario = make_scenario()
    model = build_model(make_tables(scenario, **tables), scenario)
    plan = engine.plan(model)
    assert plan is not None
    found = least_changes(model, plan, LeastEffort(60))[line]
    assert found.complete
    return {one.words: one for one in found.changes if any(edit.column in DATES for edit in one.edits)}


def order(name: str = "A", **columns: Any) -> dict[str, Any]:
    return {"order_id": name} | columns


def line(name: str = "A", qty: int = 3, **columns: Any) -> dict[str, Any]:
    return {"order_id": name, "product_id": "P", "qty": qty} | columns


def receipt(day: int, qty: int = 3, name: str = "R", house: str = "W") -> dict[str, Any]:
    row = {"receipt_id": name, "warehouse_id": house, "product_id": "P"}
    return row | {"qty": qty, "available_date": iso(day)}


def test_goods_that_come_after_the_cancel_date(engine: Solver) -> None:
    found = moves(engine, orders=[order(cancel_date=iso(2))], order_lines=[line()], inbound=[receipt(6)])
    assert set(found) == {
        "receipt R of P at W 4 days earlier (2026-11-22)",
        "a cancel_date 4 days later (2026-11-26)",
    }
    assert {one.worth for one in found.values()} == {3.0}
    (edit,) = found["a cancel_date 4 days later (2026-11-26)"].edits
    assert edit.as_json() == {
        "table": "orders", "key": {"order_id": "A"}, "action": "set", "column": "cancel_date", "value": "2026-11-26"
    }  # fmt: skip


def test_the_cancel_date_moves_until_enough_has_come(engine: Solver) -> None:
    receipts = [receipt(6, 2, "R1"), receipt(9, 2, "R2")]
    found = moves(engine, orders=[order(cancel_date=iso(2))], order_lines=[line()], inbound=receipts)
    assert set(found) == {"a cancel_date 7 days later (2026-11-29)"}  # no one receipt holds enough


def test_a_later_cancel_date_and_a_unit_more(engine: Solver) -> None:
    """What the first later date opens is one unit short; a day less opens nothing, whatever is in stock."""
    stated = {"orders": [order(cancel_date=iso(2))], "order_lines": [line()]}
    stated |= {"stock": [NOTHING | {"on_hand_qty": 2}], "lanes": [{"warehouse_id": "W", "transit_days": 4}]}
    assert set(moves(engine, **stated)) == {"a cancel_date 2 days later (2026-11-24) and 1 more unit of P at W"}


def test_goods_that_come_so_late_that_they_do_not_pay(engine: Solver) -> None:
    """Three days late a unit loses 9 − 5; one day late it earns 5 − 3."""
    lines = [line(unit_margin=5, late_penalty_per_unit_day=3)]
    found = moves(engine, orders=[order(due_date=iso(1))], order_lines=lines, inbound=[receipt(4)])
    assert {words: one.worth for words, one in found.items()} == {
        "receipt R of P at W 2 days earlier (2026-11-22)": 6.0,
        "a due_date 2 days later (2026-11-23)": 6.0,
    }


def test_others_of_the_receipt_are_served_earlier_with_it(engine: Solver) -> None:
    """The day on which B is served is a day no more."""
    orders, lines = [order(cancel_date=iso(2)), order("B")], [line(), line("B", 5)]
    found = moves(engine, orders=orders, order_lines=lines, inbound=[receipt(6, 8)])
    assert "receipt R of P at W 4 days earlier (2026-11-22)" in found


def test_frozen_orders_of_the_receipt_keep_their_day(engine: Solver) -> None:
    orders, lines = [order(cancel_date=iso(2)), order("B", frozen=True)], [line(), line("B", 5)]
    before = [{"order_id": "B", "product_id": "P", "warehouse_id": "W", "qty": 5, "ship_date": iso(6)}]
    found = moves(engine, orders=orders, order_lines=lines, inbound=[receipt(6, 8)], previous=before)
    assert "receipt R of P at W 4 days earlier (2026-11-22)" in found


def test_a_receipt_stays_where_a_pin_names_its_day(engine: Solver) -> None:
    orders, lines = [order(cancel_date=iso(2)), order("B")], [line(), line("B", 5)]
    pin = {"order_id": "B", "line_id": "1", "warehouse_id": "W", "mode": "at_least", "qty": 1, "ship_date": iso(6)}
    found = moves(engine, orders=orders, order_lines=lines, inbound=[receipt(6, 8)], pins=[pin])
    assert set(found) == {"a cancel_date 4 days later (2026-11-26)"}


def test_goods_that_are_moved_on_when_they_come(engine: Solver) -> None:
    moved = [{"from_warehouse_id": "V", "to_warehouse_id": "W", "transit_days": 1}]
    stated = {"orders": [order(cancel_date=iso(2)), order("B")], "order_lines": [line(), line("B", 2)]}
    stated |= {"inbound": [receipt(5, 5, house="V")], "lanes": [{"warehouse_id": "W"}], "transfers": moved}
    assert set(moves(engine, **stated)) == {
        "receipt R of P at V 4 days earlier (2026-11-21)",
        "a cancel_date 4 days later (2026-11-26)",
    }


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param({"orders": [order()], "order_lines": [line(qty=9)]}, id="no date is asked for"),
        pytest.param({"orders": [order(cancel_date=iso(9))], "order_lines": [line(qty=9)]}, id="too few come"),
        pytest.param({"orders": [order(cancel_date=iso(2), hold="credit")], "order_lines": [line()]}, id="on hold"),
        pytest.param(
            {"orders": [order(due_date=iso(1))], "order_lines": [line(unit_margin=-1, late_penalty_per_unit_day=3)]},
            id="it never pays",
        ),
    ],
)
def test_no_date_fills_it(engine: Solver, stated: dict[str, Any]) -> None:
    assert not moves(engine, inbound=[receipt(4)], **stated)


def test_the_page_says_dates_as_the_product_does(engine: Solver) -> None:
    found = moves(engine, orders=[order(cancel_date=iso(2))], order_lines=[line()], inbound=[receipt(6)])
    page = DOCS.read_text(encoding="utf-8")
    assert all(f"`{words}`" in page for words in found)


@pytest.mark.parametrize("least", range(1, 10))
def test_the_fewest_days_are_found(least: int) -> None:
    tried: list[int] = []

    def fills(days: int) -> bool:
        tried.append(days)
        return days >= least

    found = fewest(range(1, 9), fills)
    assert found == (least if least < 9 else None)
    assert len(tried) <= 4
