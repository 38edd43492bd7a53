"""Plain blocks against every set of lanes, on random orders: by table over units, by branching, and many together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.proof import by_line, pool, unit_table
from optimizer.proof.branch import MOST_NODES, Branching
from optimizer.proof.facts import PARTIAL
from optimizer.proof.order_blocks import OrderBlocks
from optimizer.proof.pool import Part, Pool, best_of_plain


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
        room=rng.integers(0, 8, lines) * step,
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


def in_cents(blocks: OrderBlocks) -> OrderBlocks:
    """The same money in small units, of which shares lose a part."""
    return replace(blocks, values=[value * 100 for value in blocks.values], fees=[fee * 100 for fee in blocks.fees])


def by_every_set(blocks: OrderBlocks) -> np.ndarray:
    every, best = np.arange(blocks.size), blocks.base[0].copy()
    for chosen in range(1, 2**blocks.lanes):
        lanes = np.flatnonzero([chosen >> lane & 1 for lane in range(blocks.lanes)])
        money, _ = blocks.fill(every, np.broadcast_to(lanes, (blocks.size, len(lanes))))
        earned = money[0] - blocks.fees[0][:, lanes].sum(axis=1)
        best = np.where(len(lanes) <= blocks.limit, np.maximum(best, earned), best)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_as_good_as_every_set(seed: int) -> None:
    blocks = random_blocks(seed)
    assert np.isfinite(unit_table.table_steps(blocks)).all()
    expected = by_every_set(blocks)
    assert unit_table.best_by_table(blocks).tolist() == expected.tolist()
    branching = Branching(blocks, MOST_NODES)
    branching.run()
    assert branching.searched.all()
    assert branching.best.tolist() == expected.tolist()
    value, searched = best_of_plain(blocks)
    assert value.tolist() == expected.tolist()
    assert searched.all()


def test_what_does_not_fit_is_branched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = random_blocks(3)
    expected = by_every_set(blocks)
    for few, most in ((0, 0), (300, 300), (0, 300), (300, 10**6)):
        monkeypatch.setattr(pool, "FEW_STEPS", few)
        monkeypatch.setattr(pool, "MOST_STEPS", most)
        assert best_of_plain(blocks)[0].tolist() == expected.tolist()
    fits = unit_table.table_steps(blocks) <= 300
    assert 0 < fits.sum() < blocks.size
    assert unit_table.best_by_table(blocks.of(fits)).tolist() == expected[fits].tolist()


@pytest.mark.parametrize("cells", [1, 10**6])
def test_bounds_by_line_are_bounds_and_near(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_line, "CELLS_AT_ONCE", cells)
    best, bounds, exact = 0, 0, 0
    for seed in range(20, 26):
        blocks = in_cents(random_blocks(seed, orders=60, lanes=6))
        expected = by_every_set(blocks)
        found = by_line.bound_by_line(blocks)
        assert (found >= expected).all()
        best, bounds, exact = best + expected.sum(), bounds + found.sum(), exact + (found == expected).sum()
        values = [*blocks.values, blocks.values[0] + 5]
        dear = replace(blocks, values=values, fees=blocks.fees * 2, base=blocks.base * 2)
        assert by_line.bound_by_line(dear).tolist() == found.tolist()
    assert bounds < 1.002 * best
    assert exact > 20


def test_bounds_by_line_of_orders_that_nothing_else_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = in_cents(random_blocks(7, orders=200, lanes=7))
    expected = by_every_set(blocks)
    for name in ("FEW_STEPS", "MOST_STEPS", "FEW_NODES"):
        monkeypatch.setattr(pool, name, 1)
    value, searched = best_of_plain(blocks)
    assert 0 < searched.sum() < blocks.size
    assert value[searched].tolist() == expected[searched].tolist()
    assert (value >= expected).all()
    assert value.sum() < 1.01 * expected.sum()
    large = replace(blocks, values=[blocks.values[0].astype(object)])
    many = replace(blocks, room=blocks.room + 200, cap=blocks.cap + 200)
    for other in (large, many):  # these are branched on
        assert not by_line.fits_by_line(other).any()
        assert best_of_plain(other)[0].tolist() == by_every_set(other).tolist()
    limited = replace(blocks, limit=blocks.limit - 5)
    varied = replace(blocks, values=blocks.values * 2, fees=blocks.fees * 2, base=blocks.base * 2)
    for other in (limited, varied):  # and these, of which no table knows enough: only then line by line
        value, searched = best_of_plain(other)
        assert searched.all()
        assert value.tolist() == by_every_set(other).tolist()
        monkeypatch.setattr(pool, "MOST_NODES", 1)
        value, searched = best_of_plain(other)
        monkeypatch.setattr(pool, "MOST_NODES", MOST_NODES)
        assert not searched.all()
        assert (value >= by_every_set(other)).all()


def test_what_the_table_does_not_hold() -> None:
    blocks = random_blocks(3)
    assert np.isfinite(unit_table.table_steps(blocks)).all()
    large = replace(blocks, values=[blocks.values[0].astype(object)])
    limited = replace(blocks, limit=blocks.limit - 1)
    varied = replace(blocks, values=blocks.values * 2, fees=blocks.fees * 2)
    for other in (large, limited, varied):
        assert np.isinf(unit_table.table_steps(other)).all()


def test_pieces_of_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = random_blocks(4)
    expected = unit_table.best_by_table(blocks).tolist()
    monkeypatch.setattr(unit_table, "CELLS_AT_ONCE", 30)
    assert unit_table.best_by_table(blocks).tolist() == expected


@pytest.mark.parametrize("waiting", [0, 300, 10**6])
def test_many_parts_together(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of all widths, with one variant or two, small and large numbers: each order gets its own best back."""
    monkeypatch.setattr(pool, "CELLS_WAITING", waiting)
    parts, expected = [], {}
    for seed, lanes in enumerate([1, 2, 3, 5, 5, 6, 6, 6]):
        blocks = random_blocks(seed, orders=25, lanes=lanes)
        best = by_every_set(blocks)
        if seed % 3 == 1:
            blocks = replace(blocks, values=[value.astype(object) for value in blocks.values])
        if seed % 4 == 2:
            less, more = blocks.values[0], blocks.values[0] + 1
            blocks = replace(blocks, values=[more, less], fees=blocks.fees * 2, base=blocks.base * 2)
        parts.append(Part(1000 * seed + np.arange(25), blocks, seed + 1))
        expected |= {1000 * seed + order: (value, seed + 1) for order, value in enumerate(best.tolist())}
    waits = Pool()
    found = [item for part in parts for item in waits.add(part)] + list(waits.rest())
    assert all(item.best.possible.all() and item.best.searched.all() for item in found)
    reached = {
        order: (value, item.unit)
        for item in found
        for order, value in zip(item.order.tolist(), item.best.value.tolist(), strict=True)
    }
    assert reached == expected
    assert sum(len(item.order) for item in found) == len(expected)
