"""Branching on sets of orders: sets stand alone, and no plan is worth more than a tree says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import highspy
import numpy as np
import pytest

import optimizer
from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch
from optimizer.engines.adapter import OWN as OWN_ROW
from optimizer.engines.adapter import roles, stock_rows
from optimizer.engines.base import OWN, solve
from optimizer.engines.decompose.bounds import Bounds
from optimizer.engines.decompose.branch import MOST_NODES, Branching, is_shallow
from optimizer.engines.decompose.desk import make_desk
from optimizer.engines.decompose.dual import Ascent, Averages, Evaluator, ascend, clearing_prices, usual_worth
from optimizer.engines.decompose.problem import Floats, Problem, whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.sets import MOST_BLOCKS, apart, cut_out, find_sets
from optimizer.engines.decompose.trees import Tree
from optimizer.engines.result import SolveOptions, SolveResult
from optimizer.errors import OK, VERIFICATION_FAILED
from optimizer.model.build import Model, build_model
from optimizer.proof import certify
from optimizer.proof.bound import bound
from optimizer.proof.run_files import file_digests

LINES = 150


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(*make_batch(Size(LINES, warehouses=3, products=30), 5))


@pytest.fixture(scope="module")
def problem(model: Model) -> Problem:
    return read_problem(model.linear, roles(model.linear))


@pytest.fixture(scope="module")
def result(model: Model) -> SolveResult:
    return solve(model.linear, OWN, SolveOptions(time_limit_s=6.0, gap=0.0, threads=2))


def stock_of(model: Model, problem: Problem) -> np.ndarray:
    return np.flatnonzero(stock_rows(model.linear)[problem.shared.row])


def bounds_of(model: Model, problem: Problem, pool: ThreadPoolExecutor) -> Bounds:
    """Prices and covers after some passes."""
    bounds = Bounds(problem, model.linear.n_rows, stock_of(model, problem), pool, 1)
    evaluator = Evaluator(problem, pool, 1)
    bounds.ascent = Ascent.begin(evaluator, clearing_prices(problem))
    for _ in ascend(evaluator, bounds.ascent, 60, lambda: False):
        pass
    bounds.tighten(60, lambda: False, lambda: None)
    return bounds


def optimum(model: Model) -> float:
    """Of the whole matrix, by HiGHS."""
    return solve(model.linear, "highs", SolveOptions(time_limit_s=120.0, gap=1e-7, threads=2)).best_bound


def test_sets_stand_alone(model: Model, problem: Problem, result: SolveResult) -> None:
    assert result.values is not None
    with ThreadPoolExecutor(1) as pool:
        price = clearing_prices(problem)
        best = Evaluator(problem, pool, 1, averages=Averages(problem.blocks))(price)
    gap = apart(problem, price, best.block, result.values)
    assert gap.regret.min() > -1e-6
    assert gap.left.min() > -1e-6
    assert np.isclose(gap.regret.sum() + gap.left.sum(), best.bound - result.objective)
    sets = find_sets(problem, stock_of(model, problem), gap)
    assert len(sets) > 3
    user = problem.blocks.block_of_arc[problem.blocks.arc_of_use]
    met_blocks, met_rows = set[int](), set[int]()
    for each in sets:
        assert 0 < len(each.blocks) <= MOST_BLOCKS
        uses = np.isin(problem.blocks.arc_use["row"], each.rows)
        assert set(user[uses].tolist()) <= set(each.blocks.tolist())
        assert not met_blocks & set(each.blocks.tolist())
        assert not met_rows & set(each.rows.tolist())
        met_blocks |= set(each.blocks.tolist())
        met_rows |= set(each.rows.tolist())


@pytest.mark.parametrize("seed", range(6))
def test_no_plan_of_a_set_is_worth_more_than_its_tree(seed: int) -> None:
    """At random prices, from coarse to grown; one that is grown to the end closes nearly all that the prices left."""
    model = build_model(*make_batch(Size(40, warehouses=3, products=10), seed))
    problem, role = read_problem(model.linear, roles(model.linear)), roles(model.linear)
    random, met = np.random.default_rng(seed), 0
    whole = whole_of(model.linear)()
    with ThreadPoolExecutor(1) as pool:
        price = clearing_prices(problem) * random.uniform(0.5, 1.5, len(problem.shared.rhs))
        found = Evaluator(problem, pool, 1)(price)
    gap = apart(problem, price, found.block, np.zeros(model.linear.n_cols))
    column_block = np.zeros(model.linear.n_cols, dtype=np.int64)
    column_block[problem.arc_column] = problem.blocks.block_of_arc
    column_block[problem.open_column] = problem.blocks.block_of_door
    for each in find_sets(problem, stock_of(model, problem), gap):
        paid = np.where(np.isin(np.arange(len(price)), each.rows), 0.0, price)
        columns = np.flatnonzero(np.isin(column_block, each.blocks))
        own = (role == OWN_ROW) | np.isin(np.arange(len(role)), problem.shared.row[each.rows])
        program = replace(whole.part(columns, keep=own), objective=money_at(model, problem, paid)[columns])
        engine = program.highs(mixed=True, mip_rel_gap=0.0)
        engine.run()
        assert engine.getModelStatus() == highspy.HighsModelStatus.kOptimal
        best = -engine.getInfo().objective_function_value
        tree = Tree(
            cut_out(problem.blocks, each, price), problem.shared.rhs[each.rows], price[each.rows],
            usual_worth(problem)[each.rows], best,
        )  # fmt: skip
        bounds, desk = [np.inf], make_desk(problem.blocks)
        for nodes in (1, 2, 8, 32, 2000):
            tree.grow(nodes, desk)
            assert best - 1e-6 <= tree.bound <= bounds[-1]
            bounds.append(tree.bound)
        assert bounds[-1] - best <= 0.05 * (bounds[1] - best) + 1e-6
        assert_is_whole(tree)
        met += bounds[1] - best > 1.0
    assert met > 0


def money_at(model: Model, problem: Problem, price: Floats) -> Floats:
    """Objective of the columns, what they use of shared rows paid."""
    money, blocks = model.linear.objective.copy(), problem.blocks
    use = blocks.arc_use
    np.subtract.at(money, problem.arc_column[blocks.arc_of_use], use["use"] * price[use["row"]])
    return money


def assert_is_whole(tree: Tree) -> None:
    """Every branching has both sides, none asks again what is decided, and every leaf has prices."""
    entries, prices = tree.entries()
    assert len(prices) == entries.count(-1) == len(entries) - entries.count(-1) + 1
    assert all((price >= 0).all() and len(price) == len(tree.rhs) for price in prices)
    pending, at = [frozenset[int]()], 0
    while pending:
        known = pending.pop()
        if entries[at] >= 0:
            assert entries[at] not in known
            pending += [known | {entries[at]}] * 2
        at += 1
    assert at == len(entries)


def test_no_time_is_kept_where_branching_proves_nothing(model: Model, problem: Problem) -> None:
    """Deep stock, of which every row has many users; and stock with dates, where a unit counts in several rows."""
    deep = build_model(*make_batch(Size(LINES, warehouses=3, products=3), 5))
    its_problem = read_problem(deep.linear, roles(deep.linear))
    assert not is_shallow(its_problem, stock_of(deep, its_problem))
    rows = stock_of(model, problem)
    assert not is_shallow(problem, rows[:0])
    uses = np.repeat(problem.blocks.arc_use, 2)
    twice = problem._replace(blocks=problem.blocks._replace(arc_use=uses, arc=doubled(problem)))
    assert not is_shallow(twice, rows)


def doubled(problem: Problem) -> np.ndarray:
    """The arcs where every use stands twice."""
    arc = problem.blocks.arc.copy()
    arc["use"] *= 2
    return arc


def test_branching_lowers_the_bound_and_never_below_the_optimum(
    model: Model, problem: Problem, result: SolveResult
) -> None:
    assert result.values is not None
    assert is_shallow(problem, stock_of(model, problem))
    with ThreadPoolExecutor(2) as pool:
        bounds = bounds_of(model, problem, pool)
        before = bounds.best
        bounds.branch(result.values, 5.0, lambda: False)
        after, arrays = bounds.best, bounds.proof
        trees = bounds.branching
        bounds.branch(result.values, 0.01, lambda: False)
        assert bounds.branching is trees  # others, with less work, are no better
        bounds.tighten(120, lambda: False, lambda: None)
        assert bounds.best <= after  # and those hold for the prices that they began from
    assert isinstance(trees, Branching)
    assert optimum(model) - 1e-6 <= after < before - 1.0
    assert max(tree.nodes for tree in trees.trees) <= MOST_NODES
    assert len(arrays["branch_first_row"]) == len(arrays["branch_first_entry"]) > 1


def test_a_run_with_branches_is_verified_and_a_changed_leaf_is_not(tmp_path: Path) -> None:
    """The whole way: engine, certificate, proof, `allot certify`; and a cheaper leaf proves nothing."""
    size = Size(200, warehouses=3, products=40)
    write_folder(*make_batch(size, 5), tmp_path / "batch", form="csv")
    settings = ["solve.time_limit_s=8", "solve.gap=0.00001", "solve.engine=decompose", "solve.explain_rows=0"]
    folder = tmp_path / "run"
    optimizer.run(tmp_path / "batch" / "scenario.toml", out=folder, settings=[*settings, "solve.price_rows=0"])
    certificate = json.loads((folder / "certificate.json").read_text())
    assert len(certificate["branches"]) > 1
    plain = {name: part for name, part in certificate.items() if name != "branches"}
    tables, scenario = make_batch(size, 5)
    without = bound(tables, scenario, plain).value
    assert without is not None
    assert Fraction(certificate["certified_bound"]) < without
    assert certify(folder).exit_code == OK
    leaf = next(entry for entry in certificate["branches"][0]["tree"] if isinstance(entry, dict))
    leaf["prices"] = ["0"] * len(leaf["prices"])
    (folder / "certificate.json").write_text(json.dumps(certificate))
    timing = json.loads((folder / "timing.json").read_text(), parse_float=str)
    (folder / "timing.json").write_text(json.dumps({**timing, "files": file_digests(folder)}))
    verdict = certify(folder)
    assert verdict.exit_code == VERIFICATION_FAILED
    assert any("certified_bound" in line for line in verdict.all_failures)
