"""The family `service_floor`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows

Ints = NDArray[np.int64]


def service_floor(f: Formulation) -> Rows:
    """The weighted service level reaches its floor, overall and in each tier, channel, segment, customer, zone named.

    Index: scopes g of service.min_level
    Formula: Σ_{o in g} weight[o] · served[o] ≥ min_level[g] · Σ_{o in g} weight[o] · demanded[o]
    Dual: φ[g] ≤ 0
    Unit: weighted units, lines or orders, by the measure
    Absent: where no floor is set
    Meaning: money lost by asking for one more weighted unit (line, order) of service in g
    """
    levels = f.scenario.service.min_level
    column, order, amount = f.served()
    worth, demanded = f.order_weight.take(order) * amount, f.order_weight * _demanded(f)
    members = [terms.scope_orders(f.tables, scope) for scope in levels]
    entries = [np.flatnonzero(member[order]) for member in members]
    row = np.repeat(np.arange(len(levels)), [len(entry) for entry in entries])
    entry = np.concatenate([np.zeros(0, dtype=np.int64), *entries])
    weight = terms.Ratio(worth.take(entry), np.ones(len(entry), dtype=np.int64))
    sides = [demanded[member].sum() * Fraction(level) for member, level in zip(members, levels.values(), strict=True)]
    keys = {"scope": np.arange(len(levels))}
    return whole_rows("service_floor", keys, row, column[entry], weight, Exact.of(sides), ">=", coupling=True)


def _demanded(f: Formulation) -> Ints:
    """What each order could have been served at most, in the scenario's measure."""
    measure, tables = f.scenario.service.measure, f.tables
    if measure == "order":
        return np.ones(len(tables.orders), dtype=np.int64)
    amount = tables.order_lines["qty"] if measure == "unit" else np.ones(len(tables.order_lines), dtype=np.int64)
    demanded = np.zeros(len(tables.orders), dtype=np.int64)
    np.add.at(demanded, tables.line_order, amount)
    return demanded
