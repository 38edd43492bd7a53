"""The engine on a problem that was gathered from parts (`gather.py`): as on a matrix, but without its exact programs.

The answer says which arcs of which part carry how many steps, and what each shared row is worth by its keys.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import Answer, Reporter, Request
from optimizer.engines.child import Emit
from optimizer.engines.decompose.dual import FEW_NODES
from optimizer.engines.decompose.engine import Run
from optimizer.engines.decompose.gather import SharedRows
from optimizer.engines.decompose.plan import broken_rows, row_prices, value_of
from optimizer.engines.decompose.problem import Floats, Ints, Problem, whole_of
from optimizer.model.linear_model import assemble

Arrays = dict[str, NDArray[Any]]

MOST_PRICING = 0.45
"""Share of the time that prices get at most where passes take longer than their nominal time."""


def solve_gathered(
    problem: Problem, rows: tuple[SharedRows, ...], parts: Ints, request: Request, emit: Emit
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and words of an answer (`unpacked` reads them); ``parts``: how many arcs each part has."""
    threads = max(1, request.options.threads)
    with ThreadPoolExecutor(threads) as pool:
        run = GatheredRun(problem, rows, parts, request, emit, pool, threads)
        return run.packed(run.answer())


class GatheredRun(Run):
    """One solve without a matrix; ``values`` are the steps of the arcs."""

    def __init__(
        self, problem: Problem, rows: tuple[SharedRows, ...], parts: Ints, request: Request, emit: Emit,
        pool: ThreadPoolExecutor, threads: int,
    ) -> None:  # fmt: skip
        no_matrix = assemble((), (), np.zeros(0))
        super().__init__(no_matrix, whole_of(no_matrix), problem, request, Reporter(no_matrix, emit), pool, threads)
        self.rows, self.first_arc, self.emit = rows, np.concatenate([[0], np.cumsum(parts)]), emit
        begun = time.monotonic()
        self.evaluator(self.bounds.ascent.price, FEW_NODES)
        self._fit_passes(time.monotonic() - begun)

    def _fit_passes(self, a_pass_s: float) -> None:
        """Fewer passes where the clock would end them before their steps are small: another run may end elsewhere."""
        fit = int(MOST_PRICING * self.request.left_s / max(a_pass_s, 1e-3))
        if fit < self.work.passes:
            self.work = replace(self.work, passes=max(fit, 1))
            self.improver.hurried = True

    def _price(self) -> None:
        self._construct()  # a plan before the first price: passes of a large batch take long
        super()._price()

    def keep(self) -> None:
        """Keep the plan at hand if it holds and is the best so far; on disk too, with the best prices."""
        state = self.improver.state
        value = value_of(self.problem, state)
        if value > self.value and not broken_rows(self.problem, state):
            self.value, self.values = value, state.steps.astype(np.float64)
            self.emit.incumbent(self._arrays(self.values), {"bound": self.bound, "value": value})
            self.reporter.progress(value, self.bound)

    def _arrays(self, values: Floats | None) -> Arrays:
        """The plan by parts, if there is one, and the best prices so far by family."""
        price = row_prices(self.problem, self.bounds.ascent.best_price, len(self.problem.shared.rhs))
        found: Arrays = {}
        for rows in self.rows:
            found |= {f"key.{rows.family}.{name}": key for name, key in rows.keys.items()}
            found[f"price.{rows.family}"] = price[rows.position] * rows.scale
        if values is not None:
            arc = np.flatnonzero(values)
            part = np.searchsorted(self.first_arc, arc, side="right") - 1
            found |= {
                "part": part,
                "column": np.asarray(self.problem.arc_column[arc]),
                "steps": values[arc].astype(np.int64),
            }
        return found

    def packed(self, answer: Answer) -> tuple[Arrays, dict[str, Any]]:
        """What travels back to the parent."""
        words = {name: getattr(answer, name) for name in ("native", "version", "bound", "detail", "log_tail")}
        claim = {"kind": answer.claim.kind, "limit": answer.claim.limit, "stats": dict(answer.stats)}
        return self._arrays(answer.values), {**words, **claim, "value": float(self.value)}
