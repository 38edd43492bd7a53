"""What all adapters share, inside the child: the request, the answer, the way of saying why a solve ended.

An adapter is a module with ``solve(linear, request, reporter) -> Answer`` and a total table from every native status to
a ``Claim``. It never decides what a claim means: ``conclude`` does, in one place, for all engines.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.auto import OWN as OURS
from optimizer.engines.child import Emit
from optimizer.engines.result import COVERS, Limit, Reason, SolveOptions, Termination
from optimizer.errors import EngineError
from optimizer.model.linear_model import MATRIX, LinearModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
OWN, SHARED, IMPLIED, PRICED = range(4)
"""What a row is: of one order alone, shared between orders, implied by the others for whole numbers; or of one order,
but such that a price on it leaves the order simple.
"""
PRICED_FAMILIES = frozenset({"minimum_charge"})
_TAIL = 8_000
_LEAST_S = 0.05


@dataclass(frozen=True)
class Claim:
    """What a native status asserts; ``limit`` says which one where the engine merely stopped."""

    kind: Literal["optimal", "infeasible", "unbounded", "stopped", "failed"]
    limit: Limit = ""


OPTIMAL, INFEASIBLE, UNBOUNDED, FAILED = Claim("optimal"), Claim("infeasible"), Claim("unbounded"), Claim("failed")
TIME, MEMORY, NODE = Claim("stopped", "time"), Claim("stopped", "memory"), Claim("stopped", "node")
INTERRUPTED, OTHER = Claim("stopped", "interrupted"), Claim("stopped", "other")


@dataclass(frozen=True)
class Request:
    """The options, when to end (``deadline``, of the clock that all processes share), and how carefully to solve.

    ``presolve`` off asks for a second opinion on infeasibility; ``tight`` for smaller tolerances than the engine's own.
    """

    options: SolveOptions
    folder: Path
    deadline: float
    presolve: bool = True
    tight: bool = False
    role: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """per row, what it is (`roles`): for engines that decompose"""
    stock: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """per row, whether it limits stock of which a unit serves a unit: such rows may be tightened by covers"""

    @property
    def left_s(self) -> float:
        """What is left of the time limit, after the start of this process and the building of the engine's model."""
        return max(self.deadline - time.monotonic(), _LEAST_S)

    @property
    def tolerance(self) -> float:
        """How far a row or a whole number may be off."""
        return 1e-9 if self.tight else 1e-6


@dataclass(frozen=True)
class Answer:
    """What an engine says: ``bound`` in our sense with the offset, +inf if it claims none; ``values`` unchecked."""

    native: str
    claim: Claim
    version: str
    values: Floats | None = None
    bound: float = np.inf
    detail: str = ""
    log_tail: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    row_prices: Floats | None = None
    """per row: the prices from which the bound follows, of engines that have them"""
    covers: Mapping[str, Floats] = field(default_factory=dict)
    """a better bound than from these prices, see `optimizer.engines.result.TIGHTER`"""


def look_up(table: Mapping[Any, Claim], native: Any, engine: str) -> Claim:
    """The claim of a native status; one that the table does not know is an error with the engine's own word."""
    if native not in table:
        raise EngineError(f"{engine} said {native!r}, which is not in its table of statuses")
    return table[native]


def conclude(claim: Claim, has_point: bool, detail: str = "") -> Termination:
    """The only place where a claim becomes a termination.

    Optimal without a point, and infeasible or unbounded with one in hand, contradict themselves: errors.
    """
    if claim.kind == "stopped":
        return Termination("FEASIBLE" if has_point else "NO_SOLUTION", claim.limit, detail)
    if claim.kind == "failed":
        return Termination("ERROR", detail=detail)
    if (claim.kind == "optimal") != has_point:
        word = "with" if has_point else "without"
        return Termination("ERROR", detail=f"it claims {claim.kind} {word} a point; {detail}")
    return Termination(_PROOFS[claim.kind], detail=detail)


_PROOFS: dict[str, Reason] = {"optimal": "OPTIMAL", "infeasible": "INFEASIBLE", "unbounded": "UNBOUNDED"}


class Reporter:
    """Streams progress to the parent and keeps the best point on disk. Safe from engine threads."""

    def __init__(self, linear: LinearModel, emit: Emit) -> None:
        self._linear = linear
        self._emit = emit
        self._value = -np.inf
        self._bound = np.inf
        self.stopped = emit.stopped
        self.on_stop = emit.on_stop

    def incumbent(self, values: Floats, bound: float = np.inf, proof: Mapping[str, Floats] | None = None) -> None:
        """A new point, kept if it is the best so far; with the prices that ``bound`` follows from, if any."""
        value = float(self._linear.offset + self._linear.objective @ values)
        if value > self._value:
            kept = {"values": values, **(proof or {})}
            told = {} if proof is None else {"bound": bound}
            self._emit.incumbent({name: np.asarray(array, dtype=np.float64) for name, array in kept.items()}, told)
            self.progress(value, bound)

    def progress(self, value: float, bound: float) -> None:
        """The best value and the smallest bound so far, told when either improves; infinite ones are not known yet."""
        if value > self._value or bound < self._bound:
            self._value, self._bound = max(value, self._value), min(bound, self._bound)
            self._emit(value=self._value, bound=self._bound)


@dataclass(frozen=True)
class Quiet:
    """A reporter of a part: nobody hears of it, but it can be stopped."""

    reporter: Reporter

    def incumbent(self, values: Floats, bound: float = np.inf) -> None:
        """Parts are told of together."""

    def progress(self, value: float, bound: float) -> None:
        """See `incumbent`."""

    def stopped(self) -> bool:
        """Whether the solve as a whole is."""
        return self.reporter.stopped()


STOCK_ROWS = "warehouse_stock"


def stock_rows(linear: LinearModel) -> Flags:
    """See `Request.stock`."""
    found = np.zeros(linear.n_rows, dtype=bool)
    for block in linear.row_blocks:
        found[block.start : block.stop] = block.family == STOCK_ROWS
    return found


def roles(linear: LinearModel) -> Ints:
    """OWN, SHARED, IMPLIED or PRICED for each row."""
    role = np.full(linear.n_rows, OWN, dtype=np.int64)
    for block in linear.row_blocks:
        alone = PRICED if block.family in PRICED_FAMILIES else OWN
        role[block.start : block.stop] = IMPLIED if block.redundant else SHARED if block.coupling else alone
    return role


def pack(
    linear: LinearModel, request_meta: Mapping[str, Any], options: SolveOptions
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Model and options as the arrays and the words that travel to the child; the inverse of ``_unpack``."""
    arrays: dict[str, Any] = dict(linear.arrays)
    if request_meta["engine"] == OURS:
        arrays["role"], arrays["stock"] = roles(linear), stock_rows(linear) & options.tighten
    words = asdict(replace(options, start=None, row_prices=None, covers={}))
    covers = {name: options.covers[name] for name in COVERS if name in options.covers}  # nobody begins from branches
    begin = {"start": options.start, "row_prices": options.row_prices, **covers}
    arrays |= {name: array for name, array in begin.items() if array is not None}
    return arrays, {**request_meta, "offset": linear.offset, "options": words}


def _unpack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], folder: Path) -> tuple[LinearModel, Request]:
    model = {name: arrays[name] for name in MATRIX}
    linear = LinearModel(**model, offset=meta["offset"], column_blocks=(), row_blocks=())
    begin = {name: arrays.get(name) for name in ("start", "row_prices")}
    covers = {name: arrays[name] for name in COVERS if name in arrays}
    options = SolveOptions(**{**meta["options"], **begin, "covers": covers})
    request = Request(options, folder, meta["deadline"], meta["presolve"], meta["tight"])
    return linear, replace(request, role=arrays["role"], stock=arrays["stock"]) if "role" in arrays else request


def run(arrays: dict[str, NDArray[Any]], meta: dict[str, Any], emit: Emit) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The task of a child process: one solve by the engine named in ``meta``."""
    linear, request = _unpack(arrays, meta, emit.folder)
    solve = importlib.import_module(f"optimizer.engines.{meta['engine']}").solve
    answer: Answer = solve(linear, request, Reporter(linear, emit))
    given = {"values": answer.values, "row_prices": answer.row_prices, **answer.covers}
    found = {name: np.asarray(array, dtype=np.float64) for name, array in given.items() if array is not None}
    words = {name: getattr(answer, name) for name in ("native", "version", "bound", "detail", "log_tail")}
    return found, {**words, "kind": answer.claim.kind, "limit": answer.claim.limit, "stats": dict(answer.stats)}


def tail(path: Path) -> str:
    """The end of a log file, empty if there is none."""
    return path.read_text(errors="replace")[-_TAIL:] if path.exists() else ""
