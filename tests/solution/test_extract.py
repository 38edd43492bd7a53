from __future__ import annotations

import numpy as np
import pytest

from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.extract import IMPLIED, plan_from_values, values_from_plan
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from tests.builders import make_scenario, make_tables
from tests.solution.solving import Solver
from tests.typed_cases import random_cases, typed


def broken(linear: LinearModel, values: np.ndarray) -> list[str]:
    """The families of rows and columns that the point breaks."""
    row = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    activity = np.bincount(row, weights=linear.data * values[linear.indices], minlength=linear.n_rows)
    slip = 1e-9 * (1 + np.abs(activity))
    rows = np.flatnonzero((activity > linear.row_upper + slip) | (activity < linear.row_lower - slip))
    outside = (values > linear.col_upper + 1e-9) | (values < linear.col_lower - 1e-9)
    uneven = linear.integral & (values != np.rint(values))
    return [block.family for block in linear.row_blocks for i in rows if block.start <= i < block.stop] + [
        block.family for block in linear.column_blocks if (outside | uneven)[block.start : block.stop].any()
    ]


def same(left: Plan, right: Plan) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("line", "lane", "qty"))


@pytest.mark.parametrize("families", [0.2, 0.4])
def test_values_of_a_plan_keep_every_row_and_say_its_objective(engine: Solver, families: float) -> None:
    """For optimal plans and for arbitrary ones, on random batches that mix all families."""
    seen: set[str] = set()
    plans = 0
    for seed, case in random_cases(60, families):
        model = build_model(*typed(case))
        for plan in (engine.plan(model), engine.any_plan(model, seed)):
            if plan is None:
                continue
            plans += 1
            values = values_from_plan(model, plan)
            assert broken(model.linear, values) == [], f"seed {seed}"
            value = float(objective_value(model.tables, model.scenario, plan))
            assert model.linear.objective @ values + model.linear.offset == pytest.approx(value, abs=1e-7), (
                f"seed {seed}"
            )
            assert same(plan_from_values(model, values), plan), f"seed {seed}"
            seen |= {block.family for block in model.linear.column_blocks if values[block.start : block.stop].any()}
    assert plans >= 60
    assert seen >= {"ship_qty", "open_shipment", "open_warehouse"}


def test_every_column_family_can_be_filled(engine: Solver) -> None:
    """No family of the model is missing from what a plan implies."""
    families = {
        block.family for _, case in random_cases(120, 0.6) for block in build_model(*typed(case)).linear.column_blocks
    }
    assert families == {"ship_qty", *IMPLIED}


def two_lanes() -> Model:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 12, "lot_multiple": 3}],
        stock=[{"warehouse_id": w, "product_id": "P", "on_hand_qty": 9} for w in ("V", "W")],
    )
    return build_model(tables, scenario)


def test_columns_count_steps_and_are_rounded_to_whole_ones() -> None:
    model = two_lanes()
    values = np.zeros(model.linear.n_cols)
    values[:2] = [0.9999999, 2.0000001]
    plan = plan_from_values(model, values)
    assert plan.qty.tolist() == [3, 6]
    assert values_from_plan(model, plan)[:2].tolist() == [1, 2]


def test_a_plan_that_the_model_cannot_say_is_refused() -> None:
    model = two_lanes()
    line, lane = np.array([0]), np.array([0])
    with pytest.raises(ValueError, match="whole steps"):
        values_from_plan(model, Plan(line, lane, np.array([4])))
    closed = build_model(
        make_tables(
            model.scenario,
            order_lines=[{"order_id": "A", "product_id": "P", "qty": 1}],
            stock=[{"warehouse_id": "V", "product_id": "P", "on_hand_qty": 9}],
            warehouses=[{"warehouse_id": "V", "is_open": False}, {"warehouse_id": "W"}],
        ),
        model.scenario,
    )
    with pytest.raises(ValueError, match="order A line 1 from V by standard"):
        values_from_plan(closed, Plan(line, lane, np.array([1])))
