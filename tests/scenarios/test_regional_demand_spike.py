"""The demand spike: scarce heaters, contracts kept or missed, holds that cost, a reason for each short line."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from tests.scenarios.stories import DATA, Story, solve_story, text_table

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
    assert share.pop("HEATER") < 0.75
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
