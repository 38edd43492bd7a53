"""From a scenario file to a checked scenario: its bases below it, what it changes on top, each change logged."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from optimizer.errors import InputError, Issue
from optimizer.scenario.explain import explain
from optimizer.scenario.locate import Path as KeyPath
from optimizer.scenario.locate import key_lines, line_of
from optimizer.scenario.paths import locate_file, tree_root
from optimizer.scenario.schema import Change, Scenario, has_credentials
from optimizer.tables.findings import Findings, did_you_mean, quote
from optimizer.tables.schema import LATER, REFUSED, TABLES, is_refused

MAX_BYTES = 1_000_000
MAX_BASES = 20
WHOLE = ("objective",)
"""Sections that are replaced as a whole: stages of one mode make no sense in another."""

WHOLE_ENTRIES = ("data",)
"""Sections whose entries are replaced as a whole: a table comes from one place."""

BESIDE = ("base", "change", "name", "sweep")
"""Settings that do not merge."""


@dataclass(frozen=True)
class PlacedChange:
    """A change of the tables and where it is written."""

    change: Change
    file: str
    number: int
    line: int | None

    @property
    def words(self) -> str:
        return f"change {self.number} of {self.file}"


@dataclass(frozen=True)
class Layer:
    """One file of a chain of bases (or the settings of the command line)."""

    file: str
    folder: Path
    settings: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, *path: str | int) -> int | None:
        return line_of(self.lines, path)


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
    `optimizer.tables.read`.
    """

    scenario: Scenario
    path: Path
    root: Path
    stack: Stack
    changes: tuple[Mapping[str, Any], ...] = ()
    table_changes: tuple[PlacedChange, ...] = ()
    allow_outside: bool = False
    warnings: tuple[Issue, ...] = ()


def load_scenario(path: Path | str, settings: Sequence[str] = (), allow_outside: bool = False) -> LoadedScenario:
    """Read a scenario, its bases and the command line's ``KEY=VALUE``; all faults at once as `InputError`."""
    path = Path(path)
    root = tree_root(path)
    layers = (*_chain(path, root, allow_outside), *_overrides(settings, path))
    merged, origin, changes = _merge(layers)
    stack = Stack(layers, origin, own=len(layers) - len(settings) - 1)
    names = [layer.settings["name"] for layer in layers[stack.own :] if "name" in layer.settings]
    merged["name"] = names[-1] if names else path.stem
    found = Findings(stack.place)
    for layer in layers:
        _refuse_later(layer, found)
    table_changes = tuple(change for layer in layers for change in _table_changes(layer, found))
    scenario = _validated(merged, found)
    for table, ref in scenario.data.items() if scenario else ():
        if ref.connection and has_credentials(ref.connection.get_secret_value()):
            found.say_setting(("data", table, "connection"), "no password in a scenario",
                              'keep it in an environment variable: connection = "env:NAME"', "secret_in_file",
                              table=table, severity="warning")  # fmt: skip
    if found.errors or scenario is None:
        raise InputError(found.errors, found.warnings)
    return LoadedScenario(
        scenario, path, root, stack, tuple(changes), table_changes, allow_outside, tuple(found.warnings)
    )


# -- reading ----------------------------------------------------------------------------------------------------------
def _chain(path: Path, root: Path, allow_outside: bool) -> list[Layer]:
    """The file and its bases, the deepest base first."""
    layers: list[Layer] = []
    seen: list[Path] = []
    shown = path.name
    here: Path | None = path
    while here is not None:
        real = here.resolve()
        if real in seen or len(seen) >= MAX_BASES:
            names = " → ".join(place.name for place in [*seen, real])
            raise _one(layers[-1].file, "bases that end, at most 20 deep", f"break the circle {names}", "base_cycle",
                       line=layers[-1].line("base"), column="base", value=shown)  # fmt: skip
        seen.append(real)
        layer = _read(here, shown)
        layers.append(layer)
        base = layer.settings.get("base")
        if base is not None and not isinstance(base, str):
            raise _one(layer.file, "the path of a scenario file, in quotes", "correct base", "bad_setting",
                       line=layer.line("base"), column="base", value=base)  # fmt: skip
        shown = base or ""
        here = None
        if base is not None:
            here = locate_file(base, layer.folder, root, allow_outside, file=layer.file, column="base")
    return layers[::-1]


def _read(path: Path, shown: str) -> Layer:
    """One file, parsed; numbers with a point stay exact decimals."""
    try:
        if not path.is_file():
            raise _one(shown, "a scenario file that exists", "correct the path", "missing_file", value=str(path))
        if path.stat().st_size > MAX_BYTES:
            raise _one(shown, f"a file of at most {MAX_BYTES:,} bytes", "put data into tables", "too_large")
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text, parse_float=_exact)
    except UnicodeDecodeError as error:
        raise _one(shown, "UTF-8 text", f"save as UTF-8; byte {error.start} is not", "encoding") from None
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(at line ")[2].partition(",")[0]
        number = str(error).partition(" ")[0]
        lines = (at for at, content in enumerate(text.splitlines(), start=1) if number in content)
        line = int(place) if place.isdigit() else next(lines, None)
        raise _one(shown, "TOML", str(error), "bad_toml", line=line) from None
    except RecursionError:
        raise _one(shown, "tables nested a few levels deep", "flatten it", "bad_toml") from None
    except OSError as error:
        raise _one(shown, "a readable file", error.strerror or "check its permissions", "unreadable") from None
    return Layer(shown, path.resolve().parent, _veiled(document), key_lines(text))


def _veiled(document: dict[str, Any]) -> dict[str, Any]:
    """Connections hidden at once, so that no printed object can show what they say."""
    tables = document.get("data")
    for ref in tables.values() if isinstance(tables, dict) else ():
        if isinstance(ref, dict) and isinstance(ref.get("connection"), str):
            ref["connection"] = SecretStr(ref["connection"])
    return document


def _exact(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > 30 or len(value.as_tuple().digits) > 60:
        raise tomllib.TOMLDecodeError(f"{text} is not a number of at most 30 digits on each side of the point")
    return value


def _overrides(settings: Sequence[str], path: Path) -> list[Layer]:
    """The command line's ``KEY=VALUE``, each a layer of its own; a value that is not TOML is taken as text."""
    layers = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        shown = f"--set {key.strip()}"
        remedy = "write KEY=VALUE, such as weights.service=2"
        try:
            if not equals or "\n" in key:
                raise tomllib.TOMLDecodeError
            try:
                document = tomllib.loads(f"{key} = {value.strip()}", parse_float=_exact)
            except tomllib.TOMLDecodeError:
                document = tomllib.loads(f"{key} = {_quoted(value.strip())}")
        except (tomllib.TOMLDecodeError, RecursionError):
            raise _one(shown, "a setting and its value", remedy, "bad_setting", value=setting) from None
        if document.keys() & {"base", "change", "sweep"} or len(document) != 1:
            raise _one(shown, "one setting that is not base, change or sweep", remedy, "bad_setting", value=setting)
        layers.append(Layer(shown, path.resolve().parent, _veiled(document)))
    return layers


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one(
    file: str,
    expected: str,
    remedy: str,
    code: str,
    *,
    line: int | None = None,
    column: str | None = None,
    value: Any = "",
) -> InputError:
    """An error after which there is nothing more to look at."""
    return InputError([Issue(file, line, column, quote(value), expected, remedy, code)])


# -- merging ----------------------------------------------------------------------------------------------------------
def _merge(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[KeyPath, int], list[Mapping[str, Any]]]:
    """Later layers over earlier ones: tables merge, everything else replaces.

    Also, for each setting the layer that it comes from, and what later layers changed.
    """
    merged: dict[str, Any] = {}
    origin: dict[KeyPath, int] = {}
    changes: list[Mapping[str, Any]] = []
    for number, layer in enumerate(layers):
        merging = {key: value for key, value in layer.settings.items() if not (key in BESIDE or is_refused(f"[{key}]"))}
        for path, value in _leaves(merging):
            old = _get(merged, path)
            if number > 0 and old != value:
                shown = ".".join(str(part) for part in path)
                before = _default(path) if old is None else old
                changes.append(
                    {"path": shown, "old": _shown(path, before), "new": _shown(path, value), "from": layer.file}
                )
            _put(merged, path, value)
            for stop in range(1, len(path) + 1):
                origin[path[:stop]] = number
    return merged, origin, changes


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
            hint = "state one value for each run" if key == "sweep" else f"remove [{key}]"
            found.say(layer.file, f"no [{key}]: {REFUSED[f'[{key}]']} is {LATER}", hint, "not_available",
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
            yield PlacedChange(change, layer.file, number + 1, line)
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
