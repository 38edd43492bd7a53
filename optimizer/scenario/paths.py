"""Which files a scenario may read.

A path is relative to the scenario file that names it and must lie, symbolic links resolved, in the scenario's tree: the
nearest folder at or above the scenario that holds one of `MARKERS`, or the scenario's own folder where there is none.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from optimizer.errors import InputError, Issue
from optimizer.tables.findings import did_you_mean, quote

MARKERS = (".allot-root", "pyproject.toml", ".git")
"""What marks the top of a tree whose files may refer to each other."""

DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def tree_root(scenario: Path) -> Path:
    """The folder that a scenario's data may not leave."""
    home = scenario.resolve().parent
    return next((up for up in (home, *home.parents) if any((up / mark).exists() for mark in MARKERS)), home)


def locate_file(
    written: str, folder: Path, root: Path, allow_outside: bool, *, file: str, column: str, line: int | None = None
) -> Path:
    """The regular file that ``written`` means, or an `InputError` that says what is wrong with it."""

    def refuse(expected: str, remedy: str, code: str) -> InputError:
        return InputError([Issue(file, line, column, quote(written), expected, remedy, code)])

    if "://" in written:
        raise refuse("a path; addresses on the network are not read", "download the file beside the scenario", "url")
    odd = any(ord(char) < 32 for char in written) or not written.strip()
    foreign = os.name != "nt" and (DRIVE.match(written) or "\\" in written)
    if odd or foreign or written.startswith(("\\\\", "//")):
        raise refuse("a path on this machine, parts separated by /", "write it relative to the scenario", "bad_path")
    try:
        path = (folder / written).resolve()
        mode = path.stat().st_mode if _inside(path, root) or allow_outside else 0
    except (OSError, RuntimeError, ValueError):
        remedy = did_you_mean(Path(written).name, _names(folder / written, root, allow_outside), "correct the path")
        raise refuse("a file that exists", remedy, "missing_file") from None
    if mode == 0:
        raise refuse(
            f"a file within {root.name or root}/, the scenario's folder tree",
            f"move it there, mark the common folder with an empty file {MARKERS[0]}, or allow outside paths",
            "outside_path",
        )
    if not stat.S_ISREG(mode):
        raise refuse("a regular file", "name the file itself, not a folder or device", "not_a_file")
    return path


def _inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root)


def _names(wanted: Path, root: Path, allow_outside: bool) -> list[str]:
    """The files beside a missing one, as far as the scenario may see them."""
    try:
        folder = wanted.parent.resolve()
        seen = folder.is_dir() and (allow_outside or _inside(folder, root))
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file()) if seen else []
    except (OSError, ValueError, RuntimeError):
        return []
