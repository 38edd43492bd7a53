"""A Friday of chilled food: a scenario for each policy, planned, and the policy looked up in the plan."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pandas as pd
import pytest

from tests.scenarios.stories import DATA, Story, solve_story, text_table

FOOD = DATA / "chilled-food"
TONIGHT = "2026-11-20"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Story]:
    """A scenario by name, solved once for as long as it takes to have a verified plan worth looking at."""
    out = tmp_path_factory.mktemp("chilled")
    limits = ["solve.time_limit_s=10", "solve.gap=0.04", "solve.price_rows=10", "solve.explain_rows=5"]

    @cache
    def solved(name: str) -> Story:
        story = solve_story(name, out / name, "chilled-food", limits)
        assert story.exit_code in (0, 4)
        assert story.result["kpis"]["units_allocated"] > 2000
        assert story.result["certified_gap"] < Fraction(1, 10)
        return story

    return solved


def units(plan: pd.DataFrame, column: str = "qty") -> pd.Series:
    return plan[column].astype(int)


def test_lots_go_to_who_takes_them(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-food").output("allocations")
    lot = ["warehouse_id", "ship_product_id", "lot_id"]
    expiry = text_table(FOOD / "stock.csv").rename(columns={"product_id": "ship_product_id"})
    plan = plan[plan["lot_id"] != ""].merge(expiry[[*lot, "expiry_date"]], on=lot, validate="many_to_one")
    life = pd.to_datetime(plan["expiry_date"]) - pd.to_datetime(plan["arrive_date"])
    customers = text_table(FOOD / "customers.csv").set_index("customer_id")["min_remaining_life_days"].astype(int)
    wanted = plan["order_id"].str.split("/").str[0].map(customers)
    assert (life.dt.days >= wanted).all()
    assert (life.dt.days < 7).any()


def test_credit_limits_hold(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-food").output("allocations")
    price = text_table(FOOD / "order_lines.csv").set_index(["order_id", "line_id"])["unit_price"].map(Fraction)
    keys = pd.MultiIndex.from_frame(plan[["order_id", "line_id"]])
    money = price.loc[keys].to_numpy() * plan["ordered_qty_served"].map(Fraction).to_numpy()
    spent = pd.Series(money).groupby(plan["order_id"].str.split("/").str[0].to_numpy()).sum()
    limits = text_table(FOOD / "customers.csv").set_index("customer_id")["credit_limit"]
    assert all(total <= Fraction(limits[name]) for name, total in spent.items() if limits[name])


def test_nothing_leaves_on_sunday_and_twelve_lines_tonight(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-calendar").output("allocations")
    assert "2026-11-22" not in set(plan["ship_date"])
    tonight = plan[(plan["warehouse_id"] == "MITTE") & (plan["ship_date"] == TONIGHT)]
    assert 0 < len(tonight[["order_id", "line_id"]].drop_duplicates()) <= 12


def test_boxes_are_packed_from_their_parts(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-boxes").output("allocations")
    boxes = plan[plan["product_id"] == "BRUNCH-BOX"]
    assert len(boxes) > 0
    recipe = text_table(FOOD / "kits.csv").set_index("component_id")["qty"].astype(int)
    parts = units(boxes).groupby([boxes["order_id"], boxes["ship_product_id"]]).sum().unstack()
    each = parts[recipe.index].to_numpy() / recipe.to_numpy()
    assert (each == each[:, :1]).all()


def test_substitutes_stand_in_at_their_ratio(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-substitutes").output("allocations")
    other = plan[plan["product_id"] != plan["ship_product_id"]]
    assert len(other) > 0
    ratio = {"GOUDA": Fraction(1, 2), "HAM": Fraction(2)}
    shipped = [ratio[row.ship_product_id] * int(row.ordered_qty_served) for row in other.itertuples()]
    assert shipped == units(other).tolist()


def test_reserves_keep_ham_back(planned: Callable[[str], Story]) -> None:
    plan = planned("chilled-reserves").output("allocations")
    reserved = text_table(FOOD / "reserves.csv").set_index("reserve_id")["qty"].astype(int)
    ham = plan[(plan["ship_product_id"] == "HAM") & (plan["ship_date"] == TONIGHT)]
    stock = text_table(FOOD / "stock.csv").query("product_id == 'HAM'")
    ready = (stock["on_hand_qty"].astype(int) - stock["safety_stock_qty"].astype(int)).sum()
    below_chains = units(ham[~ham["order_id"].str.startswith("CHAIN")]).sum()
    outlets = units(ham[ham["order_id"].str.startswith("OUTLET")]).sum()
    assert below_chains <= ready - reserved["HAM-CHAINS"]
    assert outlets <= max(0, ready - reserved["HAM-BISTROS"])


def test_budgets_hold_and_have_a_price(planned: Callable[[str], Story]) -> None:
    story = planned("chilled-budgets")
    ships = story.output("shipments")
    paid = ships["fixed_cost"].map(Fraction) + ships["variable_cost"].map(Fraction)
    limits = text_table(FOOD / "budgets.csv").set_index("budget_id")["limit"].map(Fraction)
    assert paid[ships["order_id"].str.startswith("CHAIN")].sum() <= limits["FREIGHT-CHAINS"]
    cost = text_table(FOOD / "products.csv").set_index("product_id")["unit_cost"].map(Fraction)
    plan = story.output("allocations")
    cheese = plan[plan["product_id"].isin(["BRIE", "GOUDA"])]
    spent = sum(cost[row.ship_product_id] * int(row.qty) for row in cheese.itertuples())
    assert spent <= limits["CHEESE-OUT"]
    assert story.price("budget", "CHEESE-OUT") > 0


def test_freight_follows_the_weight_bands(planned: Callable[[str], Story]) -> None:
    ships = planned("chilled-tariff").output("shipments")
    bands = text_table(FOOD / "rate_bands.csv")
    zones = text_table(FOOD / "orders.csv").set_index("order_id")["zone_id"]
    for row in ships.itertuples():
        own = bands[(bands["warehouse_id"] == row.warehouse_id) & (bands["zone_id"] == zones[row.order_id])]
        kg = Fraction(row.chargeable_kg)
        charges = [
            max(Fraction(band.min_charge), Fraction(band.flat_cost) + Fraction(band.cost_per_kg) * kg)
            for band in own.itertuples()
            if Fraction(band.from_kg) <= kg <= Fraction(band.to_kg)
        ]
        assert Fraction(row.fixed_cost) + Fraction(row.variable_cost) == min(charges)


def test_a_floor_is_reached(planned: Callable[[str], Story]) -> None:
    story = planned("chilled-floor")
    tier = text_table(FOOD / "customers.csv").set_index("customer_id")["tier"]
    orders = story.output("orders")
    outlets = orders[orders["customer_id"].map(tier) == "C"]
    assert units(outlets, "allocated_qty").sum() >= 0.91 * units(outlets, "ordered_qty").sum()
    assert story.price("objective_stage", "1") < 0


def test_salmon_is_shared_alike_and_ham_from_the_lowest_up(planned: Callable[[str], Story]) -> None:
    story = planned("chilled-shares")
    parties = story.output("fair_share")
    salmon = parties[parties["group_id"] == "SALMON"]
    got, asked = units(salmon, "allocated_qty").to_numpy(), units(salmon, "ordered_qty").to_numpy()
    assert len(salmon) > 5
    assert max((got - 3) / asked) <= min((got + 3) / asked) + 1e-12
    assert got.sum() < asked.sum()  # there is too little
    ham = parties[parties["group_id"] == "HAM"]
    fills = sorted(map(Fraction, units(ham, "allocated_qty").tolist(), units(ham, "ordered_qty").tolist()))
    levels = [stage for stage in story.result["stages"] if stage["kpi"].startswith("fair_share[")]
    assert levels
    assert all(sum(fills[:number]) >= Fraction(stage["kept"]) for number, stage in enumerate(levels, start=1))
    assert all(share["cost"] is not None for share in story.result["fair_share"])


def test_last_nights_plan_stands(planned: Callable[[str], Story]) -> None:
    story = planned("chilled-replan")
    last = text_table(FOOD / "last-night" / "allocations.csv")
    frozen = set(text_table(FOOD / "orders_frozen.csv").query("frozen == 'true'")["order_id"])
    keys = ["order_id", "line_id", "ship_product_id", "warehouse_id", "lot_id", "service_id", "ship_date", "qty"]
    plan = story.output("allocations")
    kept, was = plan[plan["order_id"].isin(frozen)], last[last["order_id"].isin(frozen)]
    assert len(was) > 0
    assert set(map(tuple, kept[keys].to_numpy())) == set(map(tuple, was[keys].to_numpy()))
    assert story.result["kpis"]["moved_units"] < units(last).sum() / 10


def test_trucks_drive_only_on_their_ways(planned: Callable[[str], Story]) -> None:
    moves = planned("chilled-transfers").output("transfers")
    ways = set(map(tuple, text_table(FOOD / "transfers.csv")[["from_warehouse_id", "to_warehouse_id"]].to_numpy()))
    assert set(map(tuple, moves[["from_warehouse_id", "to_warehouse_id"]].to_numpy())) <= ways


def test_the_folder_of_last_night_is_a_plan_of_this_data() -> None:
    lines = text_table(FOOD / "order_lines.csv").set_index(["order_id", "line_id"])["qty"].astype(int)
    last = text_table(FOOD / "last-night" / "allocations.csv")
    served = last["ordered_qty_served"].astype(int).groupby([last["order_id"], last["line_id"]]).sum()
    assert (served <= lines.loc[served.index]).all()
