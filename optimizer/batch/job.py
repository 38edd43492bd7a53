"""One job of a batch, run in whatever process has it: here, in a worker of this machine or of a cluster."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.batch.jobs import Job
from optimizer.engines.idle import keep_children
from optimizer.errors import BAD_INPUT, DEFECT, AllotError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.engines.child import Emit

TASK = "optimizer.batch.job:task"
SHOWN_FINDINGS = 20


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its exit code, its words, whether an earlier run of the same inputs was taken as it stands."""

    name: str
    exit_code: int
    folder: str
    words: str = ""
    resumed: bool = False
    seconds: float = 0.0


def payload_of(job: Job, *, start: Path | None, allow_outside: bool, fresh: bool) -> dict[str, Any]:
    """All that whoever runs the job must know, as JSON can say it."""
    return {
        "name": job.name,
        "scenario": str(job.scenario),
        "out": str(job.out),
        "settings": list(job.settings),
        "start": None if start is None else str(start),
        "allow_outside": allow_outside,
        "fresh": fresh,
    }


def run_job(
    payload: Mapping[str, Any], observe: Callable[[str], None] | None = None, stop: threading.Event | None = None
) -> Outcome:
    """Run it. Whatever goes wrong with it is its outcome, and nobody else's."""
    from optimizer.run import run

    begun = time.monotonic()
    name, out = payload["name"], Path(payload["out"])
    try:
        found = run(
            payload["scenario"],
            out=out,
            settings=payload["settings"],
            warm_start=None if payload["start"] is None else Path(payload["start"]),
            allow_outside=payload["allow_outside"],
            observe=observe,
            stop=stop,
            resume=not payload["fresh"],
        )
        words, code, resumed = found.summary[0], found.exit_code, found.resumed
    except InputError as error:
        words, code, resumed = "\n".join(issue.text() for issue in error.issues[:SHOWN_FINDINGS]), BAD_INPUT, False
    except AllotError as error:
        words, code, resumed = str(error), error.exit_code, False
    except Exception as error:  # a defect of ours ends this job alone
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        code, resumed = DEFECT, False
    return Outcome(name, code, str(out), words, resumed, time.monotonic() - begun)


def task(
    arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any], emit: Emit
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The same as a task of a child process (`optimizer.engines.child`)."""
    keep_children()
    stop = threading.Event()
    emit.on_stop(stop.set)

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            emit(line=line)

    return {}, asdict(run_job(meta, tell, stop))
