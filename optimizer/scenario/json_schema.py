"""The scenario file as a JSON schema, for editors that complete and check TOML while it is written."""

from __future__ import annotations

import json
from typing import Any

from optimizer.scenario.schema import DataRef, Scenario, Sweep
from optimizer.tables.schema import TABLES, TableSchema

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What editors of TOML read."""

CELL = {
    "text": {"type": "string"},
    "enum": {"type": "string"},
    "int": {"type": "number"},
    "decimal": {"type": "number"},
    "date": {},
    "flag": {"type": "boolean"},
}
"""Cells of each kind as TOML writes them; a date has a type of its own there, which JSON schema does not know."""


def json_schema() -> dict[str, Any]:
    """The schema of a scenario file or a bundle of changes. What rests on several settings only the loader checks."""
    scenario = Scenario.model_json_schema(ref_template="#/definitions/{model}")
    definitions = scenario.pop("$defs") | {"DataRef": DataRef.model_json_schema(), "Sweep": Sweep.model_json_schema()}
    definitions |= {f"cells of {table.name}": _cells(table) for table in TABLES.values()}
    level = {"type": "number", "minimum": 0, "maximum": 1}
    by_scope = {"type": "object", "additionalProperties": {"anyOf": [level, {"type": "object"}]}}
    definitions["Service"]["properties"]["min_level"] = {"anyOf": [level, by_scope]}
    texts = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    properties = {
        "base": {
            "anyOf": [{"type": "string"}, texts],
            "description": "the scenario, or several, that this one changes",
        },
        "bundles": {**texts, "description": "files of changes, by path or by name in the folder bundles"},
        **scenario["properties"],
        "as_of": {"description": "the day of the snapshot: a date without quotes"},
        "data": {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _data(table) for name, table in TABLES.items()},
        },
        "change": {"type": "array", "items": {"oneOf": [_change(table) for table in TABLES.values()]}},
        "sweep": {"type": "array", "items": {"$ref": "#/definitions/Sweep"}},
    }
    whole: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "A scenario of allot",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "definitions": definitions,
    }
    return dict(_plain(whole))


def schema_text() -> str:
    """The schema as the file that editors read."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _data(table: TableSchema) -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/DataRef"}], "description": table.meaning}


def _change(table: TableSchema) -> dict[str, Any]:
    """Changes of one table, with its columns by name."""
    numbers = [column.name for column in table.columns if column.kind in ("int", "decimal")]
    steps = {"type": "object", "propertyNames": {"enum": numbers}, "additionalProperties": {"type": "number"}}
    own = {"pattern": "^x_"}
    where = {"type": "object", "propertyNames": {"anyOf": [{"enum": list(table.names)}, own]}}
    cells = {"$ref": f"#/definitions/cells of {table.name}"}
    actions: dict[str, Any] = {
        "set": cells,
        "scale": steps,
        "add": steps,
        "drop": {"const": True},
        "append": {"type": "array", "items": cells},
    }
    return {
        "type": "object",
        "required": ["table"],
        "additionalProperties": False,
        "properties": {"table": {"const": table.name, "description": table.meaning}, "where": where, **actions},
        "oneOf": [
            {"required": ["drop"], "not": _any_of("set", "scale", "add", "append")},
            {"required": ["append"], "not": _any_of("set", "scale", "add", "where")},
            {**_any_of("set", "scale", "add"), "not": _any_of("append", "drop")},
        ],
    }


def _any_of(*keys: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _cells(table: TableSchema) -> dict[str, Any]:
    """A row of a table as changes write it; "" is blank, columns of the user's own begin with x_."""
    cells: dict[str, Any] = {column.name: CELL[column.kind] for column in table.columns}
    typed = {name: {"anyOf": [cell, {"const": ""}]} if cell else {} for name, cell in cells.items()}
    return {"type": "object", "properties": typed, "patternProperties": {"^x_": {}}, "additionalProperties": False}


LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum"}
"""Limits of exact numbers, which pydantic leaves in its own words."""


def _plain(node: Any) -> Any:
    """As TOML has it: numbers without quotes, no null, no defaults as text, no titles made from keys."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {LIMITS.get(key, key): _plain(value) for key, value in node.items() if not isinstance(value, str) or
             key not in ("title", "default") or node.get("type") == "object"}  # fmt: skip
    choices = [choice for choice in found.get("anyOf", ()) if choice != {"type": "null"}]
    if any(choice.get("type") == "number" for choice in choices):
        choices = [choice for choice in choices if choice.get("type") != "string"]
    if len(choices) < len(found.get("anyOf", ())):
        rest = {key: value for key, value in found.items() if key != "anyOf"}
        found = {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}
    return found
