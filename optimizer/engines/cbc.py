"""CBC, the program that PuLP brings, as a process of its own below this one.

What it says is taken apart before it is believed: its status is the first line of its own solution file and the exit
code, never a wrapper's word; its point is read from the binary file (the text one has eight digits), whose size must be
that of this model; "infeasible" counts only if it says so again without preprocessing; and its bound counts only where
it claims a proof, because at a limit it has printed false ones. Whether the point holds is checked by the caller.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from optimizer.engines import mps
from optimizer.engines.adapter import (
    FAILED,
    INFEASIBLE,
    INTERRUPTED,
    OPTIMAL,
    OTHER,
    TIME,
    UNBOUNDED,
    Answer,
    Floats,
    Reporter,
    Request,
    look_up,
    tail,
)
from optimizer.engines.child import die_with_parent
from optimizer.errors import EngineError
from optimizer.model.linear_model import LinearModel

TABLE = {
    "Optimal": OPTIMAL,
    "Infeasible": INFEASIBLE,
    "Integer infeasible": INFEASIBLE,
    "Unbounded": UNBOUNDED,
    "Stopped on time": TIME,
    "Stopped on iterations": OTHER,
    "Stopped on difficulties": OTHER,
    "Stopped on ctrl-c": INTERRUPTED,
    "Status unknown": OTHER,
    "": FAILED,  # no solution file, or an empty one
}
_NO_POINT = "(no integer solution - continuous used)"
_WITHIN_GAP = "(within gap tolerance)"
_HEADER = re.compile(r"(?P<status>.*?) - objective value (?P<value>\S+)\n")
_PROGRESS = re.compile(
    r"Cbc0010I .* (?P<value>\S+) best solution|Cbc00(?:04|12|16)I Integer solution of (?P<new>\S+) found"
)
_NONE_YET = 1e40
_LEAST_S = 0.2
_BINARY_HEAD = 16  # two 32-bit counts and the objective as a double


def program() -> str:
    """Where PuLP keeps its CBC; found without importing PuLP, which would load other engines into this process."""
    spec = importlib.util.find_spec("pulp")
    if spec is None or not spec.submodule_search_locations:
        raise EngineError("cbc comes with the package pulp, which is not installed")
    system = {"linux": "linux", "darwin": "osx"}.get(sys.platform, sys.platform)
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") and system == "linux" else "i64"
    path = Path(spec.submodule_search_locations[0], "solverdir", "cbc", system, machine, "cbc")
    if not os.access(path, os.X_OK):
        raise EngineError(f"cbc is not there, or may not be run: {path}")
    return str(path)


@dataclass(frozen=True)
class Run:
    """One run of the program: the words and the files it left."""

    header: str
    status: str
    code: int
    values: Floats | None
    log_tail: str
    version: str
    problem: str = ""


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """Minimize the negated objective; if it finds nothing feasible, ask again without preprocessing."""
    first = _claim(_run(linear, request, reporter, "first"), linear, request, reporter)
    if first.claim != INFEASIBLE:
        return first
    if reporter.stopped() or request.left_s < _LEAST_S:
        limit = INTERRUPTED if reporter.stopped() else TIME
        return replace(first, claim=limit, detail="it claims infeasible; no time to ask again without preprocessing")
    second = _claim(_run(linear, replace(request, presolve=False), reporter, "second"), linear, request, reporter)
    if second.claim == FAILED:
        return replace(
            first, claim=OTHER, detail=f"it claims infeasible; without preprocessing it fails ({second.detail})"
        )
    return second


def _claim(run: Run, linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """The claim of one run, and a bound only for a proof: the value, plus the gap it was allowed to leave."""
    claim = look_up(TABLE, run.status, "cbc")
    asked = reporter.stopped() and (claim.kind == "stopped" or run.code == -signal.SIGINT)
    if asked:
        claim = INTERRUPTED
    elif run.code or run.problem:
        claim = FAILED
    detail = (f"cbc left with code {run.code}; " if run.code else "") + run.problem
    values, bound = None, np.inf
    if claim.kind in ("optimal", "stopped") and not run.problem:
        values = run.values
    if claim == OPTIMAL and values is not None:
        value = float(linear.offset + linear.objective @ values)
        left_open = max(request.options.abs_gap, request.options.gap * abs(value)) if linear.integral.any() else 0.0
        bound = value + left_open
    return Answer(
        run.header.strip() or f"exit code {run.code}", claim, run.version, values, bound, detail, run.log_tail
    )


def _run(linear: LinearModel, request: Request, reporter: Reporter, name: str) -> Run:
    """Write the model, run the program in a folder of its own, read what it wrote."""
    folder = request.folder / name
    folder.mkdir()
    rows = mps.write(linear, folder / "model.mps")
    if request.options.start is not None:
        _write_start(request.options.start, folder / "start.mst")
    process = subprocess.Popen(
        _command(request, bool(linear.integral.any())),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=_prepare,
    )
    reporter.on_stop(lambda: process.send_signal(signal.SIGINT))
    assert process.stdout is not None
    with open(folder / "log", "w") as log:
        for line in process.stdout:
            log.write(line)
            _progress(line, linear, reporter)
    code = process.wait()
    text = tail(folder / "log")
    version = re.search(r"^Version: (\S+)", (folder / "log").read_text(errors="replace")[:400], re.MULTILINE)
    words = f"CBC {version[1] if version else '?'} in pulp"
    header = _first_line(folder / "answer.sol")
    match = _HEADER.fullmatch(header)
    if match is None:
        return Run(header, "", code, None, text, words, "it left no whole solution file")
    status = match["status"].replace(_WITHIN_GAP, "").strip()
    if _NO_POINT in status:
        return Run(header, status.replace(_NO_POINT, "").strip(), code, None, text, words)
    values = _read_values(folder / "answer.bin", rows, linear.n_cols)
    problem = "" if values is not None else "its solution file is not of this model's size"
    return Run(header, status, code, values, text, words, problem)


def _command(request: Request, whole: bool) -> list[str]:
    options = request.options
    words = [program(), "model.mps", "-timeMode", "elapsed", "-sec", f"{request.left_s:.3f}", "-threads", "0"]
    words += ["-randomSeed", str(options.seed % 10**8 or 1234567), "-randomCbcSeed", str(options.seed % 10**8)]
    if whole:
        words += ["-ratio", repr(options.gap), "-allow", repr(options.abs_gap)]
    if request.tight:
        words += ["-primalT", repr(request.tolerance), "-integerT", repr(request.tolerance)]
    if not request.presolve:
        words += ["-presolve", "off", "-preprocess", "off"]
    if options.start is not None:
        words += ["-mips", "start.mst"]
    return [*words, "-solve", "-saveSolution", "answer.bin", "-solution", "answer.sol"]


def _prepare() -> None:
    """In the new process: die with this one, and take an interrupt as the wish to stop that it is."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _write_start(start: Floats, path: Path) -> None:
    lines = (f"{column} c{column} {value!r} 0\n" for column, value in enumerate(start.tolist()))
    path.write_text("Stopped on time - objective value 0\n" + "".join(lines))


def _progress(line: str, linear: LinearModel, reporter: Reporter) -> None:
    """The value of a new plan, from the log; its bounds are not told, they have been false."""
    match = _PROGRESS.match(line)
    if match is None:
        return
    try:
        value = float(match["value"] or match["new"])
    except ValueError:
        return
    if abs(value) < _NONE_YET:
        reporter.progress(linear.offset - value, np.inf)


def _first_line(path: Path) -> str:
    if not path.exists():
        return ""
    with open(path, errors="replace") as file:
        return file.readline()


def _read_values(path: Path, rows: int, columns: int) -> Floats | None:
    """The columns' values as doubles; None if the file is missing, cut or another model's."""
    size = _BINARY_HEAD + 8 * (2 * rows + 2 * columns)
    if not path.exists() or os.path.getsize(path) != size:
        return None
    data = path.read_bytes()
    if np.frombuffer(data[:8], dtype=np.int32).tolist() != [rows, columns]:
        return None
    start = _BINARY_HEAD + 16 * rows
    return np.frombuffer(data[start : start + 8 * columns], dtype=np.float64).copy()
