"""Rows made whole, entries put in order, families stacked."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.model.linear_model import Columns, Rows, assemble
from optimizer.model.ragged import stable_order
from optimizer.model.rows import WHOLE_LIMIT, made_whole, make_rows, scaled
from optimizer.model.terms import Ratio


def ratio(*pairs: tuple[str, int]) -> Ratio:
    return Ratio(Exact.of(Decimal(top) for top, _ in pairs), np.array([bottom for _, bottom in pairs], dtype=np.int64))


def test_rows_get_the_least_factor_that_makes_them_whole() -> None:
    row = np.array([0, 0, 1, 1, 2])
    weights = ratio(("0.25", 1), ("0.5", 1), ("1", 3), ("0.5", 7), ("3", 1))
    assert made_whole(row, weights, 3)[0].tolist() == [4, 42, 1]


def test_a_row_that_would_grow_too_large_stays_as_it_is() -> None:
    weights = ratio(("0.000000001", 1), ("1.5", 1), (str(WHOLE_LIMIT), 3))
    row = np.array([0, 1, 2])
    assert made_whole(row, weights, 3)[0].tolist() == [0, 2, 3]
    assert made_whole(row, ratio(("0.000000001", 1), ("1.5", 1), (str(WHOLE_LIMIT + 1), 3)), 3)[0][2] == 0


def test_factors_of_many_rows_are_the_least_common_multiples() -> None:
    rng = np.random.default_rng(5)
    row, top, bottom = rng.integers(0, 40, 500), rng.integers(-90, 90, 500), rng.choice([1, 2, 3, 4, 7, 9], 500)
    row[rng.random(500) < 0.5] = 7  # one long row among short ones
    expected = np.ones(40, dtype=np.int64)
    for place, num, den in zip(row, top, bottom, strict=True):
        expected[place] = np.lcm(expected[place], 100 * den // np.gcd(num, 100 * den))
    coefficient = Ratio(Exact(top, 2), bottom)
    scale, value = made_whole(row, coefficient, 40)
    assert scale.tolist() == expected.tolist()
    assert value.tolist() == (top * scale[row] // (100 * bottom)).tolist()
    huge = made_whole(row, Ratio(Exact(top.astype(object) * 10**30, 32), bottom), 40)
    assert huge[0].tolist() == scale.tolist()


def test_sides_of_whole_rows_lose_no_whole_solution() -> None:
    row, weight, side = np.array([0]), ratio(("0.25", 1)), Exact.of([Decimal("1.1")])
    value, upper, scale = scaled(row, weight, side, "<=")
    assert (value.tolist(), upper.tolist(), scale.tolist()) == ([1.0], [4.0], [4.0])
    assert scaled(row, weight, side, ">=")[1].tolist() == [5.0]


def test_sides_of_other_rows_are_the_nearest_doubles() -> None:
    value, side, scale = scaled(np.array([0]), ratio(("0.000000001", 1)), Exact.of([Decimal("0.3")]), "<=")
    assert (value.tolist(), side.tolist(), scale.tolist()) == ([1e-9], [0.3], [1.0])


def test_decimals_of_thirty_digits_are_handled() -> None:
    tiny = Decimal("0.123456789012345678901234567890")
    weights = Ratio.of(Exact.of([tiny, Decimal(2)]))
    assert made_whole(np.array([0, 1]), weights, 2)[0].tolist() == [0, 1]
    assert weights.floats()[0] == float(tiny)


def test_quotients_are_rounded_once() -> None:
    tops = [1, 10, 2**60 + 1, 7]
    bottoms = [3, 3, 3, 10**9 + 7]
    made = Ratio(Exact(np.array(tops), 2), np.array(bottoms)).floats()
    assert made.tolist() == [top / (100 * bottom) for top, bottom in zip(tops, bottoms, strict=True)]


@pytest.mark.parametrize("largest", [10, 2**8, 2**8 + 1, 2**16, 2**16 + 1, 2**20, 2**40])
def test_stable_order_is_numpys(largest: int) -> None:
    code = np.random.default_rng(1).integers(0, largest, 2000)
    assert np.array_equal(stable_order(code), np.argsort(code, kind="stable"))


def test_entries_are_sorted_by_row_and_zeros_left_out() -> None:
    entries = [
        (np.array([1, 0, 1]), np.array([0, 1, 2]), np.array([1, 2, 0])),
        (np.array([0]), np.array([3]), np.array([5])),
    ]
    rows = make_rows("f", {}, entries, np.zeros(3), np.ones(3))
    linear = assemble([Columns("x", {}, np.ones(4))], [rows], np.zeros(4))
    assert linear.indptr.tolist() == [0, 2, 3, 3]
    assert linear.indices.tolist() == [1, 3, 0]
    assert linear.data.tolist() == [2.0, 5.0, 1.0]


def test_families_are_stacked_in_their_order_and_empty_ones_leave_no_block() -> None:
    columns = [
        Columns("x", {}, np.array([3.0, 4.0])),
        Columns("no", {}, np.zeros(0)),
        Columns("t", {}, np.ones(1), False),
    ]
    none = np.zeros(0)
    nothing = Rows("none", {}, np.zeros(1, dtype=np.int64), [none.astype(int)], [none], none, none)
    first = make_rows("a", {}, [(np.array([0]), np.array([2]), np.array([7]))], np.zeros(1), np.ones(1), coupling=True)
    second = make_rows("b", {}, [(np.array([1]), np.array([0]), np.array([8]))], np.zeros(2), np.ones(2))
    linear = assemble(columns, [first, nothing, second], np.arange(3.0), 1.5)
    assert [(block.family, block.start, block.stop) for block in linear.column_blocks] == [("x", 0, 2), ("t", 2, 3)]
    assert [(block.family, block.start, block.stop) for block in linear.row_blocks] == [("a", 0, 1), ("b", 1, 3)]
    assert linear.rows("a").coupling
    assert len(linear.rows("none")) == 0
    assert linear.indptr.tolist() == [0, 1, 1, 2]
    assert (linear.indices.tolist(), linear.data.tolist()) == ([2, 0], [7.0, 8.0])
    assert linear.integral.tolist() == [True, True, False]
    assert linear.granularity.tolist() == [1.0, 1.0, 0.0]
