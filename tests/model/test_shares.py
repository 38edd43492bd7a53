"""Fair shares in the model: who takes part, how fills are counted, and rows with columns that are not whole."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.model.build import Model, build_model
from optimizer.model.goals import StageRow
from optimizer.model.shares import FINEST, Shares, levels
from tests.builders import make_scenario, make_tables
from tests.model.cases import lane, line, stock
from tests.model.solving import optimum

GROUP = {"group_id": "G", "between": "customer", "rule": "proportional"}


def shares(lines: list[dict[str, Any]], **tables: Any) -> Shares:
    given = {"fair_share": [GROUP], "stock": [stock("W1", 9)]} | tables
    return Shares.of(make_tables(make_scenario(), order_lines=lines, **given))


def order(name: str, customer: str, **more: Any) -> dict[str, Any]:
    return {"order_id": name, "customer_id": customer, "zone_id": "Z"} | more


def test_parties_count_held_lines_but_not_parties_that_are_held_altogether() -> None:
    lines = [line("A1", 3), line("A2", 4), line("B", 5), line("C", 6)]
    orders = [order("A1", "A"), order("A2", "A", hold="credit"), order("B", "B"), order("C", "C", hold="credit")]
    found = shares(lines, orders=orders)
    assert found.name.tolist() == ["A", "B"]
    assert found.ordered.tolist() == [7, 5]
    assert found.parts.tolist() == [35]


def test_one_party_alone_shares_nothing() -> None:
    assert not len(shares([line("A1", 3), line("A2", 4)], orders=[order("A1", "A"), order("A2", "A")]))


def test_lines_without_a_party_do_not_count() -> None:
    orders = [order("A", "A", channel="web"), order("B", "B", channel="shop"), order("C", "C")]
    lines = [line("A", 1), line("B", 1), line("C", 1)]
    found = shares(lines, orders=orders, fair_share=[GROUP | {"between": "channel"}])
    assert found.name.tolist() == ["shop", "web"]


def test_fills_with_too_many_parts_are_columns_of_any_value() -> None:
    lines = [line("A", 100_003), line("B", 100_019)]
    scenario = make_scenario()
    tables = make_tables(
        scenario, order_lines=lines, stock=[stock("W1", 99_000)], fair_share=[GROUP | {"between": "order"}]
    )
    model = build_model(tables, scenario)
    assert FINEST < 100_003 * 100_019
    assert model.linear.granularity[model.linear.columns("common_fill").positions].tolist() == [0]
    assert optimum(model.linear) == pytest.approx(99_000 * 5)


@pytest.mark.parametrize(
    ("parties", "expected"),
    [(2, [1, 2]), (24, list(range(1, 25))), (30, [*range(1, 25), 30]), (60, [*range(1, 25), 36, 54, 60])],
)
def test_levels_are_single_up_to_24_and_end_with_all(parties: int, expected: list[int]) -> None:
    assert list(levels(parties)) == expected


def topped_up(**more: Any) -> tuple[Any, Any]:
    """A shipment whose minimum charge ends in cents while its rates end in tenths."""
    scenario = make_scenario(**more.pop("scenario", {}))
    lanes = [lane("W1", fixed_cost=5, cost_per_unit="0.7", min_charge="7.25")]
    return make_tables(scenario, order_lines=[line("A", 2)], stock=[stock("W1", 2)], lanes=lanes, **more), scenario


def test_a_budget_of_exactly_the_minimum_charge_is_enough() -> None:
    tables, scenario = topped_up(budgets=[{"budget_id": "F", "kind": "shipping_cost", "limit": "7.25"}])
    assert optimum(build_model(tables, scenario).linear) == pytest.approx(10 - 7.25)


def test_a_stage_may_keep_exactly_the_minimum_charge() -> None:
    tables, scenario = topped_up()
    kept = StageRow("shipping_cost", "min", Fraction(Decimal("7.25")))
    assert optimum(build_model(tables, scenario, stages=(kept,)).linear) == pytest.approx(10 - 7.25)


def rows_of(model: Model, family: str) -> int:
    return len(model.linear.rows(family))


def test_only_levels_that_are_asked_for_have_columns() -> None:
    scenario = make_scenario()
    lines = [line("A", 3), line("B", 4)]
    group = {"group_id": "a:]b", "between": "order", "rule": "max_min"}
    tables = make_tables(scenario, order_lines=lines, stock=[stock("W1", 5)], fair_share=[group])
    assert rows_of(build_model(tables, scenario), "fair_level") == 0
    stage = build_model(tables, scenario, goal=("fair_share[1:a:]b]", "max"))
    assert rows_of(stage, "fair_level") == 2
    assert optimum(stage.linear) == pytest.approx(float(Fraction(2, 3)))
    kept = StageRow("fair_share[1:a:]b]", "max", Fraction(2, 3))
    later = build_model(tables, scenario, stages=(kept,), goal=("fair_share[2:a:]b]", "max"))
    assert np.unique(later.linear.rows("fair_level").keys["level"]).tolist() == [1, 2]
    assert optimum(later.linear) == pytest.approx(float(Fraction(2, 3) + Fraction(3, 4)))
