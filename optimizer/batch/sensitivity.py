"""`allot sensitivity`: what steps of the scarcest stock, capacities, lanes and contracts are worth to a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from optimizer.batch.compare_run import VALUE, read_run
from optimizer.errors import UsageError
from optimizer.model.build import Model, build_model
from optimizer.model.goals import StageRow
from optimizer.proof.verdict import read_inputs
from optimizer.report import jsonx, words
from optimizer.report.compare import table_of
from optimizer.report.compare_write import Findings, target_of, write_findings
from optimizer.report.price_words import subject
from optimizer.report.sensitivity_html import render
from optimizer.report.sensitivity_rows import SteppedSubject, best_buy, text
from optimizer.solution.metrics import objective_value
from optimizer.solution.plan import Plan
from optimizer.solution.price_steps import StepEffort, step_prices
from optimizer.tables.tables import Table
from optimizer.warm_start import read_plan

KIND = "sensitivity"
DECIMALS = 6
"""Decimals of changes: they are differences of doubles."""


@dataclass(frozen=True)
class PublishedPlan:
    """A run folder's plan, read back to the digit, in the model of its inputs."""

    run: dict[str, Any]
    model: Model
    plan: Plan


def published(folder: Path, inputs: Path | None) -> PublishedPlan:
    """Raises `UsageError` where the folder holds no plan, `VerificationError` where the inputs are not its own."""
    run = dict(read_run(folder))
    _, tables, scenario = read_inputs(folder, inputs)
    certificate = folder / "certificate.json"
    told = json.loads(certificate.read_bytes(), parse_float=Decimal) if certificate.is_file() else {}
    stages = tuple(
        StageRow(row["kpi"], row["sense"], Fraction(Decimal(str(row["kept"])))) for row in told.get("stages") or ()
    )
    model = build_model(tables, scenario, 0, stages or None)
    plan = read_plan(model, folder)
    value = objective_value(tables, scenario, plan)
    if value != Fraction(run[VALUE]):
        raise UsageError(f"the plan of {folder} cannot be read back: it is worth {float(value)}, not {run[VALUE]}")
    return PublishedPlan(run, model, plan)


def sensitivity(
    folder: Path,
    *,
    rows: int = 3,
    time_limit: float = 60.0,
    inputs: Path | None = None,
    out: Path | None = None,
    as_json: bool = False,
    observe: Callable[[str], None] = lambda line: None,
) -> str:
    """The steps as text (or JSON), after their folder was written where ``out`` asks for one."""
    if out is not None:
        target_of(out, KIND)  # before anything is solved
    found = published(folder, inputs)
    settings = found.model.scenario.solve
    observe("re-solving the rows with most money at stake, a search for each size of step")
    effort = StepEffort(rows, time_limit, settings.threads, settings.memory_limit_mb)
    stepped = [
        SteppedSubject(subject({"family": row.family, **row.keys}), row)
        for row in step_prices(found.model, found.plan, effort)
    ]
    currency = found.model.scenario.currency
    if out is not None:
        write_findings(_findings(found, stepped), out)
    return jsonx.dumps(facts(found, stepped)).rstrip() if as_json else text(stepped, currency)


COLUMNS = {
    "group": "text", "subject": "text", "family": "text", "unit": "text", "limit": "decimal", "used": "decimal",
    "price": "decimal", "step": "text", "units": "int", "change": "decimal", "per_unit": "decimal",
    "at_most": "decimal", "basis": "text",
}  # fmt: skip


def steps_table(stepped: list[SteppedSubject]) -> Table:
    """A row for each step of each limit."""
    rows = []
    for each in stepped:
        row = each.row
        for step in row.steps:
            change = _exact(step.change)
            per_unit = None if change is None else change / step.units
            rows.append(
                (row.group, each.subject, row.family, row.unit, row.rhs, row.used, _exact(row.price), step.name,
                 step.units, change, per_unit, _exact(step.at_most), step.basis)
            )  # fmt: skip
    return table_of("steps", COLUMNS, rows)


def _exact(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(round(value * 10**DECIMALS), 10**DECIMALS)


def facts(found: PublishedPlan, stepped: list[SteppedSubject]) -> dict[str, Any]:
    """The steps as JSON holds them."""
    return {
        "run_id": found.run["run_id"],
        "rows": [
            {
                "group": each.row.group,
                "subject": each.subject,
                "family": each.row.family,
                "unit": each.row.unit,
                "limit": each.row.rhs,
                "used": each.row.used,
                "price": _exact(each.row.price),
                "steps": [
                    {
                        "step": step.name,
                        "units": step.units,
                        "change": _exact(step.change),
                        "at_most": _exact(step.at_most),
                        "basis": step.basis,
                    }
                    for step in each.row.steps
                ],
            }
            for each in stepped
        ],
    }


def _findings(found: PublishedPlan, stepped: list[SteppedSubject]) -> Findings:
    scenario = found.model.scenario
    buys = [best_buy(each, scenario.currency) for each in stepped]
    opening = f"{words.plural(len(stepped), 'limit')} of {found.run['run_id']}, stepped"
    as_of: date = scenario.as_of
    return Findings(
        kind=KIND,
        title=f"Sensitivity of {scenario.name}",
        currency=scenario.currency,
        as_of=as_of,
        lines=[opening, *filter(None, buys)],
        facts=facts(found, stepped),
        tables={"steps": steps_table(stepped)},
        page=render(stepped, scenario, str(found.run["run_id"])),
    )
