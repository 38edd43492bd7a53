"""All engines on the same matrix for the same time, and rule-based policies beside them.

``python -m benchmarks.engines --instance 10k-fragmented --seeds 0 1 2 --engines decompose highs scip cpsat cbc
--time 60`` runs each engine in a process of its own, one after the other. An instance is a name of
`benchmarks.generator`, ``planted:NAME`` (the same size with a known optimum), ``every-policy:NAME`` (about its size,
every table has rows and every family of rows stands) or ``fulfilment``; ``--set charge=3`` changes a factor. It prints
for every seed, and as medians over the seeds:

- value: of the plan, recomputed exactly from the tables; ratio: value over the best value that anybody found.
- bound: what the engine claims that no plan exceeds; gap: (bound − value) / value.
- to best bound: (least bound of all − value) / value: what of the gap may be the plan's. The rest is the bound's.
- s: seconds of the engine by the clock, without making the tables and the matrix.
- peak MB: of the engine's own process and those that it started; of a policy, of everything.

``--append`` adds the medians as dated rows to HISTORY.md. Policies stop when they are done, whatever the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.fulfilment import arrivals
from benchmarks.generator import FACTORS, INSTANCES, instance, sized
from benchmarks.history import HISTORY, append
from benchmarks.planted import plant
from benchmarks.policies import POLICIES, follow
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions, Termination
from optimizer.errors import UsageError
from optimizer.model.build import build_model
from optimizer.model.goals import StageRow
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.tables.tables import Tables

DEFAULT_ENGINES = ("decompose", "highs", "scip", "cpsat", "cbc")
EVERY_S = 0.05
"""How often memory is looked at."""
KINDS = ("", "planted", "every-policy")
"""What may be made of a named size."""
NOT_AVAILABLE = "not available"
COLUMNS = ("engine", "value", "ratio", "bound", "gap", "to best bound", "s", "peak MB", "ended")


@dataclass(frozen=True)
class Job:
    """One engine (or policy) on one batch; ``changes`` are factors of the generator."""

    instance: str
    seed: int
    engine: str
    seconds: float = 60.0
    threads: int = 2
    changes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of it. Without a plan there is no value, of a policy no bound."""

    engine: str
    ended: str
    value: float | None = None
    bound: float | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0
    build_s: float = 0.0
    size: str = ""

    def gap(self, bound: float | None) -> float | None:
        """(bound − value) / value."""
        if self.value is None or bound is None:
            return None
        return (bound - self.value) / max(abs(self.value), 1e-9)


def batch_of(job: Job) -> tuple[Tables, Scenario, tuple[StageRow, ...]]:
    """The batch of a job's instance, and the rows of its goals."""
    changes = dict(job.changes)
    if job.instance == "fulfilment":
        made = arrivals(job.seed)
        return made.tables, made.scenario, ()
    kind, _, name = job.instance.rpartition(":")
    if kind == "planted":
        planted = plant(sized(name, **changes), job.seed)
        return planted.tables, planted.scenario, ()
    if kind == "every-policy":
        tables, scenario = make_batch_of_all(sized(name, **changes), job.seed).read()
        return tables, scenario, kept_stages(scenario)
    return *instance(name, job.seed, **changes), ()


class PeakMemory:
    """The most memory that the children of this process held together, in MB, while the block ran (Linux)."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        parent = psutil.Process()
        while not self._over.wait(EVERY_S):
            held = sum(_peak_kb(child.pid) for child in parent.children(recursive=True))
            self.mb = max(self.mb, held / 1024)


def _peak_kb(pid: int) -> int:
    """The peak of one process so far (VmHWM), 0 if it has ended meanwhile."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def run_here(job: Job) -> Outcome:
    """One job in this process (an engine still gets one of its own)."""
    tables, scenario, stages = batch_of(job)
    if job.engine in POLICIES:
        begun = time.monotonic()
        plan = follow(job.engine, tables, scenario)
        seconds = time.monotonic() - begun
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Outcome(job.engine, "done", float(objective_value(tables, scenario, plan)), None, seconds, peak_mb)
    begun = time.monotonic()
    model = build_model(tables, scenario, stages=stages)
    build_s = time.monotonic() - begun
    options = SolveOptions(time_limit_s=job.seconds, gap=1e-6, threads=job.threads, seed=job.seed)
    try:
        with PeakMemory() as peak:
            result = solve(model.linear, job.engine, options)
    except UsageError:
        return Outcome(job.engine, NOT_AVAILABLE)
    value = None
    if result.values is not None:
        value = float(objective_value(tables, scenario, plan_from_values(model, result.values)))
    linear = model.linear
    return Outcome(
        engine=job.engine,
        ended=how_ended(result.termination),
        value=value,
        bound=result.best_bound if result.best_bound < float("inf") else None,
        seconds=result.seconds,
        peak_mb=peak.mb,
        build_s=build_s,
        size=f"{linear.n_cols:,} columns, {linear.n_rows:,} rows, {linear.n_nonzeros:,} nonzeros",
    )


def how_ended(termination: Termination) -> str:
    """The reason in a word, with the limit that was reached; of an error what was said of it."""
    why = termination.detail.strip().splitlines()[-1:] if termination.reason == "ERROR" else []
    return " ".join([termination.reason, termination.limit, *why]).replace("|", "/").strip()


def measured(job: Job) -> Outcome:
    """One job in a process of its own, so that nothing is warm and no memory is shared."""
    words = [sys.executable, "-m", "benchmarks.engines", "--job", json.dumps(asdict(job))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["without a word"]
        return Outcome(job.engine, f"failed: {reason[0]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def compare(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The figures of one instance and seed, one row an engine, in the order given."""
    values = [found.value for found in outcomes if found.value is not None]
    bounds = [found.bound for found in outcomes if found.bound is not None]
    best, least = max(values, default=None), min(bounds, default=None)
    return [
        {
            "engine": found.engine,
            "value": found.value,
            "ratio": None if found.value is None or not best else found.value / best,
            "bound": found.bound,
            "gap": found.gap(found.bound),
            "to best bound": found.gap(least),
            "s": found.seconds,
            "peak MB": found.peak_mb,
            "ended": found.ended,
        }
        for found in outcomes
    ]


def medians(tables: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Medians of every figure over the seeds; a figure that is missing for a seed is missing."""
    rows = []
    for same in zip(*tables, strict=True):
        row = {"engine": same[0]["engine"], "ended": " / ".join(dict.fromkeys(found["ended"] for found in same))}
        for column in COLUMNS[1:-1]:
            figures = [found[column] for found in same]
            row[column] = None if None in figures else median(figures)
        rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """One line an engine."""
    columns = f"{'engine':>16} {'value':>16} {'ratio':>7} {'bound':>16} {'gap':>9} {'to best':>9}"
    print(f"{columns} {'s':>7} {'peak MB':>8}  ended")
    for row in rows:
        value, bound = (_number(row[name], ",.2f") for name in ("value", "bound"))
        gap, best = (_number(row[name], ".3%") for name in ("gap", "to best bound"))
        print(
            f"{row['engine']:>16} {value:>16} {_number(row['ratio'], '.4f'):>7} {bound:>16} {gap:>9} {best:>9}"
            f" {row['s']:7.1f} {row['peak MB']:8,.0f}  {row['ended']}",
            flush=True,
        )


def _number(figure: float | None, form: str) -> str:
    return "-" if figure is None else format(figure, form)


def _change(words: str) -> tuple[str, float]:
    factor, _, level = words.partition("=")
    if factor not in FACTORS:
        raise argparse.ArgumentTypeError(f"one of {', '.join(FACTORS)} = a number")
    return factor, float(level)


def _known(name: str) -> str:
    kind, _, plain = name.rpartition(":")
    if name != "fulfilment" and (kind not in KINDS or plain not in INSTANCES):
        raise argparse.ArgumentTypeError(f"fulfilment, or [planted:|every-policy:] one of {', '.join(INSTANCES)}")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instance", type=_known, default="1k-fragmented")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--engines", nargs="*", default=[*DEFAULT_ENGINES])
    parser.add_argument("--policies", nargs="*", choices=POLICIES, default=[*POLICIES])
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each engine")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", type=_change, nargs="*", default=[], help="factors of the generator: charge=3 ...")
    parser.add_argument("--append", action="store_true", help=f"add the medians to {HISTORY.name}")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        job = json.loads(given.job)
        print(json.dumps(asdict(run_here(Job(**{**job, "changes": tuple(map(tuple, job["changes"]))})))))
        return
    found = []
    for seed in given.seeds:
        jobs = [
            Job(given.instance, seed, engine, given.time, given.threads, tuple(given.set))
            for engine in (*given.engines, *given.policies)
        ]
        outcomes = [measured(job) for job in jobs]
        size = next((outcome.size for outcome in outcomes if outcome.size), "")
        print(f"{given.instance} seed {seed}, {given.time:g} s on {given.threads} threads: {size}", flush=True)
        found.append(compare(outcomes))
        show(found[-1])
    if len(found) > 1:
        print(f"medians over {len(found)} seeds")
        show(medians(found))
    if given.append:
        name = " ".join([given.instance, *(f"{factor}={level:g}" for factor, level in given.set)])
        append(name, given.seeds, given.time, given.threads, medians(found))


if __name__ == "__main__":
    main()
