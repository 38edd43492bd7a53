"""The whole model: its optimum is that of exhaustive search, and what it leaves out does not matter."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.model.build import Model, build_model
from tests.brute_force import optimum as exhaustive
from tests.builders import make_scenario, make_tables
from tests.instances import random_case
from tests.model.cases import CASES, EXPRESS, TWO, lane, line, stock
from tests.model.settings import case_model
from tests.model.solving import optimum

DENSITIES = (0.2, 0.4, 0.6)


def build(tables: dict[str, Any], **settings: Any) -> Model:
    scenario = make_scenario(**settings)
    return build_model(make_tables(scenario, **tables), scenario)


@pytest.mark.parametrize("seed", range(90))
def test_optimum_is_that_of_exhaustive_search(seed: int) -> None:
    case = random_case(seed + 50_000, DENSITIES[seed % len(DENSITIES)])
    model = case_model(case)
    if model is None:
        return
    want = exhaustive(case)
    assert optimum(model.linear) == (None if want is None else pytest.approx(float(want), abs=1e-6))


@pytest.mark.parametrize("seed", range(30))
def test_with_headroom_a_side_may_be_raised_in_place(seed: int) -> None:
    """One more unit on hand: the model built anew and the model raised in place have one optimum."""
    case = random_case(seed + 70_000, 0.3)
    case["tables"]["stock"] = [row | {"reserved_qty": 0, "safety_stock_qty": 0} for row in case["tables"]["stock"]]
    model = case_model(case, headroom=1)
    if model is None or not len(model.linear.rows("warehouse_stock")):
        return
    block = model.linear.rows("warehouse_stock")
    for row in range(len(block)):
        more = copy.deepcopy(case)
        warehouse, product = (
            table[column][block.keys[key][row]]
            for table, column, key in (
                (model.tables.warehouses, "warehouse_id", "warehouse"),
                (model.tables.products, "product_id", "product"),
            )
        )
        for stocked in more["tables"]["stock"]:
            if (stocked["warehouse_id"], stocked["product_id"]) == (warehouse, product):
                stocked["on_hand_qty"] += 1
        upper = model.linear.row_upper.copy()
        upper[block.start + row] += 1
        raised = optimum(replace(model.linear, row_upper=upper))
        rebuilt = case_model(more)
        assert rebuilt is not None
        anew = optimum(rebuilt.linear)
        assert raised == (None if anew is None else pytest.approx(anew, abs=1e-6))


def test_headroom_alone_changes_no_optimum() -> None:
    for family, case in CASES.items():
        model = case.model()
        roomy = build_model(model.tables, model.scenario, headroom=1)
        assert optimum(roomy.linear) == pytest.approx(optimum(model.linear), abs=1e-9), family


def test_a_limit_is_left_out_only_one_unit_below() -> None:
    tight = build(TWO | {"stock": [stock("W1", 7), stock("W2", 8)]})
    assert tight.linear.rows("warehouse_stock").keys["warehouse"].tolist() == [0]
    assert tight.pruned == {"rows.warehouse_stock": 1}


@pytest.mark.parametrize(
    "tables",
    [
        {"pins": [{"order_id": "A", "line_id": "1", "warehouse_id": "W1", "mode": "at_least", "qty": 2}]},
        {"contracts": [{"contract_id": "K", "product_id": "P", "min_qty": 2}]},
    ],
    ids=["pin", "contract"],
)
def test_what_no_arc_can_serve_makes_the_model_infeasible(tables: dict[str, Any]) -> None:
    model = build({"order_lines": [line("A", 3)], "stock": [stock("W1", 0)], "lanes": [lane("W1")]} | tables)
    assert optimum(model.linear) is None
    beside = {"order_lines": [line("A", 3), line("B", 1, product="Q")], "stock": [stock("W1", 0), stock("W1", 9, "Q")]}
    model = build(beside | {"lanes": [lane("W1")]} | tables)
    assert len(model.arcs) == 1
    assert optimum(model.linear) is None


def test_a_pin_may_name_a_service() -> None:
    pin = {"order_id": "A", "line_id": "1", "warehouse_id": "W1", "mode": "at_least", "qty": 2, "service_id": "express"}
    model = build({"order_lines": [line("A", 3)], "stock": [stock("W1", 9)], "lanes": EXPRESS, "pins": [pin]})
    assert optimum(model.linear) == pytest.approx(2 * 4 + 1 * 5)


def test_the_sizes_by_family_add_up() -> None:
    for case in CASES.values():
        size = case.model().describe()
        assert sum(size["columns_by_family"].values()) == size["columns"]
        assert sum(size["rows_by_family"].values()) == size["rows"]
        assert sum(size["nonzeros_by_family"].values()) == size["nonzeros"]


def test_rows_of_the_input_may_come_in_any_order() -> None:
    case = CASES["minimum_charge"]
    first = case.model().linear
    shuffled = {name: rows[::-1] for name, rows in case.tables.items()}
    second = replace(case, tables=shuffled).model().linear
    for name in ("objective", "col_upper", "indptr", "indices", "data", "row_lower", "row_upper"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_top_ups_count_in_the_money_of_their_freight() -> None:
    linear = CASES["minimum_charge"].model().linear
    block = linear.columns("charge_topup")
    assert linear.granularity[block.start : block.stop].tolist() == [0.5, 0.5]
    assert not linear.integral[block.start : block.stop].any()


@pytest.mark.parametrize("seed", range(40))
def test_no_row_holds_a_zero_or_a_column_twice(seed: int) -> None:
    model = case_model(random_case(seed + 90_000, 0.5))
    if model is None:
        return
    linear = model.linear
    assert linear.data.all()
    for row in range(linear.n_rows):
        columns = linear.indices[linear.indptr[row] : linear.indptr[row + 1]]
        assert len(set(columns.tolist())) == len(columns)
