"""From a scenario file to a checked scenario: its bases below it, what it changes on top, each change logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from optimizer.errors import InputError, Issue
from optimizer.scenario.explain import explain
from optimizer.scenario.layers import BESIDE, Layer, file_layers, override_layers
from optimizer.scenario.locate import Path as KeyPath
from optimizer.scenario.paths import tree_root
from optimizer.scenario.schema import Change, Scenario, has_credentials
from optimizer.scenario.sweeps import PlacedSweep, read_sweeps, refuse_sweeps
from optimizer.tables.findings import Findings, did_you_mean
from optimizer.tables.schema import LATER, REFUSED, TABLES, is_refused

WHOLE = ("objective",)
"""Sections that are replaced as a whole: stages of one mode make no sense in another."""

WHOLE_ENTRIES = ("data",)
"""Sections whose entries are replaced as a whole: a table comes from one place."""


@dataclass(frozen=True)
class PlacedChange:
    """A change of the tables and where it is written; those of one ``level`` do not override each other."""

    change: Change
    file: str
    number: int
    line: int | None
    level: str

    @property
    def words(self) -> str:
        return f"change {self.number} of {self.file}"

    @property
    def place(self) -> str:
        """File and line."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Stack:
    """The files of a scenario, bases first, then the settings of the command line; which one states what."""

    layers: tuple[Layer, ...]
    origin: Mapping[KeyPath, int]
    own: int

    def layer(self, path: KeyPath) -> Layer:
        """Who states a setting; the scenario itself if nobody does."""
        stops = range(len(path), 0, -1)
        return self.layers[next((self.origin[path[:stop]] for stop in stops if path[:stop] in self.origin), self.own)]

    def place(self, path: KeyPath) -> tuple[str, int | None]:
        """The file and line of a setting."""
        layer = self.layer(path)
        return layer.file, layer.line(*path)


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario ready to be read: its settings, and where they come from.

    ``changes`` logs the settings that differ from the base, old -> new; ``table_changes`` are applied, bases first, by
    `optimizer.tables.read`. ``sweeps``: parameters whose values nobody has chosen among yet (only where asked for).
    """

    scenario: Scenario
    path: Path
    root: Path
    stack: Stack
    changes: tuple[Mapping[str, Any], ...] = ()
    table_changes: tuple[PlacedChange, ...] = ()
    allow_outside: bool = False
    warnings: tuple[Issue, ...] = ()
    sweeps: tuple[PlacedSweep, ...] = ()


def load_scenario(
    path: Path | str, settings: Sequence[str] = (), allow_outside: bool = False, *, keep_sweeps: bool = False
) -> LoadedScenario:
    """Read a scenario, its bases and the command line's ``KEY=VALUE``; all faults at once as `InputError`.

    A ``[[sweep]]`` stands for many scenarios: it is refused unless a setting chooses its value, or ``keep_sweeps``.
    """
    path = Path(path)
    root = tree_root(path)
    layers = (*file_layers(path, root, allow_outside), *override_layers(settings, path))
    own = len(layers) - len(settings) - 1
    merged, origin, changes, clashes = _merge(layers)
    stack = Stack(layers, origin, own)
    names = [layer.settings["name"] for layer in layers[stack.own :] if "name" in layer.settings]
    merged["name"] = names[-1] if names else path.stem
    found = Findings(stack.place)
    for key, places in clashes.items():
        layer, other = layers[places[-1]], layers[places[0]]
        found.say(layer.file, f"one value for {_dotted(key)}; {other.place(*key)} says another",
                  f"state {_dotted(key)} in {layers[own].file}, which decides", "clash", row=layer.line(*key),
                  column=_dotted(key), value=_get(layer.settings, key))  # fmt: skip
    for layer in layers:
        _refuse_later(layer, found)
    table_changes = tuple(change for layer in layers for change in _table_changes(layer, found))
    scenario = _validated(merged, found)
    for table, ref in scenario.data.items() if scenario else ():
        if ref.connection and has_credentials(ref.connection.get_secret_value()):
            found.say_setting(("data", table, "connection"), "no password in a scenario",
                              'keep it in an environment variable: connection = "env:NAME"', "secret_in_file",
                              table=table, severity="warning")  # fmt: skip
    chosen = [tuple(map(str, key)) for layer in layers[own + 1 :] for key, _ in _leaves(layer.settings)]
    sweeps = read_sweeps(layers[own], merged, chosen, found)
    if sweeps and not keep_sweeps:
        refuse_sweeps(layers[own], sweeps, found)
    if found.errors or scenario is None:
        raise InputError(found.errors, found.warnings)
    return LoadedScenario(
        scenario, path, root, stack, tuple(changes), table_changes, allow_outside, tuple(found.warnings), sweeps
    )


# -- merging ----------------------------------------------------------------------------------------------------------
def _merge(
    layers: Sequence[Layer],
) -> tuple[dict[str, Any], dict[KeyPath, int], list[Mapping[str, Any]], dict[KeyPath, tuple[int, int]]]:
    """Later layers over earlier ones: tables merge, everything else replaces.

    Also, for each setting the layer that it comes from, what later layers changed, and where two layers of one level
    say different things that no later layer decides.
    """
    merged: dict[str, Any] = {}
    origin: dict[KeyPath, int] = {}
    changes: list[Mapping[str, Any]] = []
    clashes: dict[KeyPath, tuple[int, int]] = {}
    for number, layer in enumerate(layers):
        merging = {key: value for key, value in layer.settings.items() if not (key in BESIDE or is_refused(f"[{key}]"))}
        for path, value in _leaves(merging):
            old = _get(merged, path)
            before = origin.get(path, number)
            clashes.pop(path, None)
            if before != number and layers[before].level == layer.level and old != value:
                clashes[path] = (before, number)
            if number > 0 and old != value:
                was = _default(path) if old is None else old
                changes.append(
                    {"path": _dotted(path), "old": _shown(path, was), "new": _shown(path, value), "from": layer.file}
                )
            _put(merged, path, value)
            for stop in range(1, len(path) + 1):
                origin[path[:stop]] = number
    return merged, origin, changes, clashes


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


def _leaves(settings: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in settings.items():
        here = (*path, key)
        whole = here[0] in WHOLE or (len(here) == 2 and here[0] in WHOLE_ENTRIES)
        if isinstance(value, dict) and value and not whole:
            yield from _leaves(value, here)
        else:
            yield here, value


def _get(settings: Any, path: KeyPath) -> Any:
    for part in path:
        settings = settings.get(part) if isinstance(settings, dict) else None
    return settings


def _put(settings: dict[str, Any], path: KeyPath, value: Any) -> None:
    for part in path[:-1]:
        inner = settings.get(str(part))
        if not isinstance(inner, dict):
            inner = settings[str(part)] = {}
        settings = inner
    settings[str(path[-1])] = value


def _default(path: KeyPath) -> Any:
    """What a setting is where nobody states it."""
    model: Any = Scenario
    for part in path:
        model = getattr(model, "model_fields", {}).get(part)
        if model is None:
            return None
        inner = model.annotation
        model = inner if hasattr(inner, "model_fields") else model
    value = getattr(model, "default", None) if hasattr(model, "is_required") and not model.is_required() else None
    return None if value is PydanticUndefined else value


def _shown(path: KeyPath, value: Any) -> str | None:
    """A setting in the log of changes; connections are not shown."""
    if value is None:
        return None
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items() if key != "connection")
    return "***" if "connection" in path else str(value)


def _words(value: Any) -> str:
    """A value within a section, lists and tables spelled out."""
    if isinstance(value, list):
        return "; ".join(map(_words, value))
    if isinstance(value, dict):
        return " ".join(f"{key} {_words(inner)}" for key, inner in value.items())
    return str(value)


# -- checking ---------------------------------------------------------------------------------------------------------
def _refuse_later(layer: Layer, found: Findings) -> None:
    """Sections that this version cannot honour are refused, never silently ignored."""
    for key in layer.settings:
        if is_refused(f"[{key}]"):
            found.say(layer.file, f"no [{key}]: {REFUSED[f'[{key}]']} is {LATER}", f"remove [{key}]", "not_available",
                      row=layer.line(key), column=key)  # fmt: skip
    tables = layer.settings.get("data")
    for name in tables if isinstance(tables, dict) else ():
        row, column = layer.line("data", name), f"data.{name}"
        if is_refused(name):
            found.say(layer.file, f"no table {name!r}: {REFUSED[name]} is {LATER}", f"remove {name} from [data]",
                      "not_available", row=row, column=column, value=name, table=name)  # fmt: skip
        elif name not in TABLES:
            found.say(layer.file, "the name of a table", did_you_mean(name, TABLES, "remove it"), "unknown_table",
                      row=row, column=column, value=name)  # fmt: skip


def _table_changes(layer: Layer, found: Findings) -> Iterator[PlacedChange]:
    raw = layer.settings.get("change", [])
    if not isinstance(raw, list):
        found.say(layer.file, "[[change]] in double brackets", "write [[change]]", "bad_setting",
                  row=layer.line("change"), column="change")  # fmt: skip
        return
    for number, item in enumerate(raw):
        line = layer.line("change", number)
        try:
            change = Change.model_validate(item)
        except ValidationError as error:
            for path, value, expected, remedy, code in explain(error, Change):
                column = ".".join(["change", *map(str, path)])
                found.say(layer.file, expected, remedy, code, row=layer.line("change", number, *path), column=column,
                          value=value)  # fmt: skip
            continue
        later = is_refused(change.table)
        if change.table in TABLES and not later:
            yield PlacedChange(change, layer.file, number + 1, line, layer.level)
        else:
            cure = (
                f"remove this change; {change.table} is {LATER}"
                if later
                else did_you_mean(change.table, TABLES, "remove it")
            )
            found.say(layer.file, "the name of a table", cure, "not_available" if later else "unknown_table", row=line,
                      column="change.table", value=change.table)  # fmt: skip


def _validated(merged: dict[str, Any], found: Findings) -> Scenario | None:
    try:
        return Scenario.model_validate(merged)
    except ValidationError as error:
        for path, value, expected, remedy, code in explain(error, Scenario):
            found.say_setting(path, expected, remedy, code, value=value)
        return None
