"""Days, lots, substitutes, kits and volume: what they are worth and what they allow, on batches of one or two lines."""

from __future__ import annotations

from typing import Any

import pytest

from optimizer.model.build import Model, build_model
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from tests.brute_force import optimum as exhaustive
from tests.builders import make_scenario, make_tables
from tests.instances import random_case
from tests.model.cases import lane, line, stock
from tests.model.solving import best_values, optimum
from tests.model.test_supply import on
from tests.typed_cases import typed

POLICIES = ("lots", "inbound", "calendar", "cancel", "lateness", "life", "holding", "substitution", "kits", "pins")
SUBSTITUTE = {"product_id": "P", "substitute_id": "S"}
ONE = {"order_lines": [line("A", 4)], "stock": [stock("W1", 9)]}


def build(tables: dict[str, Any], **settings: Any) -> Model:
    scenario = make_scenario(**settings)
    return build_model(make_tables(scenario, **tables), scenario)


def best(tables: dict[str, Any], **settings: Any) -> float | None:
    return optimum(build(tables, **settings).linear)


def inbound(qty: int, day: int, product: str = "P") -> list[dict[str, Any]]:
    receipt = {"receipt_id": "R", "warehouse_id": "W1", "product_id": product}
    return [receipt | {"qty": qty, "available_date": on(day)}]


@pytest.mark.parametrize("seed", range(60))
def test_optimum_is_that_of_exhaustive_search(seed: int) -> None:
    """With two or three policies at a time; the plan read from the solution is worth exactly as much."""
    chosen = [POLICIES[(seed + step * (1 + seed // 10)) % len(POLICIES)] for step in range(2 + seed % 2)]
    case = random_case(seed + 20_000, sorted(set(chosen)))
    tables, scenario = typed(case)
    model, want = build_model(tables, scenario), exhaustive(case)
    assert optimum(model.linear) == (None if want is None else pytest.approx(float(want), abs=1e-6))
    if want is not None and model.linear.n_cols:
        plan = plan_from_values(model, best_values(model.linear))
        assert objective_value(tables, scenario, plan) == want


@pytest.mark.parametrize("seed", range(30))
def test_headroom_changes_no_optimum(seed: int) -> None:
    case = random_case(seed + 30_000, sorted({POLICIES[seed % len(POLICIES)], "inbound", "lots"}))
    tables, scenario = typed(case)
    plain, roomy = (optimum(build_model(tables, scenario, headroom).linear) for headroom in (0, 1))
    assert roomy == (None if plain is None else pytest.approx(plain, abs=1e-6))


@pytest.mark.parametrize(("day", "works"), [(3, True), (3, False)])
def test_a_frozen_order_keeps_a_day_on_which_nothing_changes(day: int, works: bool) -> None:
    """If the warehouse still works on it."""
    before = [{"order_id": "A", "warehouse_id": "W1", "product_id": "P", "qty": 3, "ship_date": on(day)}]
    tables = ONE | {"orders": [{"order_id": "A", "frozen": True}], "previous": before}
    tables["calendar"] = [] if works else [{"warehouse_id": "W1", "date": on(day), "is_working": "false"}]
    assert best(tables) == (15 if works else None)


@pytest.mark.parametrize(("served", "worth"), [((1, 0), 1), ((1, 1), 2)])
def test_a_frozen_kit_and_its_parts_apart_are_not_the_same(served: tuple[int, int], worth: int) -> None:
    """One kit of P and Q serves one unit; P and Q apart, as substitutes, serve two."""
    picked = {"order_id": "A", "warehouse_id": "W1", "shipped_qty": 1}
    tables = {
        "orders": [{"order_id": "A", "frozen": True}],
        "order_lines": [line("A", 2) | {"product_id": "K", "unit_margin": 1}],
        "products": [{"product_id": name} for name in "KPQ"],
        "kits": [{"product_id": "K", "component_id": name, "qty": 1} for name in "PQ"],
        "substitutions": [{"product_id": "K", "substitute_id": name} for name in "PQ"],
        "stock": [stock("W1", 5) | {"product_id": name} for name in "PQ"],
        "previous": [picked | {"product_id": name, "qty": qty} for name, qty in zip("PQ", served, strict=True)],
    }
    assert best(tables) == worth


def test_goods_to_come_ship_when_they_are_there() -> None:
    tables = {"order_lines": [line("A", 4)], "stock": [stock("W1", 1)], "inbound": inbound(2, 3)}
    assert best(tables) == 3 * 5
    model = build(tables | {"lanes": [lane("W1", transit_days=2)], "orders": [{"order_id": "A", "cancel_date": on(4)}]})
    assert optimum(model.linear) == 1 * 5
    assert model.pruned["arcs.after_cancel"] == 1


def test_lateness_costs_by_unit_and_day() -> None:
    tables = ONE | {
        "orders": [{"order_id": "A", "due_date": on(1)}],
        "order_lines": [line("A", 4, late_penalty_per_unit_day=2)],
        "lanes": [lane("W1", transit_days=3)],
    }
    assert best(tables) == 4 * (5 - 2 * 2)
    assert best(tables, weights={"penalties": 0.5}) == 4 * (5 - 0.5 * 2 * 2)
    assert best(tables | {"orders": [{"order_id": "A"}]}) == 4 * 5


def test_old_units_are_worth_moving() -> None:
    lots = [stock("W1", 2) | {"lot_id": "L1", "holding_value_per_unit": 3}, stock("W1", 9) | {"lot_id": "L2"}]
    assert best(ONE | {"stock": lots}) == 4 * 5 + 2 * 3
    assert best(ONE | {"stock": lots}, weights={"holding": 0}) == 4 * 5


def test_a_lot_gives_no_more_than_it_has_and_the_pool_no_more_than_is_promised() -> None:
    lots = [stock("W1", 3) | {"lot_id": "L1", "reserved_qty": 2}, stock("W1", 1) | {"lot_id": "L2"}]
    assert best(ONE | {"stock": lots}) == 2 * 5
    dead = [lots[0] | {"expiry_date": on(-1)}, lots[1]]
    assert best(ONE | {"stock": dead}) == 1 * 5


@pytest.mark.parametrize(("ratio", "worth"), [("2", 2 * (5 - 1)), ("0.5", 4 * (5 - 1)), ("1.5", 2 * (5 - 1))])
def test_a_substitute_ships_in_its_ratio_and_pays_its_penalty(ratio: str, worth: int) -> None:
    """Four of S: two ordered units at 2 for one; all four at half; two at three for two."""
    swap = SUBSTITUTE | {"ratio": ratio, "penalty_per_unit": 1}
    assert best({"order_lines": [line("A", 4)], "stock": [stock("W1", 4, "S")], "substitutions": [swap]}) == worth


def test_a_substitute_may_be_for_one_customer_only() -> None:
    tables = {
        "customers": [{"customer_id": "C"}, {"customer_id": "D"}],
        "order_lines": [line("A", 4)],
        "stock": [stock("W1", 4, "S")],
    }
    assert best(tables | {"substitutions": [SUBSTITUTE | {"customer_id": "D"}]}) == 0
    assert best(tables | {"substitutions": [SUBSTITUTE | {"customer_id": "C"}]}) == 4 * 5


KIT = {
    "order_lines": [line("A", 3, product="K")],
    "kits": [{"product_id": "K", "component_id": "P", "qty": 2}, {"product_id": "K", "component_id": "Q", "qty": 1}],
}


def test_a_kit_takes_all_its_components_from_one_warehouse() -> None:
    apart = {"stock": [stock("W1", 9), stock("W2", 9, "Q"), stock("W2", 2)]}
    assert best(KIT | apart) == 1 * 5
    assert best(KIT | {"stock": [stock("W1", 5), stock("W1", 9, "Q")]}) == 2 * 5


def test_a_kit_costs_and_counts_what_leaves_the_shelf() -> None:
    full = {"stock": [stock("W1", 9), stock("W1", 9, "Q")], "lanes": [lane("W1", cost_per_unit=1)]}
    houses = [{"warehouse_id": "W1", "handling_cost_per_unit": "0.5"}]
    assert best(KIT | full) == 3 * (5 - 3)
    assert best(KIT | full | {"warehouses": houses}) == 3 * (5 - 3 - 1.5)
    assert best(KIT | full | {"warehouses": [{"warehouse_id": "W1", "capacity_units": 8}]}) == 2 * (5 - 3)


def test_a_kit_may_mix_lots_of_a_component() -> None:
    lots = [stock("W1", 3) | {"lot_id": name} for name in ("L1", "L2")]
    model = build(KIT | {"stock": [*lots, stock("W1", 9, "Q")]})
    assert optimum(model.linear) == 3 * 5
    plan = plan_from_values(model, best_values(model.linear))
    taken = {(model.batch.supply.lot[s], int(u)) for s, u in zip(plan.draws.source, plan.draws.units, strict=True)}
    assert taken == {("L1", 3), ("L2", 3), ("", 3)}


PIN = {"order_id": "A", "line_id": "1", "warehouse_id": "W1"}


def test_a_pin_may_name_a_day() -> None:
    tables = {"order_lines": [line("A", 4)], "stock": [stock("W1", 2)], "inbound": inbound(2, 3)}
    assert best(tables | {"pins": [PIN | {"mode": "forbid", "ship_date": on(3)}]}) == 2 * 5
    assert best(tables | {"pins": [PIN | {"mode": "at_most", "qty": 1, "ship_date": on(0)}]}) == 4 * 5
    assert best(tables | {"pins": [PIN | {"mode": "exactly", "qty": 1, "ship_date": on(3)}]}) == 3 * 5


def test_a_pin_may_name_a_lot() -> None:
    lots = [
        stock("W1", 3) | {"lot_id": name, "holding_value_per_unit": value} for name, value in (("L1", 0), ("L2", 1))
    ]
    tables = ONE | {"stock": lots}
    assert best(tables) == 4 * 5 + 3
    assert best(tables | {"pins": [PIN | {"mode": "exactly", "qty": 3, "lot_id": "L1"}]}) == 4 * 5 + 1
    assert best(tables | {"pins": [PIN | {"mode": "forbid", "lot_id": "L2"}]}) == 3 * 5
    assert best(tables | {"pins": [PIN | {"mode": "at_least", "qty": 2, "lot_id": "L1"}]}) == 4 * 5 + 2


def test_freight_counts_volume_where_it_is_more() -> None:
    """Half a kg and a hundredth of a m³: at 200 kg for a m³ each unit counts as two kg, at 20 as it weighs."""
    tables = ONE | {"products": [{"product_id": "P", "unit_weight_kg": "0.5", "unit_volume_m3": "0.01"}]}
    for density, kg in ((200, 2.0), (20, 0.5), (None, 0.5)):
        assert best(tables | {"lanes": [lane("W1", cost_per_kg=2, kg_per_m3=density)]}) == 4 * (5 - 2 * kg)
    bulky = [lane("W1", cost_per_kg=2, kg_per_m3=200, capacity_kg=1)]
    assert best(tables | {"lanes": bulky}) == 2 * (5 - 2 * 2)
