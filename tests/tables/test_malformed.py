"""Thousands of damaged inputs: never a traceback, never a silent change, always a file and a remedy.

Each example takes a sound batch and damages one file (bytes flipped, cut, doubled, rows and cells swapped for nasty
ones). Whatever comes out is either an `InputError` that names a file and says what to do, or tables in which every cell
is one that stands in the damaged file.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
import zipfile
from decimal import Decimal

import numpy as np
import pytest

from optimizer.errors import InputError, Issue
from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables
from optimizer.tables.tables import Tables
from tests.builders import write_case
from tests.tables.formats import write_table
from tests.tables.inputs import GOOD, NEAR, POLICIES, good, policies, write_last

EXAMPLES = 400
NASTY = [
    "", " ", "\t", "\0", '"', '""', "'", ",", ";", "\n", "\r\n", "=1+1", "@x", "-", "-0", "NaN", "inf",
    "1e400", "1e-400", "0x10", "1,000", "1.000,5", "99999999999999999999999", "0." + "1" * 40, "9" * 40,
    "2026-02-30", "03/04/2026", "45000", "TRUE", "null", "None", "é", "漢", "\ufeff", "\u202e", "\u200b",
    "\ud7ff", "x" * 5000, "<script>", "../../x", "%s%n", "{}", "1_000", "١٢", "½", "1 ", "O1", "W1", "P1",
    "-1", "0", "1.5", "true", "forbid"
]  # fmt: skip
BYTES = [b"\0", b"\xff", b"\xfe\xff", b'"', b"\r", b"\n", b",", b"\x80", b"\xe9", b"\x1a", b"\xf0\x9f"]


TYPED = {
    "stock": [{"warehouse_id": "W1", "product_id": "P1", "on_hand_qty": 20, "reserved_qty": 2},
              {"warehouse_id": "W2", "product_id": "P2", "on_hand_qty": 9}],
    "orders": [{"order_id": "O1", "customer_id": "C1", "zone_id": "north", "due_date": datetime.date(2026, 11, 25)},
               {"order_id": "O2", "customer_id": "C2", "zone_id": "south", "service_weight": Decimal("1.5")}],
}  # fmt: skip


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    way = rng.randrange(6)
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:at] + rng.choice(BYTES) + content[at:]
    if way == 2:
        return content[:at] + rng.randbytes(rng.randint(1, 8)) + content[at + rng.randint(0, 8) :]
    if way == 3:
        stop = min(len(content), at + rng.randint(1, 40))
        return content[:stop] + content[at:stop] * rng.randint(1, 3) + content[stop:]
    if way == 4:
        return content.replace(rng.choice([b",", b"\n", b"1", b"O"]), rng.choice(BYTES))
    return content[at:]


def damaged_cells(content: bytes, rng: random.Random) -> bytes:
    """The same table with nasty cells, columns or rows, written as a CSV library would."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    for _ in range(rng.randint(1, 3)):
        row = rng.choice(rows)
        if not row:
            continue
        at = rng.randrange(len(row))
        way = rng.randrange(5)
        if way <= 1:
            row[at] = rng.choice(NASTY)
        elif way == 2:
            row.insert(at, rng.choice(NASTY))
        elif way == 3:
            rows.insert(rng.randrange(len(rows)), list(rng.choice(rows)))
        else:
            for line in rows:
                line[at : at + 1] = [rng.choice(NASTY)]
    out = io.StringIO()
    csv.writer(out, lineterminator=rng.choice(["\n", "\r\n"])).writerows(rows)
    return out.getvalue().encode()


def outcome(path, settings=()) -> tuple[Tables | None, list[Issue]]:
    """The tables, or what is wrong; anything but an `InputError` goes through and fails the test."""
    try:
        return load_tables(load_scenario(path, settings))[0], []
    except InputError as error:
        return None, error.issues


def told_well(issues: list[Issue]) -> bool:
    return all(issue.file and issue.expected and issue.remedy and "\n" not in issue.text() for issue in issues)


def judged(path, name: str, standing: set[str] | None) -> None:
    """Either told with file and remedy, or read without inventing a cell."""
    tables, issues = outcome(path)
    assert told_well(issues)
    assert (tables is None) == bool(issues)
    if tables is None or standing is None:
        return
    table = getattr(tables, name)
    for column, values in table.columns.items():
        if isinstance(values, np.ndarray) and values.dtype == object:
            strange = set(values[table.given(column)].tolist()) - standing
            assert not strange, (column, strange)


def cells_of(content: bytes) -> set[str]:
    text = content.decode("utf-8-sig", errors="replace")
    return {
        cell for row in csv.reader(io.StringIO(text, newline="")) for cell in (*row, *(part.strip() for part in row))
    }


@pytest.mark.parametrize("seed", range(8))
def test_damaged_csv_files(tmp_path, seed):
    rng = random.Random(seed)
    path = write_case(tmp_path, good())
    originals = {name: (tmp_path / f"{name}.csv").read_bytes() for name in GOOD}
    for _ in range(EXAMPLES // 8):
        name = rng.choice(sorted(GOOD))
        damage = rng.choice([damaged_bytes, damaged_cells])
        content = damage(originals[name], rng)
        (tmp_path / f"{name}.csv").write_bytes(content)
        judged(path, name, cells_of(content))
        (tmp_path / f"{name}.csv").write_bytes(originals[name])


@pytest.mark.usefixtures("everything_available")
@pytest.mark.parametrize("seed", range(8))
def test_damaged_files_of_policies(tmp_path, seed):
    rng = random.Random(100 + seed)
    write_last(tmp_path)
    path = write_case(tmp_path, policies(), NEAR)
    files = {name: tmp_path / f"{name}.csv" for name in POLICIES} | {"previous": tmp_path / "last" / "allocations.csv"}
    originals = {name: file.read_bytes() for name, file in files.items()}
    for _ in range(EXAMPLES // 16):
        name = rng.choice(sorted(files))
        content = rng.choice([damaged_bytes, damaged_cells])(originals[name], rng)
        files[name].write_bytes(content)
        judged(path, name, cells_of(content))
        files[name].write_bytes(originals[name])


@pytest.mark.parametrize("form", ["parquet", "xlsx", "duckdb", "sqlite"])
def test_damaged_binary_files(tmp_path, form):
    rng = random.Random(form)
    names = sorted(TYPED)
    data = {name: write_table(tmp_path, name, TYPED[name], form) for name in names}
    path = write_case(tmp_path, good(), {"data": data})
    files = {name: tmp_path / f"{name}.{form}" for name in names}
    originals = {name: file.read_bytes() for name, file in files.items()}
    for _ in range(40):
        name = rng.choice(names)
        files[name].write_bytes(damaged_bytes(originals[name], rng))
        judged(path, name, None)
        files[name].write_bytes(originals[name])


def test_damaged_parts_of_workbooks(tmp_path):
    """Damage inside the zip, so that the XML is what is wrong."""
    rng = random.Random(5)
    path = write_case(tmp_path, good(), {"data": {"stock": write_table(tmp_path, "stock", TYPED["stock"], "xlsx")}})
    with zipfile.ZipFile(tmp_path / "stock.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(80):
        name = rng.choice(
            ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"]
        )
        with zipfile.ZipFile(tmp_path / "stock.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            for part, content in parts.items():
                archive.writestr(part, damaged_bytes(content, rng) if part == f"xl/{name}" else content)
        judged(path, "stock", None)


def test_damaged_scenarios(tmp_path):
    rng = random.Random(6)
    change = {"table": "stock", "where": {"warehouse_id": "W1"}, "scale": {"on_hand_qty": 2}}
    settings = {"weights": {"service": 2}, "service": {"min_level": {"tier.gold": 0}}, "change": [change]}
    path = write_case(tmp_path, good(), settings)
    original = path.read_bytes()
    for _ in range(EXAMPLES):
        path.write_bytes(damaged_bytes(original, rng))
        tables, issues = outcome(path)
        assert told_well(issues)
        assert (tables is None) == bool(issues)


@pytest.mark.usefixtures("everything_available")
def test_damaged_scenarios_of_policies(tmp_path):
    rng = random.Random(7)
    stages = [{"kpi": "weighted_service_level[tier.gold]", "tolerance": Decimal("0.1")}, {"kpi": "objective"}]
    settings = {**NEAR, "objective": {"mode": "lexicographic", "stages": stages}, "finance": {"working_capital": 5}}
    write_last(tmp_path)
    path = write_case(tmp_path, policies(), settings)
    original = path.read_bytes()
    assert outcome(path)[1] == []
    for _ in range(EXAMPLES // 4):
        path.write_bytes(damaged_bytes(original, rng))
        tables, issues = outcome(path)
        assert told_well(issues)
        assert (tables is None) == bool(issues)


@pytest.mark.parametrize("value", NASTY)
def test_nasty_settings(tmp_path, value):
    path = write_case(tmp_path, good())
    keys = ("weights.margin", "service.measure", "solve.engine", "as_of", "data.stock", "service.min_level", "name")
    assert told_well([issue for key in keys for issue in outcome(path, [f"{key}={value}"])[1]])
