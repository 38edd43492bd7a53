"""The check of a returned point, and the linter of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.engines.check import fault, lint, refuse, settle
from optimizer.engines.doctor import dense_model
from optimizer.errors import UsageError
from tests.engines.matrices import INF, allocation

MIXED = dense_model([1, 1], [(-INF, [1, 1], 4), (1, [1, 0], INF)], [(0, 3), (0, 9)], whole=[1, 0])


@pytest.mark.parametrize(
    ("point", "word"),
    [
        ([3.0, 1.0], ""),
        ([2.9999999, 1.0], ""),
        ([3.0, 1.0 + 1e-7], ""),
        ([3.0000004, 0.5], ""),
        ([3.0, 1.0 + 1e-4], "row 0 is broken"),
        ([0.0, 1.0], "row 1 is broken"),
        ([2.5, 1.0], "whole column is 0.5 off"),
        ([4.0, 0.0], "bound is broken"),
        ([3.0, -1.0], "bound is broken"),
        ([float("nan"), 0.0], "not a finite number"),
        ([3.0], "not a finite number"),
        ([3.0, INF], "not a finite number"),
    ],
)
def test_a_point_is_held_against_bounds_and_rows(point: list[float], word: str) -> None:
    found = fault(MIXED, np.array(point))
    assert found == "" if word == "" else word in found


def test_rows_of_whole_columns_have_no_tolerance() -> None:
    """One piece too much stays one piece too much, however large the row."""
    linear = dense_model([1, 1], [(-INF, [1, 1], 20_000_000)], [(0, 3e7), (0, 3e7)])
    assert fault(linear, np.array([19_999_999.0, 1.0])) == ""
    assert "row 0 is broken by 1," in fault(linear, np.array([19_999_999.0, 2.0]))


def test_settling_rounds_whole_columns_and_ends_on_bounds() -> None:
    point = settle(MIXED, np.array([2.9999999, -1e-9]))
    assert point.tolist() == [3.0, 0.0]
    assert not np.signbit(settle(MIXED, np.array([-1e-12, 0.0]))[0])


def test_every_moved_piece_of_a_tight_plan_is_seen() -> None:
    """From a plan that uses up all stock: one more unit anywhere breaks something."""
    linear = dense_model([1] * 6, [(-INF, [1, 1, 0, 0, 0, 0], 3), (-INF, [0, 0, 1, 1, 1, 1], 8)], [(0, 2)] * 6)
    plan = np.array([2.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    assert fault(linear, plan) == ""
    for column in range(6):
        assert fault(linear, plan + np.eye(6)[column]) != ""


def test_the_linter_warns_and_refuses_by_the_spread_within_a_row() -> None:
    assert lint(allocation(10)) == []
    assert lint(dense_model([1, 1], [(0, [1, 2e6], 1)], [(0, 1)] * 2)) == [
        "the model: coefficients of one row differ by a factor of 2.0e+06 (risky)"
    ]
    extreme = dense_model([1, 1], [(0, [1, 2e9], 1)], [(0, 1)] * 2)
    assert "(refused)" in lint(extreme)[0]
    with pytest.raises(UsageError, match=r"2\.0e\+09"):
        refuse(extreme)


def test_rows_may_differ_in_scale() -> None:
    linear = dense_model([1, 1], [(0, [1e-6, 2e-6], 1), (0, [1e7, 1e7], 1)], [(0, 1)] * 2)
    assert lint(linear) == []
    refuse(linear)


def test_the_linter_names_large_bounds() -> None:
    assert "a bound of 5.0e+09" in lint(dense_model([1], [(0, [1], 5e9)], [(0, 1)]))[0]
