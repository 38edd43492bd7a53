"""Going on from an earlier run: its prices, covers and plan, and little work where that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.engines.decompose.begin import shared_prices
from optimizer.engines.decompose.dual import Ascent, ascend
from optimizer.engines.decompose.exact import SimpleSettler
from optimizer.engines.decompose.problem import Floats

if TYPE_CHECKING:
    from optimizer.engines.decompose.engine import Run

PASSES, COVERED_PASSES, RATE = 100, 20, 0.02
"""Passes of the ascent from the prices of that run; where covers are known, too, which then give the bound; and the
first rate.
"""
TURNS, MOVES, OPENERS, HEAT = 5, 0.01, 0.05, 0.02
"""How often moves and exact programs take turns from its plan, their shares of the work, and the temperature.
With 1 % of the data changed, a third of the time that many moves and then many programs took.
"""
TIGHT = 200
"""Passes with covers there, once the prices have followed the data and the plan the prices: moves alone stop short."""


def go_on_from(plan: Floats, run: Run) -> bool:
    """Begin from an earlier run; whether a small part of the work was enough to close the gap."""
    bounds, options = run.bounds, run.request.options
    if options.row_prices is not None:
        warm = Ascent.begin(run.evaluator, shared_prices(run.problem, options.row_prices))
        bounds.ascent = warm if warm.best.bound < bounds.ascent.best.bound else bounds.ascent
    if options.covers:
        bounds.covers().begin_from(options.covers)
    _begin_from(plan, run)
    run.log.append(f"from an earlier run: value {run.value!r}, bound {run.bound!r}")
    if run.is_wide:
        _take_turns(run)
    if not run.ended():
        passes = PASSES if bounds.tightener is None else COVERED_PASSES
        for found in ascend(run.evaluator, bounds.ascent, passes, run.ended, first_rate=RATE):
            run.reporter.progress(run.value, found.bound)
        _begin_from(plan if run.values is None else run.values, run)
        _take_turns(run, covers=not run.is_wide)
    run.branch()
    run.log.append(f"begun from an earlier run: value {run.value!r}, bound {run.bound!r}")
    if not run.ended():  # it is not enough: begin again, and keep what there is
        bounds.ascent = Ascent.begin(run.evaluator, bounds.ascent.best_price)
    return run.ended()


def _begin_from(plan: Floats, run: Run) -> None:
    run.improver.begin_from(run.bounds.ascent.best_price, run.bounds.ascent.best.block, plan)
    run.keep()


def _take_turns(run: Run, *, covers: bool = False) -> None:
    """Moves and exact programs by turns, little of each, until the gap is closed or a turn gains nothing.

    Covers after the first.
    """
    for turn in range(TURNS):
        before = run.value, run.bound
        run.settler = SimpleSettler(run.improver, run.request.options.seed, whole=False)
        rounds = run.improver.rounds(int(MOVES * run.work.moves), lambda: run.left_s, heat=HEAT)
        while not run.ended() and next(rounds, 0):
            run.keep()
        if run.ended():
            return
        run.settle(OPENERS)
        if covers and turn == 0 and not run.ended() and run.is_near():
            run.tighten(TIGHT)
        if before == (run.value, run.bound):
            return
