"""The runner: figures that mean what they say, engines that do not exist yet, rows that are appended, exponents."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import engines, growth, history
from benchmarks.engines import Job, Outcome, compare, measured, medians, run_here
from benchmarks.generator import INSTANCES
from benchmarks.instances import Size
from optimizer.engines.result import SolveOptions

TINY = Size(60, warehouses=3, products=20, zones=4)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(INSTANCES, "tiny", TINY)
    return "tiny"


def test_an_engine_is_measured(tiny: str) -> None:
    found = run_here(Job(tiny, 0, "highs", seconds=20, threads=1))
    assert found.ended == "OPTIMAL"
    assert found.value is not None
    assert math.isclose(found.gap(found.bound) or 0.0, 0.0, abs_tol=1e-5)
    assert 20 < found.peak_mb < 2_000


def test_the_planted_optimum_is_found(tiny: str) -> None:
    found = run_here(Job(f"planted:{tiny}", 1, "highs", seconds=20, threads=1, changes=(("charge", 1.0),)))
    planted = engines.plant(replace(TINY, charge=1.0), 1)
    assert found.value == float(planted.value)


def test_a_policy_has_no_bound(tiny: str) -> None:
    found = run_here(Job(tiny, 0, "cheapest_now"))
    assert found.value is not None
    assert (found.ended, found.bound, found.gap(found.bound)) == ("done", None, None)


def test_a_job_runs_in_a_process_of_its_own() -> None:
    found = measured(Job("1k-fragmented", 0, "fcfs_nearest", changes=(("capacity", 0.8),)))
    assert found == replace(run_here(Job("1k-fragmented", 0, "fcfs_nearest", changes=(("capacity", 0.8),))),
                            seconds=found.seconds, peak_mb=found.peak_mb)  # fmt: skip
    assert measured(Job("1k-fragmented", 0, "no such engine")).ended == engines.NOT_AVAILABLE
    assert measured(Job("no such instance", 0, "highs")).ended.startswith("failed: KeyError")


def outcomes(shift: float) -> list[Outcome]:
    return [
        Outcome("a", "OPTIMAL", 100.0 + shift, 104.0),
        Outcome("b", "FEASIBLE time", 80.0, 102.0 + shift),
        Outcome("c", engines.NOT_AVAILABLE),
    ]


def test_figures() -> None:
    a, b, c = compare(outcomes(0.0))
    assert (a["ratio"], a["gap"], a["to best bound"]) == (1.0, 0.04, 0.02)
    assert (b["ratio"], b["gap"], b["to best bound"]) == (0.8, 0.275, 0.275)
    assert (c["value"], c["ratio"], c["gap"]) == (None, None, None)


def test_medians_and_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = medians([compare(outcomes(shift)) for shift in (0.0, 1.0, 2.0)])
    assert [row["value"] for row in rows] == [101.0, 80.0, None]
    engines.show(rows)
    assert "102.00" not in capsys.readouterr().out
    file = tmp_path / "HISTORY.md"
    for name in ("one", "two"):
        history.append(name, [0, 1, 2], 60.0, 2, rows, file)
    text = file.read_text()
    assert text.startswith("# History")
    assert text.count(f"## {history.machine()}") == 1
    assert text.count("| date |") == 1
    assert text.count("\n| 20") == 6
    assert text.index("| one |") < text.index("| two |")
    assert "| c | not available | - | - | - | - |" in text
    other = text.replace(history.machine(), "another machine")
    file.write_text(other)
    history.append("three", [0], 60.0, 2, rows, file)
    assert file.read_text().startswith(other.rstrip("\n"))
    assert file.read_text().count("\n| 20") == 9


def test_growth() -> None:
    found: dict[str, Any] = growth.run_here(60, 0, "highs", SolveOptions(time_limit_s=10, gap=0.5, threads=1))
    assert found["ended"] == "OPTIMAL"
    assert found["solve_s"] > 0
    assert found["gap"] <= 0.5
    assert math.isclose(growth.exponent([1e3, 1e4, 1e5], [0.02, 0.02 * 10**1.1, 0.02 * 10**2.2]) or 0, 1.1)
    assert growth.exponent([1e3, 1e4], [0.01, None]) is None
