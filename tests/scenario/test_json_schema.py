"""The JSON schema for editors: current, accepts every scenario of ours, refuses what the loader refuses."""

import datetime
import tomllib
from pathlib import Path

import jsonschema
import pytest

from optimizer.scenario.json_schema import json_schema, schema_text

ROOT = Path(__file__).parents[2]
CHECKER = jsonschema.Draft7Validator(json_schema())


def test_the_file_for_editors_is_current_and_a_schema():
    assert (ROOT / "docs" / "scenario.schema.json").read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").rglob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_fits(path):
    assert [error.message for error in CHECKER.iter_errors(tomllib.loads(path.read_text(encoding="utf-8")))] == []


CHANGE = {"table": "stock", "where": {"warehouse_id": ["A", "B"]}, "scale": {"on_hand_qty": 0.5}}
GOOD = {
    "base": ["a.toml", "b.toml"],
    "bundles": ["late-truck"],
    "as_of": datetime.date(2026, 11, 20),
    "data": {"orders": "orders.csv", "stock": {"path": "book.xlsx", "sheet": "S"}},
    "service": {"value": 2.5, "min_level": 0.9, "tier_weight": {"A": 3}, "priority_weight": {"1": 2}},
    "objective": {"mode": "floor", "floors": [{"kpi": "margin", "min": 3}], "maximize": "margin"},
    "change": [CHANGE, {"table": "inbound", "set": {"available_date": datetime.date(2026, 11, 21), "x_note": "n"}},
               {"table": "stock", "drop": True}, {"table": "stock", "append": [{"warehouse_id": "W"}]}],
    "sweep": [{"parameter": "weights.service", "values": [0, 1]}],
}  # fmt: skip


def test_all_parts_of_the_format_fit():
    assert [error.message for error in CHECKER.iter_errors(GOOD)] == []


@pytest.mark.parametrize("wrong", [
    {"weigths": {"margin": 1}}, {"weights": {"margins": 1}}, {"weights": {"margin": "1"}}, {"weights": {"margin": -1}},
    {"solve": {"engine": "cplex"}}, {"solve": {"threads": 0}}, {"data": {"stocks": "x.csv"}}, {"data": {"stock": 5}},
    {"change": [{"table": "stok", "drop": True}]}, {"change": [{**CHANGE, "drop": True}]},
    {"change": [{**CHANGE, "scale": {"on_hand": 2}}]}, {"change": [{**CHANGE, "scale": {"warehouse_id": 2}}]},
    {"change": [{"table": "stock"}]}, {"sweep": [{"parameter": "x"}]}, {"bundles": "x"}, {"service": {"measure": "u"}},
])  # fmt: skip
def test_slips_are_seen_while_typing(wrong):
    assert list(CHECKER.iter_errors({**GOOD, **wrong}))
