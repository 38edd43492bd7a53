"""A child process for each solve: the parent's side.

An engine may crash, hang, ignore its time limit, eat all memory or print anything. So it runs in a process of its own,
in a session of its own (Ctrl-C in a terminal reaches the parent alone) with a folder of its own, under a memory limit,
and the parent holds the clock. When the parent dies, however it dies, the kernel kills the child; folders that a killed
parent left behind are swept by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.child import INCUMBENT, RESULT, load_arrays
from optimizer.errors import naming

Ended = Literal["finished", "timeout", "memory", "crashed", "stopped"]
OnMessage = Callable[[dict[str, Any]], None]

GRACE_S = 2.0
"""How long a child that was asked to stop may take to hand over what it has."""
_POLL_S = 0.05
_TAIL = 8_000
_PREFIX = "allot-worker-"
_SWEEP_AFTER_S = 60.0
_MEMORY_WORDS = ("bad_alloc", "out of memory", "Cannot allocate memory", "MemoryError", "Insufficient memory",
                 "Memory allocation still failed", "failed to map segment", "can't start new thread")  # fmt: skip
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL)


@dataclass(frozen=True)
class ChildOutcome:
    """How a task ended, and what it left.

    ``finished``: the task returned (also after a stop that it obeyed); ``arrays`` and ``meta`` are what it returned.
    Otherwise they are its last incumbent, empty if it had none: ``timeout`` and ``stopped`` (it did not obey in time
    and was killed), ``memory``, ``crashed`` (an exception, named by ``error``, or a signal, said in ``detail``).
    """

    ended: Ended
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    stderr_tail: str = ""
    stdout_tail: str = ""
    error: str = ""
    detail: str = ""


def run_in_child(
    task: str,
    arrays: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any],
    *,
    wall_limit_s: float,
    memory_limit_mb: int | None = None,
    threads: int = 1,
    grace_s: float = GRACE_S,
    on_message: OnMessage | None = None,
    stop: threading.Event | None = None,
) -> ChildOutcome:
    """Call ``task`` ("module:function") as ``f(arrays, meta, emit) -> (arrays, meta)`` in a process of its own.

    ``meta`` is anything JSON can say; see ``child.Emit`` for what the task may do while it runs. At ``wall_limit_s``,
    counted from this call, or when ``stop`` is set, the task is asked to stop; ``grace_s`` later its whole process
    group is killed. ``on_message`` runs in the calling thread; what it raises ends the child and is raised here.
    """
    with Child(threads=threads, memory_limit_mb=memory_limit_mb) as child:
        return child.run(
            task, arrays, meta, wall_limit_s=wall_limit_s, grace_s=grace_s, on_message=on_message, stop=stop
        )


class Child:
    """A child process that runs tasks one after another. Use it in the thread that made it: the kernel ties them."""

    def __init__(self, *, threads: int = 1, memory_limit_mb: int | None = None) -> None:
        self.threads = threads
        self.memory_limit_mb = memory_limit_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._unread = b""
        self._jobs = 0
        _sweep()
        with naming("create a folder in", Path(tempfile.gettempdir())):
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = _hold(self.folder)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether its process waits for the next task."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Kill what still runs and remove the folder."""
        self._kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def run(
        self,
        task: str,
        arrays: Mapping[str, NDArray[Any]],
        meta: Mapping[str, Any],
        *,
        wall_limit_s: float,
        grace_s: float = GRACE_S,
        on_message: OnMessage | None = None,
        stop: threading.Event | None = None,
    ) -> ChildOutcome:
        """One task, as in ``run_in_child``. The process stays for the next one unless it had to be killed."""
        deadline = time.monotonic() + wall_limit_s
        self._jobs += 1
        job = self.folder / f"job{self._jobs}"
        try:
            with naming("prepare the engine's task in", job):
                job.mkdir()
                for name, array in arrays.items():
                    np.save(job / f"{name}.npy", array, allow_pickle=False)
                (job / "job.json").write_text(json.dumps({"task": task, "meta": dict(meta), "arrays": list(arrays)}))
                if self._process is None:
                    self._spawn()
            self._send({"do": "run", "folder": str(job)})
            end = self._converse(deadline, grace_s, on_message or (lambda message: None), stop)
            return self._outcome(end, job)
        except BaseException:
            self._kill()
            raise
        finally:
            shutil.rmtree(job, ignore_errors=True)

    def _spawn(self) -> None:
        read, write = os.pipe()
        words = [str(write), str(os.getpid()), str(self.memory_limit_mb or 0)]
        try:
            with open(self.folder / "stdout", "wb") as out, open(self.folder / "stderr", "wb") as err:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "optimizer.engines.worker", *words],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    pass_fds=[write],
                    start_new_session=True,
                    cwd=self.folder,
                    env=_environment(self.threads, self.folder),
                )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._pipe, self._unread = read, b""

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a child that is gone is noticed where its messages end
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()

    def _converse(
        self, deadline: float, grace_s: float, on_message: OnMessage, stop: threading.Event | None
    ) -> dict[str, Any]:
        """Pass messages on until the task ends, the child is gone ({}), or the clock says enough."""
        asked, kill_at = "", float("inf")
        while True:
            now = time.monotonic()
            if not asked:
                asked = "stopped" if stop is not None and stop.is_set() else "timeout" if now >= deadline else ""
                if asked:
                    self._send({"do": "stop"})
                    kill_at = now + grace_s
            elif now >= kill_at:
                return {"end": asked}
            pause = _POLL_S if stop is not None else min(deadline, kill_at) - now
            lines = self._read(kill_at - now if asked else max(pause, 0.0))
            if lines is None:
                return {}
            for line in lines:
                if "end" in line:
                    return line
                on_message(line["message"])

    def _read(self, timeout_s: float) -> list[dict[str, Any]] | None:
        """The messages that arrive within the time, maybe none; None when the child has gone."""
        ready, _, _ = select.select([self._pipe], [], [], max(timeout_s, 0.0))
        if not ready:
            return []
        data = os.read(self._pipe, 1 << 16)
        if not data:
            return None
        *whole, self._unread = (self._unread + data).split(b"\n")
        return [json.loads(line) for line in whole]

    def _outcome(self, end: dict[str, Any], job: Path) -> ChildOutcome:
        ended: Ended = end.get("end", "crashed")
        error, detail = end.get("error", ""), end.get("text", "")
        code = None if end and ended not in ("timeout", "stopped") else self._kill()
        if not end and code is not None:
            detail = _death(code)
        stderr, stdout = _tail(self.folder / "stderr"), _tail(self.folder / "stdout")
        if not end and self._starved(code, stderr):
            ended = "memory"
        name = RESULT if ended == "finished" else INCUMBENT
        with naming("read the engine's answer from", job / name):
            found, meta = load_arrays(job / name) if (job / name).exists() else ({}, {})
        return ChildOutcome(ended, found, meta, stderr, stdout, error, detail)

    def _starved(self, code: int | None, stderr: str) -> bool:
        """Whether a child that vanished was short of memory: it says so, or it fell under a memory limit."""
        fell = self.memory_limit_mb is not None and code is not None and -code in _CRASHES
        return fell or any(word in stderr for word in _MEMORY_WORDS)

    def _kill(self) -> int | None:
        """End the child and everything it started; its exit code (None if there is no child)."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # before wait(): until then the number cannot be anybody else's
        code: int = process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        os.close(self._pipe)
        return code


def _environment(threads: int, folder: Path) -> dict[str, str]:
    """The environment of this process, the same importable packages, one word on threads for every library."""
    numbers = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(path for path in sys.path if path and path != root)]
    fixed = {
        "PYTHONPATH": os.pathsep.join(paths),
        "TMPDIR": str(folder),
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **dict.fromkeys(numbers, str(threads)), **fixed}


def _death(code: int) -> str:
    if code >= 0:
        return f"the engine's process left with exit code {code}"
    name = signal.Signals(-code).name
    hint = " (by hand, or by the system when memory ran out)" if -code == signal.SIGKILL else ""
    return f"the engine's process died of {name}{hint}"


def _tail(path: Path) -> str:
    """The last lines of a log, however large or odd."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _hold(folder: Path) -> IO[bytes]:
    """Lock a folder for as long as this process lives."""
    lock = open(folder / "lock", "wb")  # noqa: SIM115 - held until close()
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _sweep() -> None:
    """Remove folders whose owner was killed: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _SWEEP_AFTER_S:
                continue  # it may be so new that its owner has not locked it yet
            with open(folder / "lock", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    from optimizer.engines.child import main

    main()
