"""Which engine finds the better plan in equal time, by size: the evidence behind ``auto``.

Run: ``python -m benchmarks.engine_choice [seconds] [threads] [sizes] [engines]``.
Prints one line for each size, seed and engine.
"""

from __future__ import annotations

import sys

from optimizer.engines.base import ENGINES, solve
from optimizer.engines.result import SolveOptions
from tests.engines.matrices import allocation

SIZES = {"1k": 85, "4k": 340, "20k": 1700, "60k": 5100}


def main(seconds: float = 20.0, threads: int = 1, sizes: str = "1k,4k,20k", engines: str = ",".join(ENGINES)) -> None:
    for size in sizes.split(","):
        for seed in (1, 2):
            linear = allocation(SIZES[size], seed=seed)
            for engine in engines.split(","):
                options = SolveOptions(time_limit_s=seconds, gap=1e-4, threads=threads)
                result = solve(linear, engine, options)
                size_text = f"{size} seed {seed}: {linear.n_rows:,} rows, {linear.n_cols:,} integers"
                end = f"{result.termination.reason}, {result.seconds:.1f} s"
                print(f"{size_text}; {engine}: {result.objective:,.2f} of {result.best_bound:,.2f}, {end}", flush=True)


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((float, int, str, str), sys.argv[1:], strict=False)))
