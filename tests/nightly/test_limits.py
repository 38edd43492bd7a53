"""A full or read-only disk, too little memory, a clock that is set: the last plan stays, and the words say what it was.

Disks of their own are mounted in a name space of its own (``unshare``), where the system lets users have one.
"""

from __future__ import annotations

import itertools
import resource
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from optimizer.errors import DEFECT, INFEASIBLE, LIMIT_NO_PLAN, OK, system_words
from optimizer.nightly.attempt import Attempt
from optimizer.nightly.ladder import _without_plan
from tests.nightly.faulty_calls import COMPILER, Fault, FaultyCalls
from tests.nightly.nights import (
    KEEP,
    MONDAY,
    TUESDAY,
    assert_tidy,
    assert_whole,
    command,
    configure,
    environment,
    published,
    query,
    recover_now,
)

STEP_KB = 48
MEMORY_MB = (200, 300, 450, 600, 800, 1000, 1300, 1700, 2200, 3000)
"""From what Python needs to load numpy on."""
FULL = ("No space left on device", "disk is full", "disk I/O error")
"""What a full disk is called by the system, and by SQLite for its files and for its shared memory."""
DAY_S = 24 * 3600

MOUNTS = shutil.which("unshare") is not None and subprocess.run(["unshare", "-rm", "true"]).returncode == 0
needs_mounts = pytest.mark.skipif(not MOUNTS, reason="needs unshare -rm: name spaces for users")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler as cc")


def tuesday(place: Path, before: tuple[str, ...] = (), limit: Callable[[], None] | None = None) -> tuple[int, str]:
    """Exit code and words of Tuesday's night, started through another command or under a limit."""
    words = [*before, *command("nightly", place / "night.toml", "--business-date", TUESDAY)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment(), preexec_fn=limit)
    return done.returncode, done.stdout + done.stderr


def assert_kept(place: Path, code: int, words: str) -> None:
    """Monday's plan counts alone, nothing is torn or in the way of the next start; told without a traceback."""
    assert "Traceback" not in words, words
    assert code > 0, words
    assert_whole_and_first(place)


def assert_whole_and_first(place: Path) -> None:
    assert_whole(place)
    recover_now(place)
    assert_tidy(place)
    assert [plan[:10] for plan in published(place)] == [str(MONDAY)]


def on_small_disk(place: Path, free_kb: int) -> tuple[int, str]:
    """Tuesday on a file system in memory with what Monday left and so much room; what is on it is brought back."""
    script = (
        'cp -a "$1/night" "$1/kept" && mount -t tmpfs -o size=$2k none "$1/night" && cp -a "$1/kept/." "$1/night"'
        ' && dd if=/dev/zero of="$1/night/filler" bs=1k count=$(($(df -k --output=avail "$1/night" | tail -1) - $3))'
        ' 2>/dev/null; place=$1; shift 3; "$@"; code=$?; rm "$place/night/filler"; cp -a "$place/night" "$place/found";'
        " exit $code"
    )
    before = ("unshare", "-rm", "sh", "-c", script, "sh", str(place), str(16 * 1024), str(free_kb))
    code, words = tuesday(place, before)
    shutil.rmtree(place / "night")
    (place / "found").rename(place / "night")
    return code, words


@needs_mounts
@pytest.mark.parametrize("free_kb", [100])
def test_a_disk_fills_up(place: Path, free_kb: int) -> None:
    code, words = on_small_disk(place, free_kb)
    assert_kept(place, code, words)
    assert "night" in words
    assert any(each in words for each in FULL)


@needs_mounts
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_disk_fills_up_at_every_size(monday: Path, tmp_path: Path) -> None:
    """From no room at all in small steps, until there is enough and the plan is published whole."""
    for free_kb in itertools.count(0, STEP_KB):
        place = tmp_path / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(monday, place, symlinks=True)
        code, words = on_small_disk(place, free_kb)
        if code == OK:
            break
        assert_kept(place, code, words)
        assert any(each in words for each in FULL), (free_kb, words)
    assert free_kb > STEP_KB
    assert_tidy(place)


@needs_mounts
def test_a_read_only_disk_is_told(place: Path) -> None:
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    code, words = tuesday(place, ("unshare", "-rm", "sh", "-c", script, "sh", str(place / "night")))
    assert_kept(place, code, words)
    assert code == DEFECT
    assert str(place / "night/published") in words
    assert "Read-only file system" in words


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_too_little_memory_at_every_size(monday: Path, tmp_path: Path) -> None:
    """Address space of the command and of all that it starts: a whole plan, or the last one.

    What is told is not asked here: a library that is short of memory ends its process or raises what comes to its mind.
    """
    codes = []
    for megabytes in MEMORY_MB:
        place = tmp_path / str(megabytes)
        shutil.copytree(monday, place, symlinks=True)
        code, words = tuesday(
            place, limit=lambda size=megabytes * 2**20: resource.setrlimit(resource.RLIMIT_AS, (size, size))
        )
        codes.append(code)
        if code == OK:
            assert_tidy(place)
        else:
            assert words
            assert_whole_and_first(place)
    assert OK in codes
    assert codes[0] != OK


def test_an_engine_without_memory_keeps_the_last_plan(place: Path) -> None:
    configure(place, f"{KEEP}[limits]\nmemory_limit_mb = 64\n")
    code, words = tuesday(place)
    assert_kept(place, code, words)
    assert code in (DEFECT, LIMIT_NO_PLAN)
    assert "memory" in words


@needs_compiler
@pytest.mark.parametrize("midst", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_back(place: Path, tmp_path: Path, midst: bool) -> None:
    """Three days back before the night or in its midst: one plan of the date with which it began, times in order."""
    calls, words = FaultyCalls(tmp_path), ("nightly", place / "night.toml")
    asked = calls.run(Fault(shift_s=1), place, *words, "--business-date", TUESDAY).asked if midst else 2
    assert asked > 1
    today = datetime.now(UTC).date()
    ended = calls.run(Fault(shift_s=-3 * DAY_S, shift_from=asked // 2), place, *words)
    assert ended.exit_code == OK, ended.words
    assert_tidy(place)
    expected = today if midst else today - timedelta(days=3)
    assert abs(date.fromisoformat(published(place)[-1][:10]) - expected) <= timedelta(days=1)  # midnight, and the zone
    assert query(place, "SELECT count(*) FROM events WHERE seconds < 0") == [(0,)]


@pytest.mark.parametrize(("code", "expected"), [(127, DEFECT), (-6, DEFECT), (INFEASIBLE, INFEASIBLE)])
def test_codes_of_libraries_are_no_codes_of_ours(code: int, expected: int) -> None:
    """A process that is short of memory ends as the library that noticed sees fit."""
    found = _without_plan(Attempt(code, "terminate called"))
    assert found.exit_code == expected
    assert "terminate called" in found.reason


def test_what_the_system_says_is_told_and_a_defect_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent") as caught:
        (tmp_path / "absent").read_bytes()
    assert str(tmp_path / "absent") in system_words(caught.value)
    assert system_words(MemoryError()) == "out of memory"
    assert system_words(ImportError("libarrow.so: failed to map segment from shared object"))
    assert system_words(ImportError("no module named x")) == system_words(ValueError("x")) == ""
