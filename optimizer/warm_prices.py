"""The prices of an earlier run, read back as far as their rows and covers still exist in today's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.engines.result import KnownPrices
from optimizer.model.build import Model
from optimizer.solution.covers import has_single_lots, is_dated
from optimizer.solution.prices_rows import KEYS, key_texts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def read_prices(model: Model, run_folder: Path) -> KnownPrices | None:
    """Prices of the model's rows and flow covers from the certificate of a run folder; None without certificate.

    A row has 0 where the certificate names none, a cover those entries that are still there. All of it is a hint for
    engines, as the plan is: prices of any size prove some bound, and engines look for themselves what still is a cover.
    """
    try:
        stated = json.loads((run_folder / "certificate.json").read_bytes())
        return KnownPrices(_row_prices(model, stated["prices"]), _covers(model, stated.get("covers")))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _row_prices(model: Model, stated: Mapping[str, Any]) -> Floats:
    prices = np.zeros(model.linear.n_rows)
    for block in model.linear.row_blocks:
        known = stated.get(block.family)
        if not block.coupling or not known or list(known["keys"]) != list(KEYS.get(block.family, ())):
            continue
        keys = key_texts(model.batch, block)
        names = [keys[name].astype(str) for name in known["keys"]]
        listed = pd.DataFrame(known["rows"], columns=[*known["keys"], "price"])
        place = _find([listed[name] for name in known["keys"]], names)
        price = np.where(place >= 0, listed["price"].astype(float).to_numpy()[place], 0.0)
        prices[block.start : block.stop] = price / (1.0 if block.scale is None else block.scale)
    return prices


def _covers(model: Model, stated: Mapping[str, Any] | None) -> dict[str, Floats]:
    """The covers as an engine knows them (`optimizer.engines.result.COVERS`); none where nobody would read them."""
    dated = is_dated(model)
    if not stated or not stated["rows"] or not has_single_lots(model) or ("date" in stated["rows"][0]) != dated:
        return {}
    block, tables, arcs = model.linear.rows("warehouse_stock"), model.tables, model.arcs
    if len(pd.MultiIndex.from_arrays([arcs.line, arcs.lane, arcs.day]).unique()) < len(arcs.line):
        return {}
    texts, covers = key_texts(model.batch, block), stated["rows"]
    house = [each["warehouse_id"] for each in covers]
    names = ("warehouse_id", "product_id", "date")[: 3 if dated else 2]
    row = _find([texts[name] for name in names], [[each[name] for each in covers] for name in names])
    sizes = np.array([[len(each["cover"]), len(each["lifted"])] for each in covers])
    owner = np.repeat(np.arange(len(covers)), sizes.sum(axis=1))
    lifted = np.repeat(np.tile([False, True], len(covers)), sizes.ravel())
    entries = np.array([entry for each in covers for entry in (*each["cover"], *each["lifted"])], dtype=object)
    line = _find([tables.order_lines["order_id"], tables.order_lines["line_id"]], [entries[:, 0], entries[:, 1]])
    zone = tables.orders["zone_id"][tables.line_order[line]]
    lanes = [tables.lanes[name] for name in ("warehouse_id", "zone_id", "service_id")]
    lane = _find(lanes, [np.array(house, dtype=object)[owner], zone, entries[:, 2]])
    day = _days(model, entries[:, 3]) if dated else np.zeros(len(line), dtype=np.int64)
    arc = _find([arcs.line, arcs.lane, arcs.day], [line, lane, day])
    known = (line >= 0) & (lane >= 0) & (arc >= 0) & (row >= 0)[owner]
    return {
        "cover_row": (block.start + np.maximum(row, 0)).astype(np.float64),
        "cover_first": np.concatenate([[0], np.cumsum(np.bincount(owner[known], minlength=len(covers)))]).astype(float),
        "cover_column": (model.linear.columns("ship_qty").start + arc[known]).astype(np.float64),
        "cover_lifted": lifted[known].astype(np.float64),
        "cover_price": np.array([float(each["price"]) for each in covers]),
        "covered_prices": _row_prices(model, stated["prices"]),
    }


def _days(model: Model, dates: NDArray[np.object_]) -> Ints:
    """Dates as days since the batch's own."""
    return (dates.astype("datetime64[D]") - np.datetime64(model.scenario.as_of, "D")).astype(np.int64)


def _find(keys: Sequence[Any], wanted: Sequence[Any]) -> Ints:
    """Where each wanted name stands among the keys, −1 if nowhere."""
    found = pd.MultiIndex.from_arrays(list(keys)).get_indexer(pd.MultiIndex.from_arrays(list(wanted)))
    return np.asarray(found, dtype=np.int64)
