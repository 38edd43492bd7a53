"""The plan of an earlier run, read back as far as its lines and lanes still exist in today's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.errors import UsageError
from optimizer.model.build import Model
from optimizer.report.csv_out import unguard
from optimizer.solution.plan import Draws, Plan

Ints = NDArray[np.int64]

KEYS = ["order_id", "line_id", "ship_product_id", "warehouse_id", "lot_id", "service_id"]
COLUMNS = [*KEYS, "ship_date", "ordered_qty_served"]


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
    return _as_far_as_possible(model, line, lane, rows)


def _as_far_as_possible(model: Model, line: Ints, lane: Ints, rows: pd.DataFrame) -> Plan:
    """The rows that are arcs of today's model. Rows of kits name components and are left for the engine to find."""
    tables, supply, arcs = model.tables, model.batch.supply, model.arcs
    names = tables.products["product_id"]
    product = pd.Index(names).get_indexer(pd.Index(rows["ship_product_id"]))
    house = tables.lane_warehouse[np.maximum(lane, 0)]
    source = supply.find_source(house, np.maximum(product, 0), rows["lot_id"].to_numpy(object))
    leaves = pd.to_datetime(rows["ship_date"]).to_numpy("datetime64[D]") - np.datetime64(model.scenario.as_of, "D")
    keys = (line, lane, np.maximum(leaves.astype(np.int64), 0), product, source)
    index = pd.MultiIndex.from_arrays([arcs.line, arcs.lane, arcs.day, arcs.product, arcs.source])
    arc = index.get_indexer(pd.MultiIndex.from_arrays(keys))
    fits, arc = arc >= 0, arc[arc >= 0]
    step = arcs.step[arc]
    qty = np.minimum(rows["ordered_qty_served"].to_numpy(np.int64)[fits], arcs.cap[arc]) // step * step
    draws = Draws.of(np.arange(len(arc)), arcs.source[arc], qty // step * arcs.units[arc])
    return Plan.joined(arcs.line[arc], arcs.lane[arc], qty, arcs.day[arc], arcs.product[arc], draws)


def _allocations(folder: Path) -> pd.DataFrame:
    table, parquet = folder / "allocations.csv", folder / "allocations.parquet"
    try:
        if parquet.exists():
            return pd.read_parquet(parquet, columns=COLUMNS)
        rows = pd.read_csv(table, dtype=str, keep_default_na=False, usecols=COLUMNS)
        for name in KEYS:
            rows[name] = rows[name].map(unguard)
        return rows.astype({"ordered_qty_served": np.int64})
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--warm-start {folder}: no readable plan ({error}); name a run folder that holds one"
        ) from error
