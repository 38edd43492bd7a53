"""The files of a frontier: a table, a workbook, a page, the same for programs; and the folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path

from optimizer.errors import UsageError
from optimizer.report import csv_out, jsonx, write
from optimizer.report.frontier import Curve, json_of, table_of
from optimizer.report.place import make_durable, write_file

FILES = ("frontier.csv", "frontier.json", "frontier.xlsx", "frontier.html", "points")
"""Every name that a folder of a frontier may hold; one with any other name in it is never replaced."""


def check_target(out_dir: Path) -> Path:
    """The absolute target: free, or an older frontier of ours; else a refusal that says what is in the way."""
    target = Path(out_dir).absolute()
    if not target.is_dir() or target.is_symlink() or not any(target.iterdir()):
        return write.check_target(target)
    strangers = sorted(entry.name for entry in target.iterdir() if entry.name not in FILES)
    if strangers or not _is_ours(target):
        reason = f"it holds {strangers[0]!r}" if strangers else "its frontier.json is missing or not ours"
        raise UsageError(f"{target} exists and is not a frontier of allot ({reason}); choose another --out")
    return target


def _is_ours(folder: Path) -> bool:
    try:
        found = json.loads((folder / "frontier.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "schema_version" in found and "points" in found


def write_files(folder: Path, curve: Curve) -> None:
    """All files beside the points' own folders."""
    from optimizer.report.frontier_book import write_workbook
    from optimizer.report.frontier_page import render

    write_file(folder / "frontier.csv", csv_out.table_bytes(table_of(curve)))
    write_file(folder / "frontier.json", [jsonx.to_bytes(json_of(curve))])
    write_workbook(curve, folder / "frontier.xlsx")
    write_file(folder / "frontier.html", [render(curve).encode("utf-8", "backslashreplace")])
    make_durable(folder / "points")
