"""Every coefficient is the exact money of its column, rounded once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.model.build import Model, build_model
from optimizer.solution.metrics import objective_value
from tests.builders import make_scenario, make_tables
from tests.instances import random_case
from tests.model.cases import TWO, lane, line, stock
from tests.model.settings import case_model
from tests.model.solving import Ship, plan_of, values_of


def coefficients(model: Model, family: str) -> list[float]:
    block = model.linear.columns(family)
    return model.linear.objective[block.start : block.stop].tolist()


def build(tables: dict[str, Any], **settings: Any) -> Model:
    scenario = make_scenario(**settings)
    return build_model(make_tables(scenario, **tables), scenario)


def test_margin_freight_and_handling_stand_on_what_ships() -> None:
    tables = {
        "order_lines": [line("A", 3, weight_kg=1) | {"unit_margin": "7.01"}],
        "warehouses": [{"warehouse_id": "W1", "handling_cost_per_unit": "0.3"}],
        "stock": [stock("W1", 9)],
        "lanes": [lane("W1", cost_per_unit="0.1", cost_per_kg="0.07")],
    }
    exact = Fraction("7.01") * 2 - Fraction("0.5") * (Fraction("0.1") + Fraction("0.07") / 3 + Fraction("0.3"))
    model = build(tables, weights={"margin": 2, "shipping": 0.5})
    assert coefficients(model, "ship_qty") == [float(exact)]


def test_a_column_that_counts_steps_is_worth_a_step() -> None:
    model = build({"order_lines": [line("A", 8, lot_multiple=4) | {"unit_margin": "1.5"}], "stock": [stock("W1", 9)]})
    assert coefficients(model, "ship_qty") == [6.0]


def test_a_shipment_of_one_step_pays_all_its_freight_on_its_arc() -> None:
    lanes = [lane("W1", fixed_cost=2, cost_per_unit="0.5", min_charge=4)]
    whole = [{"order_id": "A", "delivery_policy": "line_complete"}]
    model = build({"orders": whole, "order_lines": [line("A", 3)], "stock": [stock("W1", 9)], "lanes": lanes})
    assert not len(model.linear.columns("open_shipment"))
    assert not len(model.linear.columns("charge_topup"))
    assert coefficients(model, "ship_qty") == [3 * 5 - 4.0]


def test_service_stands_on_the_column_that_counts() -> None:
    customers = [{"customer_id": "C", "service_weight": "1.5", "tier": "A"}]
    service = {"value": 2, "tier_weight": {"A": 3}, "priority_weight": {3: 0.5}}
    worth = 2 * 1.5 * 3 * 0.5
    tables = TWO | {"customers": customers}
    assert coefficients(build(tables, service=service), "ship_qty") == [5 + worth] * 4
    by_line = build(tables, service=service | {"measure": "line"})
    assert coefficients(by_line, "ship_qty") == [5.0] * 4
    assert coefficients(by_line, "line_full") == [worth] * 2


@pytest.mark.parametrize("seed", range(60))
def test_the_models_value_of_a_plan_is_its_value(seed: int) -> None:
    """The objective of the column vector of a plan that keeps its shipments' rules is the plan's exact objective."""
    model = case_model(random_case(seed, 0.5))
    if model is None or not len(model.arcs):
        return
    arcs, tables = model.arcs, model.tables
    a = np.random.default_rng(seed).integers(len(arcs))
    o, number = (tables.order_lines[column][arcs.line[a]] for column in ("order_id", "line_id"))
    place = tuple(tables.lanes[column][arcs.lane[a]] for column in ("warehouse_id", "service_id"))
    ship: Ship = {(o, number, *place): int(arcs.step[a])}
    value = model.linear.objective @ values_of(model, ship)
    assert value == pytest.approx(float(objective_value(tables, model.scenario, plan_of(model, ship))), abs=1e-9)
