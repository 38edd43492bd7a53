"""The launch: same-day hubs, loyalty floors, packs for stores, one parcel for most shoppers."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.scenarios.stories import Story, solve_story, text_table

NAME = "apparel-launch"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return solve_story(NAME, tmp_path_factory.mktemp(NAME) / "run")


def test_it_ends_within_its_gap(story: Story) -> None:
    assert story.exit_code == 0
    assert story.result["certified_gap"] < Fraction(2, 100)


def test_shoppers_get_the_service_they_paid_for(story: Story) -> None:
    plan = story.output("allocations")
    asked = plan["order_id"].map(story.orders["service_level"])
    assert (plan["service_id"][asked != ""] == asked[asked != ""]).all()
    same_day = plan[asked == "same-day"]
    assert set(same_day["warehouse_id"]) == {"HUB-LON", "HUB-MAN", "POPUP-EDI"}
    assert (same_day["days_late"] == "0").all()


def test_parcels_and_outfits(story: Story) -> None:
    shipments = story.output("shipments").groupby("order_id").size()
    limit = story.orders.loc[shipments.index, "max_shipments"].astype(int)
    assert (shipments <= limit).all()
    outfits = set(story.orders.index[story.orders["delivery_policy"] == "order_complete"])
    shorts = story.output("shorts")
    refused = shorts[shorts["order_id"].isin(outfits)]
    assert len(outfits) > 20
    assert (refused["allocated_qty"] == "0").all()


def test_stores_take_packs(story: Story) -> None:
    plan = story.output("allocations")
    packs = (
        plan[plan["order_id"].str.startswith("STORE")]
        .groupby(["order_id", "line_id"])["qty"]
        .agg(lambda column: column.astype(int).sum())
    )
    assert len(packs) > 50
    assert (packs % 4 == 0).all()
    assert (packs >= 8).all()


def test_floors_hold_and_the_pop_up_hub_pays(story: Story) -> None:
    shorts = story.output("shorts")
    tier = text_table(story.data / "customers.csv").set_index("customer_id")["tier"]
    lines = text_table(story.data / "order_lines.csv")
    of_gold = story.orders["customer_id"].map(tier) == "GOLD"
    gold = set(story.orders.index[of_gold])
    asked, missed = lines["order_id"].isin(gold).sum(), shorts["order_id"].isin(gold).sum()
    assert missed / asked < 0.2
    assert story.result["kpis"]["opening_cost"] == 380
    assert story.price("warehouse_capacity_shipments", "HUB-LON") > 0


def test_web_and_stores_are_short_for_different_reasons(story: Story) -> None:
    shorts = story.output("shorts")
    assert {"stock_taken", "capacity", "contract_quota"} <= set(shorts["reason"])
    assert set(shorts["order_id"].str.split("-").str[0]) == {"WEB", "STORE"}
