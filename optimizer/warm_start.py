"""The plan of an earlier run, read back as far as its lines and lanes still exist in today's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from optimizer.errors import UsageError
from optimizer.model.build import Model
from optimizer.report.csv_out import unguard
from optimizer.solution.plan import Plan

KEYS = ["order_id", "line_id", "warehouse_id", "service_id"]


def read_plan(model: Model, run_folder: Path) -> Plan:
    """Allocations of a run folder as far as the model still has their arcs, quantities cut to what an arc can carry.

    A hint for engines: nobody assumes that it is feasible. Raises `UsageError` if the folder holds no plan.
    """
    rows, tables = _allocations(run_folder), model.tables
    lines = pd.MultiIndex.from_arrays([tables.order_lines["order_id"], tables.order_lines["line_id"]])
    line = lines.get_indexer(pd.MultiIndex.from_arrays([rows["order_id"], rows["line_id"]]))
    known = line >= 0
    zone = np.full(len(rows), "", dtype=object)
    zone[known] = tables.orders["zone_id"][tables.line_order[line[known]]]
    lanes = pd.MultiIndex.from_arrays([tables.lanes[name] for name in ("warehouse_id", "zone_id", "service_id")])
    lane = lanes.get_indexer(pd.MultiIndex.from_arrays([rows["warehouse_id"], zone, rows["service_id"]]))
    arcs = pd.MultiIndex.from_arrays([model.arcs.line, model.arcs.lane])
    arc = arcs.get_indexer(pd.MultiIndex.from_arrays([line, lane]))
    fits, arc = arc >= 0, arc[arc >= 0]
    step = model.arcs.step[arc]
    qty = np.minimum(rows["qty"].to_numpy(np.int64)[fits], model.arcs.cap[arc]) // step * step
    return Plan.of(model.arcs.line[arc], model.arcs.lane[arc], qty)


def _allocations(folder: Path) -> pd.DataFrame:
    table, parquet = folder / "allocations.csv", folder / "allocations.parquet"
    try:
        if parquet.exists():
            return pd.read_parquet(parquet, columns=[*KEYS, "qty"])
        rows = pd.read_csv(table, dtype=str, keep_default_na=False, usecols=[*KEYS, "qty"])
        for name in KEYS:
            rows[name] = rows[name].map(unguard)
        return rows.astype({"qty": np.int64})
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--warm-start {folder}: no readable plan ({error}); name a run folder that holds one"
        ) from error
