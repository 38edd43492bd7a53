"""One attempt to plan, in a process of its own: whatever becomes of it, the night goes on.

The child calls `optimizer.run.run`, so a plan is in its folder only if the independent checker accepted it, and ends
with the exit code of the contract. It dies with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from optimizer.errors import BAD_INPUT, DEFECT, AllotError, naming, system_words

POLL_S = 0.05
GRACE_S = 30
"""How long a child that was asked to stop may verify and write what it has."""
TAIL = 1500
"""Characters of a child's last words that are kept."""
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Order:
    """What an attempt is to do. ``bundle``: copy the inputs into the folder, since they lie nowhere else."""

    scenario: str
    out: str
    settings: tuple[str, ...]
    soften: bool
    allow_outside: bool
    fmt: str
    bundle: bool


@dataclass(frozen=True)
class Attempt:
    """How an attempt ended: its exit code (negative: the signal that killed it) and its last words."""

    exit_code: int
    words: str
    timed_out: bool = False


def attempt(order: Order, log: Path, temporary: Path, wall_limit_s: float, stop: threading.Event) -> Attempt:
    """Start a child, wait for it, and see to it that it ends: by itself, at the wall limit, or once ``stop`` is set.

    Call from the main thread: the child's life is tied to the thread that starts it.
    """
    command = [sys.executable, "-m", "optimizer.nightly.attempt", str(os.getpid()), json.dumps(asdict(order))]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with naming("write", log):
        words = open(log, "wb")  # noqa: SIM115 - closed below
    with words:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
                                 env=environment, start_new_session=True)  # fmt: skip
        try:
            timed_out = _wait(child, wall_limit_s, stop)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return Attempt(child.returncode, _last_words(log) or f"it left no words in {log}", timed_out)


def _last_words(log: Path) -> str:
    return log.read_bytes()[-4 * TAIL :].decode("utf-8", "replace")[-TAIL:].strip()


def _wait(child: subprocess.Popen[bytes], wall_limit_s: float, stop: threading.Event) -> bool:
    """Until the child ended or must be killed; True if it was its time that ran out."""
    until = time.monotonic() + wall_limit_s
    asked = False
    while child.poll() is None:
        if stop.is_set() and not asked:
            asked, until = True, min(until, time.monotonic() + GRACE_S)
            child.terminate()
        if time.monotonic() > until:
            return not asked
        time.sleep(POLL_S)
    return False


def main(parent: str, order: str) -> int:
    """The child's side."""
    from optimizer.engines.child import die_with_parent

    die_with_parent(int(parent))
    told = json.loads(order)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        from optimizer.run import run

        outcome = run(
            told["scenario"],
            out=Path(told["out"]),
            settings=told["settings"],
            fmt=told["fmt"],
            bundle_inputs=told["bundle"],
            soften=told["soften"],
            allow_outside=told["allow_outside"],
            stop=stop,
        )
    except AllotError as error:
        _say(f"error: {error}")
        return error.exit_code if error.exit_code in (DEFECT, BAD_INPUT) else DEFECT
    except Exception as error:
        if not system_words(error):
            raise
        _say(f"error: {system_words(error)}")
        return DEFECT
    _say("\n".join(outcome.summary))
    return outcome.exit_code


def _say(words: str) -> None:
    """Into the log at once. A plan is worth more than the words about it: where they cannot be written, it stays."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{words}\n".encode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
