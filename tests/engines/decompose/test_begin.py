"""Beginning from an earlier run: nothing is lost where nothing changed, nothing is broken where much did."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import roles
from optimizer.engines.base import OWN, SolveServer
from optimizer.engines.decompose.begin import shared_prices
from optimizer.engines.decompose.dual import Evaluator, clearing_prices
from optimizer.engines.decompose.earlier import PASSES, TIGHT
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.plan import broken_rows, columns_of, row_prices, value_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.result import SolveOptions
from optimizer.model.build import build_model
from tests.engines.decompose.orders import random_orders

WORK = SolveOptions(time_limit_s=4.0, gap=0.02, threads=1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_is_taken_over_as_it_is_and_prices_come_back(seed: int, pool: ThreadPoolExecutor) -> None:
    linear = random_orders(seed, 25, rules=True)
    problem = read_problem(linear, roles(linear))
    price = clearing_prices(problem)
    assert shared_prices(problem, row_prices(problem, price, linear.n_rows)) == pytest.approx(price)
    best = Evaluator(problem, pool, 1)(price).block
    first, second = (Improver(problem, pool, 1, 0) for _ in range(2))
    first.construct(price, best)
    values = columns_of(problem, first.state, linear.n_cols)
    second.begin_from(price, best, values)
    assert np.all(columns_of(problem, second.state, linear.n_cols)[problem.arc_column] >= values[problem.arc_column])
    assert value_of(problem, second.state) >= value_of(problem, first.state) - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_that_breaks_everything_becomes_one_that_holds(seed: int, pool: ThreadPoolExecutor) -> None:
    linear = random_orders(seed, 25, rules=True)
    problem = read_problem(linear, roles(linear))
    price = clearing_prices(problem)
    improver = Improver(problem, pool, 1, 0)
    improver.begin_from(price, Evaluator(problem, pool, 1)(price).block, np.full(linear.n_cols, 1e6))
    assert broken_rows(problem, improver.state) == 0
    used = problem.shared.rhs - improver.state.slack
    steps, blocks = improver.state.steps, problem.blocks
    counted = np.bincount(blocks.arc_use["row"], steps[blocks.arc_of_use] * blocks.arc_use["use"], len(used))
    counted += np.bincount(
        blocks.door_use["row"], improver.state.opened[blocks.door_of_use] * blocks.door_use["use"], len(used)
    )
    assert used == pytest.approx(counted)


def test_a_small_change_is_solved_without_beginning_anew() -> None:
    """The same gap as a cold solve, at once, from the prices and the plan of the unchanged batch."""
    tables, scenario = make_batch(Size(600, warehouses=4, products=60), 3)
    stock = tables.stock["on_hand_qty"].copy()
    stock[:2] //= 2
    columns = {**tables.stock.columns, "on_hand_qty": stock}
    changed = tables.replace(stock=replace(tables.stock, columns=columns))
    old, new = (build_model(each, scenario).linear for each in (tables, changed))
    assert len(old.col_upper) == len(new.col_upper)
    with SolveServer(OWN, threads=1) as server:
        before = server.solve(old, WORK)
        cold = server.solve(new, WORK)
        warm = server.solve(new, replace(WORK, start=before.values, row_prices=before.row_prices))
    assert [found.termination.reason for found in (before, cold, warm)] == ["OPTIMAL"] * 3
    assert warm.best_bound >= cold.objective
    assert warm.stats["passes"] < cold.stats["passes"] / 2
    assert warm.stats["moves"] < cold.stats["moves"] / 3
    assert "begun from an earlier run" in warm.log_tail


def test_covers_close_what_turns_of_the_search_leave() -> None:
    """On fragmented stock, from an earlier run: one turn, then covers, in place of turns that find nothing more."""
    tables, scenario = make_batch(Size(1_000, warehouses=5, products=180, zones=20), 0)
    stock = tables.stock["on_hand_qty"].copy()
    stock[np.flatnonzero(stock >= 8)[:9]] -= 2
    changed = tables.replace(stock=replace(tables.stock, columns={**tables.stock.columns, "on_hand_qty": stock}))
    old, new = (build_model(each, scenario).linear for each in (tables, changed))
    assert len(old.col_upper) == len(new.col_upper)
    options = replace(WORK, time_limit_s=30.0, gap=0.0055)
    with SolveServer(OWN, threads=1) as server:
        before = server.solve(old, options)
        begin = replace(options, start=before.values, row_prices=before.row_prices)
        warm = server.solve(new, begin)
        covered = server.solve(new, replace(begin, covers=before.covers))
        same = server.solve(old, replace(begin, covers=before.covers, gap=0.0054))
    assert [found.termination.reason for found in (warm, covered)] == ["OPTIMAL"] * 2
    assert len(warm.covers["cover_row"])
    assert warm.stats["passes"] <= PASSES + TIGHT
    assert "begun from an earlier run" in warm.log_tail
    assert covered.stats["passes"] < warm.stats["passes"] / 2  # their prices give a bound at once
    assert max(covered.objective, warm.objective) <= min(covered.best_bound, warm.best_bound)
    first = next(row for row in same.log_tail.splitlines() if row.startswith("from an earlier run"))
    assert float(first.rpartition(" ")[2]) == pytest.approx(before.best_bound, rel=1e-9)
