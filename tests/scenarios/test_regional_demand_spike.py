"""The demand spike: scarce heaters, contracts kept or missed, holds that cost, a reason for each short line."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from tests.scenarios.stories import DATA, Story, pairs, solve_story, text_table

NAME = "regional-demand-spike"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return solve_story(NAME, tmp_path_factory.mktemp(NAME) / "run")


def test_it_ends_within_its_gap(story: Story) -> None:
    assert story.exit_code == 0
    assert story.result["certified_gap"] < Fraction(1, 100)


def test_only_heaters_are_scarce(story: Story) -> None:
    lines = text_table(story.data / "order_lines.csv").merge(text_table(story.data / "products.csv"), on="product_id")
    lines = lines[~lines["order_id"].isin(story.orders.index[story.orders["hold"] != ""])]
    plan = story.output("allocations")
    asked = lines["qty"].astype(int).groupby(lines["family"]).sum()
    family = text_table(story.data / "products.csv").set_index("product_id")["family"]
    served = plan["qty"].astype(int).groupby(plan["product_id"].map(family)).sum()
    share = (served / asked).to_dict()
    assert share.pop("HEATER") < 0.8
    assert min(share.values()) > 0.85


def test_contracts_are_kept_missed_or_impossible(story: Story) -> None:
    contracts = story.output("contracts").set_index("contract_id")
    missing = contracts["shortfall_qty"].astype(int).to_dict()
    price = {name: Fraction(text) for name, text in contracts["shadow_price"].items()}
    for name in ("NORDVARME-HEAT", "BAUHOF-HEAT", "THERMOPOL-HEAT", "HOTELGROUP-HEAT", "ALPINA-HEAT"):
        assert missing[name] == 0
        assert price[name] < -1  # kept, and what keeping it costs is visible
    assert missing["CASACALDA-HEAT"] > 0
    assert price["CASACALDA-HEAT"] == -6
    held = contracts.loc["DEFENSAS-HEAT"]
    assert held["allocated_qty"] == "0"
    assert held["shortfall_qty"] == held["required_qty"]
    assert price["DEFENSAS-HEAT"] == -15


def test_held_orders_get_nothing_and_say_why(story: Story) -> None:
    held = set(story.orders.index[story.orders["hold"] == "credit"])
    assert len(held) > 10
    assert not held & set(story.output("allocations")["order_id"])
    shorts = story.output("shorts")
    assert set(shorts.loc[shorts["order_id"].isin(held), "reason"]) == {"hold"}


def test_the_reasons_differ_and_cover_every_short_unit(story: Story) -> None:
    shorts = story.output("shorts")
    assert {"hold", "no_lane", "stock_taken", "contract_quota", "pin"} <= set(shorts["reason"])
    assert shorts["short_qty"].astype(int).sum() == story.result["kpis"]["backorder_units"]
    assert set(shorts.loc[shorts["order_id"].map(story.orders["zone_id"]) == "ICELAND", "reason"]) == {"no_lane"}


def test_web_orders_double_every_day() -> None:
    orders = text_table(DATA / NAME / "orders.csv")
    web = orders[orders["channel"] == "web"].groupby("order_date").size().tolist()
    assert [later / earlier for earlier, later in pairwise(web)] == [2, 2, 2, 2]


def test_delayed_heaters_are_waited_for_and_late(story: Story) -> None:
    plan = story.output("allocations")
    later = plan[plan["ship_date"] > "2026-11-20"]
    receipts = text_table(story.data / "inbound.csv")
    assert len(later) > 0
    assert pairs(later, "warehouse_id", "ship_date") <= pairs(receipts, "warehouse_id", "available_date")
    heaters = later[later["ship_product_id"].isin(receipts["product_id"])]
    assert len(heaters) > len(later) / 2
    assert (plan["days_late"].replace("", "0").astype(int) > 0).any()
    assert story.result["kpis"]["lateness_cost"] > 0
    cancel = plan["order_id"].map(story.orders["cancel_date"])
    assert (plan["arrive_date"] <= cancel.where(cancel != "", "9999-12-31")).all()


def test_the_plan_tells_partial_deferred_and_alternate_orders_apart(story: Story) -> None:
    orders = story.output("orders").set_index("order_id")
    assert {"full", "partial", "deferred", "alternate", "held", "unserved"} == set(orders["status"])
    assert set(orders.index[orders["status"] == "held"]) == set(story.orders.index[story.orders["hold"] != ""])
    later = story.output("allocations").query("ship_date > '2026-11-20'")["order_id"]
    assert set(orders.index[orders["deferred"] == "true"]) == set(later)
    served = orders["allocated_qty"].astype(int)
    short = served < orders["ordered_qty"].astype(int)
    assert set(orders.index[orders["partial"] == "true"]) == set(orders.index[(served > 0) & short])


def test_strategic_accounts_come_first(story: Story) -> None:
    """By weight, and by what is reserved for them: the others leave 90 heaters in Poznan alone on every day."""
    plan = story.output("allocations")
    products = text_table(story.data / "products.csv").set_index("product_id")["family"]
    heaters = plan[(plan["warehouse_id"] == "POZ") & (plan["ship_product_id"].map(products) == "HEATER")]
    others = heaters[heaters["order_id"].map(story.orders["channel"]) != "strategic"]
    stock = text_table(story.data / "stock.csv")
    stock = stock[(stock["warehouse_id"] == "POZ") & (stock["product_id"].map(products) == "HEATER")]
    columns = ("on_hand_qty", "reserved_qty", "safety_stock_qty")
    on_hand, reserved, safety = (stock[column].astype(int).sum() for column in columns)
    tonight = others[others["ship_date"] == "2026-11-20"]["qty"].astype(int).sum()
    assert tonight <= on_hand - reserved - safety - 90
    orders = story.output("orders")
    share = orders.assign(tier=orders["order_id"].map(story.orders["channel"]))
    share = share[share["status"] != "held"]
    fill = share.groupby("tier").apply(
        lambda rows: rows["allocated_qty"].astype(int).sum() / rows["ordered_qty"].astype(int).sum()
    )
    assert fill["strategic"] > fill["web"]
