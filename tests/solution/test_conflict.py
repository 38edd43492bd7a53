"""Conflict reports: each named set truly conflicts, no proper subset does, and the repair truly repairs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.solution.conflict import find_conflict
from optimizer.solution.conflict_rules import DemandingRules
from tests.brute_force import optimum
from tests.builders import make_scenario, make_tables
from tests.instances import Case
from tests.solution.clashing import clashing, repaired, with_only
from tests.typed_cases import typed

EXACT = SolveOptions(time_limit_s=60, gap=0.0)


def can_hold(server: SolveServer, case: Case) -> bool:
    """As exhaustive search and an engine that the report did not ask both say."""
    reason = server.solve(build_model(*typed(case)).linear, EXACT).termination.reason
    assert reason in ("OPTIMAL", "INFEASIBLE")
    assert (optimum(case) is not None) == (reason == "OPTIMAL")
    return reason == "OPTIMAL"


def faults(server: SolveServer, case: Case, conflict: dict[str, Any]) -> list[str]:
    """What a report says that is not so."""
    found = [] if conflict["conflicts"] else ["no conflict named"]
    for clash in conflict["conflicts"]:
        rules = clash["rules"]
        if can_hold(server, with_only(case, rules)):
            found.append(f"they can hold: {rules}")
        if not clash["irreducible"]:
            found.append(f"not shown to be irreducible: {rules}")
        for left_out in range(len(rules)):
            if not can_hold(server, with_only(case, [*rules[:left_out], *rules[left_out + 1 :]])):
                found.append(f"{rules[left_out]} is superfluous in {rules}")
    named = [rule["words"] for clash in conflict["conflicts"] for rule in clash["rules"]]
    if len(named) != len(set(named)):
        found.append("conflicts share a rule")
    repair, lowered = conflict["repair"], repaired(case, conflict["repair"])
    if not (repair["verified"] and repair["least_proven"] and can_hold(server, lowered)):
        found.append(f"the repair does not repair: {repair}")
    if optimum(lowered) != repair["objective_value"]:
        found.append(f"the repaired plan is worth {optimum(lowered)}, not {repair['objective_value']}")
    return found


def check(count: int, first: int) -> None:
    wrong, sizes = {}, []
    with SolveServer("cbc") as server:
        for seed, case, model in clashing(count, first):
            conflict = find_conflict(model, "highs", EXACT)
            sizes += [len(clash["rules"]) for clash in conflict["conflicts"]]
            if found := faults(server, case, conflict):
                wrong[seed] = found
    assert wrong == {}
    assert sum(size > 1 for size in sizes) >= count // 10


def test_18_random_conflicts() -> None:
    check(18, first=1000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_200_random_conflicts() -> None:
    check(200, first=2000)


def test_the_least_is_given_way_in_money_and_the_better_plan_is_taken() -> None:
    """Ten units for two contracts of eight: six must go, at the contract whose goods are cheaper."""
    tables = make_tables(
        order_lines=[
            {"order_id": "A", "product_id": "P", "qty": 8, "unit_price": 10, "unit_margin": 1},
            {"order_id": "B", "product_id": "P", "qty": 8, "unit_price": 4, "unit_margin": 3},
        ],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10}],
        contracts=[
            {"contract_id": "KA", "order_id": "A", "min_qty": 8},
            {"contract_id": "KB", "order_id": "B", "min_qty": 8},
        ],
    )
    conflict = find_conflict(build_model(tables, make_scenario()), "highs", EXACT)
    (clash,) = conflict["conflicts"]
    assert [rule["contract_id"] for rule in clash["rules"]] == ["KA", "KB"]
    assert [limit["words"] for limit in clash["limits"]] == ["stock of product P at warehouse W: 10 units"]
    repair = conflict["repair"]
    (lowered,) = repair["rules"]
    assert (lowered["id"], lowered["from"], lowered["to"]) == ("KB", 8, 2)
    assert (repair["measure"], repair["amount"]) == ("EUR", 24)
    assert repair["objective_value"] == 8 * 1 + 2 * 3
    assert repair["value_without_these_rules"] == repair["objective_value"]


def test_without_prices_units_are_counted() -> None:
    """Of repairs that give way to equally many units, the one whose plan is worth most."""
    tables = make_tables(
        order_lines=[
            {"order_id": "A", "product_id": "P", "qty": 8, "unit_margin": 1},
            {"order_id": "B", "product_id": "P", "qty": 8, "unit_margin": 3},
        ],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 10}],
        contracts=[
            {"contract_id": "KA", "order_id": "A", "min_qty": 8},
            {"contract_id": "KB", "order_id": "B", "min_qty": 8},
        ],
    )
    repair = find_conflict(build_model(tables, make_scenario()), "highs", EXACT)["repair"]
    assert (repair["measure"], repair["amount"]) == ("units", 6)
    assert [(each["id"], each["to"]) for each in repair["rules"]] == [("KA", 2)]


def test_disjoint_conflicts_are_each_named() -> None:
    """A pin beyond the stock in one place, a floor beyond the stock in another."""
    scenario = make_scenario(service={"min_level": {"channel.web": 0.9}})
    tables = make_tables(
        scenario,
        orders=[{"order_id": "A", "channel": "shop"}, {"order_id": "B", "channel": "web"}],
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 8}, {"order_id": "B", "product_id": "Q", "qty": 10}],
        stock=[
            {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 3},
            {"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 5},
        ],
        pins=[{"order_id": "A", "line_id": "1", "warehouse_id": "W", "mode": "at_least", "qty": 7}],
    )
    conflict = find_conflict(build_model(tables, scenario), "highs", EXACT)
    assert sorted(rule["family"] for clash in conflict["conflicts"] for rule in clash["rules"]) == [
        "pins",
        "service_floor",
    ]
    assert all(len(clash["rules"]) == 1 and clash["limits"] for clash in conflict["conflicts"])
    lowered = {each["rule"]: (each["from"], each["to"]) for each in conflict["repair"]["rules"]}
    assert lowered == {"pins": (7, 3), "service_floor": (Fraction(9, 10), Fraction(1, 2))}


def test_when_the_clock_is_short_no_more_is_claimed_than_is_known() -> None:
    """Without time there is a report all the same: all rules together clash, and no repair is known."""
    _, _, model = next(clashing(1, first=1000))
    conflict = find_conflict(model, "highs", SolveOptions(time_limit_s=0.0, gap=0.0))
    (clash,) = conflict["conflicts"]
    assert len(clash["rules"]) == len(DemandingRules.of(model)) > 1
    assert not clash["irreducible"]
    assert conflict["repair"] is None


def frozen_case(**more: Any) -> Model:
    """Order A is frozen at 2 of its 3 units; B wants 4 of the 5 there are."""
    scenario = make_scenario(stability={"previous_plan": "previous", "cost_per_unit": 0})
    before = [{"order_id": "A", "line_id": "1", "warehouse_id": "W1", "product_id": "P", "qty": 2}]
    tables = {
        "orders": [{"order_id": "A", "frozen": True}, {"order_id": "B"}],
        "order_lines": [
            {"order_id": "A", "product_id": "P", "qty": 3, "unit_margin": 5},
            {"order_id": "B", "product_id": "P", "qty": 4, "unit_margin": 5},
        ],
        "stock": [{"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 5}],
        "previous": before,
    }
    return build_model(make_tables(scenario, **(tables | more)), scenario)


def test_a_frozen_order_whose_stock_is_gone() -> None:
    model = frozen_case(stock=[{"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 1}])
    conflict = find_conflict(model, "highs", EXACT)
    (clash,) = conflict["conflicts"]
    assert [rule["order_id"] for rule in clash["rules"]] == ["A"]
    assert [limit["words"] for limit in clash["limits"]] == ["stock of product P at warehouse W1: 1 unit"]
    assert [rule["words"] for rule in conflict["repair"]["rules"]] == ["let go of frozen order A"]
    assert conflict["repair"]["verified"]
    assert conflict["repair"]["objective_value"] == 5


def test_a_contract_that_a_frozen_order_leaves_no_stock_for() -> None:
    """Either alone can hold: the contract needs the frozen order's units, or its third."""
    for scope in ({"order_id": "B", "min_qty": 4}, {"order_id": "A", "min_qty": 3}):
        model = frozen_case(contracts=[{"contract_id": "K", **scope}])
        conflict = find_conflict(model, "highs", EXACT)
        (clash,) = conflict["conflicts"]
        assert [rule["family"] for rule in clash["rules"]] == ["contract_minimum", "frozen"], scope
        assert [(rule["id"], rule["to"]) for rule in conflict["repair"]["rules"]] == [("K", scope["min_qty"] - 1)]


FIVE = {
    "order_lines": [{"order_id": "A", "product_id": "P", "qty": 5, "unit_price": 10, "unit_margin": 1}],
    "products": [{"product_id": "P", "unit_cost": 4}],
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 9}],
    "contracts": [{"contract_id": "K", "order_id": "A", "min_qty": 5}],
}
SHOP = [{"order_id": "B", "product_id": "P", "qty": 1, "unit_price": 10, "unit_margin": 1}]
LANE = {"warehouse_id": "W", "zone_id": "Z"}
TOO_LITTLE: dict[str, tuple[dict[str, Any], int, list[str]]] = {
    "credit": (
        {"customers": [{"customer_id": "C", "credit_limit": 30}]},
        3,
        ["credit limit of customer C: 30 EUR"],
    ),
    "reserve": (
        {
            "orders": [{"order_id": "A", "channel": "web"}, {"order_id": "B", "channel": "shop"}],
            "order_lines": FIVE["order_lines"] + SHOP,
            "reserves": [{"reserve_id": "R", "channel": "shop", "qty": 6}],
        },
        3,
        ["what reserve R leaves to others: 3 units"],
    ),
    "budget": (
        {
            "budgets": [{"budget_id": "G", "kind": "shipping_cost", "limit": 3}],
            "lanes": [LANE | {"cost_per_unit": 1}],
        },
        3,
        ["budget G: 3 EUR"],
    ),
    "inbound": (
        {
            "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 2}],
            "inbound": [{"receipt_id": "I", "warehouse_id": "W", "product_id": "P", "qty": 2,
                         "available_date": "2026-11-25"}],
        },
        4,
        ["stock of product P at warehouse W from 2026-11-25 on: 4 units"],
    ),
    "transfer": (
        {
            "stock": [{"warehouse_id": "V", "product_id": "P", "on_hand_qty": 9}],
            "warehouses": [{"warehouse_id": "V"}, {"warehouse_id": "W"}],
            "lanes": [LANE],
            "transfers": [{"from_warehouse_id": "V", "to_warehouse_id": "W", "transit_days": 1, "capacity_units": 3}],
        },
        3,
        ["stock of product P at warehouse W from 2026-11-21 on: 0 units", "transfers from V to W: 3 units"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("limit", TOO_LITTLE)
def test_a_minimum_names_the_limit_that_it_meets(limit: str) -> None:
    more, reached, words = TOO_LITTLE[limit]
    conflict = find_conflict(build_model(make_tables(**(FIVE | more)), make_scenario()), "highs", EXACT)
    (clash,) = conflict["conflicts"]
    assert [fact["words"] for fact in clash["limits"]] == words
    assert [(rule["id"], rule["to"]) for rule in conflict["repair"]["rules"]] == [("K", reached)]
    assert conflict["repair"]["verified"]
