"""Linear programs nearly solved, against HiGHS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import highspy
import numpy as np
import pytest

from optimizer.engines.decompose.first_order import Judged, nearly_solve
from optimizer.engines.decompose.problem import Flags, whole_of
from optimizer.engines.resolve_matrix import Program
from tests.engines.decompose.orders import random_orders
from tests.engines.decompose.test_odd import with_odd_rows

FOREVER = 1e9


def program_of(seed: int) -> tuple[Program, Flags]:
    """Orders with rows of every kind: some that must be filled, some that hold from both sides, some left out."""
    whole = whole_of(with_odd_rows(random_orders(seed, 60), seed))()
    held = np.random.default_rng(seed).random(len(whole.rows)) < 0.95
    solved = relaxed(whole, held)
    use = whole.activity(np.array(solved.getSolution().col_value))
    both = np.random.default_rng(seed + 1).random(len(whole.rows)) < 0.2
    return replace(whole, row_lower=np.where(both, np.minimum(0.9 * use, whole.row_upper), whole.row_lower)), held


def relaxed(program: Program, held: Flags) -> highspy.Highs:
    highspy.Highs.resetGlobalScheduler(True)
    highs = program.part(np.arange(len(program.columns)), keep=held).highs(mixed=False)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return highs


def nearly(program: Program, held: Flags, steps: int, threads: int = 2, left_s: float = FOREVER) -> Judged:
    order = np.random.default_rng(len(held)).permutation(len(program.columns))
    with ThreadPoolExecutor(threads) as pool:
        return nearly_solve(program, held, order, steps, lambda: left_s, pool, threads)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_holds_always_and_gets_close(seed: int) -> None:
    program, held = program_of(seed)
    best = -float(relaxed(program, held).getInfo().objective_function_value)
    few, many = (nearly(program, held, steps) for steps in (40, 4_000))
    assert best - 1e-6 <= many.bound <= few.bound
    assert many.bound == pytest.approx(best, rel=2e-3)
    price = many.side.price
    assert (price[~held] == 0).all()
    assert (price[np.isposinf(program.row_upper)] <= 0).all()
    assert (price[np.isneginf(program.row_lower)] >= 0).all()
    assert (program.lower <= many.side.value).all()
    assert (many.side.value <= program.upper).all()


@pytest.mark.parametrize("is_short", [False, True])
def test_its_bound_is_that_of_its_prices(is_short: bool) -> None:
    """Reckoned here once more, from the prices alone. Where nothing is short, those it began with stay the best."""
    program, held = program_of(8)
    if not is_short:
        most = program.activity(np.where(program.objective > 0, program.upper, 0.0))
        program = replace(program, row_lower=np.full(len(most), -np.inf), row_upper=np.maximum(most, 0.5))
    found = nearly(program, held, 300 if is_short else 3)
    price = found.side.price
    earned = program.objective - np.bincount(
        program.entry_column, program.value * price[program.row], minlength=len(program.columns)
    )
    room = np.where(price > 0, program.row_upper, program.row_lower)
    rows = float(sum(p * r for p, r in zip(price, room, strict=True) if p))
    columns = np.maximum(earned * program.lower, earned * program.upper).sum()
    assert found.bound == pytest.approx(rows + float(columns), rel=1e-9)


def test_the_same_threads_give_the_same_numbers_and_other_threads_nearly_the_same() -> None:
    program, held = program_of(9)
    one, again, three = nearly(program, held, 400), nearly(program, held, 400), nearly(program, held, 400, threads=3)
    assert np.array_equal(one.side.price, again.side.price)
    assert three.bound == pytest.approx(one.bound, rel=1e-2)


def test_the_clock_ends_it_with_what_it_has() -> None:
    program, held = program_of(10)
    cut, whole = nearly(program, held, 10_000, left_s=0.0), nearly(program, held, 40)
    assert cut.bound == whole.bound
    assert np.isfinite(cut.bound)
