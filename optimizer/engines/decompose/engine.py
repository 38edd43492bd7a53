"""The engine: price, construct, improve, and always know how far from the bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version

import highspy
import numpy as np

from optimizer.engines.adapter import (
    INFEASIBLE,
    INTERRUPTED,
    NODE,
    OPTIMAL,
    TIME,
    Answer,
    Claim,
    Reporter,
    Request,
)
from optimizer.engines.decompose.bounds import Bounds
from optimizer.engines.decompose.dual import Ascent, Evaluator, ascend, clearing_prices, rates_of
from optimizer.engines.decompose.earlier import go_on_from
from optimizer.engines.decompose.exact import Settler, SimpleSettler
from optimizer.engines.decompose.improve import Improver
from optimizer.engines.decompose.odd_first import construct_odd
from optimizer.engines.decompose.odd_plans import MixedSettler, leave
from optimizer.engines.decompose.plan import broken_rows, columns_of, row_prices, value_of
from optimizer.engines.decompose.problem import Floats, Ints, NoPlanError, Problem, Whole, size_words, whole_of
from optimizer.engines.decompose.read import read_problem
from optimizer.engines.decompose.rough import rough_prices
from optimizer.engines.decompose.small import PLAIN, SMALL, Settled, relaxed, small_parts
from optimizer.engines.decompose.work import Turn, Work, can_be_relaxed, odd_is_dear
from optimizer.model.linear_model import LinearModel

VERSION = f"decompose with numba {version('numba')}"

FEWEST_TIGHT, COVERS_CLOSE = 60, 0.005
"""Fewest passes with covers; the share of the bound that they may close."""
WIDE = 0.015
"""A gap that moves close without covers, in general: covers come after them."""
TOLD = 8
"""How often exact programs of a turn tell of their plan."""
FIRST_LOOK = 20
"""Passes after which the first plan is made."""
FIRST_LEAVES = 0.25
"""Share of the time that is left which the first plan of odd blocks leaves to what comes after, where they are dear."""
WHOLE = 12_000
"""Columns of a matrix with odd blocks that is also given to HiGHS as a whole, from the best plan."""
FIRST_SHARE, LAST_SHARE = 0.15, 0.5
"""Shares of the time that HiGHS gets: for small components at once, many of which it solves, and in the end."""


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """See the package."""
    threads = max(1, request.options.threads)
    empty = np.diff(linear.indptr) == 0
    if (empty & ((linear.row_lower > 0) | (linear.row_upper < 0))).any():
        return Answer("a row that nothing can fill", INFEASIBLE, VERSION)
    matrix = whole_of(linear)
    problem = read_problem(linear, request.role, matrix)
    highspy.Highs.resetGlobalScheduler(True)  # else other threads than last time are refused
    with ThreadPoolExecutor(threads) as pool:
        try:
            return Run(linear, matrix, problem, request, reporter, pool, threads).answer()
        except NoPlanError:
            return Answer("an order without any plan", INFEASIBLE, VERSION, log_tail=size_words(problem))


class Run:
    """One solve: the best plan and the best bound so far."""

    def __init__(
        self, linear: LinearModel, matrix: Whole, problem: Problem, request: Request, reporter: Reporter,
        pool: ThreadPoolExecutor, threads: int,
    ) -> None:  # fmt: skip
        self.linear, self.matrix, self.problem, self.request, self.reporter = linear, matrix, problem, request, reporter
        self.pool, self.threads = pool, threads
        self.log = [size_words(problem)]
        self.value = -np.inf
        self.values: Floats | None = None
        self.mixed = problem.odd is not None or not problem.movable.all()
        self.small = small_parts(linear, SMALL if self.mixed else PLAIN)
        every = sum(map(len, self.small)) == linear.n_cols
        whole = [np.arange(linear.n_cols)] if self.mixed and linear.n_cols <= WHOLE else []
        self.last = self.small if every else whole
        """parts that HiGHS gets at the end"""
        self.kept_s = LAST_SHARE * request.options.time_limit_s if self.last else 0.0
        """seconds that are kept for what comes last"""
        self.settled = Settled(linear, request, reporter)
        """what HiGHS has found for such parts"""
        self.constructed_at: Floats | None = None
        """prices of the last construction"""
        stock = np.flatnonzero(request.stock[problem.shared.row]) if len(request.stock) else np.zeros(0, dtype=np.int64)
        stock = stock if problem.odd is None else stock[:0]  # shared rows that covers are sought for
        self.bounds = Bounds(problem, linear.n_rows, stock, pool, threads)
        self.tight, self.is_wide = 0, request.options.gap >= WIDE
        """passes with covers so far; whether moves alone may close the gap that is asked for"""
        self.reserve_s = RESERVE_S + RESERVE_NONZERO_S * linear.n_nonzeros
        self.limit_s = limit_s = request.options.time_limit_s - self.kept_s
        self.is_dear = odd_is_dear(problem, linear.n_cols, linear.n_nonzeros, limit_s, threads)
        """whether odd blocks are too many to be solved at prices: they are relaxed"""
        self.evaluator = Evaluator(problem, pool, threads, lambda: self.left_s, whole=not self.is_dear)
        self.improver = Improver(problem, pool, threads, request.options.seed)
        self.loses: Floats | None = None
        """what its columns would lose, where it is solved"""
        self.relaxed = np.zeros(linear.n_cols)
        """values of the linear relaxation"""
        self.settler: Settler
        self._begin()
        self.work = Work.of(
            problem, limit_s, threads, covers=len(stock) > 0, relaxed_s=self.relaxed_s, dear=self.is_dear
        )
        may_branch = not self.is_wide and self.bounds.is_shallow
        self.branch_s = self.work.spare_s(problem.blocks.n_blocks) if may_branch else 0.0
        """seconds that are kept for branching"""
        self.work, self.kept_s = self.work.with_less_search(self.branch_s), self.kept_s + self.branch_s

    def answer(self) -> Answer:
        """Price, construct, improve; small components, and small batches with odd blocks, by HiGHS too.

        Less of it where an earlier run's prices and plan are nearly enough.
        """
        start = self.request.options.start
        if start is not None and not self.mixed and go_on_from(start, self):
            return self._said()
        self._price()
        self._construct()
        if self.small:
            until_s = self.left_s - FIRST_SHARE * self.request.options.time_limit_s
            self._solve_parts(self.small, FIRST_SHARE, until_s)
        self._improve()
        self.kept_s -= self.branch_s
        self.branch()
        self.kept_s = 0.0
        if self.last and not self.ended():
            self._solve_parts(self.last, LAST_SHARE, self.reserve_s)
        return self._said()

    def _improve(self) -> None:
        """Moves and exact programs in turns; covers where they may close the gap, or before the last stage of turns."""
        done, blocks = 0.0, self.problem.blocks.n_blocks if self.request.options.gap > 0 else None
        for turn in self.work.turns(blocks, alternate=not self.mixed):
            if self.ended():
                return
            if not turn.goes_on:
                self.settler = self._settler()
            tight = self.work.tight if turn.is_last_stage else int((done + turn.share) * self.work.tight)
            if self.is_near() or (turn.is_last_stage and not self.is_wide):
                self.tighten(tight - self.tight)
            until_s, before = self.left_s * (1.0 - turn.share / (1.0 - done)), self.value
            self._search(turn, until_s)
            moved = self.value
            if turn.goes_on:
                self._return_to_best()
            if turn.is_last_stage and not self.ended():
                self.tighten(tight - self.tight)
            self.settle(turn.share, until_s)
            done += turn.share
            if turn.goes_on and before > -np.inf:
                self.work = self.work.leaning(moved - before, self.value - moved)

    def _return_to_best(self) -> None:
        """The best plan again, where moves have ended at a worse one."""
        if self.values is not None and value_of(self.problem, self.improver.state) < self.value - ROUNDING:
            self.improver.return_to(self.values)

    def _take_start(self) -> None:
        """The plan to start from, if it holds, is the first."""
        start = self.request.options.start
        if start is not None:
            program = replace(self.matrix(), values=start)
            if program.holds(start, program.row_lower, program.row_upper):
                self._offer(program.exact(start))

    def _begin(self) -> None:
        """First prices: of the linear relaxation if there are odd blocks, of which clearing prices know nothing."""
        price, self.relaxed_s = clearing_prices(self.problem), 0.0
        if self.problem.odd is not None:
            matrix, role = self.matrix(), self.request.role
            fits = can_be_relaxed(self.linear.n_cols, self.linear.n_nonzeros, self.limit_s)
            found = relaxed(matrix, role, self.problem.shared, self.left_s) if fits else None
            if found is None and np.isfinite(self.linear.col_lower + self.linear.col_upper).all():
                found = rough_prices(matrix, role, self.problem, self.limit_s, self.left_s, self.pool, self.threads)
            if found is not None:
                price, self.relaxed, self.loses, self.relaxed_s = found
        self.bounds.ascent = Ascent.begin(self.evaluator, price)
        self.log.append(f"first bound {self.bound!r}")
        self._take_start()
        if self.problem.odd is not None:
            self._construct()

    @property
    def left_s(self) -> float:
        """Seconds that are left for all but HiGHS in the end."""
        return self.request.left_s - self.kept_s

    def _solve_parts(self, parts: list[Ints], share: float, until_s: float) -> None:
        """Parts of the matrix that share nothing, each by HiGHS from the best plan.

        ``share`` of the time limit says how much they may branch; no more than ``until_s`` seconds must be left.
        """
        settled = self.settled
        if not settled.solve(parts, share, self.values, lambda: 0.0 if self.ended() else self.left_s - until_s):
            return
        if self.values is None and settled.is_everything:
            self._offer(settled.into(np.full(self.linear.n_cols, np.nan)))
        if self.values is not None:
            self._offer(settled.into(self.values.copy()))
        self.log.append(f"{len(parts)} exact parts: value {self.value!r}, bound {self.bound!r}")

    def _search(self, turn: Turn, until_s: float) -> None:
        """The moves of a turn. They leave time for exact programs before ``until_s`` seconds are left."""
        if not self.improver.problem.movable.any():
            return
        rest = until_s + self.work.exact_share * max(self.left_s - until_s, 0.0)
        moves = int(turn.share * self.work.moves)
        rounds = self.improver.rounds(moves, lambda: self.left_s - rest - self.reserve_s, turn.rounds, turn.heat)
        for number, moved in enumerate(rounds, start=1):
            self.keep()
            self.log.append(f"round {number}: {moved:,} moves, value {self.value!r}, bound {self.bound!r}")
            if self.ended():
                break

    def settle(self, share: float, until_s: float = 0.0) -> None:
        """Exact programs, a share of them, or until ``until_s`` seconds are left."""
        highspy.Highs.resetGlobalScheduler(True)  # other threads than before
        work_s, told, waits = share * self.work.exact_s, 0.0, self.values is None
        for done in self.settler.better(work_s, lambda: self.left_s - until_s - self.reserve_s):
            mended = waits and self.settler.has_mended()
            if mended or done - told >= work_s / TOLD:
                waits = waits and not mended
                self.settler.hand_over()
                self.keep()
                self.log.append(f"exact, {done:,.1f} s of work: value {self.value!r}, bound {self.bound!r}")
                told = done
            if self.ended():
                break
        self.settler.hand_over()
        self.keep()

    def is_near(self) -> bool:
        """Whether covers may close what is missing to the gap asked for."""
        return self.bound - self.value <= (self.request.options.gap + COVERS_CLOSE) * abs(self.value)

    def tighten(self, passes: int) -> None:
        """Lower the bound by covers; where that closes next to nothing, the rest of their time goes to the search."""
        if passes <= 0 or self.tight >= self.work.tight:
            return
        done, is_worthwhile = self.bounds.tighten(
            max(passes, FEWEST_TIGHT), self.ended, lambda: self.reporter.progress(self.value, self.bound)
        )
        self.tight += done
        if not is_worthwhile:
            self.work = self.work.without_more_tight(self.tight)
        self.log.append(f"{len(self.bounds.covers().best.covers):,} covers, {done} passes, bound {self.bound!r}")

    def branch(self) -> None:
        """Lower the bound by branching on sets of orders that share shallow stock."""
        if not self.branch_s or self.values is None or self.ended():
            return
        self.bounds.branch(self.values, self.branch_s, self.ended)
        self.reporter.progress(self.value, self.bound)
        if self.bounds.branching is not None:
            self.log.append(f"{self.bounds.branching}, bound {self.bound!r}")

    @property
    def bound(self) -> float:
        """The best bound so far."""
        return min(self.bounds.best, self.settled.proven)

    def _settler(self) -> Settler:
        if not self.mixed:
            return SimpleSettler(self.improver, self.request.options.seed)
        met = None if self.evaluator.odd is None else self.evaluator.odd.met
        return MixedSettler(self.matrix(), self.problem, self.improver, self.request.options.seed, met, self.loses)

    def _price(self) -> None:
        passes, solves = self.work.passes, self.work.solves
        if not passes:
            return
        rates = rates_of(passes, near=self.relaxed_s > 0)
        for found in ascend(self.evaluator, self.bounds.ascent, passes, self.ended, -(-passes // solves), *rates):
            self.reporter.progress(self.value, found.bound)
            if self.bounds.ascent.passes == FIRST_LOOK and self.problem.odd is None:
                self._construct()
        self.log.append(f"{self.bounds.ascent.passes} passes, bound {self.bound!r}")

    def _construct(self) -> None:
        price, left = self.bounds.ascent.best_price, self.problem
        if self.constructed_at is price:
            return
        self.constructed_at = price
        if self.evaluator.odd is not None:
            until_s = FIRST_LEAVES * self.left_s if self.is_dear else -np.inf
            odd = construct_odd(self.matrix(), left, self.evaluator.odd, price, self.relaxed, until_s, self.loses)
            self.log.append(f"odd blocks: {odd.left_out:,} programs left out")
            left = leave(left, odd.values)
            self.improver = Improver(left, self.pool, self.threads, self.request.options.seed)
        self.improver.construct(price, self.bounds.ascent.best.block)
        if self.values is not None and self.request.options.start is not None:
            MixedSettler(self.matrix(), self.problem, self.improver, 0, None).adopt(self.values)
        self.keep()
        self.log.append(f"constructed: value {self.value!r}, bound {self.bound!r}")

    def keep(self) -> None:
        """Tell of the plan at hand if it holds and is the best so far."""
        state, problem = self.improver.state, self.improver.problem
        if not broken_rows(problem, state) and (self.settled.found or value_of(problem, state) > self.value):
            self._offer(self.settled.into(columns_of(problem, state, self.linear.n_cols)))

    def _offer(self, values: Floats) -> None:
        """Keep a plan that holds, and tell of it, if it is the best so far."""
        value = self.linear.offset + float(self.linear.objective @ values)
        if value > self.value:
            self.value, self.values = value, values
            prices = row_prices(self.problem, self.bounds.ascent.best_price, self.linear.n_rows)
            self.reporter.incumbent(values, self.bound, {"row_prices": prices, **self.bounds.proof})

    def _gap_closed(self) -> bool:
        options = self.request.options
        if self.values is None:
            return False
        least = ROUNDING * max(1.0, abs(self.value))
        return self.bound - self.value <= max(options.abs_gap, options.gap * abs(self.value), least)

    def ended(self) -> bool:
        """Whether to stop: somebody asks for it, the time is used up, or the gap is closed."""
        return self.reporter.stopped() or self.left_s <= self.reserve_s or self._gap_closed()

    def _said(self) -> Answer:
        claim: Claim = NODE
        if self._gap_closed():
            claim = OPTIMAL
        elif self.reporter.stopped():
            claim = INTERRUPTED
        elif self.left_s <= self.reserve_s or self.improver.hurried:
            claim = TIME
        return Answer(
            native="gap closed" if claim is OPTIMAL else "work done" if claim is NODE else "stopped",
            claim=claim,
            version=VERSION,
            values=self.values,
            bound=max(self.bound, self.value),
            log_tail="\n".join(self.log),
            stats={"passes": float(self.bounds.ascent.passes + self.tight), "moves": float(self.improver.moved)},
            row_prices=row_prices(self.problem, self.bounds.ascent.best_price, self.linear.n_rows),
            covers=self.bounds.proof,
        )


ROUNDING = 1e-9
"""Relative gap that the rounding of sums alone may leave."""
RESERVE_S, RESERVE_NONZERO_S = 0.3, 1.2e-7
"""Seconds of the limit that are kept for handing over, and more of them for each nonzero: a plan is looked at whole."""
