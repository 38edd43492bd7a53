"""Does each engine work here? Small models with known answers, through the very processes that real solves use."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import numpy as np

from optimizer.engines.auto import OWN
from optimizer.engines.base import ENGINES, SolveServer
from optimizer.engines.result import SolveOptions, SolveResult
from optimizer.engines.worker import run_in_child
from optimizer.errors import AllotError
from optimizer.model.linear_model import Block, LinearModel

LIBRARIES = ("numpy", "pandas", "pyarrow", "highspy", "ortools", "pulp", "pydantic", "click", "jinja2", "duckdb")
_TIME_LIMIT_S = 20.0
_MEMORY_MB = 1_500
_INF = np.inf


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's report. ``ok`` is None for a fact that is neither good nor bad."""

    subject: str
    version: str
    ok: bool | None
    seconds: float
    detail: str


@dataclass(frozen=True)
class Known:
    """A model whose answer is known by hand."""

    name: str
    linear: LinearModel
    reason: Literal["OPTIMAL", "INFEASIBLE"]
    value: float = 0.0
    engines: Sequence[str] = ENGINES


def examine() -> Iterator[Finding]:
    """Every engine on every known model, then limits, platform and libraries; each as soon as it is known."""
    for engine in (*ENGINES, OWN):
        yield _engine(engine)
    yield _memory_limit()
    yield Finding("platform", platform.python_version(), sys.version_info >= (3, 11), 0.0, _platform())
    yield Finding("libraries", "", None, 0.0, ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))


def known_models() -> list[Known]:
    """A linear program, two fixed-charge ones, one without a point, one that other versions called impossible."""
    fractions = tuple(name for name in ENGINES if name != "cpsat")
    # a + b <= 4, a + 3b <= 6, a <= 3: the corner (3, 1) is worth 3·3 + 2·1 = 11.
    program = dense_model([3, 2], [(-_INF, [1, 1], 4), (-_INF, [1, 3], 6)], [(0, 3), (0, 10)], whole=False)
    # Two depots at a fixed cost of 10 and 4, unit margins 5 and 3, 6 units wanted: all from the first is worth
    # 30 − 10 = 20, all from the second 18 − 4 = 14, three of each 24 − 14 = 10.
    charge = _depots(first_stock=6, whole=[0, 0, 1, 1])
    # In pieces, with 2.5 of them at the first depot: 2 there and 4 here 22 − 14 = 8, all from the second 14.
    pieces = _depots(first_stock=2.5, whole=[1, 1, 1, 1])
    # 2a + 4b = 3 has no whole solution, though its relaxation has.
    none = dense_model([1, 1], [(3, [2, 4], 3)], [(0, 5), (0, 5)])
    return [
        Known("linear program", program, "OPTIMAL", 11.0, fractions),
        Known("fixed charge", charge, "OPTIMAL", 20.0, fractions),
        Known("fixed charge in pieces", pieces, "OPTIMAL", 14.0),
        Known("no whole point", none, "INFEASIBLE"),
        Known("narrow", _narrow(), "OPTIMAL", 0.0, fractions),
        Known("orders that share stock", _orders(), "OPTIMAL", 9.0, (*ENGINES, OWN)),
    ]


def _depots(first_stock: float, whole: list[int]) -> LinearModel:
    sides = (([1, 1, 0, 0], 6.0), ([1, 0, -first_stock, 0], 0.0), ([0, 1, 0, -6], 0.0))
    rows = [(-_INF, coefficients, upper) for coefficients, upper in sides]
    return dense_model([5, 3, -10, -4], rows, [(0, 6), (0, 6), (0, 1), (0, 1)], whole)


def _orders() -> LinearModel:
    """Two orders of two units each, margins 5 and 4, a shipment costs 1, for two units of stock: the first, 9."""
    links = [(-_INF, [1, 0, -2, 0], 0.0), (-_INF, [0, 1, 0, -2], 0.0)]
    demands = [(-_INF, [1, 0, 0, 0], 2.0), (-_INF, [0, 1, 0, 0], 2.0)]
    stock = [(-_INF, [1, 1, 0, 0], 2.0)]
    model = dense_model([5, 4, -1, -1], links + demands + stock, [(0, 2), (0, 2), (0, 1), (0, 1)])
    shared = Block("warehouse_stock", 4, 5, {}, coupling=True)
    return replace(model, row_blocks=(Block("line_demand", 0, 4, {}), shared))


def _narrow() -> LinearModel:
    """Has the point (1, -24, 56, 41, -17, 8, 0), worth 0; HiGHS 1.14 and 1.15 call it infeasible."""
    rows = [
        ([0, 31.58, 61.51, 73.1, -3.07, 0, -96], 5735.94),
        ([0, -86, 91.8, 0, 10, -9, 0], 7007.6),
        ([0, -43.8, 0, 5.7, 57.61, -48, 0], -78.29),
        ([-24.65, -21.5, -76.6, -24, 8.1, 0, 0], -4445.53),
        ([69.55, 66, -9, 56.11, 4, -9.1, 0], 142.54),
        ([-47.4, 19, 51.33, -3, -71.9, -68, -41.6], 2926.39),
        ([71.14, 24, 0, -42, 22.4, 22, 0], -2429.37),
    ]
    columns = [(-50.0, 10.0), (-50.0, 1.0), (0.0, 200.0), (-100.0, 100.0), (-100.0, 1.0), (0.0, 10.0), (0.0, 1.0)]
    bounded = [(-_INF, coefficients, upper) for coefficients, upper in rows]
    return dense_model([0, 0, 0, 0, 0, 0, -42], bounded, columns, whole=[1, 0, 0, 1, 1, 1, 1])


def _engine(engine: str) -> Finding:
    """All known models in one process of one engine."""
    begun = time.monotonic()
    faults: list[str] = []
    spoken = ""
    try:
        with SolveServer(engine) as server:
            for known in known_models():
                if engine not in known.engines:
                    continue
                result = server.solve(known.linear, SolveOptions(time_limit_s=_TIME_LIMIT_S, gap=0.0))
                spoken = result.version or spoken
                faults += _faults(known, result)
    except AllotError as error:
        faults.append(str(error))
    tried = sum(engine in known.engines for known in known_models())
    detail = "; ".join(faults) or f"{tried} known models answered rightly"
    return Finding(engine, spoken, not faults, time.monotonic() - begun, detail)


def _faults(known: Known, result: SolveResult) -> list[str]:
    reason = result.termination.reason
    if reason != known.reason:
        return [f"{known.name}: {reason} instead of {known.reason} ({result.termination.detail})"]
    if reason == "OPTIMAL" and abs(result.objective - known.value) > 1e-6:
        return [f"{known.name}: {result.objective!r} instead of {known.value!r}"]
    if reason == "OPTIMAL" and result.best_bound < known.value - 1e-6:
        return [f"{known.name}: the bound {result.best_bound!r} lies below the optimum {known.value!r}"]
    return []


def _memory_limit() -> Finding:
    """A child that wants more than its limit must end as such, and leave this process alone."""
    begun = time.monotonic()
    words = {"megabytes": 2 * _MEMORY_MB}
    task = "optimizer.engines.doctor:devour"
    outcome = run_in_child(task, {}, words, wall_limit_s=_TIME_LIMIT_S, memory_limit_mb=_MEMORY_MB)
    held = outcome.ended == "memory"
    detail = f"a child limited to {_MEMORY_MB} MB that wanted {2 * _MEMORY_MB} ended: {outcome.ended}"
    return Finding("memory limit", "", held, time.monotonic() - begun, detail)


def devour(
    arrays: dict[str, object], meta: dict[str, int], emit: Callable[..., None]
) -> tuple[dict[str, object], dict[str, int]]:
    """The task of that child: take the memory and give it back."""
    taken = np.ones(meta["megabytes"] * 2**17)
    return {}, {"bytes": taken.nbytes}


def _platform() -> str:
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cap = (
        "no limit on address space"
        if limit == resource.RLIM_INFINITY
        else f"address space limited to {limit / 2**30:.1f} GB"
    )
    return f"{platform.system()} {platform.machine()}, {cores} usable cores, {memory:.1f} GB of memory, {cap}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def dense_model(
    objective: Sequence[float],
    rows: Sequence[tuple[float, Sequence[float], float]],
    columns: Sequence[tuple[float, float]],
    whole: Sequence[bool | int] | bool = True,
    offset: float = 0.0,
    granularity: Sequence[float] | None = None,
) -> LinearModel:
    """A small model from rows ``(lower, coefficients, upper)`` and columns ``(lower, upper)``."""
    size = len(objective)
    dense = np.array([coefficients for _, coefficients, _ in rows], dtype=float).reshape(len(rows), size)
    row, column = np.nonzero(dense)
    integral = np.full(size, whole, dtype=bool) if isinstance(whole, bool) else np.array(whole, dtype=bool)
    return LinearModel(
        objective=np.array(objective, dtype=float),
        offset=offset,
        col_lower=np.array([low for low, _ in columns], dtype=float),
        col_upper=np.array([high for _, high in columns], dtype=float),
        integral=integral,
        granularity=integral.astype(float) if granularity is None else np.array(granularity, dtype=float),
        indptr=np.searchsorted(row, np.arange(len(rows) + 1)).astype(np.int64),
        indices=column.astype(np.int32),
        data=dense[row, column],
        row_lower=np.array([low for low, _, _ in rows], dtype=float),
        row_upper=np.array([high for _, _, high in rows], dtype=float),
        column_blocks=(),
        row_blocks=(),
    )
