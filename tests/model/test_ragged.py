"""Ranges laid end to end, whatever their lengths."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.model.ragged import expand


@pytest.mark.parametrize("longest", [0, 1, 2, 9])
def test_ranges_are_laid_out_one_after_another(longest: int) -> None:
    rng = np.random.default_rng(longest)
    start = rng.integers(0, 50, 40)
    stop = start + rng.integers(-3, longest + 1, 40)  # a range that ends before it begins is empty
    owner, place = expand(start, stop)
    wanted = [(i, j) for i in range(len(start)) for j in range(start[i], stop[i])]
    assert list(zip(owner.tolist(), place.tolist(), strict=True)) == wanted


def test_no_ranges() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert [len(part) for part in expand(nothing, nothing)] == [0, 0]
