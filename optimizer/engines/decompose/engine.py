"""The engine: price, construct, improve, and always know how far from the bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from optimizer.engines.adapter import INTERRUPTED, NODE, OPTIMAL, TIME, Answer, Claim, Reporter, Request
from optimizer.engines.decompose.begin import shared_prices
from optimizer.engines.decompose.dual import Ascent, Evaluator, ascend, clearing_prices
from optimizer.engines.decompose.exact import Settler
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.plan import broken_rows, columns_of, row_prices, value_of
from optimizer.engines.decompose.problem import Floats, Problem, UnfitError, size_words
from optimizer.engines.decompose.read import read_problem
from optimizer.errors import UsageError
from optimizer.model.linear_model import LinearModel

VERSION = f"decompose with numba {version('numba')}"

ARCS_PER_SECOND = 1_200_000
"""Nominal speed of a pass of the ascent, in arcs a second and thread."""
OPENERS_PER_SECOND = 600
"""Nominal speed of exact programs, in openers."""
EXACT_SHARE = 0.4
"""Share of the time after the prices that exact programs get."""
STEPS_PER_SECOND = 4_000_000
"""Nominal speed of the search, in arcs of the blocks that it moves, a second and thread."""
FEWEST_PASSES, MOST_PASSES = 60, 250
PASS_SHARE = 0.3
"""Share of the work that prices get, if that is more passes than the fewest and fewer than the most."""
WARM_PASSES, WARM_RATE = 40, 0.01
"""Passes of the ascent, and its first rate, where prices of an earlier run are known."""
WARM_SHARE, WARM_HEAT = 0.15, 0.02
"""Share of the work, and first temperature, of a search that begins from an earlier plan."""
FIRST_LOOK = 20
"""Passes after which the first plan is made."""


@dataclass(frozen=True)
class Work:
    """How much to do: counts that follow from the size and the time limit alone, so that runs repeat."""

    passes: int
    moves: int
    openers: int

    @classmethod
    def of(cls, problem: Problem, time_limit_s: float, threads: int) -> Work:
        """What fits into the time at the nominal speeds; the clock only ends what is far slower."""
        blocks = problem.blocks
        arcs = max(len(blocks.arc) - 1, 1)
        a_pass = arcs / (ARCS_PER_SECOND * threads)
        passes = int(np.clip(PASS_SHARE * time_limit_s / a_pass, FEWEST_PASSES, MOST_PASSES))
        left = max(time_limit_s - passes * a_pass, 0.2 * time_limit_s)
        per_move = 5.0 * (10.0 + arcs / max(blocks.n_blocks, 1)) / (STEPS_PER_SECOND * threads)
        moves = int((1 - EXACT_SHARE) * left / per_move)
        return cls(passes, moves, int(EXACT_SHARE * left * OPENERS_PER_SECOND))


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """See the package. Raises `UsageError` where the matrix has rules that no block can hold."""
    try:
        problem = read_problem(linear, request.role)
    except UnfitError as reason:
        raise UsageError(
            f"the engine decompose cannot take this batch yet: it holds {reason}; use auto, highs, scip, cpsat or cbc"
        ) from None
    threads = max(1, request.options.threads)
    with ThreadPoolExecutor(threads) as pool:
        return Run(linear, problem, request, reporter, pool, threads).answer()


class Run:
    """One solve: the best plan and the best bound so far."""

    def __init__(
        self, linear: LinearModel, problem: Problem, request: Request, reporter: Reporter, pool: ThreadPoolExecutor,
        threads: int,
    ) -> None:  # fmt: skip
        self.linear, self.problem, self.request, self.reporter = linear, problem, request, reporter
        self.work = Work.of(problem, request.options.time_limit_s, threads)
        self.threads = threads
        self.evaluator = Evaluator(problem, pool, threads)
        self.improver = Improver(problem, pool, threads, request.options.seed)
        self.log = [size_words(problem)]
        self.value = -np.inf
        self.values: Floats | None = None
        self.ascent = Ascent.begin(self.evaluator, clearing_prices(problem))

    def answer(self) -> Answer:
        """Price, construct, improve; less of it where an earlier run's prices and plan are nearly enough."""
        if self.request.options.start is not None and self._resumed(self.request.options.start):
            return self._said()
        self._price()
        self._construct()
        self._search()
        self._settle()
        return self._said()

    def _resumed(self, values: Floats) -> bool:
        """Begin from an earlier run; whether a small part of the work was enough to close the gap."""
        prices = self.request.options.row_prices
        if prices is not None:
            warm = Ascent.begin(self.evaluator, shared_prices(self.problem, prices))
            self.ascent = min(self.ascent, warm, key=lambda each: each.best.bound)
        self._begin_from(values)
        if not self._ended():
            for found in ascend(self.evaluator, self.ascent, WARM_PASSES, self._ended, WARM_RATE):
                self.reporter.progress(self.value, found.bound)
            self._begin_from(values if self.values is None else self.values)
        rounds = self.improver.rounds(int(WARM_SHARE * self.work.moves), lambda: self.request.left_s, WARM_HEAT)
        while not self._ended() and next(rounds, 0):
            self._keep()
        if not self._ended():
            self._settle(WARM_SHARE)
        self.log.append(f"begun from an earlier run: value {self.value!r}, bound {self.bound!r}")
        if not self._ended():  # it is not enough: begin again, and keep what there is
            self.ascent = Ascent.begin(self.evaluator, self.ascent.best_price)
        return self._ended()

    def _begin_from(self, values: Floats) -> None:
        self.improver.begin_from(self.ascent.best_price, self.ascent.best.block, values)
        self._keep()

    def _search(self) -> None:
        rest = EXACT_SHARE * max(self.request.left_s, 0.0)
        rounds = self.improver.rounds(self.work.moves, lambda: self.request.left_s - rest - RESERVE_S)
        for number, moved in enumerate(rounds, start=1):
            self._keep()
            self.log.append(f"round {number}: {moved:,} moves, value {self.value!r}, bound {self.bound!r}")
            if self._ended():
                break

    def _settle(self, share: float = 1.0) -> None:
        """Exact programs over all blocks, sweep after sweep, as many as this share of the work allows."""
        settler = Settler(self.linear, self.problem, self.improver, self.request.options.seed)
        done = 0
        for allowed, parts in settler.sweeps():
            if not parts:  # nothing can be moved, in no sweep
                return
            for part in parts:
                if done >= share * self.work.openers or self._ended():
                    return
                done += settler.better(part, allowed, self.threads, self.request.left_s - RESERVE_S)
                self._keep()
                self.log.append(f"exact, {done:,} openers: value {self.value!r}, bound {self.bound!r}")

    @property
    def bound(self) -> float:
        """The best bound so far."""
        return self.ascent.best.bound

    def _price(self) -> None:
        for found in ascend(self.evaluator, self.ascent, self.work.passes, self._ended):
            self.reporter.progress(self.value, found.bound)
            if self.ascent.passes == FIRST_LOOK:
                self._construct()
        self.log.append(f"{self.ascent.passes} passes, bound {self.bound!r}")

    def _construct(self) -> None:
        self.improver.construct(self.ascent.best_price, self.ascent.best.block)
        self._keep()
        self.log.append(f"constructed: value {self.value!r}, bound {self.bound!r}")

    def _keep(self) -> None:
        """Tell of the plan at hand if it holds and is the best so far."""
        state = self.improver.state
        value = value_of(self.problem, state)
        if value > self.value and not broken_rows(self.problem, state):
            self.value, self.values = value, columns_of(self.problem, state, self.linear.n_cols)
            prices = row_prices(self.problem, self.ascent.best_price, self.linear.n_rows)
            self.reporter.incumbent(self.values, self.bound, prices)

    def _gap_closed(self) -> bool:
        options = self.request.options
        if self.values is None:
            return False
        return self.bound - self.value <= max(options.abs_gap, options.gap * abs(self.value))

    def _ended(self) -> bool:
        return self.reporter.stopped() or self.request.left_s <= RESERVE_S or self._gap_closed()

    def _said(self) -> Answer:
        claim: Claim = NODE
        if self._gap_closed():
            claim = OPTIMAL
        elif self.reporter.stopped():
            claim = INTERRUPTED
        elif self.request.left_s <= RESERVE_S or self.improver.hurried:
            claim = TIME
        return Answer(
            native="gap closed" if claim is OPTIMAL else "work done" if claim is NODE else "stopped",
            claim=claim,
            version=VERSION,
            values=self.values,
            bound=max(self.bound, self.value),
            log_tail="\n".join(self.log),
            stats={"passes": float(self.ascent.passes), "moves": float(self.improver.moved)},
            row_prices=row_prices(self.problem, self.ascent.best_price, self.linear.n_rows),
        )


RESERVE_S = 0.3
"""Seconds of the limit that are kept for handing over."""
