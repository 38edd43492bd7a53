"""Nothing that a child does may hurt, outlive or deceive its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from optimizer.engines import worker
from optimizer.engines.worker import Child, run_in_child

ROOT = Path(__file__).resolve().parents[2]
TASKS = "tests.engines.tasks:"
LONG_S = 60.0


def gone(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process ends within the time (a zombie has ended)."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of this test alone, so that what is left behind is seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_arrays_and_words_go_there_and_back(own_temporary_folder: Path) -> None:
    a = np.arange(6, dtype=np.int64)
    outcome = run_in_child(TASKS + "add", {"a": a, "b": a}, {"word": "é", "none": None}, wall_limit_s=LONG_S)
    assert outcome.ended == "finished"
    assert outcome.arrays["sum"].tolist() == [0, 2, 4, 6, 8, 10]
    assert outcome.arrays["sum"].dtype == np.int64
    assert outcome.meta["seen"] == {"word": "é", "none": None}
    assert gone(outcome.meta["pid"])
    assert list(own_temporary_folder.iterdir()) == []


def test_prints_are_never_taken_for_messages() -> None:
    numbers: list[int] = []
    outcome = run_in_child(
        TASKS + "count", {}, {"messages": 200}, wall_limit_s=LONG_S, on_message=lambda m: numbers.append(m["number"])
    )
    assert outcome.ended == "finished"
    assert numbers == list(range(200))
    assert '"end"' in outcome.stdout_tail
    assert '"number": -1' in outcome.stderr_tail


def test_messages_of_several_threads_arrive_whole() -> None:
    seen: list[int] = []
    run_in_child(
        TASKS + "count_in_threads", {}, {}, wall_limit_s=LONG_S, on_message=lambda m: seen.append(len(m["text"]))
    )
    assert seen == [5000] * 200


def test_a_child_has_its_own_session_folder_and_threads_but_our_packages() -> None:
    meta = run_in_child(TASKS + "surroundings", {}, {}, wall_limit_s=LONG_S, threads=3).meta
    assert meta["session"] == meta["pid"] != os.getsid(0)
    assert meta["folder"].startswith(meta["cwd"])
    assert meta["threads"] == "3"
    assert str(ROOT) in meta["path"]
    assert "" not in meta["path"]
    assert meta["cwd"] not in meta["path"]
    assert not {"highspy", "ortools", "pulp", "pandas"} & set(meta["modules"])


def test_a_stop_that_is_obeyed_brings_the_whole_answer() -> None:
    stop = threading.Event()
    outcome = run_in_child(TASKS + "obey", {}, {}, wall_limit_s=LONG_S, stop=stop, on_message=lambda m: stop.set())
    assert outcome.ended == "finished"
    assert outcome.meta == {"obeyed": True}


def test_the_wall_clock_is_a_stop_first() -> None:
    outcome = run_in_child(TASKS + "obey", {}, {}, wall_limit_s=1.5)
    assert (outcome.ended, outcome.meta) == ("finished", {"obeyed": True})


@pytest.mark.parametrize("reason", ["timeout", "stopped"])
def test_a_deaf_child_is_killed_with_all_it_started_and_leaves_its_incumbent(
    reason: str, own_temporary_folder: Path
) -> None:
    pids: list[int] = []
    stop = threading.Event()

    def heard(message: dict[str, int]) -> None:
        pids.extend([message["pid"], message["grandchild"]])
        if reason == "stopped":
            stop.set()

    outcome = run_in_child(
        TASKS + "ignore",
        {},
        {},
        wall_limit_s=2.0 if reason == "timeout" else LONG_S,
        grace_s=0.2,
        on_message=heard,
        stop=stop,
    )
    assert outcome.ended == reason
    assert outcome.arrays["x"].tolist() == [2.0]
    assert outcome.meta == {"value": 2}
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("number", [0, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGKILL])
def test_a_child_that_dies_is_named_a_crash_and_leaves_its_incumbent(number: int) -> None:
    outcome = run_in_child(TASKS + "die", {}, {"signal": number}, wall_limit_s=LONG_S)
    assert outcome.ended == "crashed"
    assert signal.Signals(number or signal.SIGSEGV).name in outcome.detail
    assert outcome.arrays["x"].tolist() == [7.0]


def test_a_child_that_leaves_early_is_a_crash_with_its_last_words() -> None:
    outcome = run_in_child(TASKS + "leave", {}, {"code": 0}, wall_limit_s=LONG_S)
    assert outcome.ended == "crashed"
    assert "exit code 0" in outcome.detail
    assert "last words" in outcome.stderr_tail


def test_an_exception_is_named_and_its_trace_kept() -> None:
    outcome = run_in_child(TASKS + "fail", {}, {}, wall_limit_s=LONG_S)
    assert (outcome.ended, outcome.error, outcome.detail) == ("crashed", "ValueError", "no such luck")
    assert "Traceback" in outcome.stderr_tail


def test_memory_is_limited_and_its_want_is_named() -> None:
    outcome = run_in_child(TASKS + "devour", {}, {}, wall_limit_s=LONG_S, memory_limit_mb=1000)
    assert outcome.ended == "memory"
    assert outcome.arrays["x"].tolist() == [3.0]


def test_what_a_listener_raises_ends_the_child_and_is_raised_here(own_temporary_folder: Path) -> None:
    pids: list[int] = []

    def listener(message: dict[str, int]) -> None:
        pids.append(message["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_child(TASKS + "ignore", {}, {}, wall_limit_s=LONG_S, on_message=listener)
    assert gone(pids[0])
    assert list(own_temporary_folder.iterdir()) == []


def test_two_at_once_do_not_meet() -> None:
    outcomes: dict[int, object] = {}

    def one(number: int) -> None:
        a = np.full(1000, number)
        outcome = run_in_child(TASKS + "add", {"a": a, "b": a}, {}, wall_limit_s=LONG_S)
        outcomes[number] = set(outcome.arrays["sum"].tolist())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {number: {2 * number} for number in range(4)}


def test_one_child_serves_many_tasks_and_a_new_one_takes_over_after_a_death() -> None:
    a = np.ones(2)
    with Child() as child:
        first = [child.run(TASKS + "add", {"a": a, "b": a}, {}, wall_limit_s=LONG_S).meta["pid"] for _ in range(3)]
        assert len(set(first)) == 1
        assert child.run(TASKS + "fail", {}, {}, wall_limit_s=LONG_S).error == "ValueError"
        assert child.run(TASKS + "add", {"a": a, "b": a}, {}, wall_limit_s=LONG_S).meta["pid"] == first[0]
        assert child.run(TASKS + "die", {}, {"signal": signal.SIGKILL}, wall_limit_s=LONG_S).ended == "crashed"
        after = child.run(TASKS + "add", {"a": a, "b": a}, {}, wall_limit_s=LONG_S)
        assert after.ended == "finished"
        assert after.meta["pid"] != first[0]
    assert gone(after.meta["pid"])


PARENT = """
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit "ignored"
    from optimizer.engines.worker import run_in_child
    def heard(message):
        print(message["pid"], message["grandchild"], message["folder"], flush=True)
    run_in_child("tests.engines.tasks:ignore", {}, {}, wall_limit_s=60, on_message=heard)
"""


def start_parent(folder: Path) -> tuple[subprocess.Popen[str], list[int], Path]:
    """A parent process of its own, with a deaf child and grandchild."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )
    assert parent.stdout is not None
    pid, grandchild, job = parent.stdout.readline().split()
    return parent, [int(pid), int(grandchild)], Path(job)


def test_no_child_survives_a_parent_killed_by_force_and_its_folder_is_swept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, (child, grandchild), job = start_parent(tmp_path)
    parent.kill()
    parent.wait()
    assert gone(child)
    # The grandchild here asked for nothing; the engines' own grandchild (CBC) is tested with them.
    os.kill(grandchild, signal.SIGKILL) if not gone(grandchild, 0.5) else None
    left = job.parent
    assert left.exists()
    monkeypatch.setattr(worker, "_SWEEP_AFTER_S", 0.0)
    run_in_child(TASKS + "fail", {}, {}, wall_limit_s=LONG_S)
    assert not left.exists()


def test_a_folder_in_use_is_never_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_SWEEP_AFTER_S", 0.0)
    a = np.ones(2)
    with Child() as child:
        run_in_child(TASKS + "fail", {}, {}, wall_limit_s=LONG_S)
        assert child.run(TASKS + "add", {"a": a, "b": a}, {}, wall_limit_s=LONG_S).ended == "finished"


def test_an_interrupt_from_the_terminal_reaches_the_parent_alone(tmp_path: Path) -> None:
    parent, pids, job = start_parent(tmp_path)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait() != 0
    assert all(gone(pid) for pid in pids)
    assert not job.parent.exists()
