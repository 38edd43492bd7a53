"""CSV, Parquet, Excel, DuckDB and SQLite must give the same typed table, to the last digit and letter."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables
from optimizer.tables.schema import TABLES
from tests.builders import complete, write_case
from tests.tables.formats import FORMATS, kind_of, write_table
from tests.tables.inputs import policies

ROWS = {
    "orders": [
        {"order_id": "00123", "customer_id": "NA", "zone_id": "NO", "order_date": datetime.date(2026, 2, 28),
         "due_date": datetime.date(2026, 3, 29), "priority": 1, "hold": "null", "x_note": "=1+1"},
        {"order_id": "123", "customer_id": "null", "zone_id": "on", "priority": None, "service_weight": Decimal("1.5")},
        {"order_id": "0123", "customer_id": "None", "zone_id": "NO", "x_note": "é ü 漢字"},
        {"order_id": "1E5", "customer_id": "nan", "zone_id": "NO"},
        {"order_id": "9007199254740993", "customer_id": "N/A", "zone_id": "NO"},
    ],
    "order_lines": [
        {"order_id": "00123", "line_id": "1", "product_id": "2E3", "qty": 7, "unit_margin": Decimal("0.1")},
        {"order_id": "123", "line_id": "01", "product_id": "00123", "qty": 1, "unit_margin": Decimal("19.99")},
        {"order_id": "0123", "line_id": "1", "product_id": "123", "qty": 3, "unit_margin": Decimal("-2.675"),
         "weight_kg": Decimal("0.000001")},
        {"order_id": "1E5", "line_id": "1", "product_id": "N/A", "qty": 12, "unit_margin": Decimal("1000000")},
        {"order_id": "9007199254740993", "line_id": "1", "product_id": "NA", "qty": 12, "unit_margin": Decimal(0)},
    ],
    "stock": [
        {"warehouse_id": "W", "product_id": p, "on_hand_qty": 10} for p in ("2E3", "00123", "123", "N/A", "NA")
    ],
    "warehouses": [{"warehouse_id": "W", "is_open": True, "latitude": Decimal("48.85"), "handling_cost_per_unit": None},
                   {"warehouse_id": "TRUE", "is_open": False}],
    "lanes": [{"warehouse_id": "W", "zone_id": zone, "cost_per_kg": Decimal("0.1")} for zone in ("NO", "on")],
}  # fmt: skip


def load(folder: Path, forms: dict[str, str], rows=ROWS):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = {name: write_table(folder, name, table, forms[name]) for name, table in rows.items()}
    path = write_case(folder, {}, {"data": data})
    return load_tables(load_scenario(path))


def test_every_format_gives_the_same_tables(tmp_path):
    reference, _ = load(tmp_path / "csv", dict.fromkeys(ROWS, "csv"))
    assert reference.orders["order_id"].tolist() == ["00123", "0123", "123", "1E5", "9007199254740993"]
    assert reference.orders["customer_id"].tolist() == ["NA", "None", "null", "nan", "N/A"]
    for form in FORMATS[1:]:
        tables, _ = load(tmp_path / form, dict.fromkeys(ROWS, form))
        assert digests(tables) == digests(reference), form
        assert tables.orders.extra["x_note"].tolist() == reference.orders.extra["x_note"].tolist()
        assert tables.order_lines["unit_margin"].texts() == reference.order_lines["unit_margin"].texts()


def digests(tables):
    return {source.table: source.digest for source in tables.sources}


def test_formats_mix_freely(tmp_path):
    forms = dict(zip(ROWS, FORMATS, strict=True))
    mixed, _ = load(tmp_path / "mixed", forms)
    reference, _ = load(tmp_path / "csv", dict.fromkeys(ROWS, "csv"))
    assert digests(mixed) == digests(reference)


def test_row_order_does_not_matter(tmp_path):
    reference, _ = load(tmp_path / "a", dict.fromkeys(ROWS, "csv"))
    shuffled = {name: table[::-1] for name, table in ROWS.items()}
    tables, _ = load(tmp_path / "b", dict.fromkeys(ROWS, "csv"), shuffled)
    assert digests(tables) == digests(reference)
    assert tables.orders["order_id"].tolist() == reference.orders["order_id"].tolist()
    assert np.array_equal(tables.line_order, reference.line_order)


@pytest.mark.parametrize(("table", "column", "value"), [
    ("orders", "hold", "Null"), ("order_lines", "qty", 8), ("order_lines", "unit_margin", Decimal("0.1000001")),
    ("orders", "x_note", "=1+2"), ("orders", "due_date", datetime.date(2026, 3, 30)), ("warehouses", "is_open", False),
])  # fmt: skip
def test_any_changed_cell_changes_the_digest(tmp_path, table, column, value):
    reference, _ = load(tmp_path / "a", dict.fromkeys(ROWS, "csv"))
    rows = {name: [dict(row) for row in content] for name, content in ROWS.items()}
    rows[table][0][column] = value
    tables, _ = load(tmp_path / "b", dict.fromkeys(ROWS, "csv"), rows)
    changed = {name for name in ROWS if digests(tables)[name] != digests(reference)[name]}
    assert changed == {table}


def typed(table: str, rows):
    """Rows of text as values of their columns' kinds."""
    make = {"int": int, "decimal": Decimal, "date": datetime.date.fromisoformat, "flag": lambda word: word == "true"}
    return [
        {key: make.get(kind_of(table, key), str)(word) if word else None for key, word in row.items()} for row in rows
    ]


@pytest.mark.usefixtures("everything_available")
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_and_row_order_gives_the_same_policies(tmp_path, form):
    case = policies()
    case["history"] += [{"date": "2026-11-01", "product_id": "P1", "qty": "12"}, dict(case["history"][0])]
    case["orders"][1]["frozen"] = "false"
    rows = {name: typed(name, content) for name, content in case.items()}
    reference, _ = load(tmp_path / "a", dict.fromkeys(rows, "csv"), rows)
    assert reference.history["qty"].tolist() == [12, 7, 7, 2]
    backwards = {name: content[::-1] for name, content in rows.items()}
    tables, _ = load(tmp_path / "b", dict.fromkeys(rows, form), backwards)
    assert digests(tables) == digests(reference)
    assert set(digests(tables)) == set(rows)
    for name in ("stock", "calendar", "rate_bands", "kits"):
        schema = TABLES[name]
        for key in schema.keys:
            assert getattr(tables, name)[key].tolist() == getattr(reference, name)[key].tolist()
    assert tables.kit_component.tolist() == reference.kit_component.tolist()


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(lambda t: t.strip() == t)
EDGY = st.sampled_from(["0", "00", "1E5", "1e-3", "NA", "nan", "None", "null", "TRUE", "1.0", "1,5", "=1+1", "-0",
    '"', "'",
                        "2026-03-01", "9007199254740993", "inf", "#N/A", "\u00a0x", "e\u0301", "\ufeffx",
                        "a;b"])  # fmt: skip
MONEY = st.decimals(min_value=0, max_value=10**5, places=4, allow_nan=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(EDGY | TEXT, MONEY, st.integers(1, 10**6)), min_size=1, max_size=5, unique_by=lambda t: t[0]),
       st.sampled_from(FORMATS))  # fmt: skip
def test_any_id_decimal_and_quantity_survives(lines, form):
    rows = [{"order_id": key, "line_id": key, "product_id": key, "qty": qty, "unit_margin": margin}
            for key, margin, qty in lines]  # fmt: skip
    text = complete({"order_lines": rows, "stock": [{"warehouse_id": "W", "product_id": "p", "on_hand_qty": 1}]})
    made = text | {"order_lines": rows}
    with tempfile.TemporaryDirectory() as folder:
        tables, _ = load(Path(folder) / "case", {name: form if name == "order_lines" else "csv" for name in made}, made)
    assert sorted(key for key, _, _ in lines) == tables.order_lines["line_id"].tolist()
    found = dict(zip(tables.order_lines["line_id"].tolist(), range(len(lines)), strict=True))
    for key, margin, qty in lines:
        at = found[key]
        assert tables.order_lines["product_id"][at] == tables.order_lines["order_id"][at] == key
        assert tables.order_lines["unit_margin"].item(at) == margin
        assert tables.order_lines["qty"][at] == qty
