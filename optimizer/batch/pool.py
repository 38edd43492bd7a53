"""A batch on this machine: worker processes that stay, each running one job after another.

A worker that dies (of a signal, or for want of memory) takes no job with it: what it was at is run again by another
one. Engines run in child processes of the workers, as in every run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimizer.batch.job import TASK, Outcome
from optimizer.batch.jobs import Job
from optimizer.engines.worker import Child, ChildOutcome
from optimizer.errors import BAD_INPUT, DEFECT, INTERRUPTED_INT

TRIES = 3
"""So often is a job run whose worker dies, before it counts as failed."""
WAIT_S = 0.2
FOREVER_S = 10_000_000.0
"""Jobs have time limits of their own."""
GRACE_S = 120.0
"""How long a worker that was asked to stop may take to verify and write the best plan that it has."""


@dataclass
class Board:
    """What is still to do. A job waits for the one from whose plan it starts, however that ends."""

    jobs: Sequence[Job]
    ended: dict[str, Outcome] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Board:
        """A board on which jobs that cannot be run have ended already."""
        faulty = {job.name: Outcome(job.name, BAD_INPUT, "", job.fault) for job in jobs if job.fault}
        return cls([job for job in jobs if not job.fault], faulty)

    def ready(self) -> Job | None:
        """The next job that may run now."""
        waiting = (job for job in self.jobs if job.name not in self.taken)
        job = next((job for job in waiting if job.start is None or job.start in self.ended), None)
        if job is not None:
            self.taken.add(job.name)
        return job

    def put_back(self, job: Job) -> None:
        self.taken.discard(job.name)

    def take(self, stop: threading.Event) -> Job | None:
        """The next job that may run, once others have ended where it must wait for them; None when all are taken."""
        with self.changed:
            while not stop.is_set():
                job = self.ready()
                if job is not None or len(self.taken) == len(self.jobs):
                    return job
                self.changed.wait(timeout=WAIT_S)
            return None

    def end(self, outcome: Outcome) -> None:
        with self.changed:
            self.ended[outcome.name] = outcome
            self.changed.notify_all()


Tell = Callable[[Job, str], None]
Payload = Callable[[Job, dict[str, Outcome]], dict[str, Any]]


def run_here(
    jobs: Sequence[Job],
    payload: Payload,
    workers: int,
    *,
    tell: Tell,
    done: Callable[[Job, Outcome], None],
    stop: threading.Event,
) -> dict[str, Outcome]:
    """Run all jobs in so many worker processes; outcomes by name. Jobs that a stop left unbegun have none."""
    board = Board.of(jobs)
    threads = [
        threading.Thread(target=_serve, args=(board, payload, tell, done, stop), name=f"batch-{number}")
        for number in range(min(workers, max(len(board.jobs), 1)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return board.ended


def _serve(
    board: Board, payload: Payload, tell: Tell, done: Callable[[Job, Outcome], None], stop: threading.Event
) -> None:
    """One worker: a thread here, which owns the process that does the work."""
    child: Child | None = None
    try:
        while (job := board.take(stop)) is not None:
            child = child or Child(threads=job.threads)
            outcome = _run(child, job, payload(job, board.ended), tell, stop)
            done(job, outcome)
            board.end(outcome)
    finally:
        if child is not None:
            child.close()


def _run(child: Child, job: Job, words: dict[str, Any], tell: Tell, stop: threading.Event) -> Outcome:
    """The job in the worker's process, anew where that dies."""
    for _ in range(TRIES):
        ended = child.run(TASK, {}, words, wall_limit_s=FOREVER_S, grace_s=GRACE_S, stop=stop,
                          on_message=lambda message: tell(job, message["line"]))  # fmt: skip
        if ended.ended == "finished":
            return Outcome(**ended.meta)
        if stop.is_set():
            return Outcome(job.name, INTERRUPTED_INT, "", "interrupted before there was a plan to write")
        tell(job, f"its worker died ({_why(ended)}); it is run again")
    return Outcome(job.name, DEFECT, str(job.out), f"the worker died {TRIES} times: {_why(ended)}")


def _why(ended: ChildOutcome) -> str:
    return ended.detail or ended.error or ended.ended
