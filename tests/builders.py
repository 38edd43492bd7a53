"""Small inputs for tests, made the way real ones are: text tables through typing, linking and validation."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.exact import decimal_text
from optimizer.scenario.schema import Scenario
from optimizer.tables.assemble import assemble
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import REFUSED
from optimizer.tables.tables import Tables

AS_OF = datetime.date(2026, 11, 20)
Row = Mapping[str, Any]


@pytest.fixture
def everything_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may use all of the format, also what this version still refuses."""
    for name in list(REFUSED):
        monkeypatch.delitem(REFUSED, name)


def cell(value: Any) -> str:
    """A Python value as a person would type it into a table; None is blank. Floats are taken at their shortest form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return decimal_text(value, 30)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def text_rows(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [{key: cell(value) for key, value in row.items()} for row in rows]


def make_scenario(**settings: Any) -> Scenario:
    """A scenario with defaults; sections may be given as dicts (floats and ints become exact decimals)."""
    given = {"name": "test", "as_of": AS_OF, "data": {}} | settings
    return Scenario.model_validate(_exact(given))


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def complete(tables: Mapping[str, Iterable[Row]]) -> dict[str, list[dict[str, str]]]:
    """The tables as text, with what a test may leave out filled in.

    Lines: line_id '1', and margin 1 where neither price nor margin is given; orders: one for each order_id of the
    lines, customer 'C', zone 'Z'; warehouses: those of stock and lanes; lanes: every warehouse to every zone, free.
    Stock is never guessed.
    """
    made = {name: text_rows(rows) for name, rows in tables.items()}
    lines = made.get("order_lines", [])
    for line in lines:
        line.setdefault("line_id", "1")
        if not line.keys() & {"unit_margin", "unit_price"}:
            line["unit_margin"] = "1"
    orders = made.setdefault("orders", [{"order_id": key} for key in dict.fromkeys(row["order_id"] for row in lines)])
    for order in orders:
        order.setdefault("customer_id", "C")
        order.setdefault("zone_id", "Z")
    used = [row["warehouse_id"] for name in ("stock", "lanes", "inbound") for row in made.get(name, [])]
    used += [row[end] for row in made.get("transfers", []) for end in ("from_warehouse_id", "to_warehouse_id")]
    made.setdefault("warehouses", [{"warehouse_id": key} for key in dict.fromkeys(used)])
    for row in made["warehouses"]:
        row.setdefault("handling_cost_per_unit", "0")
    if "lanes" not in made:
        zones = dict.fromkeys(order["zone_id"] for order in orders)
        made["lanes"] = [{"warehouse_id": w["warehouse_id"], "zone_id": z} for w in made["warehouses"] for z in zones]
    for lane in made["lanes"]:
        lane.setdefault("zone_id", "Z")
    return {name: rows for name, rows in made.items() if rows}


def make_tables(scenario: Scenario | None = None, **tables: Iterable[Row]) -> Tables:
    """Validated tables from rows of plain values: ``make_tables(order_lines=[{...}, ...], stock=[...])``.

    Any table of the format may be given, and ``previous``: the rows of the plan to stay near to.
    """
    previous = tables.pop("previous", None)
    raws = {name: RawTable.of(name, rows) for name, rows in complete(tables).items()}
    kept = None if previous is None else RawTable.of("previous", previous_rows(previous))
    return assemble(raws, scenario or make_scenario(), previous=kept)[0]


def previous_rows(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Rows of a previous plan as text: service `standard`, leaving on `AS_OF`, shipped as ordered unless stated."""
    made = text_rows(rows)
    for row in made:
        row.setdefault("line_id", "1")
        row.setdefault("service_id", "standard")
        row.setdefault("ship_date", AS_OF.isoformat())
        row.setdefault("shipped_qty", row["qty"])
    return made


def write_case(folder: Path, tables: Mapping[str, Iterable[Row]], scenario: Mapping[str, Any] | None = None) -> Path:
    """The tables as CSV files and ``scenario.toml`` beside them; returns the scenario's path.

    ``scenario`` holds settings as nested dicts; tables that `complete` adds are written as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = complete(tables)
    for name, rows in made.items():
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    settings = {"name": "test", "as_of": AS_OF, "data": {}} | dict(scenario or {})
    settings["data"] = {name: f"{name}.csv" for name in made} | dict(settings["data"])
    path = folder / "scenario.toml"
    path.write_text(toml_text(settings), encoding="utf-8")
    return path


def toml_text(settings: Mapping[str, Any]) -> str:
    """Settings as TOML: plain values first, then a section for each table and each element of an array of tables."""
    return "\n".join(_section(settings, "")) + "\n"


def _section(settings: Mapping[str, Any], prefix: str) -> list[str]:
    tables = {key: value for key, value in settings.items() if isinstance(value, Mapping)}
    arrays = {k: v for k, v in settings.items() if isinstance(v, list) and v and isinstance(v[0], Mapping)}
    plain = {key: value for key, value in settings.items() if key not in tables and key not in arrays}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in tables.items():
        lines += ["", f"[{prefix}{_key(key)}]", *_section(value, f"{prefix}{_key(key)}.")]
    for key, elements in arrays.items():
        for element in elements:
            lines += ["", f"[[{prefix}{_key(key)}]]", *[f"{_key(k)} = {_value(v)}" for k, v in element.items()]]
    return lines


def _key(key: Any) -> str:
    text = str(key)
    return text if text.replace("_", "").replace("-", "").isalnum() and text.isascii() else _value(text)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in value)
        return f'"{escaped}"'
    return format(value, "f") if isinstance(value, Decimal) else str(value)
