"""Rules lowered by name, as a repair states them: the tables and the scenario that a softened run was planned by.

A repair is ``{rule, id, keys, from, to}``: ``contract_minimum`` (keys contract_id; units owed), ``pins`` (the key
columns of pins; units), ``service_floor`` (scope; a level between 0 and 1), ``objective_stage`` (stage, the number of a
floor of [objective]; in the unit of its KPI), ``frozen`` (order_id; 0: no longer frozen).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import VerificationError
from optimizer.tables.tables import Table, Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Repair = Mapping[str, Any]


def soften(tables: Tables, scenario: Scenario, repairs: Iterable[Repair]) -> tuple[Tables, Scenario]:
    """The inputs with each rule at what its repair lowers it to; `VerificationError` for a rule that is not there."""
    for repair in repairs:
        keys = repair.get("keys")
        if repair.get("rule") not in _LOWERED or not isinstance(keys, Mapping):
            raise VerificationError(f"softened: no rule of this name can be lowered: {repair.get('rule')!r}")
        tables, scenario = _LOWERED[repair["rule"]](tables, scenario, keys, Decimal(str(repair["to"])))
    return tables, scenario


def soften_log(repairs: Iterable[Repair]) -> list[dict[str, Any]]:
    """The repairs as entries of the log of changes, old -> new."""
    entries = []
    for repair in repairs:
        path = _PATHS[repair["rule"]].format(**repair["keys"])
        table, _, column = path.partition(".")
        in_table = repair["rule"] in ("contract_minimum", "pins", "frozen")
        where = {"table": table, "column": column, "where": repair["keys"]} if in_table else {}
        old, new = ("true", "false") if repair["rule"] == "frozen" else (str(repair["from"]), str(repair["to"]))
        entries.append({"path": path, **where, "old": old, "new": new, "rows": 1, "from": "--soften"})
    return entries


_PATHS = {
    "contract_minimum": "contracts.min_qty",
    "pins": "pins.qty",
    "service_floor": "service.min_level.{scope}",
    "objective_stage": "objective.floors.{stage}",
    "frozen": "orders.frozen",
}


def _row(table: Table, keys: Mapping[str, str]) -> int:
    """The position of the one row with these keys."""
    match = np.ones(len(table), dtype=bool)
    for name, value in keys.items():
        match &= np.asarray(table[name] == value)
    rows = np.flatnonzero(match)
    if len(rows) != 1:
        named = ", ".join(f"{name} {value}" for name, value in keys.items())
        raise VerificationError(f"softened: {table.name} has {len(rows)} rows with {named}")
    return int(rows[0])


def _with_cell(table: Table, row: int, column: str, value: int | None) -> Table:
    """The table with one whole number in place of another, or blank (a default of 0)."""
    values, given = table[column], table.given(column).copy()
    given[row] = value is not None
    changed = values.where(given, 0) if not isinstance(values, np.ndarray) else values.copy()
    if isinstance(changed, np.ndarray):
        changed[row] = value or 0
    return replace(table, columns={**table.columns, column: changed}, filled={**table.filled, column: given})


def _contract(tables: Tables, scenario: Scenario, keys: Mapping[str, str], to: Decimal) -> tuple[Tables, Scenario]:
    """A minimum of so many units, however it was stated."""
    row = _row(tables.contracts, keys)
    contracts = _with_cell(_with_cell(tables.contracts, row, "min_qty", int(to)), row, "min_fill_rate", None)
    return tables.replace(contracts=contracts), scenario


def _pin(tables: Tables, scenario: Scenario, keys: Mapping[str, str], to: Decimal) -> tuple[Tables, Scenario]:
    return tables.replace(pins=_with_cell(tables.pins, _row(tables.pins, keys), "qty", int(to))), scenario


def _floor(tables: Tables, scenario: Scenario, keys: Mapping[str, str], to: Decimal) -> tuple[Tables, Scenario]:
    levels = {**scenario.service.min_level, keys["scope"]: to}
    service = scenario.service.model_copy(update={"min_level": levels})
    return tables, scenario.model_copy(update={"service": service})


def _goal(tables: Tables, scenario: Scenario, keys: Mapping[str, str], to: Decimal) -> tuple[Tables, Scenario]:
    """A floor of the objective: a minimum lowered, or a maximum raised."""
    floors, number = list(scenario.objective.floors), int(keys["stage"])
    if not 1 <= number <= len(floors):
        raise VerificationError(f"softened: [objective] has no floor {number}")
    floor = floors[number - 1]
    floors[number - 1] = floor.model_copy(update={"min": to} if floor.min is not None else {"max": to})
    objective = scenario.objective.model_copy(update={"floors": tuple(floors)})
    return tables, scenario.model_copy(update={"objective": objective})


def _let_go(tables: Tables, scenario: Scenario, keys: Mapping[str, str], to: Decimal) -> tuple[Tables, Scenario]:
    """An order that is frozen no more."""
    orders = tables.orders
    frozen = np.asarray(orders["frozen"]).copy()
    frozen[_row(orders, keys)] = bool(to)
    return tables.replace(orders=replace(orders, columns={**orders.columns, "frozen": frozen})), scenario


_LOWERED = {
    "contract_minimum": _contract,
    "pins": _pin,
    "service_floor": _floor,
    "objective_stage": _goal,
    "frozen": _let_go,
}
