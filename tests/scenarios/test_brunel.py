"""The real logistics data: as many orders as the plants can take, then the least warehouse cost; proven exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.scenarios.stories import DATA, Story, pairs, solve_story, text_table

VALUE_OF_AN_ORDER = 1_000_000
SERVED = {"day": 2444, "week": 9215}  # found by an independent assignment model as well
COST = {"day": Fraction("1181335.93"), "week": Fraction("15486644.48")}


@pytest.fixture(scope="module", params=SERVED)
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Story]:
    name = f"brunel-{request.param}"
    return request.param, solve_story(name, tmp_path_factory.mktemp(name) / "run", data="brunel")


def test_as_many_orders_as_possible_at_the_least_cost(solved: tuple[str, Story]) -> None:
    span, story = solved
    assert story.exit_code == 0
    kpis = story.result["kpis"]
    assert kpis["orders_served"] == SERVED[span]
    assert kpis["service_value"] == SERVED[span] * VALUE_OF_AN_ORDER
    assert round(kpis["handling_cost"], 2) == COST[span]


def test_the_bound_is_proven_from_the_prices_alone(solved: tuple[str, Story]) -> None:
    _, story = solved
    assert story.result["certified_bound"] - story.result["objective_value"] <= Fraction(1, 100)


def test_each_order_goes_whole_to_one_allowed_plant(solved: tuple[str, Story]) -> None:
    span, story = solved
    plan = story.output("allocations").set_index("order_id")
    assert plan.index.is_unique
    asked = text_table(story.data / "order_lines.csv").set_index("order_id")
    assert (plan["qty"] == asked.loc[plan.index, "qty"]).all()
    supported = text_table(DATA / "brunel/stock.csv")
    assert pairs(plan, "warehouse_id", "product_id") <= pairs(supported, "warehouse_id", "product_id")
    reserved = text_table(DATA / "brunel/eligibility.csv").groupby("warehouse_id")["customer_id"].agg(set)
    customer = plan.index.map(story.orders["customer_id"])
    for plant, members in reserved.items():
        assert set(customer[plan["warehouse_id"] == plant]) <= members
    taken = plan.groupby("warehouse_id").size()
    capacity = text_table(DATA / "brunel/warehouses.csv").set_index("warehouse_id")["capacity_shipments"].astype(int)
    assert (taken <= capacity.loc[taken.index] * {"day": 1, "week": 7}[span]).all()


def test_a_place_at_a_full_plant_is_worth_almost_an_order(solved: tuple[str, Story]) -> None:
    """In a day one more place serves one more order; in a week it only saves cost."""
    span, story = solved
    price = story.price("warehouse_capacity_shipments", "PLANT03" if span == "day" else "PLANT02")
    if span == "day":
        assert VALUE_OF_AN_ORDER * Fraction(99, 100) < price < VALUE_OF_AN_ORDER
    else:
        assert 0 < price < VALUE_OF_AN_ORDER / 100
