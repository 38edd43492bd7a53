"""The files of a run folder against what they must say, cell by cell and figure by figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.errors import VerificationError
from optimizer.exact import Exact, decimal_text
from optimizer.proof.attribution import Attribution, uses
from optimizer.proof.bound import Bound
from optimizer.proof.expected import expected_tables
from optimizer.proof.failures import Findings
from optimizer.proof.kpis import TINY, Figure, expected_kpis
from optimizer.proof.priced_rows import AT_LEAST, KEYS, LINKS, PricedRows
from optimizer.proof.rule_result import RuleResult, judge
from optimizer.proof.run_files import Columns, expected_texts, is_number, read_rows, table_path, unguard
from optimizer.proof.stages import kpi_of, stage_values
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Table

PLACES = 12
"""Decimals in shadow_prices of what the plan reaches of a stage's KPI, and of how far a party is off its share."""

ADVICE = {
    "orders": ("status", "alternate_warehouse", "home_warehouse_id"),
    "shorts": ("reason", "detail", "taken_by", "least_change"),
    "contracts": ("shadow_price",),
}
"""Columns that these tables have beyond those compared here."""


def check_tables(tally: Tally, run_dir: Path, findings: Findings) -> list[RuleResult]:
    """Every table whose cells follow from inputs and plan."""
    return [_check_table(table, run_dir, findings) for table in expected_tables(tally)]


def _check_table(table: Table, run_dir: Path, findings: Findings) -> RuleResult:
    path = table_path(run_dir, table.name)
    guarded, wrong, rows, first = path.suffix == ".csv", 0, 0, ""
    names = [*table.columns, *table.extra]
    for start, columns in read_rows(path):
        wrong += (
            _check_header(path.name, names, ADVICE.get(table.name, ()), list(columns), findings) if not start else 0
        )
        size = len(next(iter(columns.values())))
        part = slice(start, min(start + size, len(table)))
        for name in names:
            found = columns.get(name, [])
            expected = expected_texts(table, name, part, guarded)
            different = findings.compare(path.name, start, name, found[: len(expected)], expected)
            first = first or (f"{path.name} {name}" if different else "")
            wrong += different
        rows = start + size
    if rows != len(table):
        findings.add(path.name, min(rows, len(table)) + 2, "", f"{rows} rows", f"{len(table)} rows")
        wrong += 1
    return RuleResult(f"{table.name}_table", max(rows, len(table)), Fraction(wrong), first or path.name)


def _check_header(file: str, names: list[str], more: tuple[str, ...], found: list[str], findings: Findings) -> int:
    missing = [name for name in [*names, *more] if name not in found]
    strange = [name for name in found if name not in names and name not in more]
    for name in missing:
        findings.add(file, 1, name, "no such column", "the column")
    for name in strange:
        findings.add(file, 1, name, "a column", "no column of this name")
    return len(missing) + len(strange)


# -- prices ----------------------------------------------------------------------------------------------------
def check_prices(tally: Tally, bound: Bound, run_dir: Path, findings: Findings) -> list[RuleResult]:
    """shadow_prices: price as in the certificate, right-hand side, use and slack as they are; contracts' prices too."""
    path = table_path(run_dir, "shadow_prices")
    before, count = findings.count, 0
    rows = PricedRows(tally.facts, bound.book.stages)
    for start, columns in read_rows(path):
        for name in ("family", "rhs", "used", "slack", "price"):
            if name not in columns:
                raise VerificationError(f"{path.name}: no column {name!r}")
        guarded = path.suffix == ".csv"
        for family in dict.fromkeys(columns["family"]):
            which = [at for at, value in enumerate(columns["family"]) if value == family]
            if family not in KEYS or family in LINKS:
                findings.add(
                    path.name, start + which[0] + 2, "family", family, "a family of rows with a right-hand side"
                )
                continue
            part = {name: [cells[at] for at in which] for name, cells in columns.items()}
            _check_family(tally, bound, rows, family, part, (path.name, start, which), guarded, findings)
        count += len(columns["family"])
    result = RuleResult("shadow_prices_table", count, Fraction(findings.count - before), path.name)
    return [result, _contract_prices(tally, bound, run_dir, findings)]


def _check_family(
    tally: Tally,
    bound: Bound,
    rows: PricedRows,
    family: str,
    part: Columns,
    place: tuple[str, int, list[int]],
    guarded: bool,
    findings: Findings,
) -> None:
    file, start, which = place
    keys = list(zip(*(unguard(part.get(name, [""] * len(which)), guarded) for name in KEYS[family]), strict=True))
    row, rhs, _ = rows.find(family, keys)
    unknown = np.flatnonzero(row < 0)
    for at in unknown.tolist():
        findings.add(file, start + which[at] + 2, KEYS[family][0], " ".join(keys[at]), f"a row of {family}")
    if len(unknown):
        return
    used = _shown(tally, bound, family).take(row)
    slack = used - rhs if family in AT_LEAST else rhs - used
    priced = bound.shown[family]
    price = priced.price.sum_by(priced.row, int(max(row.max(initial=-1), priced.row.max(initial=-1))) + 1).take(row)
    for name, expected in (("rhs", rhs), ("used", used), ("slack", slack), ("price", price)):
        for at, (found, wanted) in enumerate(zip(part[name], expected.texts(), strict=True)):
            if found != wanted:
                findings.add(file, start + which[at] + 2, name, found, wanted)


def _shown(tally: Tally, bound: Bound, family: str) -> Exact:
    """What the plan uses of each row of a family; sign · KPI and shares at the decimals shown, rounded down."""
    used = stage_values(tally, bound.book.stages) if family == "objective_stage" else uses(tally, family)
    if family not in ("objective_stage", "fair_share"):
        return used
    return Exact.of(Fraction(math.floor(value * 10**PLACES), 10**PLACES) for value in used.fractions())


def _contract_prices(tally: Tally, bound: Bound, run_dir: Path, findings: Findings) -> RuleResult:
    """The price of a contract: that of its minimum and that of its quota together, or blank if it was not priced."""
    path, size = table_path(run_dir, "contracts"), len(tally.facts.tables.contracts)
    price = bound.shown.spread("contract_minimum", size) + bound.shown.spread("contract_quota", size)
    expected, before = price.texts(), findings.count
    for start, columns in read_rows(path):
        for at, found in enumerate(columns.get("shadow_price", [])):
            wanted = expected[start + at] if start + at < size else ""
            if found != wanted and not (found == "" and wanted == "0"):
                findings.add(path.name, start + at + 2, "shadow_price", found, wanted)
    return RuleResult("contract_prices", size, Fraction(findings.count - before), path.name)


# -- run.json --------------------------------------------------------------------------------------------------
def figure_text(value: Figure) -> str:
    """A figure as run.json writes it."""
    return "null" if value is None else decimal_text(value)


def stated_text(value: Any) -> str:
    """A value of run.json, as it is written."""
    return "null" if value is None else (str(value) if is_number(value) else f"{value!r}, not a number")


def check_run(
    tally: Tally, bound: Bound, run: Mapping[str, Any], certificate: Mapping[str, Any], findings: Findings
) -> list[RuleResult]:
    """The KPIs, the value, the bounds and the gaps that run.json and certificate.json state."""
    figures = run.get("kpis")
    stated = figures if isinstance(figures, Mapping) else {}
    expected = expected_kpis(tally)
    results = [_figures("kpis", "run.json kpis", stated, expected, findings)]
    results.append(_figures("objective", "run.json", run, {"objective_value": tally.objective}, findings, only=True))
    value, size = tally.objective, max(abs(tally.objective), TINY)
    gap = None if bound.value is None else (bound.value - value) / size
    gaps: dict[str, Figure] = {"certified_bound": bound.value, "certified_gap": gap, **_engine_gaps(tally, run)}
    results.append(_figures("gaps", "run.json", run, gaps, findings, only=True))
    wanted = {"schema_version": "1", "sense": "max", "certified_bound": figure_text(bound.value)}
    found = {name: str(certificate.get(name)) for name in wanted}
    for name in wanted:
        if found[name] != wanted[name]:
            findings.add("certificate.json", None, name, found[name], wanted[name])
    wrong = sum(found[name] != wanted[name] for name in wanted)
    results.append(RuleResult("certificate", len(wanted), Fraction(wrong), "certificate.json"))
    return results


def _engine_gaps(tally: Tally, run: Mapping[str, Any]) -> dict[str, Figure]:
    """The gaps that follow from the bound that the engine claims; that bound itself is not proved."""
    claimed = run.get("best_bound")
    if not is_number(claimed):
        return {
            name: None for name in ("best_bound", "abs_gap", "rel_gap", "gap_over_controllable_cost") if name in run
        }
    gap = Fraction(str(claimed)) - tally.objective
    terms = tally.terms
    controllable = terms["shipping_cost"] + terms["handling_cost"] + terms["penalties"]
    figures: dict[str, Figure] = {
        "rel_gap": gap / max(abs(tally.objective), TINY),
        "abs_gap": gap,
        "gap_over_controllable_cost": gap / controllable if controllable else None,
    }
    return {name: figure for name, figure in figures.items() if name in run or name == "rel_gap"}


def _figures(
    rule: str,
    file: str,
    stated: Mapping[str, Any],
    expected: Mapping[str, Figure],
    findings: Findings,
    only: bool = False,
) -> RuleResult:
    """Each expected figure as it must be written; without ``only`` there may be no further ones."""
    before = findings.count
    for name, figure in expected.items():
        found = stated_text(stated[name]) if name in stated else "nothing"
        if found != figure_text(figure):
            findings.add(file, None, name, found, figure_text(figure))
    for name in stated if not only else ():
        if name not in expected:
            findings.add(file, None, name, stated_text(stated[name]), "no figure of this name")
    return RuleResult(rule, len(expected), Fraction(findings.count - before), file)


def check_stages(tally: Tally, bound: Bound, run: Mapping[str, Any], findings: Findings) -> list[RuleResult]:
    """The plan keeps every floor and stage as the certificate states it, and run.json states the same."""
    rows = bound.book.stages
    missing = Exact.of(row.sign * row.kept for row in rows) - stage_values(tally, rows)
    before = findings.count
    listed = [
        entry for entry in run.get("stages") or () if isinstance(entry, Mapping) and entry.get("kept") is not None
    ]
    if len(listed) != len(rows):
        findings.add("run.json", None, "stages", f"{len(listed)} rows", f"{len(rows)} rows")
    for entry, row in zip(listed, rows, strict=False):
        wanted = {"kpi": row.kpi, "sense": "max" if row.sign > 0 else "min", "kept": figure_text(row.kept),
                  "reached": figure_text(kpi_of(tally, row.kpi))}  # fmt: skip
        for name, text in wanted.items():
            if str(entry.get(name)) != text:
                findings.add("run.json stages", None, name, str(entry.get(name)), text)
    return [
        judge("objective_stage", missing, lambda at: rows[at].kpi),
        RuleResult("stages", len(rows), Fraction(findings.count - before), "run.json stages"),
    ]


def check_bound(tally: Tally, bound: Bound, parts: Attribution) -> list[RuleResult]:
    """The bound is not below the value, and their difference is the sum of its parts, none of them negative."""
    if bound.value is None:
        return [RuleResult("certified_bound", 1, Fraction(1), "the pins of an order allow no plan at all")]
    below = max(Fraction(0), tally.objective - bound.value)
    difference = abs(bound.value - tally.objective - parts.total)
    return [
        RuleResult("certified_bound", 1, below, "bound below value"),
        RuleResult("gap_attribution", 1, difference + max(Fraction(0), -parts.least), "sum of the parts"),
    ]
