"""What is available to promise when, and on which days goods leave: worked out by hand."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from optimizer.model.batch import Batch
from optimizer.model.calendar import FOREVER, Calendar
from tests.builders import AS_OF, make_scenario, make_tables

P_AT_W = {"warehouse_id": "W", "product_id": "P"}


def on(day: int) -> str:
    return (AS_OF + datetime.timedelta(days=day)).isoformat()


def batch(**tables: Any) -> Batch:
    scenario = make_scenario()
    tables.setdefault("order_lines", [{"order_id": "A", "product_id": "P", "qty": 9}])
    return Batch(make_tables(scenario, **tables), scenario)


def receipt(number: int, qty: int, day: int, **more: Any) -> dict[str, Any]:
    return P_AT_W | {"receipt_id": f"R{number}", "qty": qty, "available_date": on(day)} | more


def test_periods_begin_where_the_supply_changes() -> None:
    """L1 (6 on hand, 4 kept back) lasts until day 3; 5 units come on day 2, 1 was due before the batch."""
    stock = [
        P_AT_W | {"lot_id": "L1", "on_hand_qty": 6, "reserved_qty": 3, "safety_stock_qty": 1, "expiry_date": on(3)},
        P_AT_W | {"lot_id": "L2", "on_hand_qty": 1, "reserved_qty": 4},
    ]
    supply = batch(stock=stock, inbound=[receipt(1, 5, 2), receipt(2, 1, -4)]).supply
    assert supply.lot.tolist() == ["", "L1", "L2"]
    assert supply.stock_row.tolist() == [-1, 0, 1]
    assert supply.period_day.tolist() == [0, 2, 4]
    assert supply.period_atp.tolist() == [max(0, 2 - 3 + 1), 2 - 3 + 6, -3 + 6]
    assert supply.last_period.tolist() == [2, 1, 2]


def test_own_supply_of_a_lot_grows_only_where_it_has_no_name() -> None:
    stock = [P_AT_W | {"lot_id": "L1", "on_hand_qty": 6}]
    supply = batch(stock=stock, inbound=[receipt(1, 5, 2)]).supply
    days = np.array([0, 1, 2, FOREVER])
    assert supply.own(np.zeros(4, dtype=np.int64), days).tolist() == [0, 0, 5, 5]
    assert supply.own(np.ones(4, dtype=np.int64), days).tolist() == [6, 6, 6, 6]


def test_room_counts_every_later_limit_of_the_lot() -> None:
    """Of L2's 5 units only 2 are left to promise once L1, whose units cover its reservation, is dead."""
    stock = [
        P_AT_W | {"lot_id": "L1", "on_hand_qty": 9, "expiry_date": on(1)},
        P_AT_W | {"lot_id": "L2", "on_hand_qty": 5, "reserved_qty": 3},
    ]
    supply = batch(stock=stock).supply
    assert supply.period_atp.tolist() == [11, 2]
    assert supply.room(np.array([0, 1]), np.array([0, 0])).tolist() == [9, 2]
    assert supply.room(np.array([0]), np.array([2])).tolist() == [0]


def test_a_lot_limit_that_the_next_period_repeats_is_left_out() -> None:
    stock = [P_AT_W | {"lot_id": name, "on_hand_qty": 5} for name in ("", "L1")]
    lots = batch(stock=stock, inbound=[receipt(1, 2, 3)]).supply.lot_rows
    assert list(zip(lots.source.tolist(), lots.period.tolist(), lots.own.tolist(), strict=True)) == [
        (0, 0, 5),
        (0, 1, 7),
        (1, 1, 5),
    ]


def test_goods_leave_when_something_changed_on_working_days() -> None:
    """Closed on 0 and 2: the first working day is 1; the receipt of day 2 leaves on 3, the limit of 5 adds 5 and 6."""
    calendar = [{"warehouse_id": "W", "date": on(day), "is_working": False} for day in (0, 2)]
    calendar += [{"warehouse_id": "W", "date": on(5), "capacity_units": 3}]
    calendar += [{"warehouse_id": "W", "date": on(-2), "capacity_units": 1}]
    lines = [{"order_id": "A", "product_id": "P", "qty": 1}, {"order_id": "B", "product_id": "Q", "qty": 1}]
    stock = [P_AT_W | {"product_id": product, "on_hand_qty": 1} for product in "PQ"]
    days = batch(order_lines=lines, stock=stock, inbound=[receipt(1, 1, 2)], calendar=calendar).ship_days
    order, day = days.expand(np.array([0, 1]), np.zeros(2, dtype=np.int64))
    assert list(zip(order.tolist(), day.tolist(), strict=True)) == [
        (0, 1),
        (0, 3),
        (0, 5),
        (0, 6),
        (1, 1),
        (1, 5),
        (1, 6),
    ]


def test_a_receipt_counts_for_what_the_order_could_be_served_with() -> None:
    """The order asks for K; its substitute S is a kit of P, and P arrives on day 2."""
    tables = {
        "order_lines": [{"order_id": "A", "product_id": "K", "qty": 1}],
        "stock": [P_AT_W | {"product_id": "K", "on_hand_qty": 1}],
        "substitutions": [{"product_id": "K", "substitute_id": "S"}],
        "kits": [{"product_id": "S", "component_id": "P", "qty": 2}],
    }
    days = batch(**tables, inbound=[receipt(1, 4, 2)]).ship_days
    assert days.expand(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))[1].tolist() == [0, 2]


def test_working_days_are_looked_for_day_by_day() -> None:
    calendar = [{"warehouse_id": "W", "date": on(day), "is_working": False} for day in (0, 1, 4)]
    made = batch(stock=[P_AT_W | {"on_hand_qty": 1}], calendar=calendar)
    first = Calendar.of(made.tables, made.scenario).first_working(np.zeros(4, dtype=np.int64), np.array([0, 1, 3, 4]))
    assert first.tolist() == [2, 2, 3, 5]


def test_offers_count_in_units_that_are_whole_on_both_sides() -> None:
    """One of S stands for two of P and comes in cases of four, P in twos: 8 ordered units are a case of S."""
    tables = {
        "order_lines": [{"order_id": "A", "product_id": "P", "qty": 18, "lot_multiple": 2, "weight_kg": 9}],
        "products": [
            {"product_id": "P", "unit_weight_kg": 7},
            {"product_id": "S", "case_pack": 4, "unit_weight_kg": "1.5"},
            {"product_id": "T"},
        ],
        "substitutions": [
            {"product_id": "P", "substitute_id": "S", "ratio": "0.5"},
            {"product_id": "P", "substitute_id": "T", "ratio": "2.5", "customer_id": "X"},
        ],
        "customers": [{"customer_id": "C"}, {"customer_id": "X"}],
        "stock": [P_AT_W | {"on_hand_qty": 1}],
    }
    offers = batch(**tables).offers
    assert offers.product.tolist() == [0, 1]
    assert offers.multiple.tolist() == [2, 8]
    assert offers.shipped(np.array([1]), np.array([16])).tolist() == [8]
    assert offers.ordered(np.array([1]), np.array([7])).tolist() == [14]
    assert offers.kg.floats().tolist() == [0.5, 0.75]


def test_a_kit_weighs_what_it_says_or_else_what_is_in_it() -> None:
    products = [{"product_id": "A", "unit_weight_kg": 2}, {"product_id": "B", "unit_weight_kg": "0.5"}]
    products += [{"product_id": "K"}, {"product_id": "L", "unit_weight_kg": 1}]
    parts = [
        {"product_id": kit, "component_id": part, "qty": qty} for kit in "KL" for part, qty in (("A", 1), ("B", 3))
    ]
    lines = [{"order_id": "O", "line_id": kit, "product_id": kit, "qty": 1} for kit in "KL"]
    stock = [P_AT_W | {"product_id": "A", "on_hand_qty": 1}]
    offers = batch(order_lines=lines, products=products, kits=parts, stock=stock).offers
    assert offers.kg.floats().tolist() == [3.5, 1.0]
    assert offers.units.tolist() == [4, 4]
