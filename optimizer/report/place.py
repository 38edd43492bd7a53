"""A folder is whole or it is not there: write aside, put in place by one rename, recover from any crash.

Everything happens in a hidden workspace beside the target, on the same file system::

    .allot-stage-1a2b3c4d/
        owner        names the target; locked for as long as the process that stages lives
        run/         the new folder while it is written
        replaced/    the old folder, for the instant of a two-step replacement

A new folder is placed by one `rename`. An old one is replaced by one *exchange* of the two names where the file system
can do that, else by two renames; if a crash falls between them, the next start puts the old folder back.
A workspace whose owner no longer holds the lock is left over from a crash: `sweep` removes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from optimizer.errors import naming as naming

PREFIX = ".allot-stage-"
OWNER, NEW, REPLACED = "owner", "run", "replaced"
UNOWNED_AGE_S = 3600
"""A workspace without an owner file is being made, or its making was interrupted: swept only at this age."""


def write_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file and make it durable; any failure names the path."""
    with naming("write", path), open(path, "xb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in place of what is there, in one step; any failure names the path and leaves the old one."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with naming("create", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_file(aside, [content])
        with naming("write", path):
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    make_durable(path.parent)


def make_durable(path: Path) -> None:
    """Flush a file or the entries of a folder to the disk."""
    with naming("flush", path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Workspace:
    """The hidden folder of one staging process; ``folder`` is where the new run folder is written."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._lock: int | None = None
        self._removed = False
        parent = target.parent
        with naming("create", parent):
            parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        self.path = parent / f"{PREFIX}{secrets.token_hex(4)}"
        self.folder = self.path / NEW
        with naming("create", self.path):
            self.path.mkdir()
        try:
            self._claim()
            with naming("create", self.folder):
                self.folder.mkdir()
            make_durable(self.path)
        except BaseException:
            self.remove()
            raise

    def _claim(self) -> None:
        """Write and lock the owner file before it gets its name, so that nobody ever sees it unlocked."""
        nameless = self.path / f"{OWNER}.tmp"
        write_file(nameless, [json.dumps({"target": self.target.name, "pid": os.getpid()}).encode()])
        with naming("lock", nameless):
            self._lock = os.open(nameless, os.O_RDONLY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):  # no locks here: then nobody else can take it either, and none sweeps
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            nameless.rename(self.path / OWNER)

    def place(self, replace: bool) -> None:
        """Put the new folder at the target; with ``replace``, an old one goes away in the same step."""
        make_durable(self.folder)
        with naming("put the run folder in place at", self.target):
            if not (replace and self.target.is_dir()):
                os.rename(self.folder, self.target)  # fails on anything but an absent or empty folder
            elif not exchange(self.folder, self.target):
                os.rename(self.target, self.path / REPLACED)  # from here to the next line `_put_back` is the way home
                os.rename(self.folder, self.target)
        make_durable(self.target.parent)
        self.remove()

    def remove(self) -> None:
        """Take the workspace away; what cannot be removed now is swept at the next start."""
        if self._removed:
            return
        with naming("put back", self.target):
            _put_back(self.path, self.target)
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._removed = True


def sweep(parent: Path) -> None:
    """Remove what crashed processes left in ``parent``; an old folder that was set aside comes back first."""
    for workspace in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            _sweep_one(workspace)


def _sweep_one(workspace: Path) -> None:
    try:
        handle = os.open(workspace / OWNER, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if time.time() - workspace.stat().st_mtime > UNOWNED_AGE_S:
            shutil.rmtree(workspace)
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while the owner lives
        _put_back(workspace, workspace.parent / json.loads((workspace / OWNER).read_bytes())["target"])
        shutil.rmtree(workspace)
    finally:
        os.close(handle)


def _put_back(workspace: Path, target: Path) -> None:
    """Undo the first half of a two-step replacement whose second half did not happen."""
    if (workspace / REPLACED).exists() and not target.exists():
        os.rename(workspace / REPLACED, target)
        make_durable(target.parent)


AT_FDCWD, RENAME_EXCHANGE = -100, 2
NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def exchange(left: Path, right: Path) -> bool:
    """Swap two names in one atomic step; False where the system or the file system cannot."""
    renameat2: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(AT_FDCWD, os.fsencode(left), AT_FDCWD, os.fsencode(right), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(right))
