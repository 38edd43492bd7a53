"""Finding values in sorted lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.model.ragged import expand

Ints = NDArray[np.int64]


def find_sorted(codes: Ints, wanted: Ints) -> Ints:
    """The position of each wanted value in the sorted codes, -1 where it is missing."""
    if not len(codes):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)


def expand_matches(codes: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """(position in ``wanted``, position in the sorted ``codes``) of every equal pair."""
    return expand(np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right"))
