"""Arrays that grow and candidates that follow late are what they would be otherwise; memory options change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.model import heap
from optimizer.model.candidates import Candidates
from optimizer.model.linear_model import Growing


@pytest.mark.parametrize("room", [0, 3, 100])
def test_a_growing_array_is_its_parts_end_to_end(room: int) -> None:
    growing = Growing(np.int64, room)
    parts = [np.arange(size) for size in (0, 2, 5, 1, 30)]
    for part in parts:
        growing.add(part)
    assert len(growing) == 38
    whole = growing.whole()
    assert whole.tolist() == np.concatenate(parts).tolist()
    assert whole.base is None  # memory of its own, without the room it did not need


def test_candidates_thinned_late_are_those_thinned_at_once() -> None:
    rng = np.random.default_rng(3)
    at_once = {name: rng.integers(0, 100, 50) for name in ("line", "lane", "day")}
    late = Candidates(dict(at_once))
    for step in range(6):
        where = rng.integers(0, len(late), 40 - 5 * step)
        late.take(where)
        at_once = {name: array[where] for name, array in at_once.items()}
        if step % 2:
            assert late["lane"].tolist() == at_once["lane"].tolist()
        if step == 3:
            late["new"] = at_once["new"] = late["lane"] + 1
    assert len(late) == len(at_once["line"])
    for name, array in at_once.items():
        assert late[name].tolist() == array.tolist()
    assert late.pop("day").tolist() == at_once["day"].tolist()
    assert "day" not in late


def test_what_is_lost_for_several_reasons_counts_under_the_first() -> None:
    found = Candidates({"line": np.arange(5)})
    found.keep_all({"expired": np.array([1, 0, 1, 0, 1], bool), "no_stock": np.array([1, 0, 0, 1, 1], bool)})
    assert found["line"].tolist() == [0, 4]
    assert (found.lost["expired"], found.lost["no_stock"]) == (2, 1)


def test_memory_options_are_set_and_set_back() -> None:
    asked: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, option: int, value: int) -> int:
            asked.append((option, value))
            return 1

        def malloc_trim(self, pad: int) -> int:
            asked.append((0, pad))
            return 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heap, "_glibc", Library)
        with pytest.raises(ValueError, match="in between"), heap.reused_memory():
            raise ValueError("in between")
    assert asked == [*heap.KEEP.items(), *heap.USUAL.items(), (0, 0)]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_glibc", lambda: None)
    with heap.reused_memory():
        assert np.ones(3).sum() == 3
