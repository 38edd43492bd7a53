"""Which arcs there are, in which steps, and why the others are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.model.arcs import CHUNK, REASONS, find_arcs
from optimizer.model.batch import Batch
from optimizer.model.build import build_model
from tests.builders import make_scenario, make_tables
from tests.model.cases import EXPRESS, FREE, HEAVY, TWO, lane, line, stock
from tests.model.policy_cases import BEFORE, band
from tests.model.solving import optimum

SCENARIO = make_scenario(stability={"previous_plan": "previous"})
ONE = {"order_lines": [line("A", 3)], "stock": [stock("W1", 5)]}
PIN = {"order_id": "A", "line_id": "1", "warehouse_id": "W1"}

PRUNING: dict[str, dict[str, Any]] = {
    "held": ONE | {"orders": [{"order_id": "A", "hold": "credit"}]},
    "closed_warehouse": ONE | {"warehouses": [{"warehouse_id": "W1", "is_open": False}]},
    "service_mismatch": ONE | {"orders": [{"order_id": "A", "service_id": "express"}], "lanes": EXPRESS},
    "ineligible": ONE | {"eligibility": [{"rule_id": "R", "warehouse_id": "W1", "mode": "forbid", "product_id": "P"}]},
    "after_cancel": ONE
    | {"orders": [{"order_id": "A", "cancel_date": "2026-11-21"}], "lanes": [lane("W1", transit_days=2)]},
    "below_step": ONE | {"order_lines": [line("A", 3, lot_multiple=4)]},
    "pinned_off": ONE | {"pins": [PIN | {"mode": "forbid", "qty": 0}]},
    "no_stock": ONE | {"stock": [stock("W1", 0)]},
    "expired": ONE
    | {
        "customers": [{"customer_id": "C", "min_remaining_life_days": 3}],
        "stock": [stock("W1", 5) | {"expiry_date": "2026-11-22"}],
    },
    "frozen": ONE | {"orders": [{"order_id": "A", "frozen": True}], "previous": [BEFORE[0] | {"order_id": "GONE"}]},
    "no_rate": ONE | {"products": HEAVY, "rate_bands": [band("R", "5")]},
    "no_capacity": ONE | {"warehouses": [{"warehouse_id": "W1", "capacity_units": 0}]},
    "cannot_complete": ONE
    | {"orders": [{"order_id": "A", "delivery_policy": "line_complete"}], "stock": [stock("W1", 2)]},
    "below_min_fill": ONE | {"order_lines": [line("A", 3, min_fill_qty=3)], "stock": [stock("W1", 2)]},
}


def arcs_of(tables: dict[str, Any]) -> Any:
    return find_arcs(Batch(make_tables(SCENARIO, **tables), SCENARIO))


def test_every_reason_has_a_case() -> None:
    assert list(PRUNING) == list(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_pruned_once_under_its_reason(reason: str) -> None:
    tables = make_tables(SCENARIO, **PRUNING[reason])
    arcs = find_arcs(Batch(tables, SCENARIO))
    assert {name: count for name, count in arcs.pruned.items() if count} == {reason: 1}
    assert len(arcs) + 1 == len(tables.lanes)


def test_pruned_counts_reach_the_model() -> None:
    scenario = make_scenario()
    model = build_model(make_tables(scenario, **PRUNING["no_stock"]), scenario)
    assert model.pruned == {"arcs.no_stock": 1}


def test_a_negative_margin_is_no_reason() -> None:
    assert len(arcs_of(ONE | {"order_lines": [line("A", 3) | {"unit_margin": -9}]})) == 1


def test_only_rules_of_one_pattern_are_alternatives_and_patterns_add_up() -> None:
    rules = [
        {"rule_id": "R1", "warehouse_id": "W1", "mode": "only", "product_id": "P"},
        {"rule_id": "R2", "warehouse_id": "W1", "mode": "only", "product_id": "Q"},
        {"rule_id": "R3", "warehouse_id": "W1", "mode": "only", "zone_id": "Z"},
        {"rule_id": "R4", "warehouse_id": "W1", "mode": "forbid", "order_id": "C"},
    ]
    lines = [line("A", 1), line("B", 1, product="Q"), line("C", 1), line("D", 1), line("E", 1, product="R")]
    orders = [{"order_id": name, "zone_id": "Y" if name == "D" else "Z"} for name in "ABCDE"]
    lanes = [lane("W1", zone_id=zone) for zone in "YZ"]
    tables = make_tables(
        make_scenario(),
        order_lines=lines,
        orders=orders,
        lanes=lanes,
        stock=[stock("W1", 9, p) for p in "PQR"],
        eligibility=rules,
    )
    arcs = find_arcs(Batch(tables, make_scenario()))
    assert [tables.orders["order_id"][o] for o in arcs.order] == ["A", "B"]
    assert arcs.pruned["ineligible"] == 3


def test_service_level_asked_for_is_matched() -> None:
    lanes = [lane("W1", service_level="slow"), lane("W1", service_id="express", service_level="fast")]
    tables = make_tables(
        make_scenario(), **(ONE | {"orders": [{"order_id": "A", "service_level": "fast"}], "lanes": lanes})
    )
    arcs = find_arcs(Batch(tables, make_scenario()))
    assert tables.lanes["service_id"][arcs.lane].tolist() == ["express"]


def test_step_is_the_multiple_where_one_service_reaches_and_one_where_several_do() -> None:
    lines = [line("A", 7, lot_multiple=3, product="P")]
    packs = [{"product_id": "P", "case_pack": 2}]
    alone = arcs_of({"order_lines": lines, "products": packs, "stock": [stock("W1", 20)]})
    assert (alone.step.tolist(), alone.cap.tolist()) == ([6], [6])
    several = arcs_of({"order_lines": lines, "products": packs, "stock": [stock("W1", 20)], "lanes": EXPRESS})
    assert (several.step.tolist(), several.cap.tolist()) == ([1, 1], [6, 6])


def test_a_whole_line_on_a_single_lane_is_one_step() -> None:
    orders = [{"order_id": "A", "delivery_policy": "line_complete", "max_shipments": 1}, {"order_id": "B"}]
    arcs = arcs_of(TWO | {"orders": orders, "stock": [stock("W1", 5), stock("W2", 2)]})
    assert arcs.step.tolist() == [3, 1, 1]
    assert arcs.cap.tolist() == [3, 4, 2]
    assert arcs.pruned["cannot_complete"] == 1


def test_an_order_in_one_shipment_leaves_only_lanes_that_carry_all_of_it() -> None:
    orders = [{"order_id": "A", "delivery_policy": "order_complete", "max_shipments": 1}]
    lines = [line("A", 3), line("A", 1, "2", "Q")]
    arcs = arcs_of(
        {"orders": orders, "order_lines": lines, "stock": [stock("W1", 5), stock("W2", 5), stock("W2", 1, "Q")]}
    )
    assert arcs.warehouse.tolist() == [1, 1]


def test_cap_is_the_least_of_quantity_stock_capacity_quota_and_pin() -> None:
    wide = ONE | {"order_lines": [line("A", 9)], "stock": [stock("W1", 8)]}
    assert arcs_of(wide).cap.tolist() == [8]
    assert arcs_of(wide | {"warehouses": [{"warehouse_id": "W1", "capacity_units": 7}]}).cap.tolist() == [7]
    assert arcs_of(wide | {"lanes": [lane("W1", capacity_units=6)]}).cap.tolist() == [6]
    kg = {"order_lines": [line("A", 9, weight_kg=3)], "lanes": [lane("W1", capacity_kg="1.9")]}
    assert arcs_of(wide | kg).cap.tolist() == [5]
    assert arcs_of(wide | {"contracts": [{"contract_id": "K", "max_qty": 4}]}).cap.tolist() == [4]
    assert arcs_of(wide | {"pins": [PIN | {"mode": "at_most", "qty": 3}]}).cap.tolist() == [3]
    named = {"lanes": EXPRESS, "pins": [PIN | {"mode": "at_most", "qty": 2, "service_id": "express"}]}
    assert arcs_of(wide | named).cap.tolist() == [2, 8]


def test_multiples_beyond_machine_integers_ship_nothing() -> None:
    packs = [{"product_id": "P", "case_pack": 10**12}]
    arcs = arcs_of(ONE | {"order_lines": [line("A", 3, lot_multiple=10**12 - 1)], "products": packs})
    assert arcs.pruned["below_step"] == 1


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = make_tables(make_scenario(), **(TWO | {"lanes": [*EXPRESS, lane("W2")]}))
    whole = find_arcs(Batch(tables, make_scenario()))
    assert CHUNK > 1
    monkeypatch.setattr("optimizer.model.arcs.CHUNK", 1)
    parts = find_arcs(Batch(tables, make_scenario()))
    for name in ("line", "lane", "cap", "step", "shipment", "group", "source"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_lookup_by_search_finds_what_the_table_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = make_tables(make_scenario(), **(TWO | {"lanes": FREE, "pins": [PIN | {"mode": "at_most", "qty": 1}]}))
    dense = find_arcs(Batch(tables, make_scenario()))
    monkeypatch.setattr("optimizer.model.limits.DENSE", 0)
    assert np.array_equal(find_arcs(Batch(tables, make_scenario())).cap, dense.cap)


def test_shipments_group_the_lines_of_an_order() -> None:
    tables = {"order_lines": [line("A", 1), line("A", 1, "2"), line("B", 1)], "stock": [stock("W1", 5), stock("W2", 5)]}
    arcs = arcs_of(tables)
    assert arcs.shipment.tolist() == [0, 1, 0, 1, 2, 3]
    assert arcs.shipment_order.tolist() == [0, 0, 1, 1]
    assert arcs.shipment_lane.tolist() == [0, 1, 0, 1]


def test_lots_of_a_line_are_bounded_by_the_line_not_by_one_of_its_services() -> None:
    """A pin of one unit on one service leaves the second unit of the pair to the other."""
    scenario = make_scenario()
    pin = {"order_id": "A", "line_id": "1", "warehouse_id": "W1", "service_id": "express", "mode": "exactly", "qty": 1}
    tables = make_tables(
        scenario,
        order_lines=[line("A", 3, lot_multiple=2)],
        stock=[stock("W1", 4)],
        lanes=[lane("W1"), lane("W1", service_id="express")],
        pins=[pin],
    )
    assert optimum(build_model(tables, scenario).linear) == pytest.approx(2 * 5)
