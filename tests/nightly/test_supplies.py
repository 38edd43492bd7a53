"""Which supply covers which demand: against a walk over single units."""

from __future__ import annotations

import random

import numpy as np
import pytest

from optimizer.nightly.outbound.supplies import Pieces, Rows, UncoveredError, cover

Unit = tuple[int, int]


def rows(listed: list[tuple[int, int, int]]) -> Rows:
    return Rows(*(np.array(column, dtype=np.int64) for column in zip(*listed, strict=True))) if listed else Rows(
        *(np.zeros(0, dtype=np.int64) for _ in range(3))
    )  # fmt: skip


def walked(
    demands: list[tuple[int, int, int]], supplies: list[tuple[int, int, int]], protected: int
) -> list[Unit] | None:
    """(demand, supply) of every single unit of one source, or None if a unit leaves before it is there.

    As many protected units as possible are set aside first: the most with which the walk comes to its end.
    """
    units = [(number, day) for number, (_, day, size) in enumerate(supplies) for _ in range(size)]
    wanted = [(number, day) for number, (_, day, size) in enumerate(demands) for _ in range(size)]
    for aside in range(min(protected, len(units)), -1, -1):
        left = units[aside:]
        if len(left) >= len(wanted) and all(have[1] <= want[1] for want, have in zip(wanted, left, strict=False)):
            return [(want[0], have[0]) for want, have in zip(wanted, left, strict=False)]
    return None


def single_units(pieces: Pieces) -> list[Unit]:
    return [pair for pair, size in zip(zip(pieces.demand.tolist(), pieces.supply.tolist(), strict=True),
                                       pieces.units.tolist(), strict=True) for _ in range(size)]  # fmt: skip


def test_as_single_units_walk() -> None:
    dice = random.Random(4)
    uncovered = 0
    for _ in range(600):
        sources = dice.randint(1, 4)
        demands, supplies, expected = [], [], []
        protected = [dice.randint(0, 4) for _ in range(sources)]
        possible = True
        for source in range(sources):
            mine = sorted((source, dice.randint(0, 3), dice.randint(1, 4)) for _ in range(dice.randint(0, 3)))
            have = sorted((source, dice.randint(0, 2), dice.randint(0, 6)) for _ in range(dice.randint(1, 4)))
            found = walked(mine, have, protected[source])
            possible &= found is not None
            expected += [(want + len(demands), give + len(supplies)) for want, give in found or ()]
            demands += mine
            supplies += have
        if possible:
            assert single_units(cover(rows(demands), rows(supplies), np.array(protected))) == expected
        else:
            uncovered += 1
            with pytest.raises(UncoveredError):
                cover(rows(demands), rows(supplies), np.array(protected))
    assert 50 < uncovered < 550


def test_what_is_reserved_already_goes_to_others() -> None:
    """Ten on hand, four of them promised; five arrive on day 3: six leave today, and on day 3 the five that are new."""
    found = cover(rows([(0, 0, 6), (0, 3, 5)]), rows([(0, 0, 10), (0, 3, 5)]), np.array([4]))
    assert single_units(found) == [(0, 0)] * 6 + [(1, 1)] * 5
