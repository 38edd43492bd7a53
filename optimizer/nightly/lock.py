"""One night at a time: a lock that the operating system gives back, however its owner ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

from optimizer.errors import LOCKED, AllotError, naming

FILE = ".allot-nightly.lock"
"""Stays where it is: removing a lock file lets two processes hold two files of one name."""
PATIENCE_S = 5.0
"""How long a lock may outlive its owner. A night that is killed while it starts another process leaves that one holding
the lock until it has become the other program: milliseconds, but a restart may come sooner."""


class LockedError(AllotError):
    """Another run is at work here."""

    exit_code = LOCKED


class NightLock:
    """Holds the lock of a publish folder within a ``with``; at once `LockedError` if somebody else does."""

    def __init__(self, folder: Path, started: datetime) -> None:
        self._path, self._started, self._handle = folder / FILE, started, -1

    def __enter__(self) -> NightLock:
        with naming("create", self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with naming("open", self._path):
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take()
        except BlockingIOError:
            owner = _owner_words(self._note())
            os.close(self._handle)
            raise LockedError(f"another run holds {self._path}{owner}; nothing was done") from None
        except OSError as error:
            os.close(self._handle)
            raise AllotError(
                f"cannot lock {self._path}: {error.strerror}; publish to a file system with locks"
            ) from None
        note = {"pid": os.getpid(), "since": self._started.isoformat(timespec="seconds")}
        with naming("write", self._path):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, json.dumps(note).encode(), 0)
        return self

    def _take(self) -> None:
        """At once, or within `PATIENCE_S` where its owner is dead; else `BlockingIOError`."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if _lives(self._note()) or time.monotonic() > until:
                    raise
            time.sleep(0.02)

    def _note(self) -> bytes:
        return os.pread(self._handle, 500, 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)


def _owner_words(note: bytes) -> str:
    """Who holds it, if the owner has come to write that down."""
    try:
        stated = json.loads(note)
        return f" (process {int(stated['pid'])}, since {datetime.fromisoformat(stated['since'])})"
    except (ValueError, KeyError, TypeError):
        return ""


def _lives(note: bytes) -> bool:
    """Whether the owner that wrote the note is a process of this machine."""
    try:
        os.kill(int(json.loads(note)["pid"]), 0)
    except (ValueError, KeyError, TypeError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
