"""Each reason on batches so small that anyone sees it is right; the plan comes from the real model and engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.model.build import build_model
from optimizer.solution.plan import Plan
from optimizer.solution.prices import PricedRows, Prices
from optimizer.solution.reasons import shorts
from optimizer.tables.tables import Table
from tests.builders import make_scenario, make_tables
from tests.solution.solving import Solver


def line(order: str, qty: int = 5, product: str = "P", line_id: str = "1", **more: Any) -> dict[str, Any]:
    return {"order_id": order, "line_id": line_id, "product_id": product, "qty": qty} | more


def stock(*rows: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [{"warehouse_id": w, "product_id": p, "on_hand_qty": qty} for w, p, qty in rows]


def lane(warehouse: str, **more: Any) -> dict[str, Any]:
    return {"warehouse_id": warehouse} | more


class Why:
    """The shorts of a batch by order/line: ``why["A/1"].reason``."""

    def __init__(self, table: Table) -> None:
        self.table = table
        names = zip(table["order_id"], table["line_id"], strict=True)
        self.place = {f"{order}/{one}": position for position, (order, one) in enumerate(names)}

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, name: str) -> dict[str, Any]:
        return {column: values[self.place[name]] for column, values in self.table.columns.items()}


@pytest.fixture
def ask(engine: Solver) -> Any:
    def asked(**tables: Any) -> Why:
        scenario = tables.pop("scenario", None)
        return Why(shorts(*engine.solved(scenario, **tables)))

    return asked


def test_columns_and_order_are_the_contract(ask: Any) -> None:
    why = ask(
        order_lines=[line("B", 5, x_note="n"), line("A", 4), line("A", 3, line_id="2", unit_margin=9)],
        stock=stock(("W", "P", 5)),
    )
    assert ", ".join(why.table.columns) == (
        "order_id, line_id, product_id, ordered_qty, allocated_qty, short_qty, reason, detail, taken_by, least_change"
    )
    assert next(iter(why.place)) == "A/1"
    assert "A/2" not in why.place  # a full line is no short
    assert list(why.table.extra) == ["x_note"]
    total = why.table["ordered_qty"] - why.table["allocated_qty"]
    assert (why.table["short_qty"] == total).all()
    assert why.table["short_qty"].sum() == 7


def test_hold(ask: Any) -> None:
    found = ask(order_lines=[line("A")], stock=stock(("W", "P", 9)), orders=[{"order_id": "A", "hold": "credit"}])[
        "A/1"
    ]
    assert found["reason"] == "hold"
    assert found["detail"] == "order A is on hold: credit"
    assert found["least_change"] == "release the hold"


class TestNoLane:
    def test_to_the_zone(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")],
            stock=stock(("W", "P", 9), ("V", "P", 2)),
            lanes=[lane("W", zone_id="Y"), lane("V", zone_id="Y")],
        )["A/1"]
        assert (found["reason"], found["detail"]) == ("no_lane", "no lane leads to zone Z")
        assert found["least_change"] == "a lane to Z from a warehouse that has P (V, W)"

    def test_from_an_open_warehouse(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")], stock=stock(("W", "P", 9)), warehouses=[{"warehouse_id": "W", "is_open": False}]
        )["A/1"]
        assert found["reason"] == "no_lane"
        assert "W by standard: the warehouse is not open" in found["detail"]

    def test_by_the_service_that_is_asked_for(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")],
            stock=stock(("W", "P", 9)),
            lanes=[lane("W"), lane("W", zone_id="Y", service_id="express")],
            orders=[{"order_id": "A", "service_id": "express"}],
        )["A/1"]
        assert found["reason"] == "no_lane"
        assert "asks for another service" in found["detail"]

    def test_of_an_eligible_warehouse(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")],
            stock=stock(("W", "P", 9)),
            eligibility=[{"rule_id": "R", "warehouse_id": "W", "mode": "forbid", "product_id": "P"}],
        )["A/1"]
        assert found["reason"] == "no_lane"
        assert "eligibility" in found["detail"]


class TestNoStock:
    def test_anywhere(self, ask: Any) -> None:
        found = ask(order_lines=[line("A")], stock=stock(("V", "P", 0), ("W", "Q", 4)))["A/1"]
        assert (found["reason"], found["taken_by"]) == ("no_stock", "")
        assert found["detail"] == "no stock of P is available to promise at V, W"
        assert found["least_change"] == "5 more units of P at V; worth about 5.00 (estimate, not verified)"

    def test_beyond_what_the_line_has(self, ask: Any) -> None:
        found = ask(order_lines=[line("A")], stock=stock(("W", "P", 3)))["A/1"]
        assert found["reason"] == "no_stock"
        assert found["detail"] == "all 3 units of P at W already go to this line"
        assert found["least_change"].startswith("2 more units of P at W")

    def test_where_reserved_and_safety_stock_hold_it(self, ask: Any) -> None:
        rows = [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5, "reserved_qty": 3, "safety_stock_qty": 4}]
        assert ask(order_lines=[line("A")], stock=rows)["A/1"]["reason"] == "no_stock"


class TestStockTaken:
    def test_by_lines_that_earn_more(self, ask: Any) -> None:
        why = ask(
            order_lines=[line("A", unit_margin=9), line("B", unit_margin=4.1), line("C", unit_margin=3.2)],
            stock=stock(("W", "P", 8)),
        )
        assert why["B/1"]["reason"] == why["C/1"]["reason"] == "stock_taken"
        assert why["C/1"]["detail"] == (
            "8 units of P at W went to 2 order lines worth 4.10 to 9.00 a unit; this line earns 3.20 a unit from there"
        )
        assert why["C/1"]["taken_by"] == "A/1 (5 at 9.00), B/1 (3 at 4.10); 2 in all"
        assert why["B/1"]["taken_by"] == "A/1 (5 at 9.00); 1 in all"  # its own units are not taken from it
        assert why["C/1"]["least_change"] == "5 more units of P at W; worth about 16.00 (estimate, not verified)"

    def test_by_more_lines_than_are_named(self, ask: Any) -> None:
        rich = [line(f"R{i:02}", 1 + i, unit_margin=9) for i in range(12)]
        found = ask(order_lines=[*rich, line("Z")], stock=stock(("W", "P", 78)))["Z/1"]
        assert found["taken_by"].startswith("R11/1 (12 at 9.00), R10/1 (11 at 9.00), ")
        assert found["taken_by"].endswith("R02/1 (3 at 9.00); 12 in all")
        assert found["taken_by"].count("(") == 10

    def test_freight_counts_into_what_a_line_earns(self, ask: Any) -> None:
        """B has the higher margin but the dearer way; the detail compares what is left after it."""
        found = ask(
            order_lines=[line("A", unit_margin=5), line("B", unit_margin=6)],
            orders=[{"order_id": "A", "zone_id": "Z"}, {"order_id": "B", "zone_id": "Y"}],
            lanes=[lane("W", zone_id="Z"), lane("W", zone_id="Y", cost_per_unit=2.5)],
            stock=stock(("W", "P", 5)),
        )["B/1"]
        assert "worth 5.00 a unit; this line earns 3.50 a unit" in found["detail"]

    def test_by_a_contract_of_less_worth(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A", unit_margin=1), line("B", unit_margin=8)],
            contracts=[{"contract_id": "K", "order_id": "A", "min_qty": 5}],
            stock=stock(("W", "P", 5)),
        )["B/1"]
        assert found["reason"] == "stock_taken"
        assert "rules, contracts or shared shipments keep lines of less worth there" in found["detail"]

    def test_the_best_lane_speaks(self, ask: Any) -> None:
        """At V nothing is left; at W there is, but too far. V would have been used, so its stock is the reason."""
        found = ask(
            order_lines=[line("A", unit_margin=9), line("B", unit_margin=3)],
            orders=[{"order_id": "A", "service_id": "van"}, {"order_id": "B"}],
            lanes=[lane("V", service_id="van"), lane("W", service_id="truck", cost_per_unit=4)],
            stock=stock(("V", "P", 5), ("W", "P", 5)),
        )["B/1"]
        assert found["reason"] == "stock_taken"
        assert " at V went to 1 order line" in found["detail"]

    def test_the_price_of_the_stock_is_said_where_it_is_known(self) -> None:
        scenario = make_scenario()
        tables = make_tables(
            scenario, order_lines=[line("A", unit_margin=9), line("B")], stock=stock(("W", "P", 5))
        )  # fmt: skip
        ids = {"warehouse_id": np.array(["W"], dtype=object), "product_id": np.array(["P"], dtype=object)}
        prices = Prices({"warehouse_stock": PricedRows(ids, Exact.of([1]))}, Table("shadow_prices", {}), 0.0, ())
        plan = Plan(np.array([0]), np.array([0]), np.array([5]))
        found = shorts(build_model(tables, scenario), plan, prices)
        assert found["detail"][0].endswith("; the price of that stock is 1.00 a unit")


class TestNotWorthFreight:
    def test_opening_costs_more_than_the_line_earns(self, ask: Any) -> None:
        found = ask(order_lines=[line("A")], stock=stock(("W", "P", 8)), lanes=[lane("W", fixed_cost=8)])["A/1"]
        assert found["reason"] == "not_worth_freight"
        assert found["detail"] == (
            "5 units could ship from W by standard: they would earn 5.00 and cost 8.00, "
            "of that 8.00 before the first unit"
        )
        assert found["least_change"] == "a unit margin higher by more than 0.60"

    def test_even_had_there_been_stock(self, ask: Any) -> None:
        """Others hold the stock, but this line would not have shipped anyway."""
        found = ask(
            order_lines=[line("A", unit_margin=9), line("B", unit_margin=1)],
            orders=[{"order_id": "A"}, {"order_id": "B", "zone_id": "Y"}],
            lanes=[lane("W"), lane("W", zone_id="Y", cost_per_unit=3)],
            stock=stock(("W", "P", 5)),
        )["B/1"]
        assert found["reason"] == "not_worth_freight"
        assert "would ship if there were room" in found["detail"]
        assert found["least_change"] == ""

    def test_a_minimum_charge_is_part_of_the_freight(self, ask: Any) -> None:
        lanes = [lane("W", cost_per_unit=0.1, min_charge=7)]
        found = ask(order_lines=[line("A")], stock=stock(("W", "P", 8)), lanes=lanes)["A/1"]
        assert "earn 5.00 and cost 7.00" in found["detail"]

    def test_opening_a_warehouse_is_part_of_the_cost(self, ask: Any) -> None:
        houses = [{"warehouse_id": "W", "fixed_open_cost": 20, "handling_cost_per_unit": 0.5}]
        found = ask(order_lines=[line("A")], stock=stock(("W", "P", 8)), warehouses=houses)["A/1"]
        assert "earn 5.00 and cost 22.50, of that 20.00 before the first unit" in found["detail"]

    def test_service_and_weights_are_part_of_what_it_earns(self, ask: Any) -> None:
        scenario = make_scenario(service={"value": 2}, weights={"service": 0.5, "margin": 2, "shipping": 3})
        found = ask(
            scenario=scenario, order_lines=[line("A")], stock=stock(("W", "P", 8)), lanes=[lane("W", fixed_cost=6)]
        )["A/1"]
        assert "earn 15.00 and cost 18.00" in found["detail"]  # 5 · (2 · 1 + 0.5 · 2), 3 · 6
        assert found["least_change"] == "a unit margin higher by more than 0.30"  # 3 / (2 · 5)

    def test_a_whole_order(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("A", product="Q", line_id="2")],
            stock=stock(("W", "P", 8), ("W", "Q", 8)),
            orders=[{"order_id": "A", "delivery_policy": "order_complete"}],
            lanes=[lane("W", fixed_cost=12)],
        )
        assert {found["A/1"]["reason"], found["A/2"]["reason"]} == {"not_worth_freight"}
        assert found["A/1"]["detail"] == "shipping order A whole would earn 10.00 and cost 12.00"
        assert found["A/2"]["least_change"] == "the order would have to earn over 2.00 more"


class TestCapacity:
    @pytest.mark.parametrize(
        ("column", "limit", "change"),
        [
            ("capacity_units", 6, "capacity_units of W raised by 4"),
            ("capacity_lines", 1, "capacity_lines of W raised by 1"),
            ("capacity_shipments", 1, "capacity_shipments of W raised by 1"),
            ("capacity_kg", 2.6, ""),
        ],
    )
    def test_of_the_warehouse(self, ask: Any, column: str, limit: float, change: str) -> None:
        found = ask(
            order_lines=[line("A", unit_margin=3), line("B", unit_margin=2)],
            products=[{"product_id": "P", "unit_weight_kg": 0.5}],
            stock=stock(("W", "P", 20)),
            warehouses=[{"warehouse_id": "W", column: limit}],
        )["B/1"]
        assert found["reason"] == "capacity"
        assert found["detail"] == f"{column} of W is used up ({limit})"
        assert found["least_change"].startswith(change)

    @pytest.mark.parametrize(
        ("column", "limit"), [("capacity_units", 5), ("capacity_shipments", 1), ("capacity_kg", 3)]
    )
    def test_of_the_lane(self, ask: Any, column: str, limit: int) -> None:
        found = ask(
            order_lines=[line("A", unit_margin=3, weight_kg=3), line("B", unit_margin=2, weight_kg=3)],
            stock=stock(("W", "P", 20)),
            lanes=[lane("W", **{column: limit})],
        )["B/1"]
        assert (found["reason"], found["detail"]) == (
            "capacity",
            f"{column} of lane W by standard is used up ({limit})",
        )

    def test_no_change_is_named_where_stock_would_stop_it_too(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A", unit_margin=3), line("B", unit_margin=2)],
            stock=stock(("W", "P", 7)),
            warehouses=[{"warehouse_id": "W", "capacity_units": 5}],
        )["B/1"]
        assert (found["reason"], found["least_change"]) == ("capacity", "")


class TestSplitLimit:
    def test_one_shipment_more_than_allowed(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("A", 3, product="Q", line_id="2")],
            stock=stock(("W", "P", 9), ("V", "Q", 5)),
            orders=[{"order_id": "A", "max_shipments": 1}],
        )["A/2"]
        assert found["reason"] == "split_limit"
        assert found["detail"] == "order A has its 1 shipment; V by standard would be one more"
        assert found["least_change"] == "max_shipments of 2; worth about 3.00 (estimate, not verified)"

    def test_a_whole_line_that_needs_two(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")],
            stock=stock(("W", "P", 3), ("V", "P", 3)),
            orders=[{"order_id": "A", "max_shipments": 1, "delivery_policy": "line_complete"}],
        )["A/1"]
        assert found["reason"] == "split_limit"

    def test_a_whole_order_that_needs_two(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("A", 3, product="Q", line_id="2")],
            stock=stock(("W", "P", 9), ("V", "Q", 5)),
            orders=[{"order_id": "A", "max_shipments": 1, "delivery_policy": "order_complete"}],
        )
        assert {found["A/1"]["reason"], found["A/2"]["reason"]} == {"split_limit"}
        assert "which cannot hold what is needed" in found["A/1"]["detail"]


class TestDeliveryPolicy:
    def test_less_stock_than_a_whole_line(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A")],
            stock=stock(("W", "P", 3)),
            orders=[{"order_id": "A", "delivery_policy": "line_complete"}],
        )["A/1"]
        assert found["reason"] == "delivery_policy"
        assert found["detail"].endswith("5 of P needed, 3 is all the stock within reach")
        assert found["least_change"] == "partial delivery (3 units); worth about 3.00 (estimate, not verified)"

    def test_less_left_than_a_whole_line(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("B", unit_margin=9)],
            stock=stock(("W", "P", 8)),
            orders=[{"order_id": "A", "delivery_policy": "line_complete"}, {"order_id": "B"}],
        )["A/1"]
        assert found["reason"] == "delivery_policy"
        assert found["detail"].endswith("5 of P needed, 3 could still be had")

    def test_nothing_left_is_taken_stock_even_for_a_whole_line(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("B", 8, unit_margin=9)],
            stock=stock(("W", "P", 8)),
            orders=[{"order_id": "A", "delivery_policy": "line_complete"}, {"order_id": "B"}],
        )["A/1"]
        assert found["reason"] == "stock_taken"

    def test_another_line_of_the_order_is_missing(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("A", product="Q", line_id="2")],
            stock=stock(("W", "P", 9), ("W", "Q", 0)),
            orders=[{"order_id": "A", "delivery_policy": "order_complete"}],
        )
        assert (found["A/1"]["reason"], found["A/2"]["reason"]) == ("delivery_policy", "no_stock")
        assert "line 2 (no_stock) cannot be had" in found["A/1"]["detail"]

    def test_lines_that_could_each_be_had_but_not_together(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A"), line("A", line_id="2")],
            stock=stock(("W", "P", 8)),
            orders=[{"order_id": "A", "delivery_policy": "order_complete"}],
        )
        assert {found["A/1"]["reason"], found["A/2"]["reason"]} == {"delivery_policy"}
        assert "not all of them together" in found["A/1"]["detail"]


class TestMinimumOrLot:
    def test_less_than_a_step_is_short(self, ask: Any) -> None:
        found = ask(order_lines=[line("A", lot_multiple=3)], stock=stock(("W", "P", 9)))["A/1"]
        assert (found["reason"], found["short_qty"]) == ("minimum_or_lot", 2)
        assert found["detail"] == "2 units short, in multiples of 3: that is less than one multiple of 3"

    def test_less_than_a_case_anywhere(self, ask: Any) -> None:
        products = [{"product_id": "P", "case_pack": 4}]
        found = ask(order_lines=[line("A")], stock=stock(("V", "P", 2), ("W", "P", 3)), products=products)["A/1"]
        assert found["reason"] == "minimum_or_lot"
        assert "no warehouse within reach has more than 3" in found["detail"]

    def test_less_than_a_step_is_left(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A", 6, unit_margin=9), line("B", 4, lot_multiple=4)], stock=stock(("W", "P", 8))
        )["B/1"]
        assert found["reason"] == "minimum_or_lot"
        assert found["detail"] == "2 of P left at W; at least 4, in multiples of 4, would ship"
        assert found["least_change"] == "2 more units of P at W; worth about 4.00 (estimate, not verified)"

    def test_less_stock_than_the_minimum(self, ask: Any) -> None:
        found = ask(order_lines=[line("A", min_fill_qty=4)], stock=stock(("W", "P", 3)))["A/1"]
        assert found["reason"] == "minimum_or_lot"
        assert found["least_change"] == "a smaller min_fill_qty (3 units); worth about 3.00 (estimate, not verified)"

    def test_less_left_than_the_minimum(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A", min_fill_qty=4), line("B", unit_margin=9)], stock=stock(("W", "P", 8))
        )["A/1"]  # fmt: skip
        assert found["reason"] == "minimum_or_lot"
        assert found["detail"] == "the line takes at least 4 of P; 3 could still be had"

    def test_a_whole_line_that_is_no_whole_number_of_cases(self, ask: Any) -> None:
        found = ask(
            order_lines=[line("A", lot_multiple=3)],
            stock=stock(("W", "P", 9)),
            orders=[{"order_id": "A", "delivery_policy": "line_complete"}],
        )["A/1"]
        assert (found["reason"], found["allocated_qty"]) == ("minimum_or_lot", 0)


def test_contract_quota(ask: Any) -> None:
    found = ask(
        order_lines=[line("A"), line("B", unit_margin=4)],
        stock=stock(("W", "P", 20)),
        contracts=[{"contract_id": "K", "product_id": "P", "max_qty": 7}, {"contract_id": "L", "max_qty": 9}],
    )["A/1"]
    assert found["reason"] == "contract_quota"
    assert found["detail"] == "contract K allows 7 units, 7 are allocated"
    assert found["least_change"] == ""  # L would stop it next

    one = ask(
        order_lines=[line("A")], stock=stock(("W", "P", 20)), contracts=[{"contract_id": "K", "max_qty": 2}]
    )["A/1"]  # fmt: skip
    assert one["least_change"] == "max_qty of K raised by 3; worth about 3.00 (estimate, not verified)"


@pytest.mark.parametrize(
    ("pin", "words", "allocated"),
    [
        ({"mode": "at_most", "qty": 1}, "at most 1", 1),
        ({"mode": "exactly", "qty": 2}, "exactly 2", 2),
        ({"mode": "forbid", "reason": "recall"}, "forbid (recall)", 0),
        ({"mode": "at_most", "qty": 3, "service_id": "standard"}, "at most 3 by standard", 3),
    ],
)
def test_pin(ask: Any, pin: dict[str, Any], words: str, allocated: int) -> None:
    found = ask(
        order_lines=[line("A")],
        stock=stock(("W", "P", 9)),
        pins=[{"order_id": "A", "line_id": "1", "warehouse_id": "W"} | pin],
    )["A/1"]
    assert (found["reason"], found["allocated_qty"]) == ("pin", allocated)
    assert found["detail"] == f"a planner's decision at W: {words}"
    assert found["least_change"].startswith("release it; worth about")


def test_a_rule_of_the_line_comes_before_stock_taken_elsewhere(ask: Any) -> None:
    found = ask(
        order_lines=[line("A"), line("B", unit_margin=9)],
        orders=[{"order_id": "A"}, {"order_id": "B", "service_id": "van"}],
        lanes=[lane("V", service_id="van"), lane("W")],
        stock=stock(("V", "P", 5), ("W", "P", 5)),
        pins=[{"order_id": "A", "line_id": "1", "warehouse_id": "W", "mode": "forbid"}],
    )["A/1"]
    assert found["reason"] == "pin"


def test_within_gap_where_the_plan_is_not_the_best() -> None:
    """A plan that leaves a profitable unit behind says so, instead of inventing an obstacle."""
    scenario = make_scenario()
    tables = make_tables(scenario, order_lines=[line("A", 5, unit_margin=2)], stock=stock(("W", "P", 9)))
    plan = Plan(np.array([0]), np.array([0]), np.array([3]))
    found = Why(shorts(build_model(tables, scenario), plan))["A/1"]
    assert found["reason"] == "within_gap"
    assert found["detail"].startswith("it could ship and gain about 4.00")


def test_lines_of_one_order_that_pay_only_together(ask: Any) -> None:
    """Neither line is worth the shipment alone; had there been stock, both would have gone. Stock is the reason."""
    found = ask(
        order_lines=[
            line("A"),
            line("A", product="Q", line_id="2"),
            line("B", unit_margin=9),
            line("B", product="Q", line_id="2", unit_margin=9),
        ],
        lanes=[lane("W", fixed_cost=8)],
        stock=stock(("W", "P", 5), ("W", "Q", 5)),
    )
    assert {found["A/1"]["reason"], found["A/2"]["reason"]} == {"stock_taken"}
    assert found["A/1"]["least_change"] == ""  # more of P alone would not be enough


def test_nothing_short_is_an_empty_table(ask: Any) -> None:
    assert len(ask(order_lines=[line("A")], stock=stock(("W", "P", 5)))) == 0
