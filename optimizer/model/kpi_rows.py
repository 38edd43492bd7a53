"""KPIs as linear expressions of the columns: what a stage optimizes, and what floors and earlier stages keep.

A KPI counts in its own unit: money, units, orders; a service level as a rate between 0 and 1. Columns may only say too
much of a cost and too little of a service, so a row that limits a cost from above or a service from below means exactly
what it says of the plan; the other way round is refused (see `optimizer.scenario.schema.can_be_said`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import objective as money
from optimizer.model import policy_terms as policy
from optimizer.model import terms
from optimizer.model.goals import OBJECTIVE
from optimizer.model.ragged import distinct_codes
from optimizer.model.shares import share_columns
from optimizer.model.terms import Ratio
from optimizer.scenario.schema import kpi_scope, share_level

if TYPE_CHECKING:
    from optimizer.model.formulation import Formulation
    from optimizer.scenario.schema import Scenario
    from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Term = Callable[["Formulation"], "tuple[Ints, Ratio]"]


def _units(f: Formulation) -> tuple[Ints, Ratio]:
    """Ordered units, on `ship_qty`."""
    return np.arange(len(f.arcs)), Ratio.of(Exact.ints(f.arcs.step))


def _orders(f: Formulation) -> tuple[Ints, Ratio]:
    """1 for each order in full (measure order)."""
    column, _, amount = f.served()
    return column, Ratio.of(Exact.ints(amount))


def _short_units(f: Formulation) -> tuple[Ints, Ratio]:
    """Units below each soft minimum, on `contract_shortfall`."""
    column = f.variables.shortfall[f.variables.shortfall >= 0]
    return column, Ratio.of(Exact.full(len(column), 1))


TERMS: Mapping[str, tuple[Term, ...]] = {
    "margin": (money.margin,),
    "holding_value": (money.holding_value,),
    "units_allocated": (_units,),
    "orders_served_in_full": (_orders,),
    "contract_shortfall": (_short_units,),
    "shipping_cost": (money.unit_freight, money.shipment_freight, policy.tariff_freight),
    "handling_cost": (money.handling,),
    "opening_cost": (money.opening,),
    "transfer_cost": (policy.transfer_units, policy.transfer_fixed),
    "penalties": (money.shortfall, money.lateness, money.substitution, policy.stability),
}
"""The terms whose sum is the KPI."""


def kpi_columns(f: Formulation, kpi: str) -> Ratio:
    """What one unit of each column adds to the KPI."""
    return money.value_by_column(f) if kpi == OBJECTIVE else money.added(_terms(f, kpi), f.n_cols)


def kpi_entries(f: Formulation, kpi: str) -> tuple[Ints, Ratio]:
    """The columns that add to the KPI, sorted, and what one unit of each adds."""
    if kpi == OBJECTIVE:
        column, ratio = np.arange(f.n_cols), kpi_columns(f, kpi)
    else:  # few columns, in general: they are added up among themselves
        found = _terms(f, kpi)
        column = distinct_codes(np.concatenate([np.zeros(0, dtype=np.int64), *(term[0] for term, _ in found)]))
        own = [((np.searchsorted(column, named), ratio), weight) for (named, ratio), weight in found]
        ratio = money.added(own, len(column))
    stated = np.flatnonzero(ratio.top.num)
    return column[stated], ratio.take(stated)


def _terms(f: Formulation, kpi: str) -> list[tuple[tuple[Ints, Ratio], Decimal]]:
    """The terms that make up a KPI other than the objective, with their weights."""
    name = kpi.partition("[")[0]
    if share_level(kpi):
        found = [(_lowest_fills(f, kpi), Decimal(1))]
    elif name == "service_value":
        found = [(money.service(f), f.stated.service.value)]
    elif name == "weighted_service_level":
        found = [(_service_level(f, kpi_scope(kpi)), Decimal(1))]
    else:
        found = [(term(f), Decimal(1)) for term in TERMS[name]]
    return [(term, weight) for term, weight in found if len(term[0])]


def _lowest_fills(f: Formulation, kpi: str) -> tuple[Ints, Ratio]:
    """Level · level_fill − Σ level_gap: at best the sum of so many of the lowest fills of a group, in wholes."""
    level, group_id = share_level(kpi) or (0, "")
    columns, shares = share_columns(f), f.batch.shares
    group = int(np.flatnonzero(f.tables.fair_share["group_id"] == group_id)[0])
    at = int(np.flatnonzero((columns.group == group) & (columns.level == level))[0])
    column = np.append(columns.fill[at], columns.gap[columns.which == at])
    amount = np.append(level, np.full(len(column) - 1, -1))
    return column, Ratio(Exact.ints(amount), np.full(len(column), max(int(shares.parts[group]), 1)))


def _service_level(f: Formulation, scope: str) -> tuple[Ints, Ratio]:
    """Weight · served / Σ weight · demanded, over the orders in scope."""
    column, order, amount = f.served()
    mine = np.flatnonzero(terms.scope_orders(f.tables, scope)[order])
    most = service_demanded(f.tables, f.scenario, scope) or Fraction(1)
    top = f.order_weight.take(order[mine]) * (amount[mine] * most.denominator)
    return column[mine], Ratio(top, np.full(len(mine), most.numerator, dtype=np.int64))


def service_demanded(tables: Tables, scenario: Scenario, scope: str) -> Fraction:
    """Σ weight · demanded over the orders in scope, in the scenario's measure."""
    measure, member = scenario.service.measure, terms.scope_orders(tables, scope)
    lines = np.asarray(tables.order_lines["qty"]) if measure == "unit" else np.ones(len(tables.order_lines), np.int64)
    amount = np.zeros(len(tables.orders), dtype=np.int64)
    np.add.at(amount, tables.line_order, lines)
    if measure == "order":
        amount = np.minimum(amount, 1)
    return (terms.order_weight(tables, scenario) * amount)[np.flatnonzero(member)].sum()
