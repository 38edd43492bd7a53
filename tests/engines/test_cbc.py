"""CBC's known ways of being wrong: each brought about, none believed."""

from __future__ import annotations

import os
import stat
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from optimizer.engines import cbc, check, mps
from optimizer.engines.adapter import Answer, Reporter, Request, conclude
from optimizer.engines.base import solve
from optimizer.engines.child import Emit
from optimizer.engines.doctor import dense_model
from optimizer.engines.result import SolveOptions, Termination
from optimizer.model.linear_model import LinearModel
from tests.engines.matrices import INF, allocation

SHORT = SolveOptions(time_limit_s=20.0, gap=0.0)
SMALL = dense_model([3, 2.55], [(-INF, [1, 1.5], 4.2), (1, [2, 1], 6)], [(0, 5), (0, 5)], offset=7.0)
IMPOSSIBLE = dense_model([1, 1], [(3, [2, 4], 3)], [(0, 5), (0, 5)])
NARROW_GAP = dense_model([1], [(1, [2], 1)], [(0, 1)])


@pytest.fixture
def emit(tmp_path: Path) -> Iterator[Emit]:
    read, write = os.pipe()
    yield Emit(write, tmp_path)
    os.close(read)
    os.close(write)


def tampered(monkeypatch: pytest.MonkeyPatch, folder: Path, after: str) -> None:
    """The real program, and then something happens to what it wrote (or to it)."""
    script = folder / "cbc.sh"
    script.write_text(f'#!/bin/bash\n"{cbc.program()}" "$@"\n{textwrap.dedent(after)}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(cbc, "program", lambda: str(script))


def ask(linear: LinearModel, emit: Emit) -> tuple[Answer, Termination]:
    """The adapter here instead of in a child, and what would be made of its answer."""
    request = Request(SHORT, emit.folder, deadline=time.monotonic() + SHORT.time_limit_s)
    answer = cbc.solve(linear, request, Reporter(linear, emit))
    return answer, conclude(answer.claim, answer.values is not None)


def test_untouched_it_is_optimal(emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tampered(monkeypatch, tmp_path, "")
    answer, ended = ask(SMALL, emit)
    assert ended.reason == "OPTIMAL"
    assert answer.values is not None
    assert answer.values.tolist() == [3.0, 0.0]
    assert answer.bound == 16.0


@pytest.mark.parametrize(
    "after",
    [
        "truncate -s -8 answer.bin",
        "truncate -s 0 answer.bin",
        "rm answer.bin",
        "truncate -s 20 answer.sol",
        "truncate -s 0 answer.sol",
        "rm answer.sol",
        "printf '\\x09' | dd of=answer.bin bs=1 seek=4 conv=notrunc status=none",
        "exit 1",
        "kill -SEGV $$",
        "kill -KILL $$",
    ],
)
@pytest.mark.parametrize("linear", [SMALL, IMPOSSIBLE], ids=["feasible", "infeasible"])
def test_a_damaged_answer_proves_nothing(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: str, linear: LinearModel
) -> None:
    """A full disk leaves such files behind an exit code 0, and PuLP calls the gaps zeros of an optimal plan."""
    tampered(monkeypatch, tmp_path, after)
    answer, ended = ask(linear, emit)
    assert ended.reason in ("ERROR", "NO_SOLUTION")
    assert answer.values is None
    assert answer.detail


def test_a_neighbours_answer_of_the_same_size_is_caught_by_the_check(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The right number of values, but not this model's: only the matrix can tell."""
    zeros = "dd if=/dev/zero of=answer.bin bs=1 seek=16 count=80 conv=notrunc status=none"
    tampered(monkeypatch, tmp_path, zeros)
    answer, _ = ask(SMALL, emit)
    assert answer.values is not None
    assert "broken" in check.fault(SMALL, answer.values)


def test_infeasible_needs_a_second_run_that_says_so_too(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A false "infeasible" of the first run is refuted by the point of the second; but that proves no optimum."""
    false_claim = """
        case "$*" in
          *"-preprocess on"*|*"-cuts off"*) ;;
          *) echo "Integer infeasible - objective value 0.00000000" > answer.sol ;;
        esac
    """
    tampered(monkeypatch, tmp_path, false_claim)
    answer, ended = ask(SMALL, emit)
    assert (ended.reason, ended.limit) == ("FEASIBLE", "other")
    assert answer.values is not None
    assert answer.bound == INF


@pytest.mark.parametrize("linear", [NARROW_GAP, IMPOSSIBLE])
def test_what_is_infeasible_is_said_twice(linear: LinearModel) -> None:
    """Also where CBC finds it while tightening bounds, and then crashes over the solution it does not have."""
    assert solve(linear, "cbc", SHORT).termination.reason == "INFEASIBLE"


FALSE_OPTIMA = {
    "preprocessing": (
        dense_model([-6.34, -1.05], [(-INF, [-1.78, 0.53], 6.4), (-9.3, [-8.59, -5.4], -5.3)], [(1, 3), (-2, 0)]),
        -6.34,
    ),
    "probing": (
        dense_model([-5.73, -7.85, 7.25, -8.94], [(3.4, [6.8, 8, -1.9, 1], INF)], [(0, 3), (-1, 1), (1, 2), (1, 3)]),
        -0.17,
    ),
}


@pytest.mark.parametrize("name", FALSE_OPTIMA)
def test_models_where_cbc_calls_another_point_optimal(name: str) -> None:
    """With its preprocessing, or its probing, CBC proves -10.58 and -2.29."""
    linear, value = FALSE_OPTIMA[name]
    result = solve(linear, "cbc", SHORT)
    assert result.termination.reason == "OPTIMAL"
    assert result.objective == pytest.approx(value)
    assert solve(linear, "highs", SHORT).objective == pytest.approx(value)


def test_a_stopped_run_is_a_stop_whatever_its_log_says(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PuLP rewrites "Stopped on time - objective value" to optimal."""
    stopped = 'sed -i "1s/^Optimal/Stopped on time/" answer.sol; echo "Lower bound: 9, Gap: 0.00"'
    tampered(monkeypatch, tmp_path, stopped)
    answer, ended = ask(SMALL, emit)
    assert (ended.reason, ended.limit) == ("FEASIBLE", "time")
    assert answer.bound == INF


def test_the_continuous_point_of_a_stop_is_no_incumbent(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = 'sed -i "1s/.*/Stopped on time (no integer solution - continuous used) - objective value 1.0/" answer.sol'
    tampered(monkeypatch, tmp_path, note)
    answer, ended = ask(SMALL, emit)
    assert (ended.reason, ended.limit, answer.values) == ("NO_SOLUTION", "time", None)


def test_values_keep_all_their_digits() -> None:
    """The text solution has eight digits: 123456789 comes back as 123456790, one more than there is."""
    linear = dense_model(
        [1, 0.5], [(-INF, [1, 1], 123456789.015625)], [(0, INF), (0, 1)], whole=[1, 0], granularity=[1, 0]
    )
    result = solve(linear, "cbc", SHORT)
    assert result.values is not None
    assert result.values[0] == 123456789.0
    assert result.values[1] == pytest.approx(0.015625, abs=1e-6)


FALSE_CLAIMS = {
    "preprocessing, two columns": dense_model(
        [-1, 0],
        [(-INF, [41, 49], -508), (-INF, [22, -64], -943), (506, [0, 83], INF)],
        [(-200, 200), (-200, 200)],
        whole=[0, 1],
    ),
    "preprocessing, four columns": dense_model(
        [36, -18, 11, -11],
        [
            (500.21, [0, 72, 0, 0], INF),
            (-INF, [-87.93, 6.97, 60.13, -36.45], -911.3896),
            (-INF, [93.87, 6.88, 0, -99.02], 70.1338),
            (-469.79, [0, 12.18, 56.24, -80.98], INF),
            (-446.893, [32.24, -44.88, 1.79, -51.37], INF),
        ],
        [(-100, 100), (0, INF), (-100, 100), (-100, 100)],
        whole=[1, 1, 0, 0],
    ),
}


@pytest.mark.parametrize("name", FALSE_CLAIMS)
def test_models_that_cbc_has_called_infeasible(name: str) -> None:
    """From its own list of reports; SCIP finds a point of each."""
    linear = FALSE_CLAIMS[name]
    assert solve(linear, "scip", SHORT).termination.reason == "OPTIMAL"
    assert solve(linear, "cbc", SHORT).termination.reason != "INFEASIBLE"


def test_a_folder_with_a_blank_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = tmp_path / "with a blank"
    spaced.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spaced))
    assert solve(SMALL, "cbc", SHORT).termination.reason == "OPTIMAL"


def test_the_file_says_the_model_exactly(tmp_path: Path) -> None:
    """Read back by HiGHS: same rows (two-sided ones split), same numbers to the last bit, same optimum."""
    import highspy

    linear = dense_model(
        [0.1, -2, 1 / 3],
        [(-1, [1, 0.1, 0], 5), (2, [0, 1, 1], 2), (-INF, [1, 1, 1], 1e-7), (-INF, [1, 0, 0], INF)],
        [(-INF, INF), (-3, -1), (0, 7.25)],
        whole=[0, 1, 0],
    )
    rows = mps.write(linear, tmp_path / "model.mps")
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(tmp_path / "model.mps"))
    lp = highs.getLp()
    assert rows == lp.num_row_ == 4
    assert list(lp.col_cost_) == [-0.1, 2.0, -1 / 3]
    assert list(lp.col_lower_) == [-INF, -3.0, 0.0]
    assert list(lp.col_upper_) == [INF, -1.0, 7.25]
    assert [kind == highspy.HighsVarType.kInteger for kind in lp.integrality_] == [False, True, False]
    assert sorted([value for value in [*lp.row_lower_, *lp.row_upper_] if abs(value) < INF]) == [
        -1.0,
        1e-7,
        2.0,
        2.0,
        5.0,
    ]


def test_a_large_file_is_read_back_whole() -> None:
    linear = allocation(300)
    result = solve(linear, "cbc", SolveOptions(time_limit_s=20.0, gap=0.05))
    assert result.values is not None
    assert check.fault(linear, result.values) == ""
    assert np.array_equal(result.values, np.rint(result.values))
