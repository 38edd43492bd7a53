"""Random plans that keep (or break) the rules, by a search that knows nothing of the product, and their run folders."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.proof import bound_text, certified_bound
from optimizer.proof.kpis import TINY
from optimizer.report.bundle import RunBundle
from optimizer.report.write import stage
from optimizer.scenario.schema import Scenario
from optimizer.solution.metrics import kpis, objective_value
from optimizer.solution.outputs import plan_tables
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table, Tables
from tests.brute_force import Batch, close, combine, limits_of, line_plans, score
from tests.instances import Case
from tests.proof.cases import random_prices
from tests.typed_cases import typed

Chosen = dict[tuple[str, str], dict[tuple[str, str], int]]
"""(order, line) → (warehouse, service) → units."""


def random_plan(case: Case, rng: random.Random, tries: int = 30) -> tuple[Chosen, Fraction] | None:
    """A plan that keeps every rule, and its value; None if luck does not find one."""
    batch = Batch(case)
    limits = limits_of(batch)
    for _ in range(tries):
        chosen: Chosen = {}
        states: dict[Any, Fraction] = {(): Fraction(0)}
        for order in rng.sample(sorted(batch.orders), len(batch.orders)):
            states = _append(batch, order, chosen, states, limits, rng)
            if not states:
                break
        for used, money in states.items():
            closing = close(batch, dict(used))
            if closing is not None:
                return chosen, money - closing
    return None


def _append(batch: Batch, order: str, chosen: Chosen, states: Any, limits: Any, rng: random.Random) -> Any:
    """One order's plan of a few drawn at random, the one that ships most and fits; no states if none fits."""
    lines, row = batch.lines(order), batch.orders[order]
    options = list(itertools.islice(itertools.product(*(line_plans(batch, line) for line in lines)), 5000))
    rng.shuffle(options)
    options.sort(key=lambda plans: -sum(sum(plan.values()) for plan in plans) * rng.choice([0, 1, 1]))
    for plans in options:
        full = [sum(plan.values()) == line["qty"] for plan, line in zip(plans, lines, strict=True)]
        shipments = {key for plan in plans for key in plan}
        if row.get("delivery_policy") == "order_complete" and any(plans) and not all(full):
            continue
        if row.get("max_shipments") is not None and len(shipments) > row["max_shipments"]:
            continue
        money, used = score(batch, order, lines, plans, full, shipments)
        after = combine(states, [(money, tuple(used.items()))], limits)
        if after:
            chosen |= {(order, line["line_id"]): plan for line, plan in zip(lines, plans, strict=True)}
            return after
    return {}


def as_plan(tables: Tables, chosen: Chosen) -> Plan:
    """The chosen quantities as positions in the tables."""
    lines, lanes = tables.order_lines, tables.lanes
    line_of = {key: at for at, key in enumerate(zip(lines["order_id"], lines["line_id"], strict=True))}
    lane_of = {
        key: at for at, key in enumerate(zip(lanes["warehouse_id"], lanes["zone_id"], lanes["service_id"], strict=True))
    }
    zone = dict(zip(tables.orders["order_id"], tables.orders["zone_id"], strict=True))
    rows = [
        (line_of[key], lane_of[warehouse, zone[key[0]], service], qty)
        for key, shipped in chosen.items()
        for (warehouse, service), qty in shipped.items()
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Plan.of(columns[0], columns[1], columns[2])


@dataclass(frozen=True)
class Folder:
    """A staged run folder and the inputs it was made from."""

    path: Path
    tables: Tables
    scenario: Scenario


def write_run(case: Case, chosen: Chosen, rng: random.Random, target: Path, fmt: str = "csv") -> Folder:
    """The run folder of a plan, by the product's own writers, with random prices."""
    tables, scenario = typed(case)
    return write_plan(tables, scenario, as_plan(tables, chosen), random_prices(case, rng), target, fmt)


def write_plan(
    tables: Tables,
    scenario: Scenario,
    plan: Plan,
    certificate: dict[str, Any],
    target: Path,
    fmt: str = "csv",
    stages: Sequence[dict[str, Any]] = (),
) -> Folder:
    value, bound = objective_value(tables, scenario, plan), certified_bound(tables, scenario, certificate)
    claimed = math.ceil(bound) + 1  # as an engine states it: a decimal that ends
    run = {
        "schema_version": 1,
        "run_id": "test",
        "scenario": {"name": scenario.name, "currency": scenario.currency},
        "objective_value": value,
        "best_bound": claimed,
        "rel_gap": (claimed - value) / max(abs(value), TINY),
        "certified_bound": bound,
        "certified_gap": (bound - value) / max(abs(value), TINY),
        "stages": list(stages),
        "kpis": kpis(tables, scenario, plan),
        "inputs": [{"table": s.table, "rows": s.rows, "digest": s.digest} for s in tables.sources],
    }
    made = plan_tables(tables, scenario, plan) | {
        "shadow_prices": no_prices(),
        "shorts": short_lines(tables, plan),
        "exceptions": no_rows("exceptions"),
        "replenishment": no_rows("replenishment"),
    }
    made["contracts"] = with_prices(made["contracts"], certificate)
    certificate = {**certificate, "certified_bound": bound_text(bound)}
    bundle = RunBundle(run, {}, tables, scenario, plan=plan, tables=made, certificate=certificate)
    staged = stage(bundle, target, fmt)
    return Folder(staged.path, tables, scenario)


def with_prices(contracts: Table, certificate: dict[str, Any]) -> Table:
    """contracts.csv with the price of each contract: that of its minimum and that of its quota together."""
    from optimizer.exact import Exact

    total: dict[str, Fraction] = {}
    for family in ("contract_minimum", "contract_quota"):
        for key, price in certificate["prices"].get(family, {"rows": []})["rows"]:
            total[key] = total.get(key, Fraction(0)) + Fraction(price)
    prices = Exact.of(total.get(key, Fraction(0)) for key in contracts["contract_id"])
    return Table("contracts", {**contracts.columns, "shadow_price": prices})


def short_lines(tables: Tables, plan: Plan) -> Table:
    """shorts.csv with its quantities; the reasons are blank (advice, and only defined for valid plans)."""
    lines = tables.order_lines
    allocated = np.zeros(len(lines), dtype=np.int64)
    np.add.at(allocated, plan.line, plan.qty)
    short = np.flatnonzero(allocated != lines["qty"])
    blank = np.full(len(short), "", dtype=object)
    columns = {name: lines[name][short] for name in ("order_id", "line_id", "product_id")}
    columns |= {"ordered_qty": lines["qty"][short], "allocated_qty": allocated[short]}
    columns |= {"short_qty": lines["qty"][short] - allocated[short]}
    return Table("shorts", {**columns, **dict.fromkeys(("reason", "detail", "taken_by", "least_change"), blank)})


def no_rows(name: str) -> Table:
    """A table of advice without rows."""
    return Table(name, {"code": np.zeros(0, dtype=object)})


def no_prices() -> Table:
    """shadow_prices.csv without rows."""
    nothing = np.zeros(0, dtype=object)
    return Table("shadow_prices", dict.fromkeys(("family", "rhs", "used", "slack", "price"), nothing))
