"""CBC, the program that PuLP brings, as a process of its own below this one.

What it says is taken apart before it is believed: its status is the first line of its own solution file and the exit
code, never a wrapper's word; its point is read from the binary file (the text one has eight digits), whose size must be
that of this model. Its preprocessing and its probing have called wrong points optimal (one small model in a hundred),
so it solves without, and uses them only to confirm that nothing is feasible. Its bound counts only where it claims a
proof, because at a limit it has printed false ones. Whether the point holds is checked by the caller.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable
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

_DEAD_END = "Problem is infeasible - tightenPrimalBounds!"
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
    _DEAD_END: INFEASIBLE,  # from its log: it leaves no solution file then, or crashes over it
    "": FAILED,  # no solution file, or an empty one
}
WAYS = {
    "plain": ("-preprocess", "off", "-probing", "off"),
    "preprocessed": ("-preprocess", "on"),
    "bare": ("-presolve", "off", "-preprocess", "off", "-cuts", "off", "-heur", "off"),
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
    """Minimize the negated objective in the plain way; if nothing is feasible, ask again in another."""
    first = _claim(_run(linear, request, reporter, "plain"), linear, request, reporter)
    if first.claim != INFEASIBLE:
        return first
    second = first
    for way in ("preprocessed", "bare"):
        if reporter.stopped() or request.left_s < _LEAST_S:
            limit = INTERRUPTED if reporter.stopped() else TIME
            return replace(first, claim=limit, detail="it claims infeasible, with no time left to ask again")
        second = _claim(_run(linear, request, reporter, way), linear, request, reporter)
        if second.claim == INFEASIBLE:
            return first
        if second.claim != FAILED:
            break
    detail = f"it claims infeasible at first, and then: {second.native} {second.detail}".strip()
    return replace(first, claim=OTHER, values=second.values, detail=detail)


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


def _run(linear: LinearModel, request: Request, reporter: Reporter, way: str) -> Run:
    """Write the model, run the program in a folder of its own, read what it wrote."""
    folder = request.folder / way
    folder.mkdir()
    rows = mps.write(linear, folder / "model.mps")
    if request.options.start is not None:
        _write_start(request.options.start, folder / "start.mst")
    words = _command(request, bool(linear.integral.any()), WAYS[way])
    code = _listen(words, folder, lambda line: _progress(line, linear, reporter), reporter)
    text = tail(folder / "log")
    version = re.search(r"^Version: (\S+)", (folder / "log").read_text(errors="replace")[:400], re.MULTILINE)
    build = f"CBC {version[1] if version else '?'} in pulp"
    header = _first_line(folder / "answer.sol")
    match = _HEADER.fullmatch(header)
    if match is None and not header and code in (0, -signal.SIGSEGV) and _DEAD_END in text:
        return Run(_DEAD_END, _DEAD_END, 0, None, text, build)
    if match is None:
        return Run(header, "", code, None, text, build, "it left no whole solution file")
    status = match["status"].replace(_WITHIN_GAP, "").strip()
    if _NO_POINT in status:
        return Run(header, status.replace(_NO_POINT, "").strip(), code, None, text, build)
    values = _read_values(folder / "answer.bin", rows, linear.n_cols)
    problem = "" if values is not None else "its solution file is not of this model's size"
    return Run(header, status, code, values, text, build, problem)


def _listen(words: list[str], folder: Path, hear: Callable[[str], None], reporter: Reporter) -> int:
    """Run the program, keep its log, pass each line on as it is written; its exit code.

    It writes to a terminal of its own: into a pipe it would write in large blocks, and lose the last one when it dies.
    """
    ours, its = os.openpty()
    try:
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=its, stderr=its, preexec_fn=_prepare
        )
    finally:
        os.close(its)
    reporter.on_stop(lambda: process.send_signal(signal.SIGINT))
    with open(ours, errors="replace") as lines, open(folder / "log", "w") as log, contextlib.suppress(OSError):
        for line in lines:  # the terminal of a program that has ended is an error, not an end
            log.write(line)
            hear(line)
    return process.wait()


def _command(request: Request, whole: bool, way: tuple[str, ...]) -> list[str]:
    options = request.options
    words = [program(), "model.mps", "-timeMode", "elapsed", "-sec", f"{request.left_s:.3f}", "-threads", "0"]
    words += ["-randomSeed", str(options.seed % 10**8 or 1234567), "-randomCbcSeed", str(options.seed % 10**8)]
    if whole:
        words += ["-ratio", repr(options.gap), "-allow", repr(options.abs_gap)]
    if request.tight:
        words += ["-primalT", repr(request.tolerance), "-integerT", repr(request.tolerance)]
    if not request.presolve:
        words += ["-presolve", "off"]
    words += way
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
