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
