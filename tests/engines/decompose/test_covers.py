"""Flow covers in the engine: what it finds is broken by fractions alone, and its bound is that of the proof."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import roles, stock_rows
from optimizer.engines.base import OWN, solve
from optimizer.engines.decompose.begin import known_covers
from optimizer.engines.decompose.covers import Covers, coverable, covered, separate
from optimizer.engines.decompose.dual import Ascent, Averages, Evaluator, ascend, clearing_prices
from optimizer.engines.decompose.problem import Problem
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.tighten import Tightened, Tightener
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.proof import certified_bound
from optimizer.solution.branches import branches
from optimizer.solution.covers import covered as by_ids
from optimizer.solution.extract import plan_from_values
from optimizer.solution.optimize import options_of
from optimizer.solution.prices import price_plan


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(*make_batch(Size(300, warehouses=4, products=60), 3))


@pytest.fixture(scope="module")
def problem(model: Model) -> Problem:
    return read_problem(model.linear, roles(model.linear))


@pytest.fixture(scope="module")
def dated() -> Model:
    """A third of the stock arrives later."""
    return build_model(*make_batch(Size(200, warehouses=3, products=40, receipts=0.35), 3))


def rows_of(model: Model, problem: Problem) -> np.ndarray:
    return np.flatnonzero(stock_rows(model.linear)[problem.shared.row])


def averages_of(problem: Problem, passes: int = 60) -> tuple[Ascent, Averages]:
    averages = Averages(problem.blocks)
    with ThreadPoolExecutor(1) as pool:
        evaluator = Evaluator(problem, pool, 1, averages=averages)
        state = Ascent.begin(evaluator, clearing_prices(problem))
        for _ in ascend(evaluator, state, passes, lambda: False):
            pass
    return state, averages


def sides(problem: Problem, shipped: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """Left sides of the shared rows."""
    blocks, rows = problem.blocks, len(problem.shared.rhs)
    used = np.bincount(blocks.arc_use["row"], blocks.arc_use["use"] * shipped[blocks.arc_of_use], rows)
    return used + np.bincount(blocks.door_use["row"], blocks.door_use["use"] * opened[blocks.door_of_use], rows)


def test_covers_are_broken_by_the_averaged_plan_and_kept_by_plans(model: Model, problem: Problem) -> None:
    _, averages = averages_of(problem)
    arcs = coverable(problem, rows_of(model, problem))
    found = separate(problem, arcs, averages.shipped, averages.opened)
    assert len(found) > 20
    assert found.lifted.any()
    wide, own = covered(problem, arcs, found), len(problem.shared.rhs)
    assert (sides(wide, averages.shipped, averages.opened)[own:] > wide.shared.rhs[own:]).all()
    assert tight_in_random_plans(problem, wide) > 200


def tight_in_random_plans(problem: Problem, wide: Problem) -> int:
    """How often random plans use up a cover; none may break one."""
    random, blocks, own = np.random.default_rng(0), problem.blocks, len(problem.shared.rhs)
    line = blocks.line_of_arc.tolist()
    door, tight = blocks.door_of_arc, 0
    for _ in range(200):
        steps, left, need = np.zeros(len(door)), problem.shared.rhs.copy(), blocks.line["need"].copy()
        for a in random.permutation(len(door)).tolist():
            row = blocks.arc_use["row"][blocks.arc["use"][a] : blocks.arc["use"][a + 1]]
            most = min(blocks.arc["cap"][a], need[line[a]], int(left[row].min(initial=99)))
            steps[a] = random.integers(0, 1 + most)
            left[row] -= steps[a]
            need[line[a]] -= steps[a]
        opened = np.zeros(len(blocks.door) - 1)
        opened[door[(steps > 0) & (door >= 0)]] = 1.0
        over = sides(wide, steps, opened)[own:] - wide.shared.rhs[own:]
        assert (over <= 1e-9).all()
        tight += int((over > -1e-9).sum())
    return tight


def test_with_dates_the_arcs_of_a_line_are_one_cell(dated: Model) -> None:
    """A line that may leave on several days counts once in a row that holds all of them."""
    problem = read_problem(dated.linear, roles(dated.linear))
    _, averages = averages_of(problem)
    arcs = coverable(problem, rows_of(dated, problem))
    found = separate(problem, arcs, averages.shipped, averages.opened)
    assert len(found) > 10
    several = np.unique(found.owner * len(arcs.line) + arcs.line[found.arc], return_counts=True)[1]
    assert several.max() > 1
    wide, own = covered(problem, arcs, found), len(problem.shared.rhs)
    assert (sides(wide, averages.shipped, averages.opened)[own:] > wide.shared.rhs[own:]).all()
    assert tight_in_random_plans(problem, wide) > 100


def test_covers_of_an_earlier_batch_are_taken_over_where_they_still_are_some(model: Model, problem: Problem) -> None:
    """Other stock, other quantities, a warehouse that is gone: what is taken over, no plan of the new batch breaks."""
    state, averages = averages_of(problem)
    found = separate(problem, coverable(problem, rows_of(model, problem)), averages.shipped, averages.opened)
    prices = np.arange(1.0, len(found) + 1)
    before = Tightened(state.best.bound, state.best_price, found, prices).arrays(problem, model.linear.n_rows)
    again, same = known_covers(problem, coverable(problem, rows_of(model, problem)), before)
    assert [array.tolist() for array in again] == [array.tolist() for array in found]
    assert same.tolist() == prices.tolist()
    random = np.random.default_rng(5)
    stock = np.maximum(problem.shared.rhs + random.integers(-2, 3, len(problem.shared.rhs)), 0.0)
    arc = problem.blocks.arc.copy()
    need = np.repeat(problem.blocks.line["need"][:-1], np.diff(problem.blocks.line["arc"]))
    arc["cap"][:-1] = np.clip(arc["cap"][:-1] + random.integers(-2, 3, len(arc) - 1), 0, need)
    other = problem._replace(
        shared=problem.shared._replace(rhs=stock), blocks=problem.blocks._replace(arc=arc),
        arc_column=np.where(random.random(len(problem.arc_column)) < 0.1, -1, problem.arc_column),
    )  # fmt: skip
    kept, price = known_covers(other, coverable(other, rows_of(model, problem)), before)
    assert 10 < len(kept) < len(found)
    assert len(price) == len(kept)
    assert len(kept.arc) < len(found.those(np.isin(prices, price)).arc)
    assert tight_in_random_plans(other, covered(other, coverable(other, rows_of(model, problem)), kept)) > 50


def test_what_is_found_twice_stands_once() -> None:
    one = Covers(
        np.array([0, 1]), np.array([0, 2, 5]), np.array([3, 4, 5, 6, 7]), np.array([0, 0, 0, 1, 0], dtype=bool)
    )
    both = one.and_new(one.those(np.array([False, True])))
    assert len(both) == 2
    other = Covers(np.array([1]), np.array([0, 3]), np.array([5, 6, 7]), np.array([0, 0, 1], dtype=bool))
    assert both.and_new(other).first.tolist() == [0, 2, 5, 8]


def test_each_round_lowers_the_bound(model: Model, problem: Problem) -> None:
    state, _ = averages_of(problem, 200)
    with ThreadPoolExecutor(1) as pool:
        tightener = Tightener(problem, pool, 1, rows_of(model, problem), state.best_price)
        assert list(tightener.rounds(120, lambda: False)) == list(range(1, 121))
        first = tightener.best.bound
        assert len(tightener.best.covers) > 20
        list(tightener.rounds(120, lambda: False))
    assert tightener.best.bound < first < state.best.bound
    assert first < state.best.bound * (1 - 5e-4)


@pytest.mark.parametrize("price", [0.0, 3.0, 40.0])
def test_paid_openings_make_the_bound_of_every_set(problem: Problem, price: float) -> None:
    """Blocks whose openings are paid for, against every set of openers, each that ships nothing shut."""
    rng = np.random.default_rng(1)
    door_fee = problem.blocks.door.copy()
    door_fee["fee"][:-1] -= price * rng.random(len(door_fee) - 1)
    changed = problem._replace(blocks=problem.blocks._replace(door=door_fee))
    rows = rng.random(len(problem.shared.rhs)) * 12
    with ThreadPoolExecutor(1) as pool:
        found = Evaluator(changed, pool, 1, averages=Averages(changed.blocks))(rows)
    for block in range(0, problem.blocks.n_blocks, 7):
        assert found.block[block] >= best_of_block(changed, block, rows) - 1e-9
    if price == 0.0:
        with ThreadPoolExecutor(1) as pool:
            assert Evaluator(changed, pool, 1)(rows).bound == pytest.approx(found.bound)


def best_of_block(problem: Problem, block: int, price: np.ndarray) -> float:
    """The most that a block earns, every set of openers tried, at least one unit through each."""
    b = problem.blocks
    doors = range(b.block["open"][block], b.block["open"][block + 1])
    best = 0.0
    for chosen in range(2 ** len(doors)):
        opened = [k for k in range(len(doors)) if chosen >> k & 1]
        units, money = dict.fromkeys(opened, 0), -sum(b.door["fee"][doors[k]] for k in opened)
        least = dict.fromkeys(opened, -np.inf)
        for line in range(b.block["line"][block], b.block["line"][block + 1]):
            left, offers = b.line["need"][line], []
            for a in range(b.line["arc"][line], b.line["arc"][line + 1]):
                use = b.arc_use[b.arc["use"][a] : b.arc["use"][a + 1]]
                worth, k = b.arc["value"][a] - (price[use["row"]] * use["use"]).sum(), b.arc["opener"][a]
                if k < 0 or k in units:
                    offers.append((worth, b.arc["cap"][a], k))
                    least[k] = max(least.get(k, -np.inf), worth)
            for worth, cap, k in sorted(offers, reverse=True):
                took = min(left, cap) if worth > 0 else 0
                money, left = money + took * worth, left - took
                units[k] = units.get(k, 0) + took
        money += sum(min(least[k], 0.0) for k in opened if not units[k])  # a unit in each, at the least loss
        best = max(best, money)
    return best


@pytest.mark.parametrize("batch", ["model", "dated"])
def test_the_proof_finds_the_engine_s_bound(batch: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(batch)
    found = solve(model.linear, OWN, SolveOptions(time_limit_s=6.0, gap=0.0, threads=2))
    assert found.values is not None
    assert len(found.covers["cover_row"]) > 20
    covers = by_ids(model, found)
    assert covers is not None
    assert len(covers.rows) == len(found.covers["cover_row"])
    plan = plan_from_values(model, found.values)
    prices = price_plan(model, plan, time_limit_s=20, top_rows=0, row_prices=found.row_prices)
    plain = float(certified_bound(model.tables, model.scenario, prices.certificate_json()))
    stated = replace(prices, covers=covers, branches=branches(model, found)).certificate_json()
    exact = float(certified_bound(model.tables, model.scenario, stated))
    assert exact == pytest.approx(found.best_bound, rel=1e-7)
    assert found.objective < exact < plain * (1 - 5e-4)


def test_a_gap_that_moves_close_is_not_sought_by_covers() -> None:
    model = build_model(*make_batch(Size(3_000, warehouses=10, products=300), 3))
    found = solve(model.linear, OWN, SolveOptions(time_limit_s=40.0, gap=0.025, threads=2))
    assert found.termination.reason == "OPTIMAL"
    assert found.best_bound - found.objective <= 0.025 * found.objective
    assert (found.stats["passes"], found.covers) == (100.0, {})


def test_covers_are_sought_only_where_the_proof_reads_them() -> None:
    """Of lots that expire it reads none: the engine's bound is then the one that is certified."""
    tables, scenario = make_batch(Size(300, warehouses=4, products=60), 3)
    stock = replace(
        tables.stock,
        columns={**tables.stock.columns, "expiry_date": np.full(len(tables.stock), np.datetime64("2027-01-01"))},
        filled={name: flags for name, flags in tables.stock.filled.items() if name != "expiry_date"},
    )
    mortal = build_model(replace(tables, stock=stock), scenario)
    assert not options_of(mortal, None).tighten
    assert options_of(build_model(tables, scenario), None).tighten
    options = replace(options_of(mortal, None), time_limit_s=5.0, gap=0.0, threads=2)
    found = solve(mortal.linear, OWN, options)
    assert found.covers == {}
    assert found.values is not None
    plan = plan_from_values(mortal, found.values)
    prices = price_plan(mortal, plan, time_limit_s=20, top_rows=0, row_prices=found.row_prices)
    exact = float(certified_bound(mortal.tables, scenario, prices.certificate_json()))
    assert exact == pytest.approx(found.best_bound, rel=1e-6)
