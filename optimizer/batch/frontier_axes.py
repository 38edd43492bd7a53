"""The two KPIs of a frontier: which may be asked for, in which direction each is better, and what is no difference."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Literal

import numpy as np

from optimizer.errors import UsageError
from optimizer.model import terms
from optimizer.model.goals import StageRow
from optimizer.model.kpi_rows import service_demanded
from optimizer.report.frontier import AxisWords, Kind
from optimizer.report.words import MINOR_UNITS
from optimizer.scenario.schema import KPIS, SCOPE_KINDS, kpi_scope, kpi_sense
from optimizer.solution.kpi_values import kpi_value
from optimizer.solution.stages import rounded_down

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario
    from optimizer.solution.ledger import Ledger
    from optimizer.tables.tables import Tables

SERVICE_LEVEL = "weighted_service_level"
RATES: Mapping[str, str] = {"unit_fill_rate": "units_allocated", "order_fill_rate": "orders_served_in_full"}
"""Rates that are another KPI divided by what was ordered, the same for every plan."""
COUNTS = frozenset({"units_allocated", "orders_served_in_full", "contract_shortfall"})
LINEAR = (*KPIS, *RATES)
"""What a frontier may be drawn of; a service level also of a scope."""

RATIO = "it divides one sum over the plan by another"
UNCOUNTED = "the model has no column that counts it"
FIXED = "it is the same for every plan, or another KPI with its sign turned"
REASONS: Mapping[str, str] = {
    **dict.fromkeys(("cost_per_order", "inventory_turnover"), RATIO),
    **dict.fromkeys(("line_fill_rate", "otif_rate", "orders_served", "shipments", "split_orders", "partial_orders",
                     "deferred_orders", "late_orders", "contracts_met"), UNCOUNTED),
    **dict.fromkeys(("lateness_cost", "shortfall_cost", "substitution_cost", "stability_cost", "moved_units",
                     "substituted_units", "transferred_units"), "it is a part of the penalties or transfers only"),
    **dict.fromkeys(("backorder_units", "backorder_value", "backorder_lines_without_price", "units_ordered", "orders",
                     "order_lines", "contracts", "warehouse_utilization", "stock_value_before", "stock_value_received",
                     "stock_value_allocated", "stock_value_left", "inventory_to_working_capital",
                     "inventory_to_working_capital_before"), FIXED),
}  # fmt: skip
"""Why a frontier of other KPIs of a run cannot be drawn."""


@dataclass(frozen=True)
class Axis:
    """One KPI of a frontier.

    ``kpi`` is what the model knows of it: value = kpi / ``scale``. ``step`` is the least difference in the value that
    counts. Inside the search every value is turned so that more is better: good = ``sign`` · value.
    """

    name: str
    kpi: str
    kind: Kind
    scale: Fraction
    step: Fraction

    @property
    def sense(self) -> Literal["max", "min"]:
        return kpi_sense(self.kpi)

    @property
    def sign(self) -> int:
        return 1 if self.sense == "max" else -1

    def good(self, ledger: Ledger) -> Fraction:
        """What a plan reaches, turned so that more is better."""
        return self.sign * kpi_value(ledger, self.kpi) / self.scale

    def row(self, good: Fraction) -> StageRow:
        """The row that keeps at least this; a decimal that ends, on the side that asks for less."""
        return StageRow(self.kpi, self.sense, self.sign * rounded_down(good * self.scale))

    def words(self) -> AxisWords:
        """The axis as a report shows it."""
        return AxisWords(self.name, self.kind, self.sense, self.step)


def axis_of(name: str, tables: Tables, scenario: Scenario) -> Axis:
    """The axis of a KPI by its name; raises `UsageError` with the reason and the list where there can be none."""
    kpi = RATES.get(name, name)
    plain, _, scope = name.partition("[")
    if plain not in LINEAR or (scope and (plain != SERVICE_LEVEL or not _is_scope(scope))):
        raise UsageError(f"no frontier of {name!r}: {_reason(plain, scope)}; {_listed()}")
    if kpi == "orders_served_in_full" and scenario.service.measure != "order":
        raise UsageError(f'no frontier of {name!r}: only where service.measure = "order" does the model count it')
    if plain == SERVICE_LEVEL:
        if not terms.scope_orders(tables, kpi_scope(kpi)).any():
            raise UsageError(f"no frontier of {name!r}: no order is in the scope {kpi_scope(kpi)}")
        return Axis(name, kpi, "rate", Fraction(1), _service_step(tables, scenario, kpi_scope(kpi)))
    if name in RATES:
        scale = _ordered(tables, kpi)
        return Axis(name, kpi, "rate", scale, 1 / scale)
    if kpi in COUNTS:
        return Axis(name, kpi, "count", Fraction(1), Fraction(1))
    return Axis(name, kpi, "money", Fraction(1), Fraction(1, 10 ** MINOR_UNITS.get(scenario.currency, 2)))


def axes_of(x: str, y: str, tables: Tables, scenario: Scenario) -> tuple[Axis, Axis]:
    """Both axes; they must be about different things, in a scenario in which one floor changes nothing else."""
    axes = axis_of(x, tables, scenario), axis_of(y, tables, scenario)
    if axes[0].kpi == axes[1].kpi:
        raise UsageError(f"no frontier of {x!r} and {y!r}: they measure the same; name two KPIs that differ")
    if (tables.fair_share["rule"] == "max_min").any():
        raise UsageError(
            "no frontier beside fair shares of the rule max_min: they come before every other goal, so that each point "
            "would share by other rules; use the rule proportional, or leave the table out"
        )
    return axes


def _is_scope(scope: str) -> bool:
    kind, dot, member = scope.removesuffix("]").partition(".")
    return scope.endswith("]") and (scope == "overall]" or bool(dot and member and kind in SCOPE_KINDS))


def _reason(plain: str, scope: str) -> str:
    if scope:
        scopes = ", ".join(f"{kind}.X" for kind in SCOPE_KINDS)
        return f"only {SERVICE_LEVEL} has scopes, which are overall, {scopes}"
    near = difflib.get_close_matches(plain, [*LINEAR, *REASONS], n=1)
    unknown = "there is no such KPI" + (f"; did you mean {near[0]!r}?" if near else "")
    return f"it is not linear in the plan, {REASONS[plain]}" if plain in REASONS else unknown


def _listed() -> str:
    return f"a frontier can be drawn of {', '.join(LINEAR)} and {SERVICE_LEVEL}[SCOPE]"


def _ordered(tables: Tables, kpi: str) -> Fraction:
    """The denominator of a fill rate: units ordered, or orders that have lines; 1 where nobody ordered."""
    if kpi == "units_allocated":
        return Fraction(max(int(np.asarray(tables.order_lines["qty"]).sum()), 1))
    return Fraction(max(len(np.unique(tables.line_order)), 1))


def _service_step(tables: Tables, scenario: Scenario, scope: str) -> Fraction:
    """The greatest common divisor of what one unit (line, order) adds to the level, over the orders in scope."""
    demanded = service_demanded(tables, scenario, scope)
    weight = terms.order_weight(tables, scenario)[np.flatnonzero(terms.scope_orders(tables, scope))]
    common = gcd(*np.unique(weight.num).tolist())
    return Fraction(common, 10**weight.scale) / demanded if demanded and common else Fraction(1)
