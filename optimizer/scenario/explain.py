"""Findings of the schema in the words of the person who wrote the file."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from optimizer.scenario.locate import Path
from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import did_you_mean

BESIDE_THE_SCHEMA = ("base", "bundles", "change", "sweep")
"""Settings that the loader takes out before the rest is checked."""

EXPECTED = {
    "missing": "this setting",
    "extra_forbidden": "a setting that exists",
    "date_type": "a date without quotes, such as 2026-11-20",
    "date_from_datetime_inexact": "a date without quotes, such as 2026-11-20",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text in quotes",
    "dict_type": "a table of settings",
    "model_type": "a table of settings",
    "model_attributes_type": "a table of settings",
    "list_type": "a list",
    "decimal_parsing": "a number",
    "finite_number": "a finite number",
}

PATTERNS = {"currency": "three capital letters, such as EUR", "name": "text without line breaks"}


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Path, str, str, str, str]]:
    """For each finding: path, shown value, what was expected, what to do, code."""
    for item in error.errors(include_url=False):
        path: Path = tuple(part for part in item["loc"] if part != "[key]")
        kind, context = item["type"], item.get("ctx", {})
        value = item.get("input")
        shown = (
            "" if value is None or isinstance(value, dict | list | BaseModel) or "connection" in path else str(value)
        )
        if kind == "extra_forbidden":
            name, known = str(path[-1]), known_settings(path[:-1], model)
            yield (
                path,
                name,
                EXPECTED[kind],
                did_you_mean(name, known, f"known here: {', '.join(known)}"),
                "unknown_setting",
            )
            continue
        if kind == "missing":
            yield path, "", f"the setting {path[-1]!r}", f"add {path[-1]}", "missing_setting"
            continue
        yield (
            path,
            shown,
            _expected(kind, context, path, item["msg"]),
            _remedy(kind, context, path, shown),
            "bad_setting",
        )


def _expected(kind: str, context: dict[str, Any], path: Path, message: str) -> str:
    if kind == "value_error":
        return str(context.get("error", message))
    if kind == "literal_error":
        return f"one of {context['expected']}"
    bounds = {"greater_than_equal": ("ge", "{} or more"), "less_than_equal": ("le", "{} or less"),
              "greater_than": ("gt", "more than {}")}  # fmt: skip
    if kind in bounds:
        key, words = bounds[kind]
        return "a number, " + words.format(context[key])
    if kind == "string_pattern_mismatch" or kind.startswith("string_too"):
        return PATTERNS.get(str(path[-1]), "another text")
    return EXPECTED.get(kind, message[:1].lower() + message[1:])


def _remedy(kind: str, context: dict[str, Any], path: Path, shown: str) -> str:
    if kind == "literal_error":
        choices = [word.strip("' ") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        return did_you_mean(shown, choices, "use one of these")
    return f"correct {path[-1]}" if path else "correct the scenario"


def _section(annotation: Any) -> Any:
    """The type of a setting that may be left out, without its None."""
    parts = [part for part in typing.get_args(annotation) if part is not types.NoneType]
    return parts[0] if typing.get_origin(annotation) is types.UnionType and len(parts) == 1 else annotation


def known_settings(path: Path, model: type[BaseModel] = Scenario) -> list[str]:
    """The keys that may stand at a place of a scenario."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = _section(field.annotation) if field else None
        elif typing.get_origin(here) is dict:
            here = typing.get_args(here)[-1]
        elif typing.get_origin(here) in (list, tuple):
            here = typing.get_args(here)[0]
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [*here.model_fields, *(BESIDE_THE_SCHEMA if here is Scenario else ())]
