"""What-ifs against cold solves: `allot batch` from one baseline, and each scenario solved alone by `allot solve`.

    python -m benchmarks.what_ifs [--count N] [--cold N] [--lines N] [--gap G] [--bare] [--folder DIR]

Each what-if changes about 1 % of the batch: the quantities of some orders, or the stock of some products at one
warehouse. All must reach the same gap; both sides write whole, verified run folders on the same cores. Cold solves run
one after another, at most ``--cold`` of them, and end as soon as they alone have taken ``ENOUGH`` times what all
what-ifs and their baseline took, on the clock and of CPU: those left out could only add to that. The ratio printed
scales their mean to the count of what-ifs. Last comes the engine alone: explanations, proof and files cost both sides
the same.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch

ROOT = Path(__file__).parents[1]
CHANGED = 0.01
"""Share of the orders, or of the stock rows, that a what-if changes."""
ENOUGH = 4.0
"""Cold solves that together took so many times the what-ifs have shown what they were run for."""
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of CPU by all processes."""

    wall: float
    cpu: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.cpu + other.cpu)

    def __truediv__(self, count: int) -> Spent:
        return Spent(self.wall / count, self.cpu / count)

    def times(self, other: Spent) -> Spent:
        """How many times the other, of each kind."""
        return Spent(self.wall / other.wall, self.cpu / other.cpu)


@dataclass(frozen=True)
class Measured:
    """Both sides for ``count`` what-ifs and the certified gaps that they reached; ``baseline``: solved once."""

    count: int
    baseline: Spent
    batch: Spent
    cold: Spent
    """of all cold solves that were run, one for each of ``cold_gaps``"""
    warm_gaps: tuple[float, ...]
    cold_gaps: tuple[float, ...]
    warm_solve_s: float
    cold_solve_s: float
    """mean seconds of the engine alone, times its threads"""

    def ratio(self) -> Spent:
        """What a what-if took over what a cold solve took, in the mean."""
        return (self.batch / self.count).times(self.cold / len(self.cold_gaps))


def write_what_ifs(
    folder: Path, lines: int, count: int, gap: float, seed: int = 0, *, bare: bool = False
) -> tuple[Path, list[Path]]:
    """A generated batch and its what-ifs as scenario files; ``bare``: no row is explained and none re-priced."""
    size = Size(lines, warehouses=5, products=max(lines * 18 // 100, 5), zones=20)
    tables, scenario = make_batch(size, seed)
    cores = len(os.sched_getaffinity(0))
    solve: dict[str, float | str] = {"gap": gap, "time_limit_s": 60, "threads": cores}
    solve |= {"explain_rows": 0, "price_rows": 0} if bare else {}
    baseline = write_folder(tables, scenario, folder / "batch", "csv", **solve)
    (folder / ".allot-root").touch()
    rng = np.random.default_rng(seed)
    orders, products = tables.orders["order_id"], tables.products["product_id"]
    houses = tables.warehouses["warehouse_id"]
    paths = []
    for number in range(count):
        if number % 2:
            chosen = rng.choice(orders, max(int(CHANGED * len(orders)), 1), replace=False).tolist()
            change = f'table = "order_lines"\nwhere = {{ order_id = {json.dumps(chosen)} }}\nscale = {{ qty = 2 }}\n'
        else:
            share = max(int(CHANGED * len(houses) * len(products)), 1)
            chosen = rng.choice(products, min(share, len(products)), replace=False).tolist()
            where = f'{{ warehouse_id = "{rng.choice(houses)}", product_id = {json.dumps(chosen)} }}'
            change = f'table = "stock"\nwhere = {where}\nscale = {{ on_hand_qty = 0.5 }}\n'
        path = folder / f"what-if-{number:03d}.toml"
        path.write_text(f'name = "what-if {number:03d}"\nbase = "batch/scenario.toml"\n[[change]]\n{change}')
        paths.append(path)
    return baseline, paths


def solve_seconds(folders: list[Path]) -> float:
    """What the engine took for a run in the mean, without explanations, proof and files: seconds times threads."""
    threads = [json.loads((folder / "run.json").read_text())["threads"] for folder in folders]
    seconds = [json.loads((folder / "timing.json").read_text())["solve"]["seconds"] for folder in folders]
    return float(np.multiply(seconds, threads).mean())


def gap_of(folder: Path) -> float:
    """The certified gap of a run folder."""
    return float(json.loads((folder / "run.json").read_text())["certified_gap"])


def allot(*words: str | Path) -> Spent:
    """One command in a process of its own, with all that it starts."""
    begun, before = time.monotonic(), _cpu()
    command = [sys.executable, "-m", "optimizer", *map(str, words), "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise RuntimeError(done.stderr)
    return Spent(time.monotonic() - begun, _cpu() - before)


def _cpu() -> float:
    """Seconds of CPU of all processes that we started and that have ended, orphans among them."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def adopt_orphans() -> None:
    """Have the kernel hand us processes whose parent has ended, so that their time is counted, too."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)


def measure(folder: Path, lines: int, count: int, cold_count: int, gap: float, *, bare: bool = False) -> Measured:
    """Both sides; the baseline is solved first and counted apart."""
    adopt_orphans()
    baseline, paths = write_what_ifs(folder, lines, count, gap, bare=bare)
    once = allot("batch", baseline, "--out", folder / "warm")
    batch = allot("batch", baseline, *paths, "--out", folder / "warm")
    cold, solved = Spent(0.0, 0.0), 0
    while solved < cold_count and not enough(cold, once + batch):
        cold += allot("solve", paths[solved], "--out", folder / "cold" / paths[solved].stem)
        solved += 1
    warm_runs = [folder / "warm" / path.stem for path in paths]
    cold_runs = [folder / "cold" / path.stem for path in paths[:solved]]
    gaps = (tuple(map(gap_of, runs)) for runs in (warm_runs, cold_runs))
    return Measured(count, once, batch, cold, *gaps, *map(solve_seconds, (warm_runs, cold_runs)))


def enough(cold: Spent, warm: Spent) -> bool:
    """Whether the cold solves so far took ``ENOUGH`` times the what-ifs, on the clock and of CPU."""
    times = cold.times(warm)
    return min(times.wall, times.cpu) >= ENOUGH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4, help="what-ifs")
    parser.add_argument("--cold", type=int, default=2, help="of them solved cold, too")
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--gap", type=float, default=0.008)
    parser.add_argument("--bare", action="store_true", help="explain and re-price no rows, on both sides")
    parser.add_argument("--folder", type=Path, help="keep all files there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        found = measure(given.folder or Path(aside), given.lines, given.count, given.cold, given.gap, bare=given.bare)
    print(f"{found.count} what-ifs of {given.lines:,} lines, gap {given.gap:.2%}, {len(os.sched_getaffinity(0))} cores")
    solved, all_warm = len(found.cold_gaps), found.baseline + found.batch
    for name, spent, gaps in (
        ("baseline, once", found.baseline, ()),
        ("a what-if", found.batch / found.count, found.warm_gaps),
        ("a cold solve", found.cold / solved, found.cold_gaps),
    ):
        largest = f", largest gap of {len(gaps)}: {max(gaps):.3%}" if gaps else ""
        print(f"{name:<16}{spent.wall:8.1f} s on the clock, {spent.cpu:8.1f} s of CPU{largest}")
    for name, ratio in (
        ("ratio", found.ratio()),
        (f"{solved} cold solves over baseline and what-ifs", found.cold.times(all_warm)),
    ):
        print(f"{name}: {ratio.wall:.3f} on the clock, {ratio.cpu:.3f} of CPU")
    warm_s, cold_s = found.warm_solve_s, found.cold_solve_s
    print(f"the engine alone: {warm_s:.1f} core seconds against {cold_s:.1f}, ratio {warm_s / cold_s:.3f}")


if __name__ == "__main__":
    main()
