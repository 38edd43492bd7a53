"""Where a setting stands in a TOML file, so that a finding can name the line.

A small scanner of headers and keys, not a parser: it is only asked about files that `tomllib` has accepted, and where
it cannot tell (a key inside an inline table) it answers with the line of the nearest enclosing key.
"""

from __future__ import annotations

import re
import tomllib

HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(
    r"""^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
QUOTED = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*')

Path = tuple[str | int, ...]


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of each table header and key, by its path; array elements count from 0."""
    lines: dict[Path, int] = {}
    section: Path = ()
    depth, fence, counts = 0, "", dict[Path, int]()
    for number, line in enumerate(text.splitlines(), start=1):
        if fence:
            fence, depth = _after(line, fence, depth)
            continue
        header = HEADER.match(line) if depth == 0 else None
        if header:
            section = _parts(header[2])
            if header[1] == "[[":
                counts[section] = counts.get(section, -1) + 1
                lines.setdefault(section, number)
                section = (*section, counts[section])
            section = _through_arrays(section, counts)
            lines.setdefault(section, number)
            continue
        key = KEY.match(line) if depth == 0 else None
        if key:
            lines.setdefault((*section, *_parts(key[1])), number)
        fence, depth = _after(line, "", depth)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a setting, or of the nearest thing around it."""
    for stop in range(len(path), 0, -1):
        if path[:stop] in lines:
            return lines[path[:stop]]
    return None


def _parts(dotted: str) -> Path:
    """The parts of a dotted key, quotes resolved by the real parser."""
    try:
        value = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:  # pragma: no cover - the file as a whole has been parsed
        return (dotted,)
    parts: list[str] = []
    while isinstance(value, dict):
        (key, value), *_ = value.items()
        parts.append(key)
    return tuple(parts)


def _through_arrays(section: Path, counts: dict[Path, int]) -> Path:
    """``[change.where]`` speaks of the last ``[[change]]``."""
    out: Path = ()
    for part in section:
        out = (*out, part)
        if out in counts and len(out) < len(section) and not isinstance(section[len(out)], int):
            out = (*out, counts[out])
    return out


def _after(line: str, fence: str, depth: int) -> tuple[str, int]:
    """Whether a line ends inside a multi-line string, and inside how many brackets."""
    at = 0
    while at < len(line):
        if fence:
            end = line.find(fence, at)
            if end < 0:
                return fence, depth
            fence, at = "", end + 3
            continue
        token = QUOTED.match(line, at)
        if token and token[0] in ('"""', "'''"):
            fence, at = token[0], at + 3
        elif token:
            at = token.end()
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(line[at], 0)
            at += 1
    return fence, max(depth, 0)
