"""What a plan is worth, column by column: one function a term, in money before its weight."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.model import terms
from optimizer.model.formulation import Formulation
from optimizer.model.terms import Ratio
from optimizer.model.variables import NONE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Term = tuple[Ints, Ratio]


def objective(f: Formulation) -> Floats:
    """margin·Σ margin + service·Σ service − shipping·(freight + handling + opening) − penalties·shortfall, by column.

    The terms of each column are added exactly and rounded once.
    """
    weights = f.scenario.weights
    parts: list[tuple[Callable[[Formulation], Term], Decimal]] = [
        (margin, weights.margin),
        (service, weights.service * f.scenario.service.value),
        (unit_freight, -weights.shipping),
        (shipment_freight, -weights.shipping),
        (handling, -weights.shipping),
        (opening, -weights.shipping),
        (shortfall, -weights.penalties),
    ]
    stated = [(term(f), weight) for term, weight in parts if weight]
    return _added([(term, weight) for term, weight in stated if len(term[0])], f.n_cols)


def margin(f: Formulation) -> Term:
    """unit_margin[l] · units, on `ship_qty`."""
    return _per_unit(f, Ratio.of(terms.unit_margin(f.tables).take(f.arcs.line)))


def service(f: Formulation) -> Term:
    """weight[o] · what counts as served, on the columns that say it (see `Formulation.served`)."""
    column, order, amount = f.served()
    return column, Ratio.of(f.order_weight.take(order) * amount)


def unit_freight(f: Formulation) -> Term:
    """(cost_per_unit[r] + cost_per_kg[r] · kg[l]) · units, on `ship_qty`."""
    return _per_unit(f, terms.freight_per_unit(f.tables, f.unit_weight, f.arcs.line, f.arcs.lane))


def shipment_freight(f: Formulation) -> Term:
    """fixed_cost[r] on the column that opens the shipment, and 1 on `charge_topup`.

    Where a single arc opens the shipment, its whole load is known: what the minimum charge adds stands there too.
    """
    v, arcs, lanes = f.variables, f.arcs, f.tables.lanes
    own, topped = np.flatnonzero(v.own_open), np.flatnonzero(v.topup != NONE)
    single = np.flatnonzero((v.opened != NONE) & ~v.own_open)
    arc, lane = v.opened[single], arcs.shipment_lane[single]
    load = terms.freight_per_unit(f.tables, f.unit_weight, arcs.line[arc], lane).times(arcs.step[arc])
    fixed, least = lanes["fixed_cost"].take(lane) * load.bottom, lanes["min_charge"].take(lane) * load.bottom
    beyond_load = least.maximum(fixed + load.top) - load.top
    top = Exact.concat([lanes["fixed_cost"].take(arcs.shipment_lane[own]), Exact.full(len(topped), 1), beyond_load])
    column = np.concatenate([v.opened[own], v.topup[topped], arc])
    ones = np.ones(len(own) + len(topped), dtype=np.int64)
    return column, Ratio(top, np.concatenate([ones, load.bottom]))


def handling(f: Formulation) -> Term:
    """handling_cost_per_unit[w] · units, on `ship_qty`."""
    cost = f.tables.warehouses["handling_cost_per_unit"]
    arc = np.flatnonzero((cost > 0)[f.arcs.warehouse])
    return arc, Ratio.of(cost.take(f.arcs.warehouse[arc]) * f.arcs.step[arc])


def opening(f: Formulation) -> Term:
    """fixed_open_cost[w], on `open_warehouse`."""
    house = np.flatnonzero(f.variables.open_warehouse != NONE)
    return f.variables.open_warehouse[house], Ratio.of(f.tables.warehouses["fixed_open_cost"].take(house))


def shortfall(f: Formulation) -> Term:
    """shortfall_penalty[g] · units, on `contract_shortfall`."""
    contract = np.flatnonzero(f.variables.shortfall != NONE)
    return f.variables.shortfall[contract], Ratio.of(f.tables.contracts["shortfall_penalty"].take(contract))


def _per_unit(f: Formulation, money: Ratio) -> Term:
    """Money per unit of each arc, as money per unit of its column."""
    return np.arange(len(f.arcs)), money.times(f.arcs.step)


def _added(parts: list[tuple[Term, Decimal]], n_cols: int) -> Floats:
    """Σ weight · term by column. A column's ratios share one divisor, or are whole; a term names a column once."""
    bottom = np.ones(n_cols, dtype=np.int64)
    for (column, ratio), _ in parts:
        bottom[column] = np.maximum(bottom[column], ratio.bottom)
    tops = [_lifted(ratio.top, weight, bottom[column] // ratio.bottom) for (column, ratio), weight in parts]
    scale = max((top.scale for top in tops), default=0)
    nums = [top.rescaled(scale).num for top in tops]
    fits = (
        all(num.dtype == np.int64 for num in nums)
        and sum(max(int(num.max()), -int(num.min())) for num in nums) < INT64_SAFE
    )
    total = np.zeros(n_cols, dtype=np.int64 if fits else object)
    for ((column, _), _), num in zip(parts, nums, strict=True):
        total[column] += num
    return Ratio(Exact(total, scale), bottom).floats()


def _lifted(top: Exact, weight: Decimal, factor: Ints) -> Exact:
    """Product of the three, without the passes over a million numbers that would change nothing."""
    weighted = top if weight == 1 else top * weight
    return weighted if (factor == 1).all() else weighted * factor
