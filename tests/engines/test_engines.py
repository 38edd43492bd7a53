"""Each engine for real, in its child: every way a solve can end, and what must then be true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from optimizer.engines import cbc, check
from optimizer.engines.base import ENGINES, SolveServer, confirm_infeasible, solve
from optimizer.engines.doctor import dense_model, known_models
from optimizer.engines.result import Progress, SolveOptions, SolveResult
from optimizer.errors import EngineError, UsageError
from optimizer.model.linear_model import LinearModel
from tests.engines.matrices import INF, allocation, knapsack, market_split
from tests.engines.test_worker import ROOT, gone

GENERAL = [engine for engine in ENGINES if engine != "cpsat"]
SHORT = SolveOptions(time_limit_s=20.0, gap=0.0)

SMALL = dense_model([3, 2.55], [(-INF, [1, 1.5], 4.2), (1, [2, 1], 6)], [(0, 5), (0, 5)], offset=7.0)
"""Optimum 16 at (3, 0)."""
CONTINUOUS = dense_model([3, 2], [(-INF, [1, 1], 4), (-INF, [2, 1], 6)], [(0, INF), (0, INF)], whole=False)
IMPOSSIBLE = dense_model([1, 1], [(3, [2, 4], 3)], [(0, 5), (0, 5)])
ENDLESS = dense_model([1, 1], [(-INF, [-1, 1], 5)], [(0, INF), (0, 3)])


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_optimum_with_value_bound_and_offset_in_our_sense(engine: str) -> None:
    result = solve(SMALL, engine, SHORT)
    assert result.termination.reason == "OPTIMAL"
    assert result.values is not None
    assert result.values.tolist() == [3.0, 0.0]
    assert result.objective == pytest.approx(16.0, abs=1e-9)
    assert result.best_bound == pytest.approx(16.0, abs=1e-6)
    assert result.best_bound >= result.objective
    assert result.engine == engine
    assert result.version
    assert result.native_status


@pytest.mark.parametrize("known", known_models(), ids=lambda known: known.name)
def test_known_models(engine: str, known) -> None:  # type: ignore[no-untyped-def]
    if engine not in known.engines:
        with pytest.raises(UsageError, match="cpsat needs whole numbers"):
            solve(known.linear, engine, SHORT)
        return
    result = solve(known.linear, engine, SHORT)
    assert result.termination.reason == known.reason
    if known.reason == "OPTIMAL":
        assert result.objective == pytest.approx(known.value, abs=1e-6)


def test_infeasible_is_a_claim_without_point_or_bound(engine: str) -> None:
    result = solve(IMPOSSIBLE, engine, SHORT)
    assert result.termination.reason == "INFEASIBLE"
    assert result.values is None
    assert np.isnan(result.objective)
    assert result.best_bound == INF


def test_unbounded(engine: str) -> None:
    if engine == "cpsat":
        with pytest.raises(UsageError, match="bounds on every column"):
            solve(ENDLESS, engine, SHORT)
    else:
        assert solve(ENDLESS, engine, SHORT).termination.reason == "UNBOUNDED"


def stopped_with_a_point(
    engine: str, linear: LinearModel, start: NDArray[np.float64] | None = None
) -> tuple[SolveResult, list[Progress]]:
    """The first of ever longer runs to find anything: how long that takes is the machine's affair."""
    for limit in (5.0, 20.0, 80.0):
        seen: list[Progress] = []
        options = SolveOptions(time_limit_s=limit, gap=0.0, start=start)
        result = solve(linear, engine, options, on_progress=seen.append)
        assert result.termination.limit == "time"
        if result.values is not None:
            break
    return result, seen


def test_an_incumbent_at_the_time_limit_is_feasible_never_optimal(engine: str) -> None:
    linear = knapsack()
    result, seen = stopped_with_a_point(engine, linear)
    assert result.termination.reason == "FEASIBLE"
    assert result.values is not None
    assert check.fault(linear, result.values) == ""
    assert result.objective == pytest.approx(float(linear.objective @ result.values))
    assert result.best_bound > result.objective
    assert list(result.trace) == seen
    assert max(point.value for point in seen if point.value == point.value) <= result.objective + 1e-6
    assert [point.seconds for point in seen] == sorted(point.seconds for point in seen)


def test_cbc_claims_no_bound_at_a_limit() -> None:
    assert solve(knapsack(), "cbc", SolveOptions(time_limit_s=1.0, gap=0.0)).best_bound == INF


def test_no_incumbent_at_the_limit_is_no_solution_never_infeasible(engine: str) -> None:
    result = solve(market_split(), engine, SolveOptions(time_limit_s=1.0, gap=0.0))
    assert (result.termination.reason, result.values) == ("NO_SOLUTION", None)


@pytest.mark.parametrize("engine", GENERAL)
def test_a_linear_program_stopped_early_is_never_optimal(engine: str) -> None:
    """PuLP calls such a stop optimal, at a point that satisfies no row."""
    whole = allocation(12_000, products=400)
    linear = replace(whole, integral=np.zeros(whole.n_cols, dtype=bool))
    result = solve(linear, engine, SolveOptions(time_limit_s=0.6))
    assert result.termination.reason in ("NO_SOLUTION", "FEASIBLE")
    assert result.values is None or check.fault(linear, result.values) == ""


def test_a_stop_brings_the_incumbent_and_ends_the_child(engine: str) -> None:
    linear, stop = knapsack(), threading.Event()
    before = {process.pid for process in psutil.Process().children(recursive=True)}

    def heard(point: Progress) -> None:
        if not np.isnan(point.value):
            stop.set()

    result = solve(linear, engine, SolveOptions(time_limit_s=100.0, gap=0.0), on_progress=heard, stop=stop)
    assert (result.termination.reason, result.termination.limit) == ("FEASIBLE", "interrupted")
    assert result.values is not None
    assert check.fault(linear, result.values) == ""
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_a_stop_before_the_start_ends_at_once(engine: str) -> None:
    stop = threading.Event()
    stop.set()
    result = solve(knapsack(), engine, SolveOptions(time_limit_s=100.0, gap=0.0), stop=stop)
    assert result.termination.limit == "interrupted"


def test_too_little_memory_is_never_a_proof(engine: str) -> None:
    linear = allocation(15_000, products=400)
    result = solve(linear, engine, SolveOptions(time_limit_s=6.0, memory_limit_mb=420))
    assert result.termination.reason in ("FEASIBLE", "NO_SOLUTION", "ERROR")
    assert result.values is None or check.fault(linear, result.values) == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_an_engine_killed_while_it_runs_leaves_its_incumbent_or_an_error(engine: str, number: signal.Signals) -> None:
    linear = knapsack()
    known = {process.pid for process in psutil.Process().children()}
    killed: list[int] = []

    def kill(point: Progress) -> None:
        if not killed:
            killed.extend(process.pid for process in psutil.Process().children() if process.pid not in known)
            os.kill(killed[0], number)

    result = solve(linear, engine, SolveOptions(time_limit_s=30.0, gap=0.0), on_progress=kill)
    assert killed
    assert result.termination.reason in ("FEASIBLE", "ERROR")
    assert number.name in result.termination.detail
    assert result.best_bound == INF
    assert result.values is None or check.fault(linear, result.values) == ""


def test_a_start_is_at_least_kept(engine: str) -> None:
    linear = knapsack()
    good, _ = stopped_with_a_point("highs", linear)
    result, _ = stopped_with_a_point(engine, linear, good.values)
    assert result.objective >= good.objective - 1e-6


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_point(engine: str, threads: int) -> None:
    linear = allocation(20, seed=4)
    options = SolveOptions(time_limit_s=60.0, gap=1e-3, threads=threads, seed=5)
    first, second = (solve(linear, engine, options) for _ in range(2))
    assert first.termination.reason == "OPTIMAL"
    assert first.values is not None
    assert second.values is not None
    assert first.values.tolist() == second.values.tolist()


def test_the_gap_is_kept(engine: str) -> None:
    result = solve(allocation(25, seed=2), engine, SolveOptions(time_limit_s=60.0, gap=0.05))
    assert result.termination.reason == "OPTIMAL"
    assert result.best_bound - result.objective <= 0.05 * abs(result.objective) + 1e-6


def test_two_solves_at_once_do_not_meet(engine: str) -> None:
    models = [dense_model([1], [(-INF, [1], float(number))], [(0, 1000)]) for number in range(1, 5)]
    values: dict[int, float] = {}

    def one(number: int) -> None:
        values[number] = solve(models[number], engine, SHORT).objective

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {number: number + 1.0 for number in range(4)}


def test_a_server_gives_what_single_solves_give(engine: str) -> None:
    models = [allocation(3, warehouses=4, products=4, seed=seed) for seed in range(8)]
    with SolveServer(engine) as server:
        served = [server.solve(linear, SHORT) for linear in models]
    alone = solve(models[3], engine, SHORT)
    assert [result.termination.reason for result in served] == ["OPTIMAL"] * 8
    assert served[3].objective == pytest.approx(alone.objective, abs=1e-6)


def test_no_columns_and_no_rows(engine: str) -> None:
    assert solve(dense_model([], [], [], offset=2.0), engine, SHORT).objective == 2.0
    assert solve(dense_model([], [(1, [], 2)], []), engine, SHORT).termination.reason == "INFEASIBLE"
    assert solve(dense_model([2.0, -1.0], [], [(0, 3), (1, 4)]), engine, SHORT).objective == 5.0


@pytest.mark.parametrize("size", [1e4, 1e5, 1e6, 1e7, 1e8, 1e9])
def test_no_trickle_flow_through_a_big_bound(engine: str, size: float) -> None:
    """50 units need a switch that costs 1000; an engine's tolerance must not open it by half a millionth."""
    linear = dense_model([-1, -1000], [(50, [1, 0], INF), (-INF, [1, -size], 0)], [(0, 100), (0, 1)], whole=[1, 1])
    result = solve(linear, engine, SHORT)
    if result.values is not None:
        assert result.values.tolist() == [50.0, 1.0]
        assert result.objective == -1050.0
    else:
        assert result.termination.reason == "ERROR"


def test_numbers_no_engine_can_handle_are_refused(engine: str) -> None:
    with pytest.raises(UsageError, match="units"):
        solve(dense_model([1, 1], [(-INF, [1e-3, 1e8], 1)], [(0, 1), (0, 1)]), engine, SHORT)
    with pytest.raises(UsageError, match="nan"):
        solve(dense_model([float("nan"), 1], [], [(0, 1), (0, 1)]), engine, SHORT)


def test_a_second_opinion_confirms_and_refutes() -> None:
    assert confirm_infeasible(IMPOSSIBLE, "highs", SHORT) is True
    assert confirm_infeasible(SMALL, "highs", SHORT) is False
    assert confirm_infeasible(SMALL, "cbc", SHORT) is False
    assert confirm_infeasible(market_split(), "highs", SolveOptions(time_limit_s=1.5)) is None


def test_an_unknown_status_in_the_child_is_an_error_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A newer HiGHS with a new status: played by one whose table has lost a line."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import sys
            if "optimizer.engines.worker" in sys.orig_argv:
                import highspy
                from optimizer.engines import highs
                del highs.TABLE[highspy.HighsModelStatus.kOptimal]
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EngineError, match="kOptimal"):
        solve(SMALL, "highs", SHORT)


PARENT = """
    import psutil
    from optimizer.engines.base import solve
    from optimizer.engines.result import SolveOptions
    from tests.engines.matrices import knapsack
    def heard(point):
        print(*(process.pid for process in psutil.Process().children(recursive=True)), flush=True)
    solve(knapsack(), {engine!r}, SolveOptions(time_limit_s=100, gap=0.0), on_progress=heard)
"""


def test_no_engine_survives_a_parent_killed_by_force(engine: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT).format(engine=engine)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        cwd=ROOT,
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == (2 if engine == "cbc" else 1)
    parent.kill()
    parent.wait()
    assert all(gone(pid) for pid in pids)


def test_cbc_is_the_one_that_pulp_would_run() -> None:
    script = "import pulp.apis.coin_api as api; print(api.pulp_cbc_path)"
    path = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert os.path.samefile(cbc.program(), path)


def test_one_engine_a_process(engine: str) -> None:
    """Two builds of one solver library in one process crash: no child maps more than its own."""
    own = {"highs": "highspy", "scip": "ortools", "cpsat": "ortools", "cbc": "solverdir"}
    stop = threading.Event()
    maps: list[str] = []

    def look(point: Progress) -> None:
        if not maps:
            for process in psutil.Process().children(recursive=True):
                maps.append(Path(f"/proc/{process.pid}/maps").read_text() if _alive(process) else "")
        stop.set()

    solve(knapsack(), engine, SolveOptions(time_limit_s=50.0, gap=0.0), on_progress=look, stop=stop)
    text = "".join(maps)
    assert own[engine] in text
    assert not [name for name in {"highspy", "ortools", "solverdir"} - {own[engine]} if name in text]


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_the_time_limit_ends_an_engine_that_ignores_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A HiGHS that never returns, as newer ones may: played by one that sleeps after its first plan."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import sys
            if "optimizer.engines.worker" in sys.orig_argv:
                import time
                from optimizer.engines import adapter
                kept = adapter.Reporter.incumbent
                def incumbent(self, values, bound=float("inf")):
                    kept(self, values, bound)
                    time.sleep(300)
                adapter.Reporter.incumbent = incumbent
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    linear = knapsack()
    begun = time.monotonic()
    result = solve(linear, "highs", SolveOptions(time_limit_s=1.0, gap=0.0))
    assert (result.termination.reason, result.termination.limit) == ("FEASIBLE", "time")
    assert result.native_status == "timeout"
    assert check.fault(linear, result.values) == ""
    assert result.seconds <= time.monotonic() - begun
