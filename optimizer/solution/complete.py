"""Plans made from lines, lanes and quantities alone, filled in: the product shipped, and the lots it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.ragged import expand
from optimizer.solution.plan import Draws, Plan

Ints = NDArray[np.int64]


def completed(batch: Batch, plan: Plan) -> Plan:
    """The plan with every product named, and rows without draws served from the lots that expire first.

    What no lot holds is taken from the pool's last one, so that the plan shows what it asks too much of.
    """
    if (plan.product < 0).any():
        own = batch.tables.line_product[plan.line]
        plan = replace(plan, product=np.where(plan.product < 0, own, plan.product))
    missing = np.setdiff1d(np.arange(len(plan)), plan.draws.row)
    if not len(missing):
        return plan
    return replace(plan, draws=_joined(plan.draws, first_expiring(batch, plan, missing)))


def _joined(stated: Draws, added: Draws) -> Draws:
    if not len(stated):
        return added
    parts = ((getattr(stated, name), getattr(added, name)) for name in ("row", "source", "units"))
    return Draws.of(*(np.concatenate(pair) for pair in parts))


def first_expiring(batch: Batch, plan: Plan, rows: Ints) -> Draws:
    """Draws for some rows of a plan, in their order, from the lots of each pool by expiry."""
    supply, offers = batch.supply, batch.offers
    offer = offers.find(plan.line[rows], plan.product[rows])
    shipped = offers.shipped(offer, plan.qty[rows])
    place, component, qty = offers.recipes.parts(plan.product[rows])
    pool = supply.find_pool(batch.tables.lane_warehouse[plan.lane[rows[place]]], component)
    known = np.flatnonzero(pool >= 0)
    place, pool, units = place[known], pool[known], (shipped[place] * qty)[known]
    if not supply.has_lots:
        return Draws.of(rows[place], supply.source_start[pool], units)
    by_pool = np.lexsort((place, pool))
    place, pool, units = place[by_pool], pool[by_pool], units[by_pool]
    sources, has = _by_expiry(batch)
    need, source, taken = _overlaps(pool, units, supply.pool[sources], has)
    return Draws.of(rows[place[need]], sources[source], taken)


def _by_expiry(batch: Batch) -> tuple[Ints, Ints]:
    """Sources by pool and expiry, and the units of each; the last of a pool without end."""
    supply = batch.supply
    every = np.arange(len(supply))
    order = np.lexsort((every, supply.expiry, supply.pool))
    has = supply.own(order, np.minimum(supply.expiry[order], 10**6 - 1))
    is_last = np.diff(supply.pool[order], append=-1) != 0
    return order, np.where(is_last, 1 << 40, has)


def _overlaps(need_pool: Ints, need: Ints, source_pool: Ints, has: Ints) -> tuple[Ints, Ints, Ints]:
    """(need, source, units): needs of each pool laid end to end beside its sources; both sorted by pool."""
    need_end, source_end = _ends(need_pool, need), _ends(source_pool, has)
    first = np.searchsorted(source_pool, need_pool)
    start = need_end - need
    low = first + _rank_within(source_end, source_pool, first, start, need_pool)
    high = first + _rank_within(source_end, source_pool, first, need_end - 1, need_pool)
    place, source = expand(low, high + 1)
    begin = np.maximum(start[place], source_end[source] - has[source])
    end = np.minimum(need_end[place], source_end[source])
    return place, source, end - begin


def _ends(owner: Ints, amount: Ints) -> Ints:
    """Running totals that begin anew with each owner."""
    total = np.cumsum(amount)
    first = np.searchsorted(owner, owner)
    return np.asarray(total - np.concatenate([[0], total])[first], dtype=np.int64)


def _rank_within(ends: Ints, owner: Ints, first: Ints, value: Ints, wanted: Ints) -> Ints:
    """How many of an owner's running totals are at most each value."""
    span = 1 << 42
    codes = owner * span + np.minimum(ends, span - 1)
    return np.asarray(np.searchsorted(codes, wanted * span + value, side="right") - first, dtype=np.int64)
