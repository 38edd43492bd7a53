"""A problem gathered from parts is that of the whole matrix, record for record; only shared rows stand elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import roles
from optimizer.engines.decompose.gather import Gatherer, PartError, SharedRows
from optimizer.engines.decompose.problem import Problem
from optimizer.engines.decompose.read import read_problem
from optimizer.exact import Exact
from optimizer.model.build import Model, build_model
from optimizer.model.parted import PartedModel, in_parts
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Table, Tables

PLAIN = Size(300, warehouses=4, products=30, zones=6)
PROMISED = replace(PLAIN, contract_share=0.5, capacity=0.8)


def filled(table: Table, **columns: Any) -> Table:
    """The table with these columns, every cell of them given."""
    given = {name: np.ones(len(table), dtype=bool) for name in columns}
    return replace(table, columns={**table.columns, **columns}, filled={**table.filled, **given})


def with_rules(size: Size, seed: int) -> tuple[Tables, Scenario]:
    """A batch in which orders ship whole or in part, customers have credit, and warehouses a capacity in kg."""
    tables, scenario = make_batch(size, seed)
    rng = np.random.default_rng(seed)
    policy = rng.choice(["partial", "line_complete", "order_complete"], len(tables.orders)).astype(object)
    credit = Exact(rng.integers(1_000, 900_000, len(tables.customers)), 3)
    price = Exact(rng.integers(100, 9_999, len(tables.order_lines)), 2)
    weight = Exact(rng.integers(20_000, 90_000, len(tables.warehouses)), 2)
    return tables.replace(
        orders=filled(tables.orders, delivery_policy=policy),
        customers=filled(tables.customers, credit_limit=credit),
        order_lines=filled(tables.order_lines, unit_price=price),
        warehouses=filled(tables.warehouses, capacity_kg=weight),
    ), scenario


def parted(tables: Tables, scenario: Scenario, pairs: int = 400) -> PartedModel:
    model = in_parts(tables, scenario, pairs)
    assert model is not None
    assert len(model.parts) > 2
    return model


def gathered(model: PartedModel) -> tuple[Problem, tuple[SharedRows, ...]]:
    gatherer = Gatherer({"contract_minimum": model.required})
    for part in model.models():
        gatherer.add(part.linear)
    return gatherer.problem()


def place_of_rows(whole: Model, problem: Problem, rows: tuple[SharedRows, ...]) -> np.ndarray:
    """Where each shared row of the whole matrix' problem stands in the gathered one."""
    place = np.full(whole.linear.n_rows, -1)
    for mine in rows:
        block = whole.linear.rows(mine.family)
        keys = np.column_stack(list(mine.keys.values())).tolist()
        known = {tuple(key): int(at) for key, at in zip(keys, mine.position, strict=True)}
        theirs = np.column_stack([block.keys[name] for name in mine.keys]).tolist()
        place[block.start : block.stop] = [known[tuple(key)] for key in theirs]
    return place[problem.shared.row]


@pytest.mark.parametrize("make", [make_batch, with_rules])
@pytest.mark.parametrize("size", [PLAIN, PROMISED])
def test_it_is_the_problem_of_the_whole_matrix(make: Any, size: Size) -> None:
    tables, scenario = make(size, 3)
    whole = build_model(tables, scenario, part=True)
    expected = read_problem(whole.linear, roles(whole.linear))
    found, rows = gathered(parted(tables, scenario))
    place = place_of_rows(whole, expected, rows)
    assert sorted(place) == list(range(len(found.shared.rhs)))
    for name in ("rhs", "soft_cost", "soft_cap", "sign"):
        np.testing.assert_allclose(getattr(found.shared, name)[place], getattr(expected.shared, name), rtol=1e-12)
    for name in ("block", "line", "arc", "door"):
        np.testing.assert_array_equal(getattr(found.blocks, name), getattr(expected.blocks, name))
    for name in ("arc_use", "door_use"):
        mine, theirs = getattr(found.blocks, name), getattr(expected.blocks, name)
        np.testing.assert_array_equal(mine["row"], place[theirs["row"]])
        np.testing.assert_array_equal(mine["use"], theirs["use"])
    np.testing.assert_array_equal(found.movable, expected.movable)


def test_columns_of_parts_name_the_arcs_of_the_whole() -> None:
    tables, scenario = with_rules(PROMISED, 5)
    whole, model = build_model(tables, scenario), parted(tables, scenario)
    line = np.concatenate([lines[part.arcs.line] for lines, part in model.columns()])
    lane = np.concatenate([part.arcs.lane for _, part in model.columns()])
    np.testing.assert_array_equal(line, whole.arcs.line)
    np.testing.assert_array_equal(lane, whole.arcs.lane)


def test_a_limit_that_hangs_on_the_orders_is_refused() -> None:
    tables, scenario = make_batch(PROMISED, 1)
    gatherer, parts = Gatherer({}), parted(tables, scenario).models()
    gatherer.add(next(parts).linear)
    with pytest.raises(PartError, match="contract_minimum whose limit hangs on which orders are there"):
        gatherer.add(next(parts).linear)


def test_batches_stay_whole_that_are_small_or_cannot_be_parted() -> None:
    tables, scenario = make_batch(PLAIN, 0)
    assert in_parts(tables, scenario) is None
    opening = filled(tables.warehouses, fixed_open_cost=Exact.full(len(tables.warehouses), 5))
    assert in_parts(tables.replace(warehouses=opening), scenario, 400) is None
    service = scenario.service.model_copy(update={"min_level": {"overall": scenario.solve.gap}})
    assert in_parts(tables, scenario.model_copy(update={"service": service}), 400) is None
