"""What a plan is worth, column by column: one function a term, in money before its weight."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import INT64_SAFE, Exact
from optimizer.model import terms
from optimizer.model.formulation import Formulation
from optimizer.model.once import once
from optimizer.model.policies import TERMS
from optimizer.model.terms import Ratio
from optimizer.model.variables import NONE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Term = tuple[Ints, Ratio]


def objective(f: Formulation) -> Floats:
    """The weighted sum of all terms by column, added exactly and rounded once."""
    return value_by_column(f).floats()


def value_by_column(f: Formulation) -> Ratio:
    """margin·Σ margin + service·Σ service − shipping·(freight + handling + opening) − penalties·shortfall, exactly."""
    scenario = f.stated
    weights = scenario.weights
    parts: list[tuple[Callable[[Formulation], Term], Decimal]] = [
        (margin, weights.margin),
        (service, weights.service * scenario.service.value),
        (unit_freight, -weights.shipping),
        (shipment_freight, -weights.shipping),
        (handling, -weights.shipping),
        (opening, -weights.shipping),
        (shortfall, -weights.penalties),
        (lateness, -weights.penalties),
        (substitution, -weights.penalties),
        (holding_value, weights.holding),
        *((term, weight(weights)) for term, weight in TERMS),
    ]
    stated = [(term(f), weight) for term, weight in parts if weight]
    return added([(term, weight) for term, weight in stated if len(term[0])], f.n_cols)


def margin(f: Formulation) -> Term:
    """unit_margin[l] · units, on `ship_qty`."""
    return _per_unit(f, Ratio.of(terms.unit_margin(f.tables).take(f.arcs.line)))


def service(f: Formulation) -> Term:
    """weight[o] · what counts as served, on the columns that say it (see `Formulation.served`)."""
    column, order, amount = f.served()
    return column, Ratio.of(f.order_weight.take(order) * amount)


def unit_freight(f: Formulation) -> Term:
    """(cost_per_unit[r] + cost_per_kg[r] · kg[l]) · units, on `ship_qty`."""
    return f.every_arc, f.arc_freight


@once
def shipment_freight(f: Formulation) -> Term:
    """fixed_cost[r] on the column that opens the shipment, and 1 on `charge_topup`.

    Where a single arc opens the shipment, its whole load is known: what the minimum charge adds stands there too.
    """
    v, arcs = f.variables, f.arcs
    fixed_cost, min_charge = f.batch.lane_cost("fixed_cost"), f.batch.lane_cost("min_charge")
    own, topped = np.flatnonzero(v.own_open), np.flatnonzero(v.topup != NONE)
    single = np.flatnonzero((v.opened != NONE) & ~v.own_open)
    arc, lane = v.opened[single], arcs.shipment_lane[single]
    load = f.arc_freight.take(arc)
    fixed, least = fixed_cost.take(lane) * load.bottom, min_charge.take(lane) * load.bottom
    beyond_load = least.maximum(fixed + load.top) - load.top
    top = Exact.concat([fixed_cost.take(arcs.shipment_lane[own]), Exact.full(len(topped), 1), beyond_load])
    column = np.concatenate([v.opened[own], v.topup[topped], arc])
    ones = np.ones(len(own) + len(topped), dtype=np.int64)
    return column, Ratio(top, np.concatenate([ones, load.bottom]))


def handling(f: Formulation) -> Term:
    """handling_cost_per_unit[w] · units, on `ship_qty`."""
    cost = f.tables.warehouses["handling_cost_per_unit"]
    arc = np.flatnonzero((cost > 0)[f.arcs.warehouse])
    return arc, Ratio.of(cost.take(f.arcs.warehouse[arc]) * f.arcs.units[arc])


def opening(f: Formulation) -> Term:
    """fixed_open_cost[w], on `open_warehouse`."""
    house = np.flatnonzero(f.variables.open_warehouse != NONE)
    return f.variables.open_warehouse[house], Ratio.of(f.tables.warehouses["fixed_open_cost"].take(house))


def shortfall(f: Formulation) -> Term:
    """shortfall_penalty[g] · units, on `contract_shortfall`."""
    contract = np.flatnonzero(f.variables.shortfall != NONE)
    return f.variables.shortfall[contract], Ratio.of(f.tables.contracts["shortfall_penalty"].take(contract))


def lateness(f: Formulation) -> Term:
    """late_penalty_per_unit_day[l] · days late · ordered units, on `ship_qty`."""
    penalty, arcs = f.tables.order_lines["late_penalty_per_unit_day"], f.arcs
    arc = np.flatnonzero((penalty > 0)[arcs.line])
    late = f.batch.days_late(arcs.order[arc], arcs.lane[arc], arcs.day[arc])
    arc, late = arc[late > 0], late[late > 0]
    return arc, Ratio.of(penalty.take(arcs.line[arc]) * (late * arcs.step[arc]))


def substitution(f: Formulation) -> Term:
    """penalty_per_unit of the substitute · ordered units, on `ship_qty`."""
    penalty = f.batch.offers.penalty
    arc = np.flatnonzero((penalty > 0)[f.arcs.offer])
    return arc, Ratio.of(penalty.take(f.arcs.offer[arc]) * f.arcs.step[arc])


def holding_value(f: Formulation) -> Term:
    """holding_value_per_unit of each lot · units drawn from it, on `ship_qty` and `kit_draw`."""
    value, taken = f.batch.supply.holding, f.draws
    draw = np.flatnonzero((value > 0)[taken.source])
    column, of = np.unique(taken.column[draw], return_inverse=True)
    money = value.take(taken.source[draw]) * taken.units[draw]
    return column, Ratio.of(money.sum_by(of.reshape(-1), len(column)))


def _per_unit(f: Formulation, money: Ratio) -> Term:
    """Money per unit of each arc, as money per unit of its column."""
    return f.every_arc, money.times(f.arcs.step)


def added(parts: list[tuple[Term, Decimal]], n_cols: int) -> Ratio:
    """Σ weight · term by column. A column's ratios share one divisor, or are whole; a term names a column once."""
    bottom = np.ones(n_cols, dtype=np.int64)
    places = [_place(column) for (column, _), _ in parts]
    whole = [ratio.decimal or bool((ratio.bottom == 1).all()) for (_, ratio), _ in parts]
    for place, ((_, ratio), _), is_whole in zip(places, parts, whole, strict=True):
        if not is_whole:
            bottom[place] = np.maximum(bottom[place], ratio.bottom)
    weights = [Exact.of([weight]) for _, weight in parts]
    scale = max((term[1].top.scale + weight.scale for (term, _), weight in zip(parts, weights, strict=True)), default=0)
    total, most = np.zeros(n_cols, dtype=np.int64), 0
    for place, ((_, ratio), weight), is_whole in zip(places, parts, whole, strict=True):
        factor = bottom[place] if is_whole else bottom[place] // ratio.bottom
        num = _lifted(ratio.top, weight, factor).rescaled(scale).num
        most += max(int(num.max()), -int(num.min()))
        if num.dtype != np.int64 or most >= INT64_SAFE:
            total = total.astype(object)
        total[place] += num
    return Ratio(Exact(total, scale), bottom)


def _place(column: Ints) -> Ints | slice:
    """Columns in a row as a slice, which spares looking each of them up."""
    first, size = int(column[0]), len(column)
    in_a_row = column[-1] == first + size - 1 and np.array_equal(column, np.arange(first, first + size))
    return slice(first, first + size) if in_a_row else column


def _lifted(top: Exact, weight: Decimal, factor: Ints) -> Exact:
    """Product of the three, without the passes over a million numbers that would change nothing."""
    weighted = top if weight == 1 else top * weight
    return weighted if (factor == 1).all() else weighted * factor
