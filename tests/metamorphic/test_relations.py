"""What must not change the value of a batch does not; what may only help (hurt) never hurts (helps).

Every relation is asked of many generated batches, solved to proven optimality by the real model and engine and valued
exactly. None stands for a batch that no plan satisfies.
"""

from __future__ import annotations

import copy
import datetime
import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from optimizer.engines.base import ENGINES
from optimizer.errors import InputError
from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables
from optimizer.tables.schema import is_refused
from tests.builders import AS_OF, toml_text
from tests.instances import Case, Row
from tests.metamorphic import looser, orders, same
from tests.metamorphic.harness import Solver, Transform, pairs
from tests.tables.formats import kind_of, write_table
from tests.typed_cases import nested, typed

FEW, MANY = 12, 300


def sizes(function: Callable[..., None]) -> Callable[..., None]:
    """A few instances always, many when asked for slow tests."""
    slow = pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])
    marked: Callable[..., None] = pytest.mark.parametrize("count", [FEW, slow])(function)
    return marked


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as made:
        yield made


def floor(value: Fraction | None) -> Fraction | float:
    """Infeasible is worse than anything."""
    return -math.inf if value is None else value


SAME: dict[str, tuple[Transform, int]] = {
    "money ×100": (same.scale_money, same.MONEY_FACTOR),
    "units ×1000": (same.scale_units, 1),
    "rows and columns permuted": (same.permute, 1),
    "ids renamed": (same.rename, 1),
    "irrelevant stock and lanes": (same.add_irrelevant, 1),
    "a twin warehouse without stock": (same.duplicate_warehouse, 1),
}


@sizes
@pytest.mark.parametrize("relation", SAME)
def test_the_value_stays(relation: str, count: int, solver: Solver) -> None:
    transform, factor = SAME[relation]
    feasible = 0
    for seed, case, changed in pairs(count, transform):
        before, after = solver.solve(case).value, solver.solve(changed).value
        assert after == (None if before is None else before * factor), seed
        feasible += before is not None
    assert feasible >= count * 2 // 3


SHARED = ("fair_share",)
"""Equal shares are no matter of more and less: an order that is split is two parties, and a party that is put on hold
altogether frees the others from sharing with it."""


@sizes
def test_an_order_without_costs_of_its_own_may_be_split(count: int, solver: Solver) -> None:
    def transform(case: Case, rng: random.Random) -> Case | None:
        return orders.split_order(orders.without_order_costs(case), rng)

    for seed, case, changed in pairs(count, transform, without=SHARED):
        assert solver.solve(orders.without_order_costs(case)).value == solver.solve(changed).value, seed


@sizes
def test_equal_orders_without_costs_of_their_own_may_be_merged(count: int, solver: Solver) -> None:
    def transform(case: Case, rng: random.Random) -> Case | None:
        return orders.twin_orders(orders.without_order_costs(case), rng)

    for seed, _, apart in pairs(count, transform, without=SHARED):
        together = orders.merge_twins(copy.deepcopy(apart))
        assert solver.solve(apart).value == solver.solve(together).value, seed


@sizes
def test_a_looser_rule_never_costs(count: int, solver: Solver) -> None:
    better = 0
    for seed, case, changed in valid(pairs(2 * count, looser.relax, without=SHARED), count):
        before, after = solver.solve(case).value, solver.solve(changed).value
        assert floor(after) >= floor(before), seed
        better += floor(after) > floor(before)
    assert better >= count // 12


@sizes
def test_a_tighter_rule_never_pays(count: int, solver: Solver) -> None:
    worse = 0
    for seed, case, changed in valid(pairs(2 * count, looser.tighten, without=SHARED), count):
        before, after = solver.solve(case).value, solver.solve(changed).value
        assert floor(after) <= floor(before), seed
        worse += floor(after) < floor(before)
    assert worse >= count // 12


def valid(changes: Iterator[tuple[int, Case, Case]], count: int) -> Iterator[tuple[int, Case, Case]]:
    """The first of the changes that are still valid input (a hold on a pinned order, say, is not)."""
    for seed, case, changed in changes:
        if count:
            try:
                typed(changed)
            except InputError:
                continue
            count -= 1
            yield seed, case, changed
    assert count == 0


@sizes
def test_the_optimal_plan_as_pins_has_the_same_value(count: int, solver: Solver) -> None:
    asked = 0
    for seed, case, changed in pairs(2 * count, lambda case, rng: case):
        best = solver.solve(case)
        if best.plan is None or not len(best.plan):
            continue
        pinned = orders.pin_plan(changed, best.model.tables, best.plan)
        if pinned is None:
            continue
        asked += 1
        assert solver.solve(pinned).value == best.value, seed
        if asked == count:
            break
    assert asked == count


@sizes
def test_another_seed_or_engine_finds_the_same_value(count: int, solver: Solver) -> None:
    others = [name for name in ENGINES if name != "highs"]
    made = {name: Solver(name) for name in others}
    try:
        for at, (seed, case, _) in enumerate(pairs(count, lambda case, rng: case)):
            best = solver.solve(case).value
            assert solver.solve(case, seed=seed + 7).value == best, seed
            engine = others[at % len(others)]
            assert made[engine].solve(case).value == best, (seed, engine)
    finally:
        for other in made.values():
            other.__exit__()


@sizes
def test_every_file_format_gives_the_same_value(count: int, solver: Solver, tmp_path: Path) -> None:
    forms = ("csv", "parquet", "xlsx", "duckdb")
    for at, (seed, case, _) in enumerate(pairs(count, lambda case, rng: case if readable(case) else None)):
        best, form = solver.solve(case).value, forms[at % len(forms)]
        loaded = load_scenario(write_files(tmp_path / str(seed), case, form))
        tables, _ = load_tables(loaded)
        assert solver.solve_typed(tables, loaded.scenario).value == best, (seed, form)


def readable(case: Case) -> bool:
    """Whether files may hold all of the batch (a previous plan would be a run folder, not a table)."""
    cells = {f"{table}.{column}" for table, rows in case["tables"].items() for row in rows for column in row}
    return "previous" not in case["tables"] and not any(map(is_refused, cells | case["tables"].keys()))


def write_files(folder: Path, case: Case, form: str) -> Path:
    """The batch as files of one format and a scenario beside them."""
    folder.mkdir()
    data = {
        name: write_table(folder, name, [native(name, row) for row in rows], form)
        for name, rows in case["tables"].items()
    }
    settings = {"name": "test", "as_of": AS_OF, "data": data} | nested(case["scenario"])
    path = folder / "scenario.toml"
    path.write_text(toml_text(settings), encoding="utf-8")
    return path


def native(table: str, row: Row) -> Row:
    """A row with dates and flags as the values that a database would hold."""
    kinds = {"date": datetime.date.fromisoformat, "flag": lambda text: text == "true"}
    return {
        name: kinds[kind_of(table, name)](value) if isinstance(value, str) and kind_of(table, name) in kinds else value
        for name, value in row.items()
    }
