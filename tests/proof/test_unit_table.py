"""The table over units against every set of lanes, and against branching, on random orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.proof import unit_table
from optimizer.proof.branch import Branching
from optimizer.proof.facts import PARTIAL
from optimizer.proof.order_blocks import OrderBlocks
from optimizer.proof.search import best_values


def random_blocks(seed: int, orders: int = 60, lanes: int = 5) -> OrderBlocks:
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 4, orders)
    lines = int(count.sum())
    step = rng.integers(1, 3, lines)
    return OrderBlocks(
        first=np.cumsum(count) - count,
        count=count,
        values=[rng.integers(-4, 20, (lines, lanes))],
        fees=[rng.integers(0, 40, (orders, lanes))],
        base=[rng.integers(0, 5, orders)],
        cap=rng.integers(0, 5, (lines, lanes)) * step[:, None],
        room=rng.integers(0, 4, lines) * step,
        missing=np.full(lines, -1),
        least=np.zeros(lines, dtype=np.int64),
        forced=np.zeros(lines, dtype=bool),
        bonus=np.zeros(lines, dtype=np.int64),
        prize=np.zeros(orders, dtype=np.int64),
        policy=np.full(orders, PARTIAL),
        limit=np.full(orders, lanes),
        required=np.zeros((orders, lanes), dtype=bool),
        plain=True,
    )


def by_every_set(blocks: OrderBlocks) -> np.ndarray:
    every, best = np.arange(blocks.size), blocks.base[0].copy()
    for chosen in range(1, 2**blocks.lanes):
        lanes = np.flatnonzero([chosen >> lane & 1 for lane in range(blocks.lanes)])
        money, _ = blocks.fill(every, np.broadcast_to(lanes, (blocks.size, len(lanes))))
        best = np.maximum(best, money[0] - blocks.fees[0][:, lanes].sum(axis=1))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_as_good_as_every_set(seed: int) -> None:
    blocks = random_blocks(seed)
    assert unit_table.fits_table(blocks).all()
    expected = by_every_set(blocks)
    assert unit_table.best_by_table(blocks).tolist() == expected.tolist()
    branching = Branching(blocks)
    branching.run()
    assert branching.searched.all()
    assert branching.best.tolist() == expected.tolist()
    found = best_values(blocks)
    assert found.value.tolist() == expected.tolist()
    assert found.searched.all()


def test_what_does_not_fit_is_branched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = random_blocks(3)
    expected = by_every_set(blocks)
    monkeypatch.setattr(unit_table, "MOST_STEPS", 300)
    fits = unit_table.fits_table(blocks)
    assert 0 < fits.sum() < blocks.size
    assert best_values(blocks).value.tolist() == expected.tolist()
    assert unit_table.best_by_table(blocks.of(fits)).tolist() == expected[fits].tolist()
    large = replace(blocks, values=[blocks.values[0].astype(object)])
    assert not unit_table.fits_table(large).any()
    assert not unit_table.fits_table(replace(blocks, limit=blocks.limit - 1)).any()
    assert not unit_table.fits_table(replace(blocks, values=blocks.values * 2, fees=blocks.fees * 2)).any()


def test_pieces_of_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = random_blocks(4)
    expected = unit_table.best_by_table(blocks).tolist()
    monkeypatch.setattr(unit_table, "CELLS_AT_ONCE", 30)
    assert unit_table.best_by_table(blocks).tolist() == expected
