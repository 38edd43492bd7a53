"""Scaling to whole numbers: exact where it must be, outward where it may round, refused where it cannot be done."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.engines import cpsat
from optimizer.engines.adapter import Request
from optimizer.engines.base import solve
from optimizer.engines.doctor import dense_model
from optimizer.engines.integer_form import LIMIT, UNBOUNDED, integer_form
from optimizer.engines.result import SolveOptions
from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel
from tests.engines.decompose.orders import Deaf, random_orders
from tests.engines.matrices import INF

decimals = st.builds(lambda number, places: number / 10**places, st.integers(-99999, 99999), st.integers(0, 4))
SHORT = SolveOptions(time_limit_s=20.0, gap=0.0)


def exact(value: float) -> Fraction:
    """The decimal that somebody wrote, not the binary that stands for it."""
    return Fraction(repr(float(value)))


@st.composite
def models(draw: st.DrawFn) -> LinearModel:
    columns = draw(st.integers(1, 4))
    steps = [draw(st.sampled_from([1.0, 0.5, 0.01, 0.025])) for _ in range(columns)]
    bounds = [tuple(sorted((draw(decimals), draw(decimals)))) for _ in range(columns)]
    rows = []
    for _ in range(draw(st.integers(0, 3))):
        low, high = sorted((draw(decimals), draw(decimals)))
        coefficients = [draw(st.one_of(st.just(0.0), decimals)) for _ in range(columns)]
        rows.append((draw(st.sampled_from([low, -INF])), coefficients, draw(st.sampled_from([high, INF]))))
    whole = [step == 1.0 for step in steps]
    return dense_model([draw(decimals) for _ in range(columns)], rows, bounds, whole, granularity=steps)


@settings(max_examples=150, deadline=None)
@given(models(), st.data())
def test_every_point_means_the_same(linear: LinearModel, data: st.DataObject) -> None:
    """A point in steps satisfies the whole-number rows just if its true value satisfies the true rows, in fractions."""
    form = integer_form(linear)
    if (form.lower > form.upper).any():
        return
    n = [data.draw(st.integers(int(low), int(high))) for low, high in zip(form.lower, form.upper, strict=True)]
    x = [count * exact(step) for count, step in zip(n, form.step, strict=True)]
    for column, value in enumerate(x):
        assert exact(linear.col_lower[column]) <= value <= exact(linear.col_upper[column])
    for row in range(linear.n_rows):
        entries = range(linear.indptr[row], linear.indptr[row + 1])
        true = sum((exact(linear.data[e]) * x[linear.indices[e]] for e in entries), Fraction(0))
        whole = sum(int(form.coefficients[e]) * n[linear.indices[e]] for e in entries)
        low, high = linear.row_lower[row], linear.row_upper[row]
        fits = (low == -INF or exact(low) <= true) and (high == INF or true <= exact(high))
        assert (int(form.row_lower[row]) <= whole <= int(form.row_upper[row])) == fits
    true_cost = -sum((exact(c) * value for c, value in zip(linear.objective, x, strict=True)), Fraction(0))
    whole_cost = Fraction(sum(int(c) * count for c, count in zip(form.cost, n, strict=True)))
    error = abs(whole_cost / Fraction(form.cost_scale) - true_cost)
    assert error <= Fraction(form.cost_error) + Fraction(1, 10**9)


def test_bounds_are_the_multiples_between_them() -> None:
    linear = dense_model([1, 1], [], [(0.3, 7.9), (-0.024, 0.076)], whole=[1, 0], granularity=[1, 0.025])
    form = integer_form(linear)
    assert form.lower.tolist() == [1, 0]
    assert form.upper.tolist() == [7, 3]


def test_the_dust_of_a_sum_is_no_bound() -> None:
    """3.4000000000000004 is 3.4, written by an addition: the only point must not be lost."""
    form = integer_form(dense_model([1], [(7.4 - 4, [1.7], 3.4)], [(0, 5)]))
    assert 7.4 - 4 > 3.4
    assert (form.row_lower.tolist(), form.row_upper.tolist()) == ([2], [2])


def test_missing_sides_of_rows_stay_missing() -> None:
    form = integer_form(dense_model([1], [(-INF, [1], 3), (1, [1], INF)], [(0, 9)]))
    assert form.row_lower.tolist() == [-UNBOUNDED, 1]
    assert form.row_upper.tolist() == [3, UNBOUNDED]


def test_the_rounding_of_an_objective_is_added_to_the_bound() -> None:
    """Thirds have no decimals: the value is computed from the point, the bound moved outward by what was cut."""
    linear = dense_model([1 / 3, 1e5 / 7], [(-INF, [1, 2], 1000)], [(0, 900), (0, 900)])
    form = integer_form(linear)
    assert 0 < form.cost_error < 1e-3
    result = solve(linear, "cpsat", SHORT)
    assert result.objective == pytest.approx(500 * 1e5 / 7)
    assert result.objective <= result.best_bound <= result.objective + 2 * form.cost_error + 1e-3


def test_continuous_columns_on_a_grid_are_solved_exactly() -> None:
    """A top-up in cents beside whole units."""
    linear = dense_model([2, -1], [(12.34, [3.1, 1], INF)], [(0, 3), (0, 50)], whole=[1, 0], granularity=[1, 0.01])
    result = solve(linear, "cpsat", SHORT)
    assert result.values is not None
    assert result.values == pytest.approx([3.0, 3.04])


@pytest.mark.parametrize(
    ("linear", "words"),
    [
        (dense_model([1], [], [(0, 1)], whole=False), "any value"),
        (dense_model([1], [], [(0, INF)]), "bounds on every column"),
        (dense_model([1], [(0, [1 / 3], 1)], [(0, 1)]), "short decimals"),
        (dense_model([1, 1], [(0, [1e-9, 1], 1)], [(0, 1e12), (0, 1e12)]), "64-bit"),
        (dense_model([1], [], [(0, 1e19)]), "64-bit"),
    ],
)
def test_what_cannot_be_whole_is_refused_with_a_way_out(linear: LinearModel, words: str) -> None:
    with pytest.raises(UsageError, match=f"cpsat.*{words}.*use highs or scip"):
        solve(linear, "cpsat", SHORT)


def test_no_sum_can_overflow() -> None:
    linear = dense_model([1] * 3, [(-INF, [1e8, 1e8 + 0.5, 1], 1e17)], [(0, 1e9)] * 3)
    form = integer_form(linear)
    reach = np.maximum(np.abs(form.lower), np.abs(form.upper)).astype(object)
    total = sum(abs(int(c)) * int(r) for c, r in zip(form.coefficients, reach, strict=True))
    assert total <= LIMIT


def test_without_any_bound_yet_none_is_claimed(tmp_path: Path) -> None:
    """Stopped before it has one, CP-SAT answers 0, which lies below every plan that is worth something."""
    linear = random_orders(0, 400)
    request = Request(SolveOptions(), tmp_path, deadline=time.monotonic() - 1.0)
    found = cpsat.solve(linear, request, Deaf())
    assert found.values is None
    assert found.native == "UNKNOWN"
    assert found.bound == np.inf
