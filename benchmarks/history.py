"""HISTORY.md: what each release achieved, as dated rows under the machine that they were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optimizer

HISTORY = Path(__file__).parent / "HISTORY.md"
HEAD = """# History

Medians over the seeds, by `python -m benchmarks.engines … --append`; a row is one engine (or policy) on one instance.
Ratio: value over the best value of that run. Gap: (bound − value) / value with the engine's own bound; *to best bound*:
with the least bound of that run, what of the gap may be the plan's. Other processes
may have shared the machine.
"""
COLUMNS = (
    "date", "release", "instance", "seeds", "s each", "threads",
    "engine", "value", "ratio", "gap", "to best bound", "peak MB",
)  # fmt: skip


def machine() -> str:
    """This machine in a line: cores, processor, memory, system, Python."""
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return f"{cores} cores ({_processor()}), {memory_gb:.0f} GB, {system}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def release() -> str:
    """The version, and the commit if this is a working copy."""
    words = ["git", "-C", str(HISTORY.parent), "rev-parse", "--short", "HEAD"]
    try:
        commit = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return optimizer.__version__
    return f"{optimizer.__version__} ({commit})"


def append(
    instance: str,
    seeds: Sequence[int],
    seconds: float,
    threads: int,
    rows: Sequence[Mapping[str, Any]],
    file: Path = HISTORY,
) -> None:
    """Add the rows at the end of this machine's table; the table is begun if there is none."""
    day, version = datetime.date.today().isoformat(), release()
    run = [day, version, instance, " ".join(map(str, seeds)), f"{seconds:g}", str(threads)]
    lines = [f"| {' | '.join([*run, *_figures(row)])} |" for row in rows]
    text = file.read_text(encoding="utf-8") if file.exists() else HEAD
    heading = f"## {machine()}"
    sections = text.rstrip("\n").split("\n\n## ")
    place = next((at for at, section in enumerate(sections) if f"## {section.splitlines()[0]}" == heading), None)
    if place is None:
        title = f"| {' | '.join(COLUMNS)} |"
        sections.append("\n".join([heading.removeprefix("## "), "", title, "|---" * len(COLUMNS) + "|", *lines]))
    else:
        sections[place] = "\n".join([sections[place], *lines])
    file.write_text("\n\n## ".join(sections) + "\n", encoding="utf-8")


def _figures(row: Mapping[str, Any]) -> list[str]:
    if row["value"] is None:
        return [str(row["engine"]), str(row["ended"]), "-", "-", "-", "-"]
    percents = ["-" if row[name] is None else f"{row[name]:.3%}" for name in ("gap", "to best bound")]
    return [str(row["engine"]), f"{row['value']:,.0f}", f"{row['ratio']:.4f}", *percents, f"{row['peak MB']:,.0f}"]
