"""How time grows with the batch: 1,000 to 1,000,000 lines, and the exponent that fits.

``python -m benchmarks.growth`` builds fragmented batches of `SIZES` lines with ten warehouses and a product for every
ten lines, so that a line has as many arcs and a stock row as many units at every size. ``--engine decompose`` solves
them as well, each until ``--gap`` is proven or ``--time`` is over. Each size runs in a process of its own; making the
tables is not counted. It prints seconds of CPU, microseconds a line, and for both parts the exponent b of
seconds = a · lines^b, by least squares on the logarithms, over all sizes and from `LARGE` lines on, where fixed costs
no longer weigh; solves that were stopped by the clock are left out of it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.instances import Size, make_batch
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions
from optimizer.errors import UsageError
from optimizer.model.build import build_model

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WAREHOUSES, LINES_OF_A_PRODUCT = 10, 10
LARGE = 10_000
SMALLEST_S = 1e-3
"""Shorter times are noise and do not count."""


def size_of(lines: int) -> Size:
    """The batch of so many lines."""
    return Size(lines, warehouses=WAREHOUSES, products=max(lines // LINES_OF_A_PRODUCT, 1))


def run_here(lines: int, seed: int, engine: str | None, options: SolveOptions) -> dict[str, Any]:
    """One size in this process. ``solve_s`` is CPU of the engine's processes, None if there was no proof in time."""
    tables, scenario = make_batch(size_of(lines), seed)
    begun = time.process_time()
    model = build_model(tables, scenario)
    found: dict[str, Any] = {"lines": lines, "arcs": len(model.arcs), "build_s": time.process_time() - begun}
    if engine is not None:
        try:
            result = solve(model.linear, engine, options)
        except UsageError:
            found["ended"] = "not available"
        else:
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            proven = result.termination.reason == "OPTIMAL"
            found["ended"] = f"{result.termination.reason} {result.termination.limit}".strip()
            found["gap"] = (result.best_bound - result.objective) / max(abs(result.objective), 1e-9)
            found["engine_cpu_s"] = spent.ru_utime + spent.ru_stime
            found["solve_s"] = found["engine_cpu_s"] if proven else None
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def exponent(lines: Sequence[float], seconds: Sequence[float | None]) -> float | None:
    """b of seconds = a · lines^b by least squares on the logarithms; None for fewer than two times that count."""
    known = [(size, took) for size, took in zip(lines, seconds, strict=True) if took is not None and took > SMALLEST_S]
    if len(known) < 2:
        return None
    x, y = np.log(np.array(known)).T
    return float(np.polyfit(x, y, 1)[0])


def measured(given: argparse.Namespace, lines: int) -> dict[str, Any]:
    """One size in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.growth", "--one", str(lines), "--seed", str(given.seed)]
    words += ["--gap", str(given.gap), "--time", str(given.time), "--threads", str(given.threads)]
    words += ["--engine", given.engine] if given.engine else []
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def show(found: dict[str, Any]) -> None:
    """One line a size."""
    lines, build_s = found["lines"], found["build_s"]
    words = (
        f"{lines:>10,} lines, {found['arcs']:>11,} arcs: build {build_s:9.3f} CPU s, {1e6 * build_s / lines:6.1f} us"
    )
    if "ended" in found:
        words += f" a line | {found['ended']}"
    if "engine_cpu_s" in found:
        cpu_s = found["engine_cpu_s"]
        words += f", {cpu_s:.2f} CPU s, {1e6 * cpu_s / lines:.1f} us a line, gap {found['gap']:.3%}"
    print(f"{words} | peak {found['peak_mb']:,.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[*SIZES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", help="solve with this engine as well")
    parser.add_argument("--gap", type=float, default=0.02, help="relative gap to prove")
    parser.add_argument("--time", type=float, default=600.0, help="seconds for each solve")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        options = SolveOptions(time_limit_s=given.time, gap=given.gap, threads=given.threads, seed=given.seed)
        print(json.dumps(run_here(given.one, given.seed, given.engine, options)))
        return
    found = []
    for lines in given.sizes:
        found.append(measured(given, lines))
        show(found[-1])
    for part, name in (("build_s", "build"), ("solve_s", "solve")):
        for least in (0, LARGE):
            some = [one for one in found if one["lines"] >= least]
            fitted = exponent([one["lines"] for one in some], [one.get(part) for one in some])
            if fitted is not None:
                where = f" from {least:,} lines on" if least else ""
                print(f"{name}: seconds grow as lines^{fitted:.3f}{where}")


if __name__ == "__main__":
    main()
