"""The benchmark of families judges itself beside the code of part 1, and says so where that is not at hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import families
from optimizer.model.constraints import FAMILIES


def answers(monkeypatch: pytest.MonkeyPatch, part_1: float | None, today: float) -> None:
    """Every process answers these seconds; None: the history is not there."""

    def measured(words: list[str], folder: Path | None = None) -> dict[str, Any]:
        seconds = today if folder is None else part_1
        counts = dict.fromkeys(families.COUNTS, 1000)
        return {"cpu_s": seconds, "peak_mb": 500.0, **counts, "rows_by_family": dict.fromkeys(FAMILIES, 1)}

    monkeypatch.setattr(families, "measured", measured)
    monkeypatch.setattr(families, "part_1_code", lambda folder: part_1 is not None)
    monkeypatch.setattr(sys, "argv", ["families"])


@pytest.mark.parametrize(("part_1", "today", "code"), [(0.5, 1.5, 0), (0.5, 1.6, 1), (None, 2.8, 0), (None, 2.9, 1)])
def test_three_times_part_1_and_no_more(
    part_1: float | None, today: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, part_1, today)
    with pytest.raises(SystemExit) as left:
        families.main()
    assert left.value.code == code
    said = capsys.readouterr().out
    assert f"all: {today / (part_1 or families.PART_1_SECONDS):.2f} times the seconds of part 1" in said
    assert ("The history does not hold" in said) == (part_1 is None)


def test_a_commit_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "PART_1", "0" * 40)
    assert not families.part_1_code(tmp_path)
    assert not list(tmp_path.iterdir())
