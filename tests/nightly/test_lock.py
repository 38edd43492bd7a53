"""The lock of a publish folder, as killed nights leave it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from optimizer.nightly import lock
from optimizer.nightly.lock import LockedError, NightLock

OWNER = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from optimizer.nightly.lock import NightLock

with NightLock(Path(sys.argv[1]), datetime.now(UTC)):
    if os.fork() == 0:
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    print("ready", flush=True)
    time.sleep(600)
"""
"""Its child has the lock too, as a started process has it before it becomes the other program."""


@contextmanager
def owner(folder: Path, child_s: float) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", OWNER, str(folder), str(child_s)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_restart_waits_for_what_a_killed_night_was_starting(tmp_path: Path) -> None:
    with owner(tmp_path, child_s=1) as killed:
        killed.kill()
        killed.wait()
        with NightLock(tmp_path, datetime.now(UTC)):
            pass


def test_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.2)
    with owner(tmp_path, child_s=5) as killed:
        killed.kill()
        killed.wait()
        with (
            pytest.raises(LockedError, match=f"process {killed.pid}, since 20"),
            NightLock(tmp_path, datetime.now(UTC)),
        ):
            pass


def test_it_does_not_wait_for_the_living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(seconds: float) -> None:
        raise AssertionError(f"slept for {seconds} s")

    with owner(tmp_path, child_s=0) as living:
        monkeypatch.setattr(time, "sleep", never)
        with (
            pytest.raises(LockedError, match=f"process {living.pid}, since 20"),
            NightLock(tmp_path, datetime.now(UTC)),
        ):
            pass
