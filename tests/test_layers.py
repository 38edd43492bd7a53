"""Imports point one way: a room may only know the rooms before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "optimizer"

ALLOWED = {
    "__init__": {"api", "errors"},
    "errors": set(),
    "exact": set(),
    "scenario": {"errors", "exact", "tables"},
    "tables": {"errors", "exact", "scenario"},
    "model": {"errors", "exact", "tables", "scenario"},
    "engines": {"errors", "exact", "model.linear_model"},
    "solution": {"errors", "exact", "tables", "scenario", "model", "engines"},
    "proof": {"errors", "exact", "tables", "scenario"},
    "report": {"errors", "exact", "tables", "scenario", "model.terms", "solution"},
    "warm_start": {"errors", "exact", "tables", "scenario", "model", "engines", "solution", "report"},
    "warm_prices": {"model", "engines", "solution"},
    "resume": {"errors", "report"},
    "steps": {"errors", "scenario", "tables", "model", "engines", "solution"},
    "record": {"errors", "exact", "tables", "scenario", "model", "engines", "solution", "report", "proof"},
    "run": {
        "errors",
        "tables",
        "scenario",
        "model",
        "engines",
        "solution",
        "report",
        "proof",
        "record",
        "steps",
        "resume",
        "warm_start",
        "warm_prices",
    },
    "frames": {"errors", "tables", "proof"},
    "api": {"errors", "scenario", "frames", "run"},
    "explain": {
        "errors",
        "exact",
        "tables",
        "scenario",
        "model",
        "engines",
        "solution",
        "report",
        "proof",
        "warm_start",
    },
    "batch": {
        "errors",
        "exact",
        "tables",
        "scenario",
        "model",
        "engines",
        "solution",
        "proof",
        "report",
        "warm_start",
        "record",
        "run",
    },
    "nightly": {"errors", "exact", "tables", "scenario", "engines.child", "proof", "report", "run"},
    "cli_batch": {"errors", "scenario", "batch", "cli"},
    "cli_compare": {"errors", "batch"},
    "cli_frontier": {"batch", "cli"},
    "cli_nightly": {"errors", "nightly", "cli"},
    "cli_schedule": {"errors", "nightly", "cli_nightly", "cli"},
    "cli_store": {"errors", "nightly", "cli", "cli_nightly"},
    "cli_governance": {"errors", "batch", "nightly", "report", "cli", "cli_nightly"},
    "cli_outbound": {"errors", "nightly", "cli"},
    "cli": {
        "cli_batch",
        "cli_compare",
        "cli_frontier",
        "cli_governance",
        "cli_nightly",
        "cli_schedule",
        "cli_store",
        "cli_outbound",
        "explain",
        "errors",
        "scenario",
        "tables",
        "engines",
        "proof",
        "run",
    },
    "__main__": {"cli"},
}
"""The package's own version is for everyone. ``tables`` and ``scenario`` stand side by side."""


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "optimizer":
            found |= {node.module} if node.module != "optimizer" else {f"optimizer.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "optimizer"}
    return found - {"optimizer.__version__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = ALLOWED[room] | {room}
    wrong = {
        name
        for name in imports_of(path)
        if room_of(name) not in allowed and not any(name == f"optimizer.{part}" for part in allowed)
    }
    assert not wrong, f"{path.name} in {room} may not import {sorted(wrong)}"


def test_the_walk_sees_imports() -> None:
    assert "optimizer.errors" in imports_of(PACKAGE / "cli.py")
