"""Quotients of exact vectors, machine integers or not, against Python's fractions."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

from optimizer.exact import Exact


@pytest.mark.parametrize("digits", [0, 2, 19, 30])
@pytest.mark.parametrize("whole", [True, False])
def test_quotients_are_exact_however_large_the_numbers(digits: int, whole: bool) -> None:
    random_ = random.Random(digits)
    divisors = [random_.randint(1, 99) for _ in range(50)]
    tops = [Fraction(random_.randint(-(10**9), 10**9), 10**digits) * (by if whole else 1) for by in divisors]
    quotients = Exact.of(tops).over(np.array(divisors)).fractions()
    assert quotients == [top / by for top, by in zip(tops, divisors, strict=True)]


def test_large_numbers_that_divide_without_rest_stay_whole() -> None:
    """Fractions, one after the other, would take a hundred times as long."""
    quotients = Exact.of([Fraction(3 * 10**30 + 3), Fraction(7 * 10**25)]).over(np.array([3, 7]))
    assert all(type(value) is int for value in quotients.num)


def test_what_is_known_of_the_size_never_lies_below_the_numbers() -> None:
    """Products and sums hand on a bound; where it says too much, the numbers themselves decide."""
    rng = np.random.default_rng(0)
    vector = Exact.ints(rng.integers(-(10**9), 10**9, 50))
    for step in range(40):
        kind = step % 5
        if kind == 0:
            vector = vector * rng.integers(-3, 4, len(vector))
        elif kind == 1:
            vector = vector + Exact.full(len(vector), int(rng.integers(-5, 6)))
        elif kind == 2:
            vector = vector.take(rng.integers(0, len(vector), len(vector)))
        elif kind == 3:
            vector = -vector.rescaled(vector.scale + step % 2)
        else:
            vector = vector.maximum(Exact.full(len(vector), -1))
        if vector.num.dtype == np.int64:
            assert vector.most >= np.abs(vector.num).max()
    huge = Exact.ints(np.array([2**61, 1])).take(np.array([1, 1, 1]))  # a bound that only the vector before reached
    doubled = huge * 4
    assert doubled.num.dtype == np.int64
    assert doubled.num.tolist() == [4, 4, 4]
    assert (Exact.ints(np.array([2**61])) * 4).num.tolist() == [2**63]


def test_flags_take_what_they_flag() -> None:
    vector = Exact.of([3, 5, 8])
    assert vector.take(np.array([False, True, True])).fractions() == [5, 8]
    assert vector.take(np.array([1, 1, 0])).fractions() == [5, 5, 3]
