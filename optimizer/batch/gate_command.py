"""What the command `allot gate` does: check, say it, write it, and choose the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from optimizer.batch.gate import Check, Outcome, gate
from optimizer.report import compare_words, jsonx, words
from optimizer.report.compare import table_of
from optimizer.report.compare_text import grid
from optimizer.report.compare_write import Findings, target_of, write_findings
from optimizer.tables.tables import Table

KIND = "gate"
COLUMNS = {
    "scenario": "text", "rule": "int", "kpi": "text", "bound": "text", "outcome": "text", "baseline": "decimal",
    "found": "decimal", "change": "decimal", "limit": "decimal", "low": "decimal", "high": "decimal",
    "certain": "text", "note": "text",
}  # fmt: skip


def run_gate(
    baselines: Path,
    *,
    scenarios: Path,
    rules: Path,
    observe: Callable[[str], None],
    settings: Sequence[str] = (),
    out: Path | None = None,
    keep: Path | None = None,
    as_json: bool = False,
) -> tuple[str, int]:
    """The verdict as text (or JSON) and the exit code, after its folder was written where ``out`` asks for one."""
    if out is not None:
        target_of(out, KIND)  # before anything is solved
    found = gate(baselines, scenarios, rules, settings=settings, keep=keep, observe=observe)
    if out is not None:
        write_findings(_findings(found), out)
    said = jsonx.dumps(facts(found)).rstrip() if as_json else text(found)
    return said, found.exit_code


def headline(found: Outcome) -> str:
    """How many checks failed."""
    failed = sum(not check.passed for check in found.checks)
    many = words.plural(len(found.checks), "check")
    return f"gate failed: {failed} of {many}" if failed else f"gate passed: {many}"


def text(found: Outcome) -> str:
    """Failed checks first, as a table: scenario, KPI, what is allowed, what was found."""
    rows = [["", "scenario", "rule", "kpi", "allowed", "baseline", "found", "change", "if optimal"]]
    for check in found.checks:
        rows.append(
            [check.outcome, check.scenario, str(check.rule), check.kpi, check.bound,
             *(compare_words.said(check.kpi, value, found.currency) for value in (check.baseline, check.found)),
             compare_words.difference_said(check.kpi, check.change, found.currency), _range(check, found.currency)]
        )  # fmt: skip
    notes = {f"  {check.scenario}, rule {check.rule}: {check.note}" for check in found.checks if check.note}
    return "\n".join([headline(found), *grid(rows, left=5), *sorted(notes)])


def _range(check: Check, currency: str) -> str:
    """Where what is judged lies if both runs are solved to their optima: a change, or for a plain bound the value."""
    if check.low is None or check.high is None:
        return "-"
    ends: list[Fraction] = [check.low, check.high]
    if check.bound.startswith("at "):
        return " to ".join(compare_words.said(check.kpi, end, currency) for end in ends)
    return " to ".join(compare_words.difference_said(check.kpi, end, currency) for end in ends)


def facts(found: Outcome) -> dict[str, Any]:
    """The verdict as JSON holds it."""
    return {
        "headline": headline(found),
        "passed": found.exit_code == 0,
        "notes": list(found.notes),
        "checks": [
            {name: getattr(check, name) for name in COLUMNS}
            for check in found.checks
        ],
    }  # fmt: skip


def _table(found: Outcome) -> Table:
    return table_of("checks", COLUMNS, [[getattr(check, name) for name in COLUMNS] for check in found.checks])


def _findings(found: Outcome) -> Findings:
    return Findings(
        kind=KIND,
        title="Gate",
        currency=found.currency,
        as_of=date.fromisoformat(found.as_of),
        lines=[headline(found), *found.notes],
        facts=facts(found),
        tables={"checks": _table(found)},
        page="",
    )
