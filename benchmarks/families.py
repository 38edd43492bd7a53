"""Seconds to write down models of a million arcs with policies, beside a plain one of the same size.

``python -m benchmarks.families`` builds three models, each in a process of its own and three times, of which the
fastest counts; making the tables is not counted. ``plain`` is the batch of `benchmarks.build`. ``dated`` lays over it a
second lot for a third of the pools, expiry dates, holding values, a receipt for every tenth pool, a capacity of one day
for every warehouse, a substitute for every tenth product, due dates and lateness. ``all`` is `benchmarks.every_policy`:
every table has rows, and every family of rows must stand.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
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
"""Times the seconds of a plain arc that an arc with policies may take."""
ROUNDS = 3
COUNTS = ("arcs", "columns", "rows", "nonzeros")


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


def measured(kind: str) -> dict[str, Any]:
    """The same in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.families", "--kind", kind]
    answer: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, help="this one only, once, in this process")
    kind = parser.parse_args().kind
    if kind:
        print(json.dumps(built(kind)))
        return
    rounds = [{kind: measured(kind) for kind in KINDS} for _ in range(ROUNDS)]  # by turns: others use the machine too
    best = {kind: min((found[kind] for found in rounds), key=lambda found: found["cpu_s"]) for kind in KINDS}
    for family in FAMILIES:
        print(f"{family:>28}: {best['all']['rows_by_family'].get(family, 0):>9,} rows")
    for kind, found in best.items():
        sizes = ", ".join(f"{found[what]:,} {what}" for what in COUNTS)
        print(f"{kind:>6}: {sizes} | {found['cpu_s']:.2f} CPU s | peak {found['peak_mb']:,.0f} MB")
    absent = set(FAMILIES) - set(best["all"]["rows_by_family"])
    if absent:
        sys.exit(f"families without a row: {sorted(absent)}")
    sys.exit(0 if max(_times(best, kind) for kind in KINDS if kind != "plain") <= MOST else 1)


def _times(best: dict[str, dict[str, Any]], kind: str) -> float:
    """Times the seconds of a plain arc, said beside those of the whole model."""
    plain, found = best["plain"], best[kind]
    whole = found["cpu_s"] / plain["cpu_s"]
    times: float = whole * plain["arcs"] / found["arcs"]
    print(f"{kind}: {times:.1f} times the seconds of a plain arc (at most {MOST:g}), {whole:.1f} times the whole model")
    return times


if __name__ == "__main__":
    main()
