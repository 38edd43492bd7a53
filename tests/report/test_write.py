"""A run folder is whole or not there: whatever fails, whenever the process dies."""

import errno
import hashlib
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.errors import OutputError, UsageError
from optimizer.report import place
from optimizer.report.bundle import RunBundle
from optimizer.report.place import Workspace, sweep
from optimizer.report.write import check_target, publish, stage
from tests.report.sample import sample, verification

OLD, NEW = sample(orders=3, name="old"), sample(orders=3, name="new")
PLAIN = {"plan": None, "tables": {}, "certificate": None}
SMALL_OLD, SMALL_NEW = OLD.replace(**PLAIN), NEW.replace(**PLAIN)
"""Runs without a plan: the same way through with a third of the files, for tests that walk every system call."""
ALL_FILES = {
    "allocations.csv", "certificate.json", "contracts.csv", "exceptions.csv", "orders.csv", "plan.xlsx",
    "replenishment.csv", "report.html", "run.json", "shadow_prices.csv", "shipments.csv", "shorts.csv", "timing.json",
    "transfers.csv", "verification.json", "warehouses.csv",
}  # fmt: skip
SMALL_FILES = {"report.html", "run.json", "timing.json", "verification.json"}
STEPS = ("mkdir", "rename", "fsync", "unlink", "rmdir", "open")
"""The system calls by which a folder is made, put in place and taken away."""


def name_of(folder: Path) -> str:
    """Which run a folder holds, after checking that every one of its files is whole."""
    names = {path.name for path in folder.iterdir()}
    assert names in (ALL_FILES, SMALL_FILES)
    digests = json.loads((folder / "timing.json").read_bytes())["files"]
    assert set(digests) == names - {"timing.json"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    return json.loads((folder / "run.json").read_bytes())["scenario"]["name"]


def leftovers(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir() if path.name.startswith("."))


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked process; its exit status, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            work()
            code = 0
        except OutputError:
            code = 7
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_step(monkeypatch: pytest.MonkeyPatch, wanted: int, act: Callable[[], None], repeat: bool = False) -> None:
    """Do ``act`` before the ``wanted``-th system call of `STEPS` (and, with ``repeat``, before each later one)."""
    seen = 0

    def wrap(call):
        def stepped(*args, **kwargs):
            nonlocal seen
            seen += 1
            if seen == wanted or (repeat and seen > wanted):
                act()
            return call(*args, **kwargs)

        return stepped

    for name in STEPS:
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_publish_writes_a_whole_folder_and_nothing_else(tmp_path) -> None:
    folder = publish(OLD, tmp_path / "deep" / "run")
    assert folder == tmp_path / "deep" / "run"
    assert name_of(folder) == "old"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["run"]
    timing = json.loads((folder / "timing.json").read_bytes())
    assert timing["phases"] == {"read": 0.1, "solve": 1.25}
    assert oct(folder.stat().st_mode & 0o777) == oct(0o777 & ~umask())


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_is_verified_is_what_is_published(tmp_path) -> None:
    with stage(OLD.replace(verification=None), tmp_path / "run") as staged:
        assert not (tmp_path / "run").exists()
        assert (staged.path / "allocations.csv").read_bytes().startswith(b"order_id,line_id,product_id")
        inodes = {path.name: path.stat().st_ino for path in staged.path.iterdir()}
        staged.seal(verification(), OLD.timing)
        staged.commit()
    assert name_of(tmp_path / "run") == "old"
    assert {name: (tmp_path / "run" / name).stat().st_ino for name in inodes} == inodes
    assert json.loads((tmp_path / "run" / "verification.json").read_bytes())["passed"] is True


def test_leaving_without_commit_leaves_nothing(tmp_path) -> None:
    with stage(OLD, tmp_path / "run") as staged:
        staged.seal(OLD.verification, OLD.timing)
        assert staged.path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_commit_wants_a_sealed_folder(tmp_path) -> None:
    with stage(OLD, tmp_path / "run") as staged, pytest.raises(RuntimeError, match="seal"):
        staged.commit()
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_plan_has_no_tables(tmp_path) -> None:
    run = {**OLD.run, "termination": {"reason": "INFEASIBLE", "limit": "", "detail": ""}}
    conflict = {"rules": [{"words": "contract K-1 needs 10 units, W1 has 5"}]}
    bundle = OLD.replace(run=run, plan=None, tables={}, certificate=None, verification=None, conflict=conflict)
    folder = publish(bundle, tmp_path / "run")
    assert {path.name for path in folder.iterdir()} == {"run.json", "conflict.json", "report.html", "timing.json"}
    page = (folder / "report.html").read_text()
    assert "There is no plan in this folder" in page
    assert "contract K-1 needs 10 units, W1 has 5" in page


def test_copies_lie_inside_and_are_hashed(tmp_path) -> None:
    source = tmp_path / "orders.csv"
    source.write_bytes(b"order_id\n1\n")
    folder = publish(OLD.replace(copies={"inputs/orders.csv": source, "inputs/x.csv": b"x\n"}), tmp_path / "run")
    assert (folder / "inputs" / "orders.csv").read_bytes() == b"order_id\n1\n"
    assert {"inputs/orders.csv", "inputs/x.csv"} < set(json.loads((folder / "timing.json").read_bytes())["files"])
    assert check_target(folder, replace=True) == folder
    with pytest.raises(ValueError, match="leave the run folder"):
        publish(OLD.replace(copies={"../escaped.csv": b""}), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_parquet_instead_of_csv(tmp_path) -> None:
    names = {path.name for path in publish(OLD, tmp_path / "run", "parquet").iterdir()}
    assert names == {name.replace(".csv", ".parquet") for name in ALL_FILES}


def test_an_older_run_is_replaced_only_if_asked(tmp_path) -> None:
    publish(OLD, tmp_path / "run")
    with pytest.raises(UsageError, match="exists already"):
        publish(NEW, tmp_path / "run")
    assert name_of(tmp_path / "run") == "old"
    publish(NEW, tmp_path / "run", replace=True)
    assert name_of(tmp_path / "run") == "new"
    assert leftovers(tmp_path) == []


def foreign_note(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def broken_run(folder: Path) -> None:
    (folder / "run.json").write_text("{")


def other_run(folder: Path) -> None:
    (folder / "run.json").write_text('{"name": "someone else\'s"}')


def no_run(folder: Path) -> None:
    (folder / "run.json").unlink()


@pytest.mark.parametrize("change", [foreign_note, broken_run, other_run, no_run])
def test_what_is_not_ours_is_never_replaced(tmp_path, change) -> None:
    folder = publish(OLD, tmp_path / "run")
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UsageError, match="not a run folder of allot"):
        publish(NEW, folder, replace=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("mine")
    publish(OLD, tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="is not a folder"):
            publish(NEW, tmp_path / name, replace=True)
    assert name_of(tmp_path / "real") == "old"


def test_an_empty_folder_is_no_obstacle(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    assert name_of(publish(OLD, tmp_path / "run")) == "old"


def test_somebody_who_was_faster_is_not_overwritten(tmp_path) -> None:
    with stage(NEW, tmp_path / "run") as staged:
        staged.seal(NEW.verification, NEW.timing)
        publish(OLD, tmp_path / "run")
        with pytest.raises(UsageError, match="exists already"):
            staged.commit()
        with pytest.raises(OutputError, match="run"):  # even if it came after the last look
            staged._workspace.place(replace=False)
    assert name_of(tmp_path / "run") == "old"
    assert leftovers(tmp_path) == []


def killed_at_every_step(parent: Path, old: RunBundle, new: RunBundle, swap: bool) -> int:
    """Replace ``old`` by ``new``, killed before the 1st, 2nd, ... system call until it gets through; the calls made."""
    seen, step, status = set(), 0, -signal.SIGKILL
    while status != 0:
        step += 1
        here = parent / str(step)
        publish(old, here / "run")

        def replace_and_die(here: Path = here, step: int = step) -> None:
            with pytest.MonkeyPatch.context() as patch:
                if not swap:
                    patch.setattr(place, "exchange", lambda left, right: False)
                at_step(patch, step, die)
                publish(new, here / "run", replace=True)

        status = in_child(replace_and_die)
        assert status in (0, -signal.SIGKILL)
        if swap:
            name_of(here / "run")  # with an exchange there is not one moment without a whole folder
        sweep(here)
        recovered = [path for path in here.iterdir() if path.name != "run"]
        assert len(recovered) <= 1  # a workspace whose owner was killed before it could sign
        assert not recovered or not (recovered[0] / place.OWNER).exists()
        seen.add(name_of(here / "run"))
    assert seen == {"old", "new"}
    return step


@pytest.mark.parametrize("swap", [True, False], ids=["exchange", "two renames"])
def test_killed_before_any_step_the_folder_is_whole(tmp_path, swap) -> None:
    assert killed_at_every_step(tmp_path, SMALL_OLD, SMALL_NEW, swap) > 25


@pytest.mark.slow
@pytest.mark.parametrize("swap", [True, False], ids=["exchange", "two renames"])
def test_killed_before_any_step_with_a_plan(tmp_path, swap) -> None:
    assert killed_at_every_step(tmp_path, OLD, NEW, swap) > 40


def failed_at_every_step(parent: Path, old: RunBundle, new: RunBundle, error: int, repeat: bool) -> int:
    """The n-th call fails, for every n: the new folder is in place, or the old one and an error that names a path."""

    def fail() -> None:
        raise OSError(error, os.strerror(error))

    failures, successes, step = 0, 0, 0
    publish(old, parent / "run")
    while successes < 3:  # some failures are harmless, such as those of the last cleaning
        step += 1
        complaint = ""
        with pytest.MonkeyPatch.context() as patch:
            at_step(patch, step, fail, repeat)
            try:
                publish(new, parent / "run", replace=True)
            except OutputError as problem:
                complaint = str(problem)
        if complaint:
            failures, successes = failures + 1, 0
            assert str(parent) in complaint
            assert os.strerror(error) in complaint
        else:
            successes += 1
        for workspace in parent.glob(f"{place.PREFIX}*"):  # what could not be signed, or not removed while calls failed
            os.utime(workspace, (0, 0))
        sweep(parent)
        assert leftovers(parent) == []
        if name_of(parent / "run") == "new":
            publish(old, parent / "run", replace=True)
    return failures


@pytest.mark.parametrize("repeat", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_failing_system_call_fails_the_run_and_names_the_path(tmp_path, error, repeat) -> None:
    assert failed_at_every_step(tmp_path, SMALL_OLD, SMALL_NEW, error, repeat) > 10


@pytest.mark.slow
@pytest.mark.parametrize("repeat", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT])
def test_a_failing_system_call_with_a_plan(tmp_path, error, repeat) -> None:
    assert failed_at_every_step(tmp_path, OLD, NEW, error, repeat) > 20


def test_a_full_disk_is_an_error_not_a_torn_folder(tmp_path) -> None:
    """Files may only grow to a limit that rises until the run fits."""
    statuses = []
    for limit in [0, 100, 1000, *range(3000, 60_000, 6000), 1_000_000]:

        def limited(limit: int = limit) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            publish(OLD, tmp_path / "run")

        statuses.append(in_child(limited))
        assert leftovers(tmp_path) == []
        if statuses[-1] == 0:
            assert name_of(tmp_path / "run") == "old"
            break
        assert statuses[-1] == 7
        assert not (tmp_path / "run").exists()
    assert statuses[-1] == 0
    assert len(statuses) > 5


def killed_at_random(parent: Path, rounds: int, seed: int) -> int:
    """Replace ``parent/run`` again and again, each time killed after a random while; how many were really killed."""
    rng, killed = random.Random(seed), 0
    publish(OLD, parent / "run")
    start = time.monotonic()
    assert in_child(lambda: publish(NEW, parent / "run", replace=True) and None) == 0
    usual = time.monotonic() - start
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            try:
                publish(rng.choice([OLD, NEW]), parent / "run", replace=True)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, usual * 1.1))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert name_of(parent / "run") in ("old", "new")
    sweep(parent)
    for workspace in parent.glob(f"{place.PREFIX}*"):
        assert not (workspace / place.OWNER).exists()
    return killed


def test_kills_at_random_moments_leave_a_whole_folder(tmp_path) -> None:
    assert killed_at_random(tmp_path, rounds=20, seed=1) > 4


@pytest.mark.slow
def test_a_thousand_kills_at_random_moments(tmp_path) -> None:
    assert killed_at_random(tmp_path, rounds=1000, seed=2) > 300


def test_a_living_owner_is_left_alone(tmp_path) -> None:
    with stage(OLD, tmp_path / "run") as staged:
        sweep(tmp_path)
        publish(NEW, tmp_path / "other")  # sweeps, too
        assert (staged.path / "run.json").exists()
        staged.seal(OLD.verification, OLD.timing)
        staged.commit()
    assert name_of(tmp_path / "run") == "old"


def test_a_workspace_being_made_is_left_alone_until_it_is_old(tmp_path) -> None:
    making = tmp_path / f"{place.PREFIX}00000000"
    making.mkdir()
    sweep(tmp_path)
    assert making.exists()
    old = time.time() - place.UNOWNED_AGE_S - 1
    os.utime(making, (old, old))
    sweep(tmp_path)
    assert not making.exists()


def test_leaving_a_workspace_twice_closes_nothing_of_others(tmp_path) -> None:
    workspace = Workspace(tmp_path / "run")
    workspace.remove()
    with open(tmp_path / "other", "wb") as other:
        workspace.remove()
        other.write(b"still open")
    assert (tmp_path / "other").read_bytes() == b"still open"


def test_exchange_swaps_or_says_that_it_cannot(tmp_path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if place.exchange(tmp_path / "a", tmp_path / "b"):
        assert (tmp_path / "a" / "b").exists()
        assert (tmp_path / "b" / "a").exists()
    with pytest.raises(FileNotFoundError):
        place.exchange(tmp_path / "a", tmp_path / "missing")
