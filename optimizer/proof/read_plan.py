"""The plan of a run folder: allocations.csv as positions in the input tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from optimizer.errors import VerificationError
from optimizer.proof.facts import Facts
from optimizer.proof.failures import Findings
from optimizer.proof.run_files import Columns, read_rows, table_path, unguard
from optimizer.proof.tally import Rows

QUANTITY = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
NEEDED = ("order_id", "line_id", "warehouse_id", "service_id", "qty")


def read_plan(facts: Facts, run_dir: Path, findings: Findings) -> Rows | None:
    """Who ships what from where; None, and findings, if a row cannot be placed, is out of order or stands twice."""
    path, tables = table_path(run_dir, "allocations"), facts.tables
    lines = tables.order_lines
    line_of = {key: at for at, key in enumerate(zip(lines["order_id"], lines["line_id"], strict=True))}
    lanes = zip(tables.lanes["warehouse_id"], tables.lane_zone.tolist(), tables.lanes["service_id"], strict=True)
    lane_of = {key: at for at, key in enumerate(lanes)}
    zone_of_line = tables.order_zone[tables.line_order].tolist()
    before, found_line, found_lane, found_qty = findings.count, [], [], []
    for start, columns in read_rows(path):
        for name in NEEDED:
            if name not in columns:
                raise VerificationError(f"{path.name}: no column {name!r}")
        for at, (line_key, house, service, qty) in enumerate(_keys(columns, path.suffix == ".csv")):
            line = line_of.get(line_key, -1)
            lane = lane_of.get((house, zone_of_line[line], service), -1) if line >= 0 else -1
            if line < 0:
                findings.add(path.name, start + at + 2, "line_id", "/".join(line_key), "a line of the input")
            elif lane < 0:
                findings.add(
                    path.name, start + at + 2, "warehouse_id", f"{house} by {service}", "a lane of the order's zone"
                )
            elif not QUANTITY.fullmatch(qty):
                findings.add(path.name, start + at + 2, "qty", qty, "a whole number of at least 1")
            found_line.append(line)
            found_lane.append(lane)
            found_qty.append(int(qty) if QUANTITY.fullmatch(qty) else 0)
    if findings.count > before:
        return None
    rows = Rows(*(np.array(found, dtype=np.int64) for found in (found_line, found_lane, found_qty)))
    same_line = rows.line[1:] == rows.line[:-1]
    disorder = (rows.line[1:] < rows.line[:-1]) | (same_line & (rows.lane[1:] <= rows.lane[:-1]))
    for at in np.flatnonzero(disorder).tolist():
        findings.add(
            path.name, at + 3, "", "a row that does not follow its predecessor", "rows sorted by key, each once"
        )
    return None if findings.count > before else rows


def _keys(columns: Columns, guarded: bool) -> zip[tuple[tuple[str, str], str, str, str]]:
    texts = [unguard(columns[name], guarded) for name in NEEDED[:4]]
    return zip(zip(texts[0], texts[1], strict=True), texts[2], texts[3], columns["qty"], strict=True)
