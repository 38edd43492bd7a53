"""The pages on data and scenarios tell every column, every setting and every limit as the code has it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from optimizer.scenario.layers import MAX_BASES
from optimizer.scenario.paths import MARKERS
from optimizer.scenario.schema import SCOPE_KINDS, Scenario
from optimizer.tables import connections, read_csv, read_excel, read_parquet
from optimizer.tables.describe import BEGIN, REFUSED_BEGIN, reference, refused_sections, updated
from optimizer.tables.schema import MAX_WHOLE, REFUSED, TABLES

DOCS = Path(__file__).parents[2] / "docs"
DATA, SCENARIOS = (DOCS / "data.md").read_text(), (DOCS / "scenarios.md").read_text()


def test_what_is_written_from_the_code_is_up_to_date():
    assert updated(DATA) == DATA
    assert updated(SCENARIOS) == SCENARIOS
    assert BEGIN in DATA
    assert REFUSED_BEGIN in SCENARIOS


def test_refused_sections_are_listed(monkeypatch):
    for name in list(REFUSED):
        monkeypatch.delitem(REFUSED, name)
    assert "may be used" in refused_sections()
    monkeypatch.setitem(REFUSED, "[sweep]", "many values")
    assert refused_sections().startswith("`[[sweep]]` belongs")
    monkeypatch.setitem(REFUSED, "[finance]", "figures")
    assert refused_sections().startswith("`[[sweep]]` and `[finance]` belong")


def test_refused_tables_and_columns_are_told_apart(monkeypatch):
    for name in list(REFUSED):
        monkeypatch.delitem(REFUSED, name)
    everything = reference()
    assert "Not available" not in everything
    assert all(f"### `{name}`" in everything for name in TABLES)
    monkeypatch.setitem(REFUSED, "kits", "sets")
    monkeypatch.setitem(REFUSED, "orders.cancel_date", "a date")
    assert "- `kits`: sets" in reference()
    assert "### `kits`" not in reference()
    assert "refused where a cell is filled: `cancel_date`." in reference()


def settings(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, BaseModel)
        keys += settings(inner, f"{prefix}{name}.") if nested else [prefix + name]
    return keys


@pytest.mark.parametrize("key", [key for key in settings(Scenario) if key != "data"])
def test_every_setting_is_described_with_its_default(key):
    row = next(line for line in SCENARIOS.splitlines() if line.startswith(f"| `{key}` |"))
    model, *path = Scenario, *key.split(".")
    for part in path[:-1]:
        model = model.model_fields[part].annotation
    field = model.model_fields[path[-1]]
    default = row.split("|")[2].strip().strip('`"')
    if field.is_required():
        assert default in ("required", "the file's name")
    elif field.default is not None and field.default_factory is None:
        assert default == str(field.default)


def test_limits_are_those_of_the_code():
    sizes = (read_csv.MAX_BYTES // 2**30, read_excel.MAX_UNPACKED // 2**20, read_parquet.MAX_LOGICAL_BYTES // 2**30)
    for number in (MAX_WHOLE, read_parquet.MAX_ROWS, connections.MAX_ROWS, read_excel.MAX_RATIO, *sizes):
        assert f"{number:,}" in DATA
    assert connections.QUERY_LIMIT_S == 300
    assert str(MAX_BASES) in SCENARIOS
    assert all(f"`{mark}`" in SCENARIOS for mark in MARKERS)
    assert all(f"`{kind}.X`" in SCENARIOS for kind in SCOPE_KINDS)


def test_examples_of_the_pages_are_toml():
    blocks = re.findall(r"```toml\n(.*?)```", DATA + SCENARIOS, re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        assert tomllib.loads(block)


def test_columns_have_a_meaning_and_numbers_a_unit():
    for schema in TABLES.values():
        for column in schema.columns:
            assert column.meaning, column.name
            if column.kind == "decimal":
                assert column.unit, f"{schema.name}.{column.name}"
