"""Whichever system call fails, the last plan stays whole or a whole new one counts, and the message says where it was.

By hand: ``python -m tests.nightly.test_syscalls [STRIDE [KIND ...]]`` lets each (or every so many) write, sync, rename
and open below the publish folder and in the store fail in turn, with each error, until a run goes through without.
"""

from __future__ import annotations

import errno
import itertools
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from optimizer.errors import DEFECT, LIMIT_NO_PLAN, OK, VERIFICATION_FAILED
from tests.nightly.faulty_calls import COMPILER, ERRORS, Ended, Fault, FaultyCalls
from tests.nightly.invariants import violations
from tests.nightly.nights import EVERYTHING, KEEP, MONDAY, TUESDAY, allot, make, recover_now, site

KINDS = ("sync", "rename", "write", "open")


@dataclass
class Trials:
    """Where Monday is published (``clean``), and what became of Tuesday with a fault; each trial begins from a copy."""

    folder: Path
    clean: Path
    violations: list[str] = field(default_factory=list)
    exits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.calls = FaultyCalls(self.folder)
        self.place = self.folder / "place"

    def all_of(self, kind: str, stride: int = 1) -> None:
        """Each n with one error, then each with the next, and the next; only every ``stride``-th of these trials."""
        numbers = itertools.count()
        for turn in range(len(ERRORS)):
            for nth in itertools.count(1):
                wanted = next(numbers) % stride == 0
                if wanted and not self.one(Fault(kind, ERRORS[(nth + turn) % len(ERRORS)], nth)):
                    break

    def one(self, fault: Fault) -> bool:
        """Whether the fault struck at all."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.clean, self.place, symlinks=True)
        seen = site(self.place)
        before, plans = seen.history(), seen.plans()
        config = self.place / "night.toml"
        ended = self.calls.run(fault, self.place / "night", "nightly", config, "--business-date", TUESDAY)
        found = [*violations(seen, settled=False, before=before), *_told(ended, len(seen.plans()) > len(plans))]
        recover_now(self.place)
        found += violations(seen, settled=True, before=before)
        self.violations += [f"{fault} at {ended.path or 'nothing'}: {each}" for each in found]
        self.exits[f"{fault.kind}: exit {ended.exit_code}"] += 1
        return ended.failed > 0


def _told(ended: Ended, published: bool) -> Iterator[str]:
    """A fault that stopped the plan ends with a code and names its path, or the store; none shows a traceback."""
    if "Traceback" in ended.words:
        yield f"a traceback: {ended.words}"
    if published or not ended.failed:
        if ended.exit_code not in (OK, DEFECT) or (not ended.failed and ended.exit_code != OK):
            yield f"published with exit {ended.exit_code}: {ended.words}"
        return
    if ended.exit_code not in (DEFECT, LIMIT_NO_PLAN, VERIFICATION_FAILED):  # 6: what cannot be read is not verified
        yield f"not published, exit {ended.exit_code}: {ended.words}"
    store = "allot.db" in ended.path and "sqlite:///night/allot.db" in ended.words
    if not store and not any(str(path) in ended.words for path in _named(Path(ended.path))):
        yield f"the path is not named: {ended.words}"


def _named(path: Path) -> Iterator[Path]:
    """The path, or a folder of it below the publish folder."""
    return itertools.takewhile(lambda each: each.name != "night", (path, *path.parents))


@pytest.fixture(scope="module")
def trials(monday: Path, tmp_path_factory: pytest.TempPathFactory) -> Trials:
    if COMPILER is None:
        pytest.skip("needs a C compiler as cc")
    return Trials(tmp_path_factory.mktemp("trials"), monday)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("write", errno.ENOSPC, 51),
        Fault("rename", errno.EACCES, 2),
        Fault("open", errno.EIO, 4, name="run.json"),  # where the night weighs the gap, and where it publishes
        Fault("open", errno.EIO, 10, name="run.json"),
        Fault("write", errno.EIO, 1, name="scenario-full.log"),  # what the solve says, once its plan is there
    ],
    ids=str,
)
def test_a_call_fails(trials: Trials, fault: Fault) -> None:
    trials.violations.clear()
    assert trials.one(fault)
    assert trials.violations == []


@pytest.mark.slow
@pytest.mark.timeout(14400)
@pytest.mark.parametrize("kind", KINDS)
def test_every_call_fails_in_turn(trials: Trials, kind: str) -> None:
    trials.violations.clear()
    trials.all_of(kind)
    assert trials.violations == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_reading_of_what_a_solve_says_fails_in_turn(trials: Trials) -> None:
    trials.violations.clear()
    readings = (Fault("open", errno.EIO, nth, name="run.json") for nth in itertools.count(1))
    assert sum(1 for _ in itertools.takewhile(trials.one, readings)) > 3
    assert trials.violations == []


def main(stride: str = "1", *kinds: str) -> int:
    """The figures of a run by hand."""
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), Path(folder) / "clean")
        done = allot("nightly", make(trials.clean, KEEP + EVERYTHING), "--business-date", MONDAY)
        assert done.returncode == OK, done.stderr
        for kind in kinds or KINDS:
            trials.all_of(kind, int(stride))
            print(f"{kind}: {dict(trials.exits)}, {len(trials.violations)} violations", flush=True)
    print("\n".join(trials.violations))
    return int(bool(trials.violations))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
