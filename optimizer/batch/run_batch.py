"""`allot batch`: many scenarios, isolated from each other, one summary."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimizer.batch.cores import usable_cores
from optimizer.batch.job import Outcome, payload_of
from optimizer.batch.jobs import Job, find_scenarios, jobs_of
from optimizer.batch.summary import Row, rows_of, worst, write_summary
from optimizer.errors import LIMIT_WITH_PLAN, OK, UsageError

Say = Callable[[str], None]


@dataclass(frozen=True)
class BatchOutcome:
    """How a batch ended: the worst exit code of its runs, a row for each, the folder with the summary."""

    exit_code: int
    rows: list[Row]
    folder: Path


@dataclass(frozen=True)
class Where:
    """Where the runs are made: in ``workers`` processes here (None: as many as there are cores), or on a cluster."""

    workers: int | None = None
    cluster: str | None = None


def run_batch(
    words: Sequence[str | Path],
    out: Path,
    *,
    where: Where | None = None,
    settings: Sequence[str] = (),
    baseline: Path | None = None,
    allow_outside: bool = False,
    fresh: bool = False,
    say: Say = lambda line: None,
    progress: Say = lambda line: None,
    stop: threading.Event | None = None,
) -> BatchOutcome:
    """Run all scenarios that ``words`` name (files, folders, patterns) and write folders and summary below ``out``.

    Each run starts from the plan and prices of its baseline (`jobs_of`). A run that is finished already is not made
    again, unless ``fresh``. ``say`` gets a line for each run that ends, ``progress`` lines of those that go on.
    """
    where, stop = where or Where(), stop or threading.Event()
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder; choose another --out")
    scenarios = find_scenarios(words)
    crew = _crew(where)
    jobs = jobs_of(scenarios, out, settings, baseline=baseline, threads=crew.threads, allow_outside=allow_outside)
    teller = _Teller(len(jobs), say, progress)
    for job in jobs:
        if job.fault:
            teller.done(job, Outcome(job.name, 2, "", job.fault))

    def payload(job: Job, ended: dict[str, Outcome]) -> dict[str, Any]:
        start = ended.get(job.start or "")
        usable = start is not None and start.exit_code in (OK, LIMIT_WITH_PLAN)
        folder = Path(start.folder) if start is not None and usable else None
        return payload_of(job, start=folder, allow_outside=allow_outside, fresh=fresh)

    outcomes = crew.run(jobs, payload, tell=teller.tell, done=teller.done, stop=stop)
    rows = rows_of(jobs, outcomes, out)
    write_summary(rows, out)
    return BatchOutcome(worst([outcome.exit_code for outcome in outcomes.values()]), rows, out)


@dataclass(frozen=True)
class _Crew:
    """Who runs the jobs, and the most threads that a solve may have so that no core is asked of twice."""

    threads: int
    run: Callable[..., dict[str, Outcome]]


def _crew(where: Where) -> _Crew:
    if where.cluster is not None:
        from optimizer.batch.cluster import Cluster

        cluster = Cluster(where.cluster)
        return _Crew(cluster.threads, cluster.run)
    from functools import partial

    from optimizer.batch.pool import run_here

    cores = usable_cores()
    workers = min(where.workers or cores, cores)
    return _Crew(max(cores // workers, 1), partial(run_here, workers=workers))


class _Teller:
    """Progress of all runs as lines; safe from any thread."""

    def __init__(self, total: int, say: Say, progress: Say) -> None:
        self.total, self.say, self.progress = total, say, progress
        self.ended = 0
        self.lock = threading.Lock()

    def tell(self, job: Job, line: str) -> None:
        with self.lock:
            self.progress(f"[{self.ended}/{self.total}] {job.name}: {line}")

    def done(self, job: Job, outcome: Outcome) -> None:
        with self.lock:
            self.ended += 1
            how = outcome.words.splitlines()[0] if outcome.words else ""
            ended = f"exit {outcome.exit_code}, {outcome.seconds:.1f} s"
            self.say(f"[{self.ended}/{self.total}] {job.name}: {ended}, {how}")
