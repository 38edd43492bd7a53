"""Inside the child process: take a task, run it, hand its arrays back, die with the parent.

Nothing here knows what a task does. The parent's side is ``worker.py``, whose main program ends here.
Jobs and stop requests arrive as JSON lines on stdin, messages leave as JSON lines on a pipe of their own, so that
whatever an engine prints to stdout or stderr can never be mistaken for either.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import naming

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

_PR_SET_PDEATHSIG = 1
RESULT, INCUMBENT = "result.npz", "incumbent.npz"


class Emit:
    """What a task may tell its parent while it runs, and how it learns that it should stop. Safe from any thread."""

    def __init__(self, pipe: int, folder: Path) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._on_stop: list[Callable[[], object]] = []
        self.folder = folder
        """A folder of this job alone; the parent removes it."""

    def __call__(self, **message: Any) -> None:
        """Send one message (anything JSON can say) to the parent's ``on_message``."""
        self.send({"message": message})

    def incumbent(self, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Keep the best answer so far on disk, whole or not at all: it survives whatever becomes of this process."""
        with self._lock:
            save_arrays(self.folder / INCUMBENT, arrays, meta)

    def stopped(self) -> bool:
        """Whether the parent asked to stop: return soon with the best answer there is."""
        return self._stop.is_set()

    def on_stop(self, action: Callable[[], object]) -> None:
        """Call ``action`` (in another thread) once a stop is asked for; at once if it already was."""
        self._on_stop.append(action)
        if self.stopped():
            action()

    def ask_to_stop(self) -> None:
        """The parent's request has arrived."""
        self._stop.set()
        for action in list(self._on_stop):
            with contextlib.suppress(Exception):  # a task that cannot be stopped gently is killed later
                action()

    def send(self, line: Mapping[str, Any]) -> None:
        data = (json.dumps(line) + "\n").encode()
        with self._lock:
            while data:
                data = data[os.write(self._pipe, data) :]


def save_arrays(path: Path, arrays: Arrays, meta: Mapping[str, Any]) -> None:
    """Write arrays and their description as one file, in place at once (rename)."""
    import numpy as np

    spare = path.with_suffix(".part")
    stored: dict[str, Any] = {**arrays, "_meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)}
    with naming("write", path):
        with open(spare, "wb") as file:
            np.savez(file, **stored)
        os.replace(spare, path)


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """The inverse of ``save_arrays``."""
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "_meta"}
        return arrays, json.loads(stored["_meta"].tobytes())


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when the thread that started it ends; leave at once if it is gone already.

    Elsewhere than on Linux the end of stdin does the same, a little later.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def _limit(memory_limit_mb: int) -> None:
    """No core files; at most so much address space (0: no limit)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_limit_mb:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit_mb * 2**20,) * 2)


def _listen(jobs: queue.Queue[Emit | None], pipe: int) -> None:
    """Read requests until the parent closes stdin or dies; then end this process and all that it started."""
    current: Emit | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "run":
            current = Emit(pipe, Path(request["folder"]))
            jobs.put(current)
        elif current is not None:
            current.ask_to_stop()
    os.killpg(0, signal.SIGKILL)


def _run(emit: Emit) -> None:
    """One job: its arrays in, its task called, its arrays out, and a last line that says how it ended."""
    import numpy as np

    try:
        with naming("read", emit.folder):
            job = json.loads((emit.folder / "job.json").read_text())
            arrays = {name: np.load(emit.folder / f"{name}.npy", allow_pickle=False) for name in job["arrays"]}
        module, _, function = job["task"].partition(":")
        arrays, meta = getattr(importlib.import_module(module), function)(arrays, job["meta"], emit)
        save_arrays(emit.folder / RESULT, arrays, meta)
        emit.send({"end": "finished"})
    except MemoryError:
        emit.send({"end": "memory", "error": "MemoryError", "text": "out of memory"})
    except Exception as error:
        traceback.print_exc()
        emit.send({"end": "crashed", "error": type(error).__name__, "text": str(error)})


def main() -> None:
    """``worker.py PIPE PARENT MEMORY_MB``: serve jobs until stdin ends."""
    pipe, parent, memory_limit_mb = (int(word) for word in sys.argv[1:4])
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; an interrupted engine may claim a proof
    os.set_inheritable(pipe, False)
    _limit(memory_limit_mb)
    jobs: queue.Queue[Emit | None] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs, pipe), daemon=True).start()
    while (emit := jobs.get()) is not None:
        _run(emit)
