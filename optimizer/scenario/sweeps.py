"""``[[sweep]]``: one setting, many values. Each combination is a run of its own: the scenario with settings on top."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import Any

from pydantic import ValidationError

from optimizer.errors import InputError
from optimizer.scenario.explain import explain
from optimizer.scenario.layers import Layer, override_layers
from optimizer.scenario.schema import Scenario, Sweep
from optimizer.tables.findings import Findings, quote

MOST_COMBINATIONS = 10_000
SHOWN_VALUE = 40
"""Characters of a value in the name of a run."""


@dataclass(frozen=True)
class PlacedSweep:
    """A sweep and where it is written; ``texts`` are its values as TOML."""

    parameter: str
    texts: tuple[str, ...]
    line: int | None

    @property
    def settings(self) -> tuple[str, ...]:
        """``KEY=VALUE`` of each value, as the command line takes them."""
        return tuple(f"{self.parameter}={text}" for text in self.texts)


@dataclass(frozen=True)
class Combination:
    """One run of a scenario with sweeps: the settings that choose its values, and a name that says them."""

    settings: tuple[str, ...] = ()
    label: str = ""


def read_sweeps(
    layer: Layer, merged: dict[str, Any], chosen: Sequence[tuple[str, ...]], found: Findings
) -> tuple[PlacedSweep, ...]:
    """The sweeps of the scenario's own file that no setting of the command line has ``chosen`` a value of."""
    raw = layer.settings.get("sweep", [])
    if not isinstance(raw, list):
        found.say(layer.file, "[[sweep]] in double brackets", "write [[sweep]]", "bad_setting", row=layer.line("sweep"),
                  column="sweep")  # fmt: skip
        return ()
    sweeps: dict[str, PlacedSweep] = {}
    for number, item in enumerate(raw):
        sweep = _read(layer, number, item, merged, found)
        if sweep is None:
            continue
        if sweep.parameter in sweeps:
            found.say(layer.file, "one sweep for each parameter", "join their values", "bad_setting", row=sweep.line,
                      column="sweep.parameter", value=sweep.parameter)  # fmt: skip
        sweeps[sweep.parameter] = sweep
    count = prod(len(sweep.texts) for sweep in sweeps.values())
    if count > MOST_COMBINATIONS:
        found.say(layer.file, f"at most {MOST_COMBINATIONS:,} combinations", "leave values out", "too_large",
                  row=layer.line("sweep"), column="sweep", value=f"{count:,}")  # fmt: skip
    return tuple(sweep for sweep in sweeps.values() if _key(layer, sweep) not in chosen)


def _read(layer: Layer, number: int, item: Any, merged: dict[str, Any], found: Findings) -> PlacedSweep | None:
    """One sweep, every value of it tried against the schema; None, and findings, if something is wrong with it."""
    line = layer.line("sweep", number)
    try:
        sweep = Sweep.model_validate(item)
        placed = PlacedSweep(sweep.parameter, tuple(map(toml_text, sweep.values)), line)
        layers = override_layers(placed.settings, layer.folder / layer.file)
    except ValidationError as error:
        for path, value, expected, remedy, code in explain(error, Sweep):
            column = ".".join(["sweep", *map(str, path)])
            found.say(layer.file, expected, remedy, code, row=layer.line("sweep", number, *path), column=column,
                      value=value)  # fmt: skip
        return None
    except InputError:
        found.say(layer.file, "the key of one setting, such as weights.service", "correct parameter", "bad_setting",
                  row=line, column="sweep.parameter", value=item["parameter"])  # fmt: skip
        return None
    before = len(found.errors)
    if len(set(placed.texts)) < len(placed.texts):
        found.say(layer.file, "each value once", "leave it out", "bad_setting", row=line, column="sweep.values")
    told_elsewhere = _faults(merged)
    for value, override in zip(sweep.values, layers, strict=True):
        for fault in _faults(_laid_over(merged, override.settings)):
            if fault not in told_elsewhere:
                _, shown, expected, remedy, code = fault
                found.say(layer.file, expected, remedy, code, row=line, column=f"sweep {sweep.parameter}",
                          value=shown or value)  # fmt: skip
    return placed if len(found.errors) == before else None


def _faults(settings: dict[str, Any]) -> list[tuple[Any, str, str, str, str]]:
    """What the schema finds wrong with settings, as `explain` tells it."""
    try:
        Scenario.model_validate(settings)
    except ValidationError as error:
        return list(explain(error, Scenario))
    return []


def _laid_over(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    merged = deepcopy(settings)
    for key, value in more.items():
        inner = merged.get(key)
        merged[key] = _laid_over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _key(layer: Layer, sweep: PlacedSweep) -> tuple[str, ...]:
    """The parts of a sweep's parameter, quotes resolved."""
    value: Any = override_layers([f"{sweep.parameter}=0"], layer.folder / layer.file)[0].settings
    parts: list[str] = []
    while isinstance(value, dict):
        (key, value), *_ = value.items()
        parts.append(key)
    return tuple(parts)


def refuse_sweeps(layer: Layer, sweeps: Sequence[PlacedSweep], found: Findings) -> None:
    """A single run cannot be all combinations."""
    choice = " ".join(f"--set {sweep.settings[0]}" for sweep in sweeps)
    count = prod(len(sweep.texts) for sweep in sweeps)
    found.say(layer.file, f"one scenario; its [[sweep]] makes {count:,} of it",
              f"run them all with allot batch, or choose one: {choice}", "sweep", row=sweeps[0].line,
              column="sweep")  # fmt: skip


def combinations(sweeps: Sequence[PlacedSweep]) -> tuple[Combination, ...]:
    """Every combination of values, the first parameter slowest; one without settings where nothing is swept."""
    tails = [sweep.parameter.replace('"', "").split(".")[-1] for sweep in sweeps]
    shown = [tail if tails.count(tail) == 1 else sweep.parameter for tail, sweep in zip(tails, sweeps, strict=True)]
    found = []
    for texts in itertools.product(*(sweep.texts for sweep in sweeps)):
        settings = tuple(f"{sweep.parameter}={text}" for sweep, text in zip(sweeps, texts, strict=True))
        words = (f"{name} {quote(text)[:SHOWN_VALUE]}" for name, text in zip(shown, texts, strict=True))
        found.append(Combination(settings, ", ".join(words).replace('"', "")))
    return tuple(found)


def toml_text(value: Any) -> str:
    """A value as read from TOML, written as TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml_text(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
