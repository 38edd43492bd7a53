"""Seconds to write down models of a million arcs with policies, beside the code of part 1 and its plain one.

``python -m benchmarks.families`` takes the code of part 1 (before policies) out of the history of the repository into
a temporary folder and measures it with the plain batch it came with; beside it, by turns, three batches of today, each
model in a process of its own. ``plain`` is the batch of `benchmarks.build`, the same as that of part 1. ``dated`` lays
over it a second lot for a third of the pools, expiry dates, holding values, a receipt for every tenth pool, a capacity
of one day for every warehouse, a substitute for every tenth product, due dates and lateness. ``all`` is
`benchmarks.every_policy`: every table has rows, and every family of rows must stand. The fastest of several rounds
counts, without making the tables. The command fails if ``all`` takes more than 3 times the seconds of part 1.

Every process runs right after one that wrote to 1.4 GB and ended. On a virtual machine that gives free memory back to
its host, the first touch of a gigabyte takes 0.1 s or 2 s, depending on what ran before. Otherwise each side would be
measured with what the one before it happened to leave, and large models would pay for pages that smaller ones never
touched. Cold, all sides take longer: see the README of this folder.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.instances import Size, make_batch, make_ids, make_table
from optimizer.exact import Exact
from optimizer.model.build import build_model
from optimizer.model.constraints import FAMILIES
from optimizer.model.goals import StageRow
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Table, Tables

Batch = tuple[Tables, Scenario, tuple[StageRow, ...]]

LINES = {"plain": 104_000, "dated": 15_500, "all": 20_000}
"""Order lines for about a million arcs."""
MOST = 3.0
"""Times the seconds of part 1 that the model with every policy may take."""
ROUNDS = 5
COUNTS = ("arcs", "columns", "rows", "nonzeros")

PART_1 = "bbc5cba242ac35578fb059d9c82eaefb03d1c64c"
"""The last commit before policies: lots, dates, products and all later rules came after it."""
PART_1_SECONDS = 0.95
"""What its own benchmarks/README.md says of building its plain batch: where the history is not at hand."""
PART_1_BUILD = """
import json, resource, sys, time
from benchmarks.build import MILLION_ARCS, make_batch
from optimizer.model import build
assert build.__file__.startswith(sys.argv[1]), build.__file__
tables, scenario = make_batch(MILLION_ARCS)
start = time.process_time()
model = build.build_model(tables, scenario)
seconds = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu_s": seconds, "peak_mb": peak, "arcs": len(model.arcs)} | model.describe()))
"""
"""`built`, in the words of that commit."""
WARM_UP = "import numpy as np; np.ones(175_000_000)"
"""Writes to 1.4 GB: see the module."""


def make_plain(size: Size) -> Batch:
    return *make_batch(size), ()


def make_dated(size: Size, seed: int = 0) -> Batch:
    """See the module."""
    tables, scenario = make_batch(size, seed)
    rng = np.random.default_rng(seed + 1)
    today = np.datetime64(scenario.as_of, "D")
    return _with_substitutes(_with_lots(_with_dates(tables, rng, today), rng, today)), scenario, ()


def _with_lots(tables: Tables, rng: np.random.Generator, today: np.datetime64) -> Tables:
    stock, size = tables.stock, len(tables.stock)
    row = np.sort(np.concatenate([np.arange(size), np.flatnonzero(rng.random(size) < 1 / 3)]))
    columns = {name: values.take(row) for name, values in stock.columns.items()}
    second = np.diff(row, prepend=-1) == 0
    expiry = np.full(len(row), np.datetime64("NaT"), dtype="datetime64[D]")
    mortal = np.flatnonzero(rng.random(len(row)) < 1 / 3)
    expiry[mortal] = today + rng.integers(3, 40, len(mortal)).astype("timedelta64[D]")
    columns |= {
        "lot_id": np.where(second, "L2", "L1").astype(object),
        "on_hand_qty": np.maximum(columns["on_hand_qty"] // 2, 1),
        "expiry_date": expiry,
        "holding_value_per_unit": Exact(rng.integers(0, 50, len(row)), 2),
    }
    return tables.replace(
        stock=Table("stock", columns),
        stock_warehouse=tables.stock_warehouse[row],
        stock_product=tables.stock_product[row],
    )


def _with_dates(tables: Tables, rng: np.random.Generator, today: np.datetime64) -> Tables:
    houses, products = len(tables.warehouses), len(tables.products)
    size = houses * products // 10
    blank = np.full(size, "", dtype=object)
    arrives = today + rng.integers(1, 4, size).astype("timedelta64[D]")
    receipts = make_table("inbound", size, receipt_id=make_ids("R", size), warehouse_id=blank, product_id=blank,
                          qty=rng.integers(1, 20, size), available_date=arrives)  # fmt: skip
    calendar = make_table("calendar", houses, warehouse_id=tables.warehouses["warehouse_id"],
                          date=np.full(houses, today + 1), capacity_units=rng.integers(500, 5000, houses))  # fmt: skip
    orders, lines = tables.orders, tables.order_lines
    late = Exact.full(len(lines), Decimal("0.2"))
    return tables.replace(
        inbound=receipts,
        inbound_warehouse=rng.integers(0, houses, size),
        inbound_product=rng.integers(0, products, size),
        calendar=calendar,
        calendar_warehouse=np.arange(houses),
        orders=replace(orders, columns={**orders.columns, "due_date": np.full(len(orders), today + 2)}),
        order_lines=replace(lines, columns={**lines.columns, "late_penalty_per_unit_day": late}),
    )


def _with_substitutes(tables: Tables) -> Tables:
    ids, size = tables.products["product_id"], len(tables.products) // 10
    swaps = make_table("substitutions", size, product_id=ids[:size], substitute_id=ids[size : 2 * size],
                       ratio=Exact.full(size, 1), penalty_per_unit=Exact.full(size, Decimal("0.1")))  # fmt: skip
    return tables.replace(
        substitutions=swaps,
        substitution_product=np.arange(size),
        substitution_substitute=np.arange(size, 2 * size),
        substitution_customer=np.full(size, -1),
    )


def make_all(size: Size) -> Batch:
    tables, scenario = make_batch_of_all(size).read()
    return tables, scenario, kept_stages(scenario)


KINDS: dict[str, Callable[[Size], Batch]] = {"plain": make_plain, "dated": make_dated, "all": make_all}


def built(kind: str) -> dict[str, Any]:
    """One model in this process."""
    tables, scenario, stages = KINDS[kind](Size(lines=LINES[kind]))
    start = time.process_time()
    model = build_model(tables, scenario, stages=stages)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = model.describe()
    counts = {"arcs": len(model.arcs)} | {what: size[what] for what in COUNTS[1:]}
    return {"cpu_s": seconds, "peak_mb": peak, **counts, "rows_by_family": size["rows_by_family"]}


def part_1_code(folder: Path) -> bool:
    """The code of part 1 into ``folder``, if the history is there."""
    root = Path(__file__).resolve().parent.parent
    words = ["git", "-C", str(root), "archive", PART_1, "optimizer", "benchmarks"]
    try:
        archive = subprocess.run(words, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return True


def measured(words: list[str], folder: Path | None = None) -> dict[str, Any]:
    """What a process of its own answers, right after one that touched memory; modules are those of ``folder``."""
    subprocess.run([sys.executable, "-c", WARM_UP], check=True)
    answer = subprocess.run([sys.executable, *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(answer)
    return found


def best_of_rounds(rounds: int) -> dict[str, dict[str, Any]]:
    """The fastest of each side, measured by turns: others use the machine too."""
    sides: dict[str, tuple[list[str], Path | None]] = {
        kind: (["-m", "benchmarks.families", "--kind", kind], None) for kind in KINDS
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        if part_1_code(folder):
            sides = {"part 1": (["-c", PART_1_BUILD, str(folder)], folder)} | sides
        else:
            print(f"The history does not hold {PART_1[:7]}: compared with the {PART_1_SECONDS} s recorded there.")
        found = [{side: measured(*how) for side, how in sides.items()} for _ in range(rounds)]
    return {side: min((of[side] for of in found), key=lambda one: float(one["cpu_s"])) for side in sides}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, help="this one only, once, in this process")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    if given.kind:
        print(json.dumps(built(given.kind)))
        return
    best = best_of_rounds(given.rounds)
    rows = best["all"]["rows_by_family"]
    for family in FAMILIES:
        print(f"{family:>28}: {rows.get(family, 0):>9,} rows")
    for line in table(best):
        print(line)
    absent = set(FAMILIES) - set(rows)
    if absent:
        sys.exit(f"families without a row: {sorted(absent)}")
    times = best["all"]["cpu_s"] / part_1_seconds(best)
    print(f"all: {times:.2f} times the seconds of part 1 (at most {MOST:g})")
    sys.exit(0 if times <= MOST else 1)


def part_1_seconds(best: dict[str, dict[str, Any]]) -> float:
    return float(best["part 1"]["cpu_s"]) if "part 1" in best else PART_1_SECONDS


def table(best: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each side; ``plain arc``: times the seconds of an arc in today's plain model."""
    plain = best["plain"]["cpu_s"] / best["plain"]["arcs"]
    heads = [*COUNTS, "CPU s", "peak MB", "part 1", "plain arc"]
    lines = [f"{'':>6}" + "".join(f"{head:>12}" for head in heads)]
    for side, found in best.items():
        times, of_arc = found["cpu_s"] / part_1_seconds(best), found["cpu_s"] / found["arcs"] / plain
        sizes = "".join(f"{found[what]:>12,}" for what in COUNTS)
        lines.append(f"{side:>6}{sizes}{found['cpu_s']:>12.2f}{found['peak_mb']:>12,.0f}{times:>12.2f}{of_arc:>12.2f}")
    return lines


if __name__ == "__main__":
    main()
