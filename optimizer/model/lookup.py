"""Finding values in sorted lists."""

from __future__ import annotations

from collections.abc import Callable

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


def among(number: Ints, few: Ints) -> NDArray[np.bool_]:
    """Which of the numbers ≥ 0 are among a few: looked up in a table, which is faster than to compare."""
    there = np.zeros(max(int(number.max(initial=0)), int(few.max(initial=0))) + 1, dtype=bool)
    there[few] = True
    return there[number]


def expand_matches(codes: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """(position in ``wanted``, position in the sorted ``codes``) of every equal pair."""
    return expand(np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right"))


def by_day(ask: Callable[[Ints, Ints], Ints], owner: Ints, size: int, day: Ints) -> Ints:
    """``ask(owner, day)`` elementwise, for owners 0..size-1; of a table of them all where the same is asked often."""
    if size >= len(day):
        return ask(owner, day)
    least = int(day.min())
    span = int(day.max()) - least + 1
    if size * span >= len(day):
        return ask(owner, day)
    pair = np.arange(size * span)
    code = owner * span
    code += day - least if least else day
    answer: Ints = ask(pair // span, least + pair % span).take(code)
    return answer
