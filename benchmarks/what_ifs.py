"""What-ifs against cold solves: `allot batch` from one baseline, and each scenario solved alone by `allot solve`.

    python -m benchmarks.what_ifs [--count N] [--cold N] [--lines N] [--gap G] [--folder DIR]

Each what-if changes about 1 % of the batch: the quantities of some orders, or the stock of some products at one
warehouse. All must reach the same gap. Cold solves are measured on the first ``--cold`` of them and scaled to all;
both sides write whole, verified run folders on the same cores. The full size is ``--count 100 --cold 100``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch
from optimizer.batch.run_batch import Where, run_batch

ROOT = Path(__file__).parents[1]
CHANGED = 0.01
"""Share of the orders, or of the stock rows, that a what-if changes."""


@dataclass(frozen=True)
class Measured:
    """Seconds of both sides for ``count`` what-ifs, and the certified gaps of those that were solved by both."""

    count: int
    batch_s: float
    baseline_s: float
    cold_s: float
    warm_gaps: tuple[float, ...]
    cold_gaps: tuple[float, ...]
    exits: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Time of the what-ifs over that of as many cold solves; the baseline is solved by both."""
        return self.batch_s / self.cold_s


def write_what_ifs(folder: Path, lines: int, count: int, gap: float, seed: int = 0) -> tuple[Path, list[Path]]:
    """A generated batch and its what-ifs as scenario files."""
    size = Size(lines, warehouses=5, products=max(lines * 18 // 100, 5), zones=20)
    tables, scenario = make_batch(size, seed)
    cores = len(os.sched_getaffinity(0))
    baseline = write_folder(tables, scenario, folder / "batch", "csv", gap=gap, time_limit_s=60, threads=cores)
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


def gap_of(folder: Path) -> float:
    """The certified gap of a run folder."""
    return float(json.loads((folder / "run.json").read_text())["certified_gap"])


def cold(path: Path, out: Path) -> float:
    """Seconds of one ``allot solve`` in a process of its own."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "optimizer", "solve", str(path), "--out", str(out), "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise RuntimeError(done.stderr)
    return time.monotonic() - begun


def measure(folder: Path, lines: int, count: int, cold_count: int, gap: float) -> Measured:
    """Both sides; the baseline of the batch is solved first and counted apart."""
    baseline, paths = write_what_ifs(folder, lines, count, gap)
    begun = time.monotonic()
    run_batch([baseline], folder / "warm", where=Where())
    baseline_s = time.monotonic() - begun
    begun = time.monotonic()
    found = run_batch([baseline, *paths], folder / "warm", where=Where(), say=print)
    batch_s = time.monotonic() - begun
    seconds = [cold(path, folder / "cold" / path.stem) for path in paths[:cold_count]]
    return Measured(
        count,
        batch_s,
        baseline_s,
        float(np.mean(seconds)) * count,
        tuple(gap_of(folder / "warm" / row.folder) for row in found.rows[1:]),
        tuple(gap_of(folder / "cold" / path.stem) for path in paths[:cold_count]),
        tuple(row.exit_code for row in found.rows),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4, help="what-ifs")
    parser.add_argument("--cold", type=int, default=2, help="of them solved cold, too")
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--gap", type=float, default=0.009)
    parser.add_argument("--folder", type=Path, help="keep all files there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        found = measure(given.folder or Path(aside), given.lines, given.count, given.cold, given.gap)
    cold_each, warm_each = found.cold_s / found.count, found.batch_s / found.count
    print(f"{found.count} what-ifs of {given.lines:,} lines, gap {given.gap:.2%}, {len(os.sched_getaffinity(0))} cores")
    print(f"baseline once {found.baseline_s:8.1f} s")
    print(f"what-ifs      {found.batch_s:8.1f} s, {warm_each:6.2f} s each, largest gap {max(found.warm_gaps):.3%}")
    print(f"cold solves   {found.cold_s:8.1f} s, {cold_each:6.2f} s each, largest gap {max(found.cold_gaps):.3%}"
          f" ({len(found.cold_gaps)} measured)")  # fmt: skip
    print(f"ratio         {found.ratio:8.3f}, exits {sorted(set(found.exits))}")


if __name__ == "__main__":
    main()
