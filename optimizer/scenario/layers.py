"""The files that a scenario is made of: its bases below it, its bundles of changes, itself, the command line on top.

Files that one list names stand on one level: none of them overrides another.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from optimizer.errors import InputError, Issue
from optimizer.scenario.locate import Path as KeyPath
from optimizer.scenario.locate import key_lines, line_of
from optimizer.scenario.paths import locate_file
from optimizer.tables.findings import quote

MAX_BYTES = 1_000_000
MAX_BASES = 20
BUNDLES = "bundles"
"""The folder beside a scenario in which a bundle that is named without a path is found."""

IN_BUNDLES = ("name", "change")
BESIDE = ("base", "bundles", "change", "name", "sweep")
"""Settings that do not merge."""

NOT_ONE_SETTING = ("base", "bundles", "change", "sweep")


@dataclass(frozen=True)
class Layer:
    """One file of a scenario (or a setting of the command line); layers of one ``level`` do not override each other."""

    file: str
    folder: Path
    settings: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    level: str = ""
    path: Path | None = None

    def line(self, *path: str | int) -> int | None:
        return line_of(self.lines, path)

    def place(self, *path: str | int) -> str:
        """File and line of a setting, for people."""
        line = self.line(*path)
        return self.file if line is None else f"{self.file}:{line}"


def file_layers(path: Path, root: Path, allow_outside: bool) -> list[Layer]:
    """The files of a scenario, deepest bases first, each file's bundles before itself."""
    return list(_Files(root, allow_outside).of(path, path.name, path.name, ()))


class _Files:
    """Walks the files; one that several bases share is read and applied once."""

    def __init__(self, root: Path, allow_outside: bool) -> None:
        self.root, self.allow_outside = root, allow_outside
        self.done: dict[Path, str] = {}

    def of(self, path: Path, shown: str, level: str, above: tuple[Layer, ...]) -> Iterator[Layer]:
        """The layers that a file brings; ``above``: the files that lead to it."""
        real = path.resolve()
        if real in [layer.path for layer in above] or len(above) >= MAX_BASES:
            names = " → ".join([*(layer.path.name for layer in above if layer.path), real.name])
            raise one(above[-1].file, "bases that end, at most 20 deep", f"break the circle {names}", "base_cycle",
                      line=above[-1].line("base"), column="base", value=shown)  # fmt: skip
        if real in self.done:
            return
        layer = read(path, shown, level)
        for written in _listed(layer, "base", "the path of a scenario file, in quotes, or a list of them"):
            yield from self.of(self._locate(layer, written, "base"), written, f"base of {layer.file}", (*above, layer))
        for written in _listed(layer, "bundles", "a list of bundles, in quotes"):
            yield self.bundle(layer, written)
        self.done[real] = layer.file
        yield layer

    def bundle(self, layer: Layer, written: str) -> Layer:
        """A file that holds changes and nothing else, named by its path or, in `BUNDLES`, by its bare name."""
        bare = "/" not in written and not written.endswith(".toml")
        path = self._locate(layer, f"{BUNDLES}/{written}.toml" if bare else written, "bundles")
        known = self.done.get(path)
        if known is not None:
            raise one(layer.file, "each bundle once in a scenario and its bases", f"{known} brings it already",
                      "bundle_twice", line=layer.line("bundles"), column="bundles", value=written)  # fmt: skip
        found = read(path, path.name, f"bundles of {layer.file}")
        foreign = [key for key in found.settings if key not in IN_BUNDLES]
        if foreign:
            raise one(found.file, "only [[change]] (and a name) in a bundle",
                      "move settings to a scenario, and name that as a base", "bad_bundle",
                      line=found.line(foreign[0]), column=foreign[0])  # fmt: skip
        self.done[path] = layer.file
        return found

    def _locate(self, layer: Layer, written: str, key: str) -> Path:
        line = layer.line(key)
        return locate_file(written, layer.folder, self.root, self.allow_outside, file=layer.file, column=key, line=line)


def _listed(layer: Layer, key: str, expected: str) -> list[str]:
    """One text or a list of different texts; nothing where the key is not there."""
    value = layer.settings.get(key, [])
    names = [value] if isinstance(value, str) and key == "base" else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise one(layer.file, expected, f"correct {key}", "bad_setting", line=layer.line(key), column=key, value=value)
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise one(layer.file, f"each of {key} once", "name it once", "bad_setting", line=layer.line(key), column=key,
                  value=twice)  # fmt: skip
    return names


def read(path: Path, shown: str, level: str) -> Layer:
    """One file, parsed; numbers with a point stay exact decimals."""
    try:
        if not path.is_file():
            raise one(shown, "a scenario file that exists", "correct the path", "missing_file", value=str(path))
        if path.stat().st_size > MAX_BYTES:
            raise one(shown, f"a file of at most {MAX_BYTES:,} bytes", "put data into tables", "too_large")
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text, parse_float=_exact)
    except UnicodeDecodeError as error:
        raise one(shown, "UTF-8 text", f"save as UTF-8; byte {error.start} is not", "encoding") from None
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(at line ")[2].partition(",")[0]
        number = str(error).partition(" ")[0]
        lines = (at for at, content in enumerate(text.splitlines(), start=1) if number in content)
        line = int(place) if place.isdigit() else next(lines, None)
        raise one(shown, "TOML", str(error), "bad_toml", line=line) from None
    except RecursionError:
        raise one(shown, "tables nested a few levels deep", "flatten it", "bad_toml") from None
    except OSError as error:
        raise one(shown, "a readable file", error.strerror or "check its permissions", "unreadable") from None
    return Layer(shown, path.resolve().parent, _veiled(document), key_lines(text), level, path.resolve())


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


def override_layers(settings: Sequence[str], path: Path) -> list[Layer]:
    """The command line's ``KEY=VALUE``, each a layer of its own; a value that is not TOML is taken as text."""
    layers: list[Layer] = []
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
            raise one(shown, "a setting and its value", remedy, "bad_setting", value=setting) from None
        if document.keys() & set(NOT_ONE_SETTING) or len(document) != 1:
            raise one(
                shown,
                f"one setting that is not {', '.join(NOT_ONE_SETTING[:-1])} or {NOT_ONE_SETTING[-1]}",
                remedy,
                "bad_setting",
                value=setting,
            )
        layers.append(Layer(shown, path.resolve().parent, _veiled(document), level=f"{shown} {len(layers)}"))
    return layers


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one(
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
