"""Pricing rows of a bare matrix: against enumeration of every whole point, and the parts it is made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from optimizer.engines.doctor import dense_model as model
from optimizer.engines.resolve import FIXED, GLOBAL, LOCAL, UNKNOWN, RowEffort, RowQuestion, RowValues, price_rows
from optimizer.engines.resolve_matrix import Program
from optimizer.model.linear_model import LinearModel

Floats = NDArray[np.float64]
INF = float("inf")


def question(linear: LinearModel, rows: Sequence[int], values: Sequence[float], **more: Any) -> RowQuestion:
    """Upper bounds of the rows; nothing is a switch, everything is one group, unless said otherwise."""
    size = len(rows)
    asked: dict[str, Any] = {
        "row": np.array(rows, dtype=np.int64),
        "unit": np.ones(size),
        "change": np.ones(size),
        "is_upper": np.ones(size, dtype=bool),
        "can_fall": np.ones(size, dtype=bool),
        "switch": np.zeros(linear.n_cols, dtype=bool),
        "group": np.zeros(linear.n_cols, dtype=np.int64),
        "values": np.array(values, dtype=float),
    }
    return RowQuestion(**asked | {name: np.array(value) for name, value in more.items()})


def ask(linear: LinearModel, *args: Any, effort: RowEffort | None = None, **more: Any) -> RowValues:
    return price_rows(linear, question(linear, *args, **more), effort or RowEffort(20))


def test_signs_units_and_ranges_of_a_relaxation() -> None:
    """max 10a + 6c, a ≤ 3, c ≤ 4, a + c ≤ 5, counted in quarters: the price is 6 a unit from 3 units to 7."""
    linear = model([10, 6], [(-INF, [4, 4], 20)], [(0, 3), (0, 4)])
    found = ask(linear, [0], [3, 2], unit=[4.0])
    assert (found.price[0], found.low[0], found.high[0]) == (6, 3, 7)
    assert (found.gain[0], found.loss[0], found.basis[0]) == (6, 6, GLOBAL)
    assert found.relaxation == 42


def test_a_minimum_has_prices_below_zero() -> None:
    """max −3a + c, a ≥ 2 by a row, a + c ≤ 5: one more owed costs 4 (a worth −3 takes the place of c worth 1)."""
    linear = model([-3, 1], [(2, [1, 0], INF), (-INF, [1, 1], 5)], [(0, 9), (0, 9)])
    found = ask(linear, [0, 1], [2, 3], is_upper=[False, True])
    assert found.price.tolist() == [-4, 1]
    assert found.gain.tolist() == [-4, 1]
    assert found.loss.tolist() == [-4, 1]


def test_a_row_with_slack_holds_for_every_larger_bound() -> None:
    linear = model([1], [(-INF, [1], 9)], [(0, 4)])
    found = ask(linear, [0], [4])
    assert (found.price[0], found.low[0], found.high[0]) == (0, 4, INF)
    assert (found.gain[0], found.loss[0]) == (0, 0)


def test_an_offset_counts_in_the_bound() -> None:
    assert ask(model([1], [(-INF, [1], 2)], [(0, 4)], offset=5.0), [0], [2]).relaxation == 7


def test_impossible_is_told_apart_from_unknown() -> None:
    """a = 2 is forced and the row holds just that: one fewer has no plan, one more is worth nothing."""
    linear = model([1], [(-INF, [1], 2), (2, [1], 2)], [(0, 4)])
    found = ask(linear, [0], [2])
    assert (found.gain[0], found.impossible[0], found.basis[0]) == (0, 2, GLOBAL)
    assert np.isnan(found.loss[0])


def test_what_must_not_fall_is_not_asked() -> None:
    linear = model([1], [(-INF, [1], 0)], [(0, 4)])
    found = ask(linear, [0], [0], can_fall=[False])
    assert (found.gain[0], found.impossible[0]) == (1, 0)
    assert np.isnan(found.loss[0])


def test_rows_without_a_change_are_priced_only() -> None:
    linear = model([2], [(-INF, [1], 3)], [(0, 9)])
    found = ask(linear, [0], [3], change=[0.0])
    assert (found.price[0], found.basis[0]) == (2, UNKNOWN)


@pytest.mark.parametrize("limit", [{"top_rows": 0}, {"time_limit_s": 0.0}])
def test_limits_leave_rows_unknown(limit: dict[str, Any]) -> None:
    linear = model([2, 1], [(-INF, [1, 1], 3)], [(0, 2), (0, 9)])
    found = ask(linear, [0], [2, 1], effort=RowEffort(**{"time_limit_s": 20.0} | limit))
    assert found.basis[0] == UNKNOWN
    assert np.isnan(found.gain[0])
    assert ("re-solves" in found.cut) == ("time_limit_s" in limit)


def small_models(count: int) -> Iterator[tuple[LinearModel, RowQuestion]]:
    """Two shared rows and links x ≤ 2y in three groups: random, with a best point found by trying all."""
    rng = np.random.default_rng(11)
    for _ in range(count):
        worth, fee = rng.integers(1, 9, 6), rng.integers(0, 12, 3)
        objective = np.concatenate([worth, -fee]).astype(float)
        shared = rng.integers(0, 3, (2, 6))
        rows: list[tuple[float, list[float], float]] = [
            (-INF, [*row.tolist(), 0, 0, 0], float(rng.integers(2, 9))) for row in shared
        ]
        for x in range(6):
            link = [0.0] * 9
            link[x], link[6 + x // 2] = 1, -2
            rows.append((-INF, link, 0))
        linear = model(objective.tolist(), rows, [(0, 2)] * 6 + [(0, 1)] * 3)
        _, point = best(linear, {})
        yield linear, question(
            linear, [0, 1], point.tolist(), switch=[False] * 6 + [True] * 3, group=[0, 0, 1, 1, 2, 2, 0, 1, 2],
            can_fall=linear.row_upper[:2] >= 1,
        )  # fmt: skip


def best(linear: LinearModel, moved: dict[int, float], keep: dict[int, float] | None = None) -> tuple[float, Floats]:
    """The best whole point, by trying all: rows moved by so much, some columns kept."""
    keep = keep or {}
    choices = [
        [keep[column]] if column in keep else range(int(linear.col_upper[column]) + 1)
        for column in range(linear.n_cols)
    ]
    points = np.array(list(itertools.product(*choices)), dtype=float)
    dense = np.zeros((linear.n_rows, linear.n_cols))
    dense[np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr)), linear.indices] = linear.data
    upper = linear.row_upper.copy()
    for row, step in moved.items():
        upper[row] += step
    allowed = points[(points @ dense.T <= upper + 1e-9).all(axis=1)]
    values = allowed @ linear.objective
    return float(values.max()), allowed[values.argmax()]


EFFORTS = {
    FIXED: RowEffort(20, global_work=0),
    LOCAL: RowEffort(20, global_work=10**9, local_columns=5),
    GLOBAL: RowEffort(20, global_work=10**9),
}


@pytest.mark.parametrize("basis", EFFORTS)
def test_values_against_enumeration(basis: int) -> None:
    """Fixed: exact among points with these switches. Local: on the safe side of the truth. Global: the truth."""
    seen = 0
    for linear, asked in small_models(12):
        found = price_rows(linear, asked, EFFORTS[basis])
        value = float(linear.objective @ asked.values)
        kept = {column: asked.values[column] for column in (6, 7, 8)}
        for row in (0, 1):
            seen += found.basis[row] == basis
            true_gain = best(linear, {row: 1})[0] - value
            true_loss = value - best(linear, {row: -1})[0]
            assert found.gain[row] <= true_gain + 1e-9 <= found.price[row] + found.relaxation - value + 1e-6
            assert found.loss[row] >= true_loss - 1e-9 >= found.price[row] - (found.relaxation - value) - 1e-6
            if found.basis[row] == GLOBAL:
                assert (found.gain[row], found.loss[row]) == pytest.approx((true_gain, true_loss))
            if found.basis[row] == FIXED:
                at_switches = (best(linear, {row: 1}, kept)[0] - value, value - best(linear, {row: -1}, kept)[0])
                assert (found.gain[row], found.loss[row]) == pytest.approx(at_switches)
    assert seen >= 4


def program_of(linear: LinearModel, values: Sequence[float]) -> Program:
    names = ("objective", "col_lower", "col_upper", "integral", "indptr", "indices", "data", "row_lower", "row_upper")
    return Program.of({name: getattr(linear, name) for name in names} | {"values": np.array(values, dtype=float)})


def test_parts_keep_the_rest_at_its_point() -> None:
    """Columns 0 and 2 free: row 0 loses what column 1 uses, row 1 (column 1 alone) goes."""
    linear = model([1, 2, 3], [(-INF, [1, 1, 1], 9), (-INF, [0, 1, 0], 4)], [(0, 5)] * 3)
    problem = program_of(linear, [1, 4, 2])
    part = problem.part(np.array([0, 2]))
    assert part.rows.tolist() == [0]
    assert part.row_upper.tolist() == [5]
    assert part.difference(np.array([0.0, 5.0]), part.values) == 8
    assert part.holds(np.array([0.0, 5.0]), part.row_lower, part.row_upper)
    assert not part.holds(np.array([1.0, 5.0]), part.row_lower, part.row_upper)


def test_what_a_point_uses_may_be_kept_up_to_date() -> None:
    linear = model([1, 2, 3], [(-INF, [1, 1, 1], 9), (-INF, [0, 1, 0], 4), (-INF, [2, 0, 5], 9)], [(0, 5)] * 3)
    problem, point, moved = program_of(linear, [0, 0, 0]), np.array([1.0, 4.0, 0.0]), np.array([1.0, 3.0, 2.0])
    used = problem.activity(point)
    problem.add_use(used, np.array([1, 2]), (moved - point)[1:])
    assert used.tolist() == problem.activity(moved).tolist()
    known, anew = (problem.part(np.array([0]), at=moved, used=way) for way in (used, None))
    assert known.row_upper.tolist() == anew.row_upper.tolist() == [4, -1]


def test_components_follow_binding_rows_only() -> None:
    linear = model([1] * 4, [(-INF, [1, 1, 0, 0], 1), (-INF, [0, 1, 1, 0], 9), (-INF, [0, 0, 1, 1], 1)], [(0, 3)] * 4)
    part = program_of(linear, [0] * 4).part(np.arange(4))
    label = part.components(np.array([True, False, True]))
    assert label[0] == label[1] != label[2] == label[3]
    assert len(set(part.components(np.ones(3, dtype=bool)).tolist())) == 1


def test_topups_are_as_low_as_their_rows_let_them_be() -> None:
    """A continuous cost t with t + 2x ≥ 5 and a whole x that the engine returned a hair off."""
    linear = model([3, -1], [(5, [2, 1], INF)], [(0, 9), (0, 9)], whole=[True, False])
    part = program_of(linear, [1, 3]).part(np.arange(2))
    assert part.exact(np.array([1.9999999, 1.0000003])).tolist() == [2.0, 1.0]
    assert part.exact(np.array([4.0000001, 0.0])).tolist() == [4.0, 0.0]
