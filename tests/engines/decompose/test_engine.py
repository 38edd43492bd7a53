"""The engine as a whole: plans that hold, bounds that are true, the same each time."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import Request, roles, stock_rows
from optimizer.engines.base import OWN, SolveServer, solve
from optimizer.engines.decompose import bounds, engine, work
from optimizer.engines.result import COVERS, SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.proof import bound as proof_bound
from optimizer.solution.branches import branches
from optimizer.solution.covers import covered
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.solution.prices import price_plan
from tests.engines.decompose.orders import Deaf, Matrix, random_orders

WORK = SolveOptions(time_limit_s=3.0, gap=0.0, threads=2, seed=1)


@pytest.mark.parametrize("rules", [False, True])
def test_values_and_bounds_enclose_the_optimum_of_highs(rules: bool) -> None:
    with SolveServer("highs") as highs, SolveServer(OWN, threads=1) as own:
        reached = []
        for seed in range(8):
            linear = random_orders(100 + seed, 15, rules=rules)
            best = highs.solve(linear, SolveOptions(gap=0.0))
            found = own.solve(linear, SolveOptions(time_limit_s=10.0, gap=0.0))
            assert best.termination.reason == "OPTIMAL"
            assert found.values is not None
            assert found.objective <= best.objective + 1e-6 <= found.best_bound + 2e-6
            reached.append(found.objective / best.objective)
    assert np.mean(reached) > 0.99


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(*make_batch(Size(400, warehouses=4, products=80, contract_share=0.3), 2))


def test_its_prices_give_its_bound_in_exact_arithmetic(model: Model) -> None:
    found = solve(model.linear, OWN, replace(WORK, time_limit_s=8.0))
    assert found.values is not None
    assert found.row_prices is not None
    plan = plan_from_values(model, found.values)
    assert float(objective_value(model.tables, model.scenario, plan)) == pytest.approx(found.objective, rel=1e-9)
    prices = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=found.row_prices)
    prices = replace(prices, covers=covered(model, found), branches=branches(model, found))
    exact = proof_bound.bound(model.tables, model.scenario, prices.certificate_json()).value
    assert exact is not None
    assert float(exact) == pytest.approx(found.best_bound, rel=1e-6)
    assert 0 <= found.best_bound / found.objective - 1 < 0.03


def test_the_same_work_gives_the_same_plan_however_fast_the_machine(model: Model, tmp_path: Path) -> None:
    """The work follows from the time limit; the clock that could cut it short is far away."""
    request = Request(
        WORK, tmp_path, deadline=time.monotonic() + 3_600, role=roles(model.linear), stock=stock_rows(model.linear)
    )
    one, two = (engine.solve(model.linear, request, Deaf()) for _ in range(2))
    assert one.native == "work done"
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.row_prices, two.row_prices)
    assert len(one.covers["cover_row"])
    for name in COVERS:
        np.testing.assert_array_equal(one.covers[name], two.covers[name])
    assert one.bound == two.bound


def test_a_long_limit_makes_no_easy_gap_slow(model: Model, tmp_path: Path) -> None:
    moves = []
    for limit_s in (3.0, 300.0):
        options = replace(WORK, time_limit_s=limit_s, gap=0.02)
        request = Request(options, tmp_path, deadline=time.monotonic() + 3_600, role=roles(model.linear))
        found = engine.solve(model.linear, request, Deaf())
        assert found.native == "gap closed"
        moves.append(found.stats["moves"])
    assert 0 < moves[1] < 5 * moves[0]


def test_progress_tells_of_plans_and_bounds_early(model: Model) -> None:
    steps = []
    solve(model.linear, OWN, WORK, on_progress=steps.append)
    bounds = [step.bound for step in steps]
    assert bounds == sorted(bounds, reverse=True)
    first_plan = next(k for k, step in enumerate(steps) if step.value == step.value)
    assert first_plan < len(steps) / 2


def test_what_the_simple_shape_cannot_hold_is_solved_all_the_same() -> None:
    m = Matrix()
    one, two, door = m.column(3.0, 2), m.column(2.0, 2), m.column(-1.0, 1)
    m.own.append(({one: 1.0, two: -1.0}, 0.0, 0.0))  # as much of one as of the other
    m.at_most({one: 1.0, door: -2.0}, 0.0)
    m.shared.append(({one: 1.0, two: 1.0}, -np.inf, 3.0))
    found = solve(m.model(), OWN, WORK)
    assert found.termination.reason == "OPTIMAL"
    assert found.objective == pytest.approx(4.0)


def test_rules_that_cannot_hold_are_called_so() -> None:
    m = Matrix()
    one, two = m.column(3.0, 2), m.column(2.0, 2)
    m.own.append(({one: 1.0, two: 1.0}, 5.0, np.inf))
    m.shared.append(({one: 1.0, two: 1.0}, -np.inf, 9.0))
    assert solve(m.model(), OWN, WORK).termination.reason == "INFEASIBLE"


def test_covers_that_close_nothing_are_given_up_for_good(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a gap asked for, stages of the work ask for them again; their time is given to the search once."""
    for module, name in ((bounds, "WORTHWHILE"), (engine, "COVERS_CLOSE"), (work, "STAGE_MOVES")):
        monkeypatch.setattr(module, name, 1.0)
    request = Request(
        replace(WORK, gap=1e-6),
        tmp_path,
        deadline=time.monotonic() + 3_600,
        role=roles(model.linear),
        stock=stock_rows(model.linear),
    )
    log = engine.solve(model.linear, request, Deaf()).log_tail.splitlines()
    assert sum(" covers, " in words for words in log) == 1
    assert sum(words.startswith("round 1:") for words in log) >= 3
