"""A real batch of 7,927 lines: solved coarsely here, to keep the suite quick; the scenario itself asks for 1 %."""

from __future__ import annotations

import pytest

from tests.scenarios.stories import Story, pairs, solve_story, text_table

NAME = "online-retail"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return solve_story(NAME, tmp_path_factory.mktemp(NAME) / "run", settings=["solve.gap=0.1", "solve.price_rows=20"])


def test_the_plan_is_within_its_gap(story: Story) -> None:
    assert story.exit_code == 0
    assert story.result["kpis"]["order_lines"] == 7927
    assert story.result["certified_gap"] < 0.12


def test_no_order_leaves_in_more_than_two_parcels(story: Story) -> None:
    assert story.output("shipments").groupby("order_id").size().max() == 2


def test_clearance_lines_that_lose_money_stay(story: Story) -> None:
    """A line below cost ships only where its service value makes up for it."""
    lines = text_table(story.data / "order_lines.csv").merge(text_table(story.data / "products.csv"), on="product_id")
    margin = lines["unit_price"].astype(float) - lines["unit_cost"].astype(float)
    losing = pairs(lines[margin < -0.25], "order_id", "line_id")
    plan = story.output("allocations")
    assert len(losing) > 500
    assert not losing & pairs(plan, "order_id", "line_id")


def test_some_lines_are_not_worth_their_freight(story: Story) -> None:
    assert "not_worth_freight" in set(story.output("shorts")["reason"])
