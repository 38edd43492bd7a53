"""The real logistics data: as many orders as the plants can take, then the least cost by the published tariff."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.scenarios.stories import DATA, Story, pairs, solve_story, text_table

SERVED = {"day": 2444, "week": 9215}  # found by an independent assignment model as well, and so are the costs
COST = {"day": Fraction("1245725.26"), "week": Fraction("15578496.16")}
FREIGHT = {"day": Fraction("64365.75"), "week": Fraction("86470.54")}

PLACE = {"day": ("29193.902129352", "", "infeasible"), "week": ("7.304439371", "7.304439371", "yes")}


@pytest.fixture(scope="module", params=["day", pytest.param("week", marks=pytest.mark.slow)])
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Story]:
    name = f"brunel-{request.param}"
    return request.param, solve_story(name, tmp_path_factory.mktemp(name) / "run", data="brunel")


def test_as_many_orders_as_possible_at_the_least_cost(solved: tuple[str, Story]) -> None:
    span, story = solved
    assert story.exit_code == 0
    kpis = story.result["kpis"]
    assert kpis["orders_served"] == SERVED[span]
    assert round(kpis["handling_cost"] + kpis["shipping_cost"], 2) == COST[span]
    assert round(kpis["shipping_cost"], 2) == FREIGHT[span]
    assert story.result["objective_value"] == -(kpis["handling_cost"] + kpis["shipping_cost"])


def test_each_order_pays_the_cheapest_published_rate(solved: tuple[str, Story]) -> None:
    """Recomputed from the published tables: rate x weight or the minimum charge, over all bands that hold it."""
    _, story = solved
    raw = {name: text_table(DATA / "brunel/raw" / name) for name in ("FreightRates.csv", "PlantPorts.csv")}
    rates = raw["PlantPorts.csv"].merge(raw["FreightRates.csv"], left_on="Port", right_on="orig_port_cd")
    offers: dict[tuple[str, str], list[tuple[Fraction, ...]]] = {}
    columns = ("minm_wgh_qty", "max_wgh_qty", "minimum cost", "rate")
    for plant, service, *numbers in rates[["Plant Code", "svc_cd", *columns]].itertuples(index=False):
        offers.setdefault((plant, service), []).append(tuple(map(Fraction, numbers)))
    weight = text_table(story.data / "order_lines.csv").set_index("order_id")["weight_kg"].map(Fraction).to_dict()
    for row in story.output("shipments").itertuples():
        kg, paid = weight[row.order_id], Fraction(row.fixed_cost) + Fraction(row.variable_cost)
        bands = offers.get((row.warehouse_id, row.service_id), [])
        charges = [max(least, rate * kg) for low, high, least, rate in bands if low <= kg <= high]
        assert paid == (min(charges) if row.service_id != "CRF" else 0)


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


def test_the_price_of_a_place_at_a_plant(solved: tuple[str, Story]) -> None:
    """A full plant's next place saves money; a place at a plant with room does not."""
    _, story = solved
    assert story.price("warehouse_capacity_shipments", "PLANT03") > 0
    prices = story.output("shadow_prices")
    roomy = prices[(prices["family"] == "warehouse_capacity_shipments") & (prices["slack"].map(Fraction) > 0)]
    assert set(roomy["price"].map(Fraction)) <= {0}


def test_one_place_more_and_one_fewer_at_the_busiest_plant(solved: tuple[str, Story]) -> None:
    """By re-solving. On the day one fewer leaves no plan: fewer orders would be served than the first stage reached.

    In the week the cost falls and rises by as much if PLANT03 itself is given 7,092 or 7,090 places.
    """
    span, story = solved
    prices = story.output("shadow_prices")
    prices = prices[(prices["family"] == "warehouse_capacity_shipments") & (prices["warehouse_id"] == "PLANT03")]
    assert tuple(prices[["gain_plus_one", "loss_minus_one", "verified"]].iloc[0]) == PLACE[span]
