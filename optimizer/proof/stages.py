"""Floors and earlier stages of the objective: KPIs that a plan keeps, and what their prices add to the objective.

A row says sign · KPI ≥ sign · kept (sign −1 for a KPI to be kept low). Its price π ≤ 0 pays −π · sign for each unit of
the KPI, and every KPI is linear in what is counted anyway: the price only changes what those counts are worth. A stage
of fair shares counts nothing that earns money; its price goes into the blocks of its group (`share_blocks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.facts import Facts
from optimizer.proof.rates import COSTS, GAINS, Rates
from optimizer.proof.scope import floor_members
from optimizer.scenario.schema import kpi_scope

if TYPE_CHECKING:
    from optimizer.proof.tally import Tally

Flags = NDArray[np.bool_]

PENALTIES = ("lateness", "shortfall", "substitution", "stability")
TERMS: dict[str, tuple[str, ...]] = {
    "margin": ("margin",),
    "service_value": ("service",),
    "holding_value": ("holding",),
    "units_allocated": ("units",),
    "contract_shortfall": ("short_units",),
    "shipping_cost": ("freight",),
    "handling_cost": ("handling",),
    "opening_cost": ("opening",),
    "transfer_cost": ("transfer",),
    "penalties": PENALTIES,
}
"""The rates whose terms add up to the KPI."""


@dataclass(frozen=True)
class StageRow:
    """One row: the KPI, whether it is kept high (sign 1) or low (−1), and at least (at most) what."""

    kpi: str
    sign: int
    kept: Fraction

    @property
    def name(self) -> str:
        """The KPI without its scope."""
        return self.kpi.partition("[")[0]


def read_stages(facts: Facts, certificate: Mapping[str, Any]) -> tuple[StageRow, ...]:
    """The rows that a certificate states: the scenario's floors, then stages of fair shares and its own, in order."""
    stated = certificate.get("stages") or []
    if not isinstance(stated, list):
        raise VerificationError("certificate.json: 'stages' is not a list")
    rows = tuple(_row(number, entry) for number, entry in enumerate(stated, start=1))
    objective = facts.scenario.objective
    floors = [
        StageRow(floor.kpi, 1, Fraction(floor.min))
        if floor.min is not None
        else StageRow(floor.kpi, -1, Fraction(floor.max or 0))
        for floor in objective.floors
    ]
    goals = [(kpi, 1) for kpi in facts.shares.goals]
    goals += [(stage.kpi, 1 if stage.sense == "max" else -1) for stage in objective.stages]
    goals += [(kpi, sign) for kpi, sign in ((objective.maximize, 1), (objective.minimize, -1)) if kpi is not None]
    if list(rows[: len(floors)]) != floors:
        raise VerificationError("certificate.json: 'stages' does not begin with the floors of the scenario")
    rest = iter(goals)
    if not all((row.kpi, row.sign) in rest for row in rows[len(floors) :]):
        raise VerificationError("certificate.json: 'stages' holds a row that is no stage of the scenario, in its place")
    return rows


def _row(number: int, entry: Any) -> StageRow:
    try:
        if str(entry["stage"]) != str(number) or entry["sense"] not in ("max", "min"):
            raise ValueError
        kept = Decimal(str(entry["kept"]))
        if not kept.is_finite():
            raise ValueError
        return StageRow(str(entry["kpi"]), 1 if entry["sense"] == "max" else -1, Fraction(kept))
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise VerificationError(f"certificate.json: stages: {entry!r} is not as it must be") from None


# -- what a plan reaches -----------------------------------------------------------------------------------------
def kpi_of(tally: Tally, kpi: str) -> Fraction:
    """The KPI in its own unit: money, units, orders, fills; a service level is a rate, 0 where nobody ordered."""
    name = kpi.partition("[")[0]
    if name == "fair_share":
        group, level = tally.facts.shares.goals[kpi]
        return tally.fills[group].of_worst(level)
    if name == "objective":
        return tally.objective
    if name == "weighted_service_level":
        members, demanded = scope_of(tally.facts, kpi)
        served = (tally.facts.service_weight * tally.served * members).sum()
        return served / demanded if demanded else Fraction(0)
    if name == "orders_served_in_full":
        return Fraction(int(np.count_nonzero(tally.full_order)))
    if name == "units_allocated":
        return Fraction(int(tally.allocated.sum()))
    return Fraction(int(tally.shortfall.sum())) if name == "contract_shortfall" else tally.terms[name]


def scope_of(facts: Facts, kpi: str) -> tuple[Flags, Fraction]:
    """The orders of a service level, and Σ weight · demanded over them."""
    members = floor_members(facts.tables, kpi_scope(kpi))
    return members, (facts.service_weight * facts.demanded * members).sum()


# -- what prices change ------------------------------------------------------------------------------------------
def shifted_rates(rates: Rates, rows: tuple[StageRow, ...], prices: list[Fraction]) -> Rates:
    """What the terms count once each priced row pays for its KPI."""
    own = rates
    for row, price in zip(rows, prices, strict=True):
        paid = -price * row.sign
        if row.name == "objective":
            amounts = {name: paid * getattr(own, name) for name in (*GAINS, *COSTS)}
        else:
            amounts = {name: paid if name in GAINS else -paid for name in TERMS.get(row.name, ())}
        rates = rates.shifted(amounts)
    if min(getattr(rates, name) for name in COSTS if name != "handling") < 0:
        raise VerificationError("certificate.json: the price of a stage makes a cost worth having")
    return rates


def service_paid(facts: Facts, rows: tuple[StageRow, ...], prices: list[Fraction]) -> list[tuple[Flags, Fraction]]:
    """(orders, money per weighted unit, line or order served) of each priced service level."""
    found = []
    for row, price in zip(rows, prices, strict=True):
        if row.name == "weighted_service_level" and price:
            members, demanded = scope_of(facts, row.kpi)
            found.append((members, -price * row.sign / demanded if demanded else Fraction(0)))
    return found


def full_paid(rows: tuple[StageRow, ...], prices: list[Fraction]) -> Fraction:
    """Money for each order in full."""
    paid = [-price * row.sign for row, price in zip(rows, prices, strict=True) if row.name == "orders_served_in_full"]
    return sum(paid, Fraction(0))


def stage_values(tally: Tally, rows: tuple[StageRow, ...]) -> Exact:
    """Sign · KPI of each row."""
    return Exact.of(row.sign * kpi_of(tally, row.kpi) for row in rows)
