"""The plan of a run folder: allocations.csv and transfers.csv as positions in the input tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.proof.days import DayTexts
from optimizer.proof.decode import Picks, rows_of, ways_of
from optimizer.proof.facts import Facts
from optimizer.proof.failures import Findings
from optimizer.proof.plan import Rows
from optimizer.proof.run_files import Columns, read_rows, table_path, unguard

Ints = NDArray[np.int64]

QUANTITY = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
COUNT = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)

KEYS = ("order_id", "line_id", "warehouse_id", "service_id", "ship_product_id", "lot_id")
NUMBERS = ("ship_date", "qty", "ordered_qty_served")
MOVE_KEYS = ("from_warehouse_id", "to_warehouse_id", "product_id", "lot_id")


def read_plan(facts: Facts, run_dir: Path, findings: Findings) -> Rows | None:
    """Who ships what from where and when; None, and findings, if a row cannot be placed, is out of order or twice."""
    before = findings.count
    picks, name = _picks(facts, run_dir, findings)
    moves = _moves(facts, run_dir, findings)
    if findings.count > before:
        return None
    way = ways_of(facts, picks)
    for at in np.flatnonzero(way < 0).tolist():
        product = facts.tables.products["product_id"][picks.product[at]]
        found = f"{picks.units[at]} of {product} for {picks.ordered[at]}"
        findings.add(name, at + 2, "ship_product_id", found, "a way to serve the line, whole and complete")
    if findings.count > before:
        return None
    rows, disorder = rows_of(facts, picks, way, moves)
    for at in np.flatnonzero(disorder).tolist():
        findings.add(name, at + 2, "", "a row that does not follow its predecessor", "rows sorted by key, each once")
    return None if findings.count > before else rows


def _columns(columns: Columns, needed: tuple[str, ...], file: str) -> None:
    for name in needed:
        if name not in columns:
            raise VerificationError(f"{file}: no column {name!r}")


# -- allocations -----------------------------------------------------------------------------------------------
def _picks(facts: Facts, run_dir: Path, findings: Findings) -> tuple[Picks, str]:
    path, tables = table_path(run_dir, "allocations"), facts.tables
    lines, day_of = tables.order_lines, DayTexts(facts.as_of)
    line_of = {key: at for at, key in enumerate(zip(lines["order_id"], lines["line_id"], strict=True))}
    lanes = zip(tables.lanes["warehouse_id"], tables.lane_zone.tolist(), tables.lanes["service_id"], strict=True)
    lane_of = {key: at for at, key in enumerate(lanes)}
    product_of = {key: at for at, key in enumerate(tables.products["product_id"])}
    lot_of = {key: at for at, key in enumerate(facts.supply.lot_texts)}
    zone_of_line = tables.order_zone[tables.line_order].tolist()
    found: list[list[int]] = [[] for _ in range(7)]
    for start, columns in read_rows(path):
        _columns(columns, KEYS + NUMBERS, path.name)
        texts = [unguard(columns[name], path.suffix == ".csv") for name in KEYS]
        cells = zip(*texts, *(columns[name] for name in NUMBERS), strict=True)
        for at, (order, line_id, house, service, product, lot, date, qty, ordered) in enumerate(cells):
            line = line_of.get((order, line_id), -1)
            lane = lane_of.get((house, zone_of_line[line], service), -1) if line >= 0 else -1
            made, day = product_of.get(product, -1), day_of(date)
            whole = QUANTITY.fullmatch(qty) and COUNT.fullmatch(ordered)
            if line < 0 or lane < 0 or made < 0 or day < 0 or not whole:
                _misplaced(findings, (path.name, start + at + 2), (line, lane, made, day),
                           (f"{order}/{line_id}", f"{house} by {service}", product, date, qty, ordered))  # fmt: skip
                continue
            values = (line, lane, day, made, lot_of.get(lot, -1), int(qty), int(ordered))
            for column, value in zip(found, values, strict=True):
                column.append(value)
    return Picks(*(np.array(column, dtype=np.int64) for column in found)), path.name


def _misplaced(findings: Findings, place: tuple[str, int], found: tuple[int, ...], texts: tuple[str, ...]) -> None:
    """Why a row of allocations has no place in the inputs."""
    line, lane, product, day = found
    if line < 0:
        findings.add(*place, "line_id", texts[0], "a line of the input")
    elif lane < 0:
        findings.add(*place, "warehouse_id", texts[1], "a lane of the order's zone")
    elif product < 0:
        findings.add(*place, "ship_product_id", texts[2], "a product")
    elif day < 0:
        findings.add(*place, "ship_date", texts[3], "a day from as_of on")
    elif not QUANTITY.fullmatch(texts[4]):
        findings.add(*place, "qty", texts[4], "a whole number of at least 1")
    else:
        findings.add(*place, "ordered_qty_served", texts[5], "a whole number of at least 0")


# -- transfers -------------------------------------------------------------------------------------------------
def _moves(facts: Facts, run_dir: Path, findings: Findings) -> tuple[Ints, Ints, Ints, Ints]:
    """Row of `transfers`, position in `Supply.moves` (−1: not possible), day and units of each move."""
    path, day_of = table_path(run_dir, "transfers"), DayTexts(facts.as_of)
    row_of = _transfer_rows(facts)
    found: list[list[int]] = [[] for _ in range(4)]
    places = _places(facts)
    seen: set[Any] = set()
    for start, columns in read_rows(path):
        _columns(columns, (*MOVE_KEYS, "qty", "ship_date"), path.name)
        texts = [unguard(columns[name], path.suffix == ".csv") for name in MOVE_KEYS]
        cells = zip(*texts, columns["qty"], columns["ship_date"], strict=True)
        for at, (giver, taker, product, lot, qty, date) in enumerate(cells):
            row = row_of.get((giver, taker, product), row_of.get((giver, taker, ""), -1))
            key, day = (row, giver, product, lot, date), day_of(date)
            right = row >= 0 and day >= 0 and QUANTITY.fullmatch(qty) and key not in seen
            move = places.get((row, product, lot), -1)
            if not right or move < 0:
                words = " ".join((giver, taker, product, lot, qty, date))
                findings.add(path.name, start + at + 2, "", words, "a possible transfer of stock, once, of 1 or more")
                continue
            seen.add(key)
            for column, value in zip(found, (row, move, day, int(qty)), strict=True):
                column.append(value)
    made = [np.array(column, dtype=np.int64) for column in found]
    return made[0], made[1], made[2], made[3]


def _transfer_rows(facts: Facts) -> dict[tuple[str, str, str], int]:
    table = facts.tables.transfers
    keys = zip(table["from_warehouse_id"], table["to_warehouse_id"], table["product_id"], strict=True)
    return {(str(giver), str(taker), str(product)): at for at, (giver, taker, product) in enumerate(keys)}


def _places(facts: Facts) -> dict[tuple[int, str, str], int]:
    """Position among the possible moves, by row of `transfers`, product and lot."""
    supply = facts.supply
    source = supply.moves.source
    product = facts.tables.products["product_id"][supply.pool_product[supply.pool[source]]]
    lots = [supply.lot_texts[lot] for lot in supply.lot[source].tolist()]
    keys = zip(supply.moves.row.tolist(), product, lots, strict=True)
    return {(row, str(name), lot): at for at, (row, name, lot) in enumerate(keys)}
