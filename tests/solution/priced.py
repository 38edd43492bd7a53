"""Batches solved to the end and priced, and the truth about one unit more or fewer by exhaustive search."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from optimizer.engines.base import solve
from optimizer.engines.resolve import RowEffort
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.prices import Prices, price_plan
from optimizer.solution.prices_table import ID_COLUMNS
from optimizer.tables.tables import Tables
from tests.brute_force import Batch
from tests.builders import make_scenario, make_tables
from tests.instances import Case

ENDLESS = 10**9
EFFORTS: dict[str, RowEffort | None] = {
    "as delivered": None,
    "fixed shipments": RowEffort(20, global_work=0, local_columns=0, fixed_columns=0),
    "fixed shipments, whole programs": RowEffort(20, global_work=0, work_base=ENDLESS, most_work=ENDLESS),
    "local": RowEffort(20, global_work=ENDLESS, local_columns=6, work_base=ENDLESS, most_work=ENDLESS),
    "global": RowEffort(20, global_work=ENDLESS, work_base=ENDLESS, most_work=ENDLESS),
}
"""Ways to make one kind of re-solve answer, whatever the size of the model."""


@dataclass(frozen=True)
class Solved:
    """An optimal plan with its value and its prices."""

    model: Model
    plan: Plan
    value: Fraction
    prices: Prices

    def rows(self) -> Iterator[Row]:
        table = self.prices.shadow_prices
        return (Row(self, position) for position in range(len(table)))

    def row(self, family: str, *key: str) -> Row:
        return next(row for row in self.rows() if row.family == family and row.key == key)


@dataclass(frozen=True)
class Row:
    """One row of `shadow_prices`."""

    of: Solved
    position: int

    def __getitem__(self, column: str) -> Any:
        """Text as it is, numbers as fractions, None where blank."""
        table = self.of.prices.shadow_prices
        if not table.given(column)[self.position]:
            return None
        values = table[column]
        return values.item(self.position) if hasattr(values, "fractions") else values[self.position]

    @property
    def family(self) -> str:
        return str(self["family"])

    @property
    def key(self) -> tuple[str, ...]:
        """The ids of the row; its date, which is `as_of` in every batch here, left out."""
        return tuple(self[column] for column in ID_COLUMNS if self[column] and column != "date")


def best_plan(tables: Tables, scenario: Scenario) -> tuple[Model, Plan, Fraction]:
    model = build_model(tables, scenario)
    result = solve(model.linear, "highs", SolveOptions(gap=0.0, time_limit_s=30))
    assert result.values is not None, result.termination
    plan = plan_from_values(model, result.values)
    return model, plan, objective_value(tables, scenario, plan)


def priced(tables: Tables, scenario: Scenario, effort: RowEffort | None = None, **options: Any) -> Solved:
    model, plan, value = best_plan(tables, scenario)
    prices = price_plan(model, plan, effort=effort, **({"time_limit_s": 20} | options))
    return Solved(model, plan, value, prices)


def priced_case(tables: dict[str, Any], effort: RowEffort | None = None, **settings: Any) -> Solved:
    scenario = make_scenario(**settings)
    return priced(make_tables(scenario, **tables), scenario, effort)


def with_one(case: Case, row: Row, step: int) -> Case | None:
    """The case with the row's right-hand side moved by ``step`` units; None where the tables cannot say that."""
    case = copy.deepcopy(case)
    tables = case["tables"]
    if row.family == "warehouse_stock":
        stock = next(r for r in tables["stock"] if (r["warehouse_id"], r["product_id"]) == row.key)
        kept = stock.get("reserved_qty", 0) + stock.get("safety_stock_qty", 0)
        stock["on_hand_qty"] = int(row["rhs"]) + step + kept
        return case if row["rhs"] + step >= 0 else None
    if row.family == "service_floor":
        return None
    if row.family.startswith("contract_"):
        rule = next(r for r in tables["contracts"] if r["contract_id"] == row.key[0])
        return _with_contract(case, rule, row.family, step)
    place, _, unit = row.family.partition("_capacity_")
    names = ("warehouse_id",) if place == "warehouse" else ("warehouse_id", "zone_id", "service_id")
    owner = next(r for r in tables[f"{place}s"] if tuple(r[name] for name in names) == row.key)
    owner[f"capacity_{unit}"] += step
    return case if owner[f"capacity_{unit}"] >= 0 else None


def _with_contract(case: Case, rule: dict[str, Any], family: str, step: int) -> Case | None:
    if family == "contract_quota":
        rule["max_qty"] += step
        return case if rule["max_qty"] >= 0 else None
    batch = Batch(case)
    ordered = sum(line["qty"] for line in case["tables"]["order_lines"] if batch.in_scope(rule, line))
    share = math.ceil(Fraction(rule.pop("min_fill_rate", 0)) * ordered)
    rule["min_qty"] = min(max(rule.get("min_qty") or 0, share), ordered) + step
    return case if 0 <= rule["min_qty"] <= ordered else None
