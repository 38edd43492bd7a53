"""Every shipped scenario reads without a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables
from tests.scenarios.stories import ROOT, SCENARIOS

FILES = sorted(SCENARIOS.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_reads_without_a_fault(path: Path) -> None:
    loaded = load_scenario(path)
    tables, _ = load_tables(loaded)
    assert loaded.scenario.name == path.stem
    assert len(tables.order_lines) > 100


def test_the_index_names_every_scenario() -> None:
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        assert f"`{path.stem}`" in page


def test_a_week_is_a_day_with_seven_times_the_capacity() -> None:
    day, week = (load_tables(load_scenario(SCENARIOS / f"brunel-{span}.toml"))[0] for span in ("day", "week"))
    capacity = "capacity_shipments"
    assert (week.warehouses[capacity] == 7 * day.warehouses[capacity]).all()
    assert [source.digest for source in week.sources if source.table != "warehouses"] == [
        source.digest for source in day.sources if source.table != "warehouses"
    ]
