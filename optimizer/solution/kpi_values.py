"""What a plan reaches of a KPI that a stage or a floor of the objective is about, exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from optimizer.model import terms
from optimizer.model.goals import OBJECTIVE
from optimizer.scenario.schema import kpi_scope, share_level
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_terms, objective_value


def kpi_value(ledger: Ledger, kpi: str) -> Fraction:
    """The KPI in its own unit: money, units, orders; a service level is a rate (0 where nobody ordered)."""
    name = kpi.partition("[")[0]
    if share := share_level(kpi):
        return lowest_fills(ledger, *share)
    if name == OBJECTIVE:
        return objective_value(ledger.tables, ledger.scenario, ledger.plan)
    if name == "weighted_service_level":
        return service_level(ledger, kpi_scope(kpi))
    if name == "units_allocated":
        return Fraction(int(ledger.allocated.sum()))
    if name == "orders_served_in_full":
        return Fraction(int(ledger.order_full.sum()))
    if name == "contract_shortfall":
        return Fraction(int(ledger.contracts.shortfall.sum()))
    return objective_terms(ledger)[name]


def lowest_fills(ledger: Ledger, level: int, group_id: str) -> Fraction:
    """The sum of so many of the lowest fills of a group of `fair_share`."""
    group = int(np.flatnonzero(ledger.tables.fair_share["group_id"] == group_id)[0])
    return sum(sorted(ledger.batch.shares.fills(group, ledger.allocated))[:level], Fraction(0))


def service_level(ledger: Ledger, scope: str) -> Fraction:
    """Σ weight · served / Σ weight · demanded of the orders in scope."""
    by_order = ledger.scenario.service.measure == "order"
    member = terms.scope_orders(ledger.tables, scope)
    place = np.flatnonzero(member if by_order else member[ledger.tables.line_order])
    demanded = ledger.demanded[place].sum()
    return ledger.served[place].sum() / demanded if demanded else Fraction(0)
