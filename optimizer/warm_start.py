"""The plan of an earlier run, read back as far as its lines and lanes still exist in today's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.errors import UsageError
from optimizer.model.build import Model
from optimizer.report.csv_out import unguard
from optimizer.solution.plan import Draws, MovedStock, Plan

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

KEYS = ["order_id", "line_id", "ship_product_id", "warehouse_id", "lot_id", "service_id"]
AMOUNTS = ["qty", "ordered_qty_served"]
COLUMNS = [*KEYS, "ship_date", *AMOUNTS]
MOVE_KEYS = ["from_warehouse_id", "to_warehouse_id", "product_id", "lot_id"]


class _Picks(NamedTuple):
    """Rows of allocations as positions, -1 where something is no more: ``units`` picked, serving ``served``."""

    line: Ints
    lane: Ints
    day: Ints
    product: Ints
    source: Ints
    units: Ints
    served: Ints


class _Rows(NamedTuple):
    """Rows of the plan on arcs of the model, and what they draw (``drawn``: whose it is)."""

    arc: Ints
    qty: Ints
    drawn: Ints
    source: Ints
    units: Ints


def read_plan(model: Model, run_folder: Path) -> Plan:
    """Allocations of a run folder as far as the model still has their arcs, quantities cut to what an arc can carry.

    A hint for engines: nobody assumes that it is feasible. Raises `UsageError` if the folder holds no plan.
    """
    picks = _picks(model, _table(run_folder, "allocations", KEYS, AMOUNTS))
    plain, kits = _plain(model, picks), _kits(model, picks)
    arcs = model.arcs
    arc = np.concatenate([plain.arc, kits.arc])
    draws = Draws.of(
        np.concatenate([plain.drawn, kits.drawn + len(plain.arc)]),
        np.concatenate([plain.source, kits.source]),
        np.concatenate([plain.units, kits.units]),
    )
    qty = np.concatenate([plain.qty, kits.qty])
    plan = Plan.joined(arcs.line[arc], arcs.lane[arc], qty, arcs.day[arc], arcs.product[arc], draws)
    return plan if not len(model.batch.supply.moves) else replace(plan, moves=_moves(model, run_folder))


def _picks(model: Model, rows: pd.DataFrame) -> _Picks:
    tables = model.tables
    lines = pd.MultiIndex.from_arrays([tables.order_lines["order_id"], tables.order_lines["line_id"]])
    line = lines.get_indexer(pd.MultiIndex.from_arrays([rows["order_id"], rows["line_id"]]))
    known = line >= 0
    zone = np.full(len(rows), "", dtype=object)
    zone[known] = tables.orders["zone_id"][tables.line_order[line[known]]]
    lanes = pd.MultiIndex.from_arrays([tables.lanes[name] for name in ("warehouse_id", "zone_id", "service_id")])
    lane = lanes.get_indexer(pd.MultiIndex.from_arrays([rows["warehouse_id"], zone, rows["service_id"]]))
    product = pd.Index(tables.products["product_id"]).get_indexer(pd.Index(rows["ship_product_id"]))
    house = tables.lane_warehouse[np.maximum(lane, 0)]
    source = model.batch.supply.find_source(house, np.maximum(product, 0), rows["lot_id"].to_numpy(object))
    source = np.where((lane < 0) | (product < 0), -1, source)
    amounts = (rows[name].to_numpy(np.int64) for name in AMOUNTS)
    return _Picks(line, lane, _days(model, rows), product, source, *amounts)


def _days(model: Model, rows: pd.DataFrame) -> Ints:
    leaves = pd.to_datetime(rows["ship_date"]).to_numpy("datetime64[D]") - np.datetime64(model.scenario.as_of, "D")
    return np.maximum(leaves.astype(np.int64), 0)


def _find_arcs(model: Model, *keys: Ints) -> Ints:
    """The arc of each (line, lane, day, product, source), -1 where there is none."""
    arcs = model.arcs
    index = pd.MultiIndex.from_arrays([arcs.line, arcs.lane, arcs.day, arcs.product, arcs.source])
    return np.asarray(index.get_indexer(pd.MultiIndex.from_arrays(keys)), dtype=np.int64)


def _plain(model: Model, picks: _Picks) -> _Rows:
    """Rows of products shipped as they are; of kits they name a component, and only the first serves anything."""
    arcs = model.arcs
    arc = _find_arcs(model, picks.line, picks.lane, picks.day, picks.product, picks.source)
    fits = (arc >= 0) & (picks.source >= 0) & _apart(model, picks)
    arc = arc[fits]
    qty = _cut(model, arc, picks.served[fits])
    return _Rows(arc, qty, np.arange(len(arc)), arcs.source[arc], qty // arcs.step[arc] * arcs.units[arc])


def _cut(model: Model, arc: Ints, served: Ints) -> Ints:
    """Whole steps that the arc can carry."""
    step = model.arcs.step[arc]
    return np.asarray(np.minimum(served, model.arcs.cap[arc]) // step * step, dtype=np.int64)


def _apart(model: Model, picks: _Picks) -> Flags:
    """Rows that stand alone: no row that serves nothing follows, and the quantities are not those of a one-part kit."""
    offers = model.batch.offers
    offer = offers.find(picks.line, picks.product)
    right = (offer >= 0) & (picks.units * offers.bottom[offer] == picks.served * offers.top[offer])
    followed = np.append(picks.served[1:] == 0, False)
    return np.asarray((picks.served > 0) & ~followed[: len(right)] & (right | ~_may_be_kit(model, picks)), dtype=bool)


def _may_be_kit(model: Model, picks: _Picks) -> Flags:
    """Rows of lines that may be served with a kit."""
    offers = model.batch.offers
    kits = np.bincount(offers.line[offers.recipes.is_kit[offers.product]], minlength=len(offers.start))
    return np.asarray((kits[picks.line] > 0) & (picks.line >= 0), dtype=bool)


def _kits(model: Model, picks: _Picks) -> _Rows:
    """Rows of kits: those that belong together, where all of them are still there."""
    there = (picks.lane >= 0) & (picks.source >= 0)
    rows = np.flatnonzero(_may_be_kit(model, picks) & there & ~_apart(model, picks))
    found = list(_whole_kits(model, picks, rows))
    first = np.array([part[0] for part, _ in found], dtype=np.int64)
    product = np.array([kit for _, kit in found], dtype=np.int64)
    none = np.full(len(first), -1, dtype=np.int64)
    arc = _find_arcs(model, picks.line[first], picks.lane[first], picks.day[first], product, none)
    served = picks.served[first]
    qty = np.where(arc >= 0, _cut(model, arc, served), 0)
    kept = np.flatnonzero(qty > 0)
    whole = [(place, found[at][0]) for place, at in enumerate(kept.tolist()) if qty[at] == served[at]]
    drawn = np.repeat([place for place, _ in whole], [len(part) for _, part in whole]).astype(np.int64)
    part = np.concatenate([first[:0], *(part for _, part in whole)])
    return _Rows(arc[kept], qty[kept], drawn, picks.source[part], picks.units[part])


def _whole_kits(model: Model, picks: _Picks, rows: Ints) -> Iterator[tuple[Ints, int]]:
    """Rows that together are so many of a kit that the line may get, with that kit."""
    offers = model.batch.offers
    parts = np.split(rows, np.flatnonzero(picks.served[rows[1:]] > 0) + 1) if len(rows) else []
    for part in parts:
        line, served = picks.line[part[0]], picks.served[part[0]]
        picked = pd.Series(picks.units[part]).groupby(picks.product[part]).sum().to_dict()
        for offer in np.arange(offers.start[line], offers.start[line + 1]):
            _, component, qty = offers.recipes.parts(offers.product[[offer]])
            recipe = dict(zip(component.tolist(), (qty * offers.shipped(offer, served)).tolist(), strict=True))
            if offers.recipes.is_kit[offers.product[offer]] and picked == recipe:
                yield part, int(offers.product[offer])
                break


def _moves(model: Model, folder: Path) -> MovedStock:
    """Moves between warehouses that are still possible."""
    if not any((folder / f"transfers.{form}").exists() for form in ("csv", "parquet")):
        return MovedStock()
    tables, supply = model.tables, model.batch.supply
    rows, moves = _table(folder, "transfers", MOVE_KEYS, ["qty"]), supply.moves
    houses, products = pd.Index(tables.warehouses["warehouse_id"]), pd.Index(tables.products["product_id"])
    giver, taker = (houses.get_indexer(pd.Index(rows[name])) for name in MOVE_KEYS[:2])
    product = products.get_indexer(pd.Index(rows["product_id"]))
    source = supply.find_source(np.maximum(giver, 0), np.maximum(product, 0), rows["lot_id"].to_numpy(object))
    source = np.where((giver < 0) | (product < 0), -1, source)
    index = pd.MultiIndex.from_arrays([moves.source, moves.to_warehouse, moves.leave])
    move = index.get_indexer(pd.MultiIndex.from_arrays([source, taker, _days(model, rows)]))
    kept, move = rows["qty"].to_numpy(np.int64)[move >= 0], move[move >= 0]
    source = moves.source[move]
    return MovedStock.of(moves.transfer[move], source, moves.leave[move], kept, supply.product[source])


def _table(folder: Path, name: str, keys: list[str], amounts: list[str]) -> pd.DataFrame:
    table, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
    columns = [*keys, "ship_date", *amounts]
    try:
        if parquet.exists():
            return pd.read_parquet(parquet, columns=columns)
        rows = pd.read_csv(table, dtype=str, keep_default_na=False, usecols=columns)
        for key in keys:
            rows[key] = rows[key].map(unguard)
        return rows.astype(dict.fromkeys(amounts, np.int64))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--warm-start {folder}: no readable plan ({error}); name a run folder that holds one"
        ) from error
